"""Writes basic.json beside this file: values and gradients of basic operations, by PyTorch in float64.

    python -m venv venv && venv/bin/pip install torch==2.15.0
    venv/bin/python make_basic_golden.py

Axes are written as this library has them, and operations by the name of its methods. The gradient is that of the sum of
value·weight.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
GENERATOR = torch.Generator().manual_seed(11)
ROWS = 5

# A bag with one id, without any, with an id twice, and with more ids than a sequence has places; id 4 is in none.
BAGS = [[2], [], [3, 1, 3], [0, 5], [1, 0, 2, 5, 3, 0]]
# The weights of the second to last bag are 0: a mean of them is 0 here.
BAG_WEIGHTS = [[0.5], [], [1.0, 2.0, 0.25], [0.0, 0.0], [1.5, 0.0, 0.75, 3.0, 1.0, 0.5]]


def normal(*shape):
    """Rounded, so that it is short to write and exact in float32."""
    return (torch.randn(shape, generator=GENERATOR, dtype=torch.float64) * 1.5 * 64).round() / 64


def fixed(*sizes):
    return [{"fixed": size} for size in sizes]


def batch(*sizes):
    """An input and its axes, the first of which is the batch."""
    return normal(ROWS, *sizes), ["batch", *fixed(*sizes)]


def param(*sizes):
    return normal(*sizes), fixed(*sizes)


def table(rows, dim):
    return normal(rows, dim), [{"rows": 0}, *fixed(dim)]


def above_zero(given):
    values, dims = given
    return values.abs() + 0.5, dims


def flat(x):
    return [float(f"{number:.9g}") for number in x.detach().flatten().tolist()]


def case(op, function, *given, **settings):
    inputs = [values.clone().requires_grad_() for values, _ in given]
    value = function(*inputs)
    weight = normal(*value.shape)
    (value * weight).sum().backward()
    return {
        "op": op,
        **settings,
        "inputs": [{"dims": dims, "values": flat(x), "gradient": flat(x.grad)} for x, (_, dims) in zip(inputs, given)],
        "weight": flat(weight),
        "values": flat(value),
    }


def two_numbers():
    for name in ["add", "sub", "mul", "div"]:
        function = getattr(torch, name)
        pairs = [
            (batch(19), batch(19)),
            (batch(4, 3), param(3)),
            (param(4, 1), batch(4, 3)),
            (batch(4, 1), batch(1, 3)),
            (batch(2), param()),
            (param(2, 3), param(3)),
        ]
        for a, b in pairs:
            yield case(name, function, a, above_zero(b) if name == "div" else b)


def one_number():
    x = batch(21)
    x[0][0, :5] = torch.tensor([0.0, -4.5, 4.5, -0.015625, 1.0])
    yield case("exp", torch.exp, x)
    yield case("square", torch.square, x)
    yield case("abs", torch.abs, x)
    yield case("log", torch.log, above_zero(x))
    yield case("sqrt", torch.sqrt, above_zero(x))
    yield case({"affine": {"scale": -1.25, "shift": 0.75}}, lambda x: -1.25 * x + 0.75, x)


def sums_and_repetitions():
    sums = [
        (["batch", *fixed(4, 1)], batch(4, 3), lambda x: x.sum(2, keepdim=True)),
        (["batch", *fixed(1, 3)], batch(4, 3), lambda x: x.sum(1, keepdim=True)),
        (fixed(4, 3), batch(4, 3), lambda x: x.sum(0)),
        (fixed(1, 3), batch(4, 3), lambda x: x.sum((0, 1)).reshape(1, 3)),
        ([], batch(4, 3), torch.sum),
        (fixed(3), param(4, 3), lambda x: x.sum(0)),
    ]
    for to, x, function in sums:
        yield case({"sum_to": {"to": to}}, function, x)
    repetitions = [
        (["batch", *fixed(4, 3)], batch(4, 1), lambda x: x.expand(ROWS, 4, 3)),
        (["batch", *fixed(4, 3)], batch(1, 3), lambda x: x.expand(ROWS, 4, 3)),
        (["batch", *fixed(4, 3)], param(3), lambda x: x.expand(ROWS, 4, 3)),
        (["batch", *fixed(3)], param(), lambda x: x.expand(ROWS, 3)),
        (fixed(2, 4, 3), param(4, 1), lambda x: x.expand(2, 4, 3)),
    ]
    for to, x, function in repetitions:
        yield case({"broadcast_to": {"to": to}}, function, x)


def order():
    yield case({"reshape": {"dims": ["batch", *fixed(2, 6)]}}, lambda x: x.reshape(ROWS, 2, 6), batch(4, 3))
    yield case({"reshape": {"dims": fixed(12)}}, torch.flatten, param(4, 3))
    for axes in [[1, 0, 2], [2, 0, 1], [0, 2, 1]]:
        order = [0, *(axis + 1 for axis in axes)]
        yield case({"transpose": {"axes": axes}}, lambda x: x.permute(order), batch(3, 4, 2))
    # Larger than a square of 8 in both directions.
    yield case({"transpose": {"axes": [1, 0]}}, lambda x: x.T, param(9, 17))


def parts():
    yield case({"slice": {"start": 2, "len": 3}}, lambda x: x[..., 2:5], batch(2, 7))
    yield case({"slice_axis": {"axis": 0, "start": 1, "len": 2}}, lambda x: x[:, 1:3], batch(4, 3))
    yield case("concat", lambda *parts: torch.cat(parts, -1), batch(2, 3), batch(2, 1), batch(2, 4))
    yield case({"concat_axis": {"axis": 0}}, lambda *parts: torch.cat(parts, 1), batch(2, 3), batch(1, 3))
    yield case({"stack": {"axis": 1}}, lambda *parts: torch.stack(parts, 2), batch(3), batch(3))
    yield case({"pad": {"before": 2, "after": 1}}, lambda x: F.pad(x, (2, 1)), batch(2, 3))
    yield case({"pad_axis": {"axis": 0, "before": 0, "after": 2}}, lambda x: F.pad(x, (0, 0, 0, 2)), batch(2, 3))


def products():
    pairs = [
        (batch(1), param(1, 1)),
        (batch(4), param(4, 3)),
        (batch(3, 4), param(4, 2)),
        (param(3, 4), param(4, 2)),
        # No size is a multiple of a kernel's.
        (batch(37), param(37, 35)),
    ]
    for a, b in pairs:
        yield case("matmul", torch.matmul, a, b)
    for of_a in [False, True]:
        for of_b in [False, True]:
            function = lambda a, b: (a.mT if of_a else a) @ (b.mT if of_b else b)
            op = {"batch_matmul": {"transpose_a": of_a, "transpose_b": of_b}}
            for heads in [(), (2,)]:
                a, b = (4, 3) if of_a else (3, 4), (2, 4) if of_b else (4, 2)
                yield case(op, function, batch(*heads, *a), batch(*heads, *b))
    plain = {"batch_matmul": {"transpose_a": False, "transpose_b": False}}
    yield case(plain, torch.matmul, param(2, 3, 4), param(2, 4, 1))


def softmax():
    for sizes in [(1,), (5,), (3, 4), (37,)]:
        yield case("softmax", lambda x: x.softmax(-1), batch(*sizes))
    logits, dims = batch(6)
    # Their exponentials are not finite in float32.
    yield case("softmax", lambda x: x.softmax(-1), (logits + 128, dims))


def sequence_mask():
    lengths = torch.tensor([len(bag) for bag in BAGS])
    mask = torch.arange(4) < lengths[:, None]
    # The mask itself has no input to take a gradient for.
    yield case("times_sequence_mask", lambda x: x * mask, batch(4), bags=BAGS)


def pooled(rows, combiner, weights):
    """PyTorch has the sum and mean of rows and their weighted sum; for the rest the weights of a bag are scaled."""
    ids = torch.tensor([i for bag in BAGS for i in bag])
    offsets = torch.tensor([sum(len(bag) for bag in BAGS[:i]) for i in range(len(BAGS))])
    if weights is None and combiner != "sqrtn":
        return F.embedding_bag(ids, rows, offsets, mode=combiner)
    scaled = []
    for bag in weights or [[1.0] * len(bag) for bag in BAGS]:
        bag = torch.tensor(bag, dtype=torch.float64)
        divisor = {"sum": torch.ones(()), "mean": bag.sum(), "sqrtn": bag.norm()}[combiner]
        scaled.append(bag if divisor == 0 else bag / divisor)
    return F.embedding_bag(ids, rows, offsets, mode="sum", per_sample_weights=torch.cat(scaled))


def embedding_bags():
    for combiner in ["sum", "mean", "sqrtn"]:
        for weights in [None, BAG_WEIGHTS]:
            # The first and last are compiled on their own.
            for dim in [1, 3, 16]:
                settings = {"bags": BAGS, "bag_weights": weights}
                function = lambda rows: pooled(rows, combiner, weights)
                yield case({"embedding_bag": {"combiner": combiner}}, function, table(6, dim), **settings)


def main():
    numbers = [two_numbers, one_number, sums_and_repetitions, softmax]
    groups = [*numbers, order, parts, products, sequence_mask, embedding_bags]
    cases = ",\n".join(json.dumps(case) for group in groups for case in group())
    versions = json.dumps({"torch": torch.__version__.split("+")[0]})
    (HERE / "basic.json").write_text(f'{{"versions": {versions}, "rows": {ROWS}, "cases": [\n{cases}\n]}}\n')


if __name__ == "__main__":
    main()
