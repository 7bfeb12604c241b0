#!/usr/bin/python3
"""Losses, by all reductions: losses.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, f32, whole, write


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


if __name__ == "__main__":
    write("losses.json", cases=[case.record() for case in loss_cases()])
