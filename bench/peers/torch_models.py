"""The models of the workload rows. Each draws its weights in the order in which mote's draws them, and PyTorch's random
stream is mote's, so that the same seed gives both the same weights.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


class SGDStep:
    """A step of gradient descent on the mean squared error of an MLP."""

    def __init__(self, sizes, batch, lr, device, **options):
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1]).to(device)
        self.x = torch.randn(batch, sizes[0]).to(device)
        self.y = torch.randn(batch, sizes[-1]).to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, **options)

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.mse_loss(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss


class Attention(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads, self.fused = heads, fused

    def forward(self, x, cache=None, filled=0):
        batch, length, width = x.shape
        q, k, v = (
            t.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for t in self.c_attn(x).split(width, dim=2)
        )
        if cache is not None:
            keys, values = cache
            keys[:, :, filled:filled + length] = k
            values[:, :, filled:filled + length] = v
            k, v = keys[:, :, :filled + length], values[:, :, :filled + length]
        causal = length > 1
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        else:
            scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(k.size(-1)))
            if causal:
                scores = scores.masked_fill(self.future[:length, :length], -math.inf)
            y = torch.softmax(scores, -1) @ v
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads, fused):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, fused)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x, cache=None, filled=0):
        x = x + self.attn(self.ln_1(x), cache, filled)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """GPT-2 as in docs/examples/gpt/model.h."""

    def __init__(self, vocabulary, context, layers, heads, width, fused):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads, fused) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight
        self.context, self.heads = context, heads
        self.draw(0.02 / math.sqrt(2 * layers))
        future = torch.triu(torch.ones(context, context), 1) > 0.5
        for block in self.blocks:
            block.attn.register_buffer("future", future, persistent=False)

    @torch.no_grad()
    def draw(self, residual):
        self.wte.weight.normal_(0, 0.02)
        self.wpe.weight.normal_(0, 0.02)
        for block in self.blocks:
            for linear, deviation in ((block.attn.c_attn, 0.02), (block.attn.c_proj, residual),
                                      (block.mlp.c_fc, 0.02), (block.mlp.c_proj, residual)):
                linear.weight.normal_(0, deviation)
                linear.bias.zero_()

    def hidden(self, tokens, caches=None, filled=0):
        positions = torch.arange(filled, filled + tokens.shape[1], device=tokens.device)
        x = self.wte(tokens) + self.wpe(positions)
        for i, block in enumerate(self.blocks):
            x = block(x, caches[i] if caches else None, filled)
        return self.ln_f(x)

    def forward(self, tokens):
        return self.lm_head(self.hidden(tokens))


class GPTStep:
    """A training step: AdamW, gradients clipped to norm 1."""

    def __init__(self, batch, lr, device, optimizer, **config):
        self.model = GPT(**config).to(device)
        shape = (batch, config["context"])
        self.tokens = torch.randint(config["vocabulary"], shape).to(device)
        self.targets = torch.randint(config["vocabulary"], shape).to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr, weight_decay=0.01, **optimizer)

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(self.tokens)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), self.targets.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss


class GPTProducts:
    """The matrix products of a training step alone, as bench/rows/gpt_products.cpp."""

    def __init__(self, batch, device, vocabulary, context, layers, heads, width):
        self.device, self.first, self.second = device, [], []
        tokens = batch * context
        for _ in range(layers):
            self.linear(tokens, width, 3 * width)
            self.attention(batch * heads, context, width // heads)
            self.linear(tokens, width, width)
            self.linear(tokens, width, 4 * width)
            self.linear(tokens, 4 * width, width)
        self.linear(tokens, width, vocabulary)
        self.second.reverse()

    def draw(self, *shape):
        return torch.randn(shape).to(self.device)

    def linear(self, n, n_in, n_out):
        x, w, dy = self.draw(n, n_in), self.draw(n_out, n_in), self.draw(n, n_out)
        self.first.append((x, w.T))
        self.second += [(dy.T, x), (dy, w)]

    def attention(self, batch, length, width):
        keys = (length + 1) // 2
        q, k, v = self.draw(batch, length, width), self.draw(batch, keys, width), self.draw(batch, keys, width)
        p, dp, dy = self.draw(batch, length, keys), self.draw(batch, length, keys), self.draw(batch, length, width)
        self.first += [(q, k.transpose(1, 2)), (p, v)]
        self.second += [(dp.transpose(1, 2), q), (dp, k), (p.transpose(1, 2), dy), (dy, v.transpose(1, 2))]

    def __call__(self):
        for a, b in self.first + self.second:
            last = a @ b
        return last


class GPTForward:
    def __init__(self, batch, device, **config):
        self.model = GPT(**config).to(device).eval()
        self.tokens = torch.randint(config["vocabulary"], (batch, config["context"])).to(device)

    def __call__(self):
        return self.model(self.tokens)


class Generation:
    """Reads a prompt, then one token after the other with a key/value cache, and takes the likeliest each time. What it
    reads next is given, so that rounding cannot lead to another text."""

    def __init__(self, prompt, tokens, device, **config):
        self.model = GPT(**config).to(device).eval()
        self.text = torch.randint(config["vocabulary"], (1, prompt + tokens)).to(device)
        self.prompt = prompt
        shape = (1, config["heads"], config["context"], config["width"] // config["heads"])
        self.caches = [(torch.zeros(shape, device=device), torch.zeros(shape, device=device))
                       for _ in range(config["layers"])]

    def __call__(self):
        begin, end = 0, self.prompt
        while end < self.text.size(1):
            hidden = self.model.hidden(self.text[:, begin:end], self.caches, begin)
            logits = self.model.lm_head(hidden[:, -1])
            logits.argmax(-1).item()
            begin, end = end, end + 1
        return logits
