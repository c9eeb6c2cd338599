"""Writes conv.json beside this file: convolutions and their gradients by PyTorch.

Zeros of TensorFlow's rule "same" are computed here, from its documentation, and given to PyTorch as explicit ones.

    python -m venv venv && venv/bin/pip install torch==2.15.0 numpy==2.4.6
    venv/bin/python make_conv_golden.py
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent


def zeros(padding, size, window, stride, dilation):
    """The zeros in front of and behind each axis."""
    if padding == "valid":
        return [(0, 0)] * len(size)
    if padding != "same":
        return padding
    totals = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in zip(size, window, stride, dilation)]
    return [(total // 2, total - total // 2) for total in totals]


def numbers(rng, *shape):
    """Numbers with few digits, so that the file is short."""
    return torch.tensor(np.round(rng.normal(size=shape), 2), dtype=torch.float64, requires_grad=True)


def flat(tensor):
    return [float(f"{x:.7g}") for x in tensor.detach().flatten().tolist()]


def case(rng, batch, size, channels, filters, window, stride=1, dilation=1, groups=1, padding="valid", bias=True):
    n = len(size)
    stride, dilation = ([v] * n if isinstance(v, int) else v for v in (stride, dilation))
    x, w = numbers(rng, batch, *size, channels), numbers(rng, *window, channels // groups, filters)
    b = numbers(rng, filters) if bias else None
    pairs = zeros(padding, size, window, stride, dilation)
    first = x.movedim(-1, 1)
    padded = F.pad(first, [side for pair in reversed(pairs) for side in pair])
    weights = w.movedim(-1, 0).movedim(-1, 1)
    conv = F.conv1d if n == 1 else F.conv2d
    y = conv(padded, weights, b, stride=stride, dilation=dilation, groups=groups).movedim(1, -1)
    upstream = torch.tensor(np.round(rng.normal(size=y.shape), 2), dtype=torch.float64)
    (y * upstream).sum().backward()
    return {
        "x_shape": list(x.shape[1:]), "w_shape": list(w.shape), "strides": stride, "dilations": dilation,
        "padding": padding, "x": flat(x), "w": flat(w), "bias": flat(b) if bias else None,
        "upstream": flat(upstream), "value_shape": list(y.shape[1:]), "value": flat(y), "x_gradient": flat(x.grad),
        "w_gradient": flat(w.grad), "bias_gradient": flat(b.grad) if bias else None,
    }


def main():
    rng = np.random.default_rng(7)
    cases = [
        case(rng, 3, [9], 4, 5, [3]),
        case(rng, 2, [9], 3, 17, [4], bias=False),
        case(rng, 1, [8], 1, 1, [8]),
        case(rng, 2, [10], 2, 3, [3], stride=2, padding="same"),
        case(rng, 2, [11], 3, 2, [4], dilation=2, padding="same"),
        case(rng, 2, [7], 2, 3, [3], stride=3, padding=[(2, 4)]),
        case(rng, 2, [5], 2, 2, [2], stride=9, padding="same"),
        case(rng, 2, [8], 6, 9, [3], groups=3, padding="same"),
        case(rng, 2, [8], 5, 5, [3], groups=5, stride=2, padding="same"),
        case(rng, 2, [6], 3, 6, [3], groups=3, dilation=2),
        case(rng, 3, [5, 6], 3, 4, [3, 2]),
        case(rng, 2, [5, 4], 1, 8, [3, 3], padding="same"),
        case(rng, 2, [7, 6], 2, 3, [3, 3], stride=2, padding="same"),
        case(rng, 2, [6, 7], 2, 3, [2, 3], stride=[1, 2], dilation=[2, 1], padding=[(1, 0), (0, 3)]),
        case(rng, 2, [7, 7], 2, 5, [3, 3], dilation=2, bias=False),
        case(rng, 2, [4, 5], 4, 6, [3, 3], groups=2, stride=2, padding=[(1, 1), (2, 2)]),
        case(rng, 2, [4, 5], 7, 7, [3, 3], groups=7, padding="same"),
        case(rng, 1, [5, 5], 3, 6, [3, 3], groups=3, stride=2, dilation=2, padding="same"),
        case(rng, 1, [3, 3], 35, 2, [1, 1], bias=False),
    ]
    versions = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__}
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "conv.json").write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
