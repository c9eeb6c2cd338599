//! What every optimizer must satisfy, and every metric.

use crate::{Error, Result, optim::Optimizer};
use proptest::{
    collection, prop_assert_eq,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use trainyard_graph::random;

/// The weight after each step from `start`, one gradient per step.
pub(crate) fn steps(optimizer: &dyn Optimizer, start: f32, grads: &[f32]) -> Vec<f32> {
    let mut weights = [start];
    let mut slots = initial_slots(optimizer, 1);
    let mut after = |(i, &grad): (usize, &f32)| {
        optimizer.update(i as u64 + 1, &mut weights, &[grad], &mut slots).unwrap();
        weights[0]
    };
    grads.iter().enumerate().map(&mut after).collect()
}

/// The slots of `n` weights before the first step.
pub(crate) fn initial_slots(optimizer: &dyn Optimizer, n: usize) -> Vec<f32> {
    (0..optimizer.slots()).flat_map(|slot| vec![optimizer.initial_slot(slot); n]).collect()
}

/// Runs the whole contract.
#[track_caller]
pub(crate) fn run_all(optimizer: &dyn Optimizer) {
    parts_equal_the_whole(optimizer);
    rows_equal_their_numbers(optimizer);
    applying_at_the_rates_of_a_step_is_updating(optimizer);
    nothing_comes_from_nothing(optimizer);
    a_gradient_moves_its_weight_down(optimizer);
    it_finds_the_minimum_of_a_parabola(optimizer);
    values_stay_finite(optimizer);
    slots_without_gradients_are_not_subnormal(optimizer);
    slices_of_other_lengths_are_refused(optimizer);
}

/// A row of a table, or a shard of a parameter, is trained as within the whole.
fn parts_equal_the_whole(optimizer: &dyn Optimizer) {
    let stream = random::stream(1, "contract");
    let (n, k) = (37, optimizer.slots());
    let mut whole = (vec![0.0; n], initial_slots(optimizer, n));
    let mut parts = [(vec![0.0; 13], initial_slots(optimizer, 13)), (vec![0.0; 24], initial_slots(optimizer, 24))];
    for step in 1..=5u64 {
        let grads: Vec<f32> = (0..n as u64).map(|i| random::normal(stream, step * 100 + i)).collect();
        optimizer.update(step, &mut whole.0, &grads, &mut whole.1).unwrap();
        for ((weights, slots), grads) in parts.iter_mut().zip([&grads[..13], &grads[13..]]) {
            optimizer.update(step, weights, grads, slots).unwrap();
        }
    }
    assert_eq!(whole.0, [parts[0].0.clone(), parts[1].0.clone()].concat());
    for slot in 0..k {
        let of_part = |(weights, slots): &(Vec<f32>, Vec<f32>)| slots[slot * weights.len()..][..weights.len()].to_vec();
        assert_eq!(whole.1[slot * n..][..n], [of_part(&parts[0]), of_part(&parts[1])].concat());
    }
}

/// A row is trained as each of its numbers alone, to the bit: whether a number has a place in a vector does not matter.
pub(crate) fn rows_equal_their_numbers(optimizer: &dyn Optimizer) {
    let stream = random::stream(2, "contract");
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for dim in [1, 3, 15, 16, 17, 64] {
        let mut row = (vec![0.0; dim], initial_slots(optimizer, dim));
        let mut numbers = vec![([0.0], initial_slots(optimizer, 1)); dim];
        for step in 1..=20 {
            // From some 2⁻³⁰ to 2³⁰, and no gradient at times.
            let size = |i| (random::normal(stream, step * 200 + i) * 10.0).exp2();
            let any = |i| size(i) * random::normal(stream, step * 200 + 100 + i);
            let grad = |i: u64| if (i + step).is_multiple_of(5) { 0.0 } else { any(i) };
            let grads: Vec<f32> = (0..dim as u64).map(grad).collect();
            optimizer.update(step, &mut row.0, &grads, &mut row.1).unwrap();
            for ((weight, slots), &grad) in numbers.iter_mut().zip(&grads) {
                optimizer.update(step, weight, &[grad], slots).unwrap();
            }
            let alone: Vec<f32> = numbers.iter().map(|(weight, _)| weight[0]).collect();
            assert_eq!(bits(&row.0), bits(&alone), "weights of {dim} numbers in step {step}");
            let alone = (0..optimizer.slots()).flat_map(|slot| numbers.iter().map(move |(_, slots)| slots[slot]));
            assert_eq!(bits(&row.1), bits(&alone.collect::<Vec<_>>()), "slots of {dim} numbers in step {step}");
        }
    }
}

fn applying_at_the_rates_of_a_step_is_updating(optimizer: &dyn Optimizer) {
    let (mut a, mut b) = (([0.5, 0.0], initial_slots(optimizer, 2)), ([0.5, 0.0], initial_slots(optimizer, 2)));
    for step in [1, 2, 1000] {
        optimizer.update(step, &mut a.0, &[0.1, -1.0], &mut a.1).unwrap();
        optimizer.apply(&optimizer.rates(step), &mut b.0, &[0.1, -1.0], &mut b.1);
        assert_eq!(a, b);
    }
}

/// Weights at 0 without a gradient stay there, and no weights at all are no error.
fn nothing_comes_from_nothing(optimizer: &dyn Optimizer) {
    assert_eq!(steps(optimizer, 0.0, &[0.0; 3]), [0.0; 3]);
    optimizer.update(1, &mut [], &[], &mut []).unwrap();
}

fn a_gradient_moves_its_weight_down(optimizer: &dyn Optimizer) {
    assert!(steps(optimizer, 0.0, &[1.0])[0] < 0.0);
    assert!(steps(optimizer, 0.0, &[-1.0])[0] > 0.0);
}

/// `(w - 1)² / 2`, from 0.
fn it_finds_the_minimum_of_a_parabola(optimizer: &dyn Optimizer) {
    let mut weights = [0.0];
    let mut slots = initial_slots(optimizer, 1);
    for step in 1..=5000 {
        let grad = weights[0] - 1.0;
        optimizer.update(step, &mut weights, &[grad], &mut slots).unwrap();
    }
    assert!((weights[0] - 1.0f32).abs() < 0.15, "stopped at {}", weights[0]);
}

fn values_stay_finite(optimizer: &dyn Optimizer) {
    for size in [1e-30, 1e-8, 1e8, 1e18] {
        let weights = steps(optimizer, 0.0, &[size, -size, 0.0, size]);
        assert!(weights.iter().all(|weight| weight.is_finite()), "gradients of {size} gave {weights:?}");
    }
}

/// Subnormal numbers are slow, and a moment that decays would stay among them.
fn slots_without_gradients_are_not_subnormal(optimizer: &dyn Optimizer) {
    let mut slots = initial_slots(optimizer, 1);
    optimizer.update(1, &mut [0.0], &[1e-18], &mut slots).unwrap();
    for step in 2..1000 {
        optimizer.update(step, &mut [0.0], &[0.0], &mut slots).unwrap();
    }
    assert!(slots.iter().all(|slot| *slot == 0.0 || slot.is_normal()), "{slots:?}");
}

/// They are an error, and stay as they are even where nothing says so.
fn slices_of_other_lengths_are_refused(optimizer: &dyn Optimizer) {
    let lens = |weights: usize, slots: usize| (vec![1.0; weights], vec![0.0; slots]);
    let n = 3 * optimizer.slots();
    for ((mut weights, mut slots), grads) in [(lens(3, n), 2), (lens(3, n), 4), (lens(3, n + 1), 3), (lens(4, n), 3)] {
        let (before, grads) = ((weights.clone(), slots.clone()), vec![1.0; grads]);
        let error = optimizer.update(1, &mut weights, &grads, &mut slots).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
        optimizer.apply(&optimizer.rates(1), &mut weights, &grads, &mut slots);
        assert_eq!((weights, slots), before);
    }
}

/// Checks that a metric is the same bits however its examples are cut and ordered, and NaN without examples.
#[track_caller]
pub(crate) fn metric<M>(
    new: impl Fn() -> M,
    update: impl Fn(&mut M, &[f32], &[f32], Option<&[f32]>) -> Result<()>,
    merge: impl Fn(&mut M, &M),
    values: impl Fn(&M) -> Vec<f64>,
) {
    assert!(values(&new()).iter().all(|value| value.is_nan() || *value == 0.0), "no examples");
    let example = (0u32..=16, proptest::bool::ANY, 0u32..1000);
    // The runner is seeded, so that a test that passed passes again.
    let mut runner = TestRunner::new_with_rng(Config::with_cases(64), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (collection::vec(example, 0..60), 0usize..60, 0u64..1000);
    let outcome = runner.run(&strategy, |(examples, cut, seed)| {
        let p: Vec<f32> = examples.iter().map(|e| (e.0 as f32 / 16.0).powi(3)).collect();
        let y: Vec<f32> = examples.iter().map(|e| f32::from(e.1)).collect();
        let w: Vec<f32> = examples.iter().map(|e| e.2 as f32 / 7.0).collect();
        let of = |order: &[usize]| {
            let pick = |values: &[f32]| order.iter().map(|&i| values[i]).collect::<Vec<f32>>();
            let mut metric = new();
            update(&mut metric, &pick(&p), &pick(&y), Some(&pick(&w))).unwrap();
            metric
        };
        let whole = of(&(0..p.len()).collect::<Vec<_>>());
        let mut shuffled: Vec<usize> = (0..p.len()).collect();
        shuffled.sort_by_key(|&i| random::bits(seed, i as u64));
        let (left, right) = shuffled.split_at(cut.min(p.len()));
        let mut parts = of(right);
        merge(&mut parts, &of(left));
        let bits = |metric: &M| values(metric).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&whole), bits(&parts));
        Ok(())
    });
    outcome.unwrap();
    slices_that_do_not_fit_are_refused(new, update, values);
}

/// They are errors that leave the metric as it was.
#[track_caller]
fn slices_that_do_not_fit_are_refused<M>(
    new: impl Fn() -> M,
    update: impl Fn(&mut M, &[f32], &[f32], Option<&[f32]>) -> Result<()>,
    values: impl Fn(&M) -> Vec<f64>,
) {
    let bits = |metric: &M| values(metric).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let (mut metric, numbers) = (new(), [0.75, 0.5, 0.25]);
    update(&mut metric, &numbers, &[1.0, 0.0, 1.0], None).unwrap();
    let before = bits(&metric);
    for n in [0, 1, 4] {
        let error = update(&mut metric, &numbers, &[1.0; 3], Some(&vec![1.0; n])).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
        assert_eq!(bits(&metric), before);
    }
}
