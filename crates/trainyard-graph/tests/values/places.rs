//! Where numbers stand in values of several axes.

/// All places of a value, in the order of its numbers.
pub(crate) fn places(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..sizes.iter().product()).map(move |mut i: usize| {
        let mut place = vec![0; sizes.len()];
        for (at, size) in place.iter_mut().zip(sizes).rev() {
            *at = i % size;
            i /= size;
        }
        place
    })
}

/// The number at a place of a value, which may lack leading axes and is repeated along those of size 1.
pub(crate) fn at(numbers: &[f64], sizes: &[usize], place: &[usize]) -> f64 {
    let aligned = sizes.iter().zip(&place[place.len() - sizes.len()..]);
    numbers[aligned.fold(0, |i, (&size, &at)| i * size + if size == 1 { 0 } else { at })]
}
