//! A crate imports crates of lower floors only; see ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::process::Command;

const FLOORS: [(&str, u32); 9] = [
    ("trainyard-graph", 0),
    ("trainyard-nn", 1),
    ("trainyard-features", 1),
    ("trainyard-store", 2),
    ("trainyard-data", 3),
    ("trainyard-model", 3),
    ("trainyard-train", 4),
    ("trainyard-service", 4),
    ("trainyard", 5),
];

fn metadata() -> serde_json::Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let args = ["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"];
    let output = Command::new(cargo).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_import_lower_floors_only() {
    let floors: BTreeMap<&str, u32> = FLOORS.into();
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), floors.len(), "a crate has no floor yet; give it one here and in ARCHITECTURE.md");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let own = floors[name];
        for dependency in package["dependencies"].as_array().unwrap() {
            if let Some(&floor) = floors.get(dependency["name"].as_str().unwrap()) {
                assert!(floor < own, "{name} (floor {own}) imports {} (floor {floor})", dependency["name"]);
            }
        }
    }
}

#[test]
fn the_floors_are_those_of_the_documentation() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md")).unwrap();
    for (name, floor) in FLOORS {
        let line = text.lines().find(|line| line.starts_with(&format!("floor {floor}"))).unwrap();
        assert!(line.contains(name), "ARCHITECTURE.md does not have {name} on floor {floor}");
    }
    assert!(text.lines().count() <= 200, "ARCHITECTURE.md is longer than 200 lines");
}
