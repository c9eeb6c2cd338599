//! From text to a spec, with errors that a user can act on.

use super::Spec;
use crate::{Error, Result};

/// Reads a spec from text.
pub(super) fn parse(text: &str, location: &str) -> Result<Spec> {
    toml::from_str(text).map_err(|error| spec_error(&error.to_string(), location))
}

pub(super) fn spec_error(message: &str, location: &str) -> Error {
    let hint = nearest_in(message).map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default();
    Error::Spec { location: location.to_owned(), problem: format!("{}{hint}", message.trim_end()) }
}

/// The nearest of the names that serde expected, for an error such as
/// ``unknown field `epoch`, expected one of `epochs`, `seed` ``.
fn nearest_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("unknown field ").or_else(|| message.split_once("unknown variant "))?;
    let (found, expected) = rest.split_once(", expected ")?;
    let expected = expected.split('`').skip(1).step_by(2);
    nearest(found.trim_matches('`'), expected)
}

/// The name that is most like `name`, if one is.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let best = known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.7).then_some(best)
}
