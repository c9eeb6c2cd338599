"""Reads Criteo-like CSV in Polars, scales the numbers and hashes the categories: usage epoch_polars.py FILE. Needs polars."""
import sys
import time

import polars as pl

BUCKETS = 100_000
numbers, categories = [f"I{i}" for i in range(1, 14)], [f"C{i}" for i in range(1, 27)]
schema = {"label": pl.Int64, **dict.fromkeys(numbers, pl.Float64), **dict.fromkeys(categories, pl.String)}
scan = pl.scan_csv(sys.argv[1], schema=schema)
moments = scan.select(
    [pl.col(c).mean().alias(f"{c}_mean") for c in numbers] + [pl.col(c).std(ddof=0).alias(f"{c}_std") for c in numbers])
moments = moments.collect().row(0, named=True)

start = time.time()
encoded = scan.select(
    [pl.col("label").cast(pl.Float32)]
    + [((pl.col(c) - moments[f"{c}_mean"]) / moments[f"{c}_std"]).fill_null(0).cast(pl.Float32) for c in numbers]
    + [(pl.col(c).hash() % BUCKETS).cast(pl.UInt32) for c in categories])
rows = encoded.collect(engine="streaming").height
seconds = time.time() - start
print(f"polars csv_epoch: {rows / seconds:.0f} rows/s ({seconds:.1f} s)")
