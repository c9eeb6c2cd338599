//! Checks of what is fed: sizes, row numbers, and that data are numbers.

use super::plan::Slot;
use super::program::ROWS_MAX;
use crate::device::{Bags, Feeds};
use crate::op::InputKind;
use crate::{Error, Result, simd};

/// What is wrong with an input, and what would be right.
type Checked = Result<(), (String, String)>;

/// Checks that everything the program reads is fed in the right size, that row numbers are in range, and that data are finite.
///
/// Parameters are not looked through: there are many more of them than data, and training finds a broken one by its loss.
pub(super) fn check(slots: &[Slot], feeds: &dyn Feeds) -> Result<()> {
    let rows = feeds.rows();
    if rows > ROWS_MAX {
        return Err(Error::Usage {
            what: format!("a batch of {rows} rows was fed"),
            expected: format!("feed at most {ROWS_MAX} rows at once"),
        });
    }
    for (i, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.needed) {
        let problem = match slot.kind {
            InputKind::Ids => {
                check_bags(slot, feeds.bags(i), rows, |table| feeds.floats(table).len() / slots[table].row_len)
            }
            InputKind::Table => check_table(slot, feeds.floats(i).len()),
            InputKind::Param => check_numbers(slot, feeds.floats(i), rows),
            InputKind::Data => {
                check_numbers(slot, feeds.floats(i), rows).and_then(|()| check_data(slot, feeds.floats(i)))
            }
        };
        if let Err((problem, expected)) = problem {
            return Err(Error::Feed { input: slot.name.clone(), problem, expected });
        }
    }
    Ok(())
}

fn check_len(len: usize, expected: usize, of: &str) -> Checked {
    if len == expected {
        return Ok(());
    }
    Err((format!("has {len} {of}"), format!("the program expects {expected}")))
}

fn check_numbers(slot: &Slot, numbers: &[f32], rows: usize) -> Checked {
    check_len(numbers.len(), slot.row_len * if slot.batched { rows } else { 1 }, "numbers")
}

/// Names the first number that is not finite.
fn check_data(slot: &Slot, numbers: &[f32]) -> Checked {
    if all_finite(numbers) {
        return Ok(());
    }
    let at = numbers.iter().position(|x| !x.is_finite()).unwrap_or(0);
    let (row, column) = (at / slot.row_len, at % slot.row_len);
    let place = if slot.batched { format!("example {row}, column {column}") } else { format!("column {column}") };
    Err((
        format!("holds {} in {place}", numbers[at]),
        "data must be finite: fill in what is missing, or leave the example out".to_owned(),
    ))
}

/// Whether no number is NaN or infinite: without an early end, so that it runs by vectors, as good data need the whole way.
fn all_finite(numbers: &[f32]) -> bool {
    simd::vectorize(
        #[inline(always)]
        || numbers.iter().fold(true, |all, x| all & x.is_finite()),
    )
}

fn check_table(slot: &Slot, len: usize) -> Checked {
    if len.is_multiple_of(slot.row_len) {
        return Ok(());
    }
    Err((format!("has {len} numbers"), format!("the program expects rows of {}", slot.row_len)))
}

fn check_bags(slot: &Slot, bags: Bags<'_>, rows: usize, rows_of: impl Fn(usize) -> usize) -> Checked {
    check_len(bags.offsets.len(), rows + 1, "offsets")?;
    let n = bags.indices.len();
    let ends = (bags.offsets.first().copied(), bags.offsets.last().map(|&end| end as usize));
    if ends != (Some(0), Some(n)) || !rise(bags.offsets) {
        return Err(("has offsets out of order".to_owned(), format!("they rise from 0 to the number of ids, {n}")));
    }
    if let Some(weights) = bags.weights {
        check_len(weights.len(), n, "weights")?;
        check_weights(bags.offsets, weights)?;
    }
    let table_rows = slot.tables.iter().map(|&table| rows_of(table)).min().unwrap_or(usize::MAX);
    if bags.indices.is_empty() || (largest(bags.indices) as usize) < table_rows {
        return Ok(());
    }
    let at = bags.indices.iter().position(|&index| index as usize >= table_rows).unwrap_or(0);
    let example = example_of(bags.offsets, at);
    Err((format!("names row {} in example {example}", bags.indices[at]), format!("the table has {table_rows} rows")))
}

/// Whether no number is below the one before: without an early end, as [`all_finite`].
fn rise(numbers: &[u32]) -> bool {
    let later = numbers.get(1..).unwrap_or_default();
    simd::vectorize(
        #[inline(always)]
        || numbers.iter().zip(later).fold(true, |all, (a, b)| all & (a <= b)),
    )
}

/// The largest number: without an early end, as [`all_finite`].
fn largest(numbers: &[u32]) -> u32 {
    simd::vectorize(
        #[inline(always)]
        || numbers.iter().fold(0, |largest, &x| largest.max(x)),
    )
}

/// Names the first weight that is not finite.
fn check_weights(offsets: &[u32], weights: &[f32]) -> Checked {
    if all_finite(weights) {
        return Ok(());
    }
    let at = weights.iter().position(|weight| !weight.is_finite()).unwrap_or(0);
    Err((
        format!("holds the weight {} in example {}", weights[at], example_of(offsets, at)),
        "weights must be finite: leave out the ids that have none".to_owned(),
    ))
}

/// The example that number `at` of all ids belongs to.
fn example_of(offsets: &[u32], at: usize) -> usize {
    offsets.partition_point(|&end| end as usize <= at).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use crate::{Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Ragged, Result};

    /// The sum of all that can be fed, and its inputs: rows of 3, a number, a parameter, weighted ids.
    fn graph() -> Result<(Graph, [NodeId; 5], NodeId)> {
        let mut g = Graph::new();
        let (x, scale) = (g.input("x", &[Dim::Batch, Dim::Fixed(3)])?, g.input("scale", &[])?);
        let (w, table, ids) = (g.param("w", &[3])?, g.table("table", 3)?, g.ids("ids")?);
        let bag = g.embedding_bag(table, ids, crate::Combiner::Sum)?;
        let sums = [g.mul(x, scale)?, bag, w];
        let sum = g.add(sums[0], sums[1]).and_then(|sum| g.add(sum, sums[2]))?;
        Ok((g, [x, scale, w, table, ids], sum))
    }

    /// The error, or nothing, of a run with other values for one of the inputs.
    fn run(change: impl Fn(FeedMap, [NodeId; 5]) -> FeedMap) -> String {
        let (graph, inputs, sum) = graph().unwrap();
        let [x, scale, w, table, ids] = inputs;
        let feeds = FeedMap::new(&graph, 2).floats(x, &[0.5; 6]).floats(scale, &[2.0]).floats(w, &[1.0; 3]);
        let feeds = feeds.floats(table, &[1.0; 6]).ids(ids, Ragged::from_single(vec![0, 1]));
        let mut program = Cpu::default().compile(&graph, &[sum]).unwrap();
        program.run(&change(feeds, inputs), Mode::Inference).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn offsets_that_fall_are_found_wherever_they_do() {
        let rising: Vec<u32> = (10..50).collect();
        assert!(super::rise(&rising) && super::rise(&[7, 7]) && super::rise(&[]));
        for at in 1..rising.len() {
            let mut offsets = rising.clone();
            offsets[at] = offsets[at - 1] - 1;
            assert!(!super::rise(&offsets), "{at}");
        }
    }

    #[test]
    fn data_that_are_not_finite_are_named_with_example_and_column() {
        for (bad, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            let error = run(|feeds, [x, ..]| feeds.floats(x, &[0.5, 0.5, 0.5, 0.5, bad, bad]));
            assert!(error.starts_with(&format!("input `x` holds {name} in example 1, column 1; ")), "{error}");
            let error = run(|feeds, [_, scale, ..]| feeds.floats(scale, &[bad]));
            assert!(error.starts_with(&format!("input `scale` holds {name} in column 0; ")), "{error}");
        }
    }

    #[test]
    fn weights_of_ids_that_are_not_finite_are_named_with_their_example() {
        let ids = |weights| Ragged { weights: Some(weights), ..Ragged::from_single(vec![0, 1]) };
        let error = run(|feeds, [.., node]| feeds.ids(node, ids(vec![1.0, f32::NAN])));
        assert!(error.starts_with("input `ids` holds the weight NaN in example 1; "), "{error}");
        assert_eq!(run(|feeds, [.., node]| feeds.ids(node, ids(vec![1.0, -2.0]))), "");
    }

    #[test]
    fn extreme_numbers_and_parameters_of_any_value_pass() {
        assert_eq!(run(|feeds, [x, ..]| feeds.floats(x, &[f32::MAX, f32::MIN, -0.0, 1e-45, 0.0, 1.0])), "");
        assert_eq!(run(|feeds, [_, _, w, ..]| feeds.floats(w, &[f32::NAN; 3])), "");
    }

    #[test]
    fn an_id_beyond_the_table_is_named_with_its_example() {
        let error = run(|feeds, [.., ids]| feeds.ids(ids, Ragged::from_single(vec![1, 2])));
        assert!(error.starts_with("input `ids` names row 2 in example 1; the table has 2 rows"), "{error}");
    }

    #[test]
    fn a_batch_beyond_the_bound_is_refused_before_anything_is_computed() {
        let mut graph = Graph::new();
        let one = graph.constant(1.0).unwrap();
        let ones = graph.broadcast_to(one, crate::Shape::new([Dim::Batch])).unwrap();
        let sum = graph.sum_all(ones).unwrap();
        let mut program = Cpu::default().compile(&graph, &[sum]).unwrap();
        for rows in [(1 << 24) + 1, usize::MAX] {
            let error = program.run(&FeedMap::new(&graph, rows), Mode::Inference).unwrap_err().to_string();
            assert!(error.contains(&format!("{rows} rows")), "{error}");
        }
    }
}
