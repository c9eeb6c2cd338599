//! Batches, epoch after epoch.

use std::sync::Arc;

use trainyard_features::Batch;

use super::config::{LoaderConfig, LoaderState};
use super::group::{Group, Groups};
use super::order::Order;
use crate::Result;
use crate::background::{Background, Sink};
use crate::cache::Cache;
use crate::source::config as invalid;

/// Batches of a cache's rows, epoch after epoch, in an order that is a function of the seed and the epoch alone.
///
/// Threads of its own read and mix ahead; they end with the loader.
///
/// ```text
/// let mut loader = Loader::new(cache, LoaderConfig::default(), LoaderState::default())?;
/// while let Some(batch) = loader.next_batch()? { .. }     // epoch 0
/// while let Some(batch) = loader.next_batch()? { .. }     // epoch 1
/// ```
#[derive(Debug)]
pub struct Loader {
    events: Background<Result<Event>>,
    state: LoaderState,
}

/// Bytes that a byte of packed rows takes in a batch, where ids are of 64 bits and have offsets.
const BATCH_ROW_BYTES: u64 = 3;

/// What the threads hand over.
#[derive(Debug)]
enum Event {
    Batch(Batch, LoaderState),
    EndOfEpoch(LoaderState),
}

impl Loader {
    /// A loader that goes on from `state`; `LoaderState::default()` is the beginning.
    ///
    /// # Errors
    ///
    /// When the configuration is impossible, or `state` belongs to other rows or another order of them.
    pub fn new(cache: Arc<Cache>, config: LoaderConfig, state: LoaderState) -> Result<Loader> {
        config.check()?;
        let order = Order::new(&cache, &config);
        let origin = order.origin(&cache);
        origin.check(&state)?;
        if state.position > cache.rows() {
            let problem = format!("is {}, but the data has {} rows; was it changed?", state.position, cache.rows());
            return invalid("position", problem);
        }
        let state = LoaderState { origin: Some(origin), ..state };
        let batch_bytes = (config.batch_size as u64).saturating_mul(BATCH_ROW_BYTES * cache.row_bytes()).max(1);
        let ahead = (config.prefetch as u64).min(config.shuffle_bytes / batch_bytes) as usize;
        let batcher = Batcher { config, rows: cache.rows(), state, passed: 0, batch: Batch::default() };
        // One group waits in the channel's hand while the next is read.
        let groups = Background::spawn(0, move |sink| read_groups(&cache, &order, state, &sink));
        let events = Background::spawn(ahead, move |sink| batcher.run(groups, &sink));
        Ok(Loader { events, state })
    }

    /// The next batch; `None` at the end of an epoch, after which the next epoch begins.
    ///
    /// # Errors
    ///
    /// When the cache cannot be read. After an error there are no more batches.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        let (batch, state) = match self.events.next().transpose()? {
            Some(Event::Batch(batch, state)) => (Some(batch), state),
            Some(Event::EndOfEpoch(state)) => (None, state),
            None => return Err(crate::ordered::internal("a loader was asked for batches after it had failed")),
        };
        self.state = state;
        Ok(batch)
    }

    /// Where a loader has to start to give what this one has not given yet. After the end of an epoch it is the beginning of
    /// the next.
    pub fn state(&self) -> LoaderState {
        self.state
    }
}

/// Reads group after group and epoch after epoch, until no more are wanted. `None` stands for an epoch of which nothing is
/// left.
fn read_groups(cache: &Cache, order: &Order, state: LoaderState, sink: &Sink<Result<Option<Group>>>) {
    let groups = Groups::new(cache, order);
    let (mut group, mut passed) = order.locate(state.epoch, state.position);
    for epoch in state.epoch.. {
        if group == order.groups() && !sink.send(Ok(None)) {
            return;
        }
        while group < order.groups() {
            let read = groups.read(epoch, group, passed);
            let failed = read.is_err();
            if !sink.send(read.map(Some)) || failed {
                return;
            }
            (group, passed) = (group + 1, 0);
        }
        group = 0;
    }
}

/// Cuts groups into batches, and takes this reader's share of each.
struct Batcher {
    config: LoaderConfig,
    /// Rows of an epoch.
    rows: u64,
    /// Where the batch under construction begins.
    state: LoaderState,
    /// Rows passed since then, of all readers.
    passed: usize,
    /// The batch under construction, which may go on from group to group.
    batch: Batch,
}

impl Batcher {
    fn run(mut self, groups: impl Iterator<Item = Result<Option<Group>>>, sink: &Sink<Result<Event>>) {
        for group in groups {
            let wanted = match group {
                Ok(Some(group)) => self.cut(group, sink),
                Ok(None) => self.end_epoch(sink),
                Err(error) => {
                    // Who has dropped the loader does not want its error either.
                    let _ = sink.send(Err(error));
                    false
                }
            };
            if !wanted {
                return;
            }
        }
    }

    /// Makes batches of a group, and says whether more are wanted.
    fn cut(&mut self, mut group: Group, sink: &Sink<Result<Event>>) -> bool {
        while group.left() > 0 {
            let size = self.size();
            self.take(size, &mut group);
            if self.passed == size && !self.send_batch(sink) {
                return false;
            }
        }
        !group.is_last || self.end_epoch(sink)
    }

    /// Rows of the batch under construction once it is complete, those of all readers.
    fn size(&self) -> usize {
        (self.rows - self.state.position).min(self.config.batch_size as u64) as usize
    }

    /// Passes as many rows as the batch of this size lacks or the group has, and takes this reader's share of them.
    fn take(&mut self, size: usize, group: &mut Group) {
        let passed = self.passed..(self.passed + group.left()).min(size);
        let share = self.config.share.of(size);
        let start = share.start.clamp(passed.start, passed.end);
        let end = share.end.clamp(start, passed.end);
        group.skip(start - passed.start);
        group.take(end - start, &mut self.batch);
        group.skip(passed.end - end);
        self.passed = passed.end;
    }

    fn send_batch(&mut self, sink: &Sink<Result<Event>>) -> bool {
        let batch = std::mem::take(&mut self.batch);
        let is_full = self.passed == self.config.batch_size;
        self.state.position += std::mem::take(&mut self.passed) as u64;
        (self.config.drop_last && !is_full) || sink.send(Ok(Event::Batch(batch, self.state)))
    }

    fn end_epoch(&mut self, sink: &Sink<Result<Event>>) -> bool {
        self.state = LoaderState { epoch: self.state.epoch + 1, position: 0, ..self.state };
        sink.send(Ok(Event::EndOfEpoch(self.state)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trainyard_features::{CategoricalFeature, Encoding, NumericFeature};
    use trainyard_graph::Ragged;

    use super::*;
    use crate::Error;
    use crate::loader::Share;

    /// Blocks of these sizes; a row holds its number in all its features, in the last one added to more than 16 bits.
    fn cache(sizes: &[usize]) -> (tempfile::TempDir, Arc<Cache>) {
        let encoding = Encoding {
            numeric: vec![NumericFeature { name: "n".into(), width: 1, offset: 0 }],
            categorical: [("one", 9999), ("many", 9999), ("some", 1 << 20)]
                .map(|(name, buckets)| CategoricalFeature::new(name, buckets))
                .to_vec(),
        };
        let mut next = 0u64;
        let blocks = sizes.iter().map(|&size| {
            let rows: Vec<u64> = (next..next + size as u64).collect();
            next += size as u64;
            let (mut many, mut some) = (Ragged::new(), Ragged::new());
            rows.iter().for_each(|&row| many.push_row(&vec![row; row as usize % 3]));
            // Some blocks have all ids, others lack some.
            rows.iter().for_each(|&row| some.push_row(&[70_000 + row][..usize::from(row / 8 % 2 == 0 || row % 3 > 0)]));
            let numbers: Vec<f32> = rows.iter().map(|&row| row as f32).collect();
            let ids = vec![Ragged::from_single(rows), many, some];
            Batch { rows: size, numeric: numbers.clone(), ids, labels: numbers, weights: Vec::new() }
        });
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::of_blocks(&folder.path().join("c.arrow"), &encoding, blocks.collect()).unwrap();
        (folder, Arc::new(cache))
    }

    /// Everything that a loader gives until it has ended `epochs` epochs, each with the state after it.
    fn run(loader: &mut Loader, epochs: usize) -> Vec<(Option<Batch>, LoaderState)> {
        let (mut given, mut ended) = (Vec::new(), 0);
        while ended < epochs {
            let batch = loader.next_batch().unwrap();
            ended += usize::from(batch.is_none());
            given.push((batch, loader.state()));
        }
        given
    }

    fn labels(given: &[(Option<Batch>, LoaderState)]) -> Vec<f32> {
        given.iter().filter_map(|(batch, _)| batch.as_ref()).flat_map(|batch| batch.labels.clone()).collect()
    }

    fn sizes_of(cache: &Arc<Cache>, config: LoaderConfig) -> Vec<usize> {
        let given = run(&mut Loader::new(cache.clone(), config, LoaderState::default()).unwrap(), 1);
        given.iter().filter_map(|(batch, _)| batch.as_ref()).map(|batch| batch.rows).collect()
    }

    fn configs() -> impl Strategy<Value = LoaderConfig> {
        (1usize..50, any::<bool>(), 0usize..100, any::<u64>(), any::<bool>(), 0usize..3).prop_map(
            |(batch_size, shuffle, shuffle_rows, seed, drop_last, prefetch)| LoaderConfig {
                batch_size,
                shuffle,
                shuffle_rows,
                seed,
                drop_last,
                prefetch,
                ..LoaderConfig::default()
            },
        )
    }

    /// What `count` readers give until each has ended `epochs` epochs, with their slices of each batch put together.
    fn run_shared(
        cache: &Arc<Cache>,
        config: &LoaderConfig,
        count: usize,
        (from, epochs): (LoaderState, usize),
    ) -> Vec<(Option<Batch>, LoaderState)> {
        let reader = |index| LoaderConfig { share: Share { index, count }, ..config.clone() };
        let readers =
            (0..count).map(|index| run(&mut Loader::new(cache.clone(), reader(index), from).unwrap(), epochs));
        readers.reduce(joined).unwrap()
    }

    /// The slices of two readers, one after the other.
    fn joined(
        left: Vec<(Option<Batch>, LoaderState)>,
        right: Vec<(Option<Batch>, LoaderState)>,
    ) -> Vec<(Option<Batch>, LoaderState)> {
        assert_eq!(left.len(), right.len(), "readers do not step together");
        let steps = left.into_iter().zip(right).map(|((left, at), (right, also_at))| {
            assert_eq!(at, also_at);
            (left.zip(right).map(|(left, right)| appended(left, &right)), at)
        });
        steps.collect()
    }

    fn appended(mut batch: Batch, more: &Batch) -> Batch {
        batch.rows += more.rows;
        batch.numeric.extend(&more.numeric);
        batch.labels.extend(&more.labels);
        batch.weights.extend(&more.weights);
        for (ids, more) in batch.ids.iter_mut().zip(&more.ids) {
            (0..more.rows()).for_each(|row| ids.push_row(more.row(row)));
        }
        batch
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn a_resumed_loader_gives_what_an_uninterrupted_one_does(
            sizes in prop::collection::vec(1usize..30, 1..12), config in configs(), stop: prop::sample::Index,
        ) {
            let (_folder, cache) = cache(&sizes);
            let whole = run(&mut Loader::new(cache.clone(), config.clone(), LoaderState::default()).unwrap(), 3);
            let stop = stop.index(whole.len());
            let ended = whole[..=stop].iter().filter(|(batch, _)| batch.is_none()).count();
            let rest = run(&mut Loader::new(cache, config, whole[stop].1).unwrap(), 3 - ended);
            prop_assert_eq!(&rest, &whole[stop + 1..]);
        }

        #[test]
        fn slices_of_any_number_of_readers_make_the_batches_of_one(
            sizes in prop::collection::vec(1usize..30, 1..12), config in configs(), count in 2usize..7,
        ) {
            let (_folder, cache) = cache(&sizes);
            let alone = run(&mut Loader::new(cache.clone(), config.clone(), LoaderState::default()).unwrap(), 2);
            let shared = run_shared(&cache, &config, count, (LoaderState::default(), 2));
            prop_assert_eq!(shared, alone);
        }

        #[test]
        fn another_number_of_readers_goes_on_where_one_stopped(
            sizes in prop::collection::vec(1usize..30, 1..12), config in configs(), count in 1usize..7, stop: prop::sample::Index,
        ) {
            let (_folder, cache) = cache(&sizes);
            let whole = run(&mut Loader::new(cache.clone(), config.clone(), LoaderState::default()).unwrap(), 2);
            let stop = stop.index(whole.len());
            let ended = whole[..=stop].iter().filter(|(batch, _)| batch.is_none()).count();
            prop_assume!(ended < 2);
            let rest = run_shared(&cache, &config, count, (whole[stop].1, 2 - ended));
            prop_assert_eq!(&rest, &whole[stop + 1..]);
        }

        #[test]
        fn an_epoch_gives_every_row_once(sizes in prop::collection::vec(1usize..30, 1..12), config in configs()) {
            let config = LoaderConfig { drop_last: false, ..config };
            let (_folder, cache) = cache(&sizes);
            let given = run(&mut Loader::new(cache.clone(), config.clone(), LoaderState::default()).unwrap(), 1);
            for (batch, _) in &given {
                let Some(batch) = batch else { continue };
                for (row, &label) in batch.labels.iter().enumerate() {
                    let number = label as u64;
                    prop_assert_eq!(batch.numeric[row], label);
                    prop_assert_eq!(batch.ids[0].row(row), &[number][..]);
                    prop_assert_eq!(batch.ids[1].row(row), &vec![number; number as usize % 3][..]);
                }
            }
            let mut labels = labels(&given);
            if config.shuffle {
                labels.sort_by(f32::total_cmp);
            }
            prop_assert_eq!(labels, (0..cache.rows()).map(|row| row as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_are_full_but_the_last_of_an_epoch() {
        let (_folder, cache) = cache(&[7, 8, 9]);
        let config = LoaderConfig { batch_size: 10, shuffle_rows: 1, ..LoaderConfig::default() };
        assert_eq!(sizes_of(&cache, config.clone()), [10, 10, 4]);
        assert_eq!(sizes_of(&cache, LoaderConfig { drop_last: true, ..config }), [10, 10]);
        assert_eq!(sizes_of(&cache, LoaderConfig::in_order(24)), [24]);
    }

    #[test]
    fn each_epoch_has_its_own_order() {
        let (_folder, cache) = cache(&[20; 5]);
        let mut loader = Loader::new(cache, LoaderConfig::default(), LoaderState::default()).unwrap();
        assert_ne!(labels(&run(&mut loader, 1)), labels(&run(&mut loader, 1)));
        assert_eq!((loader.state().epoch, loader.state().position), (2, 0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (_folder, cache) = cache(&[5]);
        let open = |batch_size, position| {
            let config = LoaderConfig { batch_size, ..LoaderConfig::default() };
            let state = LoaderState { position, ..LoaderState::default() };
            Loader::new(cache.clone(), config, state).unwrap_err().to_string()
        };
        assert_eq!(open(0, 0), "`batch_size` is 0; expected at least 1");
        assert_eq!(open(1, 6), "`position` is 6, but the data has 5 rows; was it changed?");
        let share = Share { index: 2, count: 2 };
        let error = Loader::new(cache, LoaderConfig { share, ..LoaderConfig::default() }, LoaderState::default());
        assert_eq!(error.unwrap_err().to_string(), "`share` is number 2 of 2; readers count from 0");
    }

    #[track_caller]
    fn check_refused(cache: &Arc<Cache>, config: LoaderConfig, state: LoaderState, expected: &str) {
        let error = Loader::new(cache.clone(), config, state).unwrap_err().to_string();
        assert!(error.starts_with("`state` belongs to ") && error.contains(expected), "{error}");
    }

    #[test]
    fn a_state_of_other_rows_or_another_order_is_refused() {
        let ((_folder, cache), (_other_folder, other)) = (self::cache(&[5, 5, 5]), self::cache(&[5, 4, 6]));
        let config = LoaderConfig { batch_size: 4, ..LoaderConfig::default() };
        let mut loader = Loader::new(cache.clone(), config.clone(), LoaderState::default()).unwrap();
        loader.next_batch().unwrap();
        let state = loader.state();
        check_refused(&other, config.clone(), state, "other rows");
        check_refused(&cache, LoaderConfig { seed: 7, ..config.clone() }, state, "now it is shuffled by seed 7");
        check_refused(&cache, LoaderConfig { shuffle: false, ..config.clone() }, state, "now it is that of the file");
        check_refused(&cache, LoaderConfig { shuffle_rows: 5, ..config.clone() }, state, "mixes 3 blocks of rows");
        assert!(Loader::new(cache, LoaderConfig { batch_size: 2, prefetch: 0, ..config }, state).is_ok());
    }

    #[test]
    fn a_damaged_block_is_an_error_of_the_loader() {
        let (_folder, cache) = cache(&[5, 5]);
        let mut bytes = std::fs::read(cache.path()).unwrap();
        let middle = bytes.windows(4).rposition(|four| four == 7f32.to_le_bytes()).unwrap();
        bytes[middle] ^= 1;
        std::fs::write(cache.path(), bytes).unwrap();
        let mut loader = Loader::new(cache, LoaderConfig::default(), LoaderState::default()).unwrap();
        assert!(matches!(loader.next_batch(), Err(Error::DamagedCache { .. })));
        assert!(matches!(loader.next_batch(), Err(Error::Internal { .. })));
    }
}
