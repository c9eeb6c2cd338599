"""Writes optimizers.json and metrics.json beside this file.

Optimizers: an independent float32 implementation in NumPy, written from the papers' formulas.
Metrics: scikit-learn.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scikit-learn==1.9.1
    venv/bin/python make_golden.py
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics

F = np.float32
HERE = pathlib.Path(__file__).parent


def sgd(w, grads, learning_rate, momentum=0.0, nesterov=False):
    v = np.zeros_like(w)
    for g in grads:
        v = F(momentum) * v + g
        w = w - F(learning_rate) * (g + F(momentum) * v if nesterov else v)
    return w


def adagrad(w, grads, learning_rate, initial_accumulator, epsilon):
    a = np.full_like(w, initial_accumulator)
    for g in grads:
        a = a + np.square(g)
        w = w - F(learning_rate) * g / (np.sqrt(a) + F(epsilon))
    return w


def adam(w, grads, learning_rate, beta_1, beta_2, epsilon, weight_decay=0.0):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m = F(beta_1) * m + F(1 - beta_1) * g
        v = F(beta_2) * v + F(1 - beta_2) * np.square(g)
        m_hat = m / F(1 - beta_1**t)
        v_hat = v / F(1 - beta_2**t)
        w = w - F(learning_rate * weight_decay) * w
        w = w - F(learning_rate) * m_hat / (np.sqrt(v_hat) + F(epsilon))
    return w


def rms_prop(w, grads, learning_rate, rho, epsilon, momentum=0.0):
    a, v = np.zeros_like(w), np.zeros_like(w)
    for g in grads:
        a = F(rho) * a + F(1 - rho) * np.square(g)
        v = F(momentum) * v + g / (np.sqrt(a) + F(epsilon))
        w = w - F(learning_rate) * v
    return w


def ftrl(w, grads, learning_rate, learning_rate_power, initial_accumulator, l1, l2):
    n, z = np.full_like(w, initial_accumulator), np.zeros_like(w)
    for g in grads:
        n_new = n + np.square(g)
        sigma = (np.power(n_new, F(-learning_rate_power)) - np.power(n, F(-learning_rate_power))) / F(learning_rate)
        z = z + g - sigma * w
        n = n_new
        quadratic = np.power(n, F(-learning_rate_power)) / F(learning_rate) + F(2 * l2)
        w = np.where(np.abs(z) > F(l1), (np.sign(z) * F(l1) - z) / quadratic, F(0))
    return w


OPTIMIZERS = [
    (sgd, "sgd", {"learning_rate": 0.1}),
    (sgd, "sgd", {"learning_rate": 0.1, "momentum": 0.9}),
    (sgd, "sgd", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    (adagrad, "adagrad", {"learning_rate": 0.05, "initial_accumulator": 0.1, "epsilon": 1e-10}),
    (adam, "adam", {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    (adam, "adam_w", {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.1}),
    (rms_prop, "rms_prop", {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-7}),
    (rms_prop, "rms_prop", {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-7, "momentum": 0.5}),
    (
        ftrl,
        "ftrl",
        {"learning_rate": 0.2, "learning_rate_power": -0.5, "initial_accumulator": 0.1, "l1": 0.5, "l2": 0.25},
    ),
    (
        ftrl,
        "ftrl",
        {"learning_rate": 0.2, "learning_rate_power": -0.75, "initial_accumulator": 0.1, "l1": 0.0, "l2": 0.0},
    ),
]


def optimizer_case(grads, function, name, settings):
    start = np.zeros(6, F) if name == "ftrl" else np.linspace(-1, 1, 6, dtype=F)
    weights = function(start, grads, **settings)
    assert weights.dtype == F, name
    return {"optimizer": {name: settings}, "start": start.tolist(), "weights": weights.tolist()}


def metric_case(rng, n, distinct, weighted):
    labels = (rng.random(n) < 0.3).astype(F)
    scores = np.round(np.clip(rng.normal(0.35 + 0.2 * labels, 0.2), 0.01, 0.99) * distinct) / distinct
    scores = np.clip(scores, 0.01, 0.99).astype(F)
    weights = (rng.integers(0, 9, n) / 4).astype(F) if weighted else np.ones(n, F)
    truth, p, w = labels.astype(int), scores.astype(float), weights.astype(float)
    hard = (p > 0.5).astype(int)
    return {
        "predictions": scores.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "roc_auc": metrics.roc_auc_score(truth, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(truth, p, sample_weight=w),
        "log_loss": metrics.log_loss(truth, p, sample_weight=w),
        "accuracy": metrics.accuracy_score(truth, hard, sample_weight=w),
        "precision": metrics.precision_score(truth, hard, sample_weight=w, zero_division=0),
        "recall": metrics.recall_score(truth, hard, sample_weight=w),
        "f1": metrics.f1_score(truth, hard, sample_weight=w),
        "mean_squared_error": metrics.mean_squared_error(labels, p, sample_weight=w),
        "mean_absolute_error": metrics.mean_absolute_error(labels, p, sample_weight=w),
        "r2": metrics.r2_score(labels, p, sample_weight=w),
    }


def write(name, content):
    versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__}
    (HERE / name).write_text(json.dumps({"versions": versions, **content}, indent=1) + "\n")


def main():
    rng = np.random.default_rng(7)
    grads = rng.normal(size=(20, 6)).astype(F)
    grads[:, 5] = 0
    write("optimizers.json", {"grads": grads.tolist(), "cases": [optimizer_case(grads, *case) for case in OPTIMIZERS]})
    write("metrics.json", {
        "cases": [metric_case(rng, n, distinct, weighted)
                  for n, distinct, weighted in [(40, 10, False), (60, 1000, True), (80, 5, True)]],
    })


if __name__ == "__main__":
    main()
