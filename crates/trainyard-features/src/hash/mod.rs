//! Hashes that are part of the meaning of a feature, and one that is not.
//!
//! [`farm_fingerprint64`] and [`fingerprint_cat64`] decide ids, so they never change. Maps inside this crate use a fast
//! hash of their own, which decides nothing that can be seen.

mod buckets;
mod cat;
mod farm;
mod map;

pub(crate) use buckets::Buckets;
pub use cat::{CROSS_KEY, fingerprint_cat64};
pub use farm::farm_fingerprint64;
pub(crate) use farm::farm_number;
pub(crate) use map::Map;
