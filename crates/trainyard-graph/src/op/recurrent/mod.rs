//! Recurrent layers, each one operation for all time steps.
//!
//! What the input contributes to the gates is a product for all steps at once, outside of these operations. They add what
//! the state contributes, a product for each step, and apply the cell:
//!
//! ```text
//! projected [batch, steps, gates·units] ─┐
//! weights [units, gates·units] ──────────┼─► Recurrent ──► tape ─┬─► RecurrentStates ──► states
//! bias, mask ────────────────────────────┘                       ├─► RecurrentGrad ──► slopes [batch, steps, inner·units]
//!                                                                └─► RecurrentWeightsGrad (of slopes)
//! ```
//!
//! The *tape* is what the way back needs: states and gates of all steps. Its gradient would be as large and mostly zeros, so it
//! has none: `RecurrentStates` takes the inputs of `Recurrent` too and passes their gradients on.

mod cell;
mod forward;
mod grad;
mod gru;
mod lstm;
mod recurrence;
mod simple;
mod states;
mod weights_grad;

#[cfg(test)]
mod testing;

pub use cell::Cell;
pub use forward::{Recurrent, RecurrentLayer};
pub use grad::RecurrentGrad;
pub use recurrence::Recurrence;
pub use states::{RecurrentStates, Returns};
pub use weights_grad::RecurrentWeightsGrad;
