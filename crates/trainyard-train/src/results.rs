//! The figures of a run: `metrics.json` and `report.html`.

use crate::report::{HistoryPoint as ReportPoint, MetricRow, Report};
use crate::state::HistoryPoint;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use trainyard_features::FittedFeatures;
use trainyard_store::file::atomic_write;

/// `metrics.json`: the figures of the best model. Equal runs give equal bytes; it holds no times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Name of the run.
    pub name: String,
    /// `regression`, `binary` or `multiclass`.
    pub task: String,
    /// The step of training whose model was exported.
    pub best_step: u64,
    /// Rows by split.
    pub rows: Vec<(String, u64)>,
    /// Figures on the evaluation rows.
    pub eval: Vec<(String, f64)>,
    /// Figures on the test rows.
    pub test: Option<Vec<(String, f64)>>,
    /// Figures on the evaluation rows of a model that knows the labels' distribution and nothing else.
    pub baseline: Vec<(String, f64)>,
    /// Losses while it was trained.
    pub history: Vec<HistoryPoint>,
}

/// Figures with names of their own. Those that are no numbers, such as the AUC of one class alone, are left out: JSON has
/// no word for them.
pub(crate) fn named(figures: &[(&'static str, f64)]) -> Vec<(String, f64)> {
    let finite = figures.iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

impl Results {
    /// Reads `metrics.json` of a run; `None` if there is no such file or it is damaged.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// The figure of a name on the evaluation rows.
    pub fn eval(&self, name: &str) -> Option<f64> {
        self.eval.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }

    /// The figure of a name on the test rows.
    pub fn test(&self, name: &str) -> Option<f64> {
        self.test.as_ref()?.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }

    /// Names of splits, and for each figure its name and its value on each of them.
    pub fn table(&self) -> (Vec<String>, Vec<MetricRow>) {
        let mut columns = vec![("eval".to_owned(), &self.eval)];
        columns.extend(self.test.as_ref().map(|test| ("test".to_owned(), test)));
        columns.push(("baseline (eval)".to_owned(), &self.baseline));
        let value = |figures: &[(String, f64)], name: &str| figures.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        let values = |name: &str| columns.iter().map(|(_, figures)| value(figures, name)).collect();
        let rows = self.eval.iter().map(|(name, _)| MetricRow { name: name.clone(), values: values(name) }).collect();
        (columns.into_iter().map(|(name, _)| name).collect(), rows)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(atomic_write(path, &json)?)
    }

    pub(crate) fn write_report(&self, path: &Path, features: &FittedFeatures, sample: &[(f32, f32)]) -> Result<()> {
        let (columns, metrics) = self.table();
        let fact = |(split, rows): &(String, u64)| (format!("{split} rows"), grouped(*rows));
        let facts: Vec<(String, String)> = self.rows.iter().map(fact).collect();
        let point = |p: &HistoryPoint| ReportPoint {
            step: p.step,
            epoch: p.epoch,
            train_loss: p.train_loss,
            eval_loss: p.eval_loss,
        };
        let history: Vec<ReportPoint> = self.history.iter().map(point).collect();
        let report = Report {
            name: &self.name,
            task: &self.task,
            facts: &facts,
            metrics: &metrics,
            columns: &columns,
            history: &history,
            best_step: self.best_step,
            predictions: sample,
            statistics: features.statistics(),
            label: features.label_statistics(),
        };
        Ok(atomic_write(path, report.to_html().as_bytes())?)
    }
}

/// A whole number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let lead = digits.len() % 3;
    let comma = |i: usize| if i > 0 && i % 3 == lead { "," } else { "" };
    digits.chars().enumerate().map(|(i, digit)| format!("{}{digit}", comma(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn figures_that_are_no_numbers_are_left_out() {
        assert_eq!(named(&[("auc", f64::NAN), ("loss", 0.5)]), [("loss".to_owned(), 0.5)]);
    }
}
