//! A number as the interval that holds it.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, one_number};
use crate::column::{Column, single_ids};
use crate::fit::{Findings, Needs, Quantile};
use serde::{Deserialize, Serialize};

/// The greatest number of intervals.
const MAX_INTERVALS: u64 = 10_000;

/// The number of boundaries `b` with `b ≤ x`: boundary `i` opens interval `i + 1`, which holds `b[i] ≤ x < b[i + 1]`.
/// Missing is an interval of its own, the last one. So `k` boundaries make `k + 2` buckets.
///
/// Boundaries are given; or cut the training data into `quantiles` parts of equal size (the rule of `tft.quantiles`, with
/// equal boundaries merged); or cut its range into `uniform` parts of equal length. Without any value there is one interval.
///
/// ```toml
/// [features.age_group]
/// op = "bucketize"
/// input = "age"
/// boundaries = [18, 30, 65]
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bucketize {
    /// Boundaries, rising strictly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundaries: Option<Vec<f64>>,
    /// Number of parts of equal size, 2 to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<u64>,
    /// Number of parts of equal length, 2 to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniform: Option<u64>,
}

/// Which of the three ways.
enum Way<'a> {
    Boundaries(&'a [f64]),
    Quantiles(u64),
    Uniform(u64),
}

impl Bucketize {
    fn way(&self) -> Checked<Way<'_>> {
        match (&self.boundaries, self.quantiles, self.uniform) {
            (Some(boundaries), None, None) => Ok(Way::Boundaries(boundaries)),
            (None, Some(parts), None) => Ok(Way::Quantiles(parts)),
            (None, None, Some(parts)) => Ok(Way::Uniform(parts)),
            _ => Err("needs one of `boundaries`, `quantiles` and `uniform`".to_string()),
        }
    }
}

impl Operation for Bucketize {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        one_number(inputs)?;
        match self.way()? {
            Way::Boundaries([]) => return Err("`boundaries` is empty".to_string()),
            Way::Boundaries(boundaries) => check_rising(&single(boundaries))?,
            Way::Quantiles(parts) | Way::Uniform(parts) if !(2..=MAX_INTERVALS).contains(&parts) => {
                return Err(format!("asks for {parts} parts; expected 2 to {MAX_INTERVALS}"));
            }
            Way::Quantiles(_) | Way::Uniform(_) => {}
        }
        Ok(Kind::Ids)
    }

    fn needs(&self) -> Needs {
        match self.way() {
            Ok(Way::Quantiles(parts)) => Needs { quantiles: Quantile::even(parts).collect(), ..Needs::default() },
            Ok(Way::Uniform(_)) => Needs { moments: true, ..Needs::default() },
            Ok(Way::Boundaries(_)) | Err(_) => Needs::default(),
        }
    }

    fn fit(&self, findings: &Findings<'_>) -> Checked<Constants> {
        let mut boundaries = match self.way()? {
            Way::Boundaries(boundaries) => single(boundaries),
            Way::Quantiles(parts) => {
                let quantiles = Quantile::even(parts).map(|quantile| findings.quantile(quantile));
                quantiles.filter_map(Result::transpose).collect::<Checked<Vec<f32>>>()?
            }
            Way::Uniform(parts) => {
                let moments = findings.moments()?;
                let parts = if moments.count == 0 { 1 } else { parts };
                let cut = |i: u64| (moments.min + (moments.max - moments.min) * i as f64 / parts as f64) as f32;
                (1..parts).map(cut).collect()
            }
        };
        boundaries.dedup();
        Ok(Constants::default().with("boundaries", boundaries))
    }

    fn build(&self, constants: &Constants, _: &[Input]) -> Checked<Kernel> {
        let boundaries = match self.way()? {
            Way::Boundaries(boundaries) => single(boundaries),
            Way::Quantiles(_) | Way::Uniform(_) => constants.list("boundaries")?.to_vec(),
        };
        check_rising(&boundaries)?;
        let missing = boundaries.len() as u64 + 1;
        Ok(Kernel::new(missing + 1, move |args: Args<'_>| {
            let numbers = args.numbers(0)?;
            let id = |x: f32| if x.is_nan() { missing } else { bucket(&boundaries, x) };
            Ok(Column::Ids(single_ids(args.rows, numbers.iter().map(|&x| Some(id(x))))))
        }))
    }
}

/// The number of boundaries that are not above `x`.
fn bucket(boundaries: &[f32], x: f32) -> u64 {
    boundaries.partition_point(|boundary| *boundary <= x) as u64
}

fn single(boundaries: &[f64]) -> Vec<f32> {
    boundaries.iter().map(|&boundary| boundary as f32 + 0.0).collect()
}

fn check_rising(boundaries: &[f32]) -> Checked<()> {
    if let Some(pair) = boundaries.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("`boundaries` must rise strictly, but {} is followed by {}", pair[0], pair[1]));
    }
    let finite = boundaries.iter().all(|boundary| boundary.is_finite());
    if finite { Ok(()) } else { Err("`boundaries` must be finite".to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_belongs_to_the_interval_that_it_opens() {
        let found: Vec<u64> =
            [4.0, 1.0, f32::NEG_INFINITY, 7.5, 10.0].iter().map(|&x| bucket(&[2.0, 5.0, 10.0], x)).collect();
        // tft.apply_buckets, mappers_test.py: boundaries 2, 5, 10.
        assert_eq!(found, [1, 0, 0, 2, 3]);
    }

    use crate::op::testing::{check_applied_ids, check_error, check_ids, floats};

    fn column(values: &[f64]) -> crate::op::testing::Columns {
        vec![("x", floats(values))]
    }

    #[test]
    fn missing_has_an_interval_of_its_own() {
        let spec = "[x]\nop = 'bucketize'\nboundaries = [0, 1.5]";
        check_ids(spec, column(&[-1.0, 0.0, f64::NAN, 9.0]), &[&[0], &[1], &[3], &[2]], 4);
    }

    #[test]
    fn quantiles_cut_into_parts_of_equal_size() {
        let expected: Vec<[u64; 1]> = (0..9).map(|i| [i / 3]).collect();
        let expected: Vec<&[u64]> = expected.iter().map(<[u64; 1]>::as_slice).collect();
        let values: Vec<f64> = (1..10).map(f64::from).collect();
        check_ids("[x]\nop = 'bucketize'\nquantiles = 3", column(&values), &expected, 4);
    }

    #[test]
    fn equal_quantiles_are_merged() {
        let values = [5.0, 5.0, 5.0, 5.0, 9.0];
        check_ids("[x]\nop = 'bucketize'\nquantiles = 4", column(&values), &[&[1], &[1], &[1], &[1], &[1]], 3);
    }

    #[test]
    fn uniform_cuts_into_parts_of_equal_length() {
        check_ids("[x]\nop = 'bucketize'\nuniform = 4", column(&[0.0, 2.4, 2.5, 10.0]), &[&[0], &[0], &[1], &[3]], 5);
    }

    #[test]
    fn a_column_without_values_has_one_interval() {
        for way in ["quantiles", "uniform"] {
            let spec = format!("[x]\nop = 'bucketize'\n{way} = 4");
            check_applied_ids(&spec, column(&[f64::NAN]), column(&[3.0, f64::NAN]), &[&[0], &[1]], 2);
        }
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let check = |parameters: &str, expected: &str| {
            check_error(&format!("[x]\nop = 'bucketize'\n{parameters}"), column(&[1.0]), expected);
        };
        check("", "needs one of `boundaries`, `quantiles` and `uniform`");
        check("quantiles = 3\nuniform = 3", "needs one of");
        check("boundaries = [1, 3, 3]", "`boundaries` must rise strictly, but 3 is followed by 3");
        check("quantiles = 1", "asks for 1 parts; expected 2 to 10000");
    }
}
