#!/usr/bin/env python3
"""Writes docs/kernels.md from what the CUDA compiler reported about each kernel, or checks it.

    kernel_table.py [--check] [BUILD]

BUILD (build/cuda) is a build with MOTE_CUDA_REPORT=ON for sm_80 and sm_90a, as the preset "cuda" makes it; its kernels
must be compiled. Fails if an attention kernel at head size 64 or 128 spills registers. With --check nothing is written.
"""
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = ("sm_80", "sm_90a")
LISTED = 6  # families with more instances are one line, unless they are attention
CHECKED_HEAD_SIZES = (64, 128)
# As the kernels' authors would write them.
SHORTER = (
    (r"\(anonymous namespace\)::|mote::cuda::|mote::functor::|mote::|std::|\(mote::\w+\)", ""),
    (r"\bunsigned char\b", "uint8_t"), (r"\bunsigned short\b", "uint16_t"), (r"\bunsigned int\b", "uint32_t"),
    (r"\bunsigned long\b", "uint64_t"), (r"\blong\b", "int64_t"), (r"> >", ">>"),
)


def kernels_in(text):
    """{mangled name: {architecture: (registers, shared bytes, spill store bytes, spill load bytes)}}."""
    found = defaultdict(dict)
    entry = re.compile(r"Compiling entry function '(\S+)' for '(\S+)'")
    spills = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
    used = re.compile(r"Used (\d+) registers")
    name = arch = stores = loads = None
    for line in text.splitlines():
        if match := entry.search(line):
            name, arch = match.groups()
        elif match := spills.search(line):
            stores, loads = map(int, match.groups())
        elif (match := used.search(line)) and name:
            shared = re.search(r"(\d+) bytes smem", line)
            found[name][arch] = (int(match.group(1)), int(shared.group(1)) if shared else 0, stores, loads)
            name = None
    return found


def demangled(names):
    """The kernels' names with template arguments, without parameters and namespaces."""
    lines = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    result = []
    for line in lines.splitlines():
        for pattern, shorter in SHORTER:
            line = re.sub(pattern, shorter, line)
        line = line.removeprefix("void ")
        depth = 0
        for at, character in enumerate(line):
            depth += {"<": 1, ">": -1}.get(character, 0)
            if character == "(" and depth == 0:
                line = line[:at]
                break
        result.append(line)
    return result


def head_size(name):
    """Of the tile that an attention kernel works with; None where it takes any."""
    match = re.search(r"Tile<\w+, (\d+)", name)
    return int(match.group(1)) if match else None


def weight(use):
    """Orders instances: spills before registers."""
    return max((u[2] + u[3], u[0], u[1]) for u in use.values())


def check_attention(files):
    """Attention kernels at the checked head sizes that spill."""
    attention = [kernel for file, kernels in files.items() if file.startswith("attention") for kernel in kernels]
    for size in CHECKED_HEAD_SIZES:
        if not any(head_size(name) == size for name, _ in attention):
            sys.exit(f"kernel_table.py: found no attention kernel for head size {size}; have their names changed?")
    return [name for name, use in attention if head_size(name) in (None, *CHECKED_HEAD_SIZES) and weight(use)[0] > 0]


def row(label, use):
    cells = [str(use[a][0]) for a in ARCHITECTURES]
    cells.append(" / ".join(dict.fromkeys(str(use[a][1]) for a in ARCHITECTURES)))
    cells += [f"{use[a][2]} + {use[a][3]}" if use[a][2] + use[a][3] else "0" for a in ARCHITECTURES]
    return f"| {label} | " + " | ".join(cells) + " |"


HEAD = """| Kernel | Registers {0} | Registers {1} | Shared bytes | Spilled bytes {0} | Spilled bytes {1} |
|---|--:|--:|--:|--:|--:|""".format(*ARCHITECTURES)


def table(file, kernels):
    families = defaultdict(list)
    for name, use in kernels:
        families[name.partition("<")[0]].append((name, use))
    lines = [HEAD]
    for family, instances in sorted(families.items()):
        instances.sort(key=lambda i: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", i[0])])
        if len(instances) <= LISTED or file.startswith("attention"):
            lines += [row(f"`{name}`", use) for name, use in instances]
        else:
            name, use = max(instances, key=lambda i: weight(i[1]))
            lines.append(row(f"{len(instances)} of `{family}`, the largest `{name}`", use))
    return "\n".join(lines)


def page(files, version):
    every = [(name, use) for kernels in files.values() for name, use in kernels]
    spilling = sorted((e for e in every if weight(e[1])[0] > 0), key=lambda e: (-weight(e[1])[0], e[0]))
    said = f"{len(spilling)} of them spill:\n\n{HEAD}\n" + "\n".join(row(f"`{n}`", u) for n, u in spilling)
    parts = [f"""# What the kernels take

Made by `./dev docs` from the report of the CUDA compiler ({version}): registers of a thread, static shared memory of
a block, and bytes that a thread spills, stores + loads. Dynamic shared memory, in which attention's tiles lie, is
chosen when a kernel is started and is not in it. A kernel with more than {LISTED} instances has one line, for the
instance that spills most, or else has most registers; those of attention are all there. The first number of an
attention tile is its head size. No attention kernel at head size 64 or 128 may spill: `docs/kernel_table.py --check`
fails if one does.

{len(every)} kernels, each compiled for {" and ".join(ARCHITECTURES)}. {said if spilling else "None of them spills."}
"""]
    parts += [f"## {file}\n\n{table(file, kernels)}\n" for file, kernels in sorted(files.items())]
    return "\n".join(parts)


def read_reports(build):
    """{file: [(kernel, what it takes)]} of all kernel files."""
    files = {}
    for source in sorted((ROOT / "cuda/src/kernels").glob("*.cu")):
        log = build / f"CMakeFiles/mote.dir/cuda/src/kernels/{source.name}.o.resources"
        if not log.exists():
            sys.exit(f"kernel_table.py: there is no {log}; build the preset \"cuda\" first")
        found = kernels_in(log.read_text())
        if any(set(use) != set(ARCHITECTURES) for use in found.values()):
            sys.exit(f"kernel_table.py: {source.name} is not compiled for {' and '.join(ARCHITECTURES)}")
        if found:
            files[source.name] = list(zip(demangled(found), found.values()))
    return files


def compiler(build):
    found = next(build.glob("CMakeFiles/*/CMakeCUDACompiler.cmake")).read_text()
    return "nvcc " + re.search(r'CMAKE_CUDA_COMPILER_VERSION "([\d.]+)"', found).group(1)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    build = Path(arguments[0]).resolve() if arguments else ROOT / "build/cuda"
    files = read_reports(build)
    spilling = check_attention(files)
    if "--check" not in sys.argv:
        (ROOT / "docs/kernels.md").write_text(page(files, compiler(build)))
    if spilling:
        sys.exit("attention kernels that spill:\n  " + "\n  ".join(spilling))
    print(sum(map(len, files.values())), "kernels; no attention kernel at head size 64 or 128 spills")


if __name__ == "__main__":
    main()
