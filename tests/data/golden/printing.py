"""print.safetensors: tensors, and in its metadata the text that PyTorch prints for each.

The texts differ from PyTorch's own in one thing: dtypes are spelled float64 instead of torch.float64.
"""
import torch
from torch._tensor_str import _add_suffixes, _tensor_str

from .safetensors import NAMES, save

PREFIX = "tensor("


def text_of(x):
    suffixes = []
    if x.numel() == 0:
        if x.dim() != 1:
            suffixes.append(f"size={tuple(x.shape)}")
        if x.dtype != torch.float32:
            suffixes.append(f"dtype={str(x.dtype)[6:]}")
    elif x.dtype not in (torch.float32, torch.int64, torch.bool):
        suffixes.append(f"dtype={str(x.dtype)[6:]}")
    values = "[]" if x.numel() == 0 else _tensor_str(x, len(PREFIX))
    return _add_suffixes(PREFIX + values, suffixes, len(PREFIX), False)


def cases():
    inf, nan = float("inf"), float("nan")
    lists = [
        1.5, 0.0, -0.0, -7.0, 1e10, 1e-10, inf, -inf, nan, [1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], [0.1, 0.25, -3.0],
        [1.0, inf], [1.0, -inf, nan], [0.5, inf, -inf, nan], [inf, nan], [0.0, 0.0], [0.0, -0.0, 1.0], [-0.0, 0.5],
        [1.0, 1000.0], [1.0, 1001.0], [1.5, 1000.0], [1.5, 1500.0], [1.5, 1500.5], [0.001, 0.9999], [0.001, 1.0001],
        [1e-4, 0.05], [9.9e-5, 0.05], [1e-5], [1.23456e-5, 1.0], [1e8], [1e8 + 8], [1.1e8], [99999999.0, 5e7],
        [123456.789], [0.99995, 0.00014], [0.99994999], [2.5, 3.5, 4.5], [0.00005, 0.00015, 0.00025], [1e38, 1e-38],
        [-1.0, -20.0, 300.0], [-1.5, -20.25, 300.125], [1e20, 3e20], [1e20, -3e20, nan], [5e-324], [-0.5],
        [0, 1, 2], [-1, 10, -100], [[1, -2], [300, 4]], 5, -123456789012345678, [9223372036854775807], True, False,
        [True, False], [[True], [False]], [False, False],
    ]
    for values in lists:
        yield torch.tensor(values)
        if isinstance(values, float) or (isinstance(values, list) and torch.tensor(values).is_floating_point()):
            yield torch.tensor(values, dtype=torch.float64)
            yield torch.tensor(values, dtype=torch.float16)
            yield torch.tensor(values, dtype=torch.bfloat16)
        elif not torch.tensor(values).dtype == torch.bool and abs(torch.tensor(values).flatten()[0]) < 100:
            yield torch.tensor(values, dtype=torch.int32)
            yield torch.tensor(values).abs().clamp(max=255).to(torch.uint8)
    for dtype in NAMES:
        for shape in [(0,), (0, 3), (2, 0), (2, 0, 4), (1,), (1, 1), (1, 1, 1)]:
            yield torch.ones(shape, dtype=dtype)
    torch.manual_seed(0)
    shapes = [(3,), (5, 4), (2, 3, 4), (2, 2, 2, 2), (1, 3, 1, 2, 1), (20,), (100,), (3, 30), (2, 2, 17), (1001,),
              (7, 143), (6, 6, 40), (3, 7, 50), (8, 2, 8, 2, 8), (334, 3), (1, 1, 1, 1, 1, 1, 1, 9)]
    for shape in shapes:
        yield torch.randn(shape)
        yield (torch.randn(shape) * 1000).half()
        yield torch.randn(shape).exp().pow(4)
        yield (torch.randn(shape) * 10).round()
        yield torch.randint(-1000, 1000, shape, dtype=torch.int32)
        yield torch.rand(shape) > 0.5
        yield torch.randint(0, 256, shape, dtype=torch.uint8)
        special = torch.randn(shape)
        special[torch.rand(shape) > 0.7] = inf
        special[torch.rand(shape) > 0.8] = nan
        special[torch.rand(shape) > 0.8] = 0.0
        yield special
    for shape in [(999,), (1000,), (6, 166), (40, 40), (2000, 1), (1, 2000), (7, 7, 7, 7), (1000, 0)]:
        yield torch.rand(shape, dtype=torch.float32)
        yield torch.randint(0, 256, shape, dtype=torch.uint8)
    yield torch.arange(2000)
    yield torch.arange(1600, dtype=torch.int32).view(40, 40)
    yield torch.arange(2401.0).view(7, 7, 7, 7) / 3


def write():
    tensors = {f"{i:04d}": x for i, x in enumerate(cases())}
    return save("print.safetensors", tensors, {name: text_of(x) for name, x in tensors.items()})
