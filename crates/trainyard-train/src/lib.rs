//! How training runs: estimators, the loop and its policies.
