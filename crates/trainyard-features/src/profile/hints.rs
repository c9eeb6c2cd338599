//! What may be wrong with data that is to be learnt from.

use super::association::{Association, Measure};
use super::profile::{ColumnProfile, Profile};
use serde::Serialize;

/// Rows below which nothing is suspicious.
const ROWS: u64 = 50;

/// Rows per value below which a column of values predicts the label of these very rows by chance.
const ROWS_PER_VALUE: u64 = 10;

/// Share of the label's variance, or of its entropy, that no honest column explains alone.
const EXPLAINED: f64 = 0.98;

/// Area under the ROC curve that no honest column reaches alone.
const AREA: f64 = 0.99;

/// Characters beyond which a text of its own in every row is prose, and not a name of the row.
const NAME_LENGTH: f64 = 64.0;

/// Something that makes a model look better than it will be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hint {
    /// The column that it is about; `None` for whole rows.
    pub column: Option<String>,
    /// What was found, and what to do about it.
    pub text: String,
}

/// Columns of a profile that may leak the label, and columns that name rows.
pub fn hints(profile: &Profile) -> Vec<Hint> {
    let is_label = |column: &ColumnProfile| profile.label.as_ref() == Some(&column.name);
    let columns = || profile.columns.iter().filter(|column| !is_label(column));
    let leaks = columns().filter_map(|column| leak(column, profile.label.as_deref()?));
    leaks.chain(columns().filter_map(name)).collect()
}

/// Rows of `b` that stand in `a`, too; `None` when rows were not hashed or have not the same columns.
pub fn shared_rows(a: &Profile, b: &Profile) -> Option<(u64, bool)> {
    let types = |profile: &Profile| {
        let mut types: Vec<_> =
            profile.columns.iter().map(|column| (column.name.clone(), column.column_type.to_string())).collect();
        types.sort();
        types
    };
    let (mine, theirs) = (a.row_hashes.as_ref()?, b.row_hashes.as_ref()?);
    (types(a) == types(b)).then(|| (theirs.shared_with(mine).min(b.rows), mine.is_exact() && theirs.is_exact()))
}

fn leak(column: &ColumnProfile, label: &str) -> Option<Hint> {
    let found = column.associations.iter().find(|association| is_suspicious(association))?;
    let (name, measure) = (&column.name, found.measure.name());
    let text = format!(
        "`{name}` alone predicts `{label}` ({measure} {:.4}): if it is made from the label or known only after it, leave it out",
        found.value
    );
    Some(Hint { column: Some(name.clone()), text })
}

fn is_suspicious(association: &Association) -> bool {
    let &Association { measure, value, rows, groups } = association;
    if rows < ROWS || rows < ROWS_PER_VALUE * groups {
        return false;
    }
    match measure {
        Measure::Pearson => value * value >= EXPLAINED,
        // Adjusted for the groups, each of which explains a row for nothing.
        Measure::CorrelationRatio => {
            1.0 - (1.0 - value * value) * (rows - 1) as f64 / (rows - groups) as f64 >= EXPLAINED
        }
        Measure::Uncertainty => value >= EXPLAINED,
        Measure::Auc => value >= AREA,
    }
}

fn name(column: &ColumnProfile) -> Option<Hint> {
    let values = column.values.as_ref()?;
    let is_name =
        column.is_unique() && values.count >= ROWS && values.mean_length.is_none_or(|mean| mean <= NAME_LENGTH);
    let how = if values.exact { "" } else { ", as far as a sample tells" };
    let text = format!(
        "`{}` has another value in each row{how}: it names rows, so nothing learnt of it holds for new ones; list it in `data.keys`",
        column.name
    );
    is_name.then(|| Hint { column: Some(column.name.clone()), text })
}
