//! Formulas against the numbers of other implementations; `golden/make_golden.py` and `golden/make_golden_keras.py` make
//! them and name the versions.

use serde::{Deserialize, de::DeserializeOwned};
use trainyard_graph::{
    Dim, Error,
    check::{Case, Given},
};
use trainyard_nn::{Clip, Ema, Loss, OptimizerConfig, Schedule, metrics::*};

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("a golden file")
}

#[track_caller]
fn check(what: &str, value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {value} is not {expected}");
}

#[track_caller]
fn check_all(what: &str, values: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len(), "{what}");
    values.iter().zip(expected).for_each(|(&value, &expected)| check(what, value.into(), expected, tolerance));
}

#[derive(Deserialize)]
struct Optimizers {
    /// One row per step.
    grads: Vec<Vec<f32>>,
    cases: Vec<OptimizerCase>,
    averages: Vec<AverageCase>,
}

#[derive(Deserialize)]
struct OptimizerCase {
    source: String,
    optimizer: OptimizerConfig,
    start: Vec<f32>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct AverageCase {
    source: String,
    decay: f32,
    weights: Vec<f32>,
    averages: Vec<f64>,
}

#[derive(Deserialize)]
struct Losses {
    cases: Vec<LossCase>,
}

#[derive(Deserialize)]
struct LossCase {
    source: String,
    loss: Loss,
    /// Logits and labels of an example, when these are not single numbers.
    width: Option<usize>,
    label_width: Option<usize>,
    logits: Vec<f32>,
    labels: Vec<f32>,
    losses: Vec<f64>,
    /// Of the sum of the losses.
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct Schedules {
    cases: Vec<ScheduleCase>,
}

#[derive(Deserialize)]
struct ScheduleCase {
    source: String,
    schedule: Schedule,
    factors: Vec<f64>,
}

#[derive(Deserialize)]
struct Keras {
    grads: Vec<Vec<f32>>,
    optimizers: Vec<OptimizerCase>,
    losses: Vec<LossCase>,
    schedules: Vec<ScheduleCase>,
    clips: Vec<ClipCase>,
}

#[derive(Deserialize)]
struct ClipCase {
    source: String,
    clip: Clip,
    gradients: [Vec<f32>; 2],
    clipped: [Vec<f64>; 2],
}

fn keras() -> Keras {
    read(include_str!("golden/keras.json"))
}

#[track_caller]
fn check_optimizers(cases: Vec<OptimizerCase>, grads: &[Vec<f32>]) {
    for OptimizerCase { source, optimizer: config, start: mut weights, weights: expected } in cases {
        let optimizer = config.build().expect("settings in their range");
        let mut slots: Vec<f32> =
            (0..optimizer.slots()).flat_map(|slot| vec![optimizer.initial_slot(slot); weights.len()]).collect();
        for (i, grads) in grads.iter().enumerate() {
            optimizer.update(i as u64 + 1, &mut weights, grads, &mut slots).expect("slices that fit");
        }
        check_all(&format!("{source}: {config:?}"), &weights, &expected, 5e-6);
    }
}

#[test]
fn optimizers_match_pytorch() {
    let golden: Optimizers = read(include_str!("golden/optimizers.json"));
    check_optimizers(golden.cases, &golden.grads);
}

#[test]
fn optimizers_match_keras() {
    check_optimizers(keras().optimizers, &keras().grads);
}

#[test]
fn averages_match_numpy() {
    let golden: Optimizers = read(include_str!("golden/optimizers.json"));
    for AverageCase { source, decay, weights, averages } in golden.averages {
        let mut average = [0.0];
        for (from, (&weight, &expected)) in (0..).zip(weights.iter().zip(&averages)) {
            Ema { decay }.update(from, from + 1, &mut average, &[weight]).expect("slices that fit");
            check(&source, average[0].into(), expected, 1e-6);
        }
    }
}

#[track_caller]
fn check_losses(cases: Vec<LossCase>) {
    for case in cases {
        let what = format!("{}: {:?}", case.source, case.loss);
        let (dims, label_dims) = (dims_of(case.width), dims_of(case.label_width));
        let (logits, labels): (Given<'_>, Given<'_>) = ((&dims, &case.logits), (&label_dims, &case.labels));
        let built = Case::with_fixed(&[logits], &[labels], |graph, logits, labels| {
            let losses = case.loss.per_example(graph, logits[0], labels[0]);
            losses.map_err(|error| Error::Internal(error.to_string()))
        });
        check_all(&what, &built.values(), &case.losses, 2e-6);
        check_all(&what, &built.gradients()[0], &case.gradient, 2e-6);
    }
}

fn dims_of(width: Option<usize>) -> Vec<Dim> {
    [Dim::Batch].into_iter().chain(width.map(Dim::Fixed)).collect()
}

#[test]
fn losses_match_pytorch_and_scikit_learn() {
    check_losses(read::<Losses>(include_str!("golden/losses.json")).cases);
}

#[test]
fn losses_match_keras() {
    check_losses(keras().losses);
}

#[track_caller]
fn check_schedules(cases: Vec<ScheduleCase>) {
    for ScheduleCase { source, schedule, factors } in cases {
        schedule.check().expect("settings in their range");
        let values: Vec<f32> = (1..).take(factors.len()).map(|step| schedule.factor(step)).collect();
        check_all(&source, &values, &factors, 1e-6);
    }
}

#[test]
fn schedules_match_pytorch() {
    check_schedules(read::<Schedules>(include_str!("golden/schedules.json")).cases);
}

#[test]
fn schedules_match_keras() {
    check_schedules(keras().schedules);
}

#[test]
fn bounds_on_gradients_match_tensorflow() {
    for ClipCase { source, clip, gradients: [mut a, mut b], clipped } in keras().clips {
        clip.apply(&mut [&mut a, &mut b]);
        check_all(&source, &a, &clipped[0], 1e-6);
        check_all(&source, &b, &clipped[1], 1e-6);
    }
}

#[derive(Deserialize)]
struct Metrics {
    binary: Vec<BinaryCase>,
    regression: Vec<RegressionCase>,
    classes: Vec<ClassCase>,
    ranking: Vec<RankingCase>,
}

#[derive(Deserialize)]
struct BinaryCase {
    predictions: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    roc_auc: f64,
    average_precision: f64,
    log_loss: f64,
    accuracy: f64,
    /// Mean prediction, mean label, expected calibration error.
    calibration: [f64; 3],
    thresholds: Vec<f32>,
    /// For each threshold.
    precision_recall_f1: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct RegressionCase {
    predictions: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    root_mean_squared_error: f64,
    mean_squared_error: f64,
    mean_absolute_error: f64,
    mean_absolute_percentage_error: f64,
    r2: f64,
}

#[derive(Deserialize)]
struct ClassCase {
    /// `[batch, classes]`
    scores: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// For each `k` from 1 on.
    top_k: Vec<f64>,
}

#[derive(Deserialize)]
struct RankingCase {
    items: usize,
    /// `[batch, items]`
    scores: Vec<f32>,
    relevances: Vec<f32>,
    one_relevant: Vec<f32>,
    weights: Vec<f32>,
    /// For each `k` from 1 on.
    ndcg_at: Vec<f64>,
    ndcg_exponential: f64,
    mrr: f64,
}

fn golden_metrics() -> Metrics {
    read(include_str!("golden/metrics.json"))
}

/// A metric that has seen a case's examples.
macro_rules! of {
    ($metric:expr, $case:expr) => {{
        let mut metric = $metric;
        metric.update(&$case.predictions, &$case.labels, Some(&$case.weights)).expect("slices that fit");
        metric
    }};
}

#[test]
fn binary_metrics_match_scikit_learn() {
    for case in golden_metrics().binary {
        for auc in [of!(Auc::default(), case), of!(Auc::new(10), case)] {
            check("roc_auc_score", auc.roc(), case.roc_auc, 1e-12);
            check("average_precision_score", auc.precision_recall(), case.average_precision, 1e-12);
        }
        check("log_loss", of!(LogLoss::default(), case).value(), case.log_loss, 1e-12);
        check("accuracy_score", of!(Accuracy::default(), case).value(), case.accuracy, 1e-12);
        let calibration = of!(Calibration::default(), case);
        check("mean prediction", calibration.prediction_mean(), case.calibration[0], 1e-12);
        check("mean label", calibration.label_mean(), case.calibration[1], 1e-12);
        check("expected calibration error", calibration.expected_error(), case.calibration[2], 1e-12);
        let points = of!(PrecisionRecallCurve::new(&case.thresholds), case).points();
        assert_eq!(points.len(), case.precision_recall_f1.len());
        for (point, expected) in points.iter().zip(&case.precision_recall_f1) {
            check("precision", point.precision(), expected[0], 1e-12);
            check("recall", point.recall(), expected[1], 1e-12);
            check("f1", point.f1(), expected[2], 1e-12);
        }
    }
}

#[test]
fn regression_metrics_match_scikit_learn() {
    for case in golden_metrics().regression {
        let squared = of!(SquaredError::default(), case);
        for (what, value, expected) in [
            ("mean_squared_error", squared.value(), case.mean_squared_error),
            ("root_mean_squared_error", squared.root(), case.root_mean_squared_error),
            ("mean_absolute_error", of!(AbsoluteError::default(), case).value(), case.mean_absolute_error),
            (
                "mean_absolute_percentage_error",
                of!(AbsolutePercentageError::default(), case).value(),
                case.mean_absolute_percentage_error,
            ),
            ("r2_score", of!(R2::default(), case).value(), case.r2),
        ] {
            check(what, value, expected, 1e-12);
        }
    }
}

#[test]
fn class_metrics_match_scikit_learn() {
    for case in golden_metrics().classes {
        for (k, &expected) in (1..).zip(&case.top_k) {
            let mut accuracy = ClassAccuracy::new(k);
            accuracy.update(&case.scores, &case.labels, Some(&case.weights)).expect("slices that fit");
            check("top_k_accuracy_score", accuracy.value(), expected, 1e-12);
        }
    }
}

#[test]
fn ranking_metrics_match_scikit_learn() {
    for case in golden_metrics().ranking {
        let ndcg = |mut ndcg: Ndcg| {
            ndcg.update(&case.scores, &case.relevances, case.items, Some(&case.weights)).expect("slices that fit");
            ndcg.value()
        };
        for (k, &expected) in (1..).zip(&case.ndcg_at) {
            check("ndcg_score", ndcg(Ndcg::new(k)), expected, 1e-12);
        }
        check("ndcg_score", ndcg(Ndcg::default().with_gain(Gain::Exponential)), case.ndcg_exponential, 1e-12);
        let mut rank = ReciprocalRank::default();
        rank.update(&case.scores, &case.one_relevant, case.items, Some(&case.weights)).expect("slices that fit");
        check("label_ranking_average_precision_score", rank.value(), case.mrr, 1e-12);
    }
}
