//! Metrics: how good predictions are.
//!
//! A metric takes batches (`update`), takes in what other workers counted (`merge`) and gives its number (`value`).
//! Sums are exact, so any order, partition or number of workers gives the same bits.
//!
//! - `predictions`, `labels` and `weights` are `[batch]`; without weights every example weighs 1. A weight is at least
//!   0; an example of weight 0 does not count, whatever it holds.
//! - Binary metrics take probabilities, and a label above 0.5 is positive.
//! - Metrics of ranking take lists: scores and relevances are `[batch, items]`, and a list is what has a weight.
//! - Without examples, or with examples of no weight, a value is NaN. A NaN among the predictions, labels or weights
//!   makes it NaN too: it is not left out silently.
//! - `update` panics when `predictions`, `labels` and `weights` are not of one length; merging takes metrics of equal
//!   settings.
//! - A metric can be written and read, and equal examples are written as equal bytes. What contradicts itself is refused
//!   when it is read.
//!
//! ```
//! use trainyard_nn::metrics::Auc;
//!
//! let (mut auc, mut other) = (Auc::default(), Auc::default());
//! auc.update(&[0.1, 0.4], &[0.0, 0.0], None);
//! other.update(&[0.35, 0.8], &[1.0, 1.0], None);
//! auc.merge(&other);
//! assert_eq!(auc.roc(), 0.75);
//! ```

mod absolute_error;
mod absolute_percentage_error;
mod accuracy;
mod auc;
mod calibration;
mod checked;
mod class_accuracy;
mod examples;
mod lists;
mod log_loss;
mod mean;
mod ndcg;
mod precision_recall;
mod precision_recall_curve;
mod r2;
mod reciprocal_rank;
mod score_bins;
mod squared_error;
mod total;

pub use absolute_error::AbsoluteError;
pub use absolute_percentage_error::AbsolutePercentageError;
pub use accuracy::Accuracy;
pub use auc::Auc;
pub use calibration::{Calibration, CalibrationBin};
pub use class_accuracy::ClassAccuracy;
pub use log_loss::LogLoss;
pub use mean::Mean;
pub use ndcg::{Gain, Ndcg};
pub use precision_recall::PrecisionRecall;
pub use precision_recall_curve::PrecisionRecallCurve;
pub use r2::R2;
pub use reciprocal_rank::ReciprocalRank;
pub use squared_error::SquaredError;
