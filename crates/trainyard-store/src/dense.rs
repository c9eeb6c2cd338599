//! One dense parameter with its optimizer.

use crate::Result;
use crate::optimizers::check_slots;
use crate::snapshot::DenseState;
use std::sync::Arc;
use trainyard_nn::{Optimizer, ParamSpec};

/// A parameter that every step reads and changes whole.
pub(crate) struct Dense {
    optimizer: Arc<dyn Optimizer>,
    state: DenseState,
}

impl Dense {
    /// The parameter as it starts. `spec` is a dense one.
    pub(crate) fn initial(spec: &ParamSpec, seed: u64, optimizer: Arc<dyn Optimizer>) -> Self {
        let len = spec.shape.len();
        let mut weights = vec![0.0; len];
        spec.fill(spec.stream(seed), &mut weights);
        let slots = (0..optimizer.slots()).flat_map(|slot| std::iter::repeat_n(optimizer.initial_slot(slot), len));
        let state = DenseState { name: spec.name.clone(), weights, slots: slots.collect() };
        Self { optimizer, state }
    }

    /// The parameter as it was.
    pub(crate) fn restored(optimizer: Arc<dyn Optimizer>, state: &DenseState) -> Result<Self> {
        check_slots(&state.name, state.weights.len(), state.slots.len(), &*optimizer)?;
        Ok(Self { optimizer, state: state.clone() })
    }

    pub(crate) fn state(&self) -> &DenseState {
        &self.state
    }

    pub(crate) fn push(&mut self, step: u64, gradient: &[f32]) {
        self.optimizer.update(step, &mut self.state.weights, gradient, &mut self.state.slots);
    }
}
