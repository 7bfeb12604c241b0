#!/usr/bin/python3
"""Padding, interpolation, pixels and channels: resampling.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, write


def padding(x, pads, note="", **options):
    return Case("pad", lambda t: F.pad(t, pads, **options), x, note=note, pad=pads, options=options)


def interpolation(x, mode, note="", **options):
    names = {"size": "size", "scale_factor": "scaleFactor", "align_corners": "alignCorners", "antialias": "antialias"}
    args = {names[name]: value for name, value in options.items()}
    return Case("interpolate", lambda t: F.interpolate(t, mode=mode, **options), x, note=note, options={"mode": mode, **args})


SEQUENCES, IMAGES, VOLUMES = draw("sequences", (2, 3, 5)), draw("images", (2, 3, 4, 5)), draw("volumes", (1, 2, 3, 4, 2))
SPECIAL = draw("special", (1, 1, 3, 4))
SPECIAL[0, 0, 0, 0], SPECIAL[0, 0, 1, 3], SPECIAL[0, 0, 2, 1] = math.nan, math.inf, -math.inf


def padding_cases():
    for x, pads in [(draw("row", (7,)), [1, 2]), (IMAGES, [1, 0]), (IMAGES, [0, 2, 1, 1]), (IMAGES, [1, 1, 0, 0, 2, 1, 0, 1]), (IMAGES, [-1, 2, 1, -3]), (IMAGES, [-2, -3]), (IMAGES, [])]:
        yield padding(x, pads)
        yield padding(x, pads, value=-1.5)
    yield padding(SPECIAL, [1, 1, 1, 1], value=4.25, note="NaN and infinities")
    for mode in ["reflect", "replicate", "circular"]:
        for x, pads in [
            (SEQUENCES, [2, 3]), (SEQUENCES, [4, 0]), (SEQUENCES[0], [1, 1]), (SEQUENCES, [-1, 2]), (IMAGES, [1, 2, 3, 0]), (IMAGES, [4, 4, 3, 3]), (IMAGES, [0, 0, 1, 1]),
            (IMAGES, [-1, 1, 2, -2]), (IMAGES, [3, -1, -1, -1]), (IMAGES[1], [2, 1, 0, 1]), (VOLUMES, [1, 0, 2, 3, 2, 1]), (VOLUMES, [0, 1, -1, -2, 0, 1]), (VOLUMES[0], [1, 1, 1, 1, 1, 1]), (draw("pixel", (7, 1, 1, 1)), [0, 0, 0, 0]),
        ]:
            if mode != "circular" or x.dim() == len(pads) // 2 + 2:  # torch 1.13 wants a batch there
                yield padding(x, pads, mode=mode)
        yield padding(SPECIAL, [1, 2, 1, 1], mode=mode, note="NaN and infinities")
    yield padding(IMAGES, [7, 9, 5, 6], mode="replicate")


def interpolation_cases():
    for mode in ["nearest", "nearest-exact"]:
        for x in [SEQUENCES, IMAGES, VOLUMES[:, :1]]:
            for size in [1, 3, 4, 10] if x.dim() < 5 else [1, 3]:
                yield interpolation(x, mode, size=size)
            for factor in [2, 0.5, 0.7, 2.6] if x.dim() < 5 else [1.5]:
                yield interpolation(x, mode, scale_factor=factor)
        yield interpolation(IMAGES, mode, size=[3, 9])
        yield interpolation(SPECIAL, mode, size=[5, 7], note="NaN and infinities")
        # Many positions that are nearly whole.
        yield interpolation(draw("many", (1, 1, 21)), mode, size=63)
        yield interpolation(draw("more", (1, 1, 49)), mode, size=245)
        yield interpolation(draw("fewer", (1, 1, 180)), mode, size=20)
    for mode, x in [("linear", SEQUENCES), ("bilinear", IMAGES[:1]), ("bicubic", IMAGES[:1]), ("trilinear", VOLUMES[:, :1])]:
        for align_corners in [False, True]:
            for size in [1, 2, 5, 8] if x.dim() < 5 else [1, 4]:
                yield interpolation(x, mode, size=size, align_corners=align_corners)
            for factor in [2, 0.5, 1.7] if x.dim() < 5 else [1.5]:
                yield interpolation(x, mode, scale_factor=factor, align_corners=align_corners)
        yield interpolation(x[:, :1], mode, size=6)
        yield interpolation(draw("pixel", (7,) + (1,) * (x.dim() - 1)), mode, size=3)
    yield interpolation(IMAGES, "bilinear", size=[7, 3])
    yield interpolation(IMAGES, "bicubic", scale_factor=[2, 0.5])
    yield interpolation(draw("channels", (1, 17, 3, 4)), "bilinear", scale_factor=2)
    yield interpolation(SPECIAL, "bilinear", size=[7, 5], note="NaN and infinities")
    yield interpolation(draw("long", (1, 1, 300)), "linear", size=451)
    yield interpolation(draw("wide", (1, 1, 2, 200)), "bicubic", size=[3, 50])


def antialias_cases():
    large = draw("large", (1, 2, 9, 13))
    for mode in ["bilinear", "bicubic"]:
        for size in [1, 4, [5, 3], [9, 6], [12, 20], [9, 13]]:
            yield interpolation(large, mode, size=size, antialias=True)
        for factor in [0.3, [0.5, 0.7], 1.6]:
            yield interpolation(large, mode, scale_factor=factor, antialias=True)
        yield interpolation(large, mode, size=[2, 5], antialias=True, align_corners=True)
        yield interpolation(draw("tall", (1, 1, 40, 2)), mode, size=[3, 2], antialias=True)
        yield interpolation(draw("pixel", (2, 3, 1, 1)), mode, size=[3, 1], antialias=True)


def shuffle_cases():
    for shape, factor in [((2, 12, 2, 3), 2), ((9, 1, 2), 3), ((1, 3, 2, 2), 1), ((2, 2, 4, 1, 3), 2)]:
        yield Case("pixelShuffle", lambda t, r=factor: F.pixel_shuffle(t, r), draw("shuffle", shape), upscaleFactor=factor)
    for shape, factor in [((2, 3, 4, 6), 2), ((1, 3, 9), 3), ((1, 3, 2, 2), 1)]:
        yield Case("pixelUnshuffle", lambda t, r=factor: F.pixel_unshuffle(t, r), draw("unshuffle", shape), downscaleFactor=factor)


if __name__ == "__main__":
    write("resampling.json", functions=[case.record() for cases in (padding_cases(), interpolation_cases(), antialias_cases(), shuffle_cases()) for case in cases])
