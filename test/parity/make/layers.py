#!/usr/bin/python3
"""Layers, and where initialisers end: layers.json."""
import math

import torch
import torch.nn.functional as F

from shared import Case, draw, write


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


if __name__ == "__main__":
    write("layers.json", cases=[case.record() for case in layer_cases()], bounds=bounds())
