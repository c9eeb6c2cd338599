//! A part of a source that one task reads.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::Files;
use crate::Result;
use crate::error::Error;

/// Bytes of files after which a piece is full: some tens of thousands of rows, so that a few of them keep several machines
/// busy, and the shorter batch at the end of each does not matter.
const PIECE_BYTES: u64 = 4 << 20;

/// A part of a source that one task reads: some of its files, one after the other.
///
/// How a source is cut depends on its files and their sizes alone, and a file that is added at the end changes no piece but the
/// last. A batch never holds rows of two pieces, so that the same batches come about wherever the pieces are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its place among the pieces.
    pub(super) number: u64,
    /// Its files, by their place in the source.
    pub(super) files: Range<usize>,
}

impl Piece {
    /// All pieces of the files, in order.
    pub(super) fn all(files: &Files) -> Result<Vec<Piece>> {
        let bytes = |path: &PathBuf| Ok(std::fs::metadata(path).map_err(Error::io("look at", path))?.len());
        let sizes = files.paths.iter().map(bytes).collect::<Result<Vec<_>>>()?;
        Ok(cut(&sizes))
    }

    /// The files of the piece.
    pub(super) fn paths<'a>(&self, files: &'a Files) -> &'a [PathBuf] {
        &files.paths[self.files.clone()]
    }
}

/// Cuts files of these sizes into runs, each full or the last.
fn cut(sizes: &[u64]) -> Vec<Piece> {
    let (mut pieces, mut start, mut bytes) = (Vec::<Piece>::new(), 0, 0);
    for (file, size) in sizes.iter().enumerate() {
        bytes += size;
        if bytes >= PIECE_BYTES || file + 1 == sizes.len() {
            pieces.push(Piece { number: pieces.len() as u64, files: start..file + 1 });
            (start, bytes) = (file + 1, 0);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::people;
    use crate::{RecordBatch, Source, SourceConfig};

    #[track_caller]
    fn check(sizes: &[u64], expected: &[Range<usize>]) {
        let pieces = cut(sizes);
        assert_eq!(pieces.iter().map(|piece| piece.files.clone()).collect::<Vec<_>>(), expected);
        assert!(pieces.iter().enumerate().all(|(i, piece)| piece.number == i as u64));
    }

    #[test]
    fn small_files_share_a_piece_and_large_ones_do_not() {
        check(&[], &[]);
        check(&[1], &[0..1]);
        check(&[1, 2, 0], &[0..3]);
        check(&[PIECE_BYTES, PIECE_BYTES + 7, 3], &[0..1, 1..2, 2..3]);
        check(&[PIECE_BYTES - 1, 1, 5, PIECE_BYTES], &[0..2, 2..4]);
    }

    /// Files of which the first two make a piece each.
    fn files() -> (tempfile::TempDir, SourceConfig) {
        let (folder, config) = people(150_000);
        let path = folder.path().join("people.csv");
        assert!(std::fs::metadata(&path).unwrap().len() >= PIECE_BYTES);
        std::fs::copy(&path, folder.path().join("people-2.csv")).unwrap();
        std::fs::write(folder.path().join("q.csv"), "age,city,income,rich\n1,Bern,2,1\n").unwrap();
        let config = SourceConfig { path: folder.path().into(), ..config };
        (folder, config)
    }

    #[test]
    fn pieces_give_the_batches_of_a_scan() {
        let (_folder, config) = files();
        let all = Source::open(&config, &[("age", None), ("income", None)]).unwrap();
        assert_eq!(all.pieces().unwrap().len(), 3);
        let (learnt, held_out) = all.hold_out(10);
        for source in [all, learnt, held_out] {
            let whole: Vec<RecordBatch> = source.scan().unwrap().map(Result::unwrap).collect();
            let described = Source::of_description(source.description().unwrap());
            let pieces = source.pieces().unwrap().into_iter();
            let pieces = pieces.flat_map(|piece| described.scan_pieces(&[piece]).unwrap()).map(Result::unwrap);
            assert!(pieces.eq(whole));
        }
    }
}
