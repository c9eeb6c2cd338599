//! Gradients of a push, bounded.

use crate::Gradients;
use crate::spec::dense_dims;
use trainyard_nn::{Clip, ParamSpec, STATISTICS_GROUP};

/// Bounds gradients on their way to the optimizers, but for those of moving statistics, which are no gradients of the loss. What
/// a push was given stays as it is; the copy's memory is kept from push to push.
pub(crate) struct Clipper {
    clip: Option<Clip>,
    /// For each dense parameter, whether the bound concerns it.
    is_bounded: Vec<bool>,
    copy: Gradients,
}

impl Clipper {
    pub(crate) fn new(clip: Option<Clip>, specs: &[ParamSpec]) -> Self {
        let dense = specs.iter().filter(|spec| dense_dims(spec).is_some());
        let is_bounded = dense.map(|spec| spec.group != STATISTICS_GROUP).collect();
        Self { clip, is_bounded, copy: Gradients::default() }
    }

    /// The gradients within the bound: themselves when there is none. The gradient of a table is that of the rows pushed.
    pub(crate) fn apply<'a>(&'a mut self, gradients: &'a Gradients) -> &'a Gradients {
        let Some(clip) = self.clip else { return gradients };
        self.copy.dense.clone_from(&gradients.dense);
        self.copy.rows.clone_from(&gradients.rows);
        let Gradients { dense, rows } = &mut self.copy;
        let bounded = dense.iter().zip(&self.is_bounded).filter(|(_, is_bounded)| **is_bounded);
        let squares = clip.squares(bounded.map(|(gradient, _)| gradient).chain(&*rows).map(Vec::as_slice));
        let bounded = dense.iter_mut().zip(&self.is_bounded).filter(|(_, is_bounded)| **is_bounded);
        let bounded = bounded.map(|(gradient, _)| gradient).chain(rows);
        bounded.for_each(|gradient| clip.apply_to_one(gradient, squares));
        &self.copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::{Initializer, ParamShape};

    /// A table, moving statistics and a dense parameter.
    fn specs() -> [ParamSpec; 3] {
        let spec = |name: &str, shape| ParamSpec::new(name, shape, Initializer::Zeros);
        let statistics = spec("statistics", ParamShape::Dense(vec![1]));
        [
            spec("table", ParamShape::Table { dim: 1 }),
            ParamSpec { group: STATISTICS_GROUP.into(), ..statistics },
            spec("dense", ParamShape::Dense(vec![1])),
        ]
    }

    /// The gradient of the statistics, far beyond each bound, stays and does not count.
    #[track_caller]
    fn check(clip: Option<Clip>, dense: f32, row: f32) {
        let given = Gradients { dense: vec![vec![100.0], vec![3.0]], rows: vec![vec![4.0]] };
        let expected = Gradients { dense: vec![vec![100.0], vec![dense]], rows: vec![vec![row]] };
        let mut clipper = Clipper::new(clip, &specs());
        for _ in 0..2 {
            assert_eq!(clipper.apply(&given), &expected);
        }
    }

    #[test]
    fn without_a_bound_everything_passes() {
        check(None, 3.0, 4.0);
    }

    #[test]
    fn a_global_norm_bounds_dense_parameters_and_rows_together() {
        check(Some(Clip::GlobalNorm(2.5)), 1.5, 2.0);
        check(Some(Clip::GlobalNorm(5.0)), 3.0, 4.0);
    }

    #[test]
    fn a_norm_bounds_each_by_itself() {
        check(Some(Clip::Norm(3.5)), 3.0, 3.5);
    }
}
