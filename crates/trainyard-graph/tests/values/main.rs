//! Operations and their gradients give what plain loops in `f64` give, for sizes that are and are not multiples of a vector.
//!
//! That lanes and vectors of any width agree on a result does not make it right: a kernel may leave out the same columns on all
//! of them.

mod axes;
mod element_wise;
mod places;
mod products;
mod rows;
mod trial;

use proptest::prelude::*;

/// How large the values of a trial are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Rows of the batch.
    pub(crate) rows: usize,
    /// The last axis.
    pub(crate) columns: usize,
    /// Another axis, such as the units of a layer.
    pub(crate) others: usize,
    /// Of all numbers.
    pub(crate) seed: u64,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let sizes = (0_usize..=40, 1_usize..=70, 1_usize..=40, any::<u64>());
    sizes.prop_map(|(rows, columns, others, seed)| Sizes { rows, columns, others, seed })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn functions_of_single_numbers_are_right(sizes in sizes()) {
        element_wise::check(sizes);
    }

    #[test]
    fn sums_extremes_and_moves_along_axes_are_right(sizes in sizes()) {
        axes::check(sizes);
    }

    #[test]
    fn products_and_windows_are_right(sizes in sizes()) {
        products::check(sizes);
    }

    #[test]
    fn functions_of_rows_are_right(sizes in sizes()) {
        rows::check(sizes);
    }
}

/// The slopes of a number that is repeated to 3510 places nearly cancel.
#[test]
fn a_sum_of_many_terms_that_cancel_is_right() {
    element_wise::check(Sizes { rows: 39, columns: 30, others: 1, seed: 5_183_784_305_927_092_505 });
}

/// Random sizes seldom are these.
#[test]
fn an_empty_batch_and_a_single_row_are_right() {
    for rows in [0, 1] {
        for (columns, others) in [(1, 1), (16, 33), (17, 1), (33, 16), (70, 17)] {
            let sizes = Sizes { rows, columns, others, seed: 1 };
            [element_wise::check, axes::check, products::check, rows::check].iter().for_each(|check| check(sizes));
        }
    }
}
