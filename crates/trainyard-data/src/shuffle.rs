//! Rows in a random order on disk, once for all epochs.
//!
//! ```text
//! place of row r = P(r), P a random permutation that is computed; shard = place / rows of a shard
//!
//! 1. scatter   cache ──► a stretch of blocks in memory ──► its rows of shard 0, of shard 1, .. as blocks of a scratch file
//! 2. gather    blocks of shard s ──► memory ──► its rows by place ──► blocks of the result
//! ```
//!
//! Each row is written and read twice, in long stretches, whatever the size of the data. A shard fits into memory, and where
//! shards end does not matter: the order is that of `P` alone. So the bytes are the same for any memory and any number of
//! threads.
//!
//! Rows carry no number along. A scatter keeps the order of the rows within a shard, so the first row of a shard in the
//! scratch file is the one with the least number of those that `P` puts there, and so on.
//!
//! The number of blocks in the scratch file grows with the square of the shards: with 1 GiB of memory some 250 GB of encoded
//! rows are shuffled at full speed, with 4 GiB 4 TB.

use std::ops::Range;
use std::path::Path;

use trainyard_features::Batch;
use trainyard_graph::random;

use crate::cache::{Scratch, Writer};
use crate::loader::{Packed, Permutation, Pick, Rows};
use crate::loan::Purse;
use crate::ordered::{internal, map_in_order};
use crate::source::BATCH_ROWS;
use crate::{Cache, Resources, Result};

impl Cache {
    /// Writes the rows in a random order, all orders equally likely, to `path`, and opens that file. It may be the file of
    /// this cache, which is replaced once the new one is complete.
    ///
    /// The bytes are a function of the rows and the seed. On the way a scratch file of the same size lies beside `path`.
    /// `progress` is called from time to time with the rows handled so far, each of them twice.
    ///
    /// # Errors
    ///
    /// When this cache cannot be read, or the files cannot be written.
    pub fn shuffle(&self, path: &Path, seed: u64, resources: Resources, progress: &dyn Fn(u64)) -> Result<Cache> {
        Shuffle::new(self, seed, resources, progress).run(path)
    }
}

/// A shuffle at work.
struct Shuffle<'a> {
    cache: &'a Cache,
    seed: u64,
    /// Row `get(p)` comes to place `p`.
    permutation: Permutation,
    /// Bytes of rows that are in memory at a time, with what is known about each.
    bytes: u64,
    /// Rows of a shard, all of whose blocks are full.
    shard_rows: u64,
    resources: Resources,
    progress: &'a dyn Fn(u64),
}

/// The rows of each shard, in their former order.
struct Shards {
    scratch: Scratch,
    /// The numbers of its blocks, by shard.
    blocks: Vec<Vec<usize>>,
}

/// A shard, and where its rows lie among those in memory.
type ShardPlaces = (usize, Range<usize>);

/// Bytes that the place of a row takes in memory while it is found.
const PLACE_BYTES: u64 = 24;
/// Bytes that a byte of packed rows takes while rows are gathered and encoded anew.
const GATHERED_BYTES: u64 = 4;

impl<'a> Shuffle<'a> {
    fn new(cache: &'a Cache, seed: u64, resources: Resources, progress: &'a dyn Fn(u64)) -> Self {
        let permutation = Permutation::new(cache.rows(), random::stream(seed, "shuffle"));
        let bytes = resources.memory.bytes() / 4;
        let blocks = bytes / (cache.row_bytes() + PLACE_BYTES) / BATCH_ROWS as u64;
        let shard_rows = blocks.clamp(1, Pick::MOST_BLOCKS as u64 / 2) * BATCH_ROWS as u64;
        Self { cache, seed, permutation, bytes, shard_rows, resources, progress }
    }

    fn run(&self, path: &Path) -> Result<Cache> {
        let fingerprint = self.cache.shuffled_fingerprint(self.seed);
        let scattered = self.cache.writer(&path.with_extension("scatter"), &fingerprint)?.without_sync();
        let shards = self.scatter(scattered)?;
        let mut writer = self.cache.writer(path, &fingerprint)?;
        self.gather(&shards, &mut writer)?;
        writer.finish(self.cache.skipped())?;
        Cache::open(path, &fingerprint)
    }

    /// Writes the rows of each shard by themselves.
    fn scatter(&self, mut writer: Writer) -> Result<Shards> {
        let shards = self.cache.rows().div_ceil(self.shard_rows) as usize;
        let mut blocks = vec![Vec::new(); shards];
        let (mut next, mut written, mut done) = (0, 0, 0);
        while next < self.cache.blocks() {
            let stretch = self.stretch(next);
            next = stretch.end;
            let (rows, shards) = self.by_shard(stretch, done)?;
            done += rows.picks.len() as u64;
            let pieces: Vec<_> = shards
                .into_iter()
                .flat_map(|(shard, places)| pieces(places).map(move |piece| (shard, piece)))
                .collect();
            for (shard, _) in &pieces {
                blocks[*shard].push(written);
                written += 1;
            }
            self.write(&rows, pieces.into_iter().map(|(_, piece)| piece), &mut writer)?;
            (self.progress)(done);
        }
        Ok(Shards { scratch: writer.into_scratch()?, blocks })
    }

    /// As many blocks from this one on as there is memory for, at least one.
    fn stretch(&self, first: usize) -> Range<usize> {
        let mut bytes = 0;
        let fits = |block: &usize| {
            bytes += self.cache.block_bytes(*block) + PLACE_BYTES * self.cache.block_rows(*block) as u64;
            bytes <= self.bytes
        };
        let blocks = (first..self.cache.blocks()).take_while(fits).count();
        first..first + blocks.clamp(1, Pick::MOST_BLOCKS)
    }

    /// The rows of these blocks, the first of which has this number, by shard; and where each shard lies among them.
    fn by_shard(&self, blocks: Range<usize>, first: u64) -> Result<(Rows, Vec<ShardPlaces>)> {
        let blocks = read(self.cache, blocks)?;
        let shard = |row: u64| (self.permutation.place(row) / self.shard_rows) as usize;
        let mut picks: Vec<(usize, Pick)> =
            (first..).zip(stored(&blocks)).map(|(row, pick)| (shard(row), pick)).collect();
        picks.sort_by_key(|(shard, _)| *shard);
        let mut shards: Vec<ShardPlaces> = Vec::new();
        for of_shard in picks.chunk_by(|(a, _), (b, _)| a == b) {
            let start = shards.last().map_or(0, |(_, places)| places.end);
            shards.push((of_shard[0].0, start..start + of_shard.len()));
        }
        let picks = picks.into_iter().map(|(_, pick)| pick).collect();
        Ok((Rows { blocks, picks }, shards))
    }

    /// Writes the rows of each shard in their new order.
    fn gather(&self, shards: &Shards, writer: &mut Writer) -> Result<()> {
        let rows = self.cache.rows();
        let mut places = 0..0;
        for blocks in &shards.blocks {
            places = places.end..(places.end + self.shard_rows).min(rows);
            let blocks = read(&shards.scratch.cache, blocks.iter().copied())?;
            let picks = self.by_place(&blocks, places.clone())?;
            let shard = Rows { blocks, picks };
            self.write(&shard, pieces(0..shard.picks.len()), writer)?;
            (self.progress)(rows + places.end);
        }
        Ok(())
    }

    /// The rows of a shard in the order of their places.
    fn by_place(&self, blocks: &[Packed], places: Range<u64>) -> Result<Vec<Pick>> {
        let mut order: Vec<(u64, usize)> =
            places.enumerate().map(|(i, place)| (self.permutation.get(place), i)).collect();
        order.sort_unstable();
        let stored: Vec<Pick> = stored(blocks).collect();
        if stored.len() != order.len() || blocks.len() > Pick::MOST_BLOCKS {
            return Err(internal("a shard does not have its rows"));
        }
        let mut picks = stored.clone();
        order.into_iter().zip(stored).for_each(|((_, i), pick)| picks[i] = pick);
        Ok(picks)
    }

    /// Writes pieces of rows as blocks.
    fn write(&self, rows: &Rows, pieces: impl Iterator<Item = Range<usize>> + Send, writer: &mut Writer) -> Result<()> {
        let (cache, row_bytes) = (self.cache, GATHERED_BYTES * self.cache.row_bytes());
        let purse = Purse::new(self.resources.memory.flight_bytes());
        let lent = pieces.map(|piece| Ok((piece.clone(), purse.lend(piece.len() as u64 * row_bytes))));
        let encode = |(piece, loan)| {
            let mut batch = Batch::default();
            rows.gather(piece, &mut batch);
            Ok((cache.encode(batch)?, loan))
        };
        map_in_order(lent, self.resources.threads, encode, |(batch, _loan)| writer.write(&batch).map(|()| true))
    }
}

fn read(cache: &Cache, blocks: impl Iterator<Item = usize>) -> Result<Vec<Packed>> {
    blocks.map(|block| Ok(Packed::new(cache.block(block)?, Vec::new()))).collect()
}

/// All rows of blocks as they are stored.
fn stored(blocks: &[Packed]) -> impl Iterator<Item = Pick> {
    let of_block = |(place, block): (usize, &Packed)| (0..block.rows() as u32).map(move |row| Pick::new(place, row));
    blocks.iter().enumerate().flat_map(of_block)
}

/// Cuts places into pieces of a block each.
fn pieces(places: Range<usize>) -> impl Iterator<Item = Range<usize>> + Send {
    let end = places.end;
    places.step_by(BATCH_ROWS).map(move |start| start..end.min(start + BATCH_ROWS))
}

#[cfg(test)]
mod tests {
    use trainyard_features::{CategoricalFeature, Encoding, NumericFeature};
    use trainyard_graph::Ragged;

    use super::*;
    use crate::Memory;

    /// Blocks of these sizes; a row holds its number in all its features.
    fn cache(path: &Path, sizes: &[usize]) -> Cache {
        let encoding = Encoding {
            numeric: vec![NumericFeature { name: "n".into(), width: 1, offset: 0 }],
            categorical: vec![CategoricalFeature::new("many", 1 << 20)],
        };
        let mut next = 0u64;
        let blocks = sizes.iter().map(|&size| {
            let rows: Vec<u64> = (next..next + size as u64).collect();
            next += size as u64;
            let mut many = Ragged::new();
            rows.iter().for_each(|&row| many.push_row(&vec![row; row as usize % 3]));
            let numbers: Vec<f32> = rows.iter().map(|&row| row as f32).collect();
            Batch { rows: size, numeric: numbers.clone(), ids: vec![many], labels: numbers.clone(), weights: numbers }
        });
        Cache::of_blocks(path, &encoding, blocks.collect()).unwrap()
    }

    /// Shuffles with memory for so many bytes and shards of so many full blocks.
    fn shuffled(cache: &Cache, name: &str, (bytes, blocks): (u64, usize), threads: usize) -> Cache {
        let resources = Resources { threads, memory: Memory::LEAST };
        let shard_rows = (blocks * BATCH_ROWS) as u64;
        let progress = |_| {};
        let shuffle = Shuffle { bytes, shard_rows, ..Shuffle::new(cache, 5, resources, &progress) };
        shuffle.run(&cache.path().with_file_name(name)).unwrap()
    }

    fn all(cache: &Cache) -> Vec<Batch> {
        (0..cache.blocks()).map(|block| cache.read(block).unwrap()).collect()
    }

    const SIZES: [usize; 9] = [8192, 8192, 8192, 1, 5000, 8192, 8192, 8192, 3000];

    #[test]
    fn rows_come_in_the_order_of_the_permutation_with_all_that_belongs_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c.arrow"), &SIZES);
        let permutation = Permutation::new(cache.rows(), random::stream(5, "shuffle"));
        let mut place = 0;
        for batch in all(&shuffled(&cache, "s.arrow", (300_000, 2), 2)) {
            for row in 0..batch.rows {
                let number = permutation.get(place);
                place += 1;
                assert_eq!(batch.numeric[row], number as f32);
                assert_eq!(batch.ids[0].row(row), vec![number; number as usize % 3]);
                assert_eq!((batch.labels[row], batch.weights[row]), (number as f32, number as f32));
            }
        }
        assert_eq!(place, cache.rows());
    }

    #[test]
    fn the_bytes_depend_neither_on_memory_nor_on_threads() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c.arrow"), &SIZES);
        let bytes = |memory, threads| std::fs::read(shuffled(&cache, "s.arrow", memory, threads).path()).unwrap();
        let expected = bytes((u64::MAX, 100), 1);
        for (memory, threads) in [((0, 1), 1), ((0, 2), 3), ((400_000, 1), 2), ((1_000_000, 3), 8)] {
            assert!(bytes(memory, threads) == expected, "{memory:?} {threads} threads");
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "a temporary file stayed: {names:?}");
    }

    #[test]
    fn a_cache_may_be_shuffled_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.arrow");
        let cache = cache(&path, &[8192, 100]);
        let last = std::cell::Cell::new(0);
        let shuffled = cache.shuffle(&path, 1, Resources::default(), &|rows| last.set(rows)).unwrap();
        assert_eq!((shuffled.rows(), shuffled.blocks(), last.get()), (8292, 2, 2 * 8292));
        assert_ne!(shuffled.content(), cache.content());
        assert_eq!(all(&cache)[1].numeric[99], 8291.0, "who has the former file open still reads it");
        assert!(Cache::open(&path, "test").is_err());
    }

    #[test]
    fn sorted_labels_are_not_clustered_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder.path().join("c.arrow"), &[4000; 8]);
        assert!(cache.label_clustering() > 0.9);
        assert!(shuffled(&cache, "s.arrow", (100_000, 1), 2).label_clustering() < 0.01);
    }

    #[test]
    fn a_damaged_cache_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.arrow");
        let cache = cache(&path, &[5000, 5000]);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.windows(4).rposition(|four| four == 7000f32.to_le_bytes()).unwrap();
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = cache.shuffle(&path, 1, Resources::default(), &|_| {}).unwrap_err();
        assert!(matches!(error, crate::Error::DamagedCache { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
