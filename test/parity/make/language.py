#!/usr/bin/python3
"""Embeddings, gated units and rotations: language.json."""
import torch
import torch.nn.functional as F

from shared import Case, draw, whole, write


def rotary(x, layout, dims=None, base=10000.0, offset=0):
    """arXiv:2104.09864 with pairs of neighbours, or of elements half of the width apart (Llama)."""
    width = dims or x.shape[-1]
    angles = torch.outer(torch.arange(offset, offset + x.shape[-2], dtype=torch.float64), base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width))
    turned, rest = x.double()[..., :width], x.double()[..., width:]
    pairs = turned.unflatten(-1, (width // 2, 2)) if layout == "interleaved" else turned.unflatten(-1, (2, width // 2)).transpose(-1, -2)
    spun = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles))
    flat = spun.flatten(-2) if layout == "interleaved" else spun.transpose(-1, -2).flatten(-2)
    return torch.cat([flat, rest], -1).float()


def function_cases():
    table = draw("table", (7, 5))
    for shape in [(4,), (2, 3), (2, 2, 9)]:
        tokens = whole("tokens", shape, 0, 7)
        yield Case("embedding", F.embedding, tokens, table)
    yield Case("embedding", lambda i, w: F.embedding(i, w, padding_idx=2), whole("padded", (3, 8), 0, 7), table, options={"paddingIdx": 2})
    bags = whole("bags", (4, 5), 0, 7)
    for mode in ["mean", "sum", "max"]:
        yield Case("embeddingBag", lambda i, w, m=mode: F.embedding_bag(i, w, mode=m), bags, table, options={"mode": mode})
        yield Case("embeddingBag", lambda i, w, m=mode: F.embedding_bag(i, w, mode=m, padding_idx=3), bags, table, options={"mode": mode, "paddingIdx": 3})
    for shape in [(5, 8), (2, 3, 34)]:
        x = draw("gates", shape)
        yield Case("glu", F.glu, x)
        yield Case("swiglu", lambda t: t.chunk(2, -1)[0] * F.silu(t.chunk(2, -1)[1]), x)
        yield Case("geglu", lambda t: t.chunk(2, -1)[0] * F.gelu(t.chunk(2, -1)[1]), x)
        yield Case("geglu", lambda t: t.chunk(2, -1)[0] * F.gelu(t.chunk(2, -1)[1], approximate="tanh"), x, options={"approximate": "tanh"})
    for layout in ["halfSplit", "interleaved"]:
        yield Case("rotaryEmbedding", lambda t, k=layout: rotary(t, k), draw("heads", (2, 2, 5, 8)), options={"layout": layout})
        yield Case("rotaryEmbedding", lambda t, k=layout: rotary(t, k, 4, 500.0, 11), draw("heads", (1, 2, 3, 7)), options={"layout": layout, "dims": 4, "base": 500, "offset": 11})


if __name__ == "__main__":
    write("language.json", functions=[case.record() for case in function_cases()])
