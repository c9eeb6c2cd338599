//! Which tensor of `params.safetensors` holds what.

use crate::Snapshot;
use crate::spec::dense_dims;
use safetensors::Dtype;
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

/// One tensor to be written.
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Values<'a>,
}

/// The values of a tensor.
pub(super) enum Values<'a> {
    Floats(&'a [f32]),
    Ids(&'a [u64]),
}

impl Values<'_> {
    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Values::Floats(_) => Dtype::F32,
            Values::Ids(_) => Dtype::U64,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Values::Floats(values) => size_of_val(*values),
            Values::Ids(values) => size_of_val(*values),
        }
    }
}

/// `dense/kernel/weights` and the like.
pub(super) fn tensor_name(kind: &str, param: &str, part: &str) -> String {
    format!("{kind}/{param}/{part}")
}

/// The tensors of a sound snapshot in the order of the file: wide types first, so that all are aligned, then by name.
pub(super) fn tensors(snapshot: &Snapshot) -> Vec<Tensor<'_>> {
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
    tensors.sort_by(|a, b| b.values.dtype().cmp(&a.values.dtype()).then_with(|| a.name.cmp(&b.name)));
    tensors
}

/// Slots of each weight. A table without rows does not tell, and has none.
fn per(slots: usize, weights: usize) -> usize {
    slots.checked_div(weights).unwrap_or(0)
}
