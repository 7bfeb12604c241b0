#!/usr/bin/python3
"""A small GPT-2 with random weights as Hugging Face's transformers saves one, and additions to it and to a model of other layers as PEFT saves them, each with what PyTorch makes of it: gpt2/ and peft/.

    apt-get install python3-torch
    /usr/bin/python3 test/parity/make/gpt2.py

Neither library is needed. Names, layouts and formulas are those of transformers' GPT2LMHeadModel and Conv1D, and of PEFT's tuners/lora/layer.py: Linear (for Conv1D, too), Embedding, MultiheadAttention. Numbers are computed in float64.
"""
import json
import math
import os

import torch
from torch import nn
from torch.nn import functional as F

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CONFIG = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 61, "n_positions": 24, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": None,
          "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "embd_pdrop": 0.1, "attn_pdrop": 0.1, "resid_pdrop": 0.1, "initializer_range": 0.02}


class Conv1D(nn.Module):
    """A linear layer whose weight stands [in, out]."""

    def __init__(self, out, inputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, out))
        self.bias = nn.Parameter(torch.empty(out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, C // self.heads).transpose(1, 2) for part in self.c_attn(x).split(C, dim=2))
        scores = q @ k.transpose(-1, -2) / math.sqrt(C // self.heads)
        scores = scores.masked_fill(torch.triu(torch.ones(T, T, dtype=torch.bool), 1), -math.inf)
        return self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc = Conv1D(4 * width, width)
        self.c_proj = Conv1D(width, 4 * width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads, eps):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt2(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, eps = config["n_embd"], config["layer_norm_epsilon"]
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(config["vocab_size"], width),
            "wpe": nn.Embedding(config["n_positions"], width),
            "h": nn.ModuleList(Block(width, config["n_head"], eps) for _ in range(config["n_layer"])),
            "ln_f": nn.LayerNorm(width, eps=eps),
        })

    def forward(self, tokens):
        x = self.transformer["wte"](tokens) + self.transformer["wpe"](torch.arange(tokens.shape[1]))
        for block in self.transformer["h"]:
            x = block(x)
        return self.transformer["ln_f"](x) @ self.transformer["wte"].weight.T


class Lora(nn.Module):
    """What PEFT puts around a layer."""

    def __init__(self, base, inputs, out, rank, scaling):
        super().__init__()
        self.base_layer = base
        self.lora_A = nn.Linear(inputs, rank, bias=False)
        self.lora_B = nn.Linear(rank, out, bias=False)
        self.scaling = scaling

    def delta(self):
        return self.lora_B.weight @ self.lora_A.weight * self.scaling

    def forward(self, x):
        return self.base_layer(x) + self.lora_B(self.lora_A(x)) * self.scaling


class LoraEmbedding(nn.Module):
    def __init__(self, base, rank, scaling):
        super().__init__()
        self.base_layer = base
        self.lora_embedding_A = nn.Parameter(torch.empty(rank, base.num_embeddings))
        self.lora_embedding_B = nn.Parameter(torch.empty(base.embedding_dim, rank))
        self.scaling = scaling

    def forward(self, tokens):
        after_a = F.embedding(tokens, self.lora_embedding_A.T, padding_idx=self.base_layer.padding_idx)
        return self.base_layer(tokens) + after_a @ self.lora_embedding_B.T * self.scaling


class LoraAttention(Lora):
    """PEFT merges the additions of nn.MultiheadAttention while it is called: to in_proj_weight, and to out_proj, which is a Lora of its own."""

    def __init__(self, base, rank, scaling):
        width = base.embed_dim
        super().__init__(base, width, 3 * width, rank, scaling)
        base.out_proj = Lora(base.out_proj, width, width, rank, scaling)

    def forward(self, x):
        attention = self.base_layer
        out = attention.out_proj
        return F.multi_head_attention_forward(
            *[x.transpose(0, 1)] * 3, attention.embed_dim, attention.num_heads, attention.in_proj_weight + self.delta(), attention.in_proj_bias, None, None, False, 0.0,
            out.base_layer.weight + out.delta(), out.base_layer.bias, need_weights=False)[0].transpose(0, 1)


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(11, 8, padding_idx=0)
        self.self_attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, tokens):
        return self.head(self.self_attn(self.embed_tokens(tokens)) if isinstance(self.self_attn, Lora) else self.self_attn(*[self.embed_tokens(tokens)] * 3, need_weights=False)[0])


def fill(module):
    for name, parameter in module.named_parameters():
        norm = "ln_" in name and name.endswith("weight")
        # float32, as it is saved.
        parameter.data = (torch.randn(parameter.shape) * 0.25 + (1 if norm else 0)).float().double()


def write_safetensors(path, state):
    end, header, data = 0, {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in state.items():
        data += tensor.float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, len(data)]}
        end = len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2 if "config" in path else None, sort_keys=True)
        file.write("\n")


def write_adapter(folder, model, config):
    """The state dict of PEFT's save_pretrained: without the name of the adapter, which is not made here."""
    write_safetensors(f"{folder}/adapter_model.safetensors", {f"base_model.model.{name}": tensor.detach() for name, tensor in model.named_parameters() if "lora_" in name})
    write_json(f"{folder}/adapter_config.json", {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "gpt2", "auto_mapping": None, "revision": None, "inference_mode": True, "bias": "none", "lora_bias": False, "use_dora": False,
        "init_lora_weights": True, "lora_dropout": 0.05, "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {}, "layers_to_transform": None, "layers_pattern": None, "exclude_modules": None,
        "loftq_config": {}, "eva_config": None, "megatron_config": None, "megatron_core": "megatron.core", "trainable_token_indices": None, "layer_replication": None, **config})


def rows(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().reshape(-1).tolist()]


def gpt2():
    folder = os.path.join(ROOT, "gpt2")
    torch.manual_seed(1)
    model = Gpt2(CONFIG)
    fill(model)
    tokens = torch.randint(0, CONFIG["vocab_size"], (2, CONFIG["n_positions"]))
    write_json(f"{folder}/config.json", CONFIG)
    write_safetensors(f"{folder}/model.safetensors", {name: parameter.detach() for name, parameter in model.named_parameters()})
    logits = model.double()(tokens)
    rank, alpha = 4, 10
    for block in model.transformer["h"]:
        for part, name in [(block.attn, "c_attn"), (block.attn, "c_proj"), (block.mlp, "c_proj")]:
            base = getattr(part, name)
            lora = Lora(base, *base.weight.shape, rank, alpha / math.sqrt(rank))
            for side in (lora.lora_A, lora.lora_B):
                fill(side)
                side.weight.data *= 0.2
                side.weight.data = side.weight.data.float().double()
            setattr(part, name, lora)
    write_adapter(f"{folder}/adapter", model, {"r": rank, "lora_alpha": alpha, "use_rslora": True, "fan_in_fan_out": True, "target_modules": ["c_proj", "attn.c_attn"]})
    write_json(f"{folder}/expected.json", {"tokens": tokens.reshape(-1).tolist(), "logits": rows(logits), "adapted": rows(model(tokens))})


def mixed():
    folder = os.path.join(ROOT, "peft")
    torch.manual_seed(2)
    model = Mixed()
    fill(model)
    write_safetensors(f"{folder}/model.safetensors", {name: parameter.detach() for name, parameter in model.named_parameters()})
    tokens = torch.tensor([[3, 10, 0, 7, 3], [1, 0, 0, 9, 2]])
    plain = model.double()(tokens)
    rank, alpha = 3, 6
    model.embed_tokens = LoraEmbedding(model.embed_tokens, rank, alpha / rank)
    model.self_attn = LoraAttention(model.self_attn, rank, alpha / rank)
    model.head = Lora(model.head, 8, 5, rank, alpha / rank)
    state = {name: parameter.data for name, parameter in model.named_parameters() if "lora_" not in name}
    fill(model)
    for name, parameter in model.named_parameters():
        if name in state:
            parameter.data = state[name]
    write_adapter(f"{folder}/adapter", model.double(), {"r": rank, "lora_alpha": alpha, "use_rslora": False, "fan_in_fan_out": False, "target_modules": r"(.*\.)?(embed_tokens|self_attn|head)"})
    write_json(f"{folder}/expected.json", {"tokens": tokens.reshape(-1).tolist(), "plain": rows(plain), "adapted": rows(model(tokens))})


gpt2()
mixed()
