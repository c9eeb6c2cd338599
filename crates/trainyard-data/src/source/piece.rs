//! A part of a source that one task reads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use super::config::Format;
use super::files::Files;
use super::parquet;
use crate::Result;
use crate::background::Sink;

/// Bytes of files after which a piece is full: some tens of thousands of rows, so that a few of them keep several machines
/// busy, and the shorter batch at the end of each does not matter.
const PIECE_BYTES: u64 = 4 << 20;

/// A part of a source that one task reads: some of its files, one after the other, or some row groups of a file of Parquet.
///
/// How a source is cut depends on its files and their sizes alone, and a file that is added at the end changes no piece but the
/// last. A batch never holds rows of two pieces, so that the same batches come about wherever the pieces are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its place among the pieces.
    pub(super) number: u64,
    /// The input that it is cut from, by its place in the source.
    pub(super) input: usize,
    /// Its files, by their place in the input.
    pub(super) files: Range<usize>,
    /// Its row groups, if it has only some of those of its only file.
    pub(super) groups: Option<Range<usize>>,
}

impl Piece {
    /// All pieces of the files, in order.
    pub(super) fn cut(files: &Files) -> Result<Vec<Piece>> {
        let mut cutter = Cutter::default();
        for (location, stat) in files.locations.iter().zip(files.stats()?) {
            if files.format == Format::Parquet && stat.size >= 2 * PIECE_BYTES {
                cutter.divide(&parquet::group_bytes(files, location)?);
            } else {
                cutter.add(stat.size);
            }
        }
        Ok(cutter.finish())
    }
}

/// Cuts files into pieces, each full, the last of its file, or the last before a file that is divided.
#[derive(Debug, Default)]
struct Cutter {
    pieces: Vec<Piece>,
    /// The files behind the last piece, and their bytes.
    open: (Range<usize>, u64),
}

impl Cutter {
    /// Adds a file that stays whole.
    fn add(&mut self, bytes: u64) {
        self.open.0.end += 1;
        self.open.1 += bytes;
        if self.open.1 >= PIECE_BYTES {
            self.close();
        }
    }

    /// Adds a file of row groups of these sizes.
    fn divide(&mut self, groups: &[u64]) {
        self.close();
        let file = self.open.0.end..self.open.0.end + 1;
        let (mut start, mut bytes) = (0, 0);
        for (group, size) in groups.iter().enumerate() {
            bytes += size;
            if bytes >= PIECE_BYTES || group + 1 == groups.len() {
                self.push(file.clone(), Some(start..group + 1));
                (start, bytes) = (group + 1, 0);
            }
        }
        self.open = (file.end..file.end, 0);
    }

    fn close(&mut self) {
        let files = self.open.0.clone();
        self.open = (files.end..files.end, 0);
        if !files.is_empty() {
            self.push(files, None);
        }
    }

    fn push(&mut self, files: Range<usize>, groups: Option<Range<usize>>) {
        self.pieces.push(Piece { number: self.pieces.len() as u64, input: 0, files, groups });
    }

    fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.pieces
    }
}

/// Rows of one piece.
#[derive(Debug)]
pub(super) struct Decoded {
    pub piece: Piece,
    pub rows: RecordBatch,
}

/// Where the rows of a piece go.
#[derive(Debug)]
pub(super) struct PieceSink<'a> {
    piece: &'a Piece,
    sink: &'a Sink<Result<Decoded>>,
    is_open: AtomicBool,
}

impl<'a> PieceSink<'a> {
    pub(super) fn new(piece: &'a Piece, sink: &'a Sink<Result<Decoded>>) -> Self {
        Self { piece, sink, is_open: AtomicBool::new(true) }
    }

    /// Hands over a batch, and says whether more are wanted.
    #[must_use]
    pub(super) fn send(&self, rows: Result<RecordBatch>) -> bool {
        let wants_more = self.sink.send(rows.map(|rows| Decoded { piece: self.piece.clone(), rows }));
        self.is_open.fetch_and(wants_more, Ordering::Relaxed);
        wants_more
    }

    /// Whether nothing that was sent was unwanted.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;

    use super::*;
    use crate::testing::people;
    use crate::{Source, SourceConfig};

    /// Files that stay whole, and files of row groups, to the files and row groups of pieces.
    #[track_caller]
    fn check(files: &[&[u64]], expected: &[(Range<usize>, Option<Range<usize>>)]) {
        let mut cutter = Cutter::default();
        for file in files {
            if let [bytes] = file { cutter.add(*bytes) } else { cutter.divide(file) }
        }
        let pieces = cutter.finish();
        assert!(pieces.iter().enumerate().all(|(i, piece)| piece.number == i as u64));
        let found: Vec<_> = pieces.into_iter().map(|piece| (piece.files, piece.groups)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn small_files_share_a_piece_and_large_ones_do_not() {
        const FULL: u64 = PIECE_BYTES;
        check(&[], &[]);
        check(&[&[1]], &[(0..1, None)]);
        check(&[&[1], &[2], &[0]], &[(0..3, None)]);
        check(&[&[FULL], &[FULL + 7], &[3]], &[(0..1, None), (1..2, None), (2..3, None)]);
        check(&[&[FULL - 1], &[1], &[5], &[FULL]], &[(0..2, None), (2..4, None)]);
    }

    #[test]
    fn a_file_of_row_groups_is_cut_between_them() {
        const HALF: u64 = PIECE_BYTES / 2;
        let groups = |groups| Some(groups);
        check(&[&[HALF; 5]], &[(0..1, groups(0..2)), (0..1, groups(2..4)), (0..1, groups(4..5))]);
        check(&[&[1], &[HALF, 4 * HALF], &[2], &[3]], &[(0..1, None), (1..2, groups(0..2)), (2..4, None)]);
        check(&[&[]], &[]);
    }

    #[track_caller]
    fn check_scans(config: &SourceConfig, columns: &[&str], n: usize) {
        let columns: Vec<_> = columns.iter().map(|&column| (column, None)).collect();
        let all = Source::open(config, &columns).unwrap();
        assert_eq!(all.pieces().unwrap().len(), n);
        let (learnt, held_out) = all.hold_out(10);
        for source in [all, learnt, held_out] {
            let whole: Vec<RecordBatch> = source.scan().unwrap().map(Result::unwrap).collect();
            let pieces = source.pieces().unwrap().iter();
            let apart =
                pieces.flat_map(|piece| source.scan_pieces(std::slice::from_ref(piece)).unwrap()).map(Result::unwrap);
            assert!(apart.eq(whole));
        }
    }

    #[test]
    fn pieces_of_text_give_the_batches_of_a_scan() {
        let (folder, config) = people(300_000);
        std::fs::copy(folder.path().join("people.csv"), folder.path().join("people-2.csv")).unwrap();
        std::fs::write(folder.path().join("q.csv"), "age,city,income,rich\n1,Bern,2,1\n").unwrap();
        check_scans(&SourceConfig { path: folder.path().into(), ..config }, &["age", "income"], 3);
    }

    #[test]
    fn pieces_of_parquet_give_the_batches_of_a_scan() {
        let folder = tempfile::tempdir().unwrap();
        let noise = |row: u64| trainyard_graph::random::below(7, row, u64::MAX) as i64;
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1_200_000).map(noise)));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(300_000)).build();
        let path = folder.path().join("n.parquet");
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        // A row group has some 2.4 megabytes, so that two of them make a piece.
        check_scans(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }, &["n"], 2);
    }
}
