"""What the scripts of this folder share: cases, numbers that depend on their names alone, and the files.

    /usr/bin/python3 test/parity/make/<name>.py       # Debian 12: apt-get install python3-torch (1.13.1)

Each script writes what the test of its name compares with, as PyTorch computes it. Every case holds its inputs, so the tests need no PyTorch. Inputs are
multiples of 1/1024: exact, and short as text. Infinities and NaN stand as strings, because JSON has none.
"""
import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent.parent
torch.set_num_threads(1)
DTYPES = {torch.float32: "float32", torch.int64: "int32", torch.int32: "int32", torch.bool: "bool", torch.uint8: "uint8"}


def shortest(value):
    """A float32 as the shortest text that reads back as the same float32."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(np.format_float_scientific(np.float32(value), unique=True))


def numbers(tensor):
    flat = tensor.detach().reshape(-1).tolist()
    return [shortest(v) for v in flat] if tensor.is_floating_point() else [int(v) for v in flat]


def described(tensor):
    return {"shape": list(tensor.shape), "dtype": DTYPES[tensor.dtype], "data": numbers(tensor)}


class Case:
    """One call: `inputs` and `args` as the test hands them over, `run` what PyTorch makes of them."""

    def __init__(self, op, run, *inputs, note="", grad=True, **args):
        self.op, self.run, self.inputs, self.note, self.grad, self.args = op, run, inputs, note, grad, args

    def record(self):
        name = " ".join([self.op, "x".join(str(list(t.shape)).replace(" ", "") for t in self.inputs), self.note]).strip()
        if self.args:
            name += " " + json.dumps(self.args)
        leaves = [t.clone().requires_grad_() if t.is_floating_point() and self.grad else t for t in self.inputs]
        out = self.run(*leaves)
        row = {"op": self.op, "name": name, "inputs": [described(t) for t in self.inputs], "args": self.args, "output": described(out)}
        if self.grad and out.is_floating_point() and out.requires_grad:
            dy = draw(name + "dy", tuple(out.shape))
            grads = torch.autograd.grad(out, [t for t in leaves if t.requires_grad], dy, allow_unused=True)
            row["dy"] = numbers(dy)
            row["grads"] = [numbers(g) for g in grads]
        return row


def draw(key, shape, low=-2.0, high=2.0):
    """Values that depend on nothing but `key`, multiples of 1/1024 in [low, high)."""
    random = np.random.RandomState(zlib.crc32(repr((key, shape)).encode()))
    steps = random.randint(int(low * 1024), int(high * 1024), size=shape)
    return torch.from_numpy(np.asarray(steps / 1024.0, dtype=np.float32))


def f32(values):
    return torch.tensor(values, dtype=torch.float32)


def whole(key, shape, low, high):
    random = np.random.RandomState(zlib.crc32(repr((key, shape)).encode()))
    return torch.from_numpy(np.asarray(random.randint(low, high, size=shape), dtype=np.int64))


def lines(rows):
    return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"


def write(name, **parts):
    texts = [f'"{key}": {lines(value) if isinstance(value, list) else json.dumps(value)}' for key, value in parts.items()]
    (HERE / name).write_text(f'{{\n"torch": "{torch.__version__}",\n' + ",\n".join(texts) + "\n}\n")
