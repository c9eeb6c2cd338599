"""Writes layers.json beside this file: values and gradients of layers, by PyTorch in float64.

    python -m venv venv && venv/bin/pip install torch==2.15.0
    venv/bin/python make_layers_golden.py

Parameters have this library's names and layout: `weights` are PyTorch's, transposed. Of the two biases of a recurrent layer
the second is 0 where this library has one. The gradient is that of the sum of value·weight.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import rnn

from golden_file import write

GENERATOR = torch.Generator().manual_seed(13)
ROWS = 4
# Of sequences of 5 steps.
LENGTHS = [3, 5, 1, 4]
# No place of the third row is marked.
MASK = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]])
BAGS = {"city": [[1], [0], [3], [1]], "tags": [[2, 0, 2], [], [1], [3, 1]]}


def normal(*shape):
    """Rounded, so that it is short to write and exact in float32."""
    return (torch.randn(shape, generator=GENERATOR, dtype=torch.float64) * 64).round() / 64


def flat(x):
    return [float(f"{number:.9g}") for number in x.detach().flatten().tolist()]


def case(layer, inputs, value, params, mask=None, bags=None):
    """`params(value_of)` names the parameters of the layer, each as `value_of` gives it."""
    weight = normal(*value.shape)
    (value * weight).sum().backward()
    gradients = params(lambda param: param.grad)
    return {
        "layer": layer,
        "inputs": [{"sizes": list(x.shape[1:]), "values": flat(x), "gradient": flat(x.grad)} for x in inputs],
        "mask": None if mask is None else flat(mask),
        "bags": bags or {},
        "params": {
            name: {"values": flat(values), "gradient": flat(gradients[name])}
            for name, values in params(lambda param: param.data).items()
        },
        "weight": flat(weight),
        "values": flat(value),
    }


def without_params(_value_of):
    return {}


def spread(module):
    """Parameters with few digits."""
    for param in module.double().parameters():
        param.data = normal(*param.shape) / 2
    return module


def data(*sizes):
    return normal(ROWS, *sizes).requires_grad_()


def of_linear(name, linear, value_of):
    bias = {} if linear.bias is None else {f"{name}/bias": value_of(linear.bias)}
    return {f"{name}/weights": value_of(linear.weight).T, **bias}


def dense():
    activations = {
        "linear": lambda x: x,
        "relu": F.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "softplus": F.softplus,
        "elu": F.elu,
        "leaky_relu": F.leaky_relu,
        "selu": F.selu,
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
    }
    for (name, activation), bias in itertools.product(activations.items(), [True, False]):
        x, linear = data(3), spread(nn.Linear(3, 5, bias=bias))
        layer = {"dense": {"units": 5, "activation": name, "bias": bias}}
        yield case(layer, [x], activation(linear(x)), lambda value_of: of_linear("layer", linear, value_of))


def mlp():
    for name, activation in [("relu", nn.ReLU), ("gelu", nn.GELU)]:
        x, module = data(3), spread(nn.Sequential(nn.Linear(3, 6), activation(), nn.Linear(6, 2), activation()))
        params = lambda value_of: {
            **of_linear("layer/hidden_1", module[0], value_of),
            **of_linear("layer/hidden_2", module[2], value_of),
        }
        yield case({"mlp": {"units": [6, 2], "activation": name}}, [x], module(x), params)


def looked_up(bags, rows, combiner):
    ids = torch.tensor([i for bag in bags for i in bag])
    offsets = torch.tensor([sum(len(bag) for bag in bags[:i]) for i in range(len(bags))])
    return F.embedding_bag(ids, rows, offsets, mode=combiner)


def linear():
    for units, combiner, numbers, features in [
        (1, "sum", True, ["city", "tags"]),
        (3, "mean", True, ["tags"]),
        (2, "sum", False, ["city", "tags"]),
        (2, "sum", True, []),
    ]:
        bias = normal(units).requires_grad_()
        tables = {feature: normal(4, units).requires_grad_() for feature in features}
        inputs = [data(3)] if numbers else []
        weights = [normal(3, units).requires_grad_() for _ in inputs]
        products = [x @ w for x, w in zip(inputs, weights)]
        value = bias + sum(products + [looked_up(BAGS[name], rows, combiner) for name, rows in tables.items()])
        params = lambda value_of: {
            "layer/bias": value_of(bias),
            **{"layer/weights": value_of(w) for w in weights},
            **{f"layer/{feature}/weights": value_of(rows) for feature, rows in tables.items()},
        }
        layer = {"linear": {"units": units, "combiner": combiner}}
        yield case(layer, inputs, value, params, bags={feature: BAGS[feature] for feature in features})


def cross():
    for layers in [1, 3]:
        x, modules = data(4), [spread(nn.Linear(4, 4)) for _ in range(layers)]
        value = x
        for module in modules:
            value = x * module(value) + value
        params = lambda value_of: {
            **{f"layer/weights_{i}": value_of(module.weight).T for i, module in enumerate(modules, 1)},
            **{f"layer/bias_{i}": value_of(module.bias) for i, module in enumerate(modules, 1)},
        }
        yield case({"cross": {"layers": layers}}, [x], value, params)


def factorization_machine():
    for count in [1, 2, 4]:
        embeddings = [data(3) for _ in range(count)]
        # As it is defined, not as it is computed.
        value = sum(((a * b).sum(1) for a, b in itertools.combinations(embeddings, 2)), embeddings[0].sum(1) * 0)
        yield case("factorization_machine", embeddings, value, without_params)


def rms_norm():
    for sizes, epsilon in [((6,), 1e-6), ((3, 5), 0.125)]:
        x, scale = data(*sizes), normal(sizes[-1]).requires_grad_()
        value = F.rms_norm(x, sizes[-1:], scale, epsilon)
        yield case({"rms_norm": {"epsilon": epsilon}}, [x], value, lambda value_of: {"layer/scale": value_of(scale)})


def positional_embedding():
    x, table = data(5, 3), spread(nn.Embedding(5, 3))
    value = x + table(torch.arange(5))
    yield case("learned_positions", [x], value, lambda value_of: {"layer/table": value_of(table.weight)})
    for length, dim in [(5, 4), (3, 5)]:
        x, columns = data(length, dim), torch.arange(dim)
        angles = torch.arange(length)[:, None] / 10000.0 ** ((columns - columns % 2).double() / dim)
        value = x + torch.where(columns % 2 == 0, angles.sin(), angles.cos())
        yield case("sinusoidal_positions", [x], value, without_params)


def global_pools():
    pools = {
        "global_max_pool": (F.adaptive_max_pool1d, F.adaptive_max_pool2d),
        "global_average_pool": (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d),
    }
    for name, (one, two) in pools.items():
        sequence, image, masked = data(5, 3), data(2, 4, 3), data(5, 3)
        yield case(name, [sequence], one(sequence.movedim(-1, 1), 1).flatten(1), without_params)
        yield case(name, [image], two(image.movedim(-1, 1), 1).flatten(1), without_params)
        places = [x[mask == 1].T for x, mask in zip(masked, MASK)]
        rows = [one(x, 1)[:, 0] if x.numel() > 0 else x.new_zeros(3) for x in places]
        yield case(name, [masked], torch.stack(rows), without_params, mask=MASK)


def of_recurrent(cell, module, value_of):
    named, params = dict(module.named_parameters()), {}
    directions = ["forward", "backward"][: 2 if module.bidirectional else 1]
    for i, direction in itertools.product(range(module.num_layers), directions):
        scope, suffix = f"layer/layer_{i + 1}/{direction}", f"_l{i}" + ("_reverse" if direction == "backward" else "")
        params[f"{scope}/weights"] = value_of(named[f"weight_ih{suffix}"]).T
        params[f"{scope}/recurrent_weights"] = value_of(named[f"weight_hh{suffix}"]).T
        bias = value_of(named[f"bias_ih{suffix}"])
        if cell == "lstm":
            gates = zip(["input", "forget", "cell", "output"], bias.chunk(4))
            params |= {f"{scope}/{gate}_bias": part for gate, part in gates}
        else:
            params[f"{scope}/bias"] = bias
        if cell == "gru":
            params[f"{scope}/recurrent_bias"] = value_of(named[f"bias_hh{suffix}"]).chunk(3)[2]
    return params


def without_second_bias(cell, module):
    """Only the candidate of a GRU has a second bias here."""
    for name, param in module.named_parameters():
        if name.startswith("bias_hh"):
            param.data[: 2 * module.hidden_size if cell == "gru" else None] = 0
    return module


def outputs(cell, module, x, lengths):
    """All states, 0 behind the end of a sequence, and the last ones of both directions side by side."""
    if lengths is not None:
        x = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states, final = module(x)
    if lengths is not None:
        states, _ = rnn.pad_packed_sequence(states, batch_first=True, total_length=5)
    final = final[0] if cell == "lstm" else final
    return {"all_states": states, "last_state": torch.cat(list(final[-2 if module.bidirectional else -1 :]), 1)}


def recurrent():
    modules = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    variants = [
        (2, False, "all_states", None),
        (2, False, "last_state", LENGTHS),
        (1, True, "all_states", LENGTHS),
        (1, True, "last_state", None),
        (2, True, "all_states", LENGTHS),
        (2, True, "last_state", LENGTHS),
    ]
    for cell, (layers, both, returns, lengths) in itertools.product(modules, variants):
        module = spread(modules[cell](2, 3, layers, batch_first=True, bidirectional=both))
        x, module = data(5, 2), without_second_bias(cell, module)
        value = outputs(cell, module, x, lengths)[returns]
        mask = None if lengths is None else (torch.arange(5) < torch.tensor(lengths)[:, None]).double()
        layer = {cell: {"units": 3, "returns": returns, "bidirectional": both, "layers": layers}}
        yield case(layer, [x], value, lambda value_of: of_recurrent(cell, module, value_of), mask=mask)


def main():
    groups = [dense, mlp, linear, cross, factorization_machine, rms_norm, positional_embedding, global_pools, recurrent]
    cases = [case for group in groups for case in group()]
    write("layers.json", {"torch": torch.__version__.split("+")[0]}, {"rows": ROWS, "cases": cases})


if __name__ == "__main__":
    main()
