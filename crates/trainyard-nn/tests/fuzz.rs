//! Whatever settings, numbers and states the formulas are given: they answer, or refuse by an error, and never panic.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::{collection::vec, prelude::*, sample::select};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use trainyard_nn::{Clip, Decay, Ema, OptimizerConfig, Result, Schedule, metrics::*};

/// Any bits, and those at which formulas break.
fn float() -> impl Strategy<Value = f32> {
    let special =
        [0.0, -0.0, 0.5, 1.0, -1.0, 1e-45, f32::MAX, f32::MIN, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    prop_oneof![proptest::num::f32::ANY, 0.0f32..1.0, select(special.to_vec())]
}

fn step() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..8, any::<u64>(), Just(u64::MAX)]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let decay = prop_oneof![
        Just(Decay::Constant),
        (step(), float(), any::<bool>()).prop_map(|(steps, rate, staircase)| Decay::Exponential {
            steps,
            rate,
            staircase
        }),
        (step(), float()).prop_map(|(steps, floor)| Decay::Cosine { steps, floor }),
        (step(), float(), float()).prop_map(|(steps, power, floor)| Decay::Polynomial { steps, power, floor }),
        (vec(step(), 0..4), vec(float(), 0..5))
            .prop_map(|(boundaries, factors)| Decay::Piecewise { boundaries, factors }),
    ];
    (step(), decay).prop_map(|(warm_up_steps, decay)| Schedule { warm_up_steps, decay })
}

fn clip() -> impl Strategy<Value = Clip> {
    prop_oneof![float().prop_map(Clip::Value), float().prop_map(Clip::Norm), float().prop_map(Clip::GlobalNorm)]
}

/// What may stand in the place of a value of a document.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2i64..40).prop_map(Value::from),
        (0.0..1.0).prop_map(Value::from),
        "[a-z_]{0,6}".prop_map(Value::from),
        select(vec![json!([]), json!({}), json!([0.75, 0.25]), json!([[0, 0, 1]]), json!([[32767, i64::MAX, 1]])]),
        schedule().prop_map(|schedule| serde_json::to_value(schedule).unwrap()),
    ]
}

/// Places of a document, each found by walking down, and what comes to stand there.
fn changes() -> impl Strategy<Value = Vec<(Vec<usize>, Value)>> {
    vec((vec(0usize..64, 1..7), any_value()), 1..4)
}

fn replace(value: &mut Value, path: &[usize], with: &Value) {
    let Some((&n, rest)) = path.split_first() else { return *value = with.clone() };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let n = n % map.len();
            map.values_mut().nth(n).into_iter().for_each(|inner| replace(inner, rest, with));
        }
        Value::Array(list) if !list.is_empty() => {
            let n = n % list.len();
            replace(&mut list[n], rest, with);
        }
        other => *other = with.clone(),
    }
}

/// Every optimizer with all its settings.
fn optimizer_documents() -> Vec<Value> {
    let names = ["sgd", "adagrad", "adam", "adam_w", "rms_prop", "ftrl", "lion"];
    let config = |name: &str| serde_json::from_value::<OptimizerConfig>(json!(name)).unwrap();
    names.iter().map(|name| serde_json::to_value(config(name)).unwrap()).collect()
}

/// What a metric takes in at once.
#[derive(Debug, Clone)]
struct Batch {
    predictions: Vec<f32>,
    labels: Vec<f32>,
    weights: Option<Vec<f32>>,
    /// Size of a list.
    items: usize,
}

impl Batch {
    fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Two scores or relevances for each of some.
    fn pairs(values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|&value| [value, 0.25]).collect()
    }
}

fn batch() -> impl Strategy<Value = Batch> {
    let label = prop_oneof![Just(0.0), Just(1.0), float()];
    let weight = prop_oneof![Just(0.0), 0.0f32..4.0, float()];
    (vec((float(), label, weight), 0..8), any::<bool>()).prop_map(|(examples, has_weights)| Batch {
        predictions: examples.iter().map(|example| example.0).collect(),
        labels: examples.iter().map(|example| example.1).collect(),
        weights: has_weights.then(|| examples.iter().map(|example| example.2).collect()),
        items: 2,
    })
}

/// A batch whose lengths may not fit each other.
fn uneven_batch() -> impl Strategy<Value = Batch> {
    let floats = || vec(float(), 0..5);
    let items = prop_oneof![0usize..4, Just(usize::MAX)];
    (floats(), floats(), proptest::option::of(floats()), items)
        .prop_map(|(predictions, labels, weights, items)| Batch { predictions, labels, weights, items })
}

/// Batches, and an order to merge them in.
fn batches_and_order() -> impl Strategy<Value = (Vec<Batch>, Vec<usize>)> {
    let with_order = |batches: Vec<Batch>| {
        let order: Vec<usize> = (0..batches.len()).collect();
        (Just(batches), Just(order).prop_shuffle())
    };
    vec(batch(), 0..8).prop_flat_map(with_order)
}

/// What the metrics have in common.
trait Metric: Clone + Serialize + DeserializeOwned + 'static {
    fn take(&mut self, batch: &Batch) -> Result<()>;
    fn join(&mut self, other: &Self);
    fn values(&self) -> Vec<f64>;
}

macro_rules! metric {
    ($name:ident, |$metric:ident, $batch:ident| $update:expr, $values:expr) => {
        impl Metric for $name {
            fn take(&mut self, $batch: &Batch) -> Result<()> {
                let $metric = self;
                $update
            }

            fn join(&mut self, other: &Self) {
                self.merge(other);
            }

            fn values(&self) -> Vec<f64> {
                let $metric = self;
                $values
            }
        }
    };
    ($name:ident, |$metric:ident| $values:expr) => {
        metric!($name, |$metric, batch| $metric.update(&batch.predictions, &batch.labels, batch.weights()), $values);
    };
}

metric!(AbsoluteError, |m| vec![m.value()]);
metric!(AbsolutePercentageError, |m| vec![m.value()]);
metric!(Accuracy, |m| vec![m.value()]);
metric!(Auc, |m| vec![m.roc(), m.roc_error(), m.precision_recall(), m.precision_recall_error()]);
metric!(Calibration, |m| {
    let bins = m.bins().into_iter().flat_map(|bin| [bin.weight, bin.prediction_mean, bin.label_mean]);
    bins.chain([m.value(), m.expected_error()]).collect()
});
metric!(LogLoss, |m| vec![m.value()]);
metric!(PrecisionRecall, |m| [m.precision(), m.recall(), m.f1()].into_iter().chain(m.counts()).collect());
metric!(PrecisionRecallCurve, |m| m.points().iter().flat_map(Metric::values).collect());
metric!(R2, |m| vec![m.value()]);
metric!(SquaredError, |m| vec![m.value(), m.root()]);
metric!(Mean, |m, batch| m.update(&batch.predictions, batch.weights()), vec![m.value(), m.sum(), m.weight()]);
metric!(
    ClassAccuracy,
    |m, batch| m.update(&Batch::pairs(&batch.predictions), &batch.labels, batch.weights()),
    vec![m.value()]
);
metric!(
    Ndcg,
    |m, batch| m.update(&Batch::pairs(&batch.predictions), &Batch::pairs(&batch.labels), batch.items, batch.weights()),
    vec![m.value()]
);
metric!(
    ReciprocalRank,
    |m, batch| m.update(&Batch::pairs(&batch.predictions), &Batch::pairs(&batch.labels), batch.items, batch.weights()),
    vec![m.value()]
);

/// Checks a metric of batches that come in different orders.
type CheckOrder = Box<dyn Fn(&[Batch], &[usize])>;

/// Checks a metric of batches whose text is damaged.
type CheckDamage = Box<dyn Fn(&[Batch], &dyn Fn(&str) -> String)>;

/// Checks a metric of batches whose lengths may not fit.
type CheckLengths = Box<dyn Fn(&[Batch])>;

/// A metric of unknown type.
struct Subject {
    check_lengths: CheckLengths,
    check_order: CheckOrder,
    check_damage: CheckDamage,
}

fn subject<M: Metric>(new: M) -> Subject {
    let [of_order, of_damage, of_lengths] = [new.clone(), new.clone(), new];
    Subject {
        check_lengths: Box::new(move |batches| check_lengths(&of_lengths, batches)),
        check_order: Box::new(move |batches, order| check_order(&of_order, batches, order)),
        check_damage: Box::new(move |batches, damage| check_damage(&of_damage, batches, damage)),
    }
}

/// Every metric, with settings that reach its branches by a few examples.
fn subjects(threshold: f32, k: usize) -> Vec<Subject> {
    // Few bins cannot be asked for, but be read.
    let mut few_bins = serde_json::to_value(Auc::new(3)).unwrap();
    few_bins["bins"]["bins_max"] = json!(4);
    vec![
        subject(AbsoluteError::default()),
        subject(AbsolutePercentageError::default()),
        subject(Accuracy::new(threshold)),
        subject(Auc::default()),
        subject(Auc::new(3)),
        subject(serde_json::from_value::<Auc>(few_bins).unwrap()),
        subject(Calibration::default()),
        subject(ClassAccuracy::new(k)),
        subject(LogLoss::default()),
        subject(Mean::default()),
        subject(Ndcg::new(k)),
        subject(Ndcg::default().with_gain(Gain::Exponential)),
        subject(PrecisionRecall::new(threshold)),
        subject(PrecisionRecallCurve::new(&[0.25, threshold, 0.75])),
        subject(R2::default()),
        subject(ReciprocalRank::new(k)),
        subject(SquaredError::default()),
    ]
}

/// A metric of each batch.
fn parts<M: Metric>(new: &M, batches: &[Batch]) -> Vec<M> {
    let mut parts = vec![new.clone(); batches.len()];
    parts.iter_mut().zip(batches).for_each(|(part, batch)| part.take(batch).unwrap());
    parts
}

/// The same bytes and values by one metric for all batches, by merging one after the other, and by merging halves.
fn check_order<M: Metric>(new: &M, batches: &[Batch], order: &[usize]) {
    let (mut whole, mut merged, mut halves) = (new.clone(), new.clone(), [new.clone(), new.clone()]);
    batches.iter().for_each(|batch| whole.take(batch).unwrap());
    let parts = parts(new, batches);
    for (place, &i) in order.iter().enumerate() {
        merged.join(&parts[i]);
        halves[place % 2].join(&parts[i]);
    }
    let [left, mut right] = halves;
    right.join(&left);
    let found = |metric: &M| {
        // The bits of a number that is none are not part of it.
        let bits = |value: f64| if value.is_nan() { None } else { Some(value.to_bits()) };
        (serde_json::to_string(metric).unwrap(), metric.values().into_iter().map(bits).collect::<Vec<_>>())
    };
    assert_eq!(found(&whole), found(&merged), "{order:?}");
    assert_eq!(found(&whole), found(&right), "{order:?} by halves");
}

/// What a metric refuses leaves it as it was.
fn check_lengths<M: Metric>(new: &M, batches: &[Batch]) {
    let mut metric = new.clone();
    for batch in batches {
        let before = serde_json::to_string(&metric).unwrap();
        if metric.take(batch).is_err() {
            assert_eq!(serde_json::to_string(&metric).unwrap(), before, "{batch:?}");
        }
    }
    metric.values();
}

/// What could be read of a damaged metric does all that a metric does.
fn check_damage<M: Metric>(new: &M, batches: &[Batch], damage: &dyn Fn(&str) -> String) {
    let mut whole = new.clone();
    batches.iter().for_each(|batch| whole.take(batch).unwrap());
    let Ok(mut damaged) = serde_json::from_str::<M>(&damage(&serde_json::to_string(&whole).unwrap())) else { return };
    damaged.values();
    whole.join(&damaged);
    batches.iter().for_each(|batch| damaged.take(batch).unwrap());
    damaged.join(&whole);
    whole.values();
    damaged.values();
    serde_json::to_string(&damaged).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_schedule_has_a_factor_for_every_step(schedule in schedule(), steps in vec(step(), 1..8)) {
        let is_right = schedule.check().is_ok();
        for step in steps {
            let factor = schedule.factor(step);
            prop_assert!(!is_right || (factor >= 0.0 && factor.is_finite()), "{} in step {}", factor, step);
        }
    }

    #[test]
    fn a_clip_bounds_whatever_it_is_given(clip in clip(), a in vec(float(), 0..20), b in vec(float(), 0..20)) {
        let (mut bounded_a, mut bounded_b) = (a.clone(), b.clone());
        clip.apply(&mut [&mut bounded_a, &mut bounded_b]);
        let is_right = clip.check().is_ok() && a.iter().chain(&b).all(|g| g.is_finite());
        prop_assert!(!is_right || bounded_a.iter().chain(&bounded_b).all(|g| g.is_finite()));
    }

    #[test]
    fn an_average_takes_weights_at_any_decay_and_steps(
        (decay, from, to) in (float(), step(), step()),
        values in vec((float(), float()), 0..20),
    ) {
        let ema = Ema { decay };
        let share = ema.share(from, to);
        prop_assert!(ema.check().is_err() || (0.0..=1.0).contains(&share), "{}", share);
        let (mut average, weights): (Vec<f32>, Vec<f32>) = values.into_iter().unzip();
        ema.update(from, to, &mut average, &weights).unwrap();
    }

    #[test]
    fn an_optimizer_is_refused_or_takes_any_gradients(
        which in select(optimizer_documents()),
        changes in changes(),
        steps in vec((step(), vec(float(), 20)), 1..4),
    ) {
        let mut document = which;
        changes.iter().for_each(|(path, with)| replace(&mut document, path, with));
        let Ok(config) = serde_json::from_value::<OptimizerConfig>(document) else { return Ok(()) };
        let _ = config.learning_rate();
        let Ok(optimizer) = config.build() else { return Ok(()) };
        let mut weights = vec![0.0; 20];
        let mut slots: Vec<f32> =
            (0..optimizer.slots()).flat_map(|slot| vec![optimizer.initial_slot(slot); 20]).collect();
        for (step, grads) in steps {
            optimizer.update(step, &mut weights, &grads, &mut slots).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn metrics_take_or_refuse_slices_of_any_lengths(
        batches in vec(uneven_batch(), 0..8),
        (threshold, k) in (float(), 0usize..4),
    ) {
        subjects(threshold, k).iter().for_each(|subject| (subject.check_lengths)(&batches));
    }

    #[test]
    fn metrics_merged_in_any_order_are_equal_bytes(
        (batches, order) in batches_and_order(),
        (threshold, k) in (float(), 0usize..4),
    ) {
        subjects(threshold, k).iter().for_each(|subject| (subject.check_order)(&batches, &order));
    }

    #[test]
    fn no_replaced_value_of_a_metric_causes_a_panic(
        batches in vec(batch(), 0..4),
        changes in changes(),
        (threshold, k) in (0.0f32..1.0, 0usize..4),
    ) {
        let damage = |json: &str| {
            let mut document: Value = serde_json::from_str(json).unwrap();
            changes.iter().for_each(|(path, with)| replace(&mut document, path, with));
            document.to_string()
        };
        subjects(threshold, k).iter().for_each(|subject| (subject.check_damage)(&batches, &damage));
    }

    #[test]
    fn no_changed_byte_of_a_metric_causes_a_panic(
        batches in vec(batch(), 0..4),
        (place, byte) in (any::<prop::sample::Index>(), prop_oneof![0x20u8..0x7f, b'0'..=b'9']),
        (threshold, k) in (0.0f32..1.0, 0usize..4),
    ) {
        let damage = |json: &str| {
            let mut bytes = json.as_bytes().to_vec();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            String::from_utf8_lossy(&bytes).into_owned()
        };
        subjects(threshold, k).iter().for_each(|subject| (subject.check_damage)(&batches, &damage));
    }
}
