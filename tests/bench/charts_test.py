#!/usr/bin/env python3
"""What bench/charts.py and bench/tables.py make of small result files. The pictures themselves are drawn where this
Python has matplotlib."""
import copy
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import charts  # noqa: E402
import tables  # noqa: E402


def summary(median):
    return {"median": median, "q1": median, "q3": median, "least": median}


def measurement(name, seconds, ratio=None, peak=None, share=0.5):
    result = {"name": name, "seconds": summary(seconds), "roofline": share, "rounds": 20, "repetitions": 1}
    if ratio is not None:
        result["ratio"] = summary(ratio)
    if peak is not None:
        result["memory"] = {"peak_bytes": peak, "allocations": 1}
    return result


def row(family, operation, measurements, flops=100.0, size=200.0):
    return {"name": f"{family}/{operation}/4/float32/cpu/forward", "family": family, "operation": operation,
            "shape": "4", "direction": "forward", "flops": flops, "bytes": size, "notes": [],
            "measurements": measurements}


def report(threads=2, seconds=1.0):
    return {"format": 1, "date": "2020-01-02T03:04:05Z", "commit": "0123456789ab",
            "machine": {"cpu": "A CPU", "gpu": "", "build": "Release", "compiler": "g++ 12.2.0"},
            "settings": {"threads": threads, "rounds": 20, "cold": False, "smoke": False},
            "roofline": {"bytes_per_second": 1e9, "flops_per_second": 1e9, "copy": "copy_", "product": "matmul"},
            "rows": [
                row("memory", "add", [measurement("mote", seconds), measurement("PyTorch 2", 3 * seconds, 3.0)],
                    flops=0.0),
                row("small_ops", "add", [measurement("mote", 4 * seconds, share=0.25)]),
                row("workloads", "step", [measurement("mote", seconds, peak=1 << 20),
                                          measurement("PyTorch 2 composed", seconds, 2.0, peak=4 << 20),
                                          measurement("PyTorch 2 SDPA", seconds, 1.5, peak=3 << 20)]),
                row("workloads", "wrong", [])]}


class Charts(unittest.TestCase):
    def test_roofline_has_rows_without_operations_and_the_share_of_the_rounds(self):
        points = charts.roofline_points(report(), "")
        self.assertEqual(points, {"memory": [(0.0, 0.5)], "small_ops": [(0.5, 0.25)], "workloads": [(0.5, 0.5)]})
        self.assertEqual(list(charts.roofline_points(report(), "^memory/")), ["memory"])

    def test_ratios_are_those_of_the_quickest_form(self):
        labels, bars = charts.ratio_bars(report(), "")
        self.assertEqual(labels, ["add 4", "step 4"])
        self.assertEqual(bars, {"PyTorch 2": [(0, 3.0), (1, 1.5)]})

    def test_rows_of_one_name_in_two_families_have_a_line_each(self):
        slow = report(1, 2.0)
        slow["rows"][1]["measurements"][0]["seconds"] = summary(4.0)
        threads, lines = charts.scaling_lines([report(2), slow], "add")
        self.assertEqual(threads, [1, 2])
        self.assertEqual(lines, {"memory: add 4": [1, 2], "small_ops: add 4": [1, 1]})

    def test_files_of_another_machine_or_commit_are_refused(self):
        for change in (lambda r: r["machine"].update(cpu="Another"), lambda r: r.update(commit="ba9876543210"),
                       lambda r: r["settings"].update(threads=2)):
            other = report(1)
            change(other)
            with self.assertRaises(SystemExit):
                charts.scaling_lines([report(2), other], "")

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib")
    def test_pictures(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for threads in (1, 2):
                files.append(Path(folder) / f"{threads}.json")
                files[-1].write_text(json.dumps(report(threads, 2.0 / threads)))
            subprocess.run([sys.executable, ROOT / "bench" / "charts.py", "--out", folder, *files], check=True,
                           stdout=subprocess.DEVNULL)
            for name, texts in (("roofline", ["memory", "workloads", "A CPU"]), ("ratios", ["PyTorch 2", "step 4"]),
                                ("scaling", ["small_ops: add 4", "ideal"])):
                picture = (Path(folder) / f"{name}.svg").read_text()
                for text in texts:
                    self.assertIn(text, picture)


class Tables(unittest.TestCase):
    def test_times(self):
        text = tables.table(report(), ".*")
        self.assertIn("| step 4 | 1 s | 50 % | 1.50 |", text)
        self.assertNotIn("wrong", text)

    def test_memory_is_of_the_workloads_and_of_the_form_that_needs_least(self):
        lines = tables.memory_table(report(), "workloads/.*").splitlines()
        self.assertIn("| step 4 | 1 MiB | 3.00 |", lines)
        self.assertEqual(len([line for line in lines if line.startswith("|")]), 3)

    def test_memory_that_was_not_counted_has_no_ratio(self):
        old = copy.deepcopy(report())
        old["rows"][2]["measurements"][0]["memory"]["peak_bytes"] = 0
        self.assertNotIn("3.00", tables.memory_table(old, "workloads/.*"))


if __name__ == "__main__":
    unittest.main()
