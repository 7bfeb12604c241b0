#!/usr/bin/python3
"""Writes the rates that test/parity/schedules.test.ts compares with, as torch.optim.lr_scheduler computes them.

    /usr/bin/python3 test/parity/make_schedules.py    # Debian 12: apt-get install python3-torch (1.13.1)

The test builds the same schedule by the name of each case.
"""
import json
import math
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as s

warnings.simplefilter("ignore")
BASE = 0.1

CASES = {
    "constant factor 1": lambda o: s.ConstantLR(o, factor=1.0, total_iters=4),
    "linear 0.02 to 0.1 in 8": lambda o: s.LinearLR(o, start_factor=0.2, end_factor=1.0, total_iters=8),
    "linear 0.1 to 0.05 in 20": lambda o: s.LinearLR(o, start_factor=1.0, end_factor=0.5, total_iters=20),
    "step every 7": lambda o: s.StepLR(o, step_size=7),
    "step every 5 gamma 0.9": lambda o: s.StepLR(o, step_size=5, gamma=0.9),
    "multiStep at 3 9 10 gamma 0.5": lambda o: s.MultiStepLR(o, milestones=[3, 9, 10], gamma=0.5),
    "exponential gamma 0.93": lambda o: s.ExponentialLR(o, gamma=0.93),
    "polynomial in 24": lambda o: s.PolynomialLR(o, total_iters=24, power=1.0),
    "polynomial in 24 power 2": lambda o: s.PolynomialLR(o, total_iters=24, power=2.0),
    "polynomial in 24 power 0.9": lambda o: s.PolynomialLR(o, total_iters=24, power=0.9),
    "polynomial in 24 power 2.5": lambda o: s.PolynomialLR(o, total_iters=24, power=2.5),
    "cosine in 40": lambda o: s.CosineAnnealingLR(o, T_max=40),
    "cosine in 40 min 0.02": lambda o: s.CosineAnnealingLR(o, T_max=40, eta_min=0.02),
    "cosineRestarts every 9": lambda o: s.CosineAnnealingWarmRestarts(o, T_0=9),
    "cosineRestarts 4 factor 2 min 0.01": lambda o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.01),
    "cyclic": lambda o: s.CyclicLR(o, 0.1, 0.5, step_size_up=6, base_momentum=0.8, max_momentum=0.9),
    "cyclic up 3 down 8 triangular2": lambda o: s.CyclicLR(o, 0.1, 0.5, step_size_up=3, step_size_down=8, mode="triangular2", base_momentum=0.8, max_momentum=0.9),
    "cyclic exponential": lambda o: s.CyclicLR(o, 0.1, 0.5, step_size_up=6, mode="exp_range", gamma=0.95, base_momentum=0.8, max_momentum=0.9),
    "oneCycle": lambda o: s.OneCycleLR(o, max_lr=0.4, total_steps=41),
    "oneCycle linear rise 0.4": lambda o: s.OneCycleLR(o, max_lr=0.4, total_steps=41, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100),
    "oneCycle three phases": lambda o: s.OneCycleLR(o, max_lr=0.4, total_steps=41, pct_start=0.4, three_phase=True, base_momentum=0.7, max_momentum=0.9),
    "sequence": lambda o: s.SequentialLR(o, [s.StepLR(o, step_size=2, gamma=0.5), s.ExponentialLR(o, gamma=0.9)], milestones=[7]),
    "product": lambda o: s.ChainedScheduler([s.StepLR(o, step_size=5, gamma=0.5), s.ExponentialLR(o, gamma=0.9)]),
}
STEPS = 41

PLATEAUS = {
    "min relative": dict(patience=2, factor=0.5),
    "max absolute cooldown": dict(mode="max", patience=1, factor=0.3, threshold=0.05, threshold_mode="abs", cooldown=2),
    "bounded": dict(patience=0, factor=0.1, min_lr=0.004),
}
METRICS = [1.0, 0.9, 0.9, 0.9, 0.95, 0.7, 0.7, 0.72, 0.71, 0.70, 0.6999, 0.5, float("nan"), 0.6, 0.6, 0.6, 0.6, 0.6, 0.8, 0.9]
INFINITE = [float("inf"), float("inf"), float("inf"), 1.0, 1.0, 0.5, float("inf"), 0.4, 0.4, 0.4]


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE, momentum=0.9)


def course(make):
    o = optimizer()
    scheduler = make(o)
    rates, momenta = [], []
    for _ in range(STEPS):
        rates.append(o.param_groups[0]["lr"])
        momenta.append(o.param_groups[0]["momentum"])
        o.step()
        if len(rates) < STEPS:
            scheduler.step()
    return {"rates": rates, **({"momenta": momenta} if momenta[0] != momenta[3] else {})}


def plateau(name, options, metrics):
    o = optimizer()
    scheduler = s.ReduceLROnPlateau(o, **options)
    rates = []
    for metric in metrics:
        scheduler.step(metric)
        rates.append(o.param_groups[0]["lr"])
    return {"name": name, "metrics": [m if math.isfinite(m) else "NaN" if m != m else "Infinity" for m in metrics], "rates": rates}


if __name__ == "__main__":
    cases = [{"name": name, **course(make)} for name, make in CASES.items()]
    plateaus = [plateau(name, options, METRICS) for name, options in PLATEAUS.items()]
    plateaus.append(plateau("from infinity", dict(patience=1, factor=0.5), INFINITE))
    result = {"torch": torch.__version__, "cases": cases, "plateaus": plateaus}
    text = json.dumps(result).replace('{"name"', '\n{"name"')
    (Path(__file__).parent / "schedules.json").write_text(text + "\n")
