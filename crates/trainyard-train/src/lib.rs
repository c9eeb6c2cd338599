//! How training runs: estimators, the loop and its policies.
//!
//! - A [`Spec`] says all of a run; an [`Estimator`] runs it and gives back what was [`Trained`].
//! - `trainer.rs` has the loop; its `step` is the whole of training in one function.
//! - An [`Observer`] watches, and may stop it.
//!
//! ```text
//!  Spec ─► Sources ─► FittedFeatures ─► Caches ─► Trainer ─► checkpoints ─► best ─► Results, export, report
//! ```
//!
//! The loop sees a `ParamStore` and cannot tell whether it is memory or a network.

mod caches;
mod directory;
pub mod draft;
mod error;
mod estimator;
pub mod evaluate;
pub mod hints;
mod observer;
mod prepared;
pub mod report;
mod results;
mod saver;
pub mod spec;
mod splits;
mod state;
mod trainer;

pub use error::{Error, Result};
pub use estimator::{Estimator, Trained};
pub use observer::{Event, Observer, Silent, Stage};
pub use prepared::{Prepared, PreparedSplit};
pub use results::Results;
pub use spec::Spec;
pub use state::{HistoryPoint, State};
pub use trainer::Ending;
