#!/usr/bin/python3
"""Row-sparse gradients of embeddings and the rules that take them, and rows with a largest norm: sparse.json."""
import torch
import torch.nn.functional as F

from shared import draw, numbers, whole, write

V, D, STEPS = 10, 3, 24
SEEN = [1, 2, 3, 16, 24]


def step_of(kind, step):
    """Tokens of a step, of which most leave some row out, and what the loss multiplies with."""
    tokens = whole(f"{kind} tokens {step}", (3, 4), step % 4, V - step % 3)
    return tokens, draw(f"{kind} weights {step}", (3, 4, D) if kind == "embedding" else (3, D), -1, 1)


def looked_up(kind, tokens, table, sparse, max_norm):
    if kind == "embedding":
        # PyTorch shortens the row of padding, too, which has no gradient.
        return F.embedding(tokens, table, padding_idx=2 if max_norm is None else None, sparse=sparse, max_norm=max_norm)
    return F.embedding_bag(tokens, table, mode=kind, sparse=sparse, max_norm=max_norm)


def run(kind, rule, options, sparse=True, max_norm=None):
    table = draw("table", (V, D)).requires_grad_()
    optimizer = rule([table], **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    after = {}
    for step in range(1, STEPS + 1):
        tokens, weights = step_of(kind, step)
        optimizer.zero_grad()
        (looked_up(kind, tokens, table, sparse, max_norm) * weights).sum().backward()
        assert table.grad.is_sparse == sparse
        optimizer.step()
        if step in SEEN:
            after[step] = numbers(table)
    state = {name: numbers(value) for name, value in optimizer.state[table].items() if torch.is_tensor(value) and value.numel() > 1}
    return {"after": after, "state": state}


def runs():
    rules = {
        "sgd": (torch.optim.SGD, [{"lr": 0.1}]),
        "adagrad": (torch.optim.Adagrad, [{}, {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1}, {"lr": 0.1, "eps": 0.1, "maximize": True}]),
        "sparseAdam": (torch.optim.SparseAdam, [{}, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-6}, {"lr": 0.1, "eps": 0.1, "maximize": True}]),
    }
    for kind in ["embedding", "mean", "sum"]:
        for rule, (make, variants) in rules.items():
            for options in variants if kind == "embedding" else variants[-1:]:
                yield {"kind": kind, "rule": rule, "options": options, **run(kind, make, options)}


def short_runs():
    """A norm that about half of the rows exceed."""
    rules = {
        "sgd": (torch.optim.SGD, [{"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}]),
        "adamw": (torch.optim.AdamW, [{"lr": 0.03, "weight_decay": 0.1}]),
        "adagrad": (torch.optim.Adagrad, [{"lr": 0.1}]),
        "sparseAdam": (torch.optim.SparseAdam, [{"lr": 0.03}]),
    }
    for kind in ["embedding", "mean", "sum"]:
        for rule, (make, variants) in rules.items():
            for options in variants:
                for sparse in {"sparseAdam": [True], "adamw": [False]}.get(rule, [False] if len(options) > 1 else [False, True]):
                    yield {"kind": kind, "rule": rule, "options": options, "sparse": sparse, "maxNorm": 0.5, **run(kind, make, options, sparse, 0.5)}


if __name__ == "__main__":
    steps = {kind: [[numbers(part) for part in step_of(kind, step)] for step in range(1, STEPS + 1)] for kind in ["embedding", "mean", "sum"]}
    write("sparse.json", table=numbers(draw("table", (V, D))), steps=steps, runs=list(runs()), short=list(short_runs()))
