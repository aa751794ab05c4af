"""Reading result files of mote_bench, for the scripts beside this one."""
import json
import re

MOTE = "mote"
FORMS = re.compile(r"^((?:PyTorch|LibTorch) \S+)(?: (.*))?$")


def load(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    if report.get("format") != 1:
        raise SystemExit(f"{path}: a result file of format {report.get('format')}, not 1")
    return report


def measurement(row, name):
    return next((m for m in row["measurements"] if m["name"] == name), None)


def timed(report):
    """The rows that were right, and so were timed."""
    return [row for row in report["rows"] if row["measurements"]]


def group(name):
    """"PyTorch 2.1.0" of "PyTorch 2.1.0 SDPA"."""
    match = FORMS.match(name)
    return match.group(1) if match else name


def groups(report):
    """Everybody but mote, in the order of appearance, forms of one PyTorch together."""
    names = [group(m["name"]) for row in timed(report) for m in row["measurements"] if m["name"] != MOTE]
    return list(dict.fromkeys(names))


def best_ratio(row, name):
    """The time of the quickest form of a group by mote's; None where the group took no part."""
    ratios = [m["ratio"]["median"] for m in row["measurements"] if m["name"] != MOTE and group(m["name"]) == name]
    return min(ratios) if ratios else None


def best_peak(row, name):
    """The least peak memory of the forms of a group, in bytes; None where it is not known, or was too little to be
    counted."""
    peaks = [m["memory"]["peak_bytes"] for m in row["measurements"] if group(m["name"]) == name and "memory" in m]
    return min(filter(None, peaks), default=None)


def bytes_text(size):
    for unit, amount in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= amount:
            return f"{size / amount:.3g} {unit}"
    return f"{size} B"


def time_text(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def label(row):
    direction = " + backward" if row["direction"] == "both" else ""
    return f"{row['operation']} {row['shape']}{direction}"
