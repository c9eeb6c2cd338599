//! What a model answers: columns made of its predictions.

use crate::{Error, Result};
use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The type of an [`Output`]'s values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputType {
    /// `f32`: Arrow's `Float32`, or `FixedSizeList` of it when there are several a row.
    Float,
    /// `i64`: Arrow's `Int64`.
    Int,
    /// UTF-8 text: Arrow's `Utf8`.
    Text,
}

/// A column that a model answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub output_type: OutputType,
    /// Values per row.
    pub width: usize,
    /// How it is made of the predictions.
    pub decode: Decode,
}

/// How an output is made of a row of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decode {
    /// As they are.
    Numbers,
    /// The class of these names with the highest probability. For one prediction a row it is the second class from 0.5 up.
    Class(Vec<String>),
}

impl Output {
    /// Predictions as they are, `width` a row.
    pub fn numbers(name: &str, width: usize) -> Self {
        Self { name: name.to_owned(), output_type: OutputType::Float, width, decode: Decode::Numbers }
    }

    /// The most probable class. Its type is `Int` when all names are whole numbers.
    pub fn class(name: &str, classes: &[String]) -> Self {
        let all_ints = classes.iter().all(|class| class.parse::<i64>().is_ok());
        let output_type = if all_ints { OutputType::Int } else { OutputType::Text };
        Self { name: name.to_owned(), output_type, width: 1, decode: Decode::Class(classes.to_vec()) }
    }

    /// The column's Arrow field.
    pub fn field(&self) -> Field {
        let data_type = match self.output_type {
            OutputType::Float if self.width == 1 => DataType::Float32,
            OutputType::Float => DataType::FixedSizeList(Arc::new(item()), self.width as i32),
            OutputType::Int => DataType::Int64,
            OutputType::Text => DataType::Utf8,
        };
        Field::new(&self.name, data_type, false)
    }

    /// Checks what was read from a file: predictions have `width` numbers a row.
    pub(crate) fn check(&self, width: usize) -> Result<(), String> {
        let fits = match &self.decode {
            Decode::Numbers => self.output_type == OutputType::Float && self.width == width,
            Decode::Class(classes) => {
                let as_made = Self::class(&self.name, classes);
                classes.len() == width.max(2) && *self == as_made
            }
        };
        if fits { Ok(()) } else { Err(format!("output `{}` does not fit predictions of {width} numbers", self.name)) }
    }

    /// The column for predictions of `width` numbers a row.
    pub(crate) fn decode(&self, predictions: &[f32], width: usize) -> Result<ArrayRef> {
        let Decode::Class(classes) = &self.decode else { return numbers(predictions, self.width) };
        let names = predictions.chunks_exact(width).map(|row| classes[class_of(row).min(classes.len() - 1)].as_str());
        if self.output_type == OutputType::Text {
            return Ok(Arc::new(StringArray::from_iter_values(names)));
        }
        let ints =
            names.map(|name| name.parse::<i64>().map_err(|_| Error::Internal(format!("class `{name}` is no number"))));
        Ok(Arc::new(Int64Array::from(ints.collect::<Result<Vec<_>>>()?)))
    }
}

fn item() -> Field {
    Field::new("item", DataType::Float32, false)
}

fn numbers(predictions: &[f32], width: usize) -> Result<ArrayRef> {
    let values = Arc::new(Float32Array::from(predictions.to_vec()));
    if width == 1 {
        return Ok(values);
    }
    Ok(Arc::new(FixedSizeListArray::try_new(Arc::new(item()), width as i32, values, None)?))
}

/// The most probable class of a row; the first of several.
fn class_of(row: &[f32]) -> usize {
    if let [probability] = row {
        return usize::from(*probability >= 0.5);
    }
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    fn names(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|class| (*class).to_owned()).collect()
    }

    #[test]
    fn half_is_the_second_class() {
        let output = Output::class("class", &names(&["no", "yes"]));
        let column = output.decode(&[0.49, 0.5, 1.0], 1).unwrap();
        assert_eq!(column.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["no", "yes", "yes"]);
    }

    #[test]
    fn the_highest_of_several_wins_and_whole_numbers_stay_numbers() {
        let output = Output::class("class", &names(&["10", "20", "30"]));
        let column = output.decode(&[0.1, 0.8, 0.1, 0.5, 0.0, 0.5], 3).unwrap();
        assert_eq!(column.as_primitive::<Int64Type>().values().to_vec(), [20, 10]);
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused() {
        assert!(Output::numbers("p", 3).check(3).is_ok() && Output::numbers("p", 3).check(1).is_err());
        assert!(Output::class("c", &names(&["a", "b"])).check(1).is_ok());
        assert!(Output::class("c", &names(&["a", "b", "c"])).check(1).is_err());
        let forged = Output { output_type: OutputType::Int, ..Output::class("c", &names(&["a", "b"])) };
        assert!(forged.check(1).is_err());
    }
}
