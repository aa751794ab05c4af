"""gpt.safetensors: a GPT-2-shaped model with 2 layers, 2 heads, width 32, context 16 and 65 tokens.

Weights are under GPT-2's names, matrices as torch.nn.Linear stores them, [out, in]; the head is tied to
transformer.wte.weight. tokens and targets are one batch, [2, 16]; logits, loss and grad.<name> what PyTorch gives for
it. GELU is the tanh form, as in GPT-2, and LayerNorm's eps 1e-5.
"""
import math

import torch
import torch.nn.functional as F

from .safetensors import save

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY, BATCH = 2, 2, 32, 16, 65, 2


def make_weights():
    weights = {
        "transformer.wte.weight": torch.randn(VOCABULARY, WIDTH) * 0.5,
        "transformer.wpe.weight": torch.randn(CONTEXT, WIDTH) * 0.3,
    }

    def norm(name):
        weights[f"{name}.weight"] = 1 + 0.2 * torch.randn(WIDTH)
        weights[f"{name}.bias"] = 0.2 * torch.randn(WIDTH)

    def linear(name, n_in, n_out):
        weights[f"{name}.weight"] = torch.randn(n_out, n_in) * 0.3
        weights[f"{name}.bias"] = torch.randn(n_out) * 0.1

    for i in range(LAYERS):
        block = f"transformer.h.{i}"
        norm(f"{block}.ln_1")
        linear(f"{block}.attn.c_attn", WIDTH, 3 * WIDTH)
        linear(f"{block}.attn.c_proj", WIDTH, WIDTH)
        norm(f"{block}.ln_2")
        linear(f"{block}.mlp.c_fc", WIDTH, 4 * WIDTH)
        linear(f"{block}.mlp.c_proj", 4 * WIDTH, WIDTH)
    norm("transformer.ln_f")
    return weights


def forward(w, tokens):
    def norm(x, name):
        return F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"])

    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    batch, length = tokens.shape
    x = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"][:length]
    future = torch.triu(torch.ones(length, length), 1).bool()
    for i in range(LAYERS):
        block = f"transformer.h.{i}"
        qkv = linear(norm(x, f"{block}.ln_1"), f"{block}.attn.c_attn")
        q, k, v = (t.reshape(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2) for t in qkv.split(WIDTH, dim=2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        mixed = torch.softmax(scores.masked_fill(future, -math.inf), -1) @ v
        x = x + linear(mixed.transpose(1, 2).reshape(batch, length, WIDTH), f"{block}.attn.c_proj")
        hidden = F.gelu(linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc"), approximate="tanh")
        x = x + linear(hidden, f"{block}.mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T


def write():
    torch.manual_seed(2)
    weights = {name: value.requires_grad_() for name, value in make_weights().items()}
    tokens = torch.randint(VOCABULARY, (BATCH, CONTEXT))
    targets = torch.randint(VOCABULARY, (BATCH, CONTEXT))
    # Reference values in float64, rounded once: the test's tolerance is then all mote's.
    exact = {name: value.detach().double().requires_grad_() for name, value in weights.items()}
    logits = forward(exact, tokens)
    loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
    loss.backward()
    tensors = {name: value.detach() for name, value in weights.items()}
    tensors.update(tokens=tokens, targets=targets, logits=logits.detach().float(), loss=loss.detach().float())
    tensors.update({f"grad.{name}": value.grad.float() for name, value in exact.items()})
    sizes = dict(layers=LAYERS, heads=HEADS, width=WIDTH, context=CONTEXT, vocabulary=VOCABULARY)
    return save("gpt.safetensors", tensors, {key: str(value) for key, value in sizes.items()})
