//! Fitted labels.

use super::{LabelSpec, LabelTask};
use crate::column::Column;
use crate::error::list;
use crate::hash::Map;
use crate::schema::ColumnType;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

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

    /// The encoder of these classes, if they fit the task and the type.
    pub(super) fn new(spec: LabelSpec, column_type: ColumnType, classes: Vec<String>) -> Result<Self> {
        Self::try_from(LabelFile { spec, column_type, classes })
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
            (Lookup::Texts(classes), Column::Text(texts)) => (texts.iter().enumerate())
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
            ColumnType::Int | ColumnType::Text | ColumnType::Time => (key as i64).to_string(),
        }
    }
}

impl TryFrom<LabelFile> for Label {
    type Error = Error;

    fn try_from(file: LabelFile) -> Result<Self> {
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
        ColumnType::Int | ColumnType::Time => token.parse::<i64>().ok().map(|value| value as u64),
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
        Column::Text(_) | Column::Tokens(_) | Column::Ids(_) => vec![None; column.rows()],
    }
}
