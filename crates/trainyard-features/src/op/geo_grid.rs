//! A point on the globe as the cell that holds it.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of};
use crate::column::{Column, single_ids};
use serde::{Deserialize, Serialize};

/// The cell of a grid of `2^level · 2^level` cells over the globe, of equal size in degrees, numbered so that near cells have
/// near ids: bit `2i` of the id is bit `i` of the column, bit `2i + 1` that of the row (Morton's order).
///
/// With `n = 2^level`: column `floor((longitude + 180) / 360 · n)`, row `floor((latitude + 90) / 180 · n)`, computed in `f64`;
/// latitude 90 is in the last row, and longitudes go round, so 180 is −180. At level 10 a cell is 39 km wide at the equator and
/// 20 km high. Reads `inputs = [latitude, longitude]` in degrees. There is no id when one of them is missing, or the latitude is
/// not in `[−90, 90]`. Buckets: `4^level`.
///
/// ```toml
/// [features.pickup_cell]
/// op = "geo_grid"
/// inputs = ["pickup_latitude", "pickup_longitude"]
/// level = 12
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoGrid {
    /// How often the globe is halved in each direction. 1 to 20.
    pub level: u32,
}

impl Operation for GeoGrid {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        if inputs.len() != 2 {
            return Err(format!("takes two `inputs` (latitude, longitude), not {}", inputs.len()));
        }
        for input in inputs {
            any_of(input, &[Kind::Number, Kind::Int], "degrees")?;
        }
        let in_range = (1..=20).contains(&self.level);
        if in_range { Ok(Kind::Ids) } else { Err(format!("`level` is {}; expected 1 to 20", self.level)) }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let level = self.level;
        Ok(Kernel::new(1 << (2 * level), move |args: Args<'_>| {
            let (latitudes, longitudes) = (args.doubles(0)?, args.doubles(1)?);
            let points = latitudes.iter().zip(&longitudes);
            let ids = points.map(|(&latitude, &longitude)| cell(latitude, longitude, level));
            Ok(Column::Ids(single_ids(args.rows, ids)))
        }))
    }
}

/// The id of the cell that holds a point.
fn cell(latitude: f64, longitude: f64, level: u32) -> Option<u64> {
    if !(-90.0..=90.0).contains(&latitude) || !longitude.is_finite() {
        return None;
    }
    let n = f64::from(1u32 << level);
    // Rounding may lift the quotient to 1, and latitude 90 is 1.
    let place = |share: f64| ((share * n) as u64).min((1 << level) - 1);
    let (row, column) = (place((latitude + 90.0) / 180.0), place((longitude + 180.0).rem_euclid(360.0) / 360.0));
    Some(spread(column) | spread(row) << 1)
}

/// The lower 32 bits with a 0 before each: bit `i` moves to bit `2i`.
fn spread(bits: u64) -> u64 {
    let masks = [(16, 0x0000_ffff_0000_ffff), (8, 0x00ff_00ff_00ff_00ff), (4, 0x0f0f_0f0f_0f0f_0f0f)];
    let masks = masks.into_iter().chain([(2, 0x3333_3333_3333_3333), (1, 0x5555_5555_5555_5555)]);
    masks.fold(bits, |bits, (shift, mask)| (bits | bits << shift) & mask)
}

#[cfg(test)]
mod tests {
    use super::{cell, spread};
    use crate::op::testing::*;

    const SPEC: &str = "[x]\nop = 'geo_grid'\ninputs = ['a', 'b']\nlevel = 1";

    fn points(latitudes: &[f64], longitudes: &[f64]) -> Columns {
        vec![("a", floats(latitudes)), ("b", floats(longitudes))]
    }

    #[test]
    fn quarters_of_the_globe_are_numbered_by_column_then_row() {
        let columns = points(&[-45.0, -45.0, 45.0, 0.0], &[-90.0, 90.0, -90.0, 0.0]);
        check_ids(SPEC, columns, &[&[0], &[1], &[2], &[3]], 4);
    }

    #[test]
    fn the_poles_are_inside_and_longitudes_go_round() {
        let columns = points(&[90.0, -90.0, 90.0, -90.0, 0.0], &[180.0, -180.0, 179.0, 540.0, -181.0]);
        check_ids(SPEC, columns, &[&[2], &[0], &[3], &[0], &[3]], 4);
    }

    #[test]
    fn what_is_no_point_has_no_cell() {
        let columns = points(&[f64::NAN, 0.0, 90.5, 0.0], &[0.0, f64::NAN, 0.0, f64::INFINITY]);
        check_ids(SPEC, columns, &[&[], &[], &[], &[]], 4);
    }

    #[test]
    fn a_cell_lies_in_the_one_that_is_twice_its_size() {
        for (latitude, longitude) in [(41.88, -87.63), (-33.86, 151.21), (64.15, -21.94), (-89.99, 179.99)] {
            for level in 1..20 {
                assert_eq!(cell(latitude, longitude, level + 1).map(|id| id >> 2), cell(latitude, longitude, level));
            }
        }
    }

    #[test]
    fn bits_are_spread() {
        let expected = |bits: u64| (0..32).map(|i| (bits >> i & 1) << (2 * i)).sum::<u64>();
        for bits in [0, 1, 2, 0b1011, 0xffff_ffff, 0xdead_beef] {
            assert_eq!(spread(bits), expected(bits));
        }
    }

    #[test]
    fn wrong_parameters_are_refused() {
        check_error(&SPEC.replace("level = 1", "level = 21"), points(&[0.0], &[0.0]), "`level` is 21; expected 1 to 20");
        let one = SPEC.replace("['a', 'b']", "['a']");
        check_error(&one, points(&[0.0], &[0.0]), "takes two `inputs` (latitude, longitude), not 1");
    }
}
