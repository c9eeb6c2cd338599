//! Numbers as their principal components.

mod eigen;

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of};
use crate::column::Column;
use crate::fit::{Joint, JointNeeds};
use serde::{Deserialize, Serialize};

/// The greatest number of inputs.
const MAX_INPUTS: usize = 128;

/// `y = V · (x − mean)`: the numbers of a row along the `components` directions in which the training data varies most, the first
/// most of all. The rows of `V` are the unit eigenvectors of the covariance `E[x xᵀ] − E[x] E[x]ᵀ` (divided by `n`, as in
/// `tft.pca`) by falling eigenvalue; in each, the entry that is largest in size is positive. With `whiten`, `y` is divided by the
/// deviation along its direction, where there is one.
///
/// Reads 2 to 128 `inputs` of one number per row; scale them first when their units differ. Rows with a missing or infinite
/// number do not count in fitting; in a row such a number is taken as its mean. Computed in `f64` and rounded once. Sums are
/// exact and the eigenvectors are those of Jacobi's method in a fixed order, so fitting is the same for any order of rows.
///
/// ```toml
/// [features.size]
/// op = "pca"
/// inputs = ["length_z", "width_z", "height_z"]
/// components = 2
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pca {
    /// Numbers that are kept, from 1 to the number of inputs.
    pub components: usize,
    /// Whether all of them have deviation 1.
    #[serde(default)]
    pub whiten: bool,
}

impl Operation for Pca {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        let n = inputs.len();
        if !(2..=MAX_INPUTS).contains(&n) {
            return Err(format!("takes 2 to {MAX_INPUTS} `inputs`, not {n}"));
        }
        for input in inputs {
            any_of(input, &[Kind::Number, Kind::Int, Kind::Bool], "one number per row")?;
        }
        if !(1..=n).contains(&self.components) {
            return Err(format!("`components` is {}; expected 1 to {n}, the number of inputs", self.components));
        }
        Ok(if self.components == 1 { Kind::Number } else { Kind::Vector })
    }

    fn joint_needs(&self, inputs: usize) -> Option<JointNeeds> {
        Some(JointNeeds::Covariance(inputs))
    }

    fn fit_joint(&self, joint: &Joint, _: &[Input]) -> Checked<Constants> {
        let Joint::Covariance(found) = joint else { return Err("was fitted as another; please report it".to_string()) };
        let mut directions = eigen::symmetric(found.matrix());
        directions.truncate(self.components);
        let row = |direction: &eigen::Direction| {
            let deviation = direction.value.max(0.0).sqrt();
            let divisor = if self.whiten && deviation > 0.0 { deviation } else { 1.0 };
            direction.vector.iter().map(|entry| (entry / divisor) as f32).collect::<Vec<f32>>()
        };
        let means = found.means().into_iter().map(|mean| mean as f32).collect();
        let variances = directions.iter().map(|direction| direction.value.max(0.0) as f32).collect();
        let matrix = directions.iter().flat_map(row).collect();
        Ok(Constants::default().with("mean", means).with("matrix", matrix).with("variance", variances))
    }

    fn build(&self, constants: &Constants, inputs: &[Input]) -> Checked<Kernel> {
        let wide = |name: &str| Ok::<_, String>(constants.list(name)?.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        let (means, matrix, width, n) = (wide("mean")?, wide("matrix")?, self.components, inputs.len());
        if means.len() != n || width.checked_mul(n) != Some(matrix.len()) {
            return Err("fitted `mean` and `matrix` do not fit `inputs` and `components`; fit the features again".to_string());
        }
        Ok(Kernel::new(width as u64, move |args: Args<'_>| {
            let columns = (0..n).map(|i| args.doubles(i)).collect::<Checked<Vec<_>>>()?;
            let mut centred = vec![0.0; n];
            let mut values = Vec::with_capacity(args.rows * width);
            for row in 0..args.rows {
                let numbers = columns.iter().map(|column| column[row]).zip(&means);
                let centre = |(x, mean): (f64, &f64)| if x.is_finite() { x - mean } else { 0.0 };
                centred.iter_mut().zip(numbers).for_each(|(target, pair)| *target = centre(pair));
                let along = |direction: &[f64]| direction.iter().zip(&centred).map(|(v, x)| v * x).sum::<f64>() as f32;
                values.extend(matrix.chunks_exact(n).map(along));
            }
            Ok(Column::Numbers { width, values })
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const SPEC: &str = "[y]\nop = 'pca'\ninputs = ['a', 'b']\n";

    fn columns(a: &[f64], b: &[f64]) -> Columns {
        vec![("a", floats(a)), ("b", floats(b))]
    }

    #[track_caller]
    fn check(parameters: &str, a: &[f64], b: &[f64], expected: &[f32]) {
        let found = run(&format!("{SPEC}{parameters}"), &columns(a, b)).unwrap().numeric;
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn points_on_a_line_have_one_component() {
        // Along (3, 4) / 5 through (3, 4).
        check("components = 2", &[0.0, 3.0, 6.0], &[0.0, 4.0, 8.0], &[-5.0, 0.0, 0.0, 0.0, 5.0, 0.0]);
    }

    /// `sklearn.decomposition.PCA(2).fit_transform([[1, 4], [2, 1], [3, 1], [6, 0]])` of scikit-learn 1.9.1, with the
    /// signs of the components turned so that their largest entries are positive.
    #[test]
    fn matches_scikit_learn() {
        let expected = [-3.105_075, 0.780_070_4, -0.493_566_1, -1.003_191_1, 0.302_563_3, -0.398_064_7, 3.296_077_7, 0.621_185_5];
        check("components = 2", &[1.0, 2.0, 3.0, 6.0], &[4.0, 1.0, 1.0, 0.0], &expected);
    }

    #[test]
    fn whitened_components_have_deviation_1() {
        check("components = 1\nwhiten = true", &[0.0, 6.0], &[0.0, 8.0], &[-1.0, 1.0]);
    }

    #[test]
    fn a_missing_number_is_taken_as_its_mean() {
        check("components = 1", &[0.0, 6.0, f64::NAN, f64::NAN], &[0.0, 8.0, 4.0, 5.25], &[-5.0, 5.0, 0.0, 1.0]);
    }

    #[test]
    fn a_column_without_values_gives_zeros() {
        check("components = 2", &[f64::NAN, f64::NAN], &[1.0, 2.0], &[0.0, 1.0, 0.0, 2.0]);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let columns = || columns(&[1.0, 2.0], &[3.0, 5.0]);
        check_error(&format!("{SPEC}components = 3"), columns(), "`components` is 3; expected 1 to 2, the number of inputs");
        check_error("[y]\nop = 'pca'\ninput = 'a'\ncomponents = 1", columns(), "takes 2 to 128 `inputs`, not 1");
    }
}
