"""The GPT of examples/models/gpt.ts in PyTorch: a step of its training, and the writing of tokens with keys and values kept. Words of modes beside those of torch_steps.py:

    manual    attention as products and a softmax
    sdpa      F.scaled_dot_product_attention, where the version has it
    growing   keys and values of a token are put behind those before (torch.cat)
    static    keys and values in buffers of the size of the context, of which the part that is filled is attended to
    masked    the same with a mask over the whole context, so that every token has the same shapes, as tracing and compiling need it
"""
import math

import torch
import torch.nn.functional as F

SDPA = hasattr(F, "scaled_dot_product_attention")


class Attention(torch.nn.Module):
    def __init__(self, width, heads, mode):
        super().__init__()
        self.heads, self.mode = heads, mode
        self.qkv = torch.nn.Linear(width, 3 * width, bias=False)
        self.out = torch.nn.Linear(width, width, bias=False)

    def attend(self, q, k, v, mask, causal=False):
        if "sdpa" in self.mode:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(q.size(-1)))
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return F.softmax(scores, dim=-1) @ v

    def forward(self, x, mask, cache):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, C // self.heads).transpose(1, 2) for part in self.qkv(x).split(C, dim=2))
        if cache is not None:
            k, v = cache(k, v)
        causal = cache is None and "sdpa" in self.mode
        y = self.attend(q, k, v, None if causal else mask, causal)
        return self.out(y.transpose(1, 2).reshape(B, T, C))


class AttentionAlone:
    """Causal attention of heads of so many positions and features, and its gradients."""

    def __init__(self, mode, batch, heads, length, features, training):
        self.operands = [torch.rand(batch, heads, length, features, requires_grad=training) - 0.5 for _ in range(3)]
        self.operands = [x.detach().requires_grad_(training) for x in self.operands]
        self.dy = torch.rand(batch, heads, length, features)
        self.training = training
        mask = torch.ones(length, length, dtype=torch.bool).tril()
        layer = Attention(features, 1, mode)

        def forward(q, k, v, dy):
            causal = "sdpa" in mode
            y = layer.attend(q, k, v, None if causal else mask, causal)
            return (y * dy).sum() if training else y.sum()

        example = (*self.operands, self.dy)
        self.forward = torch.compile(forward) if "compiled" in mode else torch.jit.trace(forward, example) if "traced" in mode else forward

    def step(self):
        if not self.training:
            with torch.inference_mode():
                self.forward(*self.operands, self.dy)
            return
        for x in self.operands:
            x.grad = None
        self.forward(*self.operands, self.dy).backward()


class Block(torch.nn.Module):
    def __init__(self, width, heads, mode):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.norm1.bias = self.norm2.bias = None
        self.attention = Attention(width, heads, mode)
        self.up, self.down = torch.nn.Linear(width, 4 * width, bias=False), torch.nn.Linear(4 * width, width, bias=False)

    def forward(self, x, mask, cache):
        x = x + self.attention(self.norm1(x), mask, cache)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(torch.nn.Module):
    def __init__(self, mode, layers, heads, width, context, vocabulary):
        super().__init__()
        self.tokens, self.positions = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(context, width)
        self.blocks = torch.nn.ModuleList(Block(width, heads, mode) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(width)
        self.norm.bias = None
        self.head = torch.nn.Linear(width, vocabulary, bias=False)
        for p in self.parameters():
            if p.dim() > 1:
                torch.nn.init.normal_(p, 0, 0.02)
        self.head.weight = self.tokens.weight

    def forward(self, tokens, places, mask, caches=None):
        x = self.tokens(tokens) + self.positions(places)
        for i, block in enumerate(self.blocks):
            x = block(x, mask, None if caches is None else caches[i])
        return self.head(self.norm(x))


class GptLoss(torch.nn.Module):
    def __init__(self, model, context):
        super().__init__()
        self.model = model
        self.register_buffer("places", torch.arange(context))
        self.register_buffer("mask", torch.ones(context, context, dtype=torch.bool).tril())

    def forward(self, tokens, targets):
        logits = self.model(tokens, self.places, self.mask)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Growing:
    def __init__(self):
        self.k = self.v = None

    def __call__(self, k, v):
        self.k = k if self.k is None else torch.cat((self.k, k), 2)
        self.v = v if self.v is None else torch.cat((self.v, v), 2)
        return self.k, self.v


class Static:
    """Of which the first `at` positions are filled."""

    def __init__(self, shape):
        self.k, self.v, self.at = torch.zeros(shape), torch.zeros(shape), 0

    def __call__(self, k, v):
        self.k[:, :, self.at], self.v[:, :, self.at] = k[:, :, 0], v[:, :, 0]
        self.at += 1
        return self.k[:, :, : self.at], self.v[:, :, : self.at]


class Masked(torch.nn.Module):
    """A pass over one token, as a function of tensors alone."""

    def __init__(self, model, shape):
        super().__init__()
        self.model = model
        self.names = []
        for i in range(len(model.blocks)):
            self.register_buffer(f"k{i}", torch.zeros(shape))
            self.register_buffer(f"v{i}", torch.zeros(shape))
        self.register_buffer("places", torch.arange(shape[2]))

    def forward(self, tokens, at):
        def cache(i):
            kept = getattr(self, f"k{i}"), getattr(self, f"v{i}")
            return lambda k, v: (kept[0].index_copy_(2, at, k), kept[1].index_copy_(2, at, v))

        logits = self.model(tokens, at, (self.places <= at)[None, None, None], [cache(i) for i in range(len(self.model.blocks))])
        return logits[:, -1].argmax(-1, keepdim=True)


class Generate:
    """Texts of so many tokens from one token on, one behind the other, each the likeliest."""

    def __init__(self, mode, batch, tokens, **sizes):
        self.model = Gpt(mode, **sizes).eval()
        self.mode, self.count, self.at = mode, tokens, 0
        self.shape = (batch, sizes["heads"], sizes["context"], sizes["width"] // sizes["heads"])
        self.first = self.token = torch.ones(batch, 1, dtype=torch.long)
        self.places = torch.arange(sizes["context"])
        self.masked = None
        if "masked" in mode:
            masked = Masked(self.model, self.shape).eval()
            with torch.inference_mode("compiled" not in mode), torch.no_grad():
                if "traced" in mode:
                    masked = torch.jit.freeze(torch.jit.trace(masked, (self.token, self.places[:1])), optimize_numerics=False)
                self.masked = torch.compile(masked) if "compiled" in mode else masked

    def begin(self):
        self.at, self.token = 0, self.first
        blocks = self.model.blocks
        self.caches = [Growing() for _ in blocks] if "growing" in self.mode else [Static(self.shape) for _ in blocks] if self.masked is None else None

    def step(self):
        with torch.inference_mode("compiled" not in self.mode), torch.no_grad():
            if self.at % self.count == 0:
                self.begin()
            place = self.places[self.at : self.at + 1]
            if self.masked is not None:
                self.token = self.masked(self.token, place)
            else:
                self.token = self.model(self.token, place, None, self.caches)[:, -1].argmax(-1, keepdim=True)
            self.at += 1
