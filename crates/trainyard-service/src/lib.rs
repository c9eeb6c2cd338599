//! How processes talk: the model server.
//!
//! This crate alone knows of HTTP, sockets and tokio. Models come to it as [`predict::Servable`]s, so it knows nothing of
//! training, and of features only the names and types of raw columns.
//!
//! ```no_run
//! use std::sync::Arc;
//! use trainyard_service::predict::{ManagerConfig, ModelManager, ServeConfig, load_export, run};
//!
//! # fn main() -> trainyard_service::Result<()> {
//! let config = ManagerConfig { base: "runs/census/export".into(), name: None };
//! let manager = ModelManager::open(config, Box::new(load_export))?;
//! run("127.0.0.1:8501", Arc::new(manager), ServeConfig::default(), |address| println!("http://{address}"))
//! # }
//! ```
//!
//! # Layout
//! In reading order:
//! - [`predict`]: the model server. Begin with its `request/predict.rs`: decode, apply, encode.
//! - `error.rs`: what clients are told when something fails.

mod error;
pub mod predict;

pub use error::{Code, Error, Result};
