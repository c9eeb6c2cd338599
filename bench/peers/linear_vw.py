"""Vowpal Wabbit, FTRL logistic regression from a text file: usage linear_vw.py ROWS [ROWS.vw ROWS.csv].

With names of files the rows are kept there, in Vowpal Wabbit's format and as CSV, and read again the next time.
Needs vowpalwabbit, numpy.
"""
import os
import sys
import tempfile
import time

import numpy as np
from vowpalwabbit import Workspace

ROWS = int(sys.argv[1])


def write(path, csv_path):
    rng = np.random.default_rng(3)
    with open(path, "w") as out, open(csv_path, "w") as csv:
        csv.write(",".join(["label"] + [f"I{i}" for i in range(13)] + [f"C{i}" for i in range(26)]) + "\n")
        for start in range(0, ROWS, 10_000):
            n = min(10_000, ROWS - start)
            ids = (rng.zipf(1.15, (n, 26)) - 1) % 1_000_000
            numeric = rng.lognormal(0, 1, (n, 13))
            labels = np.where(rng.random(n) < 0.3, 1, -1)
            for r in range(n):
                numbers, names = [f"{x:.3f}" for x in numeric[r]], [f"{x:x}" for x in ids[r]]
                out.write(f"{labels[r]} |n " + " ".join(f"I{i}:{x}" for i, x in enumerate(numbers))
                          + " |c " + " ".join(f"C{i}_{x}" for i, x in enumerate(names)) + "\n")
                csv.write(",".join([str(max(labels[r], 0)), *numbers, *names]) + "\n")


def keep(path, csv_path):
    """Writes the files unless they are there. They get their names when whole, so that none is kept half written."""
    if not (os.path.exists(path) and os.path.exists(csv_path)):
        write(path + ".part", csv_path + ".part")
        os.replace(csv_path + ".part", csv_path)
        os.replace(path + ".part", path)


with tempfile.TemporaryDirectory() as folder:
    path, csv_path = sys.argv[2:4] if len(sys.argv) > 2 else (f"{folder}/rows.vw", f"{folder}/rows.csv")
    keep(path, csv_path)
    start = time.time()
    model = Workspace(f"--ftrl --loss_function logistic -b 20 -d {path} --quiet --no_stdin")
    model.finish()
    seconds = time.time() - start
print(f"vowpal wabbit ftrl: {ROWS / seconds:.0f} rows/s ({seconds:.1f} s for {ROWS} rows of text)")
