//! Rows like those of Criteo's click logs: 13 numbers, 26 categories, and a label that a hidden model makes of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use trainyard_graph::random;

/// Columns of numbers, `I1` to `I13`: log-normal, one in twenty missing.
pub const NUMBERS: usize = 13;
/// Columns of categories, `C1` to `C26`: ids as eight hexadecimal digits, few of them frequent and many rare (Zipf's law).
pub const CATEGORIES: usize = 26;

/// Zipf's exponent.
const EXPONENT: f64 = 1.15;
/// Ids of a category whose effects on the label are the same.
const EFFECTS: u64 = 1000;

/// Any number of rows, each a function of the seed and its place.
pub struct CriteoLike {
    categories: Vec<Category>,
    numbers: Vec<u64>,
    missing: Vec<u64>,
    clicks: u64,
}

struct Category {
    stream: u64,
    /// Ids are below this number: 100, 1000, .. 1,000,000.
    size: u64,
    /// By id, modulo their number.
    effects: Vec<f64>,
}

impl CriteoLike {
    /// The rows of a seed.
    pub fn new(seed: u64) -> Self {
        let stream = |name: &str, i: usize| random::stream(seed, &format!("{name}/{i}"));
        let category = |i: usize| {
            // The first eight tell much about the label, the others little.
            let scale = if i < 8 { 0.6 } else { 0.06 };
            let effect = |id| scale * f64::from(random::normal(stream("effect", i), id));
            let size = 10u64.pow(2 + i as u32 % 5);
            Category { stream: stream("category", i), size, effects: (0..EFFECTS).map(effect).collect() }
        };
        let streams = |name: &str| (0..NUMBERS).map(|i| stream(name, i)).collect();
        let categories = (0..CATEGORIES).map(category).collect();
        Self { categories, numbers: streams("number"), missing: streams("missing"), clicks: stream("click", 0) }
    }

    /// `label`, then the numbers, then the categories.
    pub fn schema() -> SchemaRef {
        let numbers = (1..=NUMBERS).map(|i| Field::new(format!("I{i}"), DataType::Float32, true));
        let categories = (1..=CATEGORIES).map(|i| Field::new(format!("C{i}"), DataType::Utf8, true));
        let label = Field::new("label", DataType::Int64, true);
        Arc::new(Schema::new(std::iter::once(label).chain(numbers).chain(categories).collect::<Vec<_>>()))
    }

    /// The rows from `first` on.
    pub fn batch(&self, first: u64, rows: usize) -> Result<RecordBatch, ArrowError> {
        let places = first..first + rows as u64;
        let logs = |i: usize| -> Vec<f32> { places.clone().map(|row| random::normal(self.numbers[i], row)).collect() };
        let mut logits: Vec<f64> =
            logs(0).iter().zip(logs(1)).map(|(&a, b)| 0.4 * f64::from(a) - 0.3 * f64::from(b) - 1.2).collect();
        let number = |i: usize| -> ArrayRef {
            let is_missing = |row| random::below(self.missing[i], row, 20) == 0;
            let values = places.clone().zip(logs(i)).map(|(row, log)| (!is_missing(row)).then(|| log.exp()));
            Arc::new(values.collect::<Float32Array>())
        };
        let mut columns: Vec<ArrayRef> = (0..NUMBERS).map(number).collect();
        for category in &self.categories {
            let ids: Vec<u64> = places.clone().map(|row| category.id(row)).collect();
            logits.iter_mut().zip(&ids).for_each(|(logit, id)| *logit += category.effects[(id % EFFECTS) as usize]);
            columns.push(Arc::new(ids.iter().map(|id| Some(format!("{id:08x}"))).collect::<StringArray>()));
        }
        let clicked = |(row, logit): (u64, &f64)| unit(self.clicks, row) < 1.0 / (1.0 + (-logit).exp());
        let labels = places.zip(&logits).map(|place| i64::from(clicked(place)));
        columns.insert(0, Arc::new(labels.collect::<Int64Array>()));
        RecordBatch::try_new(Self::schema(), columns)
    }
}

impl Category {
    /// The id of a row, by rejection from a distribution with the same tail (Devroye, *Non-Uniform Random Variate Generation*,
    /// 1986, page 550).
    fn id(&self, row: u64) -> u64 {
        let b = 2f64.powf(EXPONENT - 1.0);
        for attempt in 0.. {
            let tries = random::bits(self.stream, row);
            let (u, v) = (1.0 - unit(tries, 2 * attempt), unit(tries, 2 * attempt + 1));
            let x = u.powf(-1.0 / (EXPONENT - 1.0)).floor();
            let t = (1.0 + 1.0 / x).powf(EXPONENT - 1.0);
            // What does not fit 64 bits is drawn again, as numpy does.
            if x < u64::MAX as f64 && v * x * (t - 1.0) / (b - 1.0) <= t / b {
                return (x as u64 - 1) % self.size;
            }
        }
        0
    }
}

/// Uniform in `[0, 1)`.
fn unit(stream: u64, index: u64) -> f64 {
    (random::bits(stream, index) >> 11) as f64 / (1u64 << 53) as f64
}
