//! Counts that outgrow the memory: the same bytes with any memory, and clear errors that leave nothing behind.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use trainyard_features::{Collector, ColumnType, Error, Features, FittedFeatures, Memory, Result, Schema, Spill};

const SPECS: &str = r#"
    [frequent]
    op = "vocabulary"
    input = "city"
    min_count = 2
    [all]
    op = "vocabulary"
    input = "city"
    [numbers]
    op = "vocabulary"
    input = "n"
    top_k = 700
    [mode]
    op = "impute"
    strategy = "most_frequent"
    input = "n"
    [shared]
    op = "vocabulary"
    input = "words"
    share = "table"
    [shared_city]
    op = "vocabulary"
    input = "city"
    share = "table"
"#;

fn batch(rows: std::ops::Range<u64>) -> RecordBatch {
    // Some values are frequent, most are not; some texts are long.
    let number = |row: u64, n: u64| n + (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % (1 << (row % 15));
    let city = rows.clone().map(|row| format!("c{}", number(row, 1)).repeat(1 + (row % 7 / 6) as usize * 9));
    let words = rows.clone().map(|row| format!("c{} w{}", number(row, 3), number(row, 7)));
    let columns: [(&str, ArrayRef); 3] = [
        ("city", Arc::new(StringArray::from_iter_values(city))),
        ("n", Arc::new(Int64Array::from_iter_values(rows.map(|row| number(row, 5) as i64 - 9)))),
        ("words", Arc::new(StringArray::from_iter_values(words))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Adds batches, on two threads that share the collector.
fn update(collector: &Collector, batches: &[RecordBatch]) -> Result<()> {
    let half = |start: usize| batches.iter().skip(start).step_by(2).try_for_each(|batch| collector.update(batch));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0).and(other.join().unwrap())
    })
}

/// Fits on partitions of batches, with this memory for each.
fn fit(partitions: &[Vec<RecordBatch>], memory: &Memory) -> Result<FittedFeatures> {
    let schema = Schema::new([("city", ColumnType::Text), ("n", ColumnType::Int), ("words", ColumnType::Text)]);
    let mut fitting = Features::new(toml::from_str(SPECS).unwrap(), &schema, None, None)?.fit();
    while !fitting.finished() {
        let mut merged = fitting.collector_within(Memory { bytes: 0, ..memory.clone() });
        for batches in partitions {
            let collector = fitting.collector_within(memory.clone());
            update(&collector, batches)?;
            merged.merge(collector)?;
        }
        fitting.absorb(merged)?;
    }
    fitting.finish()
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("trainyard-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_features_are_the_same_with_any_memory_and_partition(
        kib in prop::sample::select(vec![0usize, 100, 300, 700]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        backwards in any::<bool>(),
    ) {
        let rows = 40_000u64;
        thread_local!(static WHOLE: String = fit(&[vec![batch(0..40_000)]], &Memory::default()).unwrap().to_json());
        let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut.index(rows as usize) as u64).collect();
        cuts.extend([0, rows]);
        cuts.sort_unstable();
        let batches = |ends: &[u64]| -> Vec<RecordBatch> {
            (ends[0]..ends[1]).step_by(3000).map(|row| batch(row..ends[1].min(row + 3000))).collect()
        };
        let mut partitions: Vec<Vec<RecordBatch>> = cuts.windows(2).map(batches).collect();
        if backwards {
            partitions.reverse();
            partitions.iter_mut().for_each(|batches| batches.reverse());
        }
        let fitted = fit(&partitions, &Memory { bytes: kib << 10, spill: Spill::default() }).unwrap();
        prop_assert_eq!(fitted.to_json(), WHOLE.with(String::clone));
    }
}

#[test]
fn a_directory_that_is_not_there_is_named_when_it_is_needed() {
    let memory = Memory { bytes: 0, spill: Spill::new("/no/such/directory") };
    assert!(fit(&[vec![batch(0..100)]], &memory).is_ok(), "counts that are small stay in memory");
    let error = fit(&[vec![batch(0..40_000), batch(0..100)]], &memory).unwrap_err();
    assert!(matches!(error, Error::Spill { .. }));
    let message = error.to_string();
    assert!(message.starts_with("cannot keep counts that outgrew the memory in `/no/such/directory/."), "{message}");
}

/// Run alone, in a process that may write no more than 64 KiB to a file, as a child of the test below.
#[test]
#[ignore = "needs a process of its own"]
fn fit_on_a_disk_that_fills() {
    let directory = PathBuf::from(std::env::var_os("TRAINYARD_SPILL").unwrap());
    let memory = Memory { bytes: 0, spill: Spill::new(&directory) };
    let partitions = vec![(0..20).map(|i| batch(i * 20_000..(i + 1) * 20_000)).collect()];
    let message = fit(&partitions, &memory).unwrap_err().to_string();
    assert!(message.contains("File too large"), "{message}");
    assert!(message.contains(directory.to_str().unwrap()), "{message}");
    assert!(is_empty(&directory), "something is left while others still hold the file");
}

/// The kernel refuses to write, as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_is_an_error_that_names_the_file_and_leaves_nothing() {
    let directory = directory("full");
    let script = r#"trap "" XFSZ; ulimit -f 128; exec "$0" --exact fit_on_a_disk_that_fills --include-ignored"#;
    let this = std::env::current_exe().unwrap();
    let child = Command::new("sh").arg("-c").arg(script).arg(this).env("TRAINYARD_SPILL", &directory).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    std::fs::remove_dir(&directory).unwrap();
}

#[test]
fn nothing_is_left_after_a_fit_that_spilled() {
    let directory = directory("spilled");
    let memory = Memory { bytes: 0, spill: Spill::new(&directory) };
    fit(&[vec![batch(0..40_000), batch(0..40_000)]], &memory).unwrap();
    drop(memory);
    assert!(is_empty(&directory));
    std::fs::remove_dir(&directory).unwrap();
}
