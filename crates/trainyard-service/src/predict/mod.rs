//! The model server: TensorFlow Serving's REST API for predict, status and metadata, on raw feature values.
//!
//! ```text
//! TcpListener ── server ──> router ──> body ──> request::predict ──> json ──> Servable::predict ──> json
//!                                 └──────────> request::{status, metadata}
//! EXPORTS ────── manager ── newest version of each model ────┘
//! ```
//! # What it answers
//! | request | answer |
//! |---|---|
//! | `POST /v1/models/NAME[/versions/V]:predict`, `{"instances": [..]}` | `{"predictions": [..]}` |
//! | the same with `{"inputs": ..}` | `{"outputs": ..}` |
//! | `GET /v1/models/NAME[/versions/V]` | `{"model_version_status": [..]}` |
//! | `GET /v1/models/NAME[/versions/V]/metadata` | `{"model_spec": .., "metadata": ..}` |
//! | `GET /healthz` | `ok`, or 503 while a model has no available version |
//! | whatever fails | `{"error": ".."}` |
//!
//! Inputs are the raw columns that the model's features read, one value per row, so that a client sends what its tables
//! hold and never scales or encodes. `null` stands for a missing value, and so do `NaN` in a float column and `""` in a
//! text column. `:classify` and `:regress` answer 501 and name what to use instead; no version has a label yet.

mod body;
mod config;
mod exports;
mod feature_log;
mod json;
mod json_writer;
mod manager;
mod path;
mod request;
mod router;
mod servable;
mod server;
#[cfg(test)]
mod testing;
mod version;

pub use config::ServeConfig;
pub use feature_log::FeatureLogConfig;
pub use manager::{ManagerConfig, ModelManager, State, VersionStatus};
pub use path::{ModelSpec, VersionChoice};
pub use servable::{Loader, Servable, load_export};
pub use server::{run, serve};
