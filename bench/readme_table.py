#!/usr/bin/env python3
"""Writes the table of measurements in README.md from a result file, or checks that it is the file's.

    readme_table.py [--check]

The file is bench/results/cpu.json. Without it, README.md must have no table. The table stands between two comments, of
which the first names this script.
"""
import sys
from pathlib import Path

import results

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "cpu.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- table: bench/readme_table.py -->\n", "<!-- end of table -->\n"


def table(report):
    peers = [name for name in results.groups(report) if name.startswith(("PyTorch", "LibTorch"))]
    libraries = [name for name in results.groups(report) if name not in peers]
    machine, roofline = report["machine"], report["roofline"]
    lines = [
        f"{machine['cpu']}, {report['settings']['threads']} threads, {machine['compiler']}; medians of "
        f"{report['settings']['rounds']} rounds, {report['date'][:10]}, {report['commit']}. Copying reaches "
        f"{roofline['bytes_per_second'] / 1e9:.1f} GB/s, matrix products {roofline['flops_per_second'] / 1e9:.0f} "
        "GFLOP/s. The other columns are times by mote's: above 1, mote is faster. Of each PyTorch it is its quickest "
        "form, of the libraries the quickest.",
        "",
        "| | mote | of the roofline | " + " | ".join(peers + ["best library"]) + " |",
        "|---" * (len(peers) + 4) + "|",
    ]
    for row in results.timed(report):
        mote = results.measurement(row, results.MOTE)
        cells = [results.label(row), results.time_text(mote["seconds"]["median"])]
        cells.append(f"{100 * mote['roofline']:.0f} %" if mote["roofline"] else "")
        ratios = [results.best_ratio(row, name) for name in peers]
        of_libraries = [ratio for ratio in (results.best_ratio(row, name) for name in libraries) if ratio is not None]
        ratios.append(min(of_libraries, default=None))
        cells += ["" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    check = sys.argv[1:] == ["--check"]
    text = README.read_text(encoding="utf-8")
    begin, end = text.find(BEGIN), text.find(END)
    if not RESULT.exists():
        if begin >= 0:
            sys.exit(f"readme_table.py: README.md has a table, and there is no {RESULT.relative_to(ROOT)}")
        return
    if begin < 0 or end < begin:
        sys.exit(f"readme_table.py: README.md has no place for the table:\n{BEGIN}{END}")
    new = text[:begin + len(BEGIN)] + "\n" + table(results.load(RESULT)) + "\n" + text[end:]
    if check and new != text:
        sys.exit("readme_table.py: the table in README.md is not that of the result file; run bench/readme_table.py")
    if not check:
        README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
