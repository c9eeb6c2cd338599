"""Metrics, by scikit-learn; calibration by NumPy."""

import numpy as np
from sklearn import metrics

F = np.float32
THRESHOLDS = [0.3, 0.5, 0.65]


def weights_of(rng, n, weighted):
    return (rng.integers(0, 9, n) / 4).astype(F) if weighted else np.ones(n, F)


def hard_numbers(truth, p, w, threshold):
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, p > threshold, average="binary", sample_weight=w, zero_division=0
    )
    return [precision, recall, f1]


def calibration_numbers(truth, p, w):
    """Mean prediction, mean label, and expected calibration error in ten bins (Guo and others, 2017, equation 3)."""
    bins = np.minimum((p * 10).astype(int), 9)
    inside = [bins == b for b in np.unique(bins[w > 0])]
    gaps = [abs(np.average(p[i], weights=w[i]) - np.average(truth[i], weights=w[i])) for i in inside]
    error = np.average(gaps, weights=[w[i].sum() for i in inside])
    return [np.average(p, weights=w), np.average(truth, weights=w), error]


def binary_case(rng, n, distinct, weighted):
    labels = (rng.random(n) < 0.3).astype(F)
    scores = np.round(np.clip(rng.normal(0.35 + 0.2 * labels, 0.2), 0.01, 0.99) * distinct) / distinct
    scores = np.clip(scores, 0.01, 0.99).astype(F)
    weights = weights_of(rng, n, weighted)
    truth, p, w = labels.astype(int), scores.astype(float), weights.astype(float)
    return {
        "predictions": scores.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "roc_auc": metrics.roc_auc_score(truth, p, sample_weight=w),
        "average_precision": metrics.average_precision_score(truth, p, sample_weight=w),
        "log_loss": metrics.log_loss(truth, p, sample_weight=w),
        "accuracy": metrics.accuracy_score(truth, p > 0.5, sample_weight=w),
        "calibration": calibration_numbers(truth, p, w),
        "thresholds": THRESHOLDS,
        "precision_recall_f1": [hard_numbers(truth, scores, w, F(threshold)) for threshold in THRESHOLDS],
    }


def regression_case(rng, n, weighted):
    labels = rng.normal(3, 2, n).astype(F)
    predictions = (labels + rng.normal(0, 1, n)).astype(F)
    weights = weights_of(rng, n, weighted)
    y, p, w = (values.astype(float) for values in (labels, predictions, weights))
    return {
        "predictions": predictions.tolist(),
        "labels": labels.tolist(),
        "weights": weights.tolist(),
        "root_mean_squared_error": metrics.root_mean_squared_error(y, p, sample_weight=w),
        "mean_squared_error": metrics.mean_squared_error(y, p, sample_weight=w),
        "mean_absolute_error": metrics.mean_absolute_error(y, p, sample_weight=w),
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(y, p, sample_weight=w),
        "r2": metrics.r2_score(y, p, sample_weight=w),
    }


def class_case(rng, n, classes, weighted):
    scores = rng.dirichlet(np.ones(classes), n).astype(F)
    labels, weights = rng.integers(0, classes, n), weights_of(rng, n, weighted)
    top = [
        metrics.top_k_accuracy_score(labels, scores, k=k, sample_weight=weights, labels=range(classes))
        for k in range(1, classes)
    ]
    return {
        "scores": scores.ravel().tolist(),
        "labels": labels.astype(float).tolist(),
        "weights": weights.tolist(),
        "top_k": top,
    }


def ranking_case(rng, lists, items, distinct, weighted):
    """Scores with ties when few are distinct. Of one relevant item a list, the average precision is the reciprocal rank."""
    scores = np.round(rng.random((lists, items)) * distinct).astype(F)
    relevances = rng.integers(0, 4, (lists, items)).astype(F)
    relevances[:, 0] += 1
    one_relevant = np.eye(items, dtype=F)[rng.integers(0, items, lists)]
    weights = weights_of(rng, lists, weighted)
    return {
        "items": items,
        "scores": scores.ravel().tolist(),
        "relevances": relevances.ravel().tolist(),
        "one_relevant": one_relevant.ravel().tolist(),
        "weights": weights.tolist(),
        "ndcg_at": [metrics.ndcg_score(relevances, scores, k=k, sample_weight=weights) for k in range(1, items + 1)],
        "ndcg_exponential": metrics.ndcg_score(2**relevances - 1, scores, sample_weight=weights),
        "mrr": metrics.label_ranking_average_precision_score(one_relevant, scores, sample_weight=weights),
    }


def content():
    rng = np.random.default_rng(7)
    return {
        "binary": [
            binary_case(rng, *case) for case in [(40, 10, False), (60, 1000, True), (80, 5, True)]
        ],
        "regression": [regression_case(rng, 50, weighted) for weighted in [False, True]],
        "classes": [class_case(rng, 40, 5, weighted) for weighted in [False, True]],
        "ranking": [
            ranking_case(rng, *case) for case in [(12, 6, 1000, False), (12, 6, 3, True), (8, 10, 5, True)]
        ],
    }
