//! The parameters of a store that has been created, without its lock.

use crate::clip::Clipper;
use crate::dense::{Dense, Piece};
use crate::optimizers::Optimizers;
use crate::snapshot::{Snapshot, TableState};
use crate::spec::{check_specs, dense_dims, table_dim};
use crate::table::Table;
use crate::{Error, Gradients, Keys, Params, Result};
use std::collections::HashSet;
use trainyard_graph::Lanes;
use trainyard_nn::{Clip, ParamSpec};

/// Parameters and the step they are at. Each table is a value of its own, so that a parallel push can lend one to each thread.
pub(crate) struct State {
    pub(crate) step: u64,
    pub(crate) specs: Vec<ParamSpec>,
    seed: u64,
    dense: Vec<Dense>,
    tables: Vec<Table>,
    clipper: Clipper,
}

impl State {
    /// All parameters as they start.
    pub(crate) fn initial(specs: &[ParamSpec], seed: u64, optimizers: &Optimizers, clip: Option<Clip>) -> Result<Self> {
        check_specs(specs)?;
        let dense = specs.iter().filter(|spec| dense_dims(spec).is_some());
        let tables = specs.iter().filter(|spec| table_dim(spec).is_some());
        Ok(Self {
            step: 0,
            specs: specs.to_vec(),
            seed,
            dense: dense.map(|spec| Ok(Dense::initial(spec, seed, optimizers.of(spec)?))).collect::<Result<_>>()?,
            tables: tables.map(|spec| Ok(Table::new(spec, seed, optimizers.of(spec)?))).collect::<Result<_>>()?,
            clipper: Clipper::new(clip, specs),
        })
    }

    /// All parameters as they were.
    pub(crate) fn restored(snapshot: &Snapshot, optimizers: &Optimizers, clip: Option<Clip>) -> Result<Self> {
        snapshot.check()?;
        optimizers.check_kinds(snapshot)?;
        let (specs, seed) = (&snapshot.specs, snapshot.seed);
        let dense = specs.iter().filter(|spec| dense_dims(spec).is_some()).zip(&snapshot.dense);
        let tables = specs.iter().filter(|spec| table_dim(spec).is_some()).zip(&snapshot.tables);
        Ok(Self {
            step: snapshot.step,
            specs: specs.clone(),
            seed,
            dense: dense.map(|(spec, state)| Dense::restored(optimizers.of(spec)?, state)).collect::<Result<_>>()?,
            tables: tables
                .map(|(spec, state)| Table::restored(spec, seed, optimizers.of(spec)?, state))
                .collect::<Result<_>>()?,
            clipper: Clipper::new(clip, specs),
        })
    }

    pub(crate) fn snapshot(&self, optimizers: &Optimizers, lanes: &Lanes) -> Snapshot {
        let mut tables: Vec<Option<TableState>> = vec![None; self.tables.len()];
        lanes.share(self.tables.iter().zip(&mut tables), |(table, state)| *state = Some(table.state()));
        Snapshot {
            step: self.step,
            seed: self.seed,
            optimizers: optimizers.configs().clone(),
            specs: self.specs.clone(),
            dense: self.dense.iter().map(Dense::state).collect(),
            tables: tables.into_iter().flatten().collect(),
        }
    }

    pub(crate) fn pull(&self, keys: &Keys, params: &mut Params, lanes: &Lanes) -> Result<()> {
        self.check_keys(keys)?;
        params.dense.resize_with(self.dense.len(), Vec::new);
        params.rows.resize_with(self.tables.len(), Vec::new);
        let dense = self.dense.iter().zip(&mut params.dense).flat_map(|(dense, out)| dense.pull(out));
        let rows = self.tables.iter().zip(&keys.tables).zip(&mut params.rows);
        let rows = rows.map(|((table, ids), out)| Pull::Rows(table, ids, out));
        lanes.share(rows.chain(dense.map(|(weights, out)| Pull::Dense(weights, out))), Pull::run);
        Ok(())
    }

    pub(crate) fn push(&mut self, keys: &Keys, gradients: &Gradients, lanes: &Lanes) -> Result<()> {
        self.check_keys(keys)?;
        self.check_gradients(keys, gradients)?;
        if cfg!(debug_assertions) {
            self.check_unique(keys)?;
        }
        self.step += 1;
        let gradients = self.clipper.apply(gradients);
        let dense = self.dense.iter_mut().zip(&gradients.dense).flat_map(|(dense, gradient)| dense.push(gradient));
        let rows = self.tables.iter_mut().zip(&keys.tables).zip(&gradients.rows);
        let rows = rows.map(|((table, ids), gradients)| Push::Rows(table, ids, gradients));
        lanes.share(rows.chain(dense.map(Push::Dense)), |push| push.run(self.step));
        Ok(())
    }

    fn check_keys(&self, keys: &Keys) -> Result<()> {
        check_len(|| "the keys".into(), keys.tables.len(), self.tables.len(), "tables")
    }

    fn check_gradients(&self, keys: &Keys, gradients: &Gradients) -> Result<()> {
        check_len(|| "the gradient".into(), gradients.dense.len(), self.dense.len(), "dense parameters")?;
        for (dense, gradient) in self.dense.iter().zip(&gradients.dense) {
            check_len(|| gradient_of(dense.name()), gradient.len(), dense.len(), "values")?;
        }
        check_len(|| "the gradient".into(), gradients.rows.len(), self.tables.len(), "tables")?;
        for ((table, ids), gradient) in self.tables.iter().zip(&keys.tables).zip(&gradients.rows) {
            check_len(|| gradient_of(table.name()), gradient.len(), ids.len() * table.dim(), "values")?;
        }
        Ok(())
    }

    fn check_unique(&self, keys: &Keys) -> Result<()> {
        for (table, ids) in self.tables.iter().zip(&keys.tables) {
            let mut seen = HashSet::with_capacity(ids.len());
            if let Some(&id) = ids.iter().find(|id| !seen.insert(**id)) {
                return Err(Error::DuplicateKey { table: table.name().into(), id });
            }
        }
        Ok(())
    }
}

/// A table, or a piece of a dense parameter, to read. Tables come first: they are not cut.
enum Pull<'a> {
    Dense(&'a [f32], &'a mut [f32]),
    Rows(&'a Table, &'a [u64], &'a mut Vec<f32>),
}

impl Pull<'_> {
    fn run(self) {
        match self {
            Self::Dense(weights, out) => out.copy_from_slice(weights),
            Self::Rows(table, ids, out) => {
                out.resize(ids.len() * table.dim(), 0.0);
                table.pull(ids, out);
            }
        }
    }
}

/// A table, or a piece of a dense parameter, to update by its gradient.
enum Push<'a> {
    Dense(Piece<'a>),
    Rows(&'a mut Table, &'a [u64], &'a [f32]),
}

impl Push<'_> {
    fn run(self, step: u64) {
        match self {
            Self::Dense(piece) => piece.update(step),
            Self::Rows(table, ids, gradients) => table.push(step, ids, gradients),
        }
    }
}

fn gradient_of(name: &str) -> String {
    format!("the gradient of `{name}`")
}

fn check_len(what: impl Fn() -> String, found: usize, expected: usize, unit: &'static str) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what: what(), found, expected, unit }) }
}
