"""operations.safetensors: what PyTorch gives for every row of the operation table.

The rows, their inputs and their PyTorch expressions come from the program mote_op_table; the file's metadata keeps a
fingerprint of each case, by which the tests notice a row that is newer than its golden values.
"""
import json
import os
import pathlib
import subprocess
import sys

import torch

from .safetensors import DATA, save

PROGRAM = DATA.parent.parent / "build/debug/tests/op_table/mote_op_table"


def make_tensor(spec):
    dtype = getattr(torch, spec["dtype"])
    return torch.tensor(spec["values"], dtype=torch.float64).reshape(spec["shape"]).to(dtype)


def evaluate(expression, inputs):
    names = dict(zip("xyzw", inputs), torch=torch)
    result = eval(expression, names)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def expected(expression, inputs):
    """In float32 for 16-bit inputs, rounded once: PyTorch has few 16-bit operations on the CPU."""
    half = next((x.dtype for x in inputs if x.dtype in (torch.float16, torch.bfloat16)), None)
    if half is None:
        return evaluate(expression, inputs)
    outputs = evaluate(expression, [x.float() if x.dtype == half else x for x in inputs])
    return [y.to(half) if y.dtype == torch.float32 else y for y in outputs]


def write():
    program = pathlib.Path(os.environ.get("MOTE_OP_TABLE", PROGRAM))
    if not program.exists():
        sys.exit(f"generate.py: {program} is missing: build the target mote_op_table, or set MOTE_OP_TABLE")
    tensors, fingerprints, refused = {}, {}, []
    lines = subprocess.run([program, "cases"], check=True, capture_output=True, text=True).stdout.splitlines()
    for case in map(json.loads, lines):
        try:
            outputs = expected(case["torch"], [make_tensor(spec) for spec in case["inputs"]])
        except Exception as error:
            refused.append(f"{case['torch']} at {case['key']}: {str(error).splitlines()[0]}")
            continue
        for i, output in enumerate(outputs):
            tensors[f"{case['key']}/{i}"] = output
        fingerprints[case["key"]] = case["fingerprint"]
    if refused:
        sys.exit("generate.py: PyTorch refuses\n  " + "\n  ".join(refused))
    return save("operations.safetensors", tensors, fingerprints)
