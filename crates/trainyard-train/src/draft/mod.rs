//! A spec for data that nobody has described yet.
//!
//! [`draft`] looks at all rows once and writes a `spec.toml` that runs as it is, with the evidence for each choice beside it.
//!
//! ```text
//!  SourceConfig ──dialect──► SourceConfig, completed ──survey──► one ColumnSurvey per column
//!                                                                  │ label: the task
//!                                                                  │ role: what a column is good for
//!                                                                  ▼
//!                                       text of a spec ◄──page── features
//! ```
//!
//! Memory does not grow with the number of rows: values are counted up to a limit only.

mod column;
mod dialect;
mod evidence;
mod feature;
mod label;
mod name;
mod page;
mod role;
mod survey;
#[cfg(test)]
mod tests;
mod text;
mod time;

use crate::{Error, Result};
use dialect::Dialect;
use feature::Drafted;
use label::Target;
use survey::Survey;
use trainyard_data::{Source, SourceConfig};

/// What the first lines of text files tell that `config` leaves open: the format, the character between fields, whether there are
/// blanks around them. Other files are as `config` says.
///
/// # Errors
///
/// When the files cannot be read.
pub fn completed(config: &SourceConfig) -> Result<SourceConfig> {
    Ok(dialect::find_out(config)?.config)
}

/// Writes a commented spec for the column `label` of the files that `config` names. What `config` leaves open (delimiter,
/// types, texts that mean missing) is found out; its paths are written as they are given.
///
/// ```
/// use trainyard_data::SourceConfig;
/// use trainyard_train::{Spec, draft::draft};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("fares.csv");
/// let rows: String = (0..100).map(|i| format!("{},{}\n", ["cash", "card"][i % 2], 0.5 + i as f32)).collect();
/// std::fs::write(&path, format!("payment,fare\n{rows}"))?;
/// let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
///
/// let spec = Spec::parse(&draft(&config, "fare")?)?;
/// assert_eq!(spec.name, "fares");
/// assert_eq!(spec.features.names().collect::<Vec<_>>(), ["payment"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the files cannot be read, when they have no column `label`, when the label has one value, none, or none in some of
/// the rows, and when no other column is of any use.
pub fn draft(config: &SourceConfig, label: &str) -> Result<String> {
    let mut dialect = dialect::find_out(config)?;
    let names = column_names(&dialect, label)?;
    let survey = Survey::of(&mut dialect, &names)?;
    let (labels, others): (Vec<_>, Vec<_>) = survey.columns.iter().partition(|column| column.name == label);
    let target = labels.first().map(|column| Target::of(column, &survey)).transpose()?;
    let target = target.ok_or_else(|| Error::Internal(format!("the survey lost the column `{label}`")))?;
    let roles = role::assign(&others, survey.rows);
    let drafted = Drafted::of(&others, &roles);
    if drafted.features.is_empty() {
        return Err(Error::config(
            format!("no column besides the label `{label}` has different values"),
            "add columns that tell something about it",
        ));
    }
    Ok(page::write(&page::Page { dialect: &dialect, survey: &survey, target: &target, drafted: &drafted }))
}

/// The names of the columns, among which the label must be.
fn column_names(dialect: &Dialect, label: &str) -> Result<Vec<String>> {
    let source = Source::open_all(&dialect.config)?;
    let names: Vec<String> = source.schema().names().map(str::to_owned).collect();
    if names.iter().any(|name| name == label) {
        return Ok(names);
    }
    let numbers = names.iter().filter(|name| name.parse::<f64>().is_ok()).count();
    if dialect.is_csv && dialect.config.header && 3 * numbers > names.len() {
        return Err(Error::config(
            format!("the first line of `{}` holds values, not the names of columns", source.files()[0]),
            "set `header = false` and name the columns by `columns`",
        ));
    }
    // Asking for the column makes the error that lists the others and the nearest.
    Source::open(&dialect.config, &[(label, None)])?;
    Err(Error::Internal(format!("the column `{label}` is there and is not")))
}
