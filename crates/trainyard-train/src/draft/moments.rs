//! Mean, deviation and skewness in one pass.

/// Running moments of numbers.
///
/// Source: Pébay, *Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments*
/// (2008), equations 1.1 to 1.3 with one new value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moments {
    count: f64,
    /// The mean.
    pub mean: f64,
    /// Sum of squared and of cubed deviations from the mean.
    squares: f64,
    cubes: f64,
    /// The smallest number; infinite without any.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0.0, mean: 0.0, squares: 0.0, cubes: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    /// Takes a finite number into account.
    pub(super) fn add(&mut self, value: f64) {
        let before = self.count;
        self.count += 1.0;
        let delta = value - self.mean;
        let step = delta / self.count;
        let square = delta * step * before;
        self.cubes += square * step * (before - 1.0) - 3.0 * step * self.squares;
        self.squares += square;
        self.mean += step;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Third standardised moment: 0 for a symmetric distribution, 2 for an exponential one; 0 when all numbers are equal.
    pub(super) fn skewness(&self) -> f64 {
        if self.squares > 0.0 { self.count.sqrt() * self.cubes / self.squares.powf(1.5) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], mean: f64, skewness: f64) {
        let mut moments = Moments::default();
        values.iter().for_each(|&value| moments.add(value));
        assert!((moments.mean - mean).abs() < 1e-12, "{moments:?}");
        assert!((moments.skewness() - skewness).abs() < 1e-12, "{}", moments.skewness());
    }

    /// By hand: the mean is 3, the deviations -2, -1, -1, 4 have squares of 22 and cubes of 54 in sum, so the skewness is
    /// (54 / 4) / (22 / 4)^1.5.
    #[test]
    fn a_long_tail_is_skewed() {
        check(&[1.0, 2.0, 2.0, 7.0], 3.0, 13.5 / 5.5_f64.powf(1.5));
        check(&[-1.0, -2.0, -2.0, -7.0], -3.0, -13.5 / 5.5_f64.powf(1.5));
    }

    #[test]
    fn symmetric_and_equal_values_are_not() {
        check(&[1.0, 2.0, 3.0], 2.0, 0.0);
        check(&[5.0, 5.0], 5.0, 0.0);
        check(&[], 0.0, 0.0);
    }
}
