#!/usr/bin/env python3
"""Draws result files of mote_bench as SVG pictures, with matplotlib.

    charts.py [--out DIR] [--filter REGEX] RESULT...

From the first file: roofline.svg, where mote's rows stand below what the machine allows, and ratios.svg, the time of each
peer by mote's. From several files with different numbers of threads also scaling.svg, the speed-up over the fewest.
"""
import argparse
import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

import results  # noqa: E402


def chosen(report, pattern):
    return [row for row in results.timed(report) if re.search(pattern, row["name"])]


def save(figure, path):
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    print(path)


def caption(report):
    return f"{report['machine']['cpu']}, {report['settings']['threads']} threads, {report['date'][:10]}"


def draw_roofline(report, pattern, path):
    rows = [row for row in chosen(report, pattern) if row["flops"] > 0 and row["bytes"] > 0]
    if not rows:
        return
    bandwidth, peak = (report["roofline"][key] for key in ("bytes_per_second", "flops_per_second"))
    figure, axes = plt.subplots(figsize=(9, 6))
    intensities = [row["flops"] / row["bytes"] for row in rows]
    span = (min(intensities + [0.05]) / 2, max(intensities + [2 * peak / bandwidth]) * 2)
    ridge = peak / bandwidth
    axes.plot([span[0], ridge, span[1]], [span[0] * bandwidth / 1e9, peak / 1e9, peak / 1e9], color="black")
    families = sorted({row["family"] for row in rows})
    for family in families:
        points = [(i, row) for i, row in zip(intensities, rows) if row["family"] == family]
        speeds = [results.measurement(row, results.MOTE)["flops_per_second"] / 1e9 for _, row in points]
        axes.plot([i for i, _ in points], speeds, "o", label=family, alpha=0.8)
    axes.set(xscale="log", yscale="log", xlim=span, xlabel="floating-point operations a byte", ylabel="GFLOP/s",
             title=caption(report))
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    save(figure, path)


def draw_ratios(report, pattern, path):
    rows = chosen(report, pattern)
    names = results.groups(report)
    rows = [row for row in rows if any(results.best_ratio(row, name) is not None for name in names)]
    if not rows:
        return
    figure, axes = plt.subplots(figsize=(9, 1 + 0.12 * len(rows) * (len(names) + 1)))
    height = 0.8 / len(names)
    for index, name in enumerate(names):
        bars = [(y + index * height, results.best_ratio(row, name)) for y, row in enumerate(rows)]
        bars = [(y, ratio) for y, ratio in bars if ratio is not None]
        axes.barh([y for y, _ in bars], [ratio - 1 for _, ratio in bars], height, left=1, label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([y + 0.4 - height / 2 for y in range(len(rows))])
    axes.set_yticklabels([results.label(row) for row in rows], fontsize="x-small")
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="time by mote's; right of 1 mote is faster", title=caption(report))
    axes.legend(fontsize="small")
    axes.grid(axis="x", alpha=0.3)
    save(figure, path)


def draw_scaling(reports, pattern, path):
    by_threads = {report["settings"]["threads"]: report for report in reports}
    if len(by_threads) < 2:
        return
    threads = sorted(by_threads)
    times = {}
    for count in threads:
        for row in chosen(by_threads[count], pattern):
            seconds = results.measurement(row, results.MOTE)["seconds"]["median"]
            times.setdefault(results.label(row), {})[count] = seconds
    figure, axes = plt.subplots(figsize=(9, 6))
    for name, seconds in times.items():
        if len(seconds) == len(threads):
            axes.plot(threads, [seconds[threads[0]] / seconds[count] for count in threads], "o-", label=name)
    axes.plot(threads, [count / threads[0] for count in threads], "--", color="black", label="ideal")
    axes.set(xlabel="threads", ylabel=f"speed-up over {threads[0]}", xticks=threads, title=caption(reports[0]))
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
