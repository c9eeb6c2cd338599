//! What fitting finds out about one column or feature.

use super::counts::Counts;
use super::moments::Moments;
use super::quantiles::{Histogram, Quantile, Refinement};
use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::column::Column;
use crate::op::{Checked, Kind};
use arrow::array::Array;

/// Distinct values of text and bool columns that statistics count one by one: short texts and their counts take 1 MiB then, and a few
/// more would take 2, of each column.
const STATISTICS_VALUES: usize = 24_000;

/// Which values to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counting {
    /// None.
    #[default]
    Nothing,
    /// All, or a sample when there are very many.
    Sample,
    /// All.
    All,
}

/// What must be found out about a column or feature.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Needs {
    /// Mean, deviation and range.
    pub moments: bool,
    /// Quantiles as near as one scan gives them.
    pub histogram: bool,
    /// Quantiles that must be exact.
    pub quantiles: Vec<Quantile>,
    /// Values.
    pub counting: Counting,
    /// Rows by id.
    pub documents: bool,
}

impl Needs {
    /// What [`crate::ColumnStatistics`] say of a column.
    pub fn statistics(kind: Kind) -> Self {
        let is_number = matches!(kind, Kind::Number | Kind::Int);
        let counting = if is_number { Counting::Nothing } else { Counting::Sample };
        Self { moments: is_number, histogram: is_number, quantiles: Vec::new(), counting, documents: false }
    }

    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Also what another needs.
    pub fn merge(&mut self, other: Self) {
        self.moments |= other.moments;
        self.histogram |= other.histogram;
        self.quantiles.extend(other.quantiles);
        self.counting = self.counting.max(other.counting);
        self.documents |= other.documents;
    }
}

/// The first scan over a column or feature.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    /// Rows with a value.
    pub present: u64,
    /// Rows without one.
    pub missing: u64,
    moments: Option<Moments>,
    histogram: Option<Histogram>,
    counts: Option<Counts>,
    documents: Option<Counts>,
}

impl Survey {
    /// Nothing seen yet.
    pub fn new(needs: &Needs) -> Self {
        let counts = match needs.counting {
            Counting::Nothing => None,
            Counting::Sample => Some(Counts::sample(STATISTICS_VALUES)),
            Counting::All => Some(Counts::all()),
        };
        let histogram = needs.histogram || !needs.quantiles.is_empty();
        Self {
            present: 0,
            missing: 0,
            moments: needs.moments.then(Moments::default),
            histogram: histogram.then(Histogram::default),
            counts,
            documents: needs.documents.then(Counts::all),
        }
    }

    /// Adds rows.
    pub fn update(&mut self, column: &Column) {
        let missing = missing(column) as u64;
        self.missing += missing;
        self.present += column.rows() as u64 - missing;
        if let Some((moments, values)) = self.moments.as_mut().zip(column.as_f64()) {
            moments.update(&values);
        }
        if let Some((histogram, values)) = self.histogram.as_mut().zip(column.as_f32()) {
            histogram.update(&values);
        }
        if let Some(counts) = &mut self.counts {
            counts.update(column);
        }
        if let (Some(documents), Column::Ids(ids)) = (&mut self.documents, column) {
            documents.update_documents(ids);
        }
    }

    /// What is counted value by value.
    pub fn counted_mut(&mut self) -> impl Iterator<Item = &mut Counts> {
        self.counts.iter_mut().chain(&mut self.documents)
    }

    /// Adds the rows that another has seen.
    pub fn merge(&mut self, other: Self) {
        self.present += other.present;
        self.missing += other.missing;
        if let Some((mine, theirs)) = self.moments.as_mut().zip(other.moments.as_ref()) {
            mine.merge(theirs);
        }
        if let Some((mine, theirs)) = self.histogram.as_mut().zip(other.histogram.as_ref()) {
            mine.merge(theirs);
        }
        if let Some((mine, theirs)) = self.counts.as_mut().zip(other.counts) {
            mine.merge(theirs);
        }
        if let Some((mine, theirs)) = self.documents.as_mut().zip(other.documents) {
            mine.merge(theirs);
        }
    }

    /// The bins that a second scan must look into.
    pub fn unresolved(&self, quantiles: &[Quantile]) -> Vec<u16> {
        self.histogram.as_ref().map(|histogram| histogram.unresolved(quantiles)).unwrap_or_default()
    }
}

impl Wire for Survey {
    fn write(&self, out: &mut Writer) -> Result<()> {
        out.number(self.present);
        out.number(self.missing);
        self.moments.iter().try_for_each(|moments| moments.write(out))?;
        self.histogram.iter().try_for_each(|histogram| histogram.write(out))?;
        self.counts.iter().chain(&self.documents).try_for_each(|counts| counts.write(out))
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        self.present = from.count()?;
        self.missing = from.count()?;
        self.moments.iter_mut().try_for_each(|moments| moments.read(from))?;
        self.histogram.iter_mut().try_for_each(|histogram| histogram.read(from))?;
        self.counts.iter_mut().chain(&mut self.documents).try_for_each(|counts| counts.read(from))
    }
}

/// Counts that must not be a sample.
fn exact(counts: &Counts) -> Checked<&Counts> {
    if counts.is_exact() {
        return Ok(counts);
    }
    Err("did not ask for all values; please report it".to_string())
}

/// Rows of a column without a value.
fn missing(column: &Column) -> usize {
    match column {
        Column::Numbers { values, .. } => values.iter().filter(|value| value.is_nan()).count(),
        Column::Int(array) => array.null_count(),
        Column::Bool(array) => array.null_count(),
        Column::Text(texts) => texts.missing(),
        Column::Tokens(tokens) => (0..tokens.rows()).filter(|&row| tokens.len(row) == 0).count(),
        Column::Ids(ids) => ids.offsets.windows(2).filter(|ends| ends[0] == ends[1]).count(),
    }
}

/// Everything known about a column or feature after its scans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Findings<'a> {
    /// The first scan.
    pub survey: &'a Survey,
    /// The second scan, if one was needed.
    pub refinement: Option<&'a Refinement>,
}

impl<'a> Findings<'a> {
    /// Mean, deviation and range.
    pub fn moments(&self) -> Checked<&'a Moments> {
        self.survey.moments.as_ref().ok_or_else(|| "did not ask for moments; please report it".to_string())
    }

    /// A quantile; `None` when there are no values.
    pub fn quantile(&self, quantile: Quantile) -> Checked<Option<f32>> {
        Ok(self.near_quantile(quantile)?.map(|(value, _)| value))
    }

    /// A quantile and whether it is exact, as it is when the operation asked for it.
    pub fn near_quantile(&self, quantile: Quantile) -> Checked<Option<(f32, bool)>> {
        let histogram = self.survey.histogram.as_ref();
        let histogram = histogram.ok_or_else(|| "did not ask for quantiles; please report it".to_string())?;
        Ok(histogram.quantile(self.refinement, quantile))
    }

    /// The values and how often each occurs.
    pub fn counts(&self) -> Checked<&'a Counts> {
        self.survey.counts.as_ref().ok_or_else(|| "did not ask for counts; please report it".to_string())
    }

    /// The values and how often each occurs, when all of them could be counted.
    pub fn exact_counts(&self) -> Checked<&'a Counts> {
        exact(self.counts()?)
    }

    /// The ids and how many rows have each.
    pub fn documents(&self) -> Checked<&'a Counts> {
        let documents = self.survey.documents.as_ref();
        exact(documents.ok_or_else(|| "did not ask for rows by id; please report it".to_string())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    #[test]
    fn a_sample_is_refused_where_all_values_are_needed() {
        let mut counts = Counts::sample(10);
        counts.update(&Column::Int((0..5).collect()));
        assert!(exact(&counts).is_ok());
        counts.update(&Column::Int((0..1000).collect()));
        assert!(exact(&counts).is_err());
    }

    #[test]
    fn values_that_are_counted_one_by_one_take_what_they_may() {
        let mut counts = Counts::sample(STATISTICS_VALUES);
        counts.update(&Column::Text(StringArray::from_iter_values((0..24_000).map(|i| i.to_string())).into()));
        assert!(counts.is_exact() && counts.bytes() <= 1 << 20, "{}", counts.bytes());
    }

    #[test]
    fn an_id_counts_once_for_each_row_that_has_it() {
        let needs = Needs { documents: true, ..Needs::default() };
        let mut survey = Survey::new(&needs);
        let mut rows = trainyard_graph::Ragged::new();
        [&[7, 2, 7][..], &[], &[7]].into_iter().for_each(|row| rows.push_row(row));
        survey.update(&Column::Ids(rows));
        let findings = Findings { survey: &survey, refinement: None };
        let documents = findings.documents().unwrap().sorted().unwrap();
        assert_eq!(documents, [("2".to_string(), 1), ("7".to_string(), 2)]);
        assert_eq!((survey.present, survey.missing), (2, 1));
    }
}
