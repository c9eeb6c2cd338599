//! Eigenvectors of small symmetric matrices.

/// Sweeps after which the method ends in any case; it takes some 10.
const MAX_SWEEPS: usize = 60;

/// An eigenvector of length 1 and its eigenvalue.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Direction {
    pub value: f64,
    pub vector: Vec<f64>,
}

/// All eigenvectors of a symmetric matrix by falling eigenvalue; in each, the first entry that is largest in size is positive.
///
/// Jacobi's method: rotate each pair of axes such that their off-diagonal entry becomes 0, pair by pair in a fixed order, until
/// no entry matters. Only `+ − · / √` are used, so every machine gives the same bits. Golub and Van Loan, *Matrix Computations*,
/// section 8.5.
pub(super) fn symmetric(mut matrix: Vec<Vec<f64>>) -> Vec<Direction> {
    let n = matrix.len();
    // Rows are the axes, which turn into the eigenvectors.
    let mut axes: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..MAX_SWEEPS {
        let mut has_turned = false;
        for p in 0..n {
            for q in p + 1..n {
                has_turned |= turn(&mut matrix, &mut axes, p, q);
            }
        }
        if !has_turned {
            break;
        }
    }
    let values = (0..n).map(|i| matrix[i][i]);
    let mut directions: Vec<Direction> =
        values.zip(axes).map(|(value, vector)| Direction { value, vector: upright(vector) }).collect();
    // A stable sort: of equal eigenvalues the axis that was first stays first.
    directions.sort_by(|a, b| b.value.total_cmp(&a.value));
    directions
}

/// Rotates axes `p` and `q` such that entry `[p][q]` becomes 0; not when it is 0 to within rounding.
fn turn(matrix: &mut [Vec<f64>], axes: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let entry = matrix[p][q];
    if entry.abs() <= f64::EPSILON * (matrix[p][p] * matrix[q][q]).abs().sqrt() || entry.abs() < f64::MIN_POSITIVE {
        return false;
    }
    let ratio = (matrix[q][q] - matrix[p][p]) / (2.0 * entry);
    // The smaller of the two angles; its tangent solves t² + 2 ratio t − 1 = 0.
    let tangent = if ratio < 0.0 { -1.0 } else { 1.0 } / (ratio.abs() + (1.0 + ratio * ratio).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    for list in [&mut *matrix, axes] {
        for j in 0..list[p].len() {
            (list[p][j], list[q][j]) =
                (cosine * list[p][j] - sine * list[q][j], sine * list[p][j] + cosine * list[q][j]);
        }
    }
    (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
    true
}

/// The vector or its opposite.
fn upright(vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0f64, |largest, entry| if entry.abs() > largest.abs() { *entry } else { largest });
    if largest < 0.0 { vector.into_iter().map(|entry| -entry).collect() } else { vector }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_graph::random;

    #[test]
    fn a_diagonal_matrix_is_sorted() {
        let directions = symmetric(vec![vec![1.0, 0.0], vec![0.0, 4.0]]);
        assert_eq!(directions[0], Direction { value: 4.0, vector: vec![0.0, 1.0] });
        assert_eq!(directions[1], Direction { value: 1.0, vector: vec![1.0, 0.0] });
    }

    /// `numpy.linalg.eigh([[2, 1], [1, 2]])`: 3 along (1, 1), 1 along (1, −1).
    #[test]
    fn the_largest_entry_is_positive() {
        let directions = symmetric(vec![vec![2.0, 1.0], vec![1.0, 2.0]]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        for (direction, (value, vector)) in directions.iter().zip([(3.0, [half, half]), (1.0, [half, -half])]) {
            assert!((direction.value - value).abs() < 1e-14);
            assert!(direction.vector.iter().zip(vector).all(|(a, b)| (a - b).abs() < 1e-14), "{direction:?}");
        }
    }

    #[test]
    fn every_direction_is_only_stretched() {
        let n = 20;
        let stream = random::stream(3, "matrix");
        let entry = |i: usize, j: usize| (random::bits(stream, (i.min(j) * n + i.max(j)) as u64) >> 40) as f64 / 1e6 - 8.0;
        let matrix: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
        let directions = symmetric(matrix.clone());
        assert!(directions.windows(2).all(|pair| pair[0].value >= pair[1].value));
        for Direction { value, vector } in directions {
            let stretched = matrix.iter().map(|row| row.iter().zip(&vector).map(|(a, b)| a * b).sum::<f64>());
            assert!(stretched.zip(&vector).all(|(a, b)| (a - value * b).abs() < 1e-10));
            assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn zeros_have_the_axes() {
        let directions = symmetric(vec![vec![0.0; 2]; 2]);
        assert_eq!(directions[1].vector, [0.0, 1.0]);
    }
}
