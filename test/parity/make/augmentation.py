#!/usr/bin/python3
"""Transforms of images, whose ranges have one number: augmentation.json. Debian 12: apt-get install python3-torchvision (0.14.1)."""
import json

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from shared import HERE, whole

IMAGES = {
    "small": torch.tensor([(c * 91 + y * 13 + x * x * 7) % 256 for c in range(3) for y in range(11) for x in range(8)], dtype=torch.uint8).reshape(3, 11, 8),
    "large": torch.tensor([(c * 50 + (y * y + 3 * x) // 4) % 256 for c in range(3) for y in range(24) for x in range(37)], dtype=torch.uint8).reshape(3, 24, 37),
    "wide": torch.tensor([(y * 31 + x * x) % 256 for y in range(6) for x in range(45)], dtype=torch.uint8).reshape(1, 6, 45),
    "colours": whole("colours", (3, 12, 16), 0, 256).to(torch.uint8),
}
IMAGES["colours"][:, 0] = IMAGES["colours"][0, 0]  # greys
MODES = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}


def cases():
    """Transform, its arguments, and what torchvision makes of an image."""
    yield "randomHorizontalFlip", [{"p": 1}], F.hflip
    yield "randomVerticalFlip", [{"p": 1}], F.vflip
    for mode in ["constant", "edge", "reflect", "symmetric"]:
        for name in ["small", "wide"]:
            image = IMAGES[name]
            size = [image.shape[1] + 8, image.shape[2] + 6]
            options = {"padding": [4, 3], "paddingMode": mode, "fill": 7 if mode == "constant" else 0}
            yield "randomCrop", [size, options], lambda x, o=options: F.pad(x, [3, 4], o["fill"], o["paddingMode"]), name
    for interpolation, mode in MODES.items():
        # Where it interpolates beside an image, torchvision counts the image's share twice, so that edges are darker than either.
        fill = [30, 30, 30] if interpolation == "nearest" else None
        for degrees in [0, 20, -75.5, 200]:
            options = {"interpolation": interpolation, "fill": 30 if fill else 0}
            yield "randomRotation", [[degrees, degrees], options], lambda x, d=degrees, m=mode, f=fill: F.rotate(x, d, m, fill=f)
            for scale, sx, sy in [(1, 0, 0), (0.7, 12, 0), (1.6, -20, 25)]:
                options = {"scale": [scale, scale], "shear": [sx, sx, sy, sy], "interpolation": interpolation, "fill": 30 if fill else 0}
                yield "randomAffine", [[degrees, degrees], options], lambda x, d=degrees, s=scale, shear=(sx, sy), m=mode, f=fill: F.affine(x, d, [0, 0], s, list(shear), m, fill=f)
    for name in ["small", "large"]:
        image = IMAGES[name]
        ratio = image.shape[2] / image.shape[1]
        for size in [[5, 4], [11, 8], [23, 17], [1, 1], [30, 7]]:
            options = {"scale": [1, 1], "ratio": [ratio, ratio]}
            yield "randomResizedCrop", [size, options], lambda x, s=size: F.resize(x, s, InterpolationMode.BILINEAR, antialias=True), name
    for option, function, factors in [
        ("brightness", F.adjust_brightness, [0, 0.4, 1, 1.7]),
        ("contrast", F.adjust_contrast, [0, 0.4, 1, 1.7]),
        ("saturation", F.adjust_saturation, [0, 0.4, 1, 1.7]),
        ("hue", F.adjust_hue, [-0.5, -0.2, 0, 0.05, 0.4]),
    ]:
        for factor in factors:
            yield "colorJitter", [{option: [factor, factor]}], lambda x, f=function, by=factor: f(x, by), "colours"


def rows():
    for name, args, run, *image in cases():
        x = IMAGES[image[0] if image else "small"]
        y = run(x)
        yield {"transform": name, "args": args, "image": image[0] if image else "small", "shape": list(y.shape), "data": y.reshape(-1).tolist()}


images = {name: {"shape": list(x.shape), "data": x.reshape(-1).tolist()} for name, x in IMAGES.items()}
(HERE / "augmentation.json").write_text(json.dumps({"images": images, "cases": list(rows())}, separators=(",", ":")) + "\n")
