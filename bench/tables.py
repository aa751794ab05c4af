#!/usr/bin/env python3
"""Writes the tables of measurements in the documents from a result file, or checks that they are the file's.

    tables.py [--check]

The file is bench/results/cpu.json. README.md has the rows named below, docs/measurements.md all of the file, and a
table of the memory of the workloads. A table stands between two comments, of which the first names this script. Without
the file there must be no table.
"""
import re
import sys
from pathlib import Path

import results

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "cpu.json"
TIMES, MEMORY = "<!-- table: bench/tables.py -->\n", "<!-- table: bench/tables.py, memory -->\n"
END = "<!-- end of table -->\n"

# What a reader of the README looks for first: regular expressions of whole row names, without dtype and device.
README_ROWS = [
    r"small_ops/add/.*",
    r"small_ops/add_chain/.*",
    r"memory/transpose_copy/.*",
    r"pointwise/gelu_(erf|tanh)/.*/both",
    r"softmax/masked_softmax_causal/.*/both",
    r"normalization/layer_norm/.*/both",
    r"loss/cross_entropy/.*/both",
    r"attention/(causal|padding)/.*",
    r"matmul/(square/1024x.*|linear_dw/3072x.*|skinny/1x.*)",
    r"optimizer/adamw/.*in100/.*",
    r"workloads/.*",
]


def name_of(row):
    return "/".join((row["family"], row["operation"], row["shape"], row["direction"]))


def introduction(report):
    machine, roofline, settings = report["machine"], report["roofline"], report["settings"]
    return (f"{machine['cpu']}, {settings['threads']} threads, {machine['compiler']}; medians of {settings['rounds']} "
            f"rounds, {report['date'][:10]}, {report['commit']}. Copying reaches "
            f"{roofline['bytes_per_second'] / 1e9:.1f} GB/s, matrix products "
            f"{roofline['flops_per_second'] / 1e9:.0f} GFLOP/s. The columns of others are their time by mote's: above "
            "1, mote is quicker. Of each PyTorch it is its quickest form, of the libraries the quickest.")


def cells_of(row, peers, libraries):
    mote = results.measurement(row, results.MOTE)
    ratios = [results.best_ratio(row, name) for name in peers]
    ratios.append(min(filter(None, (results.best_ratio(row, name) for name in libraries)), default=None))
    share = f"{100 * mote['roofline']:.0f} %" if mote["roofline"] else ""
    return [results.label(row), results.time_text(mote["seconds"]["median"]), share,
            *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)]


def table(report, chosen):
    rows = [row for row in results.timed(report) if re.fullmatch(chosen, name_of(row))]
    peers = [name for name in results.groups(report) if name.startswith(("PyTorch", "LibTorch"))]
    libraries = [name for name in results.groups(report) if name not in peers]
    header = ["", "mote", "of the roofline", *peers, "best library"]
    cells = [header, ["---"] * len(header), *(cells_of(row, peers, libraries) for row in rows)]
    # A library that takes part in none of the rows has no column.
    kept = [i for i in range(len(header)) if i < 2 or any(line[i] for line in cells[2:])]
    return introduction(report) + "\n\n" + markdown([[line[i] for i in kept] for line in cells])


def markdown(cells):
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def memory_table(report, chosen):
    """Peaks of one repetition, above what was live before: mote's, and those of each PyTorch by mote's."""
    rows = [row for row in results.timed(report) if re.fullmatch(chosen, name_of(row))]
    peers = [name for name in results.groups(report)
             if name.startswith("PyTorch") and any(results.best_peak(row, name) for row in rows)]
    cells = [["", "mote", *peers], ["---"] * (2 + len(peers))]
    for row in rows:
        mote = results.best_peak(row, results.MOTE)
        peaks = [results.best_peak(row, name) for name in peers]
        cells.append([results.label(row), results.bytes_text(mote) if mote else "",
                      *(f"{peak / mote:.2f}" if mote and peak else "" for peak in peaks)])
    return markdown(cells)


# Document, comment before the table, what makes the table, and of which rows.
TABLES = [("README.md", TIMES, table, "|".join(README_ROWS)), ("docs/measurements.md", TIMES, table, ".*"),
          ("docs/measurements.md", MEMORY, memory_table, "workloads/.*")]


def update(name, begin_comment, make, chosen, check):
    document = ROOT / name
    text = document.read_text(encoding="utf-8")
    begin = text.find(begin_comment)
    end = text.find(END, max(begin, 0))
    if not RESULT.exists():
        if begin >= 0:
            sys.exit(f"tables.py: {name} has a table, and there is no {RESULT.relative_to(ROOT)}")
        return
    if begin < 0 or end < begin:
        sys.exit(f"tables.py: {name} has no place for the table:\n{begin_comment}{END}")
    new = text[:begin + len(begin_comment)] + "\n" + make(results.load(RESULT), chosen) + "\n" + text[end:]
    if check and new != text:
        sys.exit(f"tables.py: the table in {name} is not that of the result file; run bench/tables.py")
    if not check:
        document.write_text(new, encoding="utf-8")


def main():
    for place in TABLES:
        update(*place, sys.argv[1:] == ["--check"])


if __name__ == "__main__":
    main()
