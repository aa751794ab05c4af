"""autocast.safetensors: operations under torch.autocast("cpu", dtype=torch.bfloat16).

`<operation>.float32` and `<operation>.bfloat16` are what the operation gives for floating-point operands of that dtype:
the dtype of the result is what matters, and the values besides. `x`, `y`, `matrix`, `weight`, `bias` and `target` are
the operands. `net.*` is a small network: its parameters in float32, its loss, and the gradients.
"""
import torch
import torch.nn.functional as F

from .modules import ramp
from .safetensors import save

OPERATIONS = {
    "matmul": lambda o: o.x @ o.matrix,
    "matmul_vector": lambda o: o.x @ o.y[0],
    "mm": lambda o: o.x.mm(o.matrix),
    "bmm": lambda o: o.x[None].bmm(o.matrix[None]),
    "addmm": lambda o: torch.addmm(o.bias, o.x, o.weight.t()),
    "linear": lambda o: F.linear(o.x, o.weight, o.bias),
    "linear_without_bias": lambda o: F.linear(o.x, o.weight),
    "mv": lambda o: o.x.mv(o.y[0]),
    "dot": lambda o: o.x[0].dot(o.y[0]),
    "outer": lambda o: o.x[0].outer(o.y[0]),
    "softmax": lambda o: o.x.softmax(-1),
    "softmax_float64": lambda o: o.x.softmax(-1, dtype=torch.float64),
    "log_softmax": lambda o: o.x.log_softmax(-1),
    "layer_norm": lambda o: F.layer_norm(o.x, (6,)),
    "cross_entropy": lambda o: F.cross_entropy(o.x, o.target),
    "nll_loss": lambda o: F.nll_loss(o.x, o.target),
    "mse_loss": lambda o: F.mse_loss(o.x, o.y),
    "l1_loss": lambda o: F.l1_loss(o.x, o.y),
    "binary_cross_entropy_with_logits": lambda o: F.binary_cross_entropy_with_logits(o.x, o.y.abs() / 2),
    "exp": lambda o: o.x.exp(),
    "expm1": lambda o: o.x.expm1(),
    "log": lambda o: o.y.abs().log(),
    "log1p": lambda o: o.y.abs().log1p(),
    "log2": lambda o: o.y.abs().log2(),
    "log10": lambda o: o.y.abs().log10(),
    "reciprocal": lambda o: o.y.reciprocal(),
    "rsqrt": lambda o: o.y.abs().rsqrt(),
    "tan": lambda o: o.x.tan(),
    "pow": lambda o: o.x.pow(2),
    "pow_tensors": lambda o: o.y.abs().pow(o.x),
    "pow_of_number": lambda o: 2.0**o.x,
    "square": lambda o: o.x.square(),
    "division_of_number": lambda o: 2.0 / o.y,
    "softplus": lambda o: F.softplus(o.x),
    "sum": lambda o: o.x.sum(),
    "sum_dim": lambda o: o.x.sum(0),
    "prod": lambda o: o.x.prod(),
    "prod_dim": lambda o: o.x.prod(0),
    "mean": lambda o: o.x.mean(),
    "norm": lambda o: o.x.norm(),
    "cumsum": lambda o: o.x.cumsum(0),
    "logsumexp": lambda o: o.x.logsumexp(0),
    "gelu": lambda o: F.gelu(o.x),
    "add": lambda o: o.x + o.y,
    "add_mixed": lambda o: o.x + o.wide,
    "cat_mixed": lambda o: torch.cat([o.x, o.wide]),
    "stack_mixed": lambda o: torch.stack([o.x, o.wide]),
    "addcmul_mixed": lambda o: o.x.addcmul(o.y, o.wide),
    "addcdiv_mixed": lambda o: o.x.addcdiv(o.y, o.wide),
    "atan2_mixed": lambda o: o.x.atan2(o.wide),
    "where_mixed": lambda o: torch.where(o.x > 0, o.x, o.wide),
    "matmul_float64": lambda o: o.x.double() @ o.matrix.double(),
    "exp_in_place": lambda o: o.x.clone().exp_(),
}


class Operands:
    def __init__(self, tensors, dtype):
        for name, value in tensors.items():
            setattr(self, name, value if name in ("target", "wide") else value.to(dtype))


def net(tensors):
    parameters = {"first": ramp(8, 6), "second": ramp(6, 8) * 0.5, "bias": ramp(6) * 0.1}
    for name, value in parameters.items():
        tensors[f"net.{name}"] = value
    first, second, bias = (value.clone().requires_grad_() for value in parameters.values())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = F.gelu(F.linear(tensors["x"], first))
        logits = F.linear(hidden, second, bias) + tensors["x"]
        loss = F.cross_entropy(logits, tensors["target"])
    loss.backward()
    tensors["net.loss"] = loss.detach()
    for name, value in zip(parameters, (first, second, bias)):
        tensors[f"net.grad.{name}"] = value.grad


def write():
    operands = {
        "x": ramp(4, 6),
        "y": ramp(4, 6).cos() + 0.1,
        "wide": ramp(4, 6) * 0.5 + 1.0,
        "matrix": ramp(6, 5),
        "weight": ramp(5, 6),
        "bias": ramp(5),
        "target": torch.tensor([0, 3, 5, 1]),
    }
    operands = {name: v if name == "target" else v.bfloat16().float() for name, v in operands.items()}
    tensors = dict(operands)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for name, operation in OPERATIONS.items():
                tensors[f"{name}.{str(dtype)[6:]}"] = operation(Operands(operands, dtype)).clone()
    net(tensors)
    return save("autocast.safetensors", tensors)
