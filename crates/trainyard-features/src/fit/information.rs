//! What a value says about the class of a row.

use super::counts::Counts;
use super::spill::Value;
use super::top::Top;
use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::column::Column;
use crate::op::Checked;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rows by class of the label, and by class and value; a row counts once for each value that it has.
#[derive(Debug, Clone)]
pub(crate) struct ValuesByClass {
    rows: Vec<u64>,
    values: Vec<Counts>,
}

/// How values are ranked by what they say about the class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Informative {
    /// How many values to keep at most.
    pub limit: usize,
    /// Rows that a value must be in.
    pub min_count: u64,
    /// The information that a value must have.
    pub min_information: f64,
    /// Whether what chance would give is taken off.
    pub adjusted: bool,
    /// Pairs of value and class whose count is nearer than this to what chance would give do not count.
    pub min_diff_from_avg: f64,
}

impl ValuesByClass {
    /// Nothing seen yet of a label with this many classes.
    pub fn new(classes: usize) -> Self {
        Self { rows: vec![0; classes], values: vec![Counts::all(); classes] }
    }

    /// Adds rows, with their classes as labels.
    pub fn update(&mut self, column: &Column, labels: &[f32]) {
        for (row, &label) in labels.iter().enumerate() {
            let class = label as usize;
            if let (Some(rows), Some(values)) = (self.rows.get_mut(class), self.values.get_mut(class)) {
                *rows += 1;
                values.add_row(column, row);
            }
        }
    }

    /// Adds the rows that another has seen.
    pub fn merge(&mut self, other: Self) {
        self.rows.iter_mut().zip(&other.rows).for_each(|(mine, theirs)| *mine += theirs);
        self.values.iter_mut().zip(other.values).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// What is counted value by value.
    pub fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts> {
        self.values.iter_mut()
    }

    /// The values that say most about the class, by falling information, those of equal information by falling bytes.
    pub fn ranked(&self, by: Informative) -> Result<Vec<String>> {
        let mut streams = self.values.iter().map(Counts::by_value).collect::<Result<Vec<_>>>()?;
        let mut next = BinaryHeap::new();
        let mut counts = vec![0; self.rows.len()];
        let mut top = Top::new(by.limit);
        for (class, stream) in streams.iter_mut().enumerate() {
            next.extend(stream.next().transpose()?.map(|(value, count)| Reverse((value, class, count))));
        }
        while let Some(Reverse((value, class, count))) = next.pop() {
            counts[class] = count;
            next.extend(streams[class].next().transpose()?.map(|(value, count)| Reverse((value, class, count))));
            if next.peek().is_some_and(|Reverse((other, ..))| *other == value) {
                continue;
            }
            self.rank(&value, &counts, by, &mut top);
            counts.fill(0);
        }
        Ok(top.into_sorted().into_iter().map(|(_, token)| token).collect())
    }

    fn rank(&self, value: &Value, counts: &[u64], by: Informative, top: &mut Top<Score>) {
        let information = information(counts, &self.rows, by);
        if counts.iter().sum::<u64>() >= by.min_count && information >= by.min_information {
            let token = self.values.iter().find_map(|counts| counts.kind_token(value));
            top.push(Score(information), || token.unwrap_or_default());
        }
    }
}

impl Wire for ValuesByClass {
    fn write(&self, out: &mut Writer) -> Result<()> {
        self.rows.iter().for_each(|&rows| out.number(rows));
        self.values.iter().try_for_each(|values| values.write(out))
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        for rows in &mut self.rows {
            *rows = from.count()?;
        }
        self.values.iter_mut().try_for_each(|values| values.read(from))
    }
}

/// Information, to be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score(f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// `Σ over classes c of n_c · log2(n_c · n / (x · y_c))`, in bits times rows, with `n_c` the rows that have both value and class,
/// `x` those with the value, `y_c` those of the class, and `n` all: [`tft.vocabulary`'s mutual information][1]. A value that all rows
/// have, says nothing: 0. `adjusted` takes off what is to be expected when value and class are independent.
///
/// [1]: https://github.com/tensorflow/transform/blob/master/tensorflow_transform/beam/analyzer_impls.py
fn information(counts: &[u64], rows: &[u64], by: Informative) -> f64 {
    let float = |number: u64| number as f64;
    let (x, n) = (counts.iter().sum::<u64>(), rows.iter().sum::<u64>());
    if x >= n {
        return 0.0;
    }
    let mut information = 0.0;
    for (&n_c, &y) in counts.iter().zip(rows).filter(|(_, y)| **y > 0) {
        if (float(x) * float(y) / float(n) - float(n_c)).abs() < by.min_diff_from_avg {
            continue;
        }
        information += pair(float(n_c), float(x), float(y), float(n));
        if by.adjusted {
            information -= expected(x, y, n);
        }
    }
    information
}

/// The term of one class.
fn pair(n_c: f64, x: f64, y: f64, n: f64) -> f64 {
    if n_c == 0.0 || x == 0.0 || y == 0.0 { 0.0 } else { n_c * ((n_c.log2() + n.log2()) - (x.log2() + y.log2())) }
}

/// What the term of a class is on average, when `x` and `y` of `n` rows are drawn independently (Vinh, Epps, Bailey, 2009): over the
/// hypergeometric distribution of the rows that are drawn twice.
///
/// The probabilities are those of their neighbours times a ratio, from the most likely one outwards until they vanish, and are divided
/// by their sum. Why not by factorials, as `tft` has them? Their logarithms of large numbers cost digits, and there would be as many
/// terms as rows.
fn expected(x: u64, y: u64, n: u64) -> f64 {
    const VANISHING: f64 = 1e-20;
    let (x, y) = (x.min(n), y.min(n));
    let (first, last) = ((x + y).saturating_sub(n), x.min(y));
    if last == 0 {
        return 0.0;
    }
    let float = |number: u64| number as f64;
    // Probability of k + 1 by that of k.
    let ratio = |k: u64| float(x - k) * float(y - k) / (float(k + 1) * float(n + k + 1 - x - y));
    let mode = (float(x + 1) * float(y + 1) / float(n + 2)) as u64;
    let mode = mode.clamp(first, last);
    let (mut sum, mut total) = (0.0, 0.0);
    let mut add = |k: u64, probability: f64| {
        sum += probability;
        total += probability * pair(float(k), float(x), float(y), float(n));
        probability > VANISHING
    };
    let mut probability = 1.0;
    for k in mode..=last {
        if !add(k, probability) || k == last {
            break;
        }
        probability *= ratio(k);
    }
    probability = 1.0;
    for k in (first..mode).rev() {
        probability /= ratio(k);
        if !add(k, probability) {
            break;
        }
    }
    total / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found}, expected {expected}");
    }

    /// tensorflow_transform/info_theory_test.py, test_mutual_information.
    #[test]
    fn terms_match_tensorflow_transform() {
        check(pair(2.0, 10.0, 2.0, 14.0), 0.970_854, 1e-4);
        check(pair(4.0, 15.0, 6.0, 25.0), 0.608_012, 1e-4);
        check(pair(2.0, 10.0, 6.0, 25.0), -0.526_069, 1e-4);
        check(pair(3.0, 31.0, 4.0, 41.0), -0.035_045_4, 1e-4);
        check(pair(4.0, 8.0, 8.0, 16.0), 0.0, 1e-4);
        check(pair(4.0, 0.0, 8.0, 8.0), 0.0, 1e-4);
        check(pair(4.0, 8.0, 0.0, 8.0), 0.0, 1e-4);
    }

    /// tensorflow_transform/info_theory_test.py, test_calculate_partial_expected_mutual_information.
    #[test]
    fn expected_terms_match_tensorflow_transform() {
        check(expected(10, 10, 10), 0.0, 1e-4);
        check(expected(0, 0, 10), 0.0, 1e-4);
        check(expected(5, 5, 10), 0.215_411, 1e-4);
        check(expected(2, 4, 10), 0.524_209, 1e-4);
    }

    /// tensorflow_transform/beam/vocabulary_integration_test.py: `_adjusted_mi_multi_class_label`, `_adjusted_mi_binary_label` and the
    /// same without adjustment. There, probabilities keep 1e-6 away from 0 and 1, which moves the last digits.
    #[test]
    fn information_matches_tensorflow_transform() {
        let by = |adjusted| Informative {
            limit: 9,
            min_count: 1,
            min_information: f64::NEG_INFINITY,
            adjusted,
            min_diff_from_avg: 0.0,
        };
        let check_both = |counts: &[u64], rows: &[u64], plain: f64, adjusted: f64| {
            check(information(counts, rows, by(false)), plain, 3e-4);
            check(information(counts, rows, by(true)), adjusted, 3e-4);
        };
        let rows = [5, 7, 3];
        check_both(&[0, 6, 0], &rows, 6.596_982_8, 5.480_090_1);
        check_both(&[0, 0, 3], &rows, 6.965_661_3, 5.386_101_9);
        check_both(&[4, 0, 0], &rows, 6.339_692, 4.905_472_2);
        check_both(&[1, 1, 0], &rows, 0.684_463, -0.974_802_3);
        let rows = [3, 9];
        check_both(&[3, 2], &rows, 1.975_322_4, 1.407_079_4);
        check_both(&[0, 4], &rows, 1.660_070_7, 0.998_744_8);
        check_both(&[0, 3], &rows, 1.245_053_1, 0.501_717_8);
        assert_eq!(information(&[3, 9], &rows, by(true)), 0.0);
    }

    /// The sum over the whole distribution, with its probabilities from factorials.
    #[test]
    fn expected_terms_are_those_of_the_whole_distribution() {
        let ln_factorial = |n: u64| (1..=n).map(|k| (k as f64).ln()).sum::<f64>();
        for (x, y, n) in [(1, 1, 4), (5, 10, 1000), (700, 400, 1000), (1000, 9, 1001), (60, 61, 120)] {
            let fixed = ln_factorial(x) + ln_factorial(y) + ln_factorial(n - x) + ln_factorial(n - y) - ln_factorial(n);
            let probability = |k: u64| {
                let free = ln_factorial(k) + ln_factorial(x - k) + ln_factorial(y - k) + ln_factorial(n + k - x - y);
                (fixed - free).exp()
            };
            let range = (x + y).saturating_sub(n)..=x.min(y);
            let whole: f64 = range.map(|k| probability(k) * pair(k as f64, x as f64, y as f64, n as f64)).sum();
            check(expected(x, y, n), whole, 1e-9 * (1.0 + whole.abs()));
        }
    }
}
