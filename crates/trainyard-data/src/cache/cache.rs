//! A file of encoded rows.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::{Block as IpcBlock, MetadataVersion, root_as_footer};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};
use trainyard_features::{Batch, FittedFeatures};

use super::block::Block;
use super::build::Build;
use super::index::{BlockEntry, Index, KEY};
use super::labels::LabelTotals;
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::fit::{Learnt, Open};
use crate::ordered::internal;
use crate::{Engine, Source};

/// What rows are encoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To learn from: the rows that the features were fitted on, so that a feature which was fitted on labels must not show a row
    /// its own ([`FittedFeatures::transform_training`]).
    Training,
    /// To be predicted.
    Other,
}

impl Split {
    /// The fingerprint of rows that were encoded for this.
    fn fingerprint(self, features: &FittedFeatures) -> String {
        match self {
            Self::Training => format!("{}-training", features.encoding_fingerprint()),
            Self::Other => features.encoding_fingerprint(),
        }
    }

    /// Makes raw rows ready for a model; with labels if the features have one.
    pub(crate) fn transform(self, features: &FittedFeatures, rows: &RecordBatch) -> Result<Batch> {
        let labelled = features.label().is_some();
        Ok(match self {
            Self::Training if labelled => features.transform_training(rows)?,
            Self::Other if labelled => features.transform_labelled(rows)?,
            _ => features.transform(rows)?,
        })
    }
}

/// The fingerprint of rows in the random order of a seed.
fn shuffled(fingerprint: &str, seed: u64) -> String {
    format!("{fingerprint}-shuffled-{seed}")
}

/// Encoded rows in a file, in blocks of at most 8192 rows that are read in any order. Any number of threads may read.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    file: File,
    index: Index,
    decoder: FileDecoder,
}

impl Cache {
    /// Transforms all rows of `source` on an engine, writes them to `path`, and opens the file.
    ///
    /// The bytes do not depend on the engine. A file at `path` is replaced once the new one is complete.
    /// Rows have labels if the features have one. `progress` is called from time to time with the rows written so far.
    ///
    /// # Errors
    ///
    /// When a row cannot be read or transformed, there are no rows, or the file cannot be written.
    pub fn build(
        path: &Path,
        features: &FittedFeatures,
        (split, source): (Split, &Source),
        engine: impl Into<Engine>,
        progress: &dyn Fn(u64),
    ) -> Result<Cache> {
        let fingerprint = split.fingerprint(features);
        let (rows, engine) = ((split, features), engine.into());
        let build = Build { path, fingerprint, features: rows, source, engine, progress, open: None };
        build.run()?;
        Self::open(path, &build.fingerprint)
    }

    /// [`build`](Self::build) of the training rows that features were learnt from, on the same engine; statistics that are open are
    /// gathered on the way. Also the features with these.
    ///
    /// Where the label turns out not to be what it was taken for, the features are fitted and the rows encoded once more.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build) and of [`fit_within`](crate::fit_within).
    pub fn build_learnt(
        path: &Path,
        learnt: Learnt,
        source: &Source,
        progress: &dyn Fn(u64),
    ) -> Result<(Cache, FittedFeatures)> {
        let (features, engine, open) = learnt.into_parts();
        let fitted = match open {
            None => features,
            Some(open) => match Self::build_open(path, (&features, &open), (source, engine.clone()), progress)? {
                Some((cache, fitted)) => return Ok((cache, fitted)),
                None => open.fit(source, engine.clone(), progress)?,
            },
        };
        let cache = Self::build(path, &fitted, (Split::Training, source), engine, progress)?;
        Ok((cache, fitted))
    }

    /// Encodes rows and gathers statistics; nothing when the label is not what it was taken for.
    fn build_open(
        path: &Path,
        (features, open): (&FittedFeatures, &Open),
        (source, engine): (&Source, Engine),
        progress: &dyn Fn(u64),
    ) -> Result<Option<(Cache, FittedFeatures)>> {
        let (rows, fingerprint) = ((Split::Training, features), Split::Training.fingerprint(features));
        let build = Build { path, fingerprint, features: rows, source, engine, progress, open: Some(open) };
        let found = match build.run() {
            // A label that is none of the usual ones, or of which a pass over all rows tells more.
            Err(Error::Features(_)) if open.has_guessed() => return Ok(None),
            found => found?.ok_or_else(|| internal("nothing was gathered while rows were encoded"))?,
        };
        let fitted = open.finish(found).inspect_err(|_| drop(fs::remove_file(path)))?;
        let is_same = fitted.encoding_fingerprint() == features.encoding_fingerprint();
        is_same.then(|| Ok((Self::open(path, &build.fingerprint)?, fitted))).transpose()
    }

    /// Opens a file if it is whole and was written for the features with this
    /// [`encoding_fingerprint`](FittedFeatures::encoding_fingerprint); `-training` behind it says for [`Split::Training`].
    ///
    /// # Errors
    ///
    /// `Io` when there is no such file, `StaleCache` when it was written for other features, `DamagedCache` when it is cut
    /// short, changed or of another format.
    pub fn open(path: &Path, fingerprint: &str) -> Result<Cache> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let index = read_index(&file, path)?;
        if index.fingerprint != fingerprint {
            let (found, expected) = (index.fingerprint, fingerprint.to_owned());
            return Err(Error::StaleCache { path: path.into(), found, expected });
        }
        Ok(Self::of_index(path, file, index))
    }

    /// A file of which the index is known.
    pub(super) fn of_index(path: &Path, file: File, index: Index) -> Cache {
        let decoder = FileDecoder::new(Arc::new(index.layout.schema(Default::default())), MetadataVersion::V5);
        Cache { path: path.to_owned(), file, index, decoder }
    }

    /// Opens the file at `path` if it was written for these features and this source; builds it anew otherwise.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::build`].
    pub fn open_or_build(
        path: &Path,
        features: &FittedFeatures,
        (split, source): (Split, &Source),
        engine: impl Into<Engine>,
        progress: &dyn Fn(u64),
    ) -> Result<Cache> {
        match Self::open(path, &split.fingerprint(features)) {
            Ok(cache) if cache.index.source == source.fingerprint()? => Ok(cache),
            _ => Self::build(path, features, (split, source), engine, progress),
        }
    }

    /// Opens the file at `path` if [`Cache::shuffle`] wrote it with this seed from training rows of these features and this
    /// source.
    ///
    /// # Errors
    ///
    /// When a file of the source is not there any more.
    pub fn open_shuffled(path: &Path, features: &FittedFeatures, source: &Source, seed: u64) -> Result<Option<Cache>> {
        let expected = source.fingerprint()?;
        let cache = Self::open(path, &shuffled(&Split::Training.fingerprint(features), seed)).ok();
        Ok(cache.filter(|cache| cache.index.source == expected))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.index.rows()
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.index.blocks.len()
    }

    /// Rows of a block, 1 to 8192; 0 when there is no such block.
    pub fn block_rows(&self, block: usize) -> usize {
        self.index.blocks.get(block).map_or(0, |block| block.rows as usize)
    }

    /// What tells these rows, in this order, from others, wherever the file lies.
    pub fn content(&self) -> u64 {
        self.index.content()
    }

    /// The fingerprint of these rows in the random order of a seed.
    pub(crate) fn shuffled_fingerprint(&self, seed: u64) -> String {
        shuffled(&self.index.fingerprint, seed)
    }

    /// A file of rows of the same kind, of the same source.
    pub(crate) fn writer(&self, path: &Path, fingerprint: &str) -> Result<Writer> {
        let fingerprints = (fingerprint.to_owned(), self.index.source.clone());
        Writer::create(path, self.index.layout.clone(), fingerprints)
    }

    /// Encodes rows of the same kind.
    pub(crate) fn encode(&self, rows: Batch) -> Result<RecordBatch> {
        self.index.layout.encode(rows)
    }

    /// Bytes of the rows of a block in memory, where they are packed.
    pub(crate) fn block_bytes(&self, block: usize) -> u64 {
        let besides = self.index.layout.bytes_besides();
        self.index.blocks.get(block).map_or(0, |block| block.length + besides * u64::from(block.rows))
    }

    /// Rows of the source that could not be read and were left out.
    pub fn skipped(&self) -> u64 {
        self.index.skipped
    }

    /// Whether the rows have labels.
    pub fn is_labelled(&self) -> bool {
        self.index.layout.labels
    }

    /// What the labels of all rows add up to.
    pub fn label_totals(&self) -> &LabelTotals {
        &self.index.labels
    }

    /// [`Source::fingerprint`] of the source at the time of writing.
    pub fn source_fingerprint(&self) -> &str {
        &self.index.source
    }

    /// The part of the labels' variance that lies between blocks, in `[0, 1]`: nearly 0 when rows stand in random order,
    /// nearly 1 when they are sorted by label. Beyond about 0.1 a loader should shuffle.
    ///
    /// It is the idea of `h_D` in Xu et al., *In-Database Machine Learning with CorgiPile* (SIGMOD 2022), on labels in place
    /// of gradients.
    pub fn label_clustering(&self) -> f64 {
        self.index.label_clustering()
    }

    /// Reads a block.
    ///
    /// # Errors
    ///
    /// `DamagedCache` when the block is not what was written, or not there.
    pub fn read(&self, block: usize) -> Result<Batch> {
        Ok(self.block(block)?.to_batch())
    }

    /// Reads the labels and weights of a block, without what its rows have of features.
    ///
    /// # Errors
    ///
    /// Those of [`Cache::read`].
    pub fn labels(&self, block: usize) -> Result<Batch> {
        Ok(self.block(block)?.to_labels())
    }

    /// Mean bytes of a row in memory, where it is packed.
    pub(crate) fn row_bytes(&self) -> u64 {
        let bytes: u64 = (0..self.blocks()).map(|block| self.block_bytes(block)).sum();
        bytes.div_ceil(self.rows().max(1))
    }

    /// Reads a block without copying its rows.
    pub(crate) fn block(&self, block: usize) -> Result<Block> {
        let Some(entry) = self.index.blocks.get(block) else {
            return self.damaged(format!("it has {} blocks, block {block} was asked for", self.blocks()));
        };
        let bytes = self.read_block(block, entry)?;
        // A message starts with a mark of four bytes and the length of its head; both belong to the head.
        let head = bytes.get(4..8).map_or(0, |b| 8 + i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let place = IpcBlock::new(0, head, bytes.len() as i64 - i64::from(head));
        match self.decoder.read_record_batch(&place, &bytes) {
            Ok(Some(batch)) if batch.num_rows() != entry.rows as usize => {
                self.damaged(format!("block {block} has {} rows, its index says {}", batch.num_rows(), entry.rows))
            }
            Ok(Some(batch)) => Block::new(&self.index.layout, &batch),
            Ok(None) => self.damaged(format!("block {block} holds no rows")),
            Err(error) => self.damaged(format!("block {block}: {error}")),
        }
    }

    fn read_block(&self, block: usize, entry: &BlockEntry) -> Result<Buffer> {
        let mut bytes = MutableBuffer::from_len_zeroed(entry.length as usize);
        self.file.read_exact_at(&mut bytes, entry.offset).map_err(Error::io("read", &self.path))?;
        if crc32fast::hash(&bytes) != entry.crc {
            return self.damaged(format!("the checksum of block {block} does not fit"));
        }
        Ok(bytes.into())
    }

    fn damaged<T>(&self, problem: String) -> Result<T> {
        Err(Error::DamagedCache { path: (&self.path).into(), problem })
    }

    /// Writes these batches as blocks.
    #[cfg(test)]
    pub(crate) fn of_blocks(path: &Path, encoding: &trainyard_features::Encoding, blocks: Vec<Batch>) -> Result<Cache> {
        use super::layout::Layout;
        let mut layout = Layout::new(encoding, &blocks[0]);
        for block in &blocks {
            layout = layout.widened(block).unwrap_or(layout);
        }
        let mut writer = Writer::create(path, layout.clone(), ("test".into(), "blocks".into()))?;
        blocks.into_iter().try_for_each(|block| writer.write(&layout.encode(block)?))?;
        writer.finish(0)?;
        Self::open(path, "test")
    }
}

/// Finds the index in the footer: `.. footer, its length in 4 bytes, "ARROW1"`.
fn read_index(file: &File, path: &Path) -> Result<Index> {
    let damaged = |problem: String| Error::DamagedCache { path: path.into(), problem };
    let read = |offset, length: u64| {
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", path)).map(|()| bytes)
    };
    let cut = || damaged("its end is missing".to_owned());
    let length = file.metadata().map_err(Error::io("look at", path))?.len();
    let tail = read(length.checked_sub(10).ok_or_else(cut)?, 10)?;
    let footer_length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if &tail[4..] != b"ARROW1" || footer_length > length - 10 {
        return Err(cut());
    }
    let footer = read(length - 10 - footer_length, footer_length)?;
    let footer = root_as_footer(&footer).map_err(|error| damaged(format!("its footer cannot be read: {error}")))?;
    let entries = footer.custom_metadata().into_iter().flatten();
    let text = entries.filter(|entry| entry.key() == Some(KEY)).find_map(|entry| entry.value());
    let index =
        Index::from_text(text.ok_or_else(|| damaged("its footer has no index".to_owned()))?).map_err(damaged)?;
    let fits = |block: &BlockEntry| block.offset.checked_add(block.length).is_some_and(|end| end <= length);
    if index.blocks.iter().all(fits) { Ok(index) } else { Err(cut()) }
}

#[cfg(test)]
mod tests {
    use arrow::ipc::reader::FileReader;

    use super::*;
    use crate::testing::{features, people};
    use crate::{Memory, Resources};

    /// The cache of some people, small enough to be damaged everywhere.
    fn cache(rows: u64) -> (tempfile::TempDir, Cache, FittedFeatures, Source) {
        let (folder, config) = people(rows);
        let (features, source) = features(&config, 2).unwrap();
        let cache =
            Cache::build(&folder.path().join("cache.arrow"), &features, (Split::Other, &source), 2, &|_| {}).unwrap();
        (folder, cache, features, source)
    }

    fn read_all(cache: &Cache) -> Result<Vec<Batch>> {
        (0..cache.blocks()).map(|block| cache.read(block)).collect()
    }

    #[test]
    fn blocks_are_the_transformed_rows_in_order() {
        let (_folder, cache, features, source) = cache(20_000);
        let expected = source.scan().unwrap().map(|rows| features.transform_labelled(&rows.unwrap()).unwrap());
        assert_eq!(read_all(&cache).unwrap(), expected.collect::<Vec<_>>());
        assert_eq!((cache.rows(), cache.blocks(), cache.block_rows(2)), (20_000, 3, 20_000 - 2 * 8192));
    }

    #[test]
    fn labels_are_those_of_the_rows() {
        let (_folder, cache, ..) = cache(9_000);
        for block in 0..2 {
            let (rows, labels) = (cache.read(block).unwrap(), cache.labels(block).unwrap());
            assert_eq!((labels.rows, labels.labels, labels.weights), (rows.rows, rows.labels, rows.weights));
            assert!(labels.ids.is_empty() && labels.numeric.is_empty());
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads() {
        let (folder, cache, features, source) = cache(20_000);
        let expected = std::fs::read(cache.path()).unwrap();
        for threads in [1, 3, 8] {
            let path = folder.path().join(format!("{threads}.arrow"));
            let resources = Resources { threads, memory: Memory::LEAST };
            Cache::build(&path, &features, (Split::Other, &source), resources, &|_| {}).unwrap();
            assert!(std::fs::read(path).unwrap() == expected, "{threads} threads");
        }
    }

    #[test]
    fn other_programs_can_read_it() {
        let (_folder, cache, features, _) = cache(9_000);
        let reader = FileReader::try_new(File::open(cache.path()).unwrap(), None).unwrap();
        assert_eq!(reader.schema().metadata()["trainyard.fingerprint"], features.encoding_fingerprint());
        assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>(), [8192, 808]);
    }

    #[test]
    fn a_cache_for_other_features_is_stale() {
        let (_folder, cache, ..) = cache(10);
        let error = Cache::open(cache.path(), "other").unwrap_err();
        assert!(matches!(&error, Error::StaleCache { expected, .. } if expected == "other"), "{error}");
    }

    #[test]
    fn a_cache_that_is_cut_short_is_damaged_at_every_length() {
        let (_folder, cache, features, _) = cache(10);
        let bytes = std::fs::read(cache.path()).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(cache.path(), &bytes[..length]).unwrap();
            let error = Cache::open(cache.path(), &features.encoding_fingerprint()).unwrap_err();
            assert!(matches!(error, Error::DamagedCache { .. }), "{length}: {error}");
        }
    }

    #[test]
    fn a_flipped_bit_gives_an_error_and_never_other_rows() {
        let (_folder, cache, features, _) = cache(10);
        let bytes = std::fs::read(cache.path()).unwrap();
        let expected = read_all(&cache).unwrap();
        let mut told = 0;
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1 << (i % 8);
            std::fs::write(cache.path(), &changed).unwrap();
            match Cache::open(cache.path(), &features.encoding_fingerprint()).and_then(|cache| read_all(&cache)) {
                Ok(rows) => assert_eq!(rows, expected, "byte {i}"),
                Err(_) => told += 1,
            }
        }
        assert!(told > bytes.len() / 3, "{told} of {}", bytes.len());
    }

    #[test]
    fn a_cache_is_built_again_when_the_data_has_changed() {
        let (folder, cache, features, source) = cache(10);
        let open = || Cache::open_or_build(cache.path(), &features, (Split::Other, &source), 2, &|_| {});
        let rows = || open().unwrap().rows();
        assert_eq!(rows(), 10);
        let path = folder.path().join("people.csv");
        let text = std::fs::read_to_string(&path).unwrap() + "20,Bern,1,0\n";
        std::fs::write(path, text).unwrap();
        assert_eq!(rows(), 11);
        std::fs::write(cache.path(), "damaged").unwrap();
        assert_eq!(rows(), 11);
    }

    #[test]
    fn a_block_that_is_not_there_is_an_error() {
        let (_folder, cache, ..) = cache(10);
        assert!(cache.read(1).unwrap_err().to_string().contains("it has 1 blocks, block 1 was asked for"));
    }

    #[test]
    fn the_totals_are_those_of_the_labels_in_any_order() {
        let (folder, cache, ..) = cache(20_000);
        let labels: Vec<f32> = (0..cache.blocks()).flat_map(|block| cache.labels(block).unwrap().labels).collect();
        let of_label = |label: f32| labels.iter().filter(|&&other| other == label).count() as f64;
        let (weight, classes) = (labels.len() as f64, vec![of_label(0.0), of_label(1.0)]);
        assert!(classes[0] > 0.0 && classes[0] + classes[1] == weight, "{classes:?}");
        let expected = LabelTotals { weight, sum: classes[1], classes };
        assert_eq!(cache.label_totals(), &expected);
        let resources = Resources { threads: 2, memory: Memory::LEAST };
        let shuffled = cache.shuffle(&folder.path().join("shuffled.arrow"), 7, resources, &|_| {}).unwrap();
        assert_eq!(shuffled.label_totals(), &expected);
    }

    #[test]
    fn a_block_of_other_rows_than_the_index_says_is_damaged() {
        let (_folder, mut cache, ..) = cache(10);
        for rows in [9, 11] {
            cache.index.blocks[0].rows = rows;
            assert!(matches!(cache.read(0), Err(Error::DamagedCache { .. })));
        }
    }

    #[test]
    fn labels_in_random_order_are_not_clustered() {
        let (_folder, cache, ..) = cache(20_000);
        assert!(cache.is_labelled() && cache.label_clustering() < 0.01, "{}", cache.label_clustering());
    }
}
