#!/usr/bin/python3
"""examples/mnist.ts in PyTorch, as lean as it can be written: images stay bytes, and a batch is cast and normalised when it is used.

    torch_mnist.py first                  up to the end of the first step, over 60,000 images made in memory
    torch_mnist.py train <folder>         one epoch over MNIST's IDX files, then the test images

Prints JSON: milliseconds to subtract from the start, those that making the images took; accuracy, and the peak of resident memory in KB.
"""
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F

BATCH = 128


def read(folder, part):
    with open(f"{folder}/{part}-images-idx3-ubyte", "rb") as images, open(f"{folder}/{part}-labels-idx1-ubyte", "rb") as labels:
        x = torch.frombuffer(bytearray(images.read()[16:]), dtype=torch.uint8).view(-1, 784)
        y = torch.frombuffer(bytearray(labels.read()[8:]), dtype=torch.uint8).long()
    return x, y


def normalised(x):
    return (x.float() / 255 - 0.1307) / 0.3081


def train(x, y, batches):
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for rows in torch.randperm(len(x)).split(BATCH)[:batches]:
        loss = F.cross_entropy(model(normalised(x[rows])), y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return model


def main():
    if sys.argv[1] == "first":
        start = time.perf_counter()
        x, y = torch.ones(60_000, 784, dtype=torch.uint8), torch.full((60_000,), 3)
        made = (time.perf_counter() - start) * 1e3
        train(x, y, 1)
        answer = {"arrays": made}
    else:
        model = train(*read(sys.argv[2], "train"), None)
        x, y = read(sys.argv[2], "t10k")
        with torch.no_grad():
            right = sum((model(normalised(xs)).argmax(1) == ys).sum().item() for xs, ys in zip(x.split(1000), y.split(1000)))
        answer = {"accuracy": right / len(x)}
    print(json.dumps({**answer, "maxRss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)


main()
