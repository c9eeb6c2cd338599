//! A training run as one HTML page.
//!
//! [`Report::to_html`] gives a page that explains a run without anything else: no scripts, no network, no fonts to load. The
//! pictures are inline SVG, the colours follow the reader's light or dark setting, and it prints. The same report gives the
//! same bytes: there is no date in it and no order that could change.
//!
//! ```text
//! Report ──page──> header, facts             the caller's words
//!                  metrics                   table: a row per metric, the change against the baseline
//!                  loss, predictions         charts, chosen by the task
//!                  columns of the data       table: a picture and the moments of each
//! ```
//!
//! Names and values come from the user's data, so all text goes through `Element`, which escapes it; nothing else writes
//! markup. What does not fit (thousands of columns, points far off, numbers that are not finite) is left out, and the page says
//! how much was.
//!
//! Computing metrics and choosing the rows to show are left to the caller.

mod chart;
mod data;
mod html;
mod number;
mod page;
mod statistics;
mod svg;
mod table;

pub use data::{DataReport, NamedProfile};

use trainyard_features::ColumnStatistics;

/// What a report shows of a run.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Name of the run: the title of the page.
    pub name: &'a str,
    /// Task of the model: `regression`, `binary` or `multiclass`; chooses the charts. Others get the loss alone.
    pub task: &'a str,
    /// Facts to list at the top, as name and value: `("training rows", "7,333")`.
    pub facts: &'a [(String, String)],
    /// The metrics, in the order to list them.
    pub metrics: &'a [MetricRow],
    /// What the values of each metric belong to: `["eval", "test", "baseline (eval)"]`. The first column whose name starts with
    /// `baseline` is compared to the column it names in brackets, or else to the first one.
    pub columns: &'a [String],
    /// Losses over the run, by ascending step.
    pub history: &'a [HistoryPoint],
    /// Step whose parameters were kept.
    pub best_step: u64,
    /// Predicted and actual value of a sample of the evaluation rows. For `binary` a probability, and 0 or 1; for `multiclass`
    /// empty.
    pub predictions: &'a [(f32, f32)],
    /// What the raw columns of the training data looked like.
    pub statistics: &'a [ColumnStatistics],
    /// The same of the label.
    pub label: Option<&'a ColumnStatistics>,
}

/// A metric and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// Name of the metric: `rmse`.
    pub name: String,
    /// Its values, one per column of [`Report::columns`]; `None` where there is none.
    pub values: Vec<Option<f64>>,
}

/// The losses at a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryPoint {
    /// Steps trained.
    pub step: u64,
    /// Epoch of the step.
    pub epoch: u64,
    /// Mean loss over the training rows since the point before; NaN when unknown.
    pub train_loss: f64,
    /// Mean loss over the evaluation rows; NaN when unknown.
    pub eval_loss: f64,
}

impl Report<'_> {
    /// The page: a whole HTML document that refers to nothing outside itself.
    pub fn to_html(&self) -> String {
        page::page(self)
    }
}

#[cfg(test)]
mod tests;
