#!/usr/bin/python3
"""Convolutions: convolution.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, write


def conv(rank, x, weight, bias=None, note="", **options):
    fn = getattr(F, f"conv{rank}d")
    inputs = [x, weight] + ([] if bias is None else [bias])
    return Case(f"conv{rank}d", lambda *t: fn(*t[:2], t[2] if len(t) > 2 else None, **options), *inputs, note=note, options=options)


def transposed(rank, x, weight, bias=None, note="", **options):
    fn = getattr(F, f"conv_transpose{rank}d")
    inputs = [x, weight] + ([] if bias is None else [bias])
    args = {("outputPadding" if name == "output_padding" else name): value for name, value in options.items()}
    return Case(f"convTranspose{rank}d", lambda *t: fn(*t[:2], t[2] if len(t) > 2 else None, **options), *inputs, note=note, options=args)


def cases():
    x, w, b = draw("x", (2, 4, 7, 5)), draw("w", (6, 4, 3, 2)), draw("b", (6,))
    yield conv(2, x, w, b)
    for stride in [2, [3, 1], 5]:
        for padding in [0, 1, [2, 0]]:
            yield conv(2, x, w, b, stride=stride, padding=padding)
    for dilation in [2, [3, 1], [1, 2]]:
        yield conv(2, x, w, dilation=dilation, padding=2)
        yield conv(2, x, w, b, dilation=dilation, padding=1, stride=[1, 2])
    yield conv(2, x, w, b, padding="same")
    yield conv(2, x, w, b, padding="valid")
    yield conv(2, x, draw("even", (3, 4, 4, 2)), padding="same", dilation=[2, 3])
    yield conv(2, x, draw("grouped", (6, 2, 3, 3)), b, groups=2, padding=1)
    yield conv(2, x, draw("depthwise", (4, 1, 3, 3)), draw("b4", (4,)), groups=4, padding=1)
    yield conv(2, x, draw("depthwise twice", (8, 1, 3, 3)), groups=4, stride=2, padding=1)
    yield conv(2, draw("pixel", (1, 1, 1, 1)), draw("wp", (3, 1, 3, 3)), padding=1)
    yield conv(2, draw("channels", (1, 17, 3, 3)), draw("wc", (33, 17, 1, 1)))
    yield conv(2, draw("seven", (7, 3, 6, 6)), draw("w7", (17, 3, 5, 5)), draw("b17", (17,)), padding=2, stride=3)
    yield conv(1, draw("sequence", (2, 3, 11)), draw("w1", (5, 3, 4)), draw("b5", (5,)), stride=2, padding=3, dilation=2)
    yield conv(1, draw("sequence", (2, 4, 11)), draw("w1g", (6, 2, 3)), groups=2, padding="same")
    yield conv(3, draw("volume", (2, 3, 4, 5, 3)), draw("w3", (4, 3, 2, 3, 2)), draw("b4", (4,)), stride=[1, 2, 1], padding=[1, 1, 0])
    yield conv(3, draw("volume", (1, 2, 3, 3, 4)), draw("w3d", (4, 1, 2, 2, 2)), groups=2, dilation=[1, 2, 1])
    special = draw("special", (1, 2, 5, 5))
    special[0, 0, 0, 0], special[0, 1, 4, 4], special[0, 1, 2, 2] = math.nan, math.inf, -math.inf
    yield conv(2, special, draw("ws", (2, 2, 3, 3)), padding=1, note="NaN and infinities")

    y, u = draw("y", (2, 6, 4, 3)), draw("u", (6, 4, 3, 2))
    b4 = draw("b4", (4,))
    yield transposed(2, y, u, b4)
    yield transposed(2, y, u, stride=2, padding=1, output_padding=[1, 0])
    yield transposed(2, y, u, b4, stride=[3, 2], output_padding=[2, 1])
    yield transposed(2, y, u, dilation=2, padding=[1, 0], output_padding=1)
    yield transposed(2, y, draw("ug", (6, 2, 3, 3)), draw("b6", (6,)), groups=3, stride=2, padding=1)
    yield transposed(1, draw("ys", (2, 3, 7)), draw("us", (3, 5, 4)), draw("b5", (5,)), stride=2, padding=1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("convolution.json", cases=[case.record() for case in cases()])
