//! The top level of a request body.

use std::borrow::Cow;

use jiter::{Jiter, Peek};

use super::reader;
use crate::error::{Error, Result};

/// Bytes of a value that an error message quotes at most.
const QUOTE_BYTES: usize = 256;

/// The members of a predict request, each as its own piece of the body. Of a name given twice, the first counts.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    text: &'a [u8],
    signature_name: Option<&'a [u8]>,
    instances: Option<&'a [u8]>,
    inputs: Option<&'a [u8]>,
}

/// The values of a request: by row or by column.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    Instances(&'a [u8]),
    Inputs(&'a [u8]),
}

impl<'a> Document<'a> {
    /// Finds the members of the object `text`, and checks the syntax of all of it and a depth below 200. What follows the
    /// object is ignored. `expanded` is where a text with `Inf` is spelled anew; such texts are rare, so it is only done
    /// when reading has failed.
    pub fn parse(text: &'a [u8], expanded: &'a mut Vec<u8>) -> Result<Self> {
        match Self::scan(text) {
            Ok(document) => Ok(document),
            Err(error) => {
                *expanded = expand_inf(text).ok_or(error)?;
                Self::scan(expanded)
            }
        }
    }

    fn scan(text: &'a [u8]) -> Result<Self> {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return Err(Error::invalid("JSON Parse error: The document is empty"));
        }
        let mut json = reader(text);
        let peek = json.peek()?;
        if peek != Peek::Object {
            let value = skip(&mut json, peek)?;
            return Err(Error::invalid(format!("JSON Value: {} Is not object", quote(value))));
        }
        Self { text, ..Self::default() }.read_members(json)
    }

    fn read_members(mut self, mut json: Jiter<'a>) -> Result<Self> {
        let mut other = None;
        let mut key = json.known_object()?;
        while let Some(name) = key {
            let member = match name {
                "signature_name" => &mut self.signature_name,
                "instances" => &mut self.instances,
                "inputs" => &mut self.inputs,
                _ => &mut other,
            };
            let peek = json.peek()?;
            let value = skip(&mut json, peek)?;
            member.get_or_insert(value);
            key = json.next_key()?;
        }
        Ok(self)
    }

    /// The signature asked for; none or empty means the default one.
    pub fn signature_name(&self) -> Result<Option<String>> {
        let Some(text) = self.signature_name else { return Ok(None) };
        match reader(text).next_str() {
            Ok(name) => Ok(Some(name.to_owned())),
            Err(_) => Err(self.error("not formatted correctly. 'signature_name' key must be a string value.")),
        }
    }

    /// What the request holds, of which there must be exactly one.
    pub fn values(&self) -> Result<Values<'a>> {
        match (self.instances, self.inputs) {
            (Some(_), Some(_)) => {
                Err(self.error("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"))
            }
            (Some(instances), None) => self.check_instances(instances).map(|()| Values::Instances(instances)),
            (None, Some(inputs)) => Ok(Values::Inputs(inputs)),
            (None, None) => Err(Error::invalid("Missing 'inputs' or 'instances' key")),
        }
    }

    fn check_instances(&self, instances: &[u8]) -> Result<()> {
        let mut json = reader(instances);
        if json.peek()? != Peek::Array {
            return Err(self.error("Expecting 'instances' to be an list/array"));
        }
        if json.known_array()?.is_none() {
            return Err(self.error("No values in 'instances' array"));
        }
        Ok(())
    }

    fn error(&self, message: &str) -> Error {
        Error::invalid(format!("JSON Value: {} {message}", quote(self.text)))
    }
}

/// Steps over the next value and gives its text.
pub(super) fn skip<'a>(json: &mut Jiter<'a>, peek: Peek) -> Result<&'a [u8]> {
    let start = json.current_index();
    json.known_skip(peek)?;
    Ok(json.slice_to_current(start))
}

/// The start of a value, for an error message.
pub(super) fn quote(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&value[..value.len().min(QUOTE_BYTES)])
}

/// Writes `Inf` out as `Infinity`, the only spelling the parser knows. None when there is no `Inf`.
fn expand_inf(text: &[u8]) -> Option<Vec<u8>> {
    let mut expanded = Vec::new();
    let (mut copied, mut in_string, mut idx) = (0, false, 0);
    while idx < text.len() {
        match text[idx] {
            b'"' => in_string = !in_string,
            b'\\' => idx += 1,
            b'I' if !in_string && text[idx..].starts_with(b"Inf") && !text[idx..].starts_with(b"Infinity") => {
                expanded.extend_from_slice(&text[copied..idx]);
                expanded.extend_from_slice(b"Infinity");
                idx += 2;
                copied = idx + 1;
            }
            _ => {}
        }
        idx += 1;
    }
    expanded.extend_from_slice(&text[copied.min(text.len())..]);
    (copied > 0).then_some(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expanded: Option<&str>) {
        assert_eq!(expand_inf(text.as_bytes()).as_deref(), expanded.map(str::as_bytes));
    }

    #[test]
    fn inf_is_written_out() {
        check("[Inf, -Inf,Inf]", Some("[Infinity, -Infinity,Infinity]"));
    }

    #[test]
    fn infinity_stays() {
        check("[Infinity, 1]", None);
    }

    #[test]
    fn strings_stay() {
        check(r#"["Inf", "\"Inf", Inf]"#, Some(r#"["Inf", "\"Inf", Infinity]"#));
    }

    #[test]
    fn a_cut_text_is_no_trouble() {
        check("[In", None);
        check("\"\\", None);
    }
}
