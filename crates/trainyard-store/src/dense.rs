//! One dense parameter with its optimizer.

use crate::Result;
use crate::optimizers::check_slots;
use crate::snapshot::DenseState;
use std::sync::Arc;
use trainyard_nn::{Optimizer, ParamSpec};

/// Weights that one lane reads or updates at once: large parameters are shared among lanes.
const PIECE: usize = 1 << 13;

/// A parameter that every step reads and changes whole.
pub(crate) struct Dense {
    optimizer: Arc<dyn Optimizer>,
    name: String,
    weights: Vec<f32>,
    /// The slots of each [`PIECE`] of weights behind one another, as an optimizer takes them.
    slots: Vec<f32>,
}

/// Some weights of a parameter, to be updated by their gradient.
pub(crate) struct Piece<'a> {
    optimizer: &'a dyn Optimizer,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    slots: &'a mut [f32],
}

impl Dense {
    /// The parameter as it starts. `spec` is a dense one.
    pub(crate) fn initial(spec: &ParamSpec, seed: u64, optimizer: Arc<dyn Optimizer>) -> Self {
        let len = spec.shape.len();
        let mut weights = vec![0.0; len];
        spec.fill(spec.stream(seed), &mut weights);
        let slots = (0..optimizer.slots()).flat_map(|slot| std::iter::repeat_n(optimizer.initial_slot(slot), len));
        Self::with_slots(optimizer.clone(), &spec.name, weights, &slots.collect::<Vec<_>>())
    }

    /// The parameter as it was.
    pub(crate) fn restored(optimizer: Arc<dyn Optimizer>, state: &DenseState) -> Result<Self> {
        check_slots(&state.name, state.weights.len(), state.slots.len(), &*optimizer)?;
        Ok(Self::with_slots(optimizer, &state.name, state.weights.clone(), &state.slots))
    }

    /// `slots` are slot 0 of all weights, then slot 1 of all weights, and so on.
    fn with_slots(optimizer: Arc<dyn Optimizer>, name: &str, weights: Vec<f32>, slots: &[f32]) -> Self {
        let len = weights.len();
        let pieces = (0..len).step_by(PIECE).map(|start| start..len.min(start + PIECE));
        let slots =
            pieces.flat_map(|piece| slots.chunks_exact(len).flat_map(move |slot| &slot[piece.clone()])).copied();
        Self { slots: slots.collect(), name: name.to_owned(), optimizer, weights }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    pub(crate) fn state(&self) -> DenseState {
        let (len, n_slots) = (self.weights.len(), self.optimizer.slots());
        let mut slots = vec![0.0; self.slots.len()];
        for (start, piece) in (0..len).step_by(PIECE).zip(self.slots.chunks((PIECE * n_slots).max(1))) {
            let part = piece.len() / n_slots;
            for (slot, values) in piece.chunks_exact(part).enumerate() {
                slots[slot * len + start..][..part].copy_from_slice(values);
            }
        }
        DenseState { name: self.name.clone(), weights: self.weights.clone(), slots }
    }

    /// The weights, and where they are copied to, piece by piece.
    pub(crate) fn pull<'a>(
        &'a self,
        out: &'a mut Vec<f32>,
    ) -> impl DoubleEndedIterator<Item = (&'a [f32], &'a mut [f32])> {
        out.resize(self.weights.len(), 0.0);
        self.weights.chunks(PIECE).zip(out.chunks_mut(PIECE))
    }

    /// What is to be updated by `gradient`, piece by piece.
    pub(crate) fn push<'a>(&'a mut self, gradient: &'a [f32]) -> impl DoubleEndedIterator<Item = Piece<'a>> {
        let (optimizer, mut slots, mut front) = (&*self.optimizer, self.slots.as_mut_slice(), 0);
        let pieces = self.weights.chunks_mut(PIECE).zip(gradient.chunks(PIECE)).enumerate();
        pieces.map(move |(i, (weights, gradient))| {
            let (left, len) = (std::mem::take(&mut slots), weights.len() * optimizer.slots());
            // Of the pieces that are left, it is the first or the last.
            let (own, others) = if i == front {
                front += 1;
                left.split_at_mut(len)
            } else {
                let (others, own) = left.split_at_mut(left.len() - len);
                (own, others)
            };
            slots = others;
            Piece { optimizer, weights, gradient, slots: own }
        })
    }
}

impl Piece<'_> {
    pub(crate) fn update(self, step: u64) {
        self.optimizer.apply(&self.optimizer.rates(step), self.weights, self.gradient, self.slots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::optim::{AdagradConfig, AdamConfig, SgdConfig};

    /// Two steps of a parameter of `len` weights are those of the optimizer on all of them at once.
    #[track_caller]
    fn check(optimizer: impl Optimizer + 'static, len: usize) {
        let numbers = |n: usize, by: f32| (0..n).map(|i| (i as f32 * by).sin().abs()).collect::<Vec<_>>();
        let gradient = numbers(len, 0.7);
        let (mut weights, mut slots) = (numbers(len, 0.1), numbers(len * optimizer.slots(), 0.3));
        let state = DenseState { name: "w".to_owned(), weights: weights.clone(), slots: slots.clone() };
        let optimizer: Arc<dyn Optimizer> = Arc::new(optimizer);
        let mut dense = Dense::restored(optimizer.clone(), &state).unwrap();
        assert_eq!(dense.state(), state);
        for step in 1..3 {
            optimizer.update(step, &mut weights, &gradient, &mut slots).unwrap();
            // From both ends in turn, as lanes take them.
            let mut pieces = dense.push(&gradient);
            while let Some(piece) = pieces.next() {
                piece.update(step);
                pieces.next_back().into_iter().for_each(|piece| piece.update(step));
            }
            drop(pieces);
        }
        assert_eq!(dense.state(), DenseState { name: "w".to_owned(), weights, slots });
    }

    #[test]
    fn pieces_are_updated_as_the_whole_is() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            check(SgdConfig::default().build().unwrap(), len);
            check(AdagradConfig::default().build().unwrap(), len);
            check(AdamConfig::default().build().unwrap(), len);
        }
    }
}
