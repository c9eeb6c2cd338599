//! Models for tests: pure functions of their inputs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use trainyard_features::{ColumnType, Schema};
use trainyard_model::{Decode, Output, OutputType};

use super::manager::{ManagerConfig, ModelManager};
use super::servable::Servable;
use crate::error::{Error, Result};

type Predict = fn(&RecordBatch) -> Vec<ArrayRef>;

/// A model made of a function.
struct FunctionModel {
    inputs: Schema,
    outputs: Vec<Output>,
    predict: Predict,
}

impl Servable for FunctionModel {
    fn name(&self) -> &str {
        "function"
    }

    fn inputs(&self) -> &Schema {
        &self.inputs
    }

    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn predict(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.outputs.iter().map(|output| output.name.clone()).zip((self.predict)(rows));
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
            .map_err(Error::internal)
    }
}

fn model(inputs: &[(&str, ColumnType)], outputs: &[(&str, OutputType, usize)], predict: Predict) -> Arc<dyn Servable> {
    let output = |&(name, output_type, width): &(&str, OutputType, usize)| Output {
        name: name.to_owned(),
        output_type,
        width,
        decode: Decode::Numbers,
    };
    Arc::new(FunctionModel {
        inputs: Schema::new(inputs.iter().copied()),
        outputs: outputs.iter().map(output).collect(),
        predict,
    })
}

/// y = x / 2 + 2.
fn half_plus_two(rows: &RecordBatch) -> Vec<ArrayRef> {
    let x = rows.column(0).as_primitive::<Float64Type>();
    vec![Arc::new(x.iter().map(|x| x.map(|x| (x / 2.0 + 2.0) as f32)).collect::<Float32Array>())]
}

/// Gives back what it got: the number and its square, the id with its sign changed where the flag is true, the text
/// twice.
fn mixed(rows: &RecordBatch) -> Vec<ArrayRef> {
    let numbers = rows.column_by_name("number").expect("declared").as_primitive::<Float64Type>();
    let ids = rows.column_by_name("id").expect("declared").as_primitive::<Int64Type>();
    let texts = rows.column_by_name("text").expect("declared").as_string::<i32>();
    let flags = rows.column_by_name("flag").expect("declared").as_boolean();
    let pairs = numbers.iter().map(|number| number.map(|number| [Some(number as f32), Some((number * number) as f32)]));
    let ids = ids.iter().zip(flags).map(|(id, flag)| if flag == Some(true) { id.map(|id| -id) } else { id });
    vec![
        Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(pairs, 2)),
        Arc::new(ids.collect::<Int64Array>()),
        Arc::new(texts.iter().collect::<StringArray>()),
        Arc::new(texts.iter().collect::<StringArray>()),
    ]
}

/// The models by what their `bundle.json` says; all else fails to load.
pub(crate) fn load(path: &Path) -> Result<Arc<dyn Servable>> {
    let text = fs::read_to_string(path.join("bundle.json")).map_err(Error::internal)?;
    match text.as_str() {
        "half_plus_two" => Ok(model(&[("x", ColumnType::Float)], &[("y", OutputType::Float, 1)], half_plus_two)),
        "panics" => Ok(model(&[("x", ColumnType::Float)], &[("y", OutputType::Float, 1)], |_| panic!("on purpose"))),
        "slow" => Ok(model(&[("x", ColumnType::Float)], &[("y", OutputType::Float, 1)], |rows| {
            sleep(Duration::from_millis(400));
            half_plus_two(rows)
        })),
        "plus_one" => Ok(model(&[("x", ColumnType::Float)], &[("y", OutputType::Float, 1)], |rows| {
            let x = rows.column(0).as_primitive::<Float64Type>();
            vec![Arc::new(x.iter().map(|x| x.map(|x| (x + 1.0) as f32)).collect::<Float32Array>())]
        })),
        "mixed" => Ok(model(
            &[
                ("number", ColumnType::Float),
                ("id", ColumnType::Int),
                ("text", ColumnType::Text),
                ("flag", ColumnType::Bool),
            ],
            &[
                ("powers", OutputType::Float, 2),
                ("key", OutputType::Int, 1),
                ("text", OutputType::Text, 1),
                ("raw_bytes", OutputType::Text, 1),
            ],
            mixed,
        )),
        other => Err(Error::invalid(format!("no model `{other}`"))),
    }
}

/// Writes a version that [`load`] understands.
pub(crate) fn write(base: &Path, version: &str, model: &str) {
    let path = base.join(version);
    fs::create_dir_all(&path).expect("temporary directory");
    fs::write(path.join("bundle.json"), model).expect("temporary directory");
}

/// A manager over models `half_plus_two` (version 123) and `mixed` (version 7).
pub(crate) fn manager() -> ModelManager {
    let base = tempfile::tempdir().expect("temporary directory");
    write(base.path(), "half_plus_two/123", "half_plus_two");
    write(base.path(), "mixed/7", "mixed");
    let config = ManagerConfig { base: base.path().to_owned(), name: None };
    ModelManager::open(config, Box::new(load)).expect("directory is there")
}
