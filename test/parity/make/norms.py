#!/usr/bin/python3
"""Normalisations: norms.json. Functions with their gradients, and layers with running statistics over three training batches and one evaluation."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, numbers, write

LAYERS = {
    "batchNorm1d": torch.nn.BatchNorm1d,
    "batchNorm2d": torch.nn.BatchNorm2d,
    "batchNorm3d": torch.nn.BatchNorm3d,
    "instanceNorm1d": torch.nn.InstanceNorm1d,
    "instanceNorm2d": torch.nn.InstanceNorm2d,
    "instanceNorm3d": torch.nn.InstanceNorm3d,
}


def rms_norm(x, weight, sizes, eps):
    """torch.nn.functional.rms_norm, which torch 1.13 has not."""
    axes = tuple(range(-len(sizes), 0))
    y = x * torch.rsqrt((x * x).mean(axes, keepdim=True) + eps)
    return y if weight is None else y * weight


def in_double(run):
    """PyTorch's formulas in double precision: what its float32 rounds away would count as a difference."""
    return lambda *tensors: run(*(t.double() for t in tensors)).float()


def affine(key, shape):
    return [draw(key + " weight", shape), draw(key + " bias", shape)]


def group(x, groups, weights, note="", eps=1e-5):
    return Case("groupNorm", in_double(lambda t, *w: F.group_norm(t, groups, *(w or (None, None)), eps)), x, *weights, note=note, numGroups=groups, eps=eps)


def instance(x, weights, note="", eps=1e-5):
    run = lambda t, *w: F.instance_norm(t, None, None, *(w or (None, None)), use_input_stats=True, eps=eps)
    return Case("instanceNorm", in_double(run), x, *weights, note=note, eps=eps)


def layer(x, sizes, weights, note="", eps=1e-5):
    return Case("layerNorm", in_double(lambda t, *w: F.layer_norm(t, sizes, *w, eps=eps)), x, *weights, note=note, normalizedShape=sizes, eps=eps)


def rms(x, sizes, weights, note="", eps=None):
    number = torch.finfo(torch.float32).eps if eps is None else eps
    return Case("rmsNorm", in_double(lambda t, *w: rms_norm(t, w[0] if w else None, sizes, number)), x, *weights, note=note, normalizedShape=sizes, eps=eps)


def with_value(x, value):
    x = x.clone()
    x.view(-1)[1] = value
    return x


def function_cases():
    for shape, groups in [((2, 6), 2), ((3, 4, 5), 4), ((2, 6, 3, 5), 1), ((1, 18, 2, 3), 3), ((7, 3, 2, 2), 3), ((2, 17, 1, 1), 1), ((2, 4, 2, 3, 2), 2), ((1, 64, 3), 2)]:
        x = draw("groups", shape)
        yield group(x, groups, [])
        yield group(x, groups, affine("groups", shape[1:2]), eps=1e-2)
    for shape in [(3, 4, 5), (2, 3, 4, 5), (1, 17, 3, 3), (7, 1, 3, 2), (2, 2, 2, 3, 2)]:
        x = draw("instances", shape)
        yield instance(x, [])
        yield instance(x, affine("instances", shape[1:2]), eps=1e-2)
    for shape, sizes in [((5, 7), [7]), ((2, 3, 8), [8]), ((2, 3, 5), [3, 5]), ((4,), [4]), ((2, 2, 3, 3), [2, 3, 3]), ((2, 131), [131]), ((1, 2, 64), [64])]:
        x = draw("tails", shape)
        weight, bias = affine("tails", tuple(sizes))
        yield layer(x, sizes, [])
        yield layer(x, sizes, [weight])
        yield layer(x, sizes, [weight, bias], eps=1e-2)
        yield rms(x, sizes, [])
        yield rms(x, sizes, [weight], eps=1e-2)
    # Constant rows, and one that is not finite: it spoils the row that it is in, and no other.
    yield layer(torch.full((2, 5), 3.0), [5], [], note="all equal")
    yield rms(torch.zeros(2, 5), [5], [], note="zeros")
    for value in [math.nan, math.inf, -math.inf]:
        yield layer(with_value(draw("row", (3, 9)), value), [9], [], note=str(value))
        yield rms(with_value(draw("row", (3, 9)), value), [9], [], note=str(value))
        yield group(with_value(draw("pixels", (2, 4, 7)), value), 2, affine("pixels", (4,)), note=str(value))
        yield instance(with_value(draw("pixels", (2, 4, 7)), value), [], note=str(value))


def running(name, shape, options, weights):
    """Three batches in training, then one in evaluation."""
    names = {"affine": "affine", "track_running_stats": "trackRunningStats", "momentum": "momentum", "eps": "eps"}
    module = LAYERS[name](shape[1], **options)
    state = {}
    if module.affine:
        module.weight.data, module.bias.data = weights
        state = {"weight": numbers(module.weight), "bias": numbers(module.bias)}
    steps = []
    for step in range(3):
        x = (draw(f"{name} {step}", shape) * 2 + step).requires_grad_()
        y = module(x)
        dy = draw(f"{name} {step} dy", shape)
        grads = torch.autograd.grad(y, [x, *module.parameters()], dy)
        statistics = [numbers(t) for t in [module.running_mean, module.running_var]] if module.track_running_stats else None
        steps.append({"x": numbers(x), "dy": numbers(dy), "y": numbers(y), "grads": [numbers(g) for g in grads], "running": statistics})
    module.eval()
    x = draw(f"{name} evaluation", shape)
    given = {names[key]: value for key, value in options.items()}
    title = f"{name} {list(shape)} " + " ".join(f"{key} {value}" for key, value in given.items())
    return {"name": title.strip(), "layer": name, "shape": list(shape), "options": given, "state": state, "steps": steps, "evaluation": {"x": numbers(x), "y": numbers(module(x))}}


def layer_cases():
    shapes = {"batchNorm1d": [(6, 4), (3, 2, 5)], "batchNorm2d": [(2, 3, 3, 4)], "batchNorm3d": [(2, 2, 2, 3, 2)], "instanceNorm1d": [(3, 2, 5)], "instanceNorm2d": [(2, 3, 3, 4)], "instanceNorm3d": [(2, 2, 2, 3, 2)]}
    for name, each in shapes.items():
        for shape in each:
            weights = affine(name, shape[1:2])
            yield running(name, shape, {}, weights)
            yield running(name, shape, {"affine": name.startswith("instance"), "track_running_stats": name.startswith("instance"), "eps": 1e-2}, weights)
            yield running(name, shape, {"affine": True, "track_running_stats": True, "momentum": 0.5}, weights)
            if name.startswith("batch"):
                yield running(name, shape, {"momentum": None}, weights)


if __name__ == "__main__":
    write("norms.json", cases=[case.record() for case in function_cases()], layers=list(layer_cases()))
