"""Writes the golden values beside this file, except those of Keras: see make_golden_keras.py.

Optimizers, schedules and most losses: PyTorch. Metrics and some losses: scikit-learn. What neither has: NumPy, written from
the papers' formulas. Each case names its source.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scikit-learn==1.9.1 torch==2.15.0
    venv/bin/python make_golden.py
"""

import numpy as np
import sklearn
import torch

import golden_losses
import golden_metrics
import golden_optimizers
import golden_schedules
from golden_file import write


def main():
    torch.manual_seed(0)
    versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "torch": torch.__version__}
    write("optimizers.json", versions, golden_optimizers.content())
    write("losses.json", versions, golden_losses.content())
    write("schedules.json", versions, golden_schedules.content())
    write("metrics.json", versions, golden_metrics.content())


if __name__ == "__main__":
    main()
