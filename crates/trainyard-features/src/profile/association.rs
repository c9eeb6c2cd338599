//! How much a column alone tells of the label.

use super::label::{CLASSES, LabelKind, Labels};
use super::numbers::singles;
use crate::column::Column;
use crate::fit::{Covariance, Histogram, Moments};
use crate::hash::{Map, farm_fingerprint64};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trainyard_graph::ExactSum;

/// Values of a column beyond which they are not compared with the label one by one.
const VALUES: usize = 1000;

/// How a column and the label vary together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// What is measured.
    pub measure: Measure,
    /// How much.
    pub value: f64,
    /// Rows that have a value and a label.
    pub rows: u64,
    /// Groups that the measure forms: values of the column or classes of the label; 1 of numbers.
    pub groups: u64,
}

/// A measure of how a column and the label vary together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Pearson's correlation of two numbers, from −1 to 1.
    Pearson,
    /// The correlation ratio η, from 0 to 1: the root of the share of a number's variance that lies between groups. Of numbers the
    /// groups are the classes of the label, of values the label's numbers are grouped by them.
    CorrelationRatio,
    /// The mutual information of two categories as a share of the label's entropy (Theil's U), from 0 to 1.
    Uncertainty,
    /// Area under the ROC curve when rows are ranked by the column alone, for two classes: 0.5 to 1, whichever class is higher.
    Auc,
}

impl Measure {
    /// The measure in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pearson => "Pearson r",
            Self::CorrelationRatio => "correlation ratio",
            Self::Uncertainty => "uncertainty coefficient",
            Self::Auc => "AUC",
        }
    }
}

/// What [`Association`]s are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AssociationState {
    together: Option<Covariance>,
    by_class: Option<Groups<ClassNumbers>>,
    by_value: Option<ByValue>,
}

impl AssociationState {
    /// Nothing seen yet of a column that holds numbers, or values to group by, or both.
    pub fn new(label: LabelKind, has_numbers: bool, has_values: bool) -> Self {
        Self {
            together: (has_numbers && label.numbers).then(|| Covariance::new(2)),
            by_class: (has_numbers && label.classes).then(|| Groups::new(CLASSES)),
            by_value: has_values.then(|| ByValue::new(label)),
        }
    }

    /// Adds rows; `numbers` are those of the column, missing as NaN.
    pub fn update(&mut self, column: &Column, numbers: Option<&[f64]>, labels: &Labels) {
        if let (Some(together), Some(x), Some(y)) = (&mut self.together, numbers, &labels.numbers) {
            together.update(&[x.to_vec(), y.clone()]);
        }
        if let (Some(groups), Some(x), Some(classes)) = (&mut self.by_class, numbers, &labels.classes) {
            add_by_class(groups, x, classes);
        }
        if let (Some(by_value), Some(keys)) = (&mut self.by_value, keys(column)) {
            by_value.update(&keys, labels);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        if let Some((mine, theirs)) = self.together.as_mut().zip(other.together.as_ref()) {
            mine.merge(theirs);
        }
        if let Some((mine, theirs)) = self.by_class.as_mut().zip(other.by_class.as_ref()) {
            mine.merge(theirs);
            drop_histograms(mine);
        }
        if let Some((mine, theirs)) = self.by_value.as_mut().zip(other.by_value.as_ref()) {
            mine.merge(theirs);
        }
    }

    /// All measures that could be taken, the plainest first.
    pub fn associations(&self) -> Vec<Association> {
        let by_class = self.by_class.as_ref().and_then(|groups| groups.groups.as_ref());
        let numbers = [
            self.together.as_ref().and_then(pearson),
            by_class.and_then(ratio_by_class),
            by_class.and_then(area_by_class),
        ];
        let by_value = self.by_value.as_ref().map(ByValue::associations).unwrap_or_default();
        numbers.into_iter().flatten().chain(by_value).filter(|found| found.value.is_finite()).collect()
    }
}

/// What merges with what was seen elsewhere.
trait Merge {
    fn merge(&mut self, other: &Self);
}

/// States by key, up to a limit of keys; beyond it nothing, so that any order of rows gives the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Groups<V> {
    limit: usize,
    groups: Option<BTreeMap<u64, V>>,
}

impl<V: Default + Merge> Groups<V> {
    fn new(limit: usize) -> Self {
        Self { limit, groups: Some(BTreeMap::new()) }
    }

    /// The state of a key; `None` when there are too many keys.
    fn entry(&mut self, key: u64) -> Option<&mut V> {
        let groups = self.groups.as_mut()?;
        if groups.len() >= self.limit && !groups.contains_key(&key) {
            self.groups = None;
            return None;
        }
        self.groups.as_mut().map(|groups| groups.entry(key).or_default())
    }

    fn merge(&mut self, other: &Self) {
        let Some(theirs) = &other.groups else {
            self.groups = None;
            return;
        };
        for (&key, state) in theirs {
            if let Some(mine) = self.entry(key) {
                mine.merge(state);
            }
        }
    }
}

/// The numbers of the rows of a class. They are counted by size as long as there are no more than two classes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct ClassNumbers {
    moments: Moments,
    histogram: Histogram,
}

impl Merge for ClassNumbers {
    fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
        self.histogram.merge(&other.histogram);
    }
}

fn add_by_class(groups: &mut Groups<ClassNumbers>, x: &[f64], classes: &[Option<u64>]) {
    let mut by_class: Map<u64, Vec<f64>> = Map::default();
    for (value, class) in x.iter().zip(classes) {
        if let Some(class) = class.filter(|_| value.is_finite()) {
            by_class.entry(class).or_default().push(*value);
        }
    }
    for (class, values) in by_class {
        let Some(state) = groups.entry(class) else { return };
        state.moments.update(&values);
        state.histogram.update(&singles(&values));
    }
    drop_histograms(groups);
}

/// There is no ROC curve of three classes.
fn drop_histograms(groups: &mut Groups<ClassNumbers>) {
    let groups = groups.groups.iter_mut().filter(|groups| groups.len() > 2);
    groups.flat_map(|groups| groups.values_mut()).for_each(|state| state.histogram = Histogram::default());
}

fn pearson(together: &Covariance) -> Option<Association> {
    let matrix = together.matrix();
    let value = matrix[0][1] / (matrix[0][0] * matrix[1][1]).sqrt();
    let association =
        Association { measure: Measure::Pearson, value: value.clamp(-1.0, 1.0), rows: together.count, groups: 1 };
    (together.count > 1).then_some(association)
}

/// The classes' means weighted by their rows, against the numbers of all.
fn ratio_by_class(groups: &BTreeMap<u64, ClassNumbers>) -> Option<Association> {
    let states = || groups.values().map(|state| &state.moments);
    let mut all = Moments::default();
    states().for_each(|moments| all.merge(moments));
    let between: f64 = states().map(|class| class.count as f64 * (class.mean() - all.mean()).powi(2)).sum();
    let total = all.count as f64 * all.std().powi(2);
    let value = (between / total).clamp(0.0, 1.0).sqrt();
    let association =
        Association { measure: Measure::CorrelationRatio, value, rows: all.count, groups: groups.len() as u64 };
    (groups.len() > 1).then_some(association)
}

fn area_by_class(groups: &BTreeMap<u64, ClassNumbers>) -> Option<Association> {
    let states: Vec<&ClassNumbers> = groups.values().collect();
    let [negative, positive] = states.as_slice() else { return None };
    let area = negative.histogram.area_below(&positive.histogram)?;
    let rows = negative.moments.count + positive.moments.count;
    Some(Association { measure: Measure::Auc, value: area.max(1.0 - area), rows, groups: 1 })
}

/// What names the value of each row.
fn keys(column: &Column) -> Option<Vec<Option<u64>>> {
    match column {
        Column::Int(array) => Some(array.iter().map(|value| value.map(|value| value as u64)).collect()),
        Column::Bool(array) => Some(array.iter().map(|value| value.map(u64::from)).collect()),
        Column::Text(texts) => {
            Some(texts.iter().map(|text| text.map(|text| farm_fingerprint64(text.as_bytes()))).collect())
        }
        _ => None,
    }
}

/// The labels of the rows of a value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    /// Rows with a number as label, and the sum of these.
    count: u64,
    sum: ExactSum,
    /// Rows by class.
    classes: BTreeMap<u64, u64>,
}

impl Merge for Tally {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        other.classes.iter().for_each(|(class, count)| *self.classes.entry(*class).or_default() += count);
    }
}

impl Merge for u64 {
    fn merge(&mut self, other: &Self) {
        *self += other;
    }
}

/// The labels by value of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ByValue {
    tallies: Groups<Tally>,
    /// All labels of rows with a value.
    numbers: Moments,
    classes: Groups<u64>,
}

impl ByValue {
    fn new(label: LabelKind) -> Self {
        Self {
            tallies: Groups::new(VALUES),
            numbers: Moments::default(),
            // A label without classes is as one with too many.
            classes: Groups::new(if label.classes { CLASSES } else { 0 }),
        }
    }

    fn update(&mut self, keys: &[Option<u64>], labels: &Labels) {
        if let Some(numbers) = &labels.numbers {
            self.add_numbers(keys, numbers);
        }
        if let Some(classes) = &labels.classes {
            let pairs = keys.iter().zip(classes).filter_map(|(key, class)| Some(((*key)?, (*class)?)));
            pairs.for_each(|(key, class)| self.add_class(key, class));
        }
    }

    fn add_numbers(&mut self, keys: &[Option<u64>], numbers: &[f64]) {
        let pairs = keys.iter().zip(numbers).filter_map(|(key, number)| Some(((*key)?, *number)));
        let mut seen = Vec::with_capacity(numbers.len());
        for (key, number) in pairs.filter(|(_, number)| number.is_finite()) {
            let Some(tally) = self.tallies.entry(key) else { return };
            tally.count += 1;
            tally.sum.add(number);
            seen.push(number);
        }
        self.numbers.update(&seen);
    }

    fn add_class(&mut self, key: u64, class: u64) {
        match self.classes.entry(class) {
            Some(count) => *count += 1,
            None => return self.forget_classes(),
        }
        if let Some(tally) = self.tallies.entry(key) {
            *tally.classes.entry(class).or_default() += 1;
        }
    }

    fn forget_classes(&mut self) {
        self.tallies.groups.iter_mut().flat_map(|tallies| tallies.values_mut()).for_each(|tally| tally.classes.clear());
    }

    fn merge(&mut self, other: &Self) {
        self.tallies.merge(&other.tallies);
        self.numbers.merge(&other.numbers);
        self.classes.merge(&other.classes);
        if self.classes.groups.is_none() {
            self.forget_classes();
        }
        if self.tallies.groups.is_none() {
            self.numbers = Moments::default();
        }
    }

    fn associations(&self) -> Vec<Association> {
        let Some(tallies) = &self.tallies.groups else { return Vec::new() };
        let classes = self.classes.groups.as_ref().filter(|classes| classes.len() > 1);
        let of_classes = classes.map(|classes| [uncertainty(tallies, classes), area_by_value(tallies, classes)]);
        let ratio = self.ratio(tallies);
        ratio.into_iter().chain(of_classes.into_iter().flatten().flatten()).collect()
    }

    /// The values' mean labels weighted by their rows, against all labels.
    fn ratio(&self, tallies: &BTreeMap<u64, Tally>) -> Option<Association> {
        let mean = self.numbers.mean();
        let deviation = |tally: &Tally| tally.sum.value() / tally.count as f64 - mean;
        let tallies = || tallies.values().filter(|tally| tally.count > 0);
        let between: f64 = tallies().map(|tally| tally.count as f64 * deviation(tally).powi(2)).sum();
        let total = self.numbers.count as f64 * self.numbers.std().powi(2);
        let (rows, groups) = (self.numbers.count, tallies().count() as u64);
        let value = (between / total).clamp(0.0, 1.0).sqrt();
        (groups > 1).then_some(Association { measure: Measure::CorrelationRatio, value, rows, groups })
    }
}

fn uncertainty(tallies: &BTreeMap<u64, Tally>, classes: &BTreeMap<u64, u64>) -> Option<Association> {
    let rows: u64 = classes.values().sum();
    let of_label = entropy(classes.values().copied(), rows);
    let given_value: f64 = tallies
        .values()
        .map(|tally| {
            let of_value: u64 = tally.classes.values().sum();
            of_value as f64 / rows as f64 * entropy(tally.classes.values().copied(), of_value)
        })
        .sum();
    let groups = tallies.values().filter(|tally| !tally.classes.is_empty()).count() as u64;
    let value = ((of_label - given_value) / of_label).clamp(0.0, 1.0);
    (groups > 1).then_some(Association { measure: Measure::Uncertainty, value, rows, groups })
}

/// In bits.
fn entropy(counts: impl Iterator<Item = u64>, total: u64) -> f64 {
    let term = |count: u64| {
        let share = count as f64 / total as f64;
        if count > 0 { -share * share.log2() } else { 0.0 }
    };
    counts.map(term).sum()
}

/// Ranks values by the share of their rows that are of the second class.
fn area_by_value(tallies: &BTreeMap<u64, Tally>, classes: &BTreeMap<u64, u64>) -> Option<Association> {
    let keys: Vec<u64> = classes.keys().copied().collect();
    let &[negative, positive] = keys.as_slice() else { return None };
    let count = |tally: &Tally, class: u64| tally.classes.get(&class).copied().unwrap_or_default() as f64;
    let pairs = tallies.values().map(|tally| (count(tally, negative), count(tally, positive)));
    let mut pairs: Vec<(f64, f64)> = pairs.filter(|(no, yes)| no + yes > 0.0).collect();
    pairs.sort_by(|a, b| (a.1 / (a.0 + a.1)).total_cmp(&(b.1 / (b.0 + b.1))));
    let (mut below, mut wins) = (0.0, 0.0);
    for (no, yes) in &pairs {
        wins += yes * (below + no / 2.0);
        below += no;
    }
    let yes: f64 = pairs.iter().map(|(_, yes)| yes).sum();
    let (rows, groups) = ((below + yes) as u64, pairs.len() as u64);
    (groups > 1).then_some(Association { measure: Measure::Auc, value: wins / (below * yes), rows, groups })
}
