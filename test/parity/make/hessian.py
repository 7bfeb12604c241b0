#!/usr/bin/python3
"""Hessian-vector products of small networks, one for each activation and each loss: hessian.json."""
import torch
import torch.nn.functional as F

from losses import loss_cases
from shared import described, draw, numbers, write

ACTIVATIONS = {
    "relu": F.relu, "gelu": F.gelu, "geluTanh": lambda x: F.gelu(x, approximate="tanh"), "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu, "elu": F.elu,
    "leakyRelu": F.leaky_relu, "softplus": F.softplus, "logSigmoid": F.logsigmoid, "softmax": lambda x: F.softmax(x, 1), "logSoftmax": lambda x: F.log_softmax(x, 1),
}
PER_LOSS = 4


def product(loss_of, shapes, name):
    """H v of a loss of weights, and both, in double."""
    weights = [draw(f"{name} weight {i}", shape, -1, 1) for i, shape in enumerate(shapes)]
    vectors = [draw(f"{name} vector {i}", shape, -1, 1) for i, shape in enumerate(shapes)]
    leaves = [w.double().requires_grad_() for w in weights]
    slopes = torch.autograd.grad(loss_of(*leaves), leaves, create_graph=True)
    along = sum((slope * v.double()).sum() for slope, v in zip(slopes, vectors))
    # A loss with straight pieces may have a slope that depends on no weight.
    products = torch.autograd.grad(along, leaves, allow_unused=True) if along.requires_grad else [None] * len(leaves)
    products = [torch.zeros_like(w) if p is None else p for p, w in zip(products, leaves)]
    return {"weights": [described(w) for w in weights], "vectors": [described(v) for v in vectors], "products": [numbers(p.float()) for p in products]}


def activation_rows():
    x, target = draw("x", (6, 5)), draw("target", (6, 3))
    for name, activation in ACTIVATIONS.items():
        loss = lambda w0, b0, w1, b1: F.mse_loss(F.linear(activation(F.linear(x.double(), w0, b0)), w1, b1), target.double())
        yield {"activation": name, "x": described(x), "target": described(target), **product(loss, [(4, 5), (4,), (3, 4), (3,)], name)}


def loss_rows(lacking):
    """What a loss takes first is moved by what a network gives."""
    seen = {}
    for case in loss_cases():
        first = case.inputs[0]
        if case.args.get("reduction") != "mean" or case.op == "ctc" or first.dim() > 2 or not case.grad or case.note or seen.get(case.op, 0) >= PER_LOSS:
            continue
        seen[case.op] = seen.get(case.op, 0) + 1
        x = draw("features", (len(first), 3))
        rest = [t.double() if t.is_floating_point() else t for t in case.inputs[1:]]
        loss = lambda w0, w1: case.run(first.double() + 0.1 * F.linear(torch.tanh(F.linear(x.double(), w0)), w1).reshape(first.shape), *rest)
        try:
            made = product(loss, [(4, 3), (first[0].numel(), 4)], case.op)
        except RuntimeError as error:
            # The kernel of PyTorch has no second derivative, or takes no doubles beside the constants of the case.
            lacking[case.op] = str(error).split(".")[0]
            continue
        yield {"op": case.op, "args": case.args, "x": described(x), "inputs": [described(t) for t in case.inputs], **made}


if __name__ == "__main__":
    lacking = {}
    rows = list(loss_rows(lacking))
    done = {row["op"] for row in rows}
    write("hessian.json", activations=list(activation_rows()), losses=rows, lacking={op: why for op, why in lacking.items() if op not in done})
