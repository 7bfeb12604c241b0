#!/usr/bin/python3
"""Optimizers on gradients that are given: optimizers.json, and with PyTorch 2.6 what 1.13 does not have, or has otherwise: optimizers-2.json."""
import math

import torch

from shared import draw, numbers, shortest, write


LONG = 100


def optimized(make, rates=None, shape=(5,)):
    """The parameter after each step on gradients that are given, so that nothing but the optimizer is compared."""
    parameter = draw("parameter", shape).requires_grad_()
    optimizer = make([parameter])
    after = []
    for step, gradient in enumerate(draw("gradients", (LONG, *shape), -1, 1)):
        if rates is not None:
            optimizer.param_groups[0]["lr"] = rates[step]
        parameter.grad = gradient.clone()
        optimizer.step()
        after.append(numbers(parameter))
    return after


def optimizer_runs():
    # Not NAdam: 1.13 has one factor mu too many in it (mended in 2.0). test/optim/rules.test.ts goes by the paper.
    # Gradients are about 1, so that a forgotten eps shows only where it is large.
    decay, up, wide = {"weight_decay": 0.05}, {"maximize": True}, {"eps": 0.1}
    both = {**decay, **up}
    variants = {
        "sgd": [{"lr": 0.1, **more} for more in [
            {}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.25}, {"momentum": 0.9, "nesterov": True}, decay,
            {"momentum": 0.8, "nesterov": True, **decay}, {"momentum": 0.5, **up}, both, {"momentum": 0.8, "nesterov": True, **both}]],
        "adam": [{}] + [{"lr": 0.01, **more} for more in [
            {}, {"betas": [0.8, 0.95], "eps": 1e-6}, decay, up, {"amsgrad": True}, {"amsgrad": True, **decay}, wide, {"amsgrad": True, **wide, **both}]],
        "adamw": [{}] + [{"lr": 0.01, **more} for more in [
            {"weight_decay": 0.1}, {"weight_decay": 0.1, "amsgrad": True}, up, {"weight_decay": 0.1, **wide, **up}]],
        "adamax": [{}, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6}, decay, up, {"lr": 0.01, **wide}, both],
        "radam": [{}, {"lr": 0.01}, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6}, {"lr": 0.01, **decay}, {"lr": 0.01, "betas": [0.8, 0.9], **wide}],
        "rmsprop": [{}, {"alpha": 0.9, "eps": 1e-6}, {"momentum": 0.9}, {"centered": True}, {"centered": True, "momentum": 0.5, **decay}, up,
            wide, {"momentum": 0.5, **wide, **both}, {"centered": True, **wide}, {"centered": True, "momentum": 0.5, **wide, **both}],
        "adagrad": [{}, {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1}, decay, up, {"lr": 0.1, **wide, **both}],
        "adadelta": [{}, {"lr": 0.5, "rho": 0.8, "eps": 1e-5}, decay, up, {**wide, **both}],
    }
    classes = {
        "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax,
        "radam": torch.optim.RAdam, "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta,
    }
    for kind, sets in variants.items():
        for options in sets:
            arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
            yield {"kind": kind, "options": options, "after": optimized(lambda p: classes[kind](p, **arguments))}


def given(shape):
    return {"parameter": numbers(draw("parameter", shape)), "gradients": [numbers(g) for g in draw("gradients", (LONG, *shape), -1, 1)]}


MATRIX = (3, 4)


def optimizer_runs_of_2():
    """Options that 1.13 does not have, has otherwise (NAdam), or that are the same in both (ASGD, Rprop); Adafactor on a matrix."""
    decay, up, wide = {"weight_decay": 0.05}, {"maximize": True}, {"eps": 0.1}
    apart = {"decoupled_weight_decay": True, "weight_decay": 0.1}
    # Squares decay fast, so that they fall below their largest: with 0.999 they rise all the way.
    short = {"lr": 0.01, "betas": [0.8, 0.5], "amsgrad": True}
    variants = {
        torch.optim.Adam: [short, {**short, **decay}, {**short, **decay, **up}],
        torch.optim.AdamW: [short, {**short, "weight_decay": 0.1}, {**short, "weight_decay": 0.1, **up}],
        torch.optim.NAdam: [{}, {"lr": 0.01, **decay}, {"lr": 0.01, **apart}, {"lr": 0.01, "betas": [0.8, 0.95], "momentum_decay": 0.1, **apart, **wide, **up}],
        torch.optim.RAdam: [{"lr": 0.01, **up}, {"lr": 0.01, **apart}, {"lr": 0.01, "betas": [0.8, 0.95], **apart, **wide, **up}],
        torch.optim.ASGD: [{}, {"lr": 0.1, "lambd": 0.1, "alpha": 0.6}, {"lr": 0.1, "lambd": 0.01, "t0": 10, **decay}, {"lr": 0.1, "t0": 0, **decay, **up}],
        torch.optim.Rprop: [{}, {"lr": 0.1, "etas": [0.3, 1.5]}, {"lr": 0.1, "step_sizes": [0.05, 0.2]}, {"lr": 0.05, **up}],
        # Rates of at most 1 / sqrt(t), above which PyTorch's holds them.
        torch.optim.Adafactor: [{}, {"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.05, "d": 1.1, **decay, **up}],
    }
    for kind, sets in variants.items():
        for options in sets:
            shape = MATRIX if kind is torch.optim.Adafactor else (5,)
            arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
            yield {"kind": kind.__name__.lower(), "options": options, "shape": shape, "after": optimized(lambda p: kind(p, **arguments), shape=shape)}


PROBLEMS = {
    "convex": lambda x: (torch.exp(x) - 3 * x + x * x).sum(),
    "rosenbrock": lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
}


def lbfgs_runs():
    """Few iterations a step and few steps: where the loss is as low as it gets, what remains is rounding."""
    searched = {"line_search_fn": "strong_wolfe"}
    runs = [("convex", 4, {"max_iter": 3}), ("convex", 2, {"max_iter": 3, "lr": 0.5, "history_size": 2}), ("convex", 3, {"max_iter": 2, **searched}),
            ("rosenbrock", 6, {"max_iter": 3, **searched}), ("rosenbrock", 6, {"max_iter": 4, "max_eval": 4, "lr": 2.0, "history_size": 3, **searched}),
            ("rosenbrock", 4, {"max_iter": 2, "lr": 0.01})]
    for problem, steps, options in runs:
        parameter = draw("parameter", (5,), -1, 1).requires_grad_()
        optimizer = torch.optim.LBFGS([parameter], **options)

        def closure():
            optimizer.zero_grad()
            loss = PROBLEMS[problem](parameter)
            loss.backward()
            return loss

        start, losses, after = numbers(parameter), [], []
        for _ in range(steps):
            losses.append(shortest(optimizer.step(closure).item()))
            after.append(numbers(parameter))
        yield {"problem": problem, "options": options, "start": start, "losses": losses, "after": after, "evaluations": optimizer.state[parameter]["func_evals"]}


def cosine_run():
    """Adam whose learning rate falls by half a cosine: the rate is set before each step."""
    rates = [0.005 * (1 + math.cos(math.pi * step / LONG)) for step in range(LONG)]
    return {"rates": rates, "after": optimized(lambda p: torch.optim.Adam(p, lr=0.01), rates)}


if __name__ == "__main__":
    if torch.__version__ >= "2":
        write("optimizers-2.json", given=given((5,)), matrix=given(MATRIX), runs=list(optimizer_runs_of_2()), lbfgs=list(lbfgs_runs()))
    else:
        write("optimizers.json", given=given((5,)), runs=list(optimizer_runs()), cosine=cosine_run())
