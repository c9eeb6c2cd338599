//! `GET /v1/models/NAME/metadata`: names, types and shapes of inputs and outputs.

use serde_json::{Map, Value, json};
use trainyard_features::ColumnType;
use trainyard_model::{Output, OutputType};

use super::SIGNATURE;
use crate::error::{Error, Result};
use crate::predict::manager::ModelManager;
use crate::predict::path::ModelSpec;
use crate::predict::version::{Input, Version};

/// The body of the answer.
pub(crate) fn answer(manager: &ModelManager, spec: &ModelSpec) -> Result<Vec<u8>> {
    let version = manager.find(spec)?;
    let metadata = json!({
        "model_spec": { "name": spec.name, "signature_name": "", "version": version.number.to_string() },
        "metadata": { "signature_def": { "signature_def": { SIGNATURE: signature(&version) } } },
    });
    serde_json::to_vec_pretty(&metadata).map_err(Error::internal)
}

fn signature(version: &Version) -> Value {
    let inputs: Map<String, Value> = version.inputs.inputs().iter().map(input).collect();
    let outputs: Map<String, Value> = version.servable.outputs().iter().map(output).collect();
    json!({ "inputs": inputs, "outputs": outputs, "method_name": "tensorflow/serving/predict", "defaults": {} })
}

fn input(input: &Input) -> (String, Value) {
    let dtype = match input.column_type {
        ColumnType::Float => "DT_DOUBLE",
        ColumnType::Int => "DT_INT64",
        ColumnType::Text | ColumnType::Time => "DT_STRING",
        ColumnType::Bool => "DT_BOOL",
    };
    (input.name.clone(), tensor(&input.name, dtype, &[-1]))
}

fn output(output: &Output) -> (String, Value) {
    let dtype = match output.output_type {
        OutputType::Float => "DT_FLOAT",
        OutputType::Int => "DT_INT64",
        OutputType::Text => "DT_STRING",
    };
    let width = output.width as i64;
    let dims: &[i64] = if width > 1 { &[-1, width] } else { &[-1] };
    (output.name.clone(), tensor(&output.name, dtype, dims))
}

fn tensor(name: &str, dtype: &str, dims: &[i64]) -> Value {
    let dims: Vec<Value> = dims.iter().map(|size| json!({ "size": size.to_string(), "name": "" })).collect();
    json!({
        "dtype": dtype,
        "tensor_shape": { "dim": dims, "unknown_rank": false },
        "name": format!("{name}:0"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::path::VersionChoice;
    use crate::predict::testing::manager;

    #[track_caller]
    fn check(model: &str, pointer: &str, expected: Value) {
        let spec = ModelSpec { name: model.to_owned(), version: VersionChoice::Latest };
        let answer: Value = serde_json::from_slice(&answer(&manager(), &spec).unwrap()).unwrap();
        assert_eq!(answer.pointer(pointer), Some(&expected), "{answer:#}");
    }

    /// As in TensorFlow Serving's `testdata/half_plus_two_model_metadata.json`, for an input of 64 bits and rank 1.
    #[test]
    fn the_answer_is_that_of_tensorflow_serving() {
        let tensor = |name: &str, dtype: &str| {
            let shape = json!({"dim": [{"size": "-1", "name": ""}], "unknown_rank": false});
            json!({"dtype": dtype, "tensor_shape": shape, "name": name})
        };
        let expected = json!({
            "model_spec": {"name": "half_plus_two", "signature_name": "", "version": "123"},
            "metadata": {"signature_def": {"signature_def": {"serving_default": {
                "inputs": {"x": tensor("x:0", "DT_DOUBLE")},
                "outputs": {"y": tensor("y:0", "DT_FLOAT")},
                "method_name": "tensorflow/serving/predict",
                "defaults": {},
            }}}},
        });
        check("half_plus_two", "", expected);
    }

    #[test]
    fn every_type_has_its_name() {
        let signature = "/metadata/signature_def/signature_def/serving_default";
        for (tensor, dtype) in [
            ("inputs/number", "DT_DOUBLE"),
            ("inputs/id", "DT_INT64"),
            ("inputs/text", "DT_STRING"),
            ("inputs/flag", "DT_BOOL"),
            ("outputs/powers", "DT_FLOAT"),
            ("outputs/key", "DT_INT64"),
            ("outputs/text", "DT_STRING"),
        ] {
            check("mixed", &format!("{signature}/{tensor}/dtype"), json!(dtype));
        }
    }

    #[test]
    fn a_wide_output_has_two_dimensions() {
        let shape = "/metadata/signature_def/signature_def/serving_default/outputs/powers/tensor_shape/dim";
        check("mixed", shape, json!([{"size": "-1", "name": ""}, {"size": "2", "name": ""}]));
    }
}
