//! Everything that a store needs to continue bit for bit.

use crate::error::listed;
use crate::spec::{check_specs, dense_dims, table_dim};
use crate::{Error, Result};
use std::collections::BTreeMap;
use trainyard_nn::{OptimizerConfig, ParamSpec};

/// A copy of a store's content at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Number of pushes so far.
    pub step: u64,
    /// The seed of initial values, by which rows that do not exist yet will start.
    pub seed: u64,
    /// The optimizer of each group: a state of one kind is of no use to another.
    pub optimizers: BTreeMap<String, OptimizerConfig>,
    /// The parameters, in the model's order.
    pub specs: Vec<ParamSpec>,
    /// Dense parameters, in the order of their specs.
    pub dense: Vec<DenseState>,
    /// Tables, in the order of their specs.
    pub tables: Vec<TableState>,
}

/// A dense parameter with its optimizer's state.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseState {
    /// Name of the parameter.
    pub name: String,
    /// Values, row-major.
    pub weights: Vec<f32>,
    /// `[slots, values]`: the optimizer's slot 0 of all values, then slot 1 of all values, and so on.
    pub slots: Vec<f32>,
}

/// The rows of a table that exist, with their optimizer's state.
#[derive(Debug, Clone, PartialEq)]
pub struct TableState {
    /// Name of the table.
    pub name: String,
    /// Values per row.
    pub dim: usize,
    /// Ids of the rows, strictly ascending.
    pub ids: Vec<u64>,
    /// `[rows, dim]`.
    pub weights: Vec<f32>,
    /// `[rows, slots, dim]`.
    pub slots: Vec<f32>,
}

impl TableState {
    /// The values of a row; none for one that does not exist.
    pub fn row(&self, id: u64) -> Option<&[f32]> {
        let position = self.ids.binary_search(&id).ok()?;
        self.weights.get(position * self.dim..(position + 1) * self.dim)
    }
}

impl Snapshot {
    /// The dense parameter of a name.
    pub fn dense(&self, name: &str) -> Option<&DenseState> {
        self.dense.iter().find(|state| state.name == name)
    }

    /// The table of a name.
    pub fn table(&self, name: &str) -> Option<&TableState> {
        self.tables.iter().find(|state| state.name == name)
    }

    /// Checks that specs, names, lengths and the order of ids agree, so that what follows may rely on it.
    ///
    /// # Errors
    /// [`Error::Spec`] or [`Error::Snapshot`] with the first contradiction.
    pub fn check(&self) -> Result<()> {
        check_specs(&self.specs)?;
        let dense: Vec<_> = self.specs.iter().filter(|spec| dense_dims(spec).is_some()).collect();
        let tables: Vec<_> = self.specs.iter().filter(|spec| table_dim(spec).is_some()).collect();
        check_names(&dense, self.dense.iter().map(|state| &state.name))?;
        check_names(&tables, self.tables.iter().map(|state| &state.name))?;
        dense.iter().zip(&self.dense).try_for_each(|(spec, state)| state.check(spec))?;
        tables.iter().zip(&self.tables).try_for_each(|(spec, state)| state.check(spec))
    }
}

impl DenseState {
    fn check(&self, spec: &ParamSpec) -> Result<()> {
        check_len(&self.name, "weights", self.weights.len(), spec.shape.len())?;
        check_multiple(&self.name, self.slots.len(), spec.shape.len())
    }
}

impl TableState {
    fn check(&self, spec: &ParamSpec) -> Result<()> {
        let name = &self.name;
        check_len(name, "values per row", self.dim, spec.shape.len())?;
        let len = self.ids.len().checked_mul(self.dim).ok_or_else(|| wrong(name, "too many rows", "fewer"))?;
        check_len(name, "weights", self.weights.len(), len)?;
        check_multiple(name, self.slots.len(), len)?;
        if !self.ids.is_sorted_by(|a, b| a < b) {
            return Err(wrong(name, "ids out of order", "ids strictly ascending"));
        }
        Ok(())
    }
}

fn check_names<'a>(specs: &[&ParamSpec], states: impl Iterator<Item = &'a String>) -> Result<()> {
    let expected = listed(specs.iter().map(|spec| &spec.name));
    let found = listed(states);
    if found == expected {
        return Ok(());
    }
    Err(Error::Snapshot { problem: format!("it holds {found}"), expected: format!("its specs name {expected}") })
}

fn check_len(name: &str, what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(wrong(name, &format!("{found} {what}"), &expected.to_string())) }
}

fn check_multiple(name: &str, slots: usize, weights: usize) -> Result<()> {
    if slots == 0 || (weights > 0 && slots.is_multiple_of(weights)) {
        return Ok(());
    }
    Err(wrong(name, &format!("{slots} slot values"), &format!("a multiple of its {weights} weights")))
}

fn wrong(name: &str, problem: &str, expected: &str) -> Error {
    Error::Snapshot { problem: format!("`{name}` has {problem}"), expected: format!("expected {expected}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::{Initializer, ParamShape};

    fn snapshot() -> Snapshot {
        let dense = ParamSpec::new("w", ParamShape::Dense(vec![2]), Initializer::Zeros);
        let table = ParamSpec::new("t", ParamShape::Table { dim: 2 }, Initializer::Zeros);
        Snapshot {
            step: 1,
            seed: 0,
            optimizers: BTreeMap::new(),
            specs: vec![dense, table],
            dense: vec![DenseState { name: "w".into(), weights: vec![0.0; 2], slots: vec![0.0; 4] }],
            tables: vec![TableState {
                name: "t".into(),
                dim: 2,
                ids: vec![3, 5],
                weights: vec![1.0, 2.0, 3.0, 4.0],
                slots: vec![],
            }],
        }
    }

    #[track_caller]
    fn check_refused(change: impl Fn(&mut Snapshot), expected: &str) {
        let mut snapshot = snapshot();
        assert!(snapshot.check().is_ok());
        change(&mut snapshot);
        let message = snapshot.check().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn missing_weights_are_refused() {
        check_refused(|s| s.dense[0].weights.truncate(1), "`w` has 1 weights; expected 2");
        check_refused(|s| s.tables[0].weights.truncate(3), "`t` has 3 weights; expected 4");
    }

    #[test]
    fn slots_that_do_not_cover_the_weights_are_refused() {
        check_refused(|s| s.dense[0].slots.truncate(3), "a multiple of its 2 weights");
        check_refused(|s| s.tables[0].slots.push(0.0), "a multiple of its 4 weights");
    }

    #[test]
    fn ids_that_do_not_ascend_are_refused() {
        check_refused(|s| s.tables[0].ids.swap(0, 1), "ascending");
        check_refused(|s| s.tables[0].ids[1] = 3, "ascending");
    }

    #[test]
    fn states_of_other_names_are_refused() {
        check_refused(|s| s.tables[0].name = "u".into(), "holds u");
        check_refused(|s| s.dense.clear(), "holds none");
    }

    #[test]
    fn rows_are_found_by_id() {
        let snapshot = snapshot();
        let table = snapshot.table("t").unwrap();
        assert_eq!(table.row(5), Some(&[3.0, 4.0][..]));
        assert_eq!(table.row(4), None);
    }
}
