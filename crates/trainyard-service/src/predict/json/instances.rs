//! Rows: `[1.0, 2.0]` for one input, `[{"a": 1, "b": "x"}, ..]` for any number.

use jiter::{Jiter, Peek};

use super::column::Column;
use super::document::{quote, skip};
use super::{is_base64, reader};
use crate::error::{Error, Result};
use crate::predict::version::Inputs;

/// Reads a non-empty array of rows.
pub(super) fn read(text: &[u8], inputs: &Inputs) -> Result<Vec<Column>> {
    let mut rows =
        Rows { inputs, columns: inputs.columns.iter().map(|input| Column::new(input.column_type)).collect(), count: 0 };
    let mut json = reader(text);
    let first = json.next_array()?;
    if first.is_some_and(|peek| peek != Peek::Object) && inputs.required > 1 {
        return Err(Error::invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
        ));
    }
    let named = first == Some(Peek::Object) && !is_base64(json.clone());
    let mut next = first;
    while let Some(peek) = next {
        if named {
            rows.read_named(&mut json, peek)?
        } else {
            rows.read_plain(&mut json, peek)?
        }
        rows.count += 1;
        rows.fill_keys();
        next = json.array_step()?;
    }
    Ok(rows.columns)
}

struct Rows<'a> {
    inputs: &'a Inputs,
    columns: Vec<Column>,
    /// Rows read so far.
    count: usize,
}

impl Rows<'_> {
    fn read_named(&mut self, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        if peek != Peek::Object || is_base64(json.clone()) {
            let row = self.count;
            return Err(Error::invalid(format!("Expecting object but got list at item {row} of input list")));
        }
        let start = json.clone();
        let (mut read, mut filled) = (0, 0);
        let mut key = json.known_object()?;
        while let Some(name) = key {
            let Some(idx) = self.inputs.position(name, read) else {
                return Err(self.item_error(name, "JSON object: does not have named input: ", name));
            };
            let peek = json.peek()?;
            self.read_item(idx, json, peek)?;
            read += 1;
            filled += usize::from(idx < self.inputs.required);
            key = json.next_key()?;
        }
        if filled == self.inputs.required { Ok(()) } else { Err(self.keys_error(start)) }
    }

    fn read_item(&mut self, idx: usize, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        let name = &self.inputs.columns[idx].name;
        let column = &mut self.columns[idx];
        if column.len() > self.count {
            return Err(self.item_error(name, "JSON object: has an input twice: ", name));
        }
        let push = if idx < self.inputs.required { Column::push_item } else { Column::push_key };
        push(column, json, peek).map_err(|error| self.item_error(name, "", &error.to_string()))
    }

    /// A row need not be named.
    fn fill_keys(&mut self) {
        self.columns[self.inputs.required..].iter_mut().for_each(|column| column.fill(self.count));
    }

    fn read_plain(&mut self, json: &mut Jiter<'_>, peek: Peek) -> Result<()> {
        let row = self.count;
        if peek == Peek::Object && !is_base64(json.clone()) {
            return Err(Error::invalid(format!("Expecting value/list but got object at item {row} of input list")));
        }
        self.columns[0].push_item(json, peek).map_err(|error| {
            Error::invalid(format!(
                "Failed to process element: {row} of 'instances' list. Error: INVALID_ARGUMENT: {error}"
            ))
        })
    }

    fn item_error(&self, name: &str, what: &str, detail: &str) -> Error {
        let row = self.count;
        Error::invalid(format!(
            "Failed to process element: {row} key: {name} of 'instances' list. Error: INVALID_ARGUMENT: {what}{detail}"
        ))
    }

    fn keys_error(&self, mut start: Jiter<'_>) -> Error {
        let object = match skip(&mut start, Peek::Object) {
            Ok(object) => quote(object),
            Err(error) => return error,
        };
        Error::invalid(format!(
            "Failed to process element: {} of 'instances' list. JSON object: {object} keys must be equal to: {}",
            self.count,
            self.inputs.names()
        ))
    }
}
