#!/usr/bin/python3
"""Full training steps in PyTorch, driven over standard input by bench/steps.ts, so that both sides take turns in one window.

A line in, a line out, JSON:
    {"prepare": {"sizes": [784, 512, 256, 10], "batch": 128, "mode": "foreach"}, "threads": 1, "warmup": 20}   -> {"version": ..., "loss": ...}
    {"run": 50}                                                                                                -> {"ms": mean of a step, "loss": ...}

Modes, each a way in which people make a small PyTorch training loop fast:
    foreach   eager, Adam(foreach=True)
    single    eager, Adam(foreach=False)
    flat      eager, every parameter and gradient a view into one flat tensor, which is all that Adam sees
    traced    forward and loss traced by torch.jit, Adam(foreach=True)
    traced+flat
"""
import json
import sys
import time
import warnings

import torch
import torch.nn.functional as F

warnings.filterwarnings("ignore")


def flatten(model):
    """Makes parameters and gradients views into one tensor each; returns that tensor."""
    parameters = list(model.parameters())
    flat = torch.nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
    flat.grad = torch.zeros_like(flat)
    at = 0
    for p in parameters:
        p.data = flat.data[at : at + p.numel()].view_as(p)
        p.grad = flat.grad[at : at + p.numel()].view_as(p)
        at += p.numel()
    return flat


class Training:
    def __init__(self, sizes, batch, mode):
        torch.manual_seed(0)
        layers = []
        for i, o in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        self.x = torch.rand(batch, sizes[0])
        self.y = torch.randint(0, sizes[-1], (batch,))
        self.flat = flatten(model) if "flat" in mode else None
        parameters = [self.flat] if self.flat is not None else model.parameters()
        self.optimizer = torch.optim.Adam(parameters, lr=1e-3, foreach=mode in ("foreach", "traced"))
        self.loss = lambda x, y: F.cross_entropy(model(x), y)
        if "traced" in mode:
            self.loss = torch.jit.trace(self.loss_module(model), (self.x, self.y))

    @staticmethod
    def loss_module(model):
        class WithLoss(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, x, y):
                return F.cross_entropy(self.model(x), y)

        return WithLoss()

    def step(self):
        if self.flat is None:
            self.optimizer.zero_grad(set_to_none=True)
        else:
            self.flat.grad.zero_()
        loss = self.loss(self.x, self.y)
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            loss = self.step()
        value = loss.item()
        return {"ms": (time.perf_counter() - start) * 1e3 / steps, "loss": value}


def main():
    training = None
    for line in sys.stdin:
        command = json.loads(line)
        if "prepare" in command:
            torch.set_num_threads(command["threads"])
            training = Training(**command["prepare"])
            answer = {"version": torch.__version__, **training.run(command["warmup"])}
        else:
            answer = training.run(command["run"])
        print(json.dumps(answer), flush=True)


main()
