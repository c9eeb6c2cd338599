//! The one door to parameters: what a step reads, what it sends back, and the trait between.

use crate::{Result, Snapshot};
use trainyard_graph::Program;
use trainyard_nn::ParamSpec;

/// What a step reads: the rows of each embedding table. Dense parameters are always read whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Ids by table, tables in the order of their specs; the ids of one table are unique, their order is free.
    pub tables: Vec<Vec<u64>>,
}

/// Values of parameters. A step reuses the buffers of the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    /// Dense parameters in the order of their specs, each row-major.
    pub dense: Vec<Vec<f32>>,
    /// Rows by table, `[ids, dim]` row-major, in the order of the keys.
    pub rows: Vec<Vec<f32>>,
}

/// Gradients of the loss by the values of a [`Params`], of the same shapes.
#[derive(Debug, Default, PartialEq)]
pub struct Gradients {
    /// By dense parameter, in the order of their specs.
    pub dense: Vec<Vec<f32>>,
    /// By table, `[ids, dim]`, in the order of the keys given with them.
    pub rows: Vec<Vec<f32>>,
}

impl Gradients {
    /// Takes them from the outputs of a program: from output `first` on one for each parameter, of which `is_table` says whether
    /// it is a table. The program gets their memory for its next run. Of an output that it has not there are no numbers.
    pub fn take(&mut self, program: &mut dyn Program, first: usize, is_table: &[bool]) {
        let n_tables = is_table.iter().filter(|table| **table).count();
        self.rows.resize_with(n_tables, Vec::new);
        self.dense.resize_with(is_table.len() - n_tables, Vec::new);
        let (mut dense, mut rows) = (self.dense.iter_mut(), self.rows.iter_mut());
        for (i, &table) in is_table.iter().enumerate() {
            if let Some(buffer) = if table { rows.next() } else { dense.next() } {
                program.swap_output(first + i, buffer);
            }
        }
    }
}

impl Clone for Gradients {
    fn clone(&self) -> Self {
        Self { dense: self.dense.clone(), rows: self.rows.clone() }
    }

    /// Reuses the buffers, which the derived method would not.
    fn clone_from(&mut self, source: &Self) {
        self.dense.clone_from(&source.dense);
        self.rows.clone_from(&source.rows);
    }
}

/// A place where parameters live. Training sees only this, and cannot tell memory from a network.
///
/// What holds for every implementation, and is tested by the `contract` suite:
/// - A value is a function of the seed, the parameter's name and the pushes so far, never of who asked or in what order.
/// - A row exists from its first push. Before that it reads as its initial value, and reading does not make it.
/// - A push is one optimizer step: it adds 1 to the step number, and every parameter and row in it is updated with that number.
///   A row that a push does not name stays as it is.
/// - A call that fails changes nothing.
///
/// Why tables are not dense parameters with a sparse gradient: nothing here is ever as large as a table, so a table may be
/// larger than the memory of the machine that trains.
pub trait ParamStore: Send + Sync {
    /// Makes the parameters at step 0. For a store that has these already it does nothing.
    ///
    /// # Errors
    /// When the store has other parameters, or a spec cannot be held.
    fn create(&self, specs: &[ParamSpec]) -> Result<()>;

    /// Reads all dense parameters and the rows named into `params`, whatever was in it.
    ///
    /// # Errors
    /// When there are no parameters yet, or `keys` has another number of tables.
    fn pull(&self, keys: &Keys, params: &mut Params) -> Result<()>;

    /// Takes one optimizer step with gradients for all dense parameters and the rows named.
    ///
    /// # Errors
    /// When there are no parameters yet, or a shape does not fit.
    fn push(&self, keys: &Keys, gradients: &Gradients) -> Result<()>;

    /// Number of pushes so far.
    ///
    /// # Errors
    /// When there are no parameters yet.
    fn step(&self) -> Result<u64>;

    /// A copy of everything that a restored store needs to continue bit for bit.
    ///
    /// # Errors
    /// When there are no parameters yet.
    fn snapshot(&self) -> Result<Snapshot>;

    /// Replaces everything by the content of a snapshot, the seed too; makes the parameters if there are none.
    ///
    /// # Errors
    /// When the snapshot contradicts itself, is of other parameters, or was trained by another kind of optimizer.
    fn restore(&self, snapshot: &Snapshot) -> Result<()>;
}
