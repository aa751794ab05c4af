#!/usr/bin/python3
"""Writes the golden files of the tests: what PyTorch gives for given seeds and inputs.

    tests/data/generate.py [random modules optimizers autocast gpt print operations]

Without arguments it writes all of them. `operations` asks the program mote_op_table for the rows of the operation
table (build/debug/tests/op_table/mote_op_table, or $MOTE_OP_TABLE), so that program has to be built first.
The committed files came from PyTorch 1.13 on one thread; every value is a pure function of this folder.
"""
import sys

import torch

from golden import autocast, gpt, modules, operations, optimizers, printing, random_streams

WRITERS = {
    "random": random_streams.write,
    "modules": modules.write,
    "optimizers": optimizers.write,
    "autocast": autocast.write,
    "gpt": gpt.write,
    "print": printing.write,
    "operations": operations.write,
}


def main():
    unknown = [name for name in sys.argv[1:] if name not in WRITERS]
    if unknown:
        sys.exit(f"generate.py: unknown golden {unknown[0]!r}; known are {', '.join(WRITERS)}")
    torch.set_num_threads(1)
    for name in sys.argv[1:] or WRITERS:
        path, count = WRITERS[name]()
        print(f"{path.name}: {count} tensors, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
