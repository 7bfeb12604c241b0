#!/usr/bin/python3
"""Averages of weights: averages.json."""
import torch

from shared import draw, numbers, write
from optimizers import LONG


def average_runs():
    """AveragedModel of a parameter that Adam trains, after each step: with a decay, and as a mean from step 20, every 5."""
    decay, start, every = 0.9, 20, 5
    for kind in ["exponential", "stochastic"]:
        model = torch.nn.Module()
        model.weight = torch.nn.Parameter(draw("parameter", (5,)))
        exponential = lambda average, weight, count: decay * average + (1 - decay) * weight
        averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=exponential if kind == "exponential" else None)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        after = []
        for step, gradient in enumerate(draw("gradients", (LONG, 5), -1, 1)):
            model.weight.grad = gradient.clone()
            optimizer.step()
            if kind == "exponential" or (step >= start and (step - start) % every == 0):
                averaged.update_parameters(model)
            after.append(numbers(averaged.module.weight))
        yield {"kind": kind, "decay": decay, "start": start, "every": every, "after": after}


if __name__ == "__main__":
    write("averages.json", runs=list(average_runs()))
