//! Machine learning end to end at the estimator level: the library and its command line.
