"""Weights after 20 steps, by PyTorch and NumPy, and averages of weights."""

import numpy as np
import torch

F = np.float32


def gradients():
    """The gradients of 20 steps for 6 weights, of which the last has none."""
    grads = np.random.default_rng(7).normal(size=(20, 6)).astype(F)
    grads[:, 5] = 0
    return grads


def start_of(name):
    """The first weights. Those of FTRL are 0, since its slots know of no other start."""
    return np.zeros(6, F) if name == "ftrl" else np.linspace(-1, 1, 6, dtype=F)


def by_torch(optimizer, **settings):
    def weights_of(start, grads):
        weights = torch.nn.Parameter(torch.tensor(start))
        rule = optimizer([weights], **settings)
        for g in grads:
            weights.grad = torch.tensor(g)
            rule.step()
        return weights.detach().numpy()

    return f"torch.optim.{optimizer.__name__}", weights_of


def sgd_with_decay(learning_rate, momentum, weight_decay, nesterov=False):
    """Loshchilov and Hutter (2019), algorithm 1, with the momentum of PyTorch. PyTorch's own decay passes through it."""

    def weights_of(w, grads):
        v = np.zeros_like(w)
        for g in grads:
            v = F(momentum) * v + g
            change = g + F(momentum) * v if nesterov else v
            w = w * F(1 - learning_rate * weight_decay) - F(learning_rate) * change
        return w

    return "numpy", weights_of


def lion(learning_rate, beta_1, beta_2, weight_decay):
    """Chen and others (2023), algorithm 2."""

    def weights_of(w, grads):
        m = np.zeros_like(w)
        for g in grads:
            c = F(beta_1) * m + F(1 - beta_1) * g
            w = w - F(learning_rate) * (np.sign(c) + F(weight_decay) * w)
            m = F(beta_2) * m + F(1 - beta_2) * g
        return w

    return "numpy", weights_of


def optimizers():
    """Our settings, and who says what they give."""
    o = torch.optim
    yield {"sgd": {"learning_rate": 0.1}}, by_torch(o.SGD, lr=0.1)
    yield {"sgd": {"learning_rate": 0.1, "momentum": 0.9}}, by_torch(o.SGD, lr=0.1, momentum=0.9)
    yield (
        {"sgd": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}},
        by_torch(o.SGD, lr=0.1, momentum=0.9, nesterov=True),
    )
    # Without momentum a decay through the gradient is one apart from it.
    yield {"sgd": {"learning_rate": 0.1, "weight_decay": 0.2}}, by_torch(o.SGD, lr=0.1, weight_decay=0.2)
    settings = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.2, "nesterov": True}
    yield {"sgd": settings}, sgd_with_decay(**settings)
    yield (
        {"adagrad": {"learning_rate": 0.05, "initial_accumulator": 0.1, "epsilon": 1e-10}},
        by_torch(o.Adagrad, lr=0.05, initial_accumulator_value=0.1, eps=1e-10),
    )
    yield (
        {"adam": {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}},
        by_torch(o.Adam, lr=0.01, betas=(0.9, 0.999), eps=1e-8),
    )
    yield (
        {"adam_w": {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.1}},
        by_torch(o.AdamW, lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1),
    )
    yield (
        {"rms_prop": {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-7}},
        by_torch(o.RMSprop, lr=0.01, alpha=0.9, eps=1e-7),
    )
    yield (
        {"rms_prop": {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-7, "momentum": 0.5}},
        by_torch(o.RMSprop, lr=0.01, alpha=0.9, eps=1e-7, momentum=0.5),
    )
    settings = {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.5}
    yield {"lion": settings}, lion(**settings)


def optimizer_case(config, rule):
    source, weights_of = rule
    start = start_of(next(iter(config)))
    weights = weights_of(start, gradients())
    assert weights.dtype == F, source
    return {"source": source, "optimizer": config, "start": start.tolist(), "weights": weights.tolist()}


def average_case(decay):
    """The average after each step, of weights whose shares fall by `decay` a step."""
    weights = np.random.default_rng(3).normal(size=12).astype(F)
    averages = [np.average(weights[: t + 1], weights=decay ** np.arange(t, -1.0, -1.0)) for t in range(12)]
    return {"source": "numpy.average", "decay": decay, "weights": weights.tolist(), "averages": averages}


def content():
    return {
        "grads": gradients().tolist(),
        "cases": [optimizer_case(*case) for case in optimizers()],
        "averages": [average_case(decay) for decay in [0.0, 0.5, 0.999]],
    }
