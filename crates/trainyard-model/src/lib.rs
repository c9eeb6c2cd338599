//! What a trained thing is: canned models, heads, the predictor and its bundle.
