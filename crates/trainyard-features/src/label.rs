//! What a model learns to predict.

use crate::column::{Column, texts};
use crate::error::{list, suggestion};
use crate::fit::{Counting, Findings, Needs};
use crate::hash::Map;
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
        Label::new(LabelFile { spec: self.clone(), column_type, classes })
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
        let mut classes: Vec<String> = counts.sorted().into_iter().map(|(token, _)| token).collect();
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

/// A fitted label: turns values of its column into numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LabelFile", into = "LabelFile")]
pub struct Label {
    file: LabelFile,
    lookup: Lookup,
}

/// What a fitted label is in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    spec: LabelSpec,
    #[serde(rename = "type")]
    column_type: ColumnType,
    classes: Vec<String>,
}

/// From a value to its class number.
#[derive(Debug, Clone, PartialEq)]
enum Lookup {
    Itself,
    Numbers(Map<u64, f32>),
    Texts(Map<Box<str>, f32>),
}

impl Label {
    /// What the spec said.
    pub fn spec(&self) -> &LabelSpec {
        &self.file.spec
    }

    /// Type of the column.
    pub fn column_type(&self) -> ColumnType {
        self.file.column_type
    }

    /// The values by class number, as text; none for a regression. Class 1 of a binary label is the positive one.
    pub fn classes(&self) -> &[String] {
        &self.file.classes
    }

    fn new(file: LabelFile) -> Result<Self> {
        let n_classes = file.classes.len();
        let fits = match file.spec.task {
            LabelTask::Regression => n_classes == 0 && file.column_type != ColumnType::Text,
            LabelTask::Binary => n_classes == 2,
            LabelTask::Multiclass => n_classes >= 2,
        };
        let lookup = Lookup::new(&file);
        match lookup {
            Some(lookup) if fits && lookup.len() == n_classes => Ok(Self { file, lookup }),
            _ => Err(Error::artifact(format!("the {n_classes} classes of the label do not fit its task and type"))),
        }
    }

    /// The numbers of some rows.
    pub(crate) fn encode(&self, column: &Column) -> Result<Vec<f32>> {
        let error = |problem: String| Error::column(&self.file.spec.column, problem);
        let missing =
            |row: usize| error(format!("is the label, but row {row} of the batch has none; remove or fill it"));
        let unknown = |token: String| {
            let classes = list(&self.file.classes);
            error(format!("has the label `{token}`, which the training data does not have; it has {classes}"))
        };
        match (&self.lookup, column) {
            (Lookup::Itself, column) => {
                let values = column.as_f32().ok_or_else(|| error("is not numeric".to_string()))?;
                match values.iter().position(|value| !value.is_finite()) {
                    Some(row) => Err(missing(row)),
                    None => Ok(values.into_owned()),
                }
            }
            (Lookup::Texts(classes), Column::Text(array)) => (texts(array).enumerate())
                .map(|(row, text)| {
                    let text = text.ok_or_else(|| missing(row))?;
                    classes.get(text).copied().ok_or_else(|| unknown(text.to_string()))
                })
                .collect(),
            (Lookup::Numbers(classes), column) => (keys(column).into_iter().enumerate())
                .map(|(row, key)| {
                    let key = key.ok_or_else(|| missing(row))?;
                    classes.get(&key).copied().ok_or_else(|| unknown(self.token(key)))
                })
                .collect(),
            (Lookup::Texts(_), _) => Err(error("is not text".to_string())),
        }
    }

    fn token(&self, key: u64) -> String {
        match self.file.column_type {
            ColumnType::Float => f32::from_bits(key as u32).to_string(),
            ColumnType::Bool => (key != 0).to_string(),
            ColumnType::Int | ColumnType::Text => (key as i64).to_string(),
        }
    }
}

impl TryFrom<LabelFile> for Label {
    type Error = Error;

    fn try_from(file: LabelFile) -> Result<Self> {
        Self::new(file)
    }
}

impl From<Label> for LabelFile {
    fn from(label: Label) -> Self {
        label.file
    }
}

impl Lookup {
    fn new(file: &LabelFile) -> Option<Self> {
        let numbered = || file.classes.iter().zip(0u32..).map(|(token, number)| (token, number as f32));
        Some(match (file.spec.task, file.column_type) {
            (LabelTask::Regression, _) => Self::Itself,
            (_, ColumnType::Text) => {
                Self::Texts(numbered().map(|(token, number)| (token.as_str().into(), number)).collect())
            }
            (_, column_type) => {
                let class = |(token, number): (&String, f32)| Some((key(token, column_type)?, number));
                Self::Numbers(numbered().map(class).collect::<Option<_>>()?)
            }
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Itself => 0,
            Self::Numbers(classes) => classes.len(),
            Self::Texts(classes) => classes.len(),
        }
    }
}

/// The 64 bits that stand for a value of a numeric or bool label.
fn key(token: &str, column_type: ColumnType) -> Option<u64> {
    match column_type {
        ColumnType::Float => token.parse::<f32>().ok().map(|value| u64::from(value.to_bits())),
        ColumnType::Int => token.parse::<i64>().ok().map(|value| value as u64),
        ColumnType::Bool => token.parse::<bool>().ok().map(u64::from),
        ColumnType::Text => None,
    }
}

fn keys(column: &Column) -> Vec<Option<u64>> {
    match column {
        Column::Numbers { values, .. } => {
            values.iter().map(|value| (!value.is_nan()).then_some(u64::from(value.to_bits()))).collect()
        }
        Column::Int(array) => array.iter().map(|value| value.map(|value| value as u64)).collect(),
        Column::Bool(array) => array.iter().map(|value| value.map(u64::from)).collect(),
        Column::Text(_) | Column::Ids(_) => vec![None; column.rows()],
    }
}
