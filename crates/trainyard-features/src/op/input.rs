//! What operations read: kinds of values, and the checks that all of them share.

use super::Checked;
use crate::schema::ColumnType;

/// The kind of a column's or feature's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One number per row.
    Number,
    /// Several numbers per row.
    Vector,
    /// Whole numbers of a raw column.
    Int,
    /// A raw column of true and false.
    Bool,
    /// A raw column of text.
    Text,
    /// Lists of text.
    Tokens,
    /// Categorical ids.
    Ids,
    /// Categorical ids with weights.
    WeightedIds,
}

impl From<ColumnType> for Kind {
    fn from(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Float => Self::Number,
            ColumnType::Int | ColumnType::Time => Self::Int,
            ColumnType::Text => Self::Text,
            ColumnType::Bool => Self::Bool,
        }
    }
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Number => "numeric",
            Self::Vector => "several numbers per row",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Tokens => "lists of text",
            Self::Ids => "categorical",
            Self::WeightedIds => "categorical with weights",
        }
    }
}

/// A column or feature that an operation reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its name.
    pub name: String,
    /// Whether it is a raw column.
    pub is_column: bool,
    /// What it holds.
    pub kind: Kind,
    /// Numbers per row or number of buckets; 0 before fitting, when it may not be known yet.
    pub size: u64,
}

impl Input {
    /// `` column `x` `` or `` feature `x` ``.
    pub fn words(&self) -> String {
        format!("{} `{}`", if self.is_column { "column" } else { "feature" }, self.name)
    }

    /// Says that this input is not what `needed` asks for, and how to make it so.
    pub fn misfit(&self, needed: &str) -> String {
        let (what, kind) = (self.words(), self.kind.words());
        let remedy = match self.kind {
            Kind::Text if self.is_column => format!(
                "; if it holds numbers (a column without any value is read as text), declare its type: \
                 `[data.types]` `{} = \"float\"`",
                toml_key(&self.name)
            ),
            Kind::Number if self.is_column => format!(
                "; bucketize it, or declare its type: `[data.types]` `{} = \"int\"` or `\"text\"`",
                toml_key(&self.name)
            ),
            Kind::Number => "; bucketize it first".to_string(),
            Kind::Tokens => "; `vocabulary` or `hash` makes ids of them".to_string(),
            Kind::Ids | Kind::WeightedIds => "; `one_hot` turns ids into numbers".to_string(),
            _ => String::new(),
        };
        format!("needs {needed}, but {what} is {kind}{remedy}")
    }
}

/// The only input.
pub(crate) fn one(inputs: &[Input]) -> Checked<&Input> {
    match inputs {
        [input] => Ok(input),
        _ => Err(format!("takes one `input`, not {}", inputs.len())),
    }
}

/// Checks that an input is of one of these kinds.
pub(crate) fn any_of(input: &Input, kinds: &[Kind], needed: &str) -> Checked<()> {
    if kinds.contains(&input.kind) { Ok(()) } else { Err(input.misfit(needed)) }
}

/// Checks that there is one input and that it holds one number per row.
pub(crate) fn one_number(inputs: &[Input]) -> Checked<()> {
    any_of(one(inputs)?, &[Kind::Number, Kind::Int, Kind::Bool], "one number per row")
}

/// Checks that something can be known of each bucket of a categorical input one by one.
pub(crate) fn few_buckets(input: &Input) -> Checked<()> {
    const MAX: u64 = 1 << 16;
    match input.size {
        0..=MAX => Ok(()),
        buckets => Err(format!(
            "{} has {buckets} buckets, more than the {MAX} that can be told apart; use fewer, such as `top_k` of `vocabulary`",
            input.words()
        )),
    }
}

fn toml_key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_string() } else { format!("{name:?}") }
}
