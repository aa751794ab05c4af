"""modules.safetensors: default-initialised layers, their outputs and their gradients.

For each case, after manual_seed(42) and construction: <case>.state.<name> is the state dict as constructed,
<case>.input the input, <case>.output what forward gives in training mode, <case>.grad.<parameter> and
<case>.grad.input the gradients of sum(output * <case>.direction).
"""
import torch
from torch import nn

from .safetensors import save


def ramp(*shape):
    """A fixed input that is no draw of the generator."""
    n = 1
    for size in shape:
        n *= size
    return (torch.sin(torch.arange(n, dtype=torch.float32) * 0.7) * 1.5).reshape(shape)


def record(tensors, case, module, inputs, forward=None):
    for name, value in module.state_dict().items():
        tensors[f"{case}.state.{name}"] = value.clone()
    tensors[f"{case}.input"] = inputs.clone()
    if inputs.is_floating_point():
        inputs = inputs.clone().requires_grad_()
    output = (forward or module)(inputs)
    direction = ramp(*output.shape).cos()
    (output * direction).sum().backward()
    tensors[f"{case}.output"] = output.detach()
    tensors[f"{case}.direction"] = direction
    if inputs.grad is not None:
        tensors[f"{case}.grad.input"] = inputs.grad
    for name, parameter in module.named_parameters():
        tensors[f"{case}.grad.{name}"] = parameter.grad


def seeded(make):
    torch.manual_seed(42)
    return make()


def batch_norm(tensors):
    """Two batches in training mode, then evaluation: the buffers after each step and every output."""
    module = seeded(lambda: nn.BatchNorm1d(4))
    record(tensors, "batch_norm", module, ramp(6, 4))
    for name, value in module.state_dict().items():
        tensors[f"batch_norm.after_1.{name}"] = value.clone()
    tensors["batch_norm.input_2"] = ramp(5, 4, 3) * 2 + 1
    tensors["batch_norm.output_2"] = module(tensors["batch_norm.input_2"])
    for name, value in module.state_dict().items():
        tensors[f"batch_norm.after_2.{name}"] = value.clone()
    module.eval()
    tensors["batch_norm.output_eval"] = module(tensors["batch_norm.input"])


def attention(tensors):
    module = seeded(lambda: nn.MultiheadAttention(8, 2, batch_first=True))
    record(tensors, "attention", module, ramp(2, 5, 8), lambda x: module(x, x, x)[0])
    tensors["attention.weights"] = module(*[tensors["attention.input"]] * 3)[1]
    blocked = torch.triu(torch.ones(5, 5), 1).bool()
    x = tensors["attention.input"]
    tensors["attention.mask"] = blocked
    tensors["attention.output_masked"] = module(x, x, x, attn_mask=blocked)[0]
    padding = torch.zeros(2, 5).bool()
    padding[1, 3:] = True
    tensors["attention.padding"] = padding
    tensors["attention.output_padded"] = module(x, x, x, key_padding_mask=padding)[0]
    without_bias = seeded(lambda: nn.MultiheadAttention(8, 4, bias=False, batch_first=True))
    record(tensors, "attention_without_bias", without_bias, ramp(2, 5, 8), lambda q: without_bias(q, x, x)[0])


def initialisers(tensors):
    """<seed 42>.init.<name>: a [6, 4] tensor that the function of torch.nn.init filled."""
    for name, call in {
            "uniform_": lambda t: nn.init.uniform_(t, -0.5, 0.5),
            "normal_": lambda t: nn.init.normal_(t, 0.0, 0.02),
            "trunc_normal_": lambda t: nn.init.trunc_normal_(t, std=0.5, a=-1.0, b=1.0),
            "xavier_uniform_": nn.init.xavier_uniform_,
            "xavier_normal_": nn.init.xavier_normal_,
            "kaiming_uniform_": lambda t: nn.init.kaiming_uniform_(t, a=5**0.5),
            "kaiming_normal_": lambda t: nn.init.kaiming_normal_(t, nonlinearity="relu"),
            "kaiming_normal_fan_out": lambda t: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
    }.items():
        tensors[f"init.{name}"] = seeded(lambda: call(torch.empty(6, 4)))


def write():
    tensors = {}
    record(tensors, "linear", seeded(lambda: nn.Linear(5, 3)), ramp(2, 4, 5))
    record(tensors, "linear_without_bias", seeded(lambda: nn.Linear(5, 3, bias=False)), ramp(4, 5))
    tokens = torch.tensor([[0, 3, 6], [3, 3, 2]])
    record(tensors, "embedding", seeded(lambda: nn.Embedding(7, 4)), tokens)
    record(tensors, "embedding_padding", seeded(lambda: nn.Embedding(7, 4, padding_idx=2)), tokens)
    record(tensors, "layer_norm", seeded(lambda: nn.LayerNorm(6)), ramp(3, 4, 6))
    record(tensors, "layer_norm_2d", seeded(lambda: nn.LayerNorm((4, 6))), ramp(3, 4, 6))
    record(tensors, "sequential",
           seeded(lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 2))), ramp(6, 4))
    for name, module in {
            "gelu": nn.GELU(),
            "gelu_tanh": nn.GELU(approximate="tanh"),
            "relu": nn.ReLU(),
            "silu": nn.SiLU(),
            "tanh": nn.Tanh(),
            "sigmoid": nn.Sigmoid(),
            "softmax": nn.Softmax(dim=-1),
    }.items():
        record(tensors, name, module, ramp(3, 5))
    batch_norm(tensors)
    attention(tensors)
    initialisers(tensors)
    return save("modules.safetensors", tensors)
