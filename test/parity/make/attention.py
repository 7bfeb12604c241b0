#!/usr/bin/python3
"""Scaled dot-product attention: attention.json. Of PyTorch 2.5 or later, in which a row that may look at nothing gives 0."""
import math

import torch
import torch.nn.functional as F

from shared import draw, described, numbers, write


def shapes(q, k=None, v=None):
    k = k or q
    return [draw("query", q), draw("key", k), draw("value", v or k)]


def bools(key, shape):
    return draw(key, shape) > -0.5


def mask_of(lengths, keys):
    """The mask that lengths of keys stand for."""
    return torch.arange(keys) < torch.tensor(lengths).reshape(-1, *[1] * 3)


def case(note, operands, options=None, mask=None, lengths=None, grad=True):
    """Values and gradients in double: what float32 rounds away would count as a difference."""
    options = options or {}
    names = {"isCausal": "is_causal", "enableGqa": "enable_gqa", "scale": "scale"}
    given = {names[key]: value for key, value in options.items()}
    leaves = [t.clone().requires_grad_() for t in operands]
    added = mask is not None and mask.is_floating_point()
    if added:
        mask = mask.clone().requires_grad_()
    whole = mask.double() if added else mask
    if lengths is not None:
        bounds = mask_of(lengths, operands[1].shape[-2])
        whole = bounds if mask is None else torch.where(bounds, whole, -math.inf) if added else bounds & whole
    # PyTorch refuses both.
    if given.get("is_causal") and whole is not None:
        del given["is_causal"]
        causal = torch.ones(operands[0].shape[-2], operands[1].shape[-2], dtype=torch.bool).tril()
        whole = torch.where(causal, whole, -math.inf) if added else causal & whole
    y = F.scaled_dot_product_attention(*[t.double() for t in leaves], attn_mask=whole, **given).float()
    wanted = [*leaves, mask] if added else leaves
    dy = draw(note + "dy", tuple(y.shape))
    grads = torch.autograd.grad(y, wanted, dy)
    row = {"name": note, "operands": [described(t) for t in operands], "options": options, "output": described(y), "dy": numbers(dy), "grads": [numbers(g) for g in grads] if grad else []}
    if mask is not None:
        row["mask"] = described(mask)
    if lengths is not None:
        row["keyLengths"] = lengths
    return row


def cases():
    yield case("one position", shapes((1, 1, 1, 4)))
    yield case("plain", shapes((2, 3, 7, 5)))
    yield case("other features of the value", shapes((2, 2, 5, 4), (2, 2, 9, 4), (2, 2, 9, 7)))
    yield case("without heads", shapes((2, 5, 4), (2, 6, 4)))
    yield case("without a batch", shapes((5, 4), (6, 4)))
    yield case("five dimensions", shapes((2, 2, 2, 3, 4)))
    yield case("a scale", shapes((1, 2, 5, 4)), {"scale": 1.5})
    yield case("causal", shapes((2, 2, 17, 8)), {"isCausal": True})
    yield case("causal, more keys", shapes((1, 2, 5, 8), (1, 2, 9, 8)), {"isCausal": True})
    yield case("causal, fewer keys", shapes((1, 2, 9, 8), (1, 2, 5, 8)), {"isCausal": True})
    yield case("grouped heads", shapes((2, 4, 5, 4), (2, 2, 6, 4)), {"enableGqa": True})
    yield case("one head of keys, causal", shapes((2, 3, 6, 4), (2, 1, 6, 4)), {"enableGqa": True, "isCausal": True})
    yield case("a mask of truth values", shapes((2, 2, 6, 4)), mask=bools("mask", (6, 6)))
    yield case("a mask of truth values for each example", shapes((2, 2, 6, 4)), mask=bools("mask", (2, 1, 6, 6)))
    yield case("a mask that is added", shapes((2, 2, 6, 4)), mask=draw("mask", (2, 6, 6)))
    yield case("a mask of keys", shapes((2, 2, 6, 4)), mask=draw("mask", (2, 1, 1, 6)))
    yield case("a mask of keys of grouped heads", shapes((2, 4, 5, 4), (2, 2, 6, 4)), {"enableGqa": True}, mask=draw("mask", (2, 4, 5, 6)))
    nothing = bools("mask", (6, 6))
    nothing[2] = False
    yield case("a row that may look at nothing", shapes((2, 2, 6, 4)), mask=nothing)
    added = draw("mask", (6, 6))
    added[4] = -math.inf
    added[1, 3] = -math.inf
    yield case("a row of minus infinities", shapes((2, 2, 6, 4)), mask=added)
    yield case("lengths", shapes((3, 2, 6, 4)), lengths=[6, 1, 4])
    yield case("no keys at all for one", shapes((2, 2, 6, 4)), lengths=[0, 3])
    yield case("lengths, causal, and a mask", shapes((2, 2, 6, 4)), {"isCausal": True}, mask=bools("mask", (6, 6)), lengths=[5, 2])
    yield case("lengths, causal, and a mask that is added", shapes((2, 2, 6, 4)), {"isCausal": True}, mask=draw("mask", (6, 6)), lengths=[5, 6])
    # Gradients vanish, but for rounding.
    yield case("large scores", [t * 40 for t in shapes((1, 2, 6, 4))], grad=False)


if __name__ == "__main__":
    write("attention.json", cases=list(cases()))
