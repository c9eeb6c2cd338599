//! `examples/taxi/taxi.toml` through the library: `cargo run --release --example taxi [DIRECTORY]`.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

use trainyard::data::SourceConfig;
use trainyard::features::op::{Bucketize, Clip, Cross, Sql, ZScore};
use trainyard::train::spec::{DataConfig, EarlyStopping, TrainConfig};
use trainyard::{
    Dnn, Estimator, FeatureOp, FeatureSpec, FeatureSpecs, LabelSpec, LabelTask, ModelConfig, Silent, Spec,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/taxi/taxi-");
const COLUMNS: [&str; 7] = ["fare", "x1", "y1", "x2", "y2", "passengers", "key"];
const LENGTHS: [(&str, &str); 6] = [
    ("dx", "x2 - x1"),
    ("dy", "y2 - y1"),
    ("abs_dx", "abs(dx)"),
    ("abs_dy", "abs(dy)"),
    ("length", "hypot(dx, dy)"),
    ("blocks", "abs_dx + abs_dy"),
];

/// Coordinates, their differences and lengths, clipped and standardised; and the cells of a grid.
fn features() -> trainyard::features::Result<FeatureSpecs> {
    let mut features = FeatureSpecs::new();
    let mut add = |name: &str, op, inputs: &[&str]| features.push(name, FeatureSpec::new(op, inputs));
    for (name, expr) in LENGTHS {
        add(name, FeatureOp::Sql(Sql { expr: expr.to_owned() }), &[])?;
    }
    let clip = Clip { lower_quantile: Some(0.001), upper_quantile: Some(0.999), ..Clip::default() };
    for name in COLUMNS[1..5].iter().copied().chain(LENGTHS.map(|(name, _)| name)) {
        add(&format!("{name}_clipped"), FeatureOp::Clip(clip.clone()), &[name])?;
        add(&format!("{name}_scaled"), FeatureOp::ZScore(ZScore {}), &[&format!("{name}_clipped")])?;
    }
    for (name, x, y) in [("pickup", "x1", "y1"), ("dropoff", "x2", "y2")] {
        let tenths = Bucketize { quantiles: Some(10), ..Bucketize::default() };
        add(&format!("{x}_part"), FeatureOp::Bucketize(tenths.clone()), &[x])?;
        add(&format!("{y}_part"), FeatureOp::Bucketize(tenths), &[y])?;
        let cross = FeatureOp::Cross(Cross { buckets: 200, key: None });
        add(&format!("{name}_cell"), cross, &[&format!("{x}_part"), &format!("{y}_part")])?;
    }
    Ok(features)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = |split: &str| format!("{FOLDER}{split}.csv").as_str().into();
    let mut data = DataConfig::new(path("train"), LabelSpec::new("fare", LabelTask::Regression));
    (data.eval, data.test) = (Some(path("valid")), Some(path("test")));
    data.files = SourceConfig { header: false, columns: COLUMNS.map(str::to_owned).to_vec(), ..Default::default() };
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
