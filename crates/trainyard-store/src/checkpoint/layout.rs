//! Which tensor of `params.safetensors` holds what.

use crate::Snapshot;
use crate::spec::dense_dims;
use crate::tensors::{Tensor, Values};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_nn::{OptimizerConfig, ParamSpec};

/// File of the parameters.
pub(super) const PARAMS: &str = "params.safetensors";

/// File of the trainer's state.
pub(super) const STATE: &str = "state.json";

/// Key of the header in the metadata of the parameters' file. It is the only one, since their order is not fixed.
pub(super) const HEADER: &str = "trainyard";

/// What a snapshot has besides tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) step: u64,
    pub(super) seed: u64,
    pub(super) optimizers: BTreeMap<String, OptimizerConfig>,
    pub(super) specs: Vec<ParamSpec>,
}

/// `dense/kernel/weights` and the like.
pub(super) fn tensor_name(kind: &str, param: &str, part: &str) -> String {
    format!("{kind}/{param}/{part}")
}

/// The tensors of a sound snapshot.
pub(super) fn tensors_of(snapshot: &Snapshot) -> Vec<Tensor<'_>> {
    let mut tensors = Vec::new();
    let mut add = |kind, param: &str, part, shape: Vec<usize>, values| {
        tensors.push(Tensor { name: tensor_name(kind, param, part), shape, values });
    };
    for (dims, state) in snapshot.specs.iter().filter_map(dense_dims).zip(&snapshot.dense) {
        let slots = per(state.slots.len(), state.weights.len());
        add("dense", &state.name, "weights", dims.to_vec(), Values::Floats(&state.weights));
        add("dense", &state.name, "slots", [&[slots], dims].concat(), Values::Floats(&state.slots));
    }
    for state in &snapshot.tables {
        let (rows, slots) = (state.ids.len(), per(state.slots.len(), state.weights.len()));
        add("table", &state.name, "ids", vec![rows], Values::Ids(&state.ids));
        add("table", &state.name, "weights", vec![rows, state.dim], Values::Floats(&state.weights));
        add("table", &state.name, "slots", vec![rows, slots, state.dim], Values::Floats(&state.slots));
    }
    tensors
}

/// Slots of each weight. A table without rows does not tell, and has none.
fn per(slots: usize, weights: usize) -> usize {
    slots.checked_div(weights).unwrap_or(0)
}
