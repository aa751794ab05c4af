"""random.safetensors: PyTorch's CPU streams. Key: <seed>.<call>, each made right after manual_seed(seed)."""
import torch

from .safetensors import save

SEEDS = [0, 123, 2**40 + 7]
# randn and normal_ fill 16 numbers at a time from 16 on, and draw pairs below that.
SIZES = [1, 5, 15, 16, 17, 40]


def calls():
    """Name and function of every draw."""
    for dtype in (torch.float32, torch.float64):
        kind = str(dtype).split(".")[1]
        for n in SIZES:
            yield f"rand.{n}.{kind}", lambda n=n, d=dtype: torch.rand(n, dtype=d)
            yield f"randn.{n}.{kind}", lambda n=n, d=dtype: torch.randn(n, dtype=d)
        yield f"uniform_.{kind}", lambda d=dtype: torch.empty(9, dtype=d).uniform_(-2, 3)
        yield f"normal_.{kind}", lambda d=dtype: torch.empty(9, dtype=d).normal_(1.5, 0.25)
        yield f"normal_.20.{kind}", lambda d=dtype: torch.empty(20, dtype=d).normal_(1.5, 0.25)
        yield f"bernoulli_.{kind}", lambda d=dtype: torch.empty(20, dtype=d).bernoulli_(0.3)
        yield f"exponential_.{kind}", lambda d=dtype: torch.empty(9, dtype=d).exponential_(1.5)
    yield "rand.float16", lambda: torch.rand(9, dtype=torch.float16)
    yield "rand.bfloat16", lambda: torch.rand(9, dtype=torch.bfloat16)
    yield "randint.10", lambda: torch.randint(10, (20,))
    yield "randint.negative", lambda: torch.randint(-5, 3, (20,))
    yield "randint.wide", lambda: torch.randint(-(2**40), 2**41, (20,))
    yield "randint.int32", lambda: torch.randint(0, 1000, (20,), dtype=torch.int32)
    for n in (1, 2, 10, 100):
        yield f"randperm.{n}", lambda n=n: torch.randperm(n)
    yield "bernoulli", lambda: torch.bernoulli(torch.linspace(0, 1, 20))
    yield "dropout", lambda: torch.dropout(torch.linspace(-1, 1, 40).reshape(4, 10), 0.3, True)
    weights = torch.tensor([[0.1, 0.5, 0.2, 0.2, 0.0], [3.0, 1.0, 0.0, 2.0, 1.0]])
    yield "multinomial.1", lambda: torch.multinomial(weights, 1)
    yield "multinomial.3", lambda: torch.multinomial(weights, 3)
    yield "multinomial.replacement", lambda: torch.multinomial(weights, 8, replacement=True)
    yield "multinomial.vector", lambda: torch.multinomial(weights[1], 4)
    # Several draws in a row: what one leaves behind decides the next (the kept half of a normal pair, 64-bit draws).
    yield "sequence", lambda: torch.cat([torch.randn(3), torch.rand(2), torch.randn(2), torch.randn(17), torch.rand(1)])
    yield "sequence.mixed", lambda: torch.cat(
        [torch.randint(100, (3,)).double(), torch.rand(2, dtype=torch.float64), torch.randperm(4).double()])
    yield "matrix", lambda: torch.randn(3, 7)


def write():
    tensors = {}
    for seed in SEEDS:
        for name, call in calls():
            torch.manual_seed(seed)
            tensors[f"{seed}.{name}"] = call()
    return save("random.safetensors", tensors)
