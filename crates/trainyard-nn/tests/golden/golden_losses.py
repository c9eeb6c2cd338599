"""Losses of examples and the gradient of their sum, by PyTorch and scikit-learn."""

import numpy as np
import torch
from sklearn._loss import HalfGammaLoss, HalfTweedieLoss, PinballLoss
from torch.nn import functional

RNG = np.random.default_rng(11)
Z = RNG.normal(0, 2, 12).astype(np.float32)
NUMBERS = RNG.normal(0, 2, 12).astype(np.float32)
AMOUNTS = np.where(RNG.random(12) < 0.3, 0, RNG.gamma(2, 1, 12)).astype(np.float32)
POSITIVE = (AMOUNTS + np.float32(0.25)).astype(np.float32)
COUNTS = RNG.poisson(2, 12).astype(np.float32)
SIDES = (RNG.random(12) < 0.4).astype(np.float32)
SHARES = RNG.random(12).astype(np.float32)
LOGITS = RNG.normal(0, 3, (5, 4)).astype(np.float32)
CLASSES = np.array([0, 3, 1, 2, 3], np.float32)
PROBABILITIES = RNG.dirichlet(np.ones(4), 5).astype(np.float32)
RELEVANCES = np.array([[0, 1, 2, 3], [1, 0, 0, 1], [0, 0, 0, 2], [4, 4, 1, 1], [0, 2, 1, 0]], np.float32)


def case(source, config, logits, labels, losses, gradient):
    return {
        "source": source,
        "loss": config,
        "width": logits.shape[1] if logits.ndim == 2 else None,
        "label_width": labels.shape[1] if labels.ndim == 2 else None,
        "logits": logits.ravel().tolist(),
        "labels": labels.ravel().tolist(),
        "losses": np.asarray(losses, np.float64).tolist(),
        "gradient": np.asarray(gradient, np.float64).ravel().tolist(),
    }


def by_torch(source, config, logits, labels, function):
    """In double precision, so that the golden value's own rounding does not count."""
    z = torch.tensor(logits.astype(np.float64), requires_grad=True)
    losses = function(z, torch.tensor(labels.astype(np.float64)))
    losses.sum().backward()
    return case(source, config, logits, labels, losses.detach().numpy(), z.grad.numpy())


def by_sklearn(config, labels, loss):
    losses, gradient = loss.loss_gradient(labels.astype(np.float64), Z.astype(np.float64))
    return case(f"sklearn._loss.{type(loss).__name__}", config, Z, labels, losses, gradient)


def unreduced(function, **settings):
    return lambda z, y: function(z, y, reduction="none", **settings)


def classes(**settings):
    return lambda z, y: functional.cross_entropy(z, y.long() if y.dim() == 1 else y, reduction="none", **settings)


def mean_over_pairs(scores, relevances):
    """The logistic loss of the difference, over the pairs of each list."""

    def of_list(s, y):
        first, second = torch.where(y[:, None] > y[None, :])
        return functional.soft_margin_loss(s[first] - s[second], torch.ones(len(first), dtype=s.dtype))

    return torch.stack([of_list(s, y) for s, y in zip(scores, relevances)])


def cases():
    f, smoothed = functional, {"label_smoothing": 0.15}
    bce, name = unreduced(f.binary_cross_entropy_with_logits), "torch binary_cross_entropy_with_logits"
    yield by_torch(name, "binary_cross_entropy", Z, SIDES, bce)
    yield by_torch(name, "binary_cross_entropy", Z, SHARES, bce)
    yield by_torch("torch cross_entropy", "cross_entropy", LOGITS, CLASSES, classes())
    yield by_torch("torch cross_entropy", {"cross_entropy": smoothed}, LOGITS, CLASSES, classes(**smoothed))
    yield by_torch("torch cross_entropy", "cross_entropy", LOGITS, PROBABILITIES, classes())
    yield by_torch("torch cross_entropy", {"cross_entropy": smoothed}, LOGITS, PROBABILITIES, classes(**smoothed))
    yield by_torch("torch mse_loss", "squared_error", Z, NUMBERS, unreduced(f.mse_loss))
    yield by_torch("torch l1_loss", "absolute_error", Z, NUMBERS, unreduced(f.l1_loss))
    yield by_torch("torch huber_loss", {"huber": {"delta": 1.5}}, Z, NUMBERS, unreduced(f.huber_loss, delta=1.5))
    yield by_torch("torch poisson_nll_loss", "poisson", Z, COUNTS, unreduced(f.poisson_nll_loss, log_input=True))
    yield by_sklearn({"quantile": {"quantile": 0.8}}, NUMBERS, PinballLoss(quantile=0.8))
    yield by_sklearn("gamma", POSITIVE, HalfGammaLoss())
    yield by_sklearn({"tweedie": {"power": 1.3}}, AMOUNTS, HalfTweedieLoss(power=1.3))
    yield by_torch("torch soft_margin_loss", "pairwise_ranking", LOGITS, RELEVANCES, mean_over_pairs)


def content():
    return {"cases": list(cases())}
