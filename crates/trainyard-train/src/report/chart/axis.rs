//! Axes: where values lie, and which of them are named.

use super::range::Range;
use crate::report::number::{decimals, exponent, scientific};

/// Ticks to aim at; between half and twice as many come out.
const TICKS: f64 = 5.0;

/// More ticks of a logarithmic axis than this are thinned.
const LOG_TICKS_MAX: usize = 7;

/// A range and its ticks.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What the numbers are.
    pub(crate) title: String,
    /// Values that are named, ascending, and their names.
    pub(crate) ticks: Vec<(f64, String)>,
    range: Range,
    is_log: bool,
}

impl Axis {
    /// An axis on which equal distances are equal differences.
    pub(crate) fn linear(range: Range, title: &str) -> Self {
        Self::with_step(range, nice_step(range.span() / TICKS), title)
    }

    /// The same for whole numbers.
    pub(crate) fn whole(range: Range, title: &str) -> Self {
        Self::with_step(range, nice_step(range.span() / TICKS).max(1.0), title)
    }

    /// The same for shares of one, which are named in percent.
    pub(crate) fn percent(range: Range, title: &str) -> Self {
        let step = nice_step(range.span() / TICKS);
        let name = |tick: f64| (tick, format!("{}\u{a0}%", name(tick * 100.0, step * 100.0, 100.0)));
        Self { title: title.to_owned(), ticks: multiples(range, step).map(name).collect(), range, is_log: false }
    }

    /// An axis on which equal distances are equal ratios. The range must be positive.
    pub(crate) fn log(range: Range, title: &str) -> Self {
        let ticks = log_ticks(range);
        let ticks = ticks.into_iter().map(|tick| (tick, name(tick, tick, tick))).collect();
        Self { title: title.to_owned(), ticks, range, is_log: true }
    }

    /// The same axis, its upper end moved up, without ticks in what is added.
    pub(crate) fn up_to(self, high: f64) -> Self {
        Self { range: Range { high, ..self.range }, ..self }
    }

    /// How far along the axis a value lies, from 0 at the lower end to 1 at the upper.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let Range { low, high } = self.range;
        if self.is_log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) }
    }

    /// The range.
    pub(crate) fn range(&self) -> Range {
        self.range
    }

    fn with_step(range: Range, step: f64, title: &str) -> Self {
        let largest = range.low.abs().max(range.high.abs());
        let ticks = multiples(range, step).map(|tick| (tick, name(tick, step, largest))).collect();
        Self { title: title.to_owned(), ticks, range, is_log: false }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not less than `step`.
pub(crate) fn nice_step(step: f64) -> f64 {
    let decade = power_of_ten(exponent(step));
    let nice = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * decade).find(|nice| *nice >= step * (1.0 - 1e-9));
    nice.unwrap_or(10.0 * decade)
}

/// Multiples of a step within a range.
fn multiples(range: Range, step: f64) -> impl Iterator<Item = f64> {
    let slack = 1e-9;
    let (first, last) = ((range.low / step - slack).ceil(), (range.high / step + slack).floor());
    // Counted, not added up, so that errors do not add up either; adding 0 turns −0 into 0.
    (0..=(last - first) as usize).map(move |idx| (first + idx as f64) * step + 0.0)
}

/// 1, 2 and 5 of each decade; when these are too many powers of ten, and when they are too few multiples of a step.
fn log_ticks(range: Range) -> Vec<f64> {
    let fine = decades(range, &[1.0, 2.0, 5.0]);
    if fine.len() < 3 {
        return multiples(range, nice_step(range.span() / TICKS)).filter(|tick| *tick > 0.0).collect();
    }
    if fine.len() <= LOG_TICKS_MAX {
        return fine;
    }
    let coarse = decades(range, &[1.0]);
    let stride = coarse.len().div_ceil(LOG_TICKS_MAX);
    coarse.into_iter().step_by(stride).collect()
}

fn decades(range: Range, factors: &[f64]) -> Vec<f64> {
    let exponents = exponent(range.low)..=exponent(range.high);
    let ticks = exponents.flat_map(|exponent| factors.iter().map(move |factor| factor * power_of_ten(exponent)));
    ticks.filter(|tick| range.contains(*tick)).collect()
}

/// `10^exponent`, as near as can be: powers of ten are exact up to 22, those of a tenth are not.
fn power_of_ten(exponent: i32) -> f64 {
    if exponent < 0 { 1.0 / 10f64.powi(-exponent) } else { 10f64.powi(exponent) }
}

/// A tick as text, with the digits that tell it from its neighbours a `step` away.
fn name(tick: f64, step: f64, largest: f64) -> String {
    let step_exponent = exponent(step);
    if tick == 0.0 {
        return "0".to_owned();
    }
    match exponent(largest) {
        -3..=5 => decimals(tick, (-step_exponent).max(0) as usize),
        6..=8 => format!("{}M", decimals(tick / 1e6, (6 - step_exponent).clamp(0, 6) as usize)),
        _ => scientific(tick, (exponent(tick) - step_exponent).clamp(0, 6) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[track_caller]
    fn check(axis: fn(Range, &str) -> Axis, low: f64, high: f64, expected: &[&str]) {
        assert_eq!(names(&axis(Range::new(low, high), "")), expected);
    }

    #[test]
    fn steps_are_one_two_or_five() {
        assert_eq!([0.9, 1.0, 1.1, 3.0, 7.0, 0.03].map(nice_step), [1.0, 1.0, 2.0, 5.0, 10.0, 0.05]);
    }

    #[test]
    fn ticks_have_the_digits_of_their_step() {
        check(Axis::linear, 0.13, 0.69, &["0.2", "0.4", "0.6"]);
        check(Axis::linear, 0.0, 1.0, &["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        check(Axis::linear, -2.1, 2.1, &["−2", "−1", "0", "1", "2"]);
    }

    #[test]
    fn large_ticks_are_grouped_then_shortened() {
        check(Axis::linear, 0.0, 40_000.0, &["0", "10,000", "20,000", "30,000", "40,000"]);
        check(Axis::linear, 0.0, 2e6, &["0", "0.5M", "1.0M", "1.5M", "2.0M"]);
        check(Axis::linear, 0.0, 4e12, &["0", "1e12", "2e12", "3e12", "4e12"]);
    }

    #[test]
    fn small_ticks_have_an_exponent() {
        check(Axis::linear, 0.0, 4e-5, &["0", "1e−5", "2e−5", "3e−5", "4e−5"]);
    }

    #[test]
    fn whole_axes_name_no_fractions() {
        check(Axis::whole, 0.0, 2.0, &["0", "1", "2"]);
    }

    #[test]
    fn shares_are_in_percent() {
        check(Axis::percent, 0.0, 0.05, &["0\u{a0}%", "1\u{a0}%", "2\u{a0}%", "3\u{a0}%", "4\u{a0}%", "5\u{a0}%"]);
    }

    #[test]
    fn an_axis_can_have_room_above_its_ticks() {
        let axis = Axis::linear(Range::new(0.0, 1.0), "").up_to(2.0);
        assert_eq!((names(&axis).last(), axis.place(1.0)), (Some(&"1.0"), 0.5));
    }

    #[test]
    fn a_logarithmic_axis_names_one_two_and_five() {
        check(Axis::log, 0.04, 1.5, &["0.05", "0.1", "0.2", "0.5", "1"]);
    }

    #[test]
    fn a_long_logarithmic_axis_names_powers_of_ten() {
        check(Axis::log, 0.01, 1e4, &["0.01", "0.1", "1", "10", "100", "1,000", "10,000"]);
        check(Axis::log, 1e-12, 1e12, &["1e−12", "1e−8", "1e−4", "1", "10,000", "100M", "1e12"]);
    }

    #[test]
    fn places_run_from_zero_to_one() {
        let (linear, log) = (Axis::linear(Range::new(10.0, 30.0), ""), Axis::log(Range::new(1.0, 100.0), ""));
        assert_eq!([linear.place(10.0), linear.place(20.0), linear.place(30.0)], [0.0, 0.5, 1.0]);
        assert_eq!([log.place(1.0), log.place(10.0), log.place(100.0)], [0.0, 0.5, 1.0]);
    }

    #[test]
    fn ranges_far_from_zero_keep_their_ticks_apart() {
        check(Axis::linear, 1000.0, 1000.1, &["1,000.00", "1,000.02", "1,000.04", "1,000.06", "1,000.08", "1,000.10"]);
    }
}
