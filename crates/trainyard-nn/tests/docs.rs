//! `docs/custom-models/layers.md` names all layers, losses, optimizers, metrics and initializers.

use std::fs;
use std::path::Path;

const PAGE: &str = "../../docs/custom-models/layers.md";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// What a module gives to its users.
fn exports(path: &str) -> Vec<String> {
    let text = read(path);
    let lines = text.lines().filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';'));
    let lists = lines.filter_map(|line| line.split_once("::").map(|(_, names)| names.trim_matches(['{', '}'])));
    lists.flat_map(|names| names.split(", ")).map(str::to_owned).collect()
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
fn the_page_names_every_layer() {
    check_named(&exports("src/layers/mod.rs"), "GlobalAveragePool");
}

#[test]
fn the_page_names_every_loss() {
    check_named(&exports("src/loss/mod.rs"), "tweedie");
    check_named(&variants("src/loss/mod.rs", "pub enum Loss"), "Focal");
}

#[test]
fn the_page_names_every_optimizer_and_what_bounds_and_schedules_it() {
    check_named(&variants("src/optim/config.rs", "pub enum OptimizerConfig"), "RmsProp");
    check_named(&variants("src/clip.rs", "pub enum Clip"), "GlobalNorm");
    check_named(&variants("src/schedule.rs", "pub enum Decay"), "Cosine");
}

#[test]
fn the_page_names_every_metric() {
    check_named(&exports("src/metrics/mod.rs"), "CalibrationBin");
}

#[test]
fn the_page_names_every_initializer() {
    check_named(&variants("src/init.rs", "pub enum Initializer"), "TruncatedNormal");
}
