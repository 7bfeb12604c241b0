#!/usr/bin/python3
"""Full training steps in PyTorch, driven over standard input by bench/steps.ts, so that both sides take turns in one window.

A line in, a line out, JSON:
    {"prepare": {"kind": "mlp", "sizes": [784, 512, 256, 10], "batch": 128, "loss": "crossEntropy"}, "mode": "flat", "threads": 1, "warmup": 20}
    {"run": 50}
and both answer {"ms": mean of a step}, or {"error": ...} where this mode cannot run here, torch.compile without a compiler, say.
{"about": {"kind": "mlp", ...}, "paths": [...]} answers {"version": ..., "modes": [...], "paths": [...]}: the ways to run that work that this
version has, and which of the paths it finds; {"peak": true} the most memory that was resident. bench/workloads.ts has the kinds. Modes
are made of these words, each a way in which people make a small training loop fast:

    eager     as it is written
    foreach   Adam(foreach=True), else single: Adam(foreach=False)
    fused     Adam(fused=True), where the version has it
    flat      every parameter and gradient a view into one flat tensor, which is all that Adam sees
    traced    forward and loss traced by torch.jit
    compiled  forward and loss compiled by torch.compile
    last      images and weights with channels_last
    native    without oneDNN

and of those of torch_gpt.py.
"""
import inspect
import json
import os
import resource
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from torch_gpt import SDPA, AttentionAlone, Generate, Gpt, GptLoss

warnings.filterwarnings("ignore")

FUSED = "fused" in inspect.signature(torch.optim.Adam).parameters and int(torch.__version__.split(".")[0]) >= 2
COMPILED = hasattr(torch, "compile")
MODES = {
    "mlp": ["foreach", "single", "flat", "traced", "traced+flat"] + ["fused"] * FUSED + ["compiled+fused"] * COMPILED,
    "images": ["flat", "last+foreach", "traced+flat", "traced+last+foreach", "native+flat"] + ["last+fused"] * FUSED + ["compiled+last+fused"] * COMPILED,
    "inference": ["eager", "last", "traced", "traced+last", "native"] + ["compiled+last"] * COMPILED,
    "gpt": ["manual+foreach", "manual+flat", "manual+traced+flat"] + ["manual+fused", "sdpa+fused", "sdpa+flat", "sdpa+traced+fused", "sdpa+compiled+fused", "manual+compiled+fused"] * (FUSED and SDPA),
    "generate": ["manual+static", "manual+growing", "manual+masked+traced"] + ["sdpa+static", "sdpa+growing", "sdpa+masked+traced", "sdpa+masked+compiled", "manual+masked+compiled"] * (COMPILED and SDPA),
    "attention": ["manual", "manual+traced"] + ["sdpa", "sdpa+compiled", "manual+compiled"] * (COMPILED and SDPA),
    "adam": ["foreach", "single", "flat"] + ["fused"] * FUSED,
    "crossEntropy": ["eager", "traced"] + ["compiled"] * COMPILED,
    "head": ["eager", "traced"] + ["compiled"] * COMPILED,
}


def flatten(parameters):
    """Makes parameters and gradients views into one tensor each; returns that tensor."""
    flat = torch.nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
    flat.grad = torch.zeros_like(flat)
    at = 0
    for p in parameters:
        p.data = flat.data[at : at + p.numel()].view_as(p)
        p.grad = flat.grad[at : at + p.numel()].view_as(p)
        at += p.numel()
    return flat


def adam(parameters, mode):
    options = {"fused": True} if "fused" in mode else {"foreach": "foreach" in mode or mode == "traced"}
    return torch.optim.Adam(parameters, lr=1e-3, **options)


def faster(function, example, mode):
    """The function as it is, traced or compiled."""
    if "compiled" in mode:
        return torch.compile(function)
    return torch.jit.trace(function, example) if "traced" in mode else function


class Mlp:
    def __init__(self, mode, sizes, batch, loss):
        layers = []
        for i, o in zip(sizes, sizes[1:]):
            layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        self.x = torch.rand(batch, sizes[0])
        self.y = torch.rand(batch, sizes[-1]) if loss == "mse" else torch.randint(0, sizes[-1], (batch,))
        parameters = list(model.parameters())
        self.flat = flatten(parameters) if "flat" in mode else None
        self.optimizer = adam([self.flat] if self.flat is not None else parameters, mode)
        self.loss = faster(self.with_loss(model, F.mse_loss if loss == "mse" else F.cross_entropy), (self.x, self.y), mode)

    @staticmethod
    def with_loss(model, loss):
        class WithLoss(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, x, y):
                return loss(self.model(x), y)

        return WithLoss()

    def step(self):
        if self.flat is None:
            self.optimizer.zero_grad(set_to_none=True)
        else:
            self.flat.grad.zero_()
        self.loss(self.x, self.y).backward()
        self.optimizer.step()


class Block(torch.nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        conv, norm = torch.nn.Conv2d, torch.nn.BatchNorm2d
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride, 1, bias=False), norm(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, 1, 1, bias=False), norm(outputs)
        same = stride == 1 and inputs == outputs
        self.downsample = torch.nn.Identity() if same else torch.nn.Sequential(conv(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x), inplace=True)


def network(net):
    """The models of examples/models, and what they take."""
    nn = torch.nn
    if net == "lenet":
        convs = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*convs, nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)), (1, 28, 28), 10
    if net == "resnet14":
        stem, widths, size, classes = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], [16, 16, 32, 64], 32, 10
    else:
        stem, widths, size, classes = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], [64, 64, 128, 256, 512], 224, 1000
    blocks = []
    for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        blocks += [Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes)), (3, size, size), classes


class Images:
    def __init__(self, mode, net, batch, training):
        torch.backends.mkldnn.enabled = "native" not in mode
        model, image, classes = network(net)
        self.x = torch.rand(batch, *image)
        self.y = torch.randint(0, classes, (batch,))
        if "last" in mode:
            model, self.x = model.to(memory_format=torch.channels_last), self.x.to(memory_format=torch.channels_last)
        self.training = training
        if not training:
            model.eval()
            if "traced" in mode:
                model = torch.jit.optimize_for_inference(torch.jit.trace(model, self.x))
            self.model = torch.compile(model) if "compiled" in mode else model
            return
        parameters = list(model.parameters())
        self.flat = flatten(parameters) if "flat" in mode else None
        self.optimizer = adam([self.flat] if self.flat is not None else parameters, mode)
        self.loss = faster(Mlp.with_loss(model, F.cross_entropy), (self.x, self.y), mode)

    def step(self):
        if self.training:
            Mlp.step(self)
            return
        with torch.inference_mode():
            self.model(self.x)


class GptSteps:
    """Training as in examples/gpt.ts, over one batch: AdamW that decays matrices, clipped by the norm of all gradients."""

    def __init__(self, mode, batch, **sizes):
        model = Gpt(mode, **sizes)
        context, vocabulary = sizes["context"], sizes["vocabulary"]
        self.x, self.y = (torch.randint(0, vocabulary, (batch, context)) for _ in range(2))
        parameters = list(model.parameters())
        groups = [[p for p in parameters if p.dim() > 1], [p for p in parameters if p.dim() == 1]]
        self.flat = "flat" in mode
        if self.flat:
            groups = [[flatten(group)] for group in groups]
        self.parameters = sum(groups, [])
        options = {"fused": True} if "fused" in mode else {"foreach": "foreach" in mode or self.flat}
        decayed, kept = groups
        self.optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": kept, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.99), **options)
        self.loss = faster(GptLoss(model, context), (self.x, self.y), mode)

    def step(self):
        if self.flat:
            for p in self.parameters:
                p.grad.zero_()
        else:
            self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.x, self.y).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()


class Adam:
    """The optimizer alone, with gradients that stay."""

    def __init__(self, mode, tensors, size):
        parameters = [torch.nn.Parameter(torch.rand(size)) for _ in range(tensors)]
        for p in parameters:
            p.grad = torch.rand(size)
        self.optimizer = adam([flatten(parameters)] if "flat" in mode else parameters, mode)

    def step(self):
        self.optimizer.step()


class CrossEntropy:
    def __init__(self, mode, rows, classes):
        self.logits = torch.rand(rows, classes, requires_grad=True)
        self.labels = torch.randint(0, classes, (rows,))
        # A function in Python: neither the tracer nor the compiler takes the built-in one.
        self.loss = faster(lambda x, y: F.cross_entropy(x, y), (self.logits, self.labels), mode)

    def step(self):
        self.logits.grad = None
        self.loss(self.logits, self.labels).backward()


class Head:
    """A linear layer and the loss of what it gives, with the gradients of its operands."""

    def __init__(self, mode, rows, features, classes):
        self.x, self.weight = torch.rand(rows, features, requires_grad=True), torch.rand(classes, features, requires_grad=True)
        self.labels = torch.randint(0, classes, (rows,))
        self.loss = faster(lambda x, weight, labels: F.cross_entropy(F.linear(x, weight), labels), (self.x, self.weight, self.labels), mode)

    def step(self):
        self.x.grad = self.weight.grad = None
        self.loss(self.x, self.weight, self.labels).backward()


KINDS = {"mlp": Mlp, "images": Images, "gpt": GptSteps, "attention": AttentionAlone, "generate": Generate, "adam": Adam, "crossEntropy": CrossEntropy, "head": Head}


def modes(kind, training=True, **_):
    return MODES[kind if training or kind == "attention" else "inference"]


def run(training, steps):
    start = time.perf_counter()
    for _ in range(steps):
        training.step()
    return {"ms": (time.perf_counter() - start) * 1e3 / steps}


def prepared(command):
    torch.set_num_threads(command["threads"])
    torch.manual_seed(0)
    work = dict(command["prepare"])
    return KINDS[work.pop("kind")](command["mode"], **work)


def main():
    training = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "about" in command:
                paths = [path for path in command["paths"] if os.path.exists(path)]
                answer = {"version": torch.__version__, "modes": modes(**command["about"]), "paths": paths}
            elif "peak" in command:
                answer = {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            elif "prepare" in command:
                training = prepared(command)
                answer = run(training, command["warmup"])
            else:
                answer = run(training, command["run"])
        except Exception as error:
            answer = {"error": (str(error).strip().splitlines() or [type(error).__name__])[0][:200]}
        print(json.dumps(answer), flush=True)


main()
