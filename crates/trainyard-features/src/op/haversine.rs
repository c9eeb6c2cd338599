//! Distance on the globe.

use super::{Args, Checked, Constants, Input, Kernel, Kind, Operation, any_of};
use crate::column::Column;
use serde::{Deserialize, Serialize};

/// The distance in kilometres between two points, along the surface of a sphere:
/// `2 R asin(sqrt(sin²((φ₂ − φ₁)/2) + cos φ₁ cos φ₂ sin²((λ₂ − λ₁)/2)))`, computed in `f64`.
///
/// Reads `inputs = [latitude, longitude, latitude, longitude]` in degrees. Missing when one of them is.
///
/// ```toml
/// [features.distance]
/// op = "haversine"
/// inputs = ["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Haversine {
    /// Radius `R` of the sphere. By default the mean radius of the earth, 6371.0088 km (IUGG). Positive.
    pub radius_km: f64,
}

impl Default for Haversine {
    fn default() -> Self {
        Self { radius_km: 6371.0088 }
    }
}

impl Operation for Haversine {
    fn check(&self, inputs: &[Input]) -> Checked<Kind> {
        if inputs.len() != 4 {
            let count = inputs.len();
            return Err(format!("takes four `inputs` (latitude, longitude, latitude, longitude), not {count}"));
        }
        for input in inputs {
            any_of(input, &[Kind::Number, Kind::Int], "degrees")?;
        }
        let positive = self.radius_km > 0.0 && self.radius_km.is_finite();
        if positive { Ok(Kind::Number) } else { Err("`radius_km` must be positive".to_string()) }
    }

    fn build(&self, _: &Constants, _: &[Input]) -> Checked<Kernel> {
        let radius = self.radius_km;
        Ok(Kernel::new(1, move |args: Args<'_>| {
            let [a, b, c, d] = [args.doubles(0)?, args.doubles(1)?, args.doubles(2)?, args.doubles(3)?];
            let points = a.iter().zip(&b).zip(c.iter().zip(&d));
            let values = points.map(|((&a, &b), (&c, &d))| (radius * central_angle([a, b], [c, d])) as f32);
            Ok(Column::numbers(values.collect()))
        }))
    }
}

/// The angle between two points `[latitude, longitude]`, seen from the centre, in radians.
fn central_angle(from: [f64; 2], to: [f64; 2]) -> f64 {
    let [latitude_1, longitude_1] = from.map(f64::to_radians);
    let [latitude_2, longitude_2] = to.map(f64::to_radians);
    let half_sine = |angle: f64| (angle / 2.0).sin().powi(2);
    let h = half_sine(latitude_2 - latitude_1)
        + latitude_1.cos() * latitude_2.cos() * half_sine(longitude_2 - longitude_1);
    // Rounding may lift the root above 1 for opposite points.
    2.0 * if h > 1.0 { 1.0 } else { h.sqrt() }.asin()
}

#[cfg(test)]
mod tests {
    use crate::op::testing::*;

    const SPEC: &str = "[x]\nop = 'haversine'\ninputs = ['a', 'b', 'c', 'd']\nradius_km = 6371";

    #[track_caller]
    fn check(points: [f64; 4], expected: f32) {
        let columns = ["a", "b", "c", "d"].into_iter().zip(points).map(|(name, x)| (name, floats(&[x])));
        let found = run(SPEC, &columns.collect()).unwrap().numeric[0];
        assert!((found - expected).abs() <= expected * 1e-5, "{found}");
    }

    #[test]
    fn a_quarter_of_the_equator() {
        check([0.0, 0.0, 0.0, 90.0], 6371.0 * std::f32::consts::FRAC_PI_2);
    }

    #[test]
    fn opposite_points_are_half_the_way_round() {
        check([90.0, 0.0, -90.0, 0.0], 6371.0 * std::f32::consts::PI);
    }

    /// Nashville to Los Angeles airport, 2887.26 km with R = 6372.8: Rosetta Code, *Haversine formula*.
    #[test]
    fn matches_a_published_distance() {
        check([36.12, -86.67, 33.94, -118.40], 2887.26 * 6371.0 / 6372.8);
    }

    #[test]
    fn a_missing_coordinate_makes_the_distance_missing() {
        check([f64::NAN, 0.0, 0.0, 0.0], 0.0);
    }

    #[test]
    fn fewer_inputs_are_refused() {
        check_error("[x]\nop = 'haversine'", vec![("x", floats(&[1.0]))], "takes four `inputs` (latitude, longitude");
    }
}
