//! What operations make: constants that fitting finds, and the functions that use them.

use super::Checked;
use crate::column::Column;
use crate::hash::Map;
use crate::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use trainyard_graph::Ragged;

/// What an operation knows of the training data: lists of numbers by name, and tokens.
///
/// One form for all operations keeps `features.json` readable by other programs and its bytes canonical.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Constants {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    numbers: BTreeMap<String, Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<String>>,
}

impl Constants {
    /// Nothing known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// With a list of numbers.
    pub fn with(mut self, name: &str, values: Vec<f32>) -> Self {
        self.numbers.insert(name.to_string(), values);
        self
    }

    /// With tokens.
    pub fn with_tokens(tokens: Vec<String>) -> Self {
        Self { tokens: Some(tokens), ..Self::default() }
    }

    /// A list of numbers.
    pub fn list(&self, name: &str) -> Checked<&[f32]> {
        let list = self.numbers.get(name).ok_or_else(|| format!("has no fitted `{name}`; fit the features again"))?;
        let finite = list.iter().all(|value| value.is_finite());
        if finite { Ok(list) } else { Err(format!("fitted `{name}` holds a number that is not finite")) }
    }

    /// A list of one number.
    pub fn number(&self, name: &str) -> Checked<f32> {
        match self.list(name)? {
            [number] => Ok(*number),
            list => Err(format!("fitted `{name}` has {} numbers; expected one", list.len())),
        }
    }

    /// The tokens.
    pub fn tokens(&self) -> Checked<&[String]> {
        self.tokens.as_deref().ok_or_else(|| "has no fitted tokens; fit the features again".to_string())
    }

    /// A list of numbers by ids, which are the tokens.
    pub fn by_id(&self, name: &str) -> Checked<Map<u64, f32>> {
        let (ids, numbers) = (self.tokens()?, self.list(name)?);
        if ids.len() != numbers.len() {
            return Err(format!("fitted `{name}` has {} numbers for {} ids", numbers.len(), ids.len()));
        }
        let id = |token: &String| token.parse::<u64>().map_err(|_| format!("fitted token `{token}` is not an id"));
        ids.iter().zip(numbers).map(|(token, &number)| Ok((id(token)?, number))).collect()
    }
}

/// The columns that a kernel reads, out of all that a batch has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a> {
    /// All columns and features so far.
    pub columns: &'a [Column],
    /// Which of them the kernel reads.
    pub inputs: &'a [usize],
    /// Number of rows.
    pub rows: usize,
    /// In training, a hash of each row that does not depend on label and weight, where some kernel asks for it; else empty.
    pub row_hashes: &'a [u64],
}

impl<'a> Args<'a> {
    /// Input `i`.
    pub fn column(&self, i: usize) -> Checked<&'a Column> {
        let column = self.inputs.get(i).and_then(|&slot| self.columns.get(slot));
        column.ok_or_else(|| format!("input {i} is absent; please report it"))
    }

    /// Input `i` as one number per row, missing as NaN.
    pub fn numbers(&self, i: usize) -> Checked<Cow<'a, [f32]>> {
        self.column(i)?.as_f32().ok_or_else(|| format!("input {i} is not one number per row; please report it"))
    }

    /// Input `i` as one `f64` per row, missing as NaN.
    pub fn doubles(&self, i: usize) -> Checked<Vec<f64>> {
        self.column(i)?.as_f64().ok_or_else(|| format!("input {i} is not one number per row; please report it"))
    }

    /// Input `i` as lists of text.
    pub fn tokens(&self, i: usize) -> Checked<&'a Tokens> {
        match self.column(i)? {
            Column::Tokens(tokens) => Ok(tokens),
            _ => Err(format!("input {i} is not lists of text; please report it")),
        }
    }

    /// Input `i` as ids.
    pub fn ids(&self, i: usize) -> Checked<&'a Ragged> {
        match self.column(i)? {
            Column::Ids(ids) => Ok(ids),
            _ => Err(format!("input {i} is not categorical; please report it")),
        }
    }
}

type Apply = dyn Fn(Args<'_>) -> Checked<Column> + Send + Sync;

/// An operation with its constants, ready to be applied to any number of rows.
pub(crate) struct Kernel {
    /// Numbers per row, or number of buckets.
    pub size: u64,
    /// Whether it gives other values in training than in serving, by [`Args::row_hashes`].
    pub is_out_of_fold: bool,
    apply: Box<Apply>,
}

impl Kernel {
    /// A kernel of any kind.
    pub fn new(size: u64, apply: impl Fn(Args<'_>) -> Checked<Column> + Send + Sync + 'static) -> Self {
        Self { size, is_out_of_fold: false, apply: Box::new(apply) }
    }

    /// The same kernel, with hashes of rows in training.
    pub fn out_of_fold(self) -> Self {
        Self { is_out_of_fold: true, ..self }
    }

    /// A kernel that maps each number to one number.
    pub fn map(function: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Self {
        Self::new(1, move |args| Ok(Column::numbers(args.numbers(0)?.iter().map(|&x| function(x)).collect())))
    }

    /// Applies the operation.
    pub fn apply(&self, args: Args<'_>) -> Checked<Column> {
        (self.apply)(args)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("size", &self.size).finish_non_exhaustive()
    }
}
