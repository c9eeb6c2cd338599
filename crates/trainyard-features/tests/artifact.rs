//! `features.json`: canonical, versioned, and safe to read whatever is in it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{batch, fit, rows};
use proptest::prelude::*;
use serde_json::Value;
use trainyard_features::{Error, FittedFeatures};

fn json() -> String {
    fit(&[vec![batch(&rows())]], false).to_json()
}

#[track_caller]
fn check_error(json: &str, expected: &str) {
    let message = FittedFeatures::from_json(json).unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_later_version_is_refused_with_both_versions() {
    let later = r#"{ "format": "trainyard-features", "version": 7, "anything": ["new"] }"#;
    let error = FittedFeatures::from_json(later).unwrap_err();
    assert_eq!(error, Error::Version { found: 7, supported: 1 });
    assert!(error.to_string().contains("format version 7, but this program reads versions up to 1"));
}

#[test]
fn another_file_is_recognised_as_such() {
    check_error("{}", "it is not a `features.json` of ours");
    check_error("no json", "it is not a `features.json` of ours");
    check_error(r#"{ "format": "other", "version": 1 }"#, "its format is `other`; expected `trainyard-features`");
}

#[test]
fn a_damaged_constant_is_found() {
    let mut value: Value = serde_json::from_str(&json()).unwrap();
    value["fitted"]["z_score"] = serde_json::json!({ "numbers": { "mean": [1.0] } });
    check_error(&value.to_string(), "`[features.z_score]`: has no fitted `std`; fit the features again");
    value["fitted"]["z_score"] = serde_json::json!({ "numbers": { "mean": [1.0], "std": [] } });
    check_error(&value.to_string(), "fitted `std` has 0 numbers; expected one");
}

#[test]
fn a_repeated_token_is_found() {
    let mut value: Value = serde_json::from_str(&json()).unwrap();
    value["fitted"]["city"]["tokens"] = serde_json::json!(["a", "b", "a"]);
    check_error(&value.to_string(), "`[features.city]`: fitted token `a` is there twice");
}

#[test]
fn spaces_and_order_do_not_change_the_fingerprint() {
    let compact = json();
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&compact).unwrap()).unwrap();
    let pretty = FittedFeatures::from_json(&pretty);
    // A `Value` sorts its keys, and the order of the features is part of their meaning; all else is not.
    assert!(pretty.is_ok());
    let spaced = compact.replace("\":", "\" : ");
    assert_eq!(FittedFeatures::from_json(&spaced).unwrap().to_json(), compact);
}

/// Replaces one value of a document, found by walking down along `path`.
fn replace(value: &mut Value, path: &[usize], with: &Value) {
    let n = path.first().copied().unwrap_or(0);
    match value {
        Value::Object(map) if !map.is_empty() && !path.is_empty() => {
            let n = n % map.len();
            if let Some(inner) = map.values_mut().nth(n) {
                replace(inner, &path[1..], with);
            }
        }
        Value::Array(list) if !list.is_empty() && !path.is_empty() => {
            let n = n % list.len();
            replace(&mut list[n], &path[1..], with);
        }
        other => *other = with.clone(),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0u64..4).prop_map(Value::from),
        "[a-z_]{0,6}".prop_map(Value::from),
        prop::sample::select(vec![
            "x",
            "y",
            "n",
            "city",
            "z_score",
            "cross",
            "binary",
            "multiclass",
            "regression",
            "text"
        ])
        .prop_map(Value::from),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!([1e38, -1e38, 0.5])),
        Just(serde_json::json!(["1", "2", "true"])),
    ]
}

/// Whatever was read must also transform without a panic.
fn read_and_transform(json: &str) {
    if let Ok(fitted) = FittedFeatures::from_json(json) {
        let _ = fitted.transform(&batch(&rows()));
        let _ = fitted.transform_labelled(&batch(&rows()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_replaced_value_causes_a_panic(
        changes in prop::collection::vec((prop::collection::vec(0usize..64, 1..7), any_value()), 1..4),
    ) {
        let mut value: Value = serde_json::from_str(&json()).unwrap();
        for (path, with) in &changes {
            replace(&mut value, path, with);
        }
        read_and_transform(&value.to_string());
    }

    #[test]
    fn no_flipped_byte_causes_a_panic(place in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let mut bytes = json().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        read_and_transform(&String::from_utf8_lossy(&bytes));
    }
}
