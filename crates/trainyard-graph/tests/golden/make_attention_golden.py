"""Writes attention.json beside this file: values and gradients of attention by PyTorch, computed in 64 bits.

    python -m venv venv && venv/bin/pip install torch==2.15.0 --index-url https://download.pytorch.org/whl/cpu
    venv/bin/python make_attention_golden.py
"""

import json
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent

# name, batch, queries, keys, heads, columns of a head in keys and in values, causal, masked
CASES = [
    ("one of everything", 1, 1, 1, 1, 1, 1, False, False),
    ("a single key", 2, 3, 1, 2, 2, 2, False, False),
    ("sizes that are no multiple of a vector", 2, 5, 7, 3, 3, 5, False, False),
    ("masked keys", 3, 4, 6, 2, 4, 4, False, True),
    ("causal", 2, 6, 6, 2, 3, 3, True, False),
    ("causal and masked", 2, 5, 5, 1, 2, 3, True, True),
    ("causal with fewer keys than queries", 1, 6, 4, 1, 2, 2, True, False),
    ("two blocks of queries", 1, 70, 19, 1, 2, 2, False, False),
    ("two blocks of causal queries", 1, 67, 67, 1, 1, 1, True, False),
    ("a whole vector of keys", 1, 8, 32, 2, 8, 8, False, False),
]


def numbers(*shape):
    return (torch.randn(*shape, dtype=torch.float64) * 1000).round() / 1000


def heads_apart(x, heads):
    batch, rows, width = x.shape
    return x.view(batch, rows, heads, width // heads).transpose(1, 2)


def case(name, batch, n, m, heads, key_dim, value_dim, causal, masked):
    q, k = numbers(batch, n, heads * key_dim), numbers(batch, m, heads * key_dim)
    v, weights = numbers(batch, m, heads * value_dim), numbers(batch, n, heads * value_dim)
    mask = torch.ones(batch, m)
    if masked:
        mask[:, 1:] = (torch.rand(batch, m - 1) < 0.6).float()
    sees = mask.bool()[:, None, None, :].expand(batch, heads, n, m)
    if causal:
        sees = sees & torch.ones(n, m, dtype=torch.bool).tril()
    for x in (q, k, v):
        x.requires_grad_()
    apart = [heads_apart(x, heads) for x in (q, k, v)]
    value = F.scaled_dot_product_attention(*apart, attn_mask=sees).transpose(1, 2).reshape(weights.shape)
    (value * weights).sum().backward()
    flat = lambda x: [float(f"{y:.9g}") for y in x.detach().flatten().tolist()]
    return {
        "name": name,
        "sizes": [n, m],
        "heads": heads,
        "widths": [heads * key_dim, heads * value_dim],
        "causal": causal,
        "inputs": [flat(x) for x in (q, k, v)],
        "mask": flat(mask) if masked else None,
        "weights": flat(weights),
        "value": flat(value),
        "gradients": [flat(x.grad) for x in (q, k, v)],
    }


def main():
    torch.manual_seed(5)
    cases = [json.dumps(case(*sizes)) for sizes in CASES]
    versions = json.dumps({"torch": torch.__version__})
    text = '{"versions": ' + versions + ', "cases": [\n' + ",\n".join(cases) + "\n]}\n"
    (HERE / "attention.json").write_text(text)


if __name__ == "__main__":
    main()
