#!/usr/bin/env python3
"""Draws result files of mote_bench as SVG pictures, with matplotlib.

    charts.py [--out DIR] [--filter REGEX] RESULT...

From the first file: roofline.svg, how much of what the machine allows each row of mote's reaches, over the
floating-point operations a byte; and ratios.svg, the time of each peer by mote's. From several files of one machine and
one commit, with different numbers of threads, also scaling.svg, the speed-up over the fewest.
"""
import argparse
import re
from pathlib import Path

import results


def chosen(report, pattern):
    return [row for row in results.timed(report) if re.search(pattern, row["name"])]


def roofline_points(report, pattern):
    """Of each family (intensity, share): operations a byte, 0 for what only moves memory, and the share of the roofline
    that was measured in the rounds of the row. Rows that state no costs have none."""
    points = {}
    for row in chosen(report, pattern):
        share = results.measurement(row, results.MOTE)["roofline"]
        if share > 0:
            intensity = row["flops"] / row["bytes"] if row["bytes"] > 0 else float("inf")
            points.setdefault(row["family"], []).append((intensity, share))
    return points


def ratio_bars(report, pattern):
    """The labels of the rows that have peers, and for each peer (index of the row, ratio)."""
    names = results.groups(report)
    rows = [row for row in chosen(report, pattern) if any(results.best_ratio(row, name) is not None for name in names)]
    bars = {name: [(i, results.best_ratio(row, name)) for i, row in enumerate(rows)
                   if results.best_ratio(row, name) is not None] for name in names}
    return [results.label(row) for row in rows], {name: pairs for name, pairs in bars.items() if pairs}


def origin(report):
    machine = report["machine"]
    return {"machine": machine["cpu"], "GPU": machine["gpu"], "build": machine["build"],
            "compiler": machine["compiler"], "commit": report["commit"], "cold caches": report["settings"]["cold"]}


def scaling_lines(reports, pattern):
    """The numbers of threads, and of each row that all files have its speed-ups over the fewest."""
    first = origin(reports[0])
    by_threads = {}
    for report in reports:
        for key, value in origin(report).items():
            if value != first[key]:
                raise SystemExit(f"charts.py: files of different origin: {key} {first[key]!r} and {value!r}")
        if by_threads.setdefault(report["settings"]["threads"], report) is not report:
            raise SystemExit(f"charts.py: two files with {report['settings']['threads']} threads")
    threads = sorted(by_threads)
    times = {}
    for count in threads:
        for row in chosen(by_threads[count], pattern):
            seconds = results.measurement(row, results.MOTE)["seconds"]["median"]
            times.setdefault(f"{row['family']}: {results.label(row)}", {})[count] = seconds
    return threads, {name: [seconds[threads[0]] / seconds[count] for count in threads]
                     for name, seconds in times.items() if len(seconds) == len(threads)}


def new_figure(**options):
    import matplotlib  # here, so that what is drawn can be tested without it
    matplotlib.use("svg")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    import matplotlib.pyplot
    return matplotlib.pyplot.subplots(**options)


def save(figure, path):
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    print(path)


def caption(report):
    return f"{report['machine']['cpu']}, {report['settings']['threads']} threads, {report['date'][:10]}"


def draw_roofline(report, pattern, path):
    points = roofline_points(report, pattern)
    if not points:
        return
    figure, axes = new_figure(figsize=(9, 6))
    known = [i for pairs in points.values() for i, _ in pairs if 0 < i < float("inf")] or [1.0]
    left, right = min(known) / 4, max(known) * 4  # where rows without operations, or without bytes, are put
    for family in sorted(points):
        intensities = [min(max(i, left), right) for i, _ in points[family]]
        axes.plot(intensities, [100 * share for _, share in points[family]], "o", label=family, alpha=0.8)
    axes.axhline(100, color="black", linewidth=1)
    axes.axvline(2 * left, color="gray", linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="floating-point operations a byte (left of the dotted line: none)",
             ylabel="% of the roofline of the row's rounds", title=caption(report))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    save(figure, path)


def draw_ratios(report, pattern, path):
    labels, bars = ratio_bars(report, pattern)
    if not labels:
        return
    figure, axes = new_figure(figsize=(9, 1 + 0.12 * len(labels) * (len(bars) + 1)))
    height = 0.8 / len(bars)
    for index, (name, pairs) in enumerate(bars.items()):
        axes.barh([y + index * height for y, _ in pairs], [ratio - 1 for _, ratio in pairs], height, left=1, label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([y + 0.4 - height / 2 for y in range(len(labels))])
    axes.set_yticklabels(labels, fontsize="x-small")
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="time by mote's; right of 1 mote is faster", title=caption(report))
    axes.legend(fontsize="small")
    axes.grid(axis="x", alpha=0.3)
    save(figure, path)


def draw_scaling(reports, pattern, path):
    if len(reports) < 2:
        return
    threads, lines = scaling_lines(reports, pattern)
    figure, axes = new_figure(figsize=(9, 6))
    for name, speed_ups in lines.items():
        axes.plot(threads, speed_ups, "o-", label=name)
    axes.plot(threads, [count / threads[0] for count in threads], "--", color="black", label="ideal")
    machine = reports[0]["machine"]["cpu"]
    axes.set(xlabel="threads", ylabel=f"speed-up over {threads[0]}", xticks=threads, title=machine)
    axes.legend(fontsize="xx-small", loc="center left", bbox_to_anchor=(1, 0.5))
    axes.grid(alpha=0.3)
    save(figure, path)


def main():
    parser = argparse.ArgumentParser(description="Draws result files of mote_bench as SVG pictures.")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder of the pictures")
    parser.add_argument("--filter", default="", help="a regular expression of the rows' names")
    parser.add_argument("files", nargs="+", metavar="RESULT")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    reports = [results.load(file) for file in arguments.files]
    draw_roofline(reports[0], arguments.filter, arguments.out / "roofline.svg")
    draw_ratios(reports[0], arguments.filter, arguments.out / "ratios.svg")
    draw_scaling(reports, arguments.filter, arguments.out / "scaling.svg")


if __name__ == "__main__":
    main()
