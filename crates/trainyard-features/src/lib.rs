//! Features: one definition that is fitted, applied in training and served.
