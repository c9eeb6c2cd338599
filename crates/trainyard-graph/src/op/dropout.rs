//! Random zeros in training.

use super::{Op, Operation, only};
use crate::device::Call;
use crate::{Error, Graph, NodeId, Result, Shape, random};
use serde::{Deserialize, Serialize};

/// In training each element is 0 with probability `rate` and `x / (1 - rate)` otherwise; elsewhere it is `x`.
///
/// Whether an element is dropped is a function of the run's seed, the step, this operation and the element's place in the
/// batch, so it does not depend on threads, and the gradient is the same operation applied to the upstream gradient.
///
/// Source: Srivastava and others, *Dropout* (2014), in the inverted form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// Probability of a zero, in `[0, 1)`.
    pub rate: f32,
    /// Tells this operation's random numbers from those of the others in the graph.
    pub stream: u64,
}

impl Graph {
    /// Drops elements at random in training, and is `x` elsewhere.
    ///
    /// # Errors
    ///
    /// When `rate` is not in `[0, 1)`.
    pub fn dropout(&mut self, x: NodeId, rate: f32) -> Result<NodeId> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::Usage {
                what: format!("`dropout` was given rate {rate}"),
                expected: "give it a probability from 0 up to, but not including, 1".to_owned(),
            });
        }
        let stream = self.nodes().len() as u64;
        self.apply(Op::Dropout(Dropout { rate, stream }), &[x])
    }
}

impl Operation for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        only(inputs).cloned()
    }

    fn gradient(&self, graph: &mut Graph, _node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![Some(graph.apply(Op::Dropout(*self), &[upstream])?)])
    }

    fn in_place(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let Some(mode) = call.training() else { return };
        let row_len = call.output.len().checked_div(call.rows()).unwrap_or(0);
        let first = (call.first_row() * row_len) as u64;
        let stream = random::stream(mode.seed, "dropout") ^ random::bits(self.stream, mode.step);
        let kept = 1.0 / (1.0 - self.rate);
        for (i, x) in (first..).zip(call.output.iter_mut()) {
            *x *= if random::uniform(stream, i) < self.rate { 0.0 } else { kept };
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Dim, Graph};

    fn case(rate: f32) -> Case {
        Case::new(&[(&[Dim::Batch, Dim::Fixed(100)], &[1.0; 5000])], move |g, x| g.dropout(x[0], rate))
    }

    #[test]
    fn inference_changes_nothing() {
        check::close(&case(0.5).values(), &[1.0; 5000], 0.0);
    }

    #[test]
    fn training_drops_the_given_share_and_keeps_the_mean() {
        let values = case(0.25).values_at_step(3);
        let zeros = values.iter().filter(|&&x| x == 0.0).count();
        assert!((1150..1350).contains(&zeros), "{zeros}");
        assert!(values.iter().all(|&x| x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-6));
    }

    #[test]
    fn each_step_drops_others() {
        assert_ne!(case(0.5).values_at_step(1), case(0.5).values_at_step(2));
        assert_eq!(case(0.5).values_at_step(1), case(0.5).values_at_step(1));
    }

    #[test]
    fn the_gradient_is_zero_where_the_value_is() {
        let case = case(0.5);
        assert_eq!(case.gradients_at_step(7)[0], case.values_at_step(7));
    }

    #[test]
    fn a_rate_of_one_is_refused() {
        let mut graph = Graph::new();
        let x = graph.param("x", &[1]).unwrap();
        assert!(graph.dropout(x, 1.0).is_err() && graph.dropout(x, f32::NAN).is_err());
    }
}
