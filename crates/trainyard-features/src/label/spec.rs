//! Labels as a user writes them.

use super::Label;
use crate::error::{list, suggestion};
use crate::fit::{Counting, Findings, Needs};
use crate::schema::{ColumnType, Field, Schema};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Distinct values of a label beyond which it is not taken for classes.
const MAX_CLASSES: usize = 10_000;

/// What kind of answer a model gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelTask {
    /// A number.
    Regression,
    /// One of two values.
    Binary,
    /// One of several values.
    Multiclass,
}

/// A value of a label as a spec writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LabelValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
}

impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{}", *value as f32),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// The label column and what to make of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// The column.
    pub column: String,
    /// The kind of answer.
    pub task: LabelTask,
    /// The value that counts as 1 of a binary label; by default the greater of the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<LabelValue>,
}

impl LabelSpec {
    /// A label without further choices.
    pub fn new(column: impl Into<String>, task: LabelTask) -> Self {
        Self { column: column.into(), task, positive: None }
    }

    /// The column, checked against the task.
    pub(crate) fn field(&self, schema: &Schema) -> Result<Field> {
        let field = schema.get(&self.column).ok_or_else(|| {
            let nearest = suggestion(&self.column, schema.names());
            let columns = list(schema.names());
            Error::spec(format!("the label column `{}` is not in the data{nearest} (columns: {columns})", self.column))
        })?;
        if self.task == LabelTask::Regression && field.column_type == ColumnType::Text {
            let problem = format!("the label column `{}` is text, but regression needs numbers", self.column);
            return Err(Error::spec(problem));
        }
        if field.column_type == ColumnType::Time {
            let problem =
                format!("the label column `{}` is a time; declare it `text` or `int` to learn it", self.column);
            return Err(Error::spec(problem));
        }
        if self.positive.is_some() && self.task != LabelTask::Binary {
            return Err(Error::spec("`positive` is for binary labels only; remove it"));
        }
        Ok(field.clone())
    }

    /// What fitting must find out about the column.
    pub(crate) fn needs(&self) -> Needs {
        match self.task {
            LabelTask::Regression => Needs { moments: true, ..Needs::default() },
            LabelTask::Binary | LabelTask::Multiclass => Needs { counting: Counting::Sample, ..Needs::default() },
        }
    }

    /// The encoder for values of this type that most such labels have: numbers as they are, and classes 0 and 1 or false and
    /// true; `None` where the type does not tell. Fitting decides.
    pub(crate) fn usual(&self, column_type: ColumnType) -> Option<Label> {
        let mut classes = match (self.task, column_type) {
            (LabelTask::Regression, _) => Vec::new(),
            (LabelTask::Binary, ColumnType::Int | ColumnType::Float) => vec!["0".to_owned(), "1".to_owned()],
            (LabelTask::Binary, ColumnType::Bool) => vec!["false".to_owned(), "true".to_owned()],
            _ => return None,
        };
        if self.task == LabelTask::Binary {
            self.sort_binary(&mut classes).ok()?;
        }
        Label::new(self.clone(), column_type, classes).ok()
    }

    /// Makes the encoder from what fitting found.
    pub(crate) fn fit(&self, column_type: ColumnType, findings: &Findings<'_>) -> Result<Label> {
        let missing = findings.survey.missing;
        if missing > 0 {
            let problem = format!("is the label, but has no value in {missing} rows; remove these rows or fill them");
            return Err(Error::column(&self.column, problem));
        }
        let classes = match self.task {
            LabelTask::Regression => {
                self.check_numbers(findings)?;
                Vec::new()
            }
            LabelTask::Binary | LabelTask::Multiclass => self.classes(findings)?,
        };
        Label::new(self.clone(), column_type, classes)
    }

    fn check_numbers(&self, findings: &Findings<'_>) -> Result<()> {
        let moments = findings.moments().map_err(Error::Internal)?;
        if moments.count < findings.survey.present {
            return Err(Error::column(&self.column, "is the label, but holds infinite values; remove these rows"));
        }
        if moments.min >= moments.max { Err(self.one_value(&moments.min.to_string())) } else { Ok(()) }
    }

    fn classes(&self, findings: &Findings<'_>) -> Result<Vec<String>> {
        let counts = findings.counts().map_err(Error::Internal)?;
        let mut classes: Vec<String> = counts.sorted()?.into_iter().map(|(token, _)| token).collect();
        let task = if self.task == LabelTask::Binary { "binary" } else { "multiclass" };
        if let [only] = classes.as_slice() {
            return Err(self.one_value(only));
        }
        if !counts.is_exact() || classes.len() > MAX_CLASSES {
            let distinct = counts.distinct();
            let problem = format!("is a {task} label, but has about {distinct} different values; is it a regression?");
            return Err(Error::column(&self.column, problem));
        }
        if self.task == LabelTask::Binary {
            self.sort_binary(&mut classes)?;
        }
        Ok(classes)
    }

    fn sort_binary(&self, classes: &mut [String]) -> Result<()> {
        if classes.len() != 2 {
            let problem = format!(
                "is a binary label, but has {} different values: {}; for more than two use task `multiclass`",
                classes.len(),
                list(&*classes)
            );
            return Err(Error::column(&self.column, problem));
        }
        let Some(positive) = &self.positive else { return Ok(()) };
        let positive = positive.to_string();
        let place = classes.iter().position(|class| *class == positive).ok_or_else(|| {
            Error::column(
                &self.column,
                format!("never has the positive value `{positive}`; it has {}", list(&*classes)),
            )
        })?;
        classes.swap(place, 1);
        Ok(())
    }

    fn one_value(&self, value: &str) -> Error {
        let problem = format!(
            "is the label, but has only the value `{value}` in the training data; there is nothing to learn, \
             check the data and how it was split"
        );
        Error::column(&self.column, problem)
    }
}
