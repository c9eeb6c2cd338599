//! Random orthogonal matrices.

use trainyard_graph::random;

/// A matrix `[rows, columns]` whose columns, or rows if there are fewer of them, are orthogonal and of length 1: every such matrix
/// is as likely as any other.
///
/// It is the Q of a QR decomposition, with a positive diagonal of R, of a matrix of normal numbers, of which that with the
/// index `row * columns + column` of the stream stands at `[row, column]`. By Gram and Schmidt's method in 64 bits, with each
/// vector orthogonalised twice, which is exact to rounding ("twice is enough": Giraud, Langou and Rozložník, 2005).
pub(crate) fn orthogonal(stream: u64, rows: usize, columns: usize) -> Vec<f32> {
    let (n, length) = (rows.min(columns), rows.max(columns));
    // Vector `v` is column `v`, or row `v` where there are fewer rows.
    let place = |v: usize, i: usize| if columns <= rows { i * columns + v } else { v * columns + i };
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(n);
    for v in 0..n {
        let mut vector: Vec<f64> = (0..length).map(|i| f64::from(random::normal(stream, place(v, i) as u64))).collect();
        for _ in 0..2 {
            vectors.iter().for_each(|other| remove(other, &mut vector));
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vectors.push(vector);
    }
    let mut matrix = vec![0.0; rows * columns];
    for (v, vector) in vectors.iter().enumerate() {
        vector.iter().enumerate().for_each(|(i, &x)| matrix[place(v, i)] = x as f32);
    }
    matrix
}

/// Takes the part in the direction of `unit` from a vector.
fn remove(unit: &[f64], vector: &mut [f64]) {
    let part = dot(unit, vector);
    vector.iter_mut().zip(unit).for_each(|(x, u)| *x -= part * u);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The products of all pairs of columns, or of rows if there are fewer, are those of unit vectors at right angles.
    #[track_caller]
    fn check(rows: usize, columns: usize) {
        let matrix = orthogonal(random::stream(3, "w"), rows, columns);
        assert_eq!(matrix.len(), rows * columns);
        let at = |i: usize, j: usize| f64::from(matrix[i * columns + j]);
        for a in 0..rows.min(columns) {
            for b in 0..=a {
                let product: f64 = if columns <= rows {
                    (0..rows).map(|i| at(i, a) * at(i, b)).sum()
                } else {
                    (0..columns).map(|j| at(a, j) * at(b, j)).sum()
                };
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-6, "{a} {b}: {product}");
            }
        }
    }

    #[test]
    fn columns_or_rows_are_orthonormal() {
        check(1, 1);
        check(5, 5);
        check(20, 7);
        check(7, 20);
        check(64, 256);
        check(0, 3);
    }

    /// R = Qᵀ·A is upper triangular with a positive diagonal, which no other Q of the same A gives.
    #[test]
    fn it_is_the_q_of_the_normal_numbers() {
        let (stream, n) = (random::stream(3, "w"), 6);
        let q = orthogonal(stream, n, n);
        let a = |i: usize, j: usize| f64::from(random::normal(stream, (i * n + j) as u64));
        let r = |i: usize, j: usize| (0..n).map(|k| f64::from(q[k * n + i]) * a(k, j)).sum::<f64>();
        for i in 0..n {
            assert!(r(i, i) > 0.0);
            assert!((0..i).all(|j| r(i, j).abs() < 1e-6));
        }
    }

    /// Of a rotation that is as likely as any other, the mean of each value is 0 and of its square 1/n.
    #[test]
    fn no_direction_is_preferred() {
        let n = 3;
        let matrices: Vec<_> = (0..4000).map(|i| orthogonal(random::stream(i, "w"), n, n)).collect();
        for place in 0..n * n {
            let mean = |power: i32| matrices.iter().map(|m| f64::from(m[place]).powi(power)).sum::<f64>() / 4000.0;
            assert!(mean(1).abs() < 4.0 * (1.0 / 3.0 / 4000.0f64).sqrt(), "mean {}", mean(1));
            assert!((mean(2) - 1.0 / 3.0).abs() < 0.02, "square {}", mean(2));
        }
    }
}
