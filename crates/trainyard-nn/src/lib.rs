//! Layers, losses, optimizers and metrics: the formulas of machine learning.
