//! The pages in `docs` quote programs that exist, and link to files that do.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Checks that each block of Rust on a page stands in one of the files, line by line.
#[track_caller]
fn check_quotes(page: &str, sources: &[&str]) {
    let text = read(&root().join("docs/custom-models").join(page));
    let sources: String = sources.iter().map(|source| read(&root().join("crates").join(source))).collect();
    let blocks: Vec<&str> = text.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "{page} quotes no program");
    for block in blocks {
        assert!(sources.contains(block), "{page} quotes lines that its program does not have:\n{block}");
    }
}

#[test]
fn the_page_on_graphs_quotes_its_example() {
    check_quotes("graph.md", &["trainyard-graph/examples/raw_graph.rs", "trainyard-graph/tests/docs.rs"]);
}

#[test]
fn the_page_on_layers_quotes_its_example() {
    check_quotes("layers.md", &["trainyard-nn/examples/layers.rs"]);
}

#[test]
fn the_page_on_estimators_quotes_its_example() {
    check_quotes("estimator.md", &["trainyard/examples/custom_network.rs"]);
}

#[test]
fn the_examples_of_custom_models_have_fewer_than_80_lines() {
    for example in ["-graph/examples/raw_graph", "-nn/examples/layers", "/examples/custom_network"] {
        let lines = read(&root().join(format!("crates/trainyard{example}.rs"))).lines().count();
        assert!(lines < 80, "{example} has {lines} lines");
    }
}

/// What it gives, and its formula, what it makes of a missing value and how it is exported.
#[test]
fn the_spec_documents_each_operation_in_both_tables() {
    let text = read(&root().join("docs/spec.md"));
    let features = text.split("\n## ").find(|section| section.starts_with("`[features]`")).unwrap_or_default();
    for name in trainyard::features::FeatureOp::NAMES {
        let rows: Vec<usize> =
            features.lines().filter(|line| line.starts_with(&format!("| `{name}` |"))).map(cells).collect();
        assert_eq!(rows, [3, 4], "columns of the rows of `{name}`");
    }
}

/// Cells of a row of a table that are not empty but for the last, parameters, of which there may be none.
fn cells(row: &str) -> usize {
    let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
    assert!(cells[..cells.len() - 1].iter().all(|cell| !cell.is_empty()), "{row}");
    cells.len()
}

#[test]
fn links_between_files_lead_somewhere() {
    for page in ["data", "custom-models", "custom-models/graph", "custom-models/layers", "custom-models/estimator"] {
        let path = root().join(format!("docs/{page}.md"));
        let text = read(&path);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            assert!(path.with_file_name(link).exists(), "{page} links to {link}");
        }
    }
}

#[test]
fn the_page_on_data_lists_every_anomaly_with_its_severity() {
    use trainyard::features::validation::AnomalyKind;
    let text = read(&root().join("docs/data.md"));
    let listed: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    for kind in AnomalyKind::ALL {
        let row = format!("| `{}` | {} | ", kind.code(), kind.severity());
        assert!(listed.iter().any(|line| line.starts_with(&row)), "docs/data.md lacks {row}");
    }
    let anomalies = listed.iter().filter(|line| line.contains("| warning |") || line.contains("| error |")).count();
    assert_eq!(anomalies, AnomalyKind::ALL.len(), "docs/data.md lists anomalies that there are not");
}
