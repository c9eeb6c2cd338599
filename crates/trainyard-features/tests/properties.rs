//! What holds for any table: how rows are cut into partitions, batches and requests changes nothing.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use arrow::record_batch::RecordBatch;
use common::{Row, batch, features, fit, rows};
use proptest::prelude::*;
use proptest::sample::Index;
use trainyard_features::{Batch, Collector, FittedFeatures, Result, Round};
use trainyard_graph::Ragged;

/// The first two rows have different labels, so that there is something to learn.
fn table() -> impl Strategy<Value = Vec<Row>> {
    let float = || {
        prop_oneof![
            4 => (-1e3..1e3).prop_map(Some),
            2 => (-3i32..3).prop_map(|n| Some(f64::from(n))),
            1 => prop_oneof![Just(None), Just(Some(f64::NAN)), Just(Some(f64::INFINITY)), Just(Some(-0.0))],
        ]
    };
    let int = prop_oneof![4 => (-3i64..9).prop_map(Some), 1 => any::<i64>().prop_map(Some), 1 => Just(None)];
    let text = prop::option::of("[a-cé]{0,2}");
    let time = prop::option::of(prop_oneof!["20[0-9]{2}-0[1-9]-1[0-9] 1[0-9]:[0-5][0-9]:00", Just("soon".to_string())]);
    let words = prop::option::of("[abé]( {0,2}[ABcé]){0,5}");
    let row = (float(), float(), int, any::<Option<bool>>(), text, time, any::<bool>(), any::<u8>(), words);
    prop::collection::vec(row, 2..60).prop_map(|mut rows| {
        rows[0].6 = false;
        rows[1].6 = true;
        rows
    })
}

/// Numbers, ids by feature and row, their weights by feature, labels and weights, as integers.
type Bits = (Vec<u32>, Vec<Vec<Vec<u64>>>, Vec<Option<Vec<u32>>>, Vec<u32>, Vec<u32>);

/// Everything in a batch as integers, so that comparing is comparing bits.
fn bits(batch: &Batch) -> Bits {
    let floats = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    let rows = |ids: &Ragged| (0..ids.rows()).map(|row| ids.row(row).to_vec()).collect();
    let ids = batch.ids.iter().map(rows).collect();
    let id_weights = batch.ids.iter().map(|ids| ids.weights.as_deref().map(floats)).collect();
    (floats(&batch.numeric), ids, id_weights, floats(&batch.labels), floats(&batch.weights))
}

type Transform = fn(&FittedFeatures, &RecordBatch) -> Result<Batch>;

/// Row after row, put together again.
fn one_by_one(fitted: &FittedFeatures, rows: &RecordBatch, transform: Transform) -> Batch {
    let mut whole = Batch { ids: vec![Ragged::new(); fitted.encoding().categorical.len()], ..Batch::default() };
    for row in 0..rows.num_rows() {
        let part = transform(fitted, &rows.slice(row, 1)).unwrap();
        whole.rows += part.rows;
        whole.numeric.extend(part.numeric);
        for (whole, part) in whole.ids.iter_mut().zip(&part.ids) {
            whole.push_row(part.row(0));
            if let Some(weights) = &part.weights {
                whole.weights.get_or_insert_default().extend(weights);
            }
        }
        whole.labels.extend(part.labels);
        whole.weights.extend(part.weights);
    }
    whole
}

/// Fits on partitions, each a list of batches that a process of its own looks at, which gets the round and sends what it found.
fn fit_apart(partitions: &[Vec<RecordBatch>]) -> FittedFeatures {
    let mut fitting = features().fit();
    while let Some(round) = fitting.round().cloned() {
        let sent = round.to_bytes().unwrap();
        let mut merged = round.collector();
        for batches in partitions {
            let collector = Round::from_bytes(&sent).unwrap().collector();
            batches.iter().for_each(|batch| collector.update(batch).unwrap());
            merged.merge(round.read(&collector.to_bytes().unwrap()).unwrap()).unwrap();
        }
        fitting.absorb(merged).unwrap();
    }
    fitting.finish().unwrap()
}

const THREADS: usize = 3;
const COLLECTORS: usize = 4;

/// A batch, the thread that looks at it and the collector that this fills.
type Dealt = (RecordBatch, usize, usize);

/// Fits with collectors that several threads fill at the same time.
fn fit_by_threads(batches: &[Dealt], merges: &[(Index, Index)]) -> FittedFeatures {
    let mut fitting = features().fit();
    while let Some(round) = fitting.round() {
        let collectors: Vec<Collector> = (0..COLLECTORS).map(|_| round.collector()).collect();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let collectors = &collectors;
                scope.spawn(move || {
                    for (batch, _, collector) in batches.iter().filter(|(_, owner, _)| *owner == thread) {
                        collectors[*collector].update(batch).unwrap();
                    }
                });
            }
        });
        fitting.absorb(merged(collectors, merges)).unwrap();
    }
    fitting.finish().unwrap()
}

/// Merges one collector into another until one is left, those that `merges` picks.
fn merged(mut collectors: Vec<Collector>, merges: &[(Index, Index)]) -> Collector {
    for (from, into) in merges {
        let from = from.index(collectors.len());
        let collector = collectors.swap_remove(from);
        let into = into.index(collectors.len());
        collectors[into].merge(collector).unwrap();
    }
    assert_eq!(collectors.len(), 1);
    collectors.remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fitting_gives_the_same_bytes_for_any_partition(
        rows in table(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        reversed in any::<bool>(),
    ) {
        let whole = fit(&[vec![batch(&rows)]], false);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len())).collect();
        cuts.extend([0, rows.len()]);
        cuts.sort_unstable();
        let partitions: Vec<_> = cuts
            .windows(2)
            .map(|ends| rows[ends[0]..ends[1]].rchunks(7).map(batch).collect::<Vec<_>>())
            .collect();
        let parts = fit(&partitions, reversed);
        prop_assert_eq!(parts.to_json(), whole.to_json());
        prop_assert_eq!(parts.fingerprint(), whole.fingerprint());
        prop_assert_eq!(fit_apart(&partitions).to_json(), whole.to_json());
    }

    #[test]
    fn fitting_gives_the_same_bytes_for_any_threads_and_collectors(
        rows in table(),
        batch_rows in 1usize..9,
        deals in prop::collection::vec((any::<u16>(), 0..THREADS, 0..COLLECTORS), 60),
        merges in prop::collection::vec(any::<(Index, Index)>(), COLLECTORS - 1),
    ) {
        let whole = fit(&[rows.chunks(batch_rows).map(batch).collect::<Vec<_>>()], false);
        // There are no more batches than deals; the number of each says when its turn is.
        let mut dealt: Vec<_> = rows.chunks(batch_rows).map(batch).zip(deals).collect();
        dealt.sort_by_key(|(_, (turn, ..))| *turn);
        let dealt: Vec<Dealt> =
            dealt.into_iter().map(|(batch, (_, thread, collector))| (batch, thread, collector)).collect();
        prop_assert_eq!(fit_by_threads(&dealt, &merges).to_json(), whole.to_json());
    }

    #[test]
    fn a_batch_is_its_rows_one_by_one(rows in table(), others in table()) {
        let fitted = fit(&[vec![batch(&rows)]], false);
        for rows in [batch(&rows), batch(&others)] {
            for transform in [FittedFeatures::transform_labelled, FittedFeatures::transform_training] as [Transform; 2] {
                let whole = transform(&fitted, &rows).unwrap();
                prop_assert_eq!(bits(&whole), bits(&one_by_one(&fitted, &rows, transform)));
            }
        }
    }

    #[test]
    fn what_is_read_from_json_transforms_alike(rows in table(), others in table()) {
        let fitted = fit(&[vec![batch(&rows)]], false);
        let read = FittedFeatures::from_json(&fitted.to_json()).unwrap();
        prop_assert_eq!(read.to_json(), fitted.to_json());
        prop_assert_eq!(read.statistics(), fitted.statistics());
        let (rows, others) = (batch(&rows), batch(&others));
        prop_assert_eq!(bits(&read.transform(&others).unwrap()), bits(&fitted.transform(&others).unwrap()));
        prop_assert_eq!(bits(&read.transform_training(&rows).unwrap()), bits(&fitted.transform_training(&rows).unwrap()));
    }

    #[test]
    fn rows_unlike_those_of_training_transform_too(others in table()) {
        let fitted = fit(&[vec![batch(&rows())]], false);
        prop_assert!(fitted.transform(&batch(&others)).is_ok());
    }

    #[test]
    fn every_id_is_below_its_buckets_and_every_number_finite(rows in table(), others in table()) {
        let fitted = fit(&[vec![batch(&rows)]], false);
        let batch = fitted.transform(&batch(&others)).unwrap();
        prop_assert!(batch.numeric.iter().all(|value| value.is_finite()));
        prop_assert_eq!(batch.numeric.len(), batch.rows * fitted.encoding().numeric_width());
        for (ids, feature) in batch.ids.iter().zip(&fitted.encoding().categorical) {
            prop_assert!(ids.ids.iter().all(|id| *id < feature.buckets), "{}", feature.name);
            prop_assert_eq!(ids.rows(), batch.rows);
            if let Some(weights) = &ids.weights {
                prop_assert_eq!(weights.len(), ids.ids.len());
                prop_assert!(weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0), "{}", feature.name);
            }
        }
    }
}
