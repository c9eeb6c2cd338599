//! How far a run has come: what a checkpoint holds besides the parameters.

use serde::{Deserialize, Serialize};
use trainyard_data::LoaderState;
use trainyard_nn::metrics::Mean;

/// How far training has come. Together with a snapshot of the store it is all that a run needs to continue with the same bits
/// as if it had never stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Rows given out.
    pub loader: LoaderState,
    /// Loss of the training rows since the last evaluation.
    pub train_loss: Mean,
    /// The evaluations so far.
    pub history: Vec<HistoryPoint>,
    /// The best evaluation so far.
    pub best: Option<HistoryPoint>,
    /// Evaluations since the best.
    pub since_best: u64,
    /// The fingerprint of the features.
    pub features: String,
}

/// One evaluation during training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryPoint {
    /// Steps done.
    pub step: u64,
    /// Epochs begun.
    pub epoch: u64,
    /// Mean loss of the training rows since the evaluation before, each at its step.
    pub train_loss: f64,
    /// Mean loss of the evaluation rows.
    pub eval_loss: f64,
}

impl State {
    /// Takes in an evaluation; whether it is the best so far.
    pub fn record(&mut self, point: HistoryPoint) -> bool {
        let best = self.best.as_ref().is_none_or(|best| point.eval_loss < best.eval_loss);
        self.since_best = if best { 0 } else { self.since_best + 1 };
        if best {
            self.best = Some(point.clone());
        }
        self.history.push(point);
        self.train_loss = Mean::default();
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_evaluation_loss_is_the_best() {
        let mut state = State::default();
        let losses = [3.0, 2.0, 2.5, 2.0];
        let point = |(step, eval_loss)| HistoryPoint { step, epoch: 1, train_loss: 0.0, eval_loss };
        let best: Vec<bool> = (1..).zip(losses).map(|p| state.record(point(p))).collect();
        assert_eq!(best, [true, true, false, false]);
        assert_eq!((state.best.unwrap().step, state.since_best), (2, 2));
    }
}
