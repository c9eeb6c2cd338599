"""Writes attention.json beside this file: values and gradients of PyTorch's attention layers, computed in 64 bits.

Parameters are written under this library's names and in its layout: `weights` are PyTorch's, transposed.

    python -m venv venv && venv/bin/pip install torch==2.15.0 --index-url https://download.pytorch.org/whl/cpu
    venv/bin/python make_attention_golden.py
"""

import json
import pathlib

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
BATCH, DIM, HEADS = 3, 6, 2


def numbers(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 1000).round() / 1000


def flat(x):
    return [float(f"{y:.9g}") for y in x.detach().flatten().tolist()]


def spread(module):
    """Parameters that are far from their start, where norms scale by 1 and biases are 0."""
    for parameter in module.parameters():
        parameter.data = numbers(*parameter.shape) / 2 + (1 if parameter.dim() == 1 else 0)
    return module.double()


def mask_of(batch, length):
    mask = (torch.rand(batch, length) < 0.6).double()
    mask[:, 0] = 1
    return mask


def linear(name, weight, bias):
    return [(f"{name}/weights", weight.T), (f"{name}/bias", bias)]


def of_attention(name, attention, value_of):
    names = ["query", "key", "value"]
    weights, biases = value_of(attention.in_proj_weight).chunk(3), value_of(attention.in_proj_bias).chunk(3)
    projections = [linear(f"{name}/{part}", w, b) for part, w, b in zip(names, weights, biases)]
    out = attention.out_proj
    return sum(projections, []) + linear(f"{name}/output", value_of(out.weight), value_of(out.bias))


def of_block(block, value_of):
    def norm(name, module):
        return [(f"block/{name}/scale", value_of(module.weight)), (f"block/{name}/shift", value_of(module.bias))]

    return (
        of_attention("block/attention", block.self_attn, value_of)
        + norm("attention_norm", block.norm1)
        + linear("block/hidden", value_of(block.linear1.weight), value_of(block.linear1.bias))
        + linear("block/output", value_of(block.linear2.weight), value_of(block.linear2.bias))
        + norm("output_norm", block.norm2)
    )


def case(layer, x, memory, mask, value, params):
    """`params(value_of)` names the parameters of the module, each as `value_of` gives it."""
    weights = numbers(*value.shape)
    (value * weights).sum().backward()
    return {
        "layer": layer,
        "length": x.shape[1],
        "dim": x.shape[2],
        "memory_length": memory.shape[1],
        "x": flat(x),
        "memory": flat(memory),
        "mask": flat(mask),
        "weights": flat(weights),
        "params": {name: flat(values) for name, values in params(lambda p: p.data)},
        "value": flat(value),
        "x_gradient": flat(x.grad),
        "gradients": {name: flat(values) for name, values in params(lambda p: p.grad)},
    }


def attention_case(length, memory_length, causal):
    attention = spread(nn.MultiheadAttention(DIM, HEADS, batch_first=True))
    x, memory = numbers(BATCH, length, DIM).requires_grad_(), numbers(BATCH, memory_length, DIM)
    mask = mask_of(BATCH, memory_length)
    hidden = torch.ones(length, memory_length).triu(1).bool() if causal else None
    value, _ = attention(x, memory, memory, key_padding_mask=mask == 0, attn_mask=hidden)
    layer = {"attention": {"heads": HEADS, "causal": causal}}
    return case(layer, x, memory, mask, value, lambda value_of: of_attention("attention", attention, value_of))


def block_case(length, activation, norm_first):
    settings = {"dropout": 0.0, "activation": activation, "norm_first": norm_first, "batch_first": True}
    block = spread(nn.TransformerEncoderLayer(DIM, HEADS, 5, **settings)).train()
    x, mask = numbers(BATCH, length, DIM).requires_grad_(), mask_of(BATCH, length)
    value = block(x, src_key_padding_mask=mask == 0)
    layer = {"block": {"heads": HEADS, "hidden": 5, "activation": activation, "norm_first": norm_first}}
    return case(layer, x, x, mask, value, lambda value_of: of_block(block, value_of))


def main():
    torch.manual_seed(5)
    cases = [
        attention_case(4, 7, False),
        attention_case(5, 5, True),
        attention_case(1, 1, False),
        block_case(4, "relu", False),
        block_case(4, "gelu", False),
        block_case(5, "gelu", True),
        block_case(1, "relu", True),
    ]
    versions = json.dumps({"torch": torch.__version__})
    text = '{"versions": ' + versions + ', "cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]}\n"
    (HERE / "attention.json").write_text(text)


if __name__ == "__main__":
    main()
