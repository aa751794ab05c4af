#!/usr/bin/env python3
"""PyTorch as a peer of mote_bench: reads a request a line from standard input and writes an answer a line, as JSON.

    {"ask": "hello", "threads": 2, "device": "cpu"}   name and version
    {"ask": "prepare", "inputs": [["x", "torch.randn((4, ))"]], "leaves": ["x"], "setup": "", "run": "x + x",
     "release": "", "grad": false, "dtype": "float32", "seed": 1}   runs it once: number of the row,
                                                      checksum of its results
    {"ask": "time", "row": 0, "repetitions": 10, "warm_up": 1, "cold": false, "flush_bytes": 0}   seconds
    {"ask": "memory", "row": 0}                       bytes and blocks that one repetition allocates
    {"ask": "release"}                                forgets all rows

A request that cannot be met is answered with {"error": "..."}.
"""
import contextlib
import gc
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever else is printed is no answer

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_models  # noqa: E402

ELEMENTS, WEIGHTS = 65536, 7


def checksum(results):
    """As bench/harness/checksum.cpp."""
    sums = []
    for result in results:
        flat = result.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // ELEMENTS)].cpu().double()
        weights = (torch.arange(sample.numel()) % WEIGHTS + 1).double()
        sums += [(sample * weights).sum().item(), (sample.abs() * weights).sum().item()]
    return sums


class Row:
    """One row, ready to be timed."""

    def __init__(self, request, device):
        self.device = device
        self.names = {"torch": torch, "F": F, "models": torch_models, "device": device}
        torch.manual_seed(request["seed"])
        leaves = request["leaves"]
        for name, source in request["inputs"]:
            value = eval(source, self.names)
            if value.is_floating_point():
                value = value.to(getattr(torch, request["dtype"]))
            self.names[name] = value.to(device).requires_grad_(name in leaves)
        exec(request["setup"], self.names)
        statement = request["run"]
        self.release = request.get("release", "")  # lets go of what a repetition leaves to the next one
        self.grad = bool(leaves) or request["grad"]
        if leaves:
            output = eval(statement, self.names)
            self.names["direction"] = torch.randn(output.shape).to(output.dtype).to(device)
            results = [output, *torch.autograd.grad(output, [self.names[n] for n in leaves], self.names["direction"])]
            statement = f"torch.autograd.grad({statement}, [{', '.join(leaves)}], direction)"
        else:
            with torch.set_grad_enabled(self.grad):
                results = eval(statement, self.names)
            results = list(results) if isinstance(results, (list, tuple)) else [results]
        self.checksum = checksum([r for r in results if isinstance(r, torch.Tensor)])
        del results
        exec(f"def loop(repetitions):\n    for _ in range(repetitions):\n        {statement}", self.names)

    def run(self, repetitions):
        with torch.set_grad_enabled(self.grad):
            self.names["loop"](repetitions)
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def build():
    """What decides about its speed: the mathematics library and the instruction set that it takes."""
    wanted = ("Math Kernel Library", "MKL-DNN", "CPU capability", "BLAS_INFO")
    parts = [part.strip("- ") for line in torch.__config__.show().splitlines() for part in line.split(", ")]
    return "; ".join(part.split(": ")[-1] for part in parts if any(word in part for word in wanted))


class Peer:
    def __init__(self):
        self.rows = []
        self.device = "cpu"
        self.flushed = None

    def hello(self, request):
        torch.set_num_threads(request["threads"])
        self.device = request["device"]
        torch.zeros(1, device=self.device)
        return {"name": "PyTorch", "version": torch.__version__.split("+")[0], "build": build()}

    def prepare(self, request):
        row = Row(request, self.device)
        self.rows.append(row)
        return {"row": len(self.rows) - 1, "checksum": row.checksum}

    def time(self, request):
        repetitions, run = request["repetitions"], self.rows[request["row"]].run
        if request["warm_up"]:
            run(request["warm_up"])
        if not request["cold"]:
            start = time.perf_counter()
            run(repetitions)
            return {"seconds": time.perf_counter() - start}
        if self.flushed is None:
            self.flushed = torch.zeros(request["flush_bytes"], dtype=torch.uint8)
        seconds = 0.0
        for _ in range(repetitions):
            self.flushed.add_(1)
            start = time.perf_counter()
            run(1)
            seconds += time.perf_counter() - start
        return {"seconds": seconds}

    def memory(self, request):
        """From the events of PyTorch's profiler: what was live at the most, above what was live before."""
        row = self.rows[request["row"]]
        run = row.run
        run(1)
        # The profiler does not tell when a block is freed that is older than itself.
        exec(row.release, row.names)
        with silence(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            run(1)
        events = memory_events(profile)
        live = peak = 0
        for _, size in sorted(events, key=lambda event: event[0]):
            live += size
            peak = max(peak, live)
        return {"peak_bytes": peak, "allocations": sum(size > 0 for _, size in events)}

    def release(self, request):
        self.rows.clear()
        gc.collect()
        return {}


@contextlib.contextmanager
def silence():
    """PyTorch's profiler tells the terminal when it begins and ends."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def memory_events(profile):
    """(time, bytes) of each allocation, and with a negative size of each block that was freed."""
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    return [(e.start_ns() if hasattr(e, "start_ns") else e.start_us(), e.nbytes()) for e in events]


def main():
    peer = Peer()
    gc.disable()  # it would run in the middle of a round
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(peer, request["ask"])(request)
        except Exception as error:  # of any kind: the row is not measured, the bench goes on
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
