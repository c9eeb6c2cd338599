//! What a network asks to have learned.

use crate::Initializer;
use serde::{Deserialize, Serialize};
use trainyard_graph::random;

/// The group of a parameter that names no other.
pub const MAIN_GROUP: &str = "main";

/// The group of moving statistics, such as those of batch normalisation. What stands for their gradient is how far they are
/// from the batch's: gradient descent makes them moving averages, and no bound on gradients concerns them.
pub const STATISTICS_GROUP: &str = "statistics";

/// The shape of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ParamShape {
    /// Sizes of the axes; a step reads and changes the whole.
    Dense(Vec<usize>),
    /// Rows of `dim` values, any number of them, each found by its id; a step reads and changes the rows that it names.
    Table {
        /// Values per row.
        dim: usize,
    },
}

impl ParamShape {
    /// Number of values: all of a dense parameter, those of one row of a table.
    pub fn len(&self) -> usize {
        match self {
            Self::Dense(dims) => dims.iter().product(),
            Self::Table { dim } => *dim,
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A parameter: its name, its shape, how it starts and what trains it.
///
/// ```
/// use trainyard_nn::{Initializer, ParamShape, ParamSpec};
///
/// let spec = ParamSpec::new("dense/bias", ParamShape::Dense(vec![3]), Initializer::Constant { value: 0.5 });
/// let mut bias = vec![0.0; spec.shape.len()];
/// spec.fill(spec.stream(42), &mut bias);
/// assert_eq!(bias, [0.5, 0.5, 0.5]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// Name, unique in a model: the layers from the outermost on and the parameter's own, with `/` between.
    pub name: String,
    /// Shape.
    pub shape: ParamShape,
    /// How it starts.
    pub initializer: Initializer,
    /// The optimizer that trains it, such as `wide`; `main` unless said otherwise.
    #[serde(default = "main_group")]
    pub group: String,
}

fn main_group() -> String {
    MAIN_GROUP.to_owned()
}

impl ParamSpec {
    /// A parameter of the group `main`.
    pub fn new(name: impl Into<String>, shape: ParamShape, initializer: Initializer) -> Self {
        Self { name: name.into(), shape, initializer, group: main_group() }
    }

    /// Inputs and outputs of one unit, by which an initializer scales.
    ///
    /// Of `[.., in, out]` these are `in` and `out`, each times the axes before them (the window of a convolution); of
    /// `[n]` both are `n`. Of a table both are its dimension, which gives a row about the length 1.
    pub fn fan(&self) -> (usize, usize) {
        match &self.shape {
            ParamShape::Table { dim } => (*dim, *dim),
            ParamShape::Dense(dims) => match dims[..] {
                [] => (1, 1),
                [n] => (n, n),
                [ref window @ .., fan_in, fan_out] => {
                    let window: usize = window.iter().product();
                    (window * fan_in, window * fan_out)
                }
            },
        }
    }

    /// What the initializer needs to know of the shape: the fan, or rows and columns, where all axes but the last are one.
    fn scale(&self) -> (usize, usize) {
        match (&self.initializer, &self.shape) {
            (Initializer::Orthogonal, ParamShape::Table { dim }) => (1, *dim),
            (Initializer::Orthogonal, ParamShape::Dense(dims)) => {
                let (columns, rows) = dims.split_last().map_or((1, &[][..]), |(&last, rows)| (last, rows));
                (rows.iter().product(), columns)
            }
            _ => self.fan(),
        }
    }

    /// The stream of this parameter's initial values under `seed`. It depends on the name alone.
    pub fn stream(&self, seed: u64) -> u64 {
        random::stream(seed, &self.name)
    }

    /// Fills a dense parameter with its initial values; `stream` is [`stream`](Self::stream)'s.
    pub fn fill(&self, stream: u64, out: &mut [f32]) {
        self.initializer.fill(stream, 0, self.scale(), out);
    }

    /// Fills a table's row `id` with its initial values; `stream` is [`stream`](Self::stream)'s.
    pub fn fill_row(&self, stream: u64, id: u64, out: &mut [f32]) {
        self.initializer.fill(random::bits(stream, id), 0, self.scale(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_fan(shape: ParamShape, expected: (usize, usize)) {
        assert_eq!(ParamSpec::new("x", shape, Initializer::Zeros).fan(), expected);
    }

    #[test]
    fn a_scalar_has_one_input_and_output() {
        check_fan(ParamShape::Dense(vec![]), (1, 1));
    }

    #[test]
    fn a_matrix_has_its_rows_as_inputs() {
        check_fan(ParamShape::Dense(vec![3, 5]), (3, 5));
    }

    #[test]
    fn a_convolution_counts_its_window() {
        check_fan(ParamShape::Dense(vec![2, 4, 3, 5]), (24, 40));
    }

    #[test]
    fn a_table_has_its_dimension() {
        check_fan(ParamShape::Table { dim: 16 }, (16, 16));
    }

    #[test]
    fn rows_start_differently_and_reproducibly() {
        let spec = ParamSpec::new("x", ParamShape::Table { dim: 4 }, Initializer::LecunNormal);
        let row = |seed, id| {
            let mut row = [0.0; 4];
            spec.fill_row(spec.stream(seed), id, &mut row);
            row
        };
        assert_eq!(row(1, 5), row(1, 5));
        assert_ne!(row(1, 5), row(1, 6));
        assert_ne!(row(1, 5), row(2, 5));
    }

    #[test]
    fn an_orthogonal_kernel_has_all_axes_but_the_last_as_one() {
        let norms = |dims: &[usize], columns: usize| -> Vec<f32> {
            let spec = ParamSpec::new("x", ParamShape::Dense(dims.to_vec()), Initializer::Orthogonal);
            let mut values = vec![0.0; spec.shape.len()];
            spec.fill(spec.stream(1), &mut values);
            let column = |c: usize| values.iter().skip(c).step_by(columns).map(|x| x * x).sum::<f32>();
            (0..columns).map(column).collect()
        };
        trainyard_graph::check::close(&norms(&[3, 3, 2, 5], 5), &[1.0; 5], 1e-5);
        trainyard_graph::check::close(&norms(&[8, 3], 3), &[1.0; 3], 1e-5);
        let table = ParamSpec::new("x", ParamShape::Table { dim: 4 }, Initializer::Orthogonal);
        let mut row = [0.0; 4];
        table.fill_row(table.stream(1), 7, &mut row);
        trainyard_graph::check::close(&[row.iter().map(|x| x * x).sum()], &[1.0], 1e-5);
    }

    #[test]
    fn a_spec_survives_json_and_defaults_its_group() {
        let text = r#"{"name":"x","shape":{"table":{"dim":4}},"initializer":"zeros"}"#;
        let spec: ParamSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec, ParamSpec::new("x", ParamShape::Table { dim: 4 }, Initializer::Zeros));
        assert_eq!(serde_json::from_str::<ParamSpec>(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
    }
}
