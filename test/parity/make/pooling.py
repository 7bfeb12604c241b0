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


def other_ranks(special):
    """Of one axis and three, without a batch, norms."""
    sequences, volumes, images = draw("sequences", (2, 3, 11)), draw("volumes", (1, 2, 4, 5, 3)), draw("norms", (1, 2, 7, 5))
    for options in [{}, {"stride": 1, "padding": 1}, {"stride": 3, "padding": 1, "ceil_mode": True}]:
        yield pooling("avgPool1d", F.avg_pool1d, sequences, 3, "", {**options, "count_include_pad": False})
        yield pooling("avgPool3d", F.avg_pool3d, volumes, [2, 3, 2], "", {**options})
        yield pooling("maxPool1d", F.max_pool1d, sequences, 3, "", options)
        yield pooling("maxPool3d", F.max_pool3d, volumes, [2, 3, 2], "", options)
    yield pooling("maxPool1d", F.max_pool1d, sequences, 3, "", {"dilation": 2})
    yield pooling("avgPool1d", F.avg_pool1d, sequences[0], 2, "", {})
    yield pooling("maxPool1d", F.max_pool1d, sequences[0], 2, "", {})
    yield pooling("avgPool2d", F.avg_pool2d, images[0], 2, "", {"divisor_override": 3})
    yield pooling("maxPool2d", F.max_pool2d, images[0], 2, "", {"padding": 1})
    yield pooling("maxPool3d", F.max_pool3d, volumes[0], 2, "", {"stride": 1})
    for size in [1, 4, 5, 13]:
        yield Case("adaptiveAvgPool1d", lambda t, n=size: F.adaptive_avg_pool1d(t, n), sequences, outputSize=size)
        yield Case("adaptiveMaxPool1d", lambda t, n=size: F.adaptive_max_pool1d(t, n), sequences, outputSize=size)
    for size in [1, [2, 3, 2], [3, 2, 4]]:
        yield Case("adaptiveAvgPool3d", lambda t, n=size: F.adaptive_avg_pool3d(t, n), volumes, outputSize=size)
        yield Case("adaptiveMaxPool3d", lambda t, n=size: F.adaptive_max_pool3d(t, n), volumes, outputSize=size)
    yield Case("adaptiveAvgPool2d", lambda t: F.adaptive_avg_pool2d(t, [3, 2]), images[0], outputSize=[3, 2])
    positive = draw("positive", (1, 2, 7, 5), 0.25, 2)
    for norm_type, x in [(1, images), (2, images), (3, positive), (2.5, positive), (-2, positive)]:
        for ceil_mode, stride in [(False, None), (True, 2), (False, 1)]:
            options = {"ceilMode": ceil_mode} if stride is None else {"ceilMode": ceil_mode, "stride": stride}
            yield Case("lpPool2d", lambda t, p=norm_type, c=ceil_mode, s=stride: F.lp_pool2d(t, p, [2, 3], stride=s, ceil_mode=c), x, normType=norm_type, kernelSize=[2, 3], options=options)
    yield Case("lpPool1d", lambda t: F.lp_pool1d(t, 2, 3, ceil_mode=True), sequences, normType=2, kernelSize=3, options={"ceilMode": True})
    yield Case("lpPool2d", lambda t: F.lp_pool2d(t, 2, 2), special, note="NaN and infinities", grad=False, normType=2, kernelSize=2)


def unpooling_cases():
    """Of windows that lie apart, and of windows that overlap, whose maxima are named more than once."""
    for op, pool, unpool, shape, kernel, options in [
        ("maxUnpool1d", F.max_pool1d, F.max_unpool1d, (2, 3, 9), 2, {}),
        ("maxUnpool1d", F.max_pool1d, F.max_unpool1d, (3, 9), 3, {"padding": 1, "stride": 2}),
        ("maxUnpool2d", F.max_pool2d, F.max_unpool2d, (2, 3, 6, 5), 2, {"size": [6, 5]}),
        ("maxUnpool2d", F.max_pool2d, F.max_unpool2d, (3, 7, 5), [2, 3], {"stride": [2, 1], "size": [7, 5]}),
        ("maxUnpool2d", F.max_pool2d, F.max_unpool2d, (7, 1, 5, 5), 3, {"stride": 2, "padding": 1}),
        ("maxUnpool2d", F.max_pool2d, F.max_unpool2d, (2, 2, 7, 7), 3, {"stride": 2, "size": [7, 8]}),
        ("maxUnpool3d", F.max_pool3d, F.max_unpool3d, (1, 2, 4, 5, 6), 2, {"size": [4, 5, 6]}),
        ("maxUnpool3d", F.max_pool3d, F.max_unpool3d, (2, 3, 4, 5), [1, 2, 3], {"stride": [2, 1, 2], "size": [3, 4, 5]}),
    ]:
        size = options.pop("size", None)
        values, indices = pool(draw("unpool", shape), kernel, return_indices=True, **options)
        more = {} if size is None else {"outputSize": size}
        yield Case(op, lambda t, i, u=unpool, k=kernel, o=options, s=size: u(t, i, k, output_size=s, **o), values, indices, kernelSize=kernel, options={**options, **more})


def indices_cases():
    """Places of maxima: poolings of windows, and to a size, of which some divide evenly."""
    ranks = {1: (2, 3, 11), 2: (1, 2, 7, 5), 3: (1, 2, 4, 5, 3)}
    functions = {1: (F.max_pool1d, F.adaptive_max_pool1d), 2: (F.max_pool2d, F.adaptive_max_pool2d), 3: (F.max_pool3d, F.adaptive_max_pool3d)}
    for rank, shape in ranks.items():
        windows, adaptive = functions[rank]
        equals = torch.round(draw("equals", shape))
        for note, x in [("", draw("indices", shape)), ("equals", equals), ("without a batch", equals[0])]:
            for options in [{}, {"stride": 1, "padding": 1}, {"stride": 2, "padding": 1, "ceil_mode": True}]:
                yield pooling(f"maxPool{rank}dWithIndices", lambda t, k, f=windows, **o: f(t, k, return_indices=True, **o)[1], x, 2, note, options)
            for size in [1, 2, 3, shape[-1]]:
                yield Case(f"adaptiveMaxPool{rank}dWithIndices", lambda t, f=adaptive, s=size: f(t, s, return_indices=True)[1], x, note=note, outputSize=size)
    kept = [("Avg", F.adaptive_avg_pool2d, [None, 2]), ("Max", F.adaptive_max_pool2d, [3, None]), ("Avg", F.adaptive_avg_pool2d, [None, None])]
    for reducer, function, size in kept:
        yield Case(f"adaptive{reducer}Pool2d", lambda t, f=function, s=size: f(t, s), draw("kept", (1, 2, 7, 5)), outputSize=size)
    for reducer, function in [("Avg", F.adaptive_avg_pool3d), ("Max", F.adaptive_max_pool3d)]:
        yield Case(f"adaptive{reducer}Pool3d", lambda t, f=function: f(t, [None, 2, 5]), draw("kept", (1, 2, 4, 5, 3)), outputSize=[None, 2, 5])


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
    yield from other_ranks(special)
    for output_size, shape in [(1, (2, 3, 7, 5)), ([3, 2], (1, 2, 6, 4)), ([2, 3], (1, 17, 5, 7)), ([5, 2], (1, 2, 3, 2)), (4, (1, 1, 4, 4))]:
        yield Case("adaptiveAvgPool2d", lambda t, size=output_size: F.adaptive_avg_pool2d(t, size), draw("adaptive", shape), outputSize=output_size)
        yield Case("adaptiveMaxPool2d", lambda t, size=output_size: F.adaptive_max_pool2d(t, size), draw("adaptive", shape), outputSize=output_size)
    yield Case("adaptiveMaxPool2d", lambda t: F.adaptive_max_pool2d(t, [2, 3]), torch.round(draw("equals", (1, 2, 5, 7))), note="equals", outputSize=[2, 3])
    yield Case("adaptiveMaxPool2d", lambda t: F.adaptive_max_pool2d(t, [4, 4]), special, note="NaN and infinities", outputSize=[4, 4])
    yield from unpooling_cases()
    yield from indices_cases()


if __name__ == "__main__":
    write("pooling.json", functions=[case.record() for case in pooling_cases()])
