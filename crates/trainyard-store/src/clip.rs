//! Gradients of a push, bounded.

use crate::Gradients;
use trainyard_nn::Clip;

/// Bounds gradients on their way to the optimizers. What a push was given stays as it is; the copy's memory is kept from
/// push to push.
pub(crate) struct Clipper {
    clip: Option<Clip>,
    copy: Gradients,
}

impl Clipper {
    pub(crate) fn new(clip: Option<Clip>) -> Self {
        Self { clip, copy: Gradients::default() }
    }

    /// The gradients within the bound: themselves when there is none. The gradient of a table is that of the rows pushed.
    pub(crate) fn apply<'a>(&'a mut self, gradients: &'a Gradients) -> &'a Gradients {
        let Some(clip) = self.clip else { return gradients };
        self.copy.clone_from(gradients);
        let all = self.copy.dense.iter_mut().chain(&mut self.copy.rows);
        clip.apply(&mut all.map(Vec::as_mut_slice).collect::<Vec<_>>());
        &self.copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clip: Option<Clip>, dense: f32, row: f32) {
        let given = Gradients { dense: vec![vec![3.0]], rows: vec![vec![4.0]] };
        let expected = Gradients { dense: vec![vec![dense]], rows: vec![vec![row]] };
        let mut clipper = Clipper::new(clip);
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
