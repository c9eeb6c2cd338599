//! What a model learns to predict.

mod encoder;
mod spec;

pub use encoder::Label;
pub use spec::{LabelSpec, LabelTask, LabelValue};
