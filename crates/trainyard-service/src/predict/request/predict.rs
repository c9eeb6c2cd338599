//! `POST /v1/models/NAME:predict`: predictions for rows of raw feature values.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::SIGNATURE;
use crate::error::{Error, Result};
use crate::predict::feature_log::FeatureLog;
use crate::predict::json::{Document, Layout, Predictions, Values, read_inputs, read_instances};
use crate::predict::manager::ModelManager;
use crate::predict::path::ModelSpec;
use crate::predict::version::Version;

/// The body of the answer to a request body.
pub(crate) fn answer(
    manager: &ModelManager,
    spec: &ModelSpec,
    body: &[u8],
    log: Option<&FeatureLog>,
) -> Result<Vec<u8>> {
    let request = Predict::decode(manager, spec, body)?;
    let predictions = request.apply(log)?;
    request.encode(&predictions)
}

/// A request that has been read.
struct Predict {
    version: Arc<Version>,
    rows: RecordBatch,
    layout: Layout,
}

impl Predict {
    /// Reads in the order that decides which of several errors is told: syntax, model, signature, values.
    fn decode(manager: &ModelManager, spec: &ModelSpec, body: &[u8]) -> Result<Self> {
        let mut expanded = Vec::new();
        let document = Document::parse(body, &mut expanded)?;
        let signature = document.signature_name()?;
        let version = manager.find(spec)?;
        check_signature(signature.as_deref())?;
        let (rows, layout) = match document.values()? {
            Values::Instances(text) => (read_instances(text, &version.inputs)?, Layout::Rows),
            Values::Inputs(text) => (read_inputs(text, &version.inputs)?, Layout::Columns),
        };
        Ok(Self { version, rows, layout })
    }

    fn apply(&self, log: Option<&FeatureLog>) -> Result<RecordBatch> {
        self.version.predict_logged(&self.rows, log)
    }

    fn encode(&self, predictions: &RecordBatch) -> Result<Vec<u8>> {
        Predictions::new(predictions, self.version.servable.outputs(), self.rows.num_rows())?.write(self.layout)
    }
}

fn check_signature(name: Option<&str>) -> Result<()> {
    match name {
        None | Some("" | SIGNATURE) => Ok(()),
        Some(name) => Err(Error::invalid(format!("Serving signature name: \"{name}\" not found in signature def"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::path::VersionChoice;
    use crate::predict::testing::manager;

    #[track_caller]
    fn check_model(model: &str, version: VersionChoice, body: &str, status: u16, expected: &str) {
        let spec = ModelSpec { name: model.to_owned(), version };
        let (actual_status, actual) = match answer(&manager(), &spec, body.as_bytes(), None) {
            Ok(answer) => (200, String::from_utf8(answer).unwrap()),
            Err(error) => (error.code().http_status().as_u16(), error.to_string()),
        };
        assert_eq!((actual.as_str(), actual_status), (expected, status));
    }

    /// One input `x` (float), one output `y` = x / 2 + 2.
    #[track_caller]
    fn check(body: &str, status: u16, expected: &str) {
        check_model("half_plus_two", VersionChoice::Latest, body, status, expected);
    }

    /// Inputs `number` (float), `id` (int), `text`, `flag` (bool); outputs `powers` (width 2), `key` (int), `text` and
    /// `raw_bytes`.
    #[track_caller]
    fn check_mixed(body: &str, status: u16, expected: &str) {
        check_model("mixed", VersionChoice::Latest, body, status, expected);
    }

    const A: &str = r#"{"number": 1.5, "id": 7, "text": "a", "flag": true}"#;
    const B: &str = r#"{"flag": false, "text": "\u00e9\n", "id": -8, "number": 2}"#;

    #[test]
    fn rows_of_one_input_are_plain_values() {
        check(r#"{"instances": [1.0, 2, 5e0]}"#, 200, r#"{"predictions":[2.5,3.0,4.5]}"#);
    }

    #[test]
    fn rows_may_name_the_one_input() {
        check(r#"{"instances": [{"x": 1.0}, {"x": 2.0}]}"#, 200, r#"{"predictions":[2.5,3.0]}"#);
    }

    #[test]
    fn rows_may_be_lists_of_one() {
        check(r#"{"instances": [[1.0], [2.0]]}"#, 200, r#"{"predictions":[2.5,3.0]}"#);
        check(r#"{"instances": [{"x": [1.0]}, {"x": [2.0]}]}"#, 200, r#"{"predictions":[2.5,3.0]}"#);
    }

    #[test]
    fn columns_of_one_input() {
        check(r#"{"inputs": [1.0, 2.0]}"#, 200, r#"{"outputs":[2.5,3.0]}"#);
        check(r#"{"inputs": [[1.0], [2.0]]}"#, 200, r#"{"outputs":[2.5,3.0]}"#);
        check(r#"{"inputs": {"x": [1.0, 2.0]}}"#, 200, r#"{"outputs":[2.5,3.0]}"#);
        check(r#"{"inputs": 1.0}"#, 200, r#"{"outputs":[2.5]}"#);
        check(r#"{"inputs": []}"#, 200, r#"{"outputs":[]}"#);
    }

    #[test]
    fn rows_of_several_inputs_are_objects_in_and_out() {
        check_mixed(
            &format!(r#"{{"instances": [{A}, {B}]}}"#),
            200,
            concat!(
                r#"{"predictions":[{"powers":[1.5,2.25],"key":-7,"text":"a","raw_bytes":{"b64":"YQ=="}},"#,
                r#"{"powers":[2.0,4.0],"key":-8,"text":"é\n","raw_bytes":{"b64":"w6kK"}}]}"#
            ),
        );
    }

    #[test]
    fn columns_of_several_inputs_are_objects_in_and_out() {
        check_mixed(
            r#"{"inputs": {"number": [1, 2], "id": [3, 4], "text": ["a", "b"], "flag": [false, true]}}"#,
            200,
            concat!(
                r#"{"outputs":{"powers":[[1.0,1.0],[2.0,4.0]],"key":[3,-4],"text":["a","b"],"#,
                r#""raw_bytes":[{"b64":"YQ=="},{"b64":"Yg=="}]}}"#
            ),
        );
    }

    #[test]
    fn null_is_a_missing_value() {
        check(
            r#"{"instances": [null, 1.0, [null]]}"#,
            400,
            "Failed to process element: 2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]",
        );
        check(r#"{"instances": [null, 1.0]}"#, 200, r#"{"predictions":[null,2.5]}"#);
        check_mixed(
            r#"{"instances": [{"number": null, "id": null, "text": null, "flag": null}]}"#,
            200,
            r#"{"predictions":[{"powers":null,"key":null,"text":null,"raw_bytes":null}]}"#,
        );
    }

    #[test]
    fn empty_text_is_a_missing_value() {
        check_mixed(
            r#"{"inputs": {"number": 0, "id": 1, "text": "", "flag": true}}"#,
            200,
            r#"{"outputs":{"powers":[[0.0,0.0]],"key":[-1],"text":[null],"raw_bytes":[null]}}"#,
        );
    }

    #[test]
    fn bytes_stand_for_text() {
        check_mixed(
            r#"{"instances": [{"number": 0, "id": 1, "text": {"b64": "w6kK"}, "flag": true}]}"#,
            200,
            r#"{"predictions":[{"powers":[0.0,0.0],"key":-1,"text":"é\n","raw_bytes":{"b64":"w6kK"}}]}"#,
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_bare_words() {
        check(
            r#"{"instances": [NaN, Infinity, -Infinity, Inf, -Inf, 1e999]}"#,
            200,
            r#"{"predictions":[NaN,Infinity,-Infinity,Infinity,-Infinity,Infinity]}"#,
        );
    }

    #[test]
    fn numbers_are_read_as_every_correct_reader_reads_them() {
        let texts = ["0.1", "12345678901234567890123", "9007199254740993", "1.7976931348623157e308", "5e-324", "-0.0"];
        let version =
            manager().find(&ModelSpec { name: "half_plus_two".into(), version: VersionChoice::Latest }).unwrap();
        let rows = read_instances(format!("[{}]", texts.join(",")).as_bytes(), &version.inputs).unwrap();
        let values = arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(rows.column(0)).values();
        for (text, value) in texts.iter().zip(values) {
            assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn the_default_signature_may_be_named() {
        check(r#"{"signature_name": "serving_default", "instances": [1.0]}"#, 200, r#"{"predictions":[2.5]}"#);
        check(r#"{"instances": [1.0], "signature_name": ""}"#, 200, r#"{"predictions":[2.5]}"#);
    }

    #[test]
    fn unknown_members_and_what_follows_the_object_are_ignored() {
        check(r#"{"comment": [{}], "instances": [1.0]} trailing"#, 200, r#"{"predictions":[2.5]}"#);
    }

    #[test]
    fn another_signature_is_not_found() {
        check(
            r#"{"signature_name": "x", "instances": [1.0]}"#,
            400,
            "Serving signature name: \"x\" not found in signature def",
        );
    }

    #[test]
    fn a_signature_is_a_string() {
        check(
            r#"{"signature_name": 5, "instances": [1.0]}"#,
            400,
            r#"JSON Value: {"signature_name": 5, "instances": [1.0]} not formatted correctly. 'signature_name' key must be a string value."#,
        );
    }

    #[test]
    fn a_model_that_is_not_there_is_not_found() {
        let body = r#"{"instances": [1.0]}"#;
        check_model("foo", VersionChoice::Latest, body, 404, "Servable not found for request: Latest(foo)");
        check_model("foo", VersionChoice::Specific(9), body, 404, "Servable not found for request: Specific(foo, 9)");
        check_model(
            "half_plus_two",
            VersionChoice::Specific(9),
            body,
            404,
            "Servable not found for request: Specific(half_plus_two, 9)",
        );
        check_model("half_plus_two", VersionChoice::Specific(123), body, 200, r#"{"predictions":[2.5]}"#);
        check_model(
            "half_plus_two",
            VersionChoice::Label("stable".into()),
            body,
            400,
            "Unrecognized servable version label: stable",
        );
    }

    #[test]
    fn syntax_is_checked_before_the_model_is_looked_up() {
        check_model(
            "foo",
            VersionChoice::Latest,
            r#"{"instances": [1.0,]}"#,
            400,
            "JSON Parse error: trailing comma at offset: 19",
        );
    }

    #[test]
    fn an_empty_body_is_no_json() {
        check("", 400, "JSON Parse error: The document is empty");
        check(" \n", 400, "JSON Parse error: The document is empty");
    }

    #[test]
    fn a_cut_body_is_no_json() {
        check(r#"{"instances": [1.0"#, 400, "JSON Parse error: EOF while parsing a list at offset: 18");
    }

    #[test]
    fn the_top_level_is_an_object() {
        check("[1, 2]", 400, "JSON Value: [1, 2] Is not object");
    }

    #[test]
    fn instances_and_inputs_exclude_each_other() {
        check(
            r#"{"instances": [1.0], "inputs": [1.0]}"#,
            400,
            r#"JSON Value: {"instances": [1.0], "inputs": [1.0]} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"#,
        );
        check(r#"{"signature_name": ""}"#, 400, "Missing 'inputs' or 'instances' key");
    }

    #[test]
    fn instances_are_a_list_that_is_not_empty() {
        check(r#"{"instances": 1}"#, 400, r#"JSON Value: {"instances": 1} Expecting 'instances' to be an list/array"#);
        check(r#"{"instances": []}"#, 400, r#"JSON Value: {"instances": []} No values in 'instances' array"#);
    }

    #[test]
    fn quoted_values_are_cut() {
        let body = format!(r#"{{"instances": [], "pad": "{}"}}"#, "x".repeat(500));
        check(&body, 400, &format!("JSON Value: {} No values in 'instances' array", &body[..256]));
    }

    #[test]
    fn several_inputs_need_names() {
        check_mixed(
            r#"{"instances": [1.0]}"#,
            400,
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
        );
        check_mixed(
            r#"{"inputs": [1.0]}"#,
            400,
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map",
        );
    }

    #[test]
    fn rows_are_all_objects_or_none() {
        check(r#"{"instances": [{"x": 1.0}, 2.0]}"#, 400, "Expecting object but got list at item 1 of input list");
        check(
            r#"{"instances": [1.0, {"x": 1.0}]}"#,
            400,
            "Expecting value/list but got object at item 1 of input list",
        );
    }

    #[test]
    fn every_row_has_every_input() {
        check_mixed(
            &format!(r#"{{"instances": [{A}, {{"id": 1}}]}}"#),
            400,
            "Failed to process element: 1 of 'instances' list. JSON object: {\"id\": 1} keys must be equal to: flag,id,number,text",
        );
    }

    #[test]
    fn a_row_has_no_other_input() {
        check(
            r#"{"instances": [{"x": 1.0, "z": 2.0}]}"#,
            400,
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z",
        );
    }

    #[test]
    fn a_row_has_no_input_twice() {
        check(
            r#"{"instances": [{"x": 1.0, "x": 2.0}]}"#,
            400,
            "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON object: has an input twice: x",
        );
    }

    #[test]
    fn all_rows_have_one_shape() {
        let head = "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT:";
        check(
            r#"{"instances": [{"x": [1.0]}, {"x": [1.0, 2.0]}]}"#,
            400,
            &format!("{head} Expecting tensor size: 1 but got: 2"),
        );
        check(r#"{"instances": [{"x": [1.0]}, {"x": 1.0}]}"#, 400, &format!("{head} Expecting shape [1] but got: []"));
    }

    #[test]
    fn an_input_is_one_value() {
        check(
            r#"{"instances": [[[1, 2], [3, 4], [5, 6]]]}"#,
            400,
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Expecting one value per instance (shape [] or [1]) but got shape: [3,2]",
        );
        check(r#"{"inputs": [[]]}"#, 400, "Expecting one value per instance (shape [] or [1]) but got shape: [0]");
    }

    #[test]
    fn columns_may_have_other_names_but_no_fewer() {
        check(r#"{"inputs": {"x": [1.0], "z": "ignored"}}"#, 200, r#"{"outputs":[2.5]}"#);
        check(r#"{"inputs": {"z": [1.0]}}"#, 400, "Missing named input: x in 'inputs' object.");
    }

    #[test]
    fn columns_have_one_length() {
        check_mixed(
            r#"{"inputs": {"number": [1, 2], "id": [3], "text": ["a", "b"], "flag": [false, true]}}"#,
            400,
            "input `id` has 1 values, but input `number` has 2; every input needs one value per row",
        );
    }

    #[track_caller]
    fn check_type(input: &str, value: &str, kind: &str, expected: &str) {
        let mut row = A.to_owned();
        for (name, valid) in [("number", "1.5"), ("id", "7"), ("text", "\"a\""), ("flag", "true")] {
            if name == input {
                row = row.replace(&format!(r#""{name}": {valid}"#), &format!(r#""{name}": {value}"#));
            }
        }
        check_mixed(
            &format!(r#"{{"instances": [{row}]}}"#),
            400,
            &format!(
                "Failed to process element: 0 key: {input} of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: {value} Type: {kind} is not of expected type: {expected}"
            ),
        );
    }

    #[test]
    fn a_float_is_a_number() {
        check_type("number", r#""x""#, "String", "double");
        check_type("number", "true", "True", "double");
        check_type("number", r#"{"a": [1]}"#, "Object", "double");
    }

    #[test]
    fn an_int_is_a_whole_number_of_64_bits() {
        check_type("id", "7.0", "Number", "int64");
        check_type("id", "1e3", "Number", "int64");
        check_type("id", "9223372036854775808", "Number", "int64");
        check_type("id", r#""7""#, "String", "int64");
    }

    #[test]
    fn text_is_a_string() {
        check_type("text", "5", "Number", "string");
        check_type("text", "false", "False", "string");
    }

    #[test]
    fn a_bool_is_true_or_false() {
        check_type("flag", "1", "Number", "bool");
        check_type("flag", r#""true""#, "String", "bool");
    }

    #[test]
    fn base64_must_be_right() {
        let head = "Failed to process element: 0 key: text of 'instances' list. Error: INVALID_ARGUMENT:";
        let row = |text: &str| format!(r#"{{"instances": [{}]}}"#, A.replace("\"a\"", text));
        check_mixed(&row(r#"{"b64": "*"}"#), 400, &format!("{head} Unable to base64 decode"));
        check_mixed(
            &row(r#"{"b64": 5}"#),
            400,
            &format!("{head} JSON Value: {{\"b64\": 5}} not formatted correctly for base64 data"),
        );
        check_mixed(&row(r#"{"b64": "/w=="}"#), 400, &format!("{head} the bytes of a base64 value are not UTF-8 text"));
    }

    #[test]
    fn text_must_be_unicode() {
        let spec = ModelSpec { name: "half_plus_two".into(), version: VersionChoice::Latest };
        let error = answer(&manager(), &spec, b"{\"instances\": [\"\xff\"]}", None).unwrap_err();
        assert!(error.to_string().contains("JSON Value: \"\u{fffd}\" Type: String"), "{error}");
    }

    #[test]
    fn nesting_has_a_limit() {
        for depth in [198, 250, 50_000] {
            let body = format!("{{\"instances\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
            let spec = ModelSpec { name: "half_plus_two".into(), version: VersionChoice::Latest };
            let error = answer(&manager(), &spec, body.as_bytes(), None).unwrap_err();
            assert!(error.to_string().contains(if depth < 200 { "one value" } else { "recursion limit" }), "{error}");
        }
    }
}
