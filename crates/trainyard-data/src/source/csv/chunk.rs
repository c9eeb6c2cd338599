//! Files to chunks of rows that are decoded apart.

use std::sync::Arc;

use super::file::{CsvFile, Text};
use crate::error::{Error, Result};
use crate::source::columns::position;
use crate::source::location::Location;
use crate::source::plan::{BATCH_ROWS, Plan};

/// Bytes after which a chunk ends though it has fewer rows than a full batch, so that long rows do not fill the memory.
const CHUNK_BYTES: usize = 8 << 20;

/// Rows of a batch as they stand in their files.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Rows of one file, and of the next ones where a file ends.
    pub stretches: Vec<Stretch>,
}

/// Rows of one file.
#[derive(Debug)]
pub(super) struct Stretch {
    pub text: Text,
    /// Where each column that is needed stands in a row.
    pub positions: Arc<[usize]>,
}

impl Chunk {
    /// How many rows it has, those included of nothing but white space.
    pub(super) fn rows(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.text.rows()).sum()
    }

    /// The length of the text of a column, if all columns of a file take as much.
    pub(super) fn column_bytes(&self) -> usize {
        let texts = self.stretches.iter().map(|stretch| &stretch.text);
        texts.map(|text| text.bytes() / text.head().names.len().max(1)).sum()
    }

    fn is_full(&self) -> bool {
        let bytes = self.stretches.iter().map(|stretch| stretch.text.bytes()).sum::<usize>();
        self.rows() >= BATCH_ROWS || bytes >= CHUNK_BYTES
    }
}

/// The rows of files in their order, a batch at a time. After an error there are no more.
pub(super) struct Chunks<'a> {
    plan: &'a Plan,
    /// The files that are not open yet.
    locations: &'a [Location],
    file: Option<(CsvFile, Arc<[usize]>)>,
    /// What went wrong behind the rows given out last.
    error: Option<Error>,
}

impl<'a> Chunks<'a> {
    /// The rows of the plan's files.
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, locations: &plan.files.locations, file: None, error: None }
    }

    /// The next rows, at most so many, and `None` at the end of all files.
    fn stretch(&mut self, most: usize) -> Result<Option<Stretch>> {
        loop {
            if let Some((file, positions)) = &mut self.file
                && let Some(text) = file.next(most)?
            {
                return Ok(Some(Stretch { text, positions: Arc::clone(positions) }));
            }
            let Some((location, rest)) = self.locations.split_first() else { return Ok(None) };
            let file = CsvFile::open(location, self.plan.files.open(location)?, &self.plan.config)?;
            let names = self.plan.schema.names();
            let positions = names.map(|name| position(&file.head.names, name, location)).collect::<Result<_>>()?;
            self.file = Some((file, positions));
            self.locations = rest;
        }
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() && self.error.is_none() {
            match self.stretch(BATCH_ROWS - chunk.rows()) {
                Ok(Some(stretch)) => chunk.stretches.push(stretch),
                Ok(None) => break,
                Err(error) => self.error = Some(error),
            }
        }
        if !chunk.stretches.is_empty() {
            return Some(Ok(chunk));
        }
        (self.file, self.locations) = (None, &[]);
        self.error.take().map(Err)
    }
}
