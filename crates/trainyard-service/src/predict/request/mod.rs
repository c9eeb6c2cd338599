//! The requests, one file each: decode, apply, encode. None of them knows of HTTP.

pub(crate) mod metadata;
pub(crate) mod predict;
pub(crate) mod status;

/// The one signature that a model has.
pub(crate) const SIGNATURE: &str = "serving_default";
