//! The crate's own source text, for tests that ask whether something is complete.

use std::fs;
use std::path::Path;

/// The text of all files below a directory.
fn read_all(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { read_all(&path) } else { fs::read_to_string(&path).expect("text") }).collect()
}

/// The methods that the files of the operations add to a graph.
pub fn methods() -> Vec<String> {
    let text = read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/op"));
    let functions = text.split("pub fn ").skip(1).filter_map(|rest| rest.split_once('('));
    let changing = functions.filter(|(_, parameters)| parameters.trim_start().starts_with("&mut self"));
    changing.map(|(name, _)| name.to_owned()).collect()
}
