//! What the training data looked like, for reports.

use crate::Error;
use crate::fit::{Findings, Quantile};
use crate::op::{Checked, Kind};
use crate::schema::{ColumnType, Field};
use serde::{Deserialize, Serialize};

/// Values listed in [`ColumnStatistics::top`].
const TOP: usize = 20;

/// What fitting saw of one raw column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnStatistics {
    /// Name of the column.
    pub name: String,
    /// Type of its values.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Rows with a value.
    pub count: u64,
    /// Rows without one.
    pub missing: u64,
    /// Mean of the finite numbers; `None` when there are none, and for text and bool.
    pub mean: Option<f64>,
    /// Their deviation (of the rows themselves: divided by `n`, not `n − 1`).
    pub std: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The nine deciles of the finite numbers, lowest first; empty when there are none, and for text and bool.
    pub quantiles: Vec<f32>,
    /// Whether all deciles are exact. Those that would have needed a second scan of the data are right to within 0.8 %.
    pub quantiles_exact: bool,
    /// Distinct values of text and bool; an estimate, to about 1.3 %, when there are more than 24,000.
    pub distinct: Option<u64>,
    /// The 20 most frequent values of text and bool, most frequent first; empty when there are too many to count.
    pub top: Vec<ValueCount>,
}

/// A value and the number of rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// Rows that have it.
    pub count: u64,
}

impl ColumnStatistics {
    pub(crate) fn new(field: &Field, findings: &Findings<'_>) -> Result<Self, Error> {
        let mut statistics = Self {
            name: field.name.clone(),
            column_type: field.column_type,
            count: findings.survey.present,
            missing: findings.survey.missing,
            mean: None,
            std: None,
            min: None,
            max: None,
            quantiles: Vec::new(),
            quantiles_exact: true,
            distinct: None,
            top: Vec::new(),
        };
        match field.column_type.into() {
            Kind::Number | Kind::Int => statistics.fill_numbers(findings).map_err(Error::Internal)?,
            _ => statistics.fill_values(findings)?,
        }
        Ok(statistics)
    }

    fn fill_numbers(&mut self, findings: &Findings<'_>) -> Checked<()> {
        let moments = findings.moments()?;
        if moments.count > 0 {
            (self.mean, self.std) = (Some(moments.mean()), Some(moments.std()));
            (self.min, self.max) = (Some(moments.min), Some(moments.max));
        }
        for decile in Quantile::even(10) {
            if let Some((value, exact)) = findings.near_quantile(decile)? {
                self.quantiles.push(value);
                self.quantiles_exact &= exact;
            }
        }
        Ok(())
    }

    fn fill_values(&mut self, findings: &Findings<'_>) -> Result<(), Error> {
        let counts = findings.counts().map_err(Error::Internal)?;
        if counts.is_exact() {
            let ranked = counts.ranked(TOP, 1)?;
            self.distinct = Some(ranked.distinct);
            self.top = ranked.values.into_iter().map(|(value, count)| ValueCount { value, count }).collect();
        } else {
            self.distinct = Some(counts.distinct());
        }
        Ok(())
    }
}
