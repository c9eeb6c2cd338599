//! The order of an epoch.
//!
//! ```text
//! file   |  stretch 0  |  stretch 1  |  stretch 2  | ..     as many blocks in each as there are groups
//!             └───────┐      │      ┌──────┘
//! group            one block of each, at random, its rows shuffled
//! ```
//!
//! Why not any blocks, as CorgiPile takes them? Where rows are sorted by label, or drift with time, the labels of a few random
//! blocks are unlike those of all: with 25 blocks of one label each, the share of a label has a deviation of 10 %, and the model
//! follows it. One block of each stretch makes that at most a block's worth, 4 %, and mostly nothing.

use trainyard_graph::random;

use super::config::{LoaderConfig, Origin};
use super::permutation::Permutation;
use super::rows::Pick;
use crate::cache::Cache;

/// Which blocks make up the groups of an epoch, and in which order the rows of a group come.
#[derive(Debug, Clone)]
pub(super) struct Order {
    seed: u64,
    shuffle: bool,
    /// Rows of each block in the file.
    block_rows: Vec<u32>,
    groups: usize,
}

impl Order {
    /// The order of the rows of `cache`.
    pub(super) fn new(cache: &Cache, config: &LoaderConfig) -> Self {
        let block_rows = (0..cache.blocks()).map(|block| cache.block_rows(block) as u32).collect();
        let rows = (config.shuffle_rows as u64).min(config.shuffle_bytes / cache.row_bytes().max(1));
        Self::of_blocks(block_rows, config, rows)
    }

    fn of_blocks(block_rows: Vec<u32>, config: &LoaderConfig, group_rows: u64) -> Self {
        let blocks = block_rows.len() as u64;
        let rows: u64 = block_rows.iter().map(|&rows| u64::from(rows)).sum();
        let mean_rows = rows.div_ceil(blocks.max(1)).max(1);
        let of_group = if config.shuffle { group_rows / mean_rows } else { 1 };
        let groups = blocks.div_ceil(of_group.clamp(1, Pick::MOST_BLOCKS as u64));
        Self { seed: config.seed, shuffle: config.shuffle, block_rows, groups: groups as usize }
    }

    /// What a position in an epoch of `cache` counts.
    pub(super) fn origin(&self, cache: &Cache) -> Origin {
        let rows = cache.content();
        if self.shuffle {
            Origin { rows, seed: self.seed, blocks: self.stretches() as u64 }
        } else {
            Origin { rows, seed: 0, blocks: 0 }
        }
    }

    /// Whether rows are mixed; otherwise each block is a group, in the order of the file.
    pub(super) fn is_shuffled(&self) -> bool {
        self.shuffle
    }

    /// Number of groups of an epoch.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The stretches of the file, each of as many blocks as there are groups, the last of perhaps fewer.
    fn stretches(&self) -> usize {
        self.block_rows.len().div_ceil(self.groups.max(1))
    }

    /// The blocks of a group. Groups are of equal size, give or take a block, so that no rows are left for a small last one.
    pub(super) fn blocks(&self, epoch: u64, group: usize) -> Vec<usize> {
        let n = self.block_rows.len();
        if !self.shuffle {
            return vec![group];
        }
        let of_stretch = |stretch: usize| {
            let key = random::stream(self.seed, &format!("loader/{epoch}/stretch/{stretch}"));
            stretch * self.groups + Permutation::new(self.groups as u64, key).get(group as u64) as usize
        };
        (0..self.stretches()).map(of_stretch).filter(|&block| block < n).collect()
    }

    /// The rows of a group of these blocks, mixed.
    pub(super) fn picks(&self, epoch: u64, group: usize, blocks: &[usize]) -> Vec<Pick> {
        let mut picks = Vec::with_capacity(self.rows(blocks) as usize);
        for (place, &block) in blocks.iter().enumerate() {
            picks.extend((0..self.block_rows[block]).map(|row| Pick::new(place, row)));
        }
        shuffle(&mut picks, random::stream(self.seed, &format!("loader/{epoch}/{group}")));
        picks
    }

    /// The group that a position in an epoch lies in, and the rows of it that lie before; the number of groups at the end.
    pub(super) fn locate(&self, epoch: u64, position: u64) -> (usize, u64) {
        let mut before = position;
        for group in 0..self.groups {
            let rows = self.rows(&self.blocks(epoch, group));
            if before < rows {
                return (group, before);
            }
            before -= rows;
        }
        (self.groups, 0)
    }

    fn rows(&self, blocks: &[usize]) -> u64 {
        blocks.iter().map(|&block| u64::from(self.block_rows[block])).sum()
    }
}

/// Shuffles by a stream of random numbers (Fisher and Yates; Durstenfeld, 1964).
fn shuffle<T>(items: &mut [T], stream: u64) {
    for i in (1..items.len()).rev() {
        items.swap(i, random::below(stream, i as u64, i as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(block_rows: Vec<u32>, shuffle: bool, seed: u64, group_rows: u64) -> Order {
        Order::of_blocks(block_rows, &LoaderConfig { shuffle, seed, ..LoaderConfig::default() }, group_rows)
    }

    /// The rows of an epoch as (block, row).
    fn epoch(order: &Order, epoch: u64) -> Vec<(usize, usize)> {
        let mut rows = Vec::new();
        for group in 0..order.groups() {
            let blocks = order.blocks(epoch, group);
            if order.is_shuffled() {
                rows.extend(order.picks(epoch, group, &blocks).iter().map(|pick| (blocks[pick.block()], pick.row())));
            } else {
                rows.extend(
                    blocks.iter().flat_map(|&block| (0..order.block_rows[block] as usize).map(move |row| (block, row))),
                );
            }
        }
        rows
    }

    fn in_file(block_rows: &[u32]) -> Vec<(usize, usize)> {
        block_rows
            .iter()
            .enumerate()
            .flat_map(|(block, &rows)| (0..rows as usize).map(move |row| (block, row)))
            .collect()
    }

    proptest! {
        #[test]
        fn every_row_comes_once(
            block_rows in prop::collection::vec(1u32..20, 0..30), shuffle: bool, seed: u64, n in 0u64..3, groups in 0u64..400,
        ) {
            let order = order(block_rows.clone(), shuffle, seed, groups);
            let mut rows = epoch(&order, n);
            if shuffle {
                rows.sort_unstable();
            }
            prop_assert_eq!(rows, in_file(&block_rows));
        }

        #[test]
        fn every_position_is_found(block_rows in prop::collection::vec(1u32..20, 1..30), seed: u64, groups in 0u64..400) {
            let order = order(block_rows.clone(), true, seed, groups);
            let mut position = 0;
            for group in 0..order.groups() {
                for before in 0..order.rows(&order.blocks(1, group)) {
                    prop_assert_eq!(order.locate(1, position), (group, before));
                    position += 1;
                }
            }
            prop_assert_eq!(order.locate(1, position), (order.groups(), 0));
        }
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let rows = vec![50; 20];
        assert_ne!(epoch(&order(rows.clone(), true, 1, 0), 0), epoch(&order(rows.clone(), true, 1, 0), 1));
        assert_ne!(epoch(&order(rows.clone(), true, 1, 0), 0), epoch(&order(rows, true, 2, 0), 0));
    }

    #[test]
    fn groups_are_of_equal_size() {
        let order = order(vec![8192; 10], true, 0, 3 * 8192);
        let mut sizes: Vec<_> = (0..order.groups()).map(|group| order.blocks(0, group).len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [2, 2, 3, 3]);
    }

    #[test]
    fn a_group_has_a_block_of_each_stretch_of_the_file() {
        let order = order(vec![1000; 200], true, 9, 25_000);
        for group in 0..order.groups() {
            let stretches: Vec<_> = order.blocks(3, group).iter().map(|block| block / 8).collect();
            assert_eq!(stretches, (0..25).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_group_takes_no_more_rows_than_it_may() {
        for (rows, blocks) in [(0, 1), (8191, 1), (8192, 1), (16_383, 1), (16_384, 2), (u64::MAX, 10)] {
            let order = order(vec![8192; 10], true, 0, rows);
            assert!((0..order.groups()).all(|group| order.blocks(0, group).len() <= blocks), "{rows}");
        }
    }

    #[test]
    fn a_row_goes_anywhere() {
        // The mean distance of a row from its place in a random order of n is n / 3.
        let order = order(vec![100; 100], true, 5, u64::MAX);
        let rows = epoch(&order, 0);
        let distance = |(i, &(block, row)): (usize, &(usize, usize))| i.abs_diff(block * 100 + row);
        let mean = rows.iter().enumerate().map(distance).sum::<usize>() as f64 / rows.len() as f64;
        assert!((mean - 3333.0).abs() < 100.0, "{mean}");
    }
}
