#!/usr/bin/python3
"""Single ops and their gradients: ops.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, f32, whole, write


def pointwise_cases():
    two = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum, "minimum": torch.minimum}
    for op, run in two.items():
        low = 0.5 if op == "div" else -2
        for a, b in [((17,), (17,)), ((3, 5), (5,)), ((2, 1, 3), (4, 1)), ((4, 1), ()), ((0, 3), (3,))]:
            yield Case(op, run, draw(op + "a", a), draw(op + "b", b, low))
    yield Case("pow", torch.pow, draw("pow", (3, 5), 0.25, 3), draw("exponent", (5,), -2, 3))
    for exponent in [2, 3, 0.5, -1, 0]:
        yield Case("pow", lambda x, e=exponent: torch.pow(x, e), draw("base", (9,), 0.25, 3), exponent=exponent)
    yield Case("pow", lambda x: torch.pow(x, 2), draw("any base", (9,)), exponent=2, note="of negatives")
    one = {
        "neg": (torch.neg, -2, 2), "abs": (torch.abs, -2, 2), "exp": (torch.exp, -8, 8), "log": (torch.log, 0.002, 9),
        "expm1": (torch.expm1, -8, 8), "log1p": (torch.log1p, -0.99, 9), "softplus": (F.softplus, -19, 19),
        "logSigmoid": (F.logsigmoid, -19, 19), "silu": (F.silu, -9, 9), "elu": (F.elu, -6, 6), "leakyRelu": (F.leaky_relu, -2, 2),
        "sqrt": (torch.sqrt, 0.002, 9), "tanh": (torch.tanh, -6, 6), "sigmoid": (torch.sigmoid, -9, 9),
        "relu": (torch.relu, -2, 2), "gelu": (F.gelu, -6, 6), "sign": (torch.sign, -2, 2), "erf": (torch.erf, -4, 4),
    }
    for op, (run, low, high) in one.items():
        for shape in [(37,), (3, 0), (2, 3, 4), ()]:
            # PyTorch says zeros where anneal says that sign has no gradient.
            yield Case(op, run, draw(op, shape, low, high), grad=op != "sign")
    yield Case("gelu", lambda x: F.gelu(x, approximate="tanh"), draw("gelu", (37,), -6, 6), approximate="tanh")
    yield Case("elu", lambda x: F.elu(x, alpha=0.3), draw("elu", (37,), -6, 6), alpha=0.3)
    yield Case("leakyRelu", lambda x: F.leaky_relu(x, 0.2), draw("leakyRelu", (37,)), negativeSlope=0.2)
    special = f32([0.0, -0.0, math.inf, -math.inf, math.nan, 88.0, -88.0, 1e-30, 100.0, -100.0])
    for op in ["abs", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "erf", "expm1", "log1p", "logSigmoid", "elu", "leakyRelu"]:
        yield Case(op, one[op][0], special, note="special values", grad=False)
    yield Case("relu", torch.relu, f32([-1, 0, 1]), note="gradient at 0")
    yield Case("abs", torch.abs, f32([-1, 0, 1]), note="gradient at 0")
    for low, high in [(-0.5, 0.75), (None, 1.0), (-1.0, None)]:
        args = {k: v for k, v in [("min", low), ("max", high)] if v is not None}
        yield Case("clamp", lambda x, a=args: torch.clamp(x, **a), draw("clamp", (4, 9)), **args)
    yield Case("clamp", lambda x: torch.clamp(x, -1, 1), f32([-1, 1, 0, 2, math.nan]), min=-1, max=1, note="at the bounds")
    for op, run in {"equal": torch.eq, "notEqual": torch.ne, "less": torch.lt, "lessEqual": torch.le, "greater": torch.gt, "greaterEqual": torch.ge}.items():
        yield Case(op, run, whole("a" + op, (5, 7), -2, 3).float(), whole("b" + op, (7,), -2, 3).float(), grad=False)
    mask = whole("mask", (3, 5), 0, 2).bool()
    yield Case("where", torch.where, mask, draw("where a", (3, 5)), draw("where b", (3, 5)))
    yield Case("where", torch.where, mask, draw("where a", (5,)), draw("where b", (3, 1)), note="broadcast")
    floats = f32([-1.7, -0.2, 0.0, 0.9, 254.6, 3.0])
    yield Case("cast", lambda x: x.to(torch.int32), floats, dtype="int32", grad=False)
    yield Case("cast", lambda x: x.to(torch.bool), floats, dtype="bool", grad=False)
    yield Case("cast", lambda x: x.to(torch.float32), whole("cast", (6,), -9, 9), dtype="float32", grad=False)
    yield Case("cast", lambda x: x.to(torch.float32), mask, dtype="float32", grad=False)


def contraction_cases():
    for m, k, n in [(1, 1, 1), (3, 4, 5), (7, 17, 9), (33, 31, 29), (1, 40, 13), (16, 8, 16), (5, 0, 3)]:
        yield Case("matmul", torch.matmul, draw("A", (m, k)), draw("B", (k, n)))
    for a, b in [((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((4,), (4, 3)), ((3, 4), (4,)), ((4,), (4,))]:
        yield Case("matmul", torch.matmul, draw("A", a), draw("B", b))
    yield Case("matmul of transposed", lambda a, b: torch.matmul(a.t(), b.t()), draw("A", (6, 3)), draw("B", (5, 6)))


def reduction_cases():
    x = draw("reduce", (3, 5, 4))
    wide = draw("wide", (2, 67))
    for op, run in {"sum": torch.sum, "mean": torch.mean, "var": torch.var}.items():
        yield Case(op, lambda t, r=run: r(t), x)
        for axis, keepdim in [(0, False), (1, True), (-1, False), ([0, 2], False), ([0, 1, 2], True)]:
            dims = tuple(axis) if isinstance(axis, list) else axis
            yield Case(op, lambda t, r=run, d=dims, k=keepdim: r(t, dim=d, keepdim=k), x, axis=axis, keepdim=keepdim)
        yield Case(op, lambda t, r=run: r(t, dim=1), wide, axis=1)
    yield Case("var", lambda t: torch.var(t, dim=1, unbiased=False), wide, axis=1, correction=0)
    for op, run in {"max": torch.amax, "min": torch.amin}.items():
        yield Case(op, lambda t, r=run: r(t), x)
        for axis, keepdim in [(0, False), (1, True), ([0, 2], False)]:
            dims = tuple(axis) if isinstance(axis, list) else axis
            yield Case(op, lambda t, r=run, d=dims, k=keepdim: r(t, dim=d, keepdim=k), x, axis=axis, keepdim=keepdim)
        yield Case(op, lambda t, r=run: r(t, dim=1), f32([[1, 3, 3, 0], [2, 2, 2, 2]]), axis=1, note="ties")
    for op, run in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
        yield Case(op, lambda t, r=run: r(t), x, grad=False)
        yield Case(op, lambda t, r=run: r(t, dim=1), wide, axis=1, grad=False)
        yield Case(op, lambda t, r=run: r(t, dim=0, keepdim=True), x, axis=0, keepdim=True, grad=False)
    for op, run in {"softmax": F.softmax, "logSoftmax": F.log_softmax}.items():
        for shape, axis in [((3, 10), -1), ((1, 1), -1), ((2, 33), -1), ((2, 3, 4), 1)]:
            yield Case(op, lambda t, r=run, a=axis: r(t, dim=a), draw(op, shape, -5, 5), axis=axis)
        yield Case(op, lambda t, r=run: r(t, dim=-1), f32([[1000, 999, -1000], [-5000, 0, 5000]]), axis=-1, note="large logits")
    for axis, keepdim in [(0, False), (1, True), ([0, 2], False)]:
        dims = tuple(axis) if isinstance(axis, list) else axis
        yield Case("logSumExp", lambda t, d=dims, k=keepdim: torch.logsumexp(t, dim=d, keepdim=k), x, axis=axis, keepdim=keepdim)
    large = f32([[1000, 999, -1000], [-5000, -5000, -5001]])
    yield Case("logSumExp", lambda t: torch.logsumexp(t, dim=1), large, axis=1, note="large values", grad=False)  # its slopes have the rounding of e^(x - y)
    infinite = f32([[-math.inf, -math.inf], [math.inf, 0], [-math.inf, 2], [math.nan, 1]])
    yield Case("logSumExp", lambda t: torch.logsumexp(t, dim=1), infinite, axis=1, note="infinities", grad=False)


def shape_cases():
    x = draw("shape", (2, 3, 4))
    yield Case("reshape", lambda t: t.reshape(4, 6), x, shape=[4, 6])
    yield Case("reshape", lambda t: t.reshape(2, -1), x, shape=[2, -1])
    yield Case("transpose", lambda t: t.transpose(0, 2), x, dim0=0, dim1=2)
    yield Case("permute", lambda t: t.permute(2, 0, 1), x, dims=[2, 0, 1])
    for axis in [0, 1, -1]:
        other = [2, 3, 4]
        other[axis] = 2
        yield Case("concat", lambda a, b, d=axis: torch.cat([a, b], dim=d), x, draw("other", tuple(other)), axis=axis)
        yield Case("stack", lambda a, b, d=axis: torch.stack([a, b], dim=d), x, draw("same", (2, 3, 4)), axis=axis)
    yield Case("slice", lambda t: t[:, 1:3], x, axis=1, start=1, end=3)
    yield Case("slice", lambda t: t[:, :, -3:], x, axis=2, start=-3, end=4)
    rows = whole("rows", (6,), 0, 3)
    yield Case("gather", lambda t, i: torch.index_select(t, 1, i), x, rows, axis=1, note="repeated indices")
    yield Case("gather", lambda t, i: t[i], draw("table", (7, 5)), whole("grid", (2, 3), 0, 7), axis=0)


def op_cases():
    for group in [pointwise_cases, contraction_cases, reduction_cases, shape_cases]:
        yield from group()


if __name__ == "__main__":
    write("ops.json", cases=[case.record() for case in op_cases()])
