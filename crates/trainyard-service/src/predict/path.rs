//! What a URL asks for.
//!
//! ```text
//! POST /v1/models/NAME[/versions/DIGITS | /labels/LABEL]:(predict|classify|regress)
//! GET  /v1/models/NAME[/versions/DIGITS | /labels/LABEL][/metadata]
//! ```
//! Fixed words are read without regard to case; NAME and LABEL are percent-decoded once, and only ever looked up among
//! the models that are loaded, so no text of a URL becomes part of a path on disk.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

/// A model, and which of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpec {
    /// Name of the model.
    pub name: String,
    /// Which version.
    pub version: VersionChoice,
}

/// Which version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionChoice {
    /// The newest that is available.
    Latest,
    /// This one.
    Specific(i64),
    /// The one that has a label.
    Label(String),
}

/// What a request wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Predict(ModelSpec),
    Classify(ModelSpec),
    Regress(ModelSpec),
    Status(ModelSpec),
    Metadata(ModelSpec),
}

/// Whether a path belongs to this API at all.
pub(crate) fn is_api(path: &str) -> bool {
    strip_prefix(path, "/v1/").is_some()
}

/// Reads the method and path of a request.
pub(crate) fn parse(method: &Method, path: &str) -> Result<Call> {
    let rest = strip_prefix(path, "/v1/models");
    let call = match (rest, method) {
        (Some(rest), &Method::POST) => parse_post(rest)?,
        (Some(rest), &Method::GET) => parse_get(rest)?,
        _ => None,
    };
    call.ok_or_else(|| Error::invalid(format!("Malformed request: {method} {path}")))
}

fn parse_post(rest: &str) -> Result<Option<Call>> {
    let Some((model, verb)) = rest.split_once(':') else { return Ok(None) };
    let call: fn(ModelSpec) -> Call = match verb {
        _ if verb.eq_ignore_ascii_case("predict") => Call::Predict,
        _ if verb.eq_ignore_ascii_case("classify") => Call::Classify,
        _ if verb.eq_ignore_ascii_case("regress") => Call::Regress,
        _ => return Ok(None),
    };
    Ok(parse_model(model).transpose()?.map(call))
}

/// A name wins over the fixed words, so `/v1/models/metadata` is the status of a model called `metadata`.
fn parse_get(rest: &str) -> Result<Option<Call>> {
    if rest.contains(':') {
        return Ok(None);
    }
    if let Some(spec) = parse_model(rest) {
        return Ok(Some(Call::Status(spec?)));
    }
    let model = strip_suffix(rest, "/metadata");
    if let Some(spec) = model.and_then(parse_model) {
        return Ok(Some(Call::Metadata(spec?)));
    }
    match parse_version(model.unwrap_or(rest)) {
        Some(_) => Err(Error::invalid("Missing model name in request.")),
        None => Ok(None),
    }
}

/// `/NAME` and what may follow it.
fn parse_model(text: &str) -> Option<Result<ModelSpec>> {
    let text = text.strip_prefix('/')?;
    let (name, version) = text.split_at(text.find('/').unwrap_or(text.len()));
    if name.is_empty() {
        return None;
    }
    let version = parse_version(version)?;
    Some(version.map(|version| ModelSpec { name: decode(name), version }))
}

/// Nothing, `/versions/DIGITS` or `/labels/LABEL`.
fn parse_version(text: &str) -> Option<Result<VersionChoice>> {
    if text.is_empty() {
        return Some(Ok(VersionChoice::Latest));
    }
    let (word, value) = text.strip_prefix('/')?.split_once('/')?;
    if value.is_empty() || value.contains('/') {
        return None;
    }
    if word.eq_ignore_ascii_case("labels") {
        return Some(Ok(VersionChoice::Label(decode(value))));
    }
    let is_version = word.eq_ignore_ascii_case("versions") && value.bytes().all(|byte| byte.is_ascii_digit());
    is_version.then(|| match value.parse() {
        Ok(number) => Ok(VersionChoice::Specific(number)),
        Err(_) => Err(Error::invalid(format!("Failed to convert version: {value} to numeric."))),
    })
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, expected: &str) {
        let (method, path) = request.split_once(' ').unwrap();
        let answer = match parse(&method.parse().unwrap(), path) {
            Ok(call) => format!("{call:?}").replace("ModelSpec { name: ", "").replace(" })", ")"),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn predict_of_the_latest_version() {
        check("POST /v1/models/m:predict", r#"Predict("m", version: Latest)"#);
    }

    #[test]
    fn predict_of_one_version() {
        check("POST /v1/models/m/versions/007:predict", r#"Predict("m", version: Specific(7))"#);
    }

    #[test]
    fn predict_of_a_label() {
        check("POST /v1/models/m/labels/stable:predict", r#"Predict("m", version: Label("stable"))"#);
    }

    #[test]
    fn fixed_words_have_no_case_and_names_do() {
        check("POST /V1/Models/Mixed/VERSIONS/1:Classify", r#"Classify("Mixed", version: Specific(1))"#);
        check("GET /V1/MODELS/Mixed/METADATA", r#"Metadata("Mixed", version: Latest)"#);
    }

    #[test]
    fn names_are_decoded_once() {
        check("POST /v1/models/a%20b:regress", r#"Regress("a b", version: Latest)"#);
        check("GET /v1/models/a%2Fb%253A", r#"Status("a/b%3A", version: Latest)"#);
        check("GET /v1/models/..%2f..%2fetc", r#"Status("../../etc", version: Latest)"#);
    }

    #[test]
    fn status_and_metadata() {
        check("GET /v1/models/m", r#"Status("m", version: Latest)"#);
        check("GET /v1/models/m/versions/3", r#"Status("m", version: Specific(3))"#);
        check("GET /v1/models/m/metadata", r#"Metadata("m", version: Latest)"#);
        check("GET /v1/models/m/labels/x/metadata", r#"Metadata("m", version: Label("x"))"#);
    }

    #[test]
    fn a_name_wins_over_the_fixed_words() {
        check("GET /v1/models/metadata", r#"Status("metadata", version: Latest)"#);
        check("GET /v1/models/m/labels/metadata", r#"Status("m", version: Label("metadata"))"#);
        check("GET /v1/models/labels/metadata", r#"Metadata("labels", version: Latest)"#);
    }

    #[test]
    fn a_missing_name_is_said() {
        check("GET /v1/models", "Missing model name in request.");
        check("GET /v1/models/versions/3", "Missing model name in request.");
    }

    #[test]
    fn a_version_too_large_for_an_integer_is_said() {
        let version = "9".repeat(20);
        check(
            &format!("GET /v1/models/m/versions/{version}"),
            &format!("Failed to convert version: {version} to numeric."),
        );
    }

    #[test]
    fn all_else_is_malformed() {
        for request in [
            "POST /v1/models/m",
            "POST /v1/models/m:train",
            "POST /v1/models/:predict",
            "POST /v1/models:predict",
            "POST /v1/models/m:predict:predict",
            "POST /v1/models/m/versions/x:predict",
            "POST /v1/models/m/metadata:predict",
            "GET /v1/models/m:predict",
            "GET /v1/models/",
            "GET /v1/models/m/",
            "GET /v1/models/m/versions/1/labels/x",
            "PUT /v1/models/m",
            "GET /v1/",
        ] {
            check(request, &format!("Malformed request: {request}"));
        }
    }
}
