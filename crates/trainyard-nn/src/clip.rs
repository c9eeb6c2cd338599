//! Bounds on gradients, against the rare batch that would throw the weights far away.
//!
//! ```
//! use trainyard_nn::Clip;
//!
//! let (mut a, mut b) = ([3.0], [0.0, 4.0]);
//! Clip::GlobalNorm(2.5).apply(&mut [&mut a, &mut b]);
//! assert_eq!((a, b), ([1.5], [0.0, 2.0]));
//! ```

use crate::{Result, error::Settings};
use serde::{Deserialize, Serialize};

/// A bound on the gradients of a step, written `{ global_norm = 1.0 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Each value to `[-limit, limit]`.
    Value(f32),
    /// Each parameter's gradient to the Euclidean norm `limit`, its direction kept.
    Norm(f32),
    /// The gradients of all parameters together to the Euclidean norm `limit`, their direction kept (Pascanu, Mikolov
    /// and Bengio, 2013).
    GlobalNorm(f32),
}

impl Clip {
    /// Bounds the gradients of one step, one slice per parameter.
    pub fn apply(&self, gradients: &mut [&mut [f32]]) {
        let squares = self.squares(gradients.iter().map(|gradient| &**gradient));
        gradients.iter_mut().for_each(|gradient| self.apply_to_one(gradient, squares));
    }

    /// What [`apply_to_one`](Self::apply_to_one) must know of all gradients of a step: the sum of their squares where the bound is
    /// on all together, else 0.
    pub fn squares<'a>(&self, gradients: impl Iterator<Item = &'a [f32]>) -> f64 {
        if matches!(self, Self::GlobalNorm(_)) { gradients.map(sum_of_squares).sum() } else { 0.0 }
    }

    /// Bounds the gradient of one parameter; `squares` is [`squares`](Self::squares) of all gradients of the step.
    pub fn apply_to_one(&self, gradient: &mut [f32], squares: f64) {
        match *self {
            Self::Value(limit) => by_value(gradient, limit),
            Self::Norm(limit) => scale(gradient, norm_factor(sum_of_squares(gradient), limit)),
            Self::GlobalNorm(limit) => scale(gradient, norm_factor(squares, limit)),
        }
    }

    /// Refuses a limit that is not positive.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting), which names the setting.
    pub fn check(&self) -> Result<()> {
        let (Self::Value(limit) | Self::Norm(limit) | Self::GlobalNorm(limit)) = *self;
        Settings("clip").positive("limit", limit)
    }
}

/// Moves each value into `[-limit, limit]`. NaN stays.
///
/// A limit that is negative or NaN makes every value NaN, so that it stays visible.
pub fn by_value(gradient: &mut [f32], limit: f32) {
    if limit >= 0.0 {
        gradient.iter_mut().for_each(|g| *g = g.clamp(-limit, limit));
    } else {
        gradient.fill(f32::NAN);
    }
}

/// What a gradient is multiplied by to have at most the norm `limit`, from its sum of squares: at most 1.
///
/// A sum that is infinite or NaN gives NaN, so that a broken gradient stays visible, and so does a limit that is negative
/// or NaN.
pub fn norm_factor(sum_of_squares: f64, limit: f32) -> f32 {
    let norm = sum_of_squares.sqrt();
    if norm <= f64::from(limit) {
        return 1.0;
    }
    if norm.is_finite() && limit >= 0.0 { (f64::from(limit) / norm) as f32 } else { f32::NAN }
}

/// Multiplies each value by `factor`.
pub fn scale(gradient: &mut [f32], factor: f32) {
    if factor != 1.0 {
        gradient.iter_mut().for_each(|g| *g *= factor);
    }
}

/// Sum of squares, in `f64`, which no finite gradient overflows. Always in the same order, so equal on every machine.
pub fn sum_of_squares(gradient: &[f32]) -> f64 {
    // Eight sums, so that the additions need not wait for each other.
    let mut sums = [0.0f64; 8];
    let mut chunks = gradient.chunks_exact(8);
    for chunk in &mut chunks {
        for (sum, &g) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(g) * f64::from(g);
        }
    }
    let rest: f64 = chunks.remainder().iter().map(|&g| f64::from(g) * f64::from(g)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clip: Clip, gradients: [&[f32]; 2], expected: [&[f32]; 2]) {
        let [mut a, mut b] = gradients.map(<[f32]>::to_vec);
        clip.apply(&mut [&mut a, &mut b]);
        assert_eq!([a.as_slice(), b.as_slice()], expected);
    }

    #[test]
    fn value_bounds_each_number() {
        check(Clip::Value(1.0), [&[-3.0, 0.5], &[2.0]], [&[-1.0, 0.5], &[1.0]]);
    }

    #[test]
    fn norm_bounds_each_parameter() {
        check(Clip::Norm(1.0), [&[3.0, 4.0], &[0.5]], [&[0.6, 0.8], &[0.5]]);
    }

    #[test]
    fn global_norm_bounds_all_together() {
        check(Clip::GlobalNorm(2.5), [&[3.0, 0.0], &[4.0]], [&[1.5, 0.0], &[2.0]]);
        check(Clip::GlobalNorm(5.0), [&[3.0, 0.0], &[4.0]], [&[3.0, 0.0], &[4.0]]);
    }

    #[test]
    fn huge_gradients_do_not_overflow_the_norm() {
        let huge = 2f32.powi(127);
        check(Clip::Norm(4.0), [&[huge], &[-huge]], [&[4.0], &[-4.0]]);
    }

    #[test]
    fn broken_gradients_stay_visible() {
        let mut broken = [f32::INFINITY, 1.0];
        Clip::GlobalNorm(1.0).apply(&mut [&mut broken]);
        assert!(broken.iter().all(|g| g.is_nan()));
    }

    #[test]
    fn a_limit_that_is_refused_leaves_no_number() {
        for limit in [-1.0, f32::NAN, f32::NEG_INFINITY] {
            for clip in [Clip::Value(limit), Clip::Norm(limit), Clip::GlobalNorm(limit)] {
                let mut gradient = [3.0, -0.5];
                clip.apply(&mut [&mut gradient]);
                assert!(clip.check().is_err() && gradient.iter().all(|g| g.is_nan()), "{clip:?} gave {gradient:?}");
            }
        }
    }

    #[test]
    fn every_length_is_summed_whole() {
        for n in 0..40 {
            let gradient: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let expected: f64 = (0..n).map(|i| f64::from(i * i)).sum();
            assert_eq!(sum_of_squares(&gradient), expected);
        }
    }

    #[test]
    fn a_limit_is_positive() {
        let clip: Clip = toml::from_str("global_norm = 0.0").unwrap();
        assert_eq!(clip.check().unwrap_err().to_string(), "`limit` of clip is 0.0; set it to a number above 0");
    }
}
