//! A network and a loss of one's own: `cargo run --release --example custom_network [DIRECTORY]`.
//!
//! The model gates its features, and joins a small tower with a cross network; the head trains on the logarithm of the fare, so
//! that a tenth too much costs the same on a short ride and a long one. Both use the graph's own operations beside layers.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

use trainyard::graph::{Activation, Graph, NodeId};
use trainyard::model::{Inputs, LabelSummary, Metrics, Output, Regression, Result};
use trainyard::nn::Loss;
use trainyard::nn::layers::{Cross, Dense, Embedding};
use trainyard::{Estimator, Head, Model, Silent, Spec};

/// `tower(x ∘ gate(x)) + cross(x)`, where the gate learns which features matter for a ride.
#[derive(Debug)]
struct Gated;

impl Model for Gated {
    fn logits(&self, inputs: &mut Inputs<'_>, width: usize) -> Result<NodeId> {
        let mut parts: Vec<NodeId> = inputs.numeric()?.into_iter().collect();
        for feature in &inputs.encoding().categorical {
            let ids = inputs.ids(&feature.name)?;
            parts.push(Embedding::new(4).apply(&mut inputs.network, &feature.name, ids)?);
        }
        let network = &mut inputs.network;
        let x = network.graph.concat(&parts)?;
        let features = network.graph.shape(x).last().unwrap_or(1);
        let gate = Dense::new(features).with_activation(Activation::Sigmoid).apply(network, "gate", x)?;
        let gated = network.graph.mul(x, gate)?;
        let hidden = Dense::new(64).with_activation(Activation::Relu).apply(network, "hidden_1", gated)?;
        let hidden = Dense::new(32).with_activation(Activation::Relu).apply(network, "hidden_2", hidden)?;
        let crossed = Cross::new(2).apply(network, "cross", x)?;
        let both = network.graph.concat(&[hidden, crossed])?;
        Ok(Dense::new(width).apply(network, "output", both)?)
    }
}

/// Predicts `exp(z) - 1`, and is trained by the squared error of `z` to `ln(1 + fare)`.
#[derive(Debug)]
struct LogFare(Regression);

impl Head for LogFare {
    fn width(&self) -> usize {
        1
    }

    fn loss(&self, graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
        let shifted = graph.affine(labels, 1.0, 1.0)?;
        let targets = graph.log(shifted)?;
        Ok(Loss::SquaredError.per_example(graph, logits, targets)?)
    }

    fn predictions(&self, graph: &mut Graph, logits: NodeId) -> Result<NodeId> {
        let exp = graph.exp(logits)?;
        Ok(graph.affine(exp, 1.0, -1.0)?)
    }

    fn outputs(&self) -> Vec<Output> {
        self.0.outputs()
    }

    fn metrics(&self) -> Box<dyn Metrics> {
        self.0.metrics()
    }

    fn baseline(&self, labels: &LabelSummary) -> Vec<f32> {
        self.0.baseline(labels)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let spec = Spec::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/taxi/taxi.toml").as_ref())?;
    let directory = std::env::args().nth(1).unwrap_or_else(|| "runs/taxi-custom".to_owned());
    let head = LogFare(Regression::new(Loss::SquaredError));
    let trained = Estimator::new(spec).with_model(Gated).with_head(head).in_directory(directory).fit(&Silent)?;
    let results = trained.results.ok_or("the run was interrupted")?;
    println!("rmse: eval {:?}, test {:?}", results.eval("rmse"), results.test("rmse"));
    assert!(results.eval("rmse").is_some_and(|rmse| rmse < 7.0), "no better than the mean fare, whose rmse is 9.7");
    Ok(())
}
