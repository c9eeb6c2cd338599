//! Arrow IPC, files and streams.
//!
//! A file is a stream between the mark `ARROW1` and a footer, so both are read as streams, from wherever they lie. See
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>.

use std::io::{self, BufReader, Read};
use std::sync::atomic::AtomicU64;

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_message;
use arrow::record_batch::RecordBatch;

use super::batches::Batches;
use super::columns::{RawColumn, position, raw_columns};
use super::files::Files;
use super::location::Location;
use super::piece::PieceSink;
use super::plan::Plan;
use crate::error::{Error, Place, Result};

/// What a file starts with; padded to eight bytes there.
const MAGIC: &[u8] = b"ARROW1";
/// What stands before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// What stands for a message at the end of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The columns of a file that are of use, after a check that it has those of `needed`.
pub(super) fn columns(files: &Files, location: &Location, needed: &[&str]) -> Result<Vec<RawColumn>> {
    let mut file = IpcFile::open(files, location)?;
    file.next_batch()?;
    match file.decoder.schema() {
        Some(schema) => raw_columns(&schema, needed, location),
        None => Err(file.damaged("has no schema; is this an Arrow file?")),
    }
}

/// Sends the rows of all files, in order, to `sink`, until it wants no more.
pub(super) fn scan(plan: &Plan, skipped: &AtomicU64, sink: &PieceSink) -> Result<()> {
    let mut batches = Batches::new(plan, skipped, sink);
    for location in &plan.files.locations {
        let mut file = IpcFile::open(&plan.files, location)?;
        let mut rows = 0;
        while let Some(batch) = file.next_batch()? {
            let names: Vec<String> = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
            let places =
                plan.schema.names().map(|name| position(&names, name, location)).collect::<Result<Vec<_>>>()?;
            if !batches.push(location, rows, &batch.project(&places)?)? {
                return Ok(());
            }
            rows += batch.num_rows() as u64;
        }
    }
    batches.finish()
}

/// An open file or stream.
struct IpcFile {
    input: BufReader<Box<dyn Read + Send>>,
    path: Location,
    /// Whether it is a file, which ends with a footer.
    has_footer: bool,
    decoder: StreamDecoder,
    at_end: bool,
    /// Batches so far.
    batches: u64,
}

/// A message: its length as it is written, its header, and the data behind it.
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl IpcFile {
    fn open(files: &Files, location: &Location) -> Result<IpcFile> {
        let mut input = files.open(location)?;
        let mut first = Vec::new();
        input.by_ref().take(8).read_to_end(&mut first).map_err(Error::io("read", location))?;
        let has_footer = first.starts_with(MAGIC);
        let rest: Box<dyn Read + Send> = if has_footer { input } else { Box::new(io::Cursor::new(first).chain(input)) };
        let input = BufReader::with_capacity(BUFFER_BYTES, rest);
        let decoder = StreamDecoder::new();
        Ok(IpcFile { input, path: location.clone(), has_footer, decoder, at_end: false, batches: 0 })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut batch = None;
        while batch.is_none() && !self.at_end {
            batch = match self.message()? {
                Some(message) => self.decode(message.head)?.or(self.decode(message.body)?),
                None => {
                    self.at_end = true;
                    self.check_footer()?;
                    // The decoder looks at a message without data only when something follows.
                    self.decode(END.to_vec())?
                }
            };
        }
        self.batches += u64::from(batch.is_some());
        Ok(batch)
    }

    fn decode(&mut self, bytes: Vec<u8>) -> Result<Option<RecordBatch>> {
        self.decoder.decode(&mut Buffer::from(bytes)).map_err(|error| self.damaged(&format!("is damaged: {error}")))
    }

    /// Reads a message; `None` at the end of the stream.
    fn message(&mut self) -> Result<Option<Message>> {
        let mut head = self.read(4)?;
        // Some writers fill up more than eight bytes behind the mark.
        while head == [0; 4] && self.has_footer && self.decoder.schema().is_none() {
            head = self.read(4)?;
        }
        if head.is_empty() && !self.has_footer {
            return Ok(None);
        }
        if head == CONTINUATION {
            head.extend(self.read(4)?);
        }
        let Some(length) = head.last_chunk::<4>().filter(|_| head.len() % 4 == 0) else { return Err(self.cut_off()) };
        let length = u64::from(u32::from_le_bytes(*length));
        if length == 0 {
            return Ok(None);
        }
        let header = self.read(length)?;
        if header.len() as u64 != length {
            return Err(self.cut_off());
        }
        let body = root_as_message(&header).map(|message| u64::try_from(message.bodyLength()));
        let Ok(Ok(length)) = body else { return Err(self.damaged("is damaged; is this an Arrow file?")) };
        let body = self.read(length)?;
        if body.len() as u64 != length {
            return Err(self.cut_off());
        }
        head.extend(header);
        Ok(Some(Message { head, body }))
    }

    /// Reads so many bytes, or those that are there: what is not there is not allocated either, whatever a length says.
    fn read(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.input.by_ref().take(length).read_to_end(&mut bytes).map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }

    /// Refuses a file that does not end as files do.
    fn check_footer(&mut self) -> Result<()> {
        let mut end = Vec::new();
        loop {
            let more = self.read(BUFFER_BYTES as u64)?;
            if more.is_empty() {
                break;
            }
            end.drain(..end.len().saturating_sub(MAGIC.len()));
            end.extend(more);
        }
        if self.has_footer && !end.ends_with(MAGIC) { Err(self.cut_off()) } else { Ok(()) }
    }

    fn cut_off(&self) -> Error {
        self.damaged("is cut off; is the file whole?")
    }

    fn damaged(&self, problem: &str) -> Error {
        let place = Place::Batch(self.batches + 1);
        Error::DamagedFile { path: self.path.clone(), place, problem: problem.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, DictionaryArray, Int64Array, ListArray};
    use arrow::datatypes::Int32Type;
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;
    use crate::source::{Source, SourceConfig};
    use crate::testing::rows;

    fn batches() -> Vec<RecordBatch> {
        let batch = |start: i64| {
            let numbers = Int64Array::from_iter((start..start + 300).map(|n| (n % 7 > 0).then_some(n)));
            let cities: DictionaryArray<Int32Type> = (0..300).map(|n| Some(["Bern", "Chur"][n % 2])).collect();
            let tags = ListArray::from_iter_primitive::<Int32Type, _, _>(
                (0..300).map(|n| Some(vec![Some(n); n as usize % 3])),
            );
            let columns: [(_, ArrayRef); 3] =
                [("n", Arc::new(numbers)), ("city", Arc::new(cities)), ("tags", Arc::new(tags))];
            RecordBatch::try_from_iter(columns).unwrap()
        };
        vec![batch(0), batch(300)]
    }

    fn as_file(compression: Option<CompressionType>) -> Vec<u8> {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches()[0].schema(), options).unwrap();
        batches().iter().for_each(|batch| writer.write(batch).unwrap());
        writer.into_inner().unwrap()
    }

    fn as_stream() -> Vec<u8> {
        let mut writer = StreamWriter::try_new(Vec::new(), &batches()[0].schema()).unwrap();
        batches().iter().for_each(|batch| writer.write(batch).unwrap());
        writer.into_inner().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.arrow");
        std::fs::write(&path, bytes).unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        rows(&Source::open(&config, &[("city", None), ("tags", None), ("n", None)])?)
    }

    #[test]
    fn files_and_streams_packed_or_not_give_the_same_rows() {
        let expected = read(&as_stream()).unwrap();
        assert_eq!(
            (expected.len(), expected[2].as_str(), expected[303].as_str()),
            (600, "Bern|[2, 2]|2", "Chur|[]|303")
        );
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            assert_eq!(read(&as_file(compression)).unwrap(), expected);
        }
    }

    #[test]
    fn a_stream_may_end_without_a_mark() {
        let stream = as_stream();
        assert_eq!(read(&stream[..stream.len() - END.len()]).unwrap().len(), 600);
    }

    #[test]
    fn what_is_cut_off_is_named() {
        for (bytes, kept) in [(as_file(None), 0.3), (as_file(None), 0.9), (as_stream(), 0.3), (as_stream(), 0.8)] {
            let error = read(&bytes[..(bytes.len() as f64 * kept) as usize]).unwrap_err().to_string();
            assert!(error.contains("t.arrow` is cut off; is the file whole?"), "{error}");
        }
        let file = as_file(None);
        assert!(read(&file[..file.len() - 1]).is_err());
    }

    #[test]
    fn what_is_no_arrow_is_refused() {
        for bytes in [&b"a,b\n1,2\n3,4\n"[..], b"", b"PAR1xxxxxxxxxxxx"] {
            assert!(read(bytes).is_err());
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.arrow");
        std::fs::write(&path, as_stream()).unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        let error = Source::open(&config, &[("town", None)]).unwrap_err().to_string();
        assert!(error.contains("no column `town`") && error.contains("n, city, tags"), "{error}");
    }
}
