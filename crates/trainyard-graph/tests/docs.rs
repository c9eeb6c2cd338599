//! `docs/custom-models/graph.md` names all operations and activations, and its own operation works.

mod sources;

use sources::methods;
use std::fs;
use std::path::Path;
use trainyard_graph::check::{self, Case};
use trainyard_graph::{Graph, NodeId, Result};

const PAGE: &str = "../../docs/custom-models/graph.md";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// The variants of an enum in a file.
fn variants(path: &str, declaration: &str) -> Vec<String> {
    let text = read(path);
    let (_, body) = text.split_once(&format!("{declaration} {{\n")).expect(declaration);
    let lines = body.lines().take_while(|line| *line != "}").filter_map(|line| line.strip_prefix("    "));
    let names = lines.map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect::<String>());
    names.filter(|name| name.starts_with(char::is_uppercase)).collect()
}

#[track_caller]
fn check_named(names: &[String], known: &str) {
    assert!(names.iter().any(|name| name == known), "{known} is not among {names:?}");
    let page = read(PAGE);
    let missing: Vec<&String> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{PAGE} lacks {missing:?}: give each a row in its table");
}

#[test]
fn the_page_names_every_operation() {
    check_named(&variants("src/op/mod.rs", "pub enum Op"), "RecurrentWeightsGrad");
}

#[test]
fn the_page_names_every_method() {
    check_named(&methods(), "conv2d");
}

#[test]
fn the_page_names_every_activation() {
    check_named(&variants("src/op/activate.rs", "pub enum Activation"), "LeakyRelu");
}

/// `x / (1 + |x|)`.
fn softsign(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let size = graph.abs(x)?;
    let below = graph.affine(size, 1.0, 1.0)?;
    graph.div(x, below)
}

#[test]
fn a_composed_operation_has_its_gradient() {
    let case = Case::unary(&[-3.0, 0.5, 1.0], softsign);
    check::close(&case.values(), &[-0.75, 1.0 / 3.0, 0.5], 1e-6);
    case.check_gradients();
}
