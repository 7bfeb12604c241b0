#!/usr/bin/python3
"""Multi-head attention, encoder and decoder layers and their stacks, with the gradients of inputs and parameters: transformers.json."""
import torch
from torch import nn

from shared import described, draw, numbers, write

E, H, F = 4, 2, 3


def filled(module):
    """Weights that depend on their names alone; norms about 1."""
    for name, parameter in module.named_parameters():
        parameter.data = draw(name, tuple(parameter.shape), -0.5, 0.5) + (1 if "norm" in name and name.endswith("weight") else 0)
    return module.double()


def case(layer, name, module, inputs, run, options=None, call=None, extra=None):
    filled(module)
    leaves = [x.double().requires_grad_() for x in inputs]
    y = run(module, *leaves)
    dy = draw(name + " dy", tuple(y.shape))
    state = dict(module.named_parameters())
    grads = torch.autograd.grad(y, [*leaves, *state.values()], dy.double())
    rows = [numbers(g.float()) for g in grads]
    return {
        "layer": layer, "name": name, "options": options or {}, "call": call or {}, "inputs": [described(x) for x in inputs], "extra": {k: described(v) for k, v in (extra or {}).items()},
        "state": {k: {"shape": list(p.shape), "data": numbers(p.float())} for k, p in state.items()}, "y": numbers(y.float()), "dy": numbers(dy), "grads": rows[: len(inputs)], "weights": dict(zip(state, rows[len(inputs):])),
    }


def attention_cases():
    x, other = draw("x", (2, 3, E)), draw("other", (2, 4, E))
    make = lambda **options: nn.MultiheadAttention(E, H, batch_first=True, **options)
    plain = lambda m, q: m(q, q, q, need_weights=False)[0]
    yield case("multiheadAttention", "to itself", make(), [x], plain)
    yield case("multiheadAttention", "without biases", make(bias=False), [x], plain, {"bias": False})
    causal = torch.triu(torch.full((3, 3), -torch.inf, dtype=torch.float64), 1)
    yield case("multiheadAttention", "causal", make(), [x], lambda m, q: m(q, q, q, attn_mask=causal, need_weights=False)[0], {"isCausal": True})
    yield case("multiheadAttention", "to keys that are values", make(), [x, other], lambda m, q, k: m(q, k, k, need_weights=False)[0])
    yield case("multiheadAttention", "to keys and values", make(), [x, other, draw("values", (2, 4, E))], lambda m, q, k, v: m(q, k, v, need_weights=False)[0])
    sizes = make(kdim=5, vdim=3)
    yield case("multiheadAttention", "to keys and values of other sizes", sizes, [x, draw("keys", (2, 4, 5)), draw("values", (2, 4, 3))], lambda m, q, k, v: m(q, k, v, need_weights=False)[0], {"kdim": 5, "vdim": 3})
    lengths = torch.tensor([4, 2])
    ignored = torch.arange(4)[None] >= lengths[:, None]
    yield case("multiheadAttention", "to keys of some lengths", make(), [x, other], lambda m, q, k: m(q, k, k, key_padding_mask=ignored, need_weights=False)[0], call={"keyLengths": [4, 2]})
    look = torch.tensor([[True, False, True, True], [True, True, False, False], [False, False, False, True]])
    yield case("multiheadAttention", "where a mask says", make(), [x, other], lambda m, q, k: m(q, k, k, attn_mask=~look, need_weights=False)[0], extra={"mask": look})
    added = draw("added", (3, 4))
    yield case("multiheadAttention", "with a mask that is added", make(), [x, other], lambda m, q, k: m(q, k, k, attn_mask=added.double(), need_weights=False)[0], extra={"mask": added})


def layer_cases():
    x, memory = draw("x", (2, 3, E)), draw("memory", (2, 4, E))
    causal = torch.triu(torch.full((3, 3), -torch.inf, dtype=torch.float64), 1)
    for options in [{}, {"normFirst": True, "activation": "gelu"}]:
        torch_options = {"norm_first": options.get("normFirst", False), "activation": options.get("activation", "relu"), "dim_feedforward": F, "dropout": 0.0, "batch_first": True}
        title = " ".join(f"{k} {v}" for k, v in options.items())
        ours = {**options, "dimFeedforward": F, "dropout": 0}
        encoder = nn.TransformerEncoderLayer(E, H, **torch_options)
        yield case("transformerEncoderLayer", f"encoder layer {title}", encoder, [x], lambda m, s: m(s), ours)
        yield case("transformerEncoderLayer", f"causal encoder layer {title}", encoder, [x], lambda m, s: m(s, src_mask=causal), {**ours, "isCausal": True})
        decoder = nn.TransformerDecoderLayer(E, H, **torch_options)
        yield case("transformerDecoderLayer", f"decoder layer {title}", decoder, [x, memory], lambda m, t, s: m(t, s, tgt_mask=causal), ours)
        yield case("transformerDecoderLayer", f"decoder layer that looks ahead {title}", decoder, [x, memory], lambda m, t, s: m(t, s), ours, {"isCausal": False})
        ignored = torch.tensor([[False, False, True, True], [False, False, False, False]])
        run = lambda m, t, s: m(t, s, tgt_mask=causal, memory_key_padding_mask=ignored)
        yield case("transformerDecoderLayer", f"decoder layer beside a memory of some lengths {title}", decoder, [x, memory], run, ours, {"memoryKeyLengths": [2, 4]})
        if options:
            yield case("transformerEncoder", "encoder", nn.TransformerEncoder(encoder, 2, nn.LayerNorm(E)), [x], lambda m, s: m(s), ours)
            yield case("transformerDecoder", "decoder", nn.TransformerDecoder(decoder, 2, nn.LayerNorm(E)), [x, memory], lambda m, t, s: m(t, s, tgt_mask=causal), ours)


if __name__ == "__main__":
    write("transformers.json", cases=[*attention_cases(), *layer_cases()])
