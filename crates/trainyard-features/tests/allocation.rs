//! Transforming a row allocates no more for a large vocabulary than for a small one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use trainyard_features::{ColumnType, Features, FittedFeatures, Schema};

/// Counts what this thread asks for.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|seen| seen.set((seen.get().0 + 1, seen.get().1 + layout.size())));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn rows(n: usize) -> RecordBatch {
    let city: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("a city with the number {i}"))));
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..n).map(|i| i as f64)));
    RecordBatch::try_from_iter([("city", city), ("x", x)]).unwrap()
}

/// Features with a vocabulary of `n` values.
fn fitted(n: usize) -> FittedFeatures {
    let spec =
        "[city]\nop = 'vocabulary'\n[x]\nop = 'z_score'\n[x_part]\nop = 'bucketize'\nquantiles = 10\ninput = 'x'";
    let schema = Schema::new([("city", ColumnType::Text), ("x", ColumnType::Float)]);
    let mut fitting = Features::new(toml::from_str(spec).unwrap(), &schema, None, None).unwrap().fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        collector.update(&rows(n)).unwrap();
        fitting.absorb(collector).unwrap();
    }
    fitting.finish().unwrap()
}

/// Allocations, and their bytes, for one row.
fn allocated(n: usize) -> (usize, usize) {
    let (fitted, row) = (fitted(n), rows(n).slice(n - 1, 1));
    fitted.transform(&row).unwrap();
    let before = ALLOCATED.get();
    let batch = fitted.transform(&row).unwrap();
    let after = ALLOCATED.get();
    assert_eq!(batch.rows, 1);
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn a_row_allocates_the_same_for_ten_values_and_for_a_hundred_thousand() {
    let (few, many) = (allocated(10), allocated(100_000));
    assert_eq!(few, many);
    assert!(few.0 < 40 && few.1 < 4096, "{few:?} allocations and bytes");
}
