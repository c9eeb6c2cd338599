//! Numbers and ids of the distributions that the peers draw from.

use trainyard_graph::random;

/// Numbers of a stream, one after the other.
pub struct Draws {
    stream: u64,
    next: u64,
}

impl Draws {
    pub fn new(name: &str) -> Self {
        Self { stream: random::stream(7, name), next: 0 }
    }

    /// Uniform in `(0, 1]`.
    pub fn uniform(&mut self) -> f64 {
        self.next += 1;
        1.0 - random::bits(self.stream, self.next) as f64 / 2_f64.powi(64)
    }

    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        let first = self.next;
        self.next += n as u64;
        (first..self.next).map(|i| random::normal(self.stream, i)).collect()
    }

    /// Zipf's distribution with exponent `a`, by rejection (Devroye, *Non-Uniform Random Variate Generation*, 1986, X.6.1).
    pub fn zipf(&mut self, a: f64) -> u64 {
        let b = 2_f64.powf(a - 1.0);
        loop {
            let (u, v) = (self.uniform(), self.uniform());
            let x = u.powf(-1.0 / (a - 1.0)).floor();
            let t = (1.0 + 1.0 / x).powf(a - 1.0);
            if x < 9e18 && v * x * (t - 1.0) / (b - 1.0) <= t / b {
                return x as u64;
            }
        }
    }
}
