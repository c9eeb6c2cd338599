//! `examples/taxi/taxi.toml` through the library: `cargo run --release --example taxi [DIRECTORY]`.

use trainyard::data::SourceConfig;
use trainyard::features::op::{Bucketize, Clip, Cross, Sql, ZScore};
use trainyard::train::spec::{DataConfig, EarlyStopping, TrainConfig};
use trainyard::{
    Dnn, Estimator, FeatureOp, FeatureSpec, FeatureSpecs, LabelSpec, LabelTask, ModelConfig, Silent, Spec,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/taxi/");
const COORDINATES: [&str; 4] = ["pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude"];

/// Coordinates, their differences and lengths, clipped and standardised; and the cells of a grid.
fn features() -> trainyard::features::Result<FeatureSpecs> {
    let mut features = FeatureSpecs::new();
    let mut numbers = COORDINATES.to_vec();
    for (name, expr) in [
        ("dx", "dropoff_longitude - pickup_longitude"),
        ("dy", "dropoff_latitude - pickup_latitude"),
        ("abs_dx", "abs(dx)"),
        ("abs_dy", "abs(dy)"),
        ("length", "hypot(dx, dy)"),
        ("blocks", "abs_dx + abs_dy"),
    ] {
        features.push(name, FeatureSpec::new(FeatureOp::Sql(Sql { expr: expr.into() }), &[]))?;
        numbers.push(name);
    }
    let clip = Clip { lower_quantile: Some(0.001), upper_quantile: Some(0.999), ..Clip::default() };
    for name in numbers {
        let clipped = format!("{name}_clipped");
        features.push(&clipped, FeatureSpec::new(FeatureOp::Clip(clip.clone()), &[name]))?;
        features.push(format!("{name}_scaled"), FeatureSpec::new(FeatureOp::ZScore(ZScore {}), &[&clipped]))?;
    }
    for name in COORDINATES {
        let tenths = Bucketize { quantiles: Some(10), ..Bucketize::default() };
        features.push(format!("{name}_part"), FeatureSpec::new(FeatureOp::Bucketize(tenths), &[name]))?;
    }
    for end in ["pickup", "dropoff"] {
        let inputs = [&*format!("{end}_longitude_part"), &*format!("{end}_latitude_part")];
        features.push(
            format!("{end}_cell"),
            FeatureSpec::new(FeatureOp::Cross(Cross { buckets: 200, key: None }), &inputs),
        )?;
    }
    Ok(features)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let columns = ["fare_amount"].iter().chain(&COORDINATES).chain(&["passengers", "key"]);
    let data = DataConfig {
        eval: Some(format!("{FOLDER}taxi-valid.csv").as_str().into()),
        test: Some(format!("{FOLDER}taxi-test.csv").as_str().into()),
        files: SourceConfig {
            header: false,
            columns: columns.map(ToString::to_string).collect(),
            ..SourceConfig::default()
        },
        ..DataConfig::new(
            format!("{FOLDER}taxi-train.csv").as_str(),
            LabelSpec::new("fare_amount", LabelTask::Regression),
        )
    };
    let model = ModelConfig::Dnn(Dnn { hidden_units: vec![64, 32], ..Dnn::default() });
    let early_stopping = EarlyStopping { patience: 10 };
    let train = TrainConfig { batch_size: 32, epochs: 60, early_stopping, ..TrainConfig::default() };
    let spec = Spec { model, train, ..Spec::new("taxi", data, features()?) };
    let directory = std::env::args().nth(1).unwrap_or_else(|| "runs/taxi-library".to_owned());
    let trained = Estimator::new(spec).in_directory(directory).fit(&Silent)?;
    let results = trained.results.ok_or("the run was interrupted")?;
    println!("rmse: eval {:?}, test {:?}", results.eval("rmse"), results.test("rmse"));
    Ok(())
}
