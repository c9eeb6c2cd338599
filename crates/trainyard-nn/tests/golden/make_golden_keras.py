"""Writes keras.json beside this file: what Keras and TensorFlow have that PyTorch has not, or has otherwise.

Python 3.11 or older, since TensorFlow 2.15 knows no newer one.

    python3.11 -m venv venv && venv/bin/pip install tensorflow-cpu==2.15.1
    venv/bin/python make_golden_keras.py
"""

import numpy as np
import tensorflow as tf

from golden_file import write

F = np.float32
RNG = np.random.default_rng(5)
GRADS = RNG.normal(size=(20, 6)).astype(F)
GRADS[:, 5] = 0
Z = RNG.normal(0, 2, 12).astype(F)
NUMBERS = RNG.normal(0, 2, 12).astype(F)
SIDES = (RNG.random(12) < 0.4).astype(F)


def optimizers():
    """Our settings, and the optimizer of Keras that they are."""
    k = tf.keras.optimizers
    for l1, l2, l2_shrinkage, power in [(0.5, 0.25, 0.0, -0.5), (0.1, 0.0, 0.3, -0.5), (0.0, 0.0, 0.0, -0.75)]:
        ours = {"learning_rate": 0.2, "learning_rate_power": power, "initial_accumulator": 0.1, "l1": l1, "l2": l2}
        theirs = k.Ftrl(
            0.2,
            learning_rate_power=power,
            initial_accumulator_value=0.1,
            l1_regularization_strength=l1,
            l2_regularization_strength=l2,
            l2_shrinkage_regularization_strength=l2_shrinkage,
        )
        yield {"ftrl": {**ours, "l2_shrinkage": l2_shrinkage}}, theirs
    yield (
        {"lion": {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.5}},
        k.Lion(0.01, beta_1=0.9, beta_2=0.99, weight_decay=0.5),
    )
    yield (
        {"sgd": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2}},
        k.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.2),
    )
    yield (
        {"adagrad": {"learning_rate": 0.05, "initial_accumulator": 0.1, "epsilon": 1e-10, "weight_decay": 0.2}},
        k.Adagrad(0.05, initial_accumulator_value=0.1, epsilon=1e-10, weight_decay=0.2),
    )
    yield (
        {"adam_w": {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-10, "weight_decay": 0.2}},
        k.AdamW(0.01, beta_1=0.9, beta_2=0.99, epsilon=1e-10, weight_decay=0.2),
    )
    # Keras adds epsilon below the root; one this small is nowhere.
    yield (
        {"rms_prop": {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-12, "momentum": 0.5, "weight_decay": 0.2}},
        k.RMSprop(0.01, rho=0.9, epsilon=1e-12, momentum=0.5, weight_decay=0.2),
    )


def optimizer_case(config, optimizer):
    name = type(optimizer).__name__
    start = np.zeros(6, F) if name == "Ftrl" else np.linspace(-1, 1, 6, dtype=F)
    weights = tf.Variable(start)
    for grads in GRADS:
        optimizer.apply_gradients([(tf.constant(grads), weights)])
    weights = weights.numpy().tolist()
    return {"source": f"keras {name}", "optimizer": config, "start": start.tolist(), "weights": weights}


def loss_case(config, labels, loss):
    """One value an example, as Keras has losses: a column of them."""
    z, y = (tf.constant(values.astype(np.float64)[:, None]) for values in (Z, labels))
    with tf.GradientTape() as tape:
        tape.watch(z)
        losses = loss(y, z)
    return {
        "source": f"keras {type(loss).__name__}",
        "loss": config,
        "width": None,
        "label_width": None,
        "logits": Z.tolist(),
        "labels": labels.tolist(),
        "losses": losses.numpy().tolist(),
        "gradient": tape.gradient(losses, z).numpy().ravel().tolist(),
    }


def losses():
    k, none = tf.keras.losses, {"reduction": "none"}
    binary = k.BinaryCrossentropy(from_logits=True, label_smoothing=0.2, **none)
    yield {"binary_cross_entropy": {"label_smoothing": 0.2}}, SIDES, binary
    focal = k.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=True, **none)
    yield {"focal": {"gamma": 1.5, "alpha": 0.3}}, SIDES, focal
    yield "hinge", SIDES, k.Hinge(**none)
    yield "log_cosh", NUMBERS, k.LogCosh(**none)


def schedules():
    """Our settings, and the schedule of Keras for a rate of 1, which counts from 0."""
    k = tf.keras.optimizers.schedules
    yield {"exponential": {"steps": 5, "rate": 0.5}}, k.ExponentialDecay(1.0, 5, 0.5)
    yield {"cosine": {"steps": 8, "floor": 0.2}}, k.CosineDecay(1.0, 8, alpha=0.2)
    yield (
        {"polynomial": {"steps": 8, "power": 2.0, "floor": 0.3}},
        k.PolynomialDecay(1.0, 8, end_learning_rate=0.3, power=2.0),
    )


def schedule_case(decay, schedule):
    factors = [float(schedule(step)) for step in range(12)]
    return {"source": f"keras {type(schedule).__name__}", "schedule": {"decay": decay}, "factors": factors}


def clip_case(clip, clipped):
    parts = [tf.constant(GRADS[0]), tf.constant(GRADS[1, :2])]
    return {
        "source": f"tf.clip_by_{next(iter(clip))}",
        "clip": clip,
        "gradients": [part.numpy().tolist() for part in parts],
        "clipped": [part.numpy().tolist() for part in clipped(parts)],
    }


def clips():
    yield {"value": 0.5}, lambda parts: [tf.clip_by_value(part, -0.5, 0.5) for part in parts]
    yield {"norm": 0.75}, lambda parts: [tf.clip_by_norm(part, 0.75) for part in parts]
    yield {"global_norm": 0.75}, lambda parts: tf.clip_by_global_norm(parts, 0.75)[0]


def main():
    write(
        "keras.json",
        {"numpy": np.__version__, "tensorflow": tf.__version__},
        {
            "grads": GRADS.tolist(),
            "optimizers": [optimizer_case(*case) for case in optimizers()],
            "losses": [loss_case(*case) for case in losses()],
            "schedules": [schedule_case(*case) for case in schedules()],
            "clips": [clip_case(*case) for case in clips()],
        },
    )


if __name__ == "__main__":
    main()
