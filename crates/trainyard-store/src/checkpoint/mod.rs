//! Checkpoints: a store's content and the trainer's state, on disk.
//!
//! ```text
//! checkpoints/
//!   1000/  params.safetensors   dense parameters, tables, optimizer slots, specs
//!          state.json           what the trainer wants back, opaque to this crate
//!          manifest.json        format version, step, size and CRC-32 of the other two
//!   2000/  ..
//! ```
//!
//! A checkpoint is written under a temporary name, synced and renamed, so a directory with a step for a name is whole unless the
//! disk damaged it, and the sums tell. What a killed writer left is removed when the directory is opened; a lock on it, which
//! ends with its process, tells it from what another process is writing now.
//!
//! In `params.safetensors` (readable with any safetensors library) parameter `p` is `dense/p/weights` and `dense/p/slots`
//! (`[slots, ..]`), table `t` is `table/t/ids` (ascending), `table/t/weights` (`[rows, dim]`) and `table/t/slots`
//! (`[rows, slots, dim]`). Equal snapshots give equal bytes.
//!
//! ```
//! use trainyard_nn::{Initializer, ParamShape, ParamSpec};
//! use trainyard_store::{MemoryStore, ParamStore, StoreConfig, checkpoint::Checkpoints};
//!
//! let dir = tempfile::tempdir()?;
//! let store = MemoryStore::new(StoreConfig::default())?;
//! store.create(&[ParamSpec::new("bias", ParamShape::Dense(vec![2]), Initializer::Zeros)])?;
//!
//! let checkpoints = Checkpoints::open(dir.path(), 3)?;
//! checkpoints.save(0, &store.snapshot()?, r#"{"epoch": 0}"#)?;
//!
//! let loaded = checkpoints.latest()?.expect("one was saved");
//! assert_eq!(loaded.state, r#"{"epoch": 0}"#);
//! store.restore(&loaded.snapshot)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoints;
mod keep;
mod layout;
mod manifest;
mod read;
mod staging;
mod write;

pub use checkpoints::{Checkpoints, Loaded};
pub use manifest::FORMAT_VERSION;
