//! The order in which features are made.

use super::Source;
use crate::spec::FeatureSpecs;
use crate::{Error, Result};
use std::collections::BTreeSet;

/// The features such that each comes after those that it reads; in the written order where that leaves a choice.
pub(super) fn order(specs: &FeatureSpecs, sources: &[Vec<Source>]) -> Result<Vec<usize>> {
    let mut placed = vec![false; specs.len()];
    let mut order = Vec::with_capacity(specs.len());
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); specs.len()];
    let mut waiting_for: Vec<usize> = vec![0; specs.len()];
    for (i, sources) in sources.iter().enumerate() {
        for source in sources {
            if let Source::Feature(read) = source {
                readers[*read].push(i);
                waiting_for[i] += 1;
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..specs.len()).filter(|&i| waiting_for[i] == 0).collect();
    while let Some(i) = ready.pop_first() {
        placed[i] = true;
        order.push(i);
        for &reader in &readers[i] {
            waiting_for[reader] -= 1;
            if waiting_for[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    match placed.iter().position(|placed| !placed) {
        None => Ok(order),
        Some(start) => Err(circle(specs, sources, &placed, start)),
    }
}

/// Says which features read each other in a circle, from one that cannot be placed because of it.
fn circle(specs: &FeatureSpecs, sources: &[Vec<Source>], placed: &[bool], start: usize) -> Error {
    let names: Vec<&str> = specs.names().collect();
    let unplaced = |i: usize| {
        sources[i].iter().find_map(|source| match source {
            Source::Feature(read) if !placed[*read] => Some(*read),
            _ => None,
        })
    };
    let mut path = vec![start];
    while let Some(next) = unplaced(path[path.len() - 1]) {
        if let Some(first) = path.iter().position(|&i| i == next) {
            path.drain(..first);
            path.push(next);
            break;
        }
        path.push(next);
    }
    let words: Vec<String> = path.iter().map(|&i| format!("`{}`", names[i])).collect();
    let problem = format!(
        "features read each other in a circle: {}; a feature hides a column of the same name, so rename a feature to reach \
         the column",
        words.join(" → ")
    );
    Error::feature(names[path[0]], problem)
}
