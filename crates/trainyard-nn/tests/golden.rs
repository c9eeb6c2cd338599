//! Formulas against the numbers of other implementations; `golden/make_golden.py` makes them and names the versions.

use serde::{Deserialize, de::DeserializeOwned};
use trainyard_nn::{OptimizerConfig, metrics::*};

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("a golden file")
}

#[track_caller]
fn check(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {value} is not {expected}");
}

#[derive(Deserialize)]
struct Optimizers {
    /// One row per step.
    grads: Vec<Vec<f32>>,
    cases: Vec<OptimizerCase>,
}

#[derive(Deserialize)]
struct OptimizerCase {
    optimizer: OptimizerConfig,
    start: Vec<f32>,
    weights: Vec<f32>,
}

#[test]
fn optimizers_match_numpy() {
    let golden: Optimizers = read(include_str!("golden/optimizers.json"));
    for OptimizerCase { optimizer: config, start: mut weights, weights: expected } in golden.cases {
        let optimizer = config.build().unwrap();
        let mut slots: Vec<f32> =
            (0..optimizer.slots()).flat_map(|slot| vec![optimizer.initial_slot(slot); weights.len()]).collect();
        for (i, grads) in golden.grads.iter().enumerate() {
            optimizer.update(i as u64 + 1, &mut weights, grads, &mut slots);
        }
        for (&weight, &expected) in weights.iter().zip(&expected) {
            check(&format!("{config:?}"), weight.into(), expected.into(), 5e-6);
        }
    }
}

#[derive(Deserialize)]
struct Metrics {
    cases: Vec<MetricCase>,
}

#[derive(Deserialize)]
struct MetricCase {
    predictions: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    roc_auc: f64,
    average_precision: f64,
    log_loss: f64,
    accuracy: f64,
    precision: f64,
    recall: f64,
    f1: f64,
    mean_squared_error: f64,
    mean_absolute_error: f64,
    r2: f64,
}

/// The metric of a case's examples.
macro_rules! of {
    ($metric:ident, $case:expr) => {{
        let mut metric = $metric::default();
        metric.update(&$case.predictions, &$case.labels, Some(&$case.weights));
        metric
    }};
}

#[test]
fn metrics_match_scikit_learn() {
    let golden: Metrics = read(include_str!("golden/metrics.json"));
    for case in golden.cases {
        let (auc, hard, squared) = (of!(Auc, case), of!(PrecisionRecall, case), of!(SquaredError, case));
        for (what, value, expected) in [
            ("roc_auc_score", auc.roc(), case.roc_auc),
            ("average_precision_score", auc.precision_recall(), case.average_precision),
            ("log_loss", of!(LogLoss, case).value(), case.log_loss),
            ("accuracy_score", of!(Accuracy, case).value(), case.accuracy),
            ("precision_score", hard.precision(), case.precision),
            ("recall_score", hard.recall(), case.recall),
            ("f1_score", hard.f1(), case.f1),
            ("mean_squared_error", squared.value(), case.mean_squared_error),
            ("mean_absolute_error", of!(AbsoluteError, case).value(), case.mean_absolute_error),
            ("r2_score", of!(R2, case).value(), case.r2),
        ] {
            check(what, value, expected, 1e-12);
        }
    }
}
