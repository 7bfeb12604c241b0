#!/usr/bin/python3
"""Clipped gradients: clipping.json."""
import math

import torch

from shared import draw, numbers, shortest, write


STEPS = 20


CLIPPED = ((5,), (2, 3))


def clipped(shape):
    gradients = draw(f"gradients {shape}", (STEPS, *shape), -1, 1)
    return {"shape": list(shape), "parameter": numbers(draw(f"clipped {shape}", shape)), "gradients": [numbers(g) for g in gradients]}


def clip_runs():
    """Two parameters whose gradients are clipped before each step, and the norm that clip_grad_norm_ returns."""
    clips = [{"globalNorm": 1.5}, {"globalNorm": 3.0, "adam": True}, {"norm": 0.8}, {"value": 0.4}, {"value": 0.4, "adam": True}]
    for clip in clips:
        parameters = [draw(f"clipped {shape}", shape).requires_grad_() for shape in CLIPPED]
        optimizer = torch.optim.Adam(parameters, lr=0.01) if clip.get("adam") else torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
        after, norms = [], []
        for step in range(STEPS):
            for shape, parameter in zip(CLIPPED, parameters):
                parameter.grad = draw(f"gradients {shape}", (STEPS, *shape), -1, 1)[step].clone()
            norms.append(shortest(torch.nn.utils.clip_grad_norm_(parameters, clip.get("globalNorm", math.inf)).item()))
            for parameter in parameters:
                if "norm" in clip:
                    torch.nn.utils.clip_grad_norm_([parameter], clip["norm"])
            if "value" in clip:
                torch.nn.utils.clip_grad_value_(parameters, clip["value"])
            optimizer.step()
            after.append([x for parameter in parameters for x in numbers(parameter)])
        yield {"clip": {k: v for k, v in clip.items() if k != "adam"}, "adam": "adam" in clip, "after": after, "norms": norms}


if __name__ == "__main__":
    write("clipping.json", given=[clipped(shape) for shape in CLIPPED], runs=list(clip_runs()))
