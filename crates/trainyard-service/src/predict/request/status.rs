//! `GET /v1/models/NAME`: the versions of a model and how they fare.

use serde_json::json;

use crate::error::{Error, Result};
use crate::predict::manager::{ModelManager, VersionStatus};
use crate::predict::path::ModelSpec;

/// The body of the answer.
pub(crate) fn answer(manager: &ModelManager, spec: &ModelSpec) -> Result<Vec<u8>> {
    let versions: Vec<_> = manager.status(spec)?.iter().map(encode).collect();
    serde_json::to_vec_pretty(&json!({ "model_version_status": versions })).map_err(Error::internal)
}

/// A 64-bit number is a string, as always in the JSON form of protocol buffers.
fn encode(status: &VersionStatus) -> serde_json::Value {
    let (code, message) = match &status.error {
        Some((code, message)) => (code.name(), message.as_str()),
        None => ("OK", ""),
    };
    json!({
        "version": status.version.to_string(),
        "state": status.state.name(),
        "status": { "error_code": code, "error_message": message },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::path::VersionChoice;
    use crate::predict::testing::manager;

    #[test]
    fn the_answer_is_that_of_tensorflow_serving() {
        let spec = ModelSpec { name: "half_plus_two".to_owned(), version: VersionChoice::Latest };
        let answer: serde_json::Value = serde_json::from_slice(&answer(&manager(), &spec).unwrap()).unwrap();
        let expected = json!({"model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]});
        assert_eq!(answer, expected);
    }
}
