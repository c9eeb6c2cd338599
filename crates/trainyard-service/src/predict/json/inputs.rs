//! Columns: `[1.0, 2.0]` for one input, `{"a": [1, 2], "b": ["x", "y"]}` for any number.

use jiter::{Jiter, Peek};

use super::column::Column;
use super::{is_base64, reader};
use crate::error::{Error, Result};
use crate::predict::version::{Input, Inputs};

/// Reads columns of one length.
pub(super) fn read(text: &[u8], inputs: &Inputs) -> Result<Vec<Column>> {
    let mut json = reader(text);
    let peek = json.peek()?;
    if peek == Peek::Object && !is_base64(json.clone()) {
        return read_named(&mut json, inputs);
    }
    match inputs.inputs() {
        [input] => Ok(with_keys(vec![Some(read_column(input, false, &mut json, peek)?)], inputs)),
        _ => Err(Error::invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map",
        )),
    }
}

/// Names that the model does not know are ignored, and of a name given twice the first counts.
fn read_named(json: &mut Jiter<'_>, inputs: &Inputs) -> Result<Vec<Column>> {
    let mut columns: Vec<Option<Column>> = inputs.columns.iter().map(|_| None).collect();
    let mut filled = 0;
    let mut key = json.known_object()?;
    while let Some(name) = key {
        let unfilled = inputs.position(name, filled).filter(|&idx| columns[idx].is_none());
        let peek = json.peek()?;
        match unfilled {
            Some(idx) => columns[idx] = Some(read_column(&inputs.columns[idx], idx >= inputs.required, json, peek)?),
            None => json.known_skip(peek)?,
        }
        filled += 1;
        key = json.next_key()?;
    }
    if let Some((input, _)) = inputs.inputs().iter().zip(&columns).find(|(_, column)| column.is_none()) {
        return Err(missing(&input.name));
    }
    let columns = with_keys(columns, inputs);
    check_lengths(&columns, inputs)?;
    Ok(columns)
}

/// With keys that were not sent as columns without a value.
fn with_keys(columns: Vec<Option<Column>>, inputs: &Inputs) -> Vec<Column> {
    let rows = columns.iter().flatten().next().map_or(0, Column::len);
    let given = columns.into_iter().chain(std::iter::repeat_with(|| None));
    let column = |(input, column): (&Input, Option<Column>)| {
        column.unwrap_or_else(|| {
            let mut column = Column::new(input.column_type);
            column.fill(rows);
            column
        })
    };
    inputs.columns.iter().zip(given).map(column).collect()
}

/// A list of values, or one value: a batch of one.
fn read_column(input: &Input, is_key: bool, json: &mut Jiter<'_>, peek: Peek) -> Result<Column> {
    let mut column = Column::new(input.column_type);
    let push = if is_key { Column::push_key } else { Column::push_item };
    if peek != Peek::Array {
        push(&mut column, json, peek)?;
        return Ok(column);
    }
    let mut next = json.known_array()?;
    while let Some(peek) = next {
        push(&mut column, json, peek)?;
        next = json.array_step()?;
    }
    Ok(column)
}

fn check_lengths(columns: &[Column], inputs: &Inputs) -> Result<()> {
    let expected = columns.first().map_or(0, Column::len);
    match columns.iter().position(|column| column.len() != expected) {
        None => Ok(()),
        Some(idx) => Err(Error::invalid(format!(
            "input `{}` has {} values, but input `{}` has {expected}; every input needs one value per row",
            inputs.columns[idx].name,
            columns[idx].len(),
            inputs.columns[0].name
        ))),
    }
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("Missing named input: {name} in 'inputs' object."))
}
