#!/usr/bin/python3
"""Pooling: pooling.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, write

NAMES = {"stride": "stride", "padding": "padding", "dilation": "dilation", "ceil_mode": "ceilMode", "count_include_pad": "countIncludePad", "divisor_override": "divisorOverride"}


def pooling(op, function, x, kernel_size, note, options):
    args = {NAMES[name]: value for name, value in options.items()}
    return Case(op, lambda t: function(t, kernel_size, **options), x, note=note, kernelSize=kernel_size, options=args)


def average(x, kernel_size, note="", **options):
    return pooling("avgPool2d", F.avg_pool2d, x, kernel_size, note, options)


def maximum(x, kernel_size, note="", **options):
    return pooling("maxPool2d", F.max_pool2d, x, kernel_size, note, options)


def pooling_cases():
    images = draw("images", (1, 2, 7, 5))
    for kernel_size in [1, 2, 3, [2, 3], 5]:
        yield average(images, kernel_size)
    for stride in [1, 2, 3, [3, 1], 8]:
        yield average(images, 3, stride=stride)
        yield average(images, 3, stride=stride, padding=1)
        yield average(images, 3, stride=stride, padding=1, count_include_pad=False)
        for count_include_pad in [True, False]:
            yield average(images, 3, stride=stride, padding=1, ceil_mode=True, count_include_pad=count_include_pad)
            yield average(images, [2, 3], stride=stride, padding=[1, 0], ceil_mode=True, count_include_pad=count_include_pad)
    yield average(images, 2, divisor_override=3)
    yield average(images, 3, stride=2, padding=1, ceil_mode=True, divisor_override=-5)
    yield average(draw("pixel", (1, 1, 1, 1)), 1)
    yield average(draw("pixel", (1, 1, 1, 1)), 2, padding=1)
    yield average(draw("channels", (1, 17, 4, 2)), 2)
    yield average(draw("wide", (1, 1, 2, 45)), [2, 3], stride=[1, 2], padding=[0, 1], ceil_mode=True)
    yield average(draw("seven", (7, 1, 2, 20)), [2, 3], stride=1, padding=1, count_include_pad=False)
    special = draw("special", (1, 3, 6, 6))
    special[0, 0, 0, 0], special[0, 1, 5, 5], special[0, 2, 2, 2], special[0, 2, 2, 3] = math.nan, math.inf, math.inf, -math.inf
    yield average(special, 3, stride=2, padding=1, note="NaN and infinities")

    for kernel_size in [1, 2, 3, [2, 3], 5]:
        yield maximum(images, kernel_size)
    for stride in [1, 2, [3, 1], 8]:
        for ceil_mode in [False, True]:
            yield maximum(images, 3, stride=stride, padding=1, ceil_mode=ceil_mode)
            yield maximum(images, [2, 3], stride=stride, padding=[1, 0], ceil_mode=ceil_mode)
            yield maximum(images, 2, stride=stride, padding=1, dilation=[3, 2], ceil_mode=ceil_mode)
    yield maximum(draw("pixel", (1, 1, 1, 1)), 2, padding=1)
    yield maximum(draw("channels", (1, 17, 4, 2)), 2)
    yield maximum(draw("seven", (7, 1, 2, 20)), [2, 3], stride=1, padding=1)
    yield maximum(draw("large", (1, 2, 17, 18)), 17, stride=1, padding=[0, 1], note="more places than a byte can number")
    yield maximum(torch.round(draw("equals", (1, 2, 6, 7))), 3, stride=2, padding=1, note="equals")
    yield maximum(torch.zeros(1, 1, 4, 4), 2, stride=1, note="all equal")
    yield maximum(torch.full((1, 1, 4, 4), -math.inf), 2, padding=1, note="nothing above the padding")
    yield maximum(special, 3, stride=2, padding=1, note="NaN and infinities")
    for output_size, shape in [(1, (2, 3, 7, 5)), ([3, 2], (1, 2, 6, 4)), ([2, 3], (1, 17, 5, 7)), ([5, 2], (1, 2, 3, 2)), (4, (1, 1, 4, 4))]:
        yield Case("adaptiveAvgPool2d", lambda t, size=output_size: F.adaptive_avg_pool2d(t, size), draw("adaptive", shape), outputSize=output_size)


if __name__ == "__main__":
    write("pooling.json", functions=[case.record() for case in pooling_cases()])
