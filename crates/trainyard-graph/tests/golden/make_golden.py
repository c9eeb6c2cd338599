"""Writes operations.json beside this file: values and gradients of operations, by PyTorch in float64.

    python -m venv venv && venv/bin/pip install torch==2.15.0
    venv/bin/python make_golden.py

PyTorch has channels first; they are moved last here. The gradient is that of the sum of value·weight.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
GENERATOR = torch.Generator().manual_seed(7)


def normal(*shape):
    """Rounded, so that it is short to write and exact in float32."""
    return (torch.randn(*shape, generator=GENERATOR, dtype=torch.float64) * 1.5 * 64).round() / 64


def case(name, function, *inputs, **settings):
    inputs = [x.clone().requires_grad_() for x in inputs]
    y = function(*inputs)
    weight = normal(*y.shape)
    (y * weight).sum().backward()
    numbers = lambda x: [float(f"{number:.8g}") for number in x.detach().reshape(-1).tolist()]
    return {
        "name": name,
        **settings,
        "inputs": [{"shape": list(x.shape), "values": numbers(x), "gradient": numbers(x.grad)} for x in inputs],
        "values": numbers(y),
        "weight": numbers(weight),
    }


def first(x):
    """Channels first."""
    return x.movedim(-1, 1)


def last(x):
    """Channels last."""
    return x.movedim(1, -1)


def activations():
    x = torch.cat([normal(3, 17).flatten(), torch.tensor([-9.0, -4.5, 0.25, 4.5, 9.0], dtype=torch.float64)])
    return [
        case("relu", F.relu, x),
        case("tanh", torch.tanh, x),
        case("sigmoid", torch.sigmoid, x),
        case("softplus", F.softplus, x),
        case("elu", F.elu, x),
        case("leaky_relu", F.leaky_relu, x),
        case("selu", F.selu, x),
        case("gelu", F.gelu, x),
        case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x),
        case("silu", F.silu, x),
    ]


def element_wise():
    a, b = normal(5, 3), normal(5, 3)
    return [
        case("max", torch.maximum, a, b),
        case("min", torch.minimum, a, b),
        case("sin", torch.sin, a),
        case("cos", torch.cos, a),
        case("clip", lambda x: torch.clamp(x, -0.75, 1.25), a),
        case("pow", lambda x: x**-1.5, a.abs() + 0.5),
    ]


def reductions():
    x = normal(4, 5, 3)
    return [
        case("sum_axes", lambda x: x.sum(1), x),
        case("mean_axes", lambda x: x.mean(1), x),
        case("max_axes", lambda x: x.max(1).values, x),
        case("min_axes", lambda x: x.min(1).values, x),
        case("gather", lambda x: x[:, [3, 0, 3]], x),
    ]


def pools():
    sequence, image = normal(3, 11, 5), normal(2, 6, 5, 17)
    one = lambda pool, *args: lambda x: last(pool(first(x), *args))
    return [
        case("max_pool_1d", one(F.max_pool1d, 3, 2), sequence),
        case("average_pool_1d", one(F.avg_pool1d, 3, 2), sequence),
        case("max_pool_2d", one(F.max_pool2d, (3, 2), (2, 1)), image),
        case("average_pool_2d", one(F.avg_pool2d, (3, 2), (2, 1)), image),
        # Padding by 1 on both sides is `same` for windows of 3 at stride 1.
        case("max_pool_2d_same", one(F.max_pool2d, 3, 1, 1), image),
        case("average_pool_2d_same", lambda x: last(F.avg_pool2d(first(x), 3, 1, 1, count_include_pad=False)), image),
    ]


def norms():
    rows, image, channels = normal(4, 21), normal(3, 4, 5, 6), normal(2, 6)
    batch = lambda x, w, b: last(F.batch_norm(first(x), None, None, w, b, training=True, eps=1e-3))
    mean, variance = normal(6), normal(6).abs() + 0.5
    moving = lambda x, w, b: last(F.batch_norm(first(x), mean, variance, w, b, training=False, eps=1e-3))
    return [
        case("layer_norm", lambda x, w, b: F.layer_norm(x, (21,), w, b, eps=1e-5), rows, normal(21), normal(21)),
        case("batch_norm_training", batch, image, channels[0], channels[1]),
        case("batch_norm", moving, image, channels[0], channels[1], moving=[mean.tolist(), variance.tolist()]),
    ]


def embeddings():
    table = normal(5, 4)
    ids = torch.tensor([[3, 1, 3], [0, 4, 2]])
    # `renorm` scales rows in place, so the bound is written out.
    bounded = lambda t: t * (1.5 / t.norm(dim=1, keepdim=True)).clamp(max=1)
    return [
        case("embedding_sequence", lambda t: F.embedding(ids, t), table),
        case("embedding_sequence_within", lambda t: F.embedding(ids, bounded(t)), table),
        case("embedding_bag_within", lambda t: F.embedding_bag(ids, bounded(t), mode="mean"), table),
    ]


def main():
    cases = activations() + element_wise() + reductions() + pools() + norms() + embeddings()
    content = {"versions": {"torch": torch.__version__.split("+")[0]}, "cases": cases}
    (HERE / "operations.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
