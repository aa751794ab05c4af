"""optimizers.safetensors: trajectories and learning rates.

start.<i> are the parameters before the first step and gradient.<step>.<i> their gradients at each step, the same for
all optimizers. <case>.<step>.<i> are the parameters after that step. lr.<schedule> is the learning rate before the
first step and after each of 40 steps, from a base of 0.1; lr.chain.<schedules> that of several on one optimizer.
"""
import math

import torch
from torch.optim import lr_scheduler

from .safetensors import save

STEPS = 6
SHAPES = [(3, 2), (4,)]

CASES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd_dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "sgd_weight_decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, weight_decay=0.05),
    "sgd_maximize": lambda p: torch.optim.SGD(p, lr=0.1, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_options": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "adam_amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamw_options": lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2),
    "two_groups": lambda p: torch.optim.AdamW([{"params": p[:1], "weight_decay": 0.3}, {"params": p[1:], "lr": 0.05}],
                                              lr=0.01, weight_decay=0.0),
    "adam_maximize": lambda p: torch.optim.Adam(p, lr=0.01, maximize=True),
    "sgd_groups": lambda p: torch.optim.SGD([{"params": p[:1], "momentum": 0.5, "maximize": True},
                                             {"params": p[1:], "momentum": 0.8, "nesterov": True, "lr": 0.02}],
                                            lr=0.1, momentum=0.9, weight_decay=0.1),
    "adamw_groups": lambda p: torch.optim.AdamW([{"params": p[:1], "betas": (0.8, 0.9), "eps": 1e-3},
                                                 {"params": p[1:], "amsgrad": True}], lr=0.02),
}


def cosine_with_warmup(warmup, total, final):
    """Linear from 0 to 1, then half a cosine down to `final`."""

    def factor(step):
        if step < warmup:
            return step / warmup
        progress = min(1.0, (step - warmup) / (total - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


SCHEDULES = {
    "step": lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.5),
    "multi_step": lambda o: lr_scheduler.MultiStepLR(o, milestones=[3, 10, 30], gamma=0.1),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40, eta_min=0.01),
    "linear": lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, end_factor=1.0, total_iters=10),
    "cosine_with_warmup": lambda o: lr_scheduler.LambdaLR(o, cosine_with_warmup(10, 36, 0.0)),
    "cosine_with_warmup_final": lambda o: lr_scheduler.LambdaLR(o, cosine_with_warmup(5, 40, 0.1)),
}

LINEAR = dict(start_factor=0.2, end_factor=1.0, total_iters=10)
CHAINS = {
    "linear_exponential": lambda o: [lr_scheduler.LinearLR(o, **LINEAR), lr_scheduler.ExponentialLR(o, gamma=0.9)],
    "linear_cosine_multi_step": lambda o: [lr_scheduler.LinearLR(o, **LINEAR),
                                           lr_scheduler.CosineAnnealingLR(o, T_max=50),
                                           lr_scheduler.MultiStepLR(o, milestones=[3, 10, 30], gamma=0.1)],
    "step_exponential": lambda o: [lr_scheduler.StepLR(o, step_size=7, gamma=0.5),
                                   lr_scheduler.ExponentialLR(o, gamma=0.9)],
}


def write():
    torch.manual_seed(7)
    start = [torch.randn(shape) for shape in SHAPES]
    gradients = [[torch.randn(shape) for shape in SHAPES] for _ in range(STEPS)]
    tensors = {f"start.{i}": p for i, p in enumerate(start)}
    tensors.update({f"gradient.{s}.{i}": g for s, step in enumerate(gradients) for i, g in enumerate(step)})
    for case, make in CASES.items():
        parameters = [p.clone().requires_grad_() for p in start]
        optimizer = make(parameters)
        for s, step in enumerate(gradients):
            for p, g in zip(parameters, step):
                p.grad = g.clone()
            optimizer.step()
            for i, p in enumerate(parameters):
                tensors[f"{case}.{s}.{i}"] = p.detach().clone()
    for name, make in SCHEDULES.items():
        tensors[f"lr.{name}"] = rates(lambda o: [make(o)])
    for name, make in CHAINS.items():
        tensors[f"lr.chain.{name}"] = rates(make)
    clip_gradients(tensors)
    return save("optimizers.safetensors", tensors)


def rates(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedules = make(optimizer)
    result = [optimizer.param_groups[0]["lr"]]
    for _ in range(40):
        optimizer.step()
        for schedule in schedules:
            schedule.step()
        result.append(optimizer.param_groups[0]["lr"])
    return torch.tensor(result, dtype=torch.float64)


def clip_gradients(tensors):
    """clip.norm and clip.<i>: clip_grad_norm_(…, 1.0) on the gradients of step 0."""
    parameters = []
    for i in range(len(SHAPES)):
        p = torch.zeros(SHAPES[i], requires_grad=True)
        p.grad = tensors[f"gradient.0.{i}"].clone()
        parameters.append(p)
    tensors["clip.norm"] = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    for i, p in enumerate(parameters):
        tensors[f"clip.{i}"] = p.grad
