//! Counts on disk, when they outgrow the memory.

use super::table::ShortText;
use super::wire::{Reader, Writer};
use crate::op::Checked;
use crate::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that are written and read together.
const PAGE: usize = 1 << 16;

/// A private temporary file for counts that outgrow the memory, which all collectors of a process can share. It is made when it
/// is first needed, and gone with the last of them, whatever happens. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Spill(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    pages: Mutex<Pages>,
}

/// The pages of the file: those in use belong to runs.
#[derive(Debug, Default)]
struct Pages {
    file: Option<(File, PathBuf)>,
    count: u64,
    free: Vec<u64>,
}

impl Default for Spill {
    /// In the directory for temporary files of the system, `TMPDIR` on Unix.
    fn default() -> Self {
        Self::new(std::env::temp_dir())
    }
}

impl Spill {
    /// A file in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { directory: directory.into(), pages: Mutex::default() }))
    }

    fn write(&self, bytes: &[u8]) -> Result<u64> {
        let mut pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.file.is_none() {
            pages.file = Some(create(&self.0.directory)?);
        }
        let page = pages.free.pop().unwrap_or(pages.count);
        pages.at(page, |file| file.write_all(bytes))?;
        pages.count = pages.count.max(page + 1);
        Ok(page)
    }

    fn read(&self, page: u64, bytes: &mut [u8]) -> Result<()> {
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner).at(page, |file| file.read_exact(bytes))
    }
}

impl Pages {
    /// Does something with the file at the start of a page.
    fn at(&mut self, page: u64, mut act: impl FnMut(&mut File) -> std::io::Result<()>) -> Result<()> {
        let (file, path) = self.file.as_mut().ok_or_else(|| Error::Internal("there is no spill file".to_string()))?;
        let done = file.seek(SeekFrom::Start(page * PAGE as u64)).and_then(|_| act(file));
        done.map_err(|error| failure(path, &error))
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some((file, path)) = self.file.take() {
            drop(file);
            // Where open files can be removed it is already gone.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes a file that only this user can read, and takes its name away where the system allows it, so that not even a killed process
/// leaves it behind.
fn create(directory: &Path) -> Result<(File, PathBuf)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let name = format!(".trainyard-counts-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = directory.join(name);
        match options.open(&path) {
            Ok(file) => {
                let _ = std::fs::remove_file(&path);
                return Ok((file, path));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failure(&path, &error)),
        }
    }
}

fn failure(path: &Path, error: &std::io::Error) -> Error {
    Error::Spill { path: path.to_owned(), problem: error.to_string() }
}

/// A value that is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// A number, by its bits.
    Number(u64),
    /// A text that is short.
    Short(ShortText),
    /// Another one.
    Long(Box<str>),
}

/// Values and their counts, by value, in pages of a file; each value stands in it once.
#[derive(Debug)]
pub(super) struct Run {
    spill: Spill,
    pages: Vec<u64>,
    /// Bytes in the last page.
    rest: usize,
}

impl Run {
    /// Writes values that come in order.
    pub fn write(spill: &Spill, entries: impl Iterator<Item = Result<(Value, u64)>>) -> Result<Self> {
        let mut run = Self { spill: spill.clone(), pages: Vec::new(), rest: PAGE };
        let mut buffer = Writer::default();
        let mut entry = Writer::default();
        for next in entries {
            let (value, count) = next?;
            entry.bytes.clear();
            value.write(&mut entry);
            entry.number(count);
            buffer.number(entry.bytes.len() as u64);
            buffer.bytes.extend(&entry.bytes);
            run.write_pages(&mut buffer.bytes)?;
        }
        if !buffer.bytes.is_empty() {
            run.rest = buffer.bytes.len();
            run.pages.push(spill.write(&buffer.bytes)?);
        }
        Ok(run)
    }

    /// Writes the full pages of a buffer.
    fn write_pages(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        while buffer.len() >= PAGE {
            self.pages.push(self.spill.write(&buffer[..PAGE])?);
            buffer.drain(..PAGE);
        }
        Ok(())
    }

    /// The values of several runs and their counts together, by value.
    pub fn merged(runs: &[Arc<Self>]) -> Result<Merged<'_>> {
        let mut merged = Merged { runs: runs.iter().map(|run| RunReader::new(run)).collect(), next: BinaryHeap::new() };
        for run in 0..merged.runs.len() {
            merged.advance(run)?;
        }
        Ok(merged)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.spill.0.pages.lock().unwrap_or_else(PoisonError::into_inner).free.append(&mut self.pages);
    }
}

/// See [`Run::merged`].
#[derive(Debug)]
pub(super) struct Merged<'a> {
    runs: Vec<RunReader<'a>>,
    /// The next value of each run, its count, and the run.
    next: BinaryHeap<Reverse<(Value, u64, usize)>>,
}

impl Merged<'_> {
    fn advance(&mut self, run: usize) -> Result<()> {
        if let Some((value, count)) = self.runs[run].next()? {
            self.next.push(Reverse((value, count, run)));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<(Value, u64)>> {
        let Some(Reverse((value, mut total, run))) = self.next.pop() else { return Ok(None) };
        self.advance(run)?;
        while self.next.peek().is_some_and(|Reverse(next)| next.0 == value) {
            if let Some(Reverse((_, count, run))) = self.next.pop() {
                total = total.saturating_add(count);
                self.advance(run)?;
            }
        }
        Ok(Some((value, total)))
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<(Value, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// Where one is in a run.
#[derive(Debug)]
struct RunReader<'a> {
    run: &'a Run,
    page: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl<'a> RunReader<'a> {
    fn new(run: &'a Run) -> Self {
        Self { run, page: 0, buffer: Vec::new(), at: 0 }
    }

    fn next(&mut self) -> Result<Option<(Value, u64)>> {
        // A length takes 10 bytes at most.
        self.fill(10)?;
        if self.at == self.buffer.len() {
            return Ok(None);
        }
        let damaged = |problem: String| Error::Internal(format!("counts on disk have changed: {problem}"));
        let mut reader = Reader::new(&self.buffer[self.at..]);
        let (left, len) = (reader.left(), reader.number().map_err(damaged)? as usize);
        self.at += left - reader.left();
        self.fill(len)?;
        let mut reader = Reader::new(&self.buffer[self.at..]);
        let entry = Value::read(&mut reader).and_then(|value| Ok((value, reader.number()?))).map_err(damaged)?;
        self.at += len;
        Ok(Some(entry))
    }

    /// Reads pages until so many bytes are there, or all.
    fn fill(&mut self, len: usize) -> Result<()> {
        while self.buffer.len() - self.at < len && self.page < self.run.pages.len() {
            self.buffer.drain(..self.at);
            self.at = 0;
            let (start, is_last) = (self.buffer.len(), self.page + 1 == self.run.pages.len());
            self.buffer.resize(start + if is_last { self.run.rest } else { PAGE }, 0);
            self.run.spill.read(self.run.pages[self.page], &mut self.buffer[start..])?;
            self.page += 1;
        }
        Ok(())
    }
}

impl Value {
    /// Appends the value: the length of its text plus 1 and the text, or 0 and a number.
    pub fn write(&self, out: &mut Writer) {
        let text = match self {
            Self::Number(number) => {
                out.number(0);
                return out.word(*number);
            }
            Self::Short(text) => &*text.text(),
            Self::Long(text) => text,
        };
        out.number(text.len() as u64 + 1);
        out.bytes.extend(text.as_bytes());
    }

    /// Reads a value.
    pub fn read(from: &mut Reader<'_>) -> Checked<Self> {
        match from.number()? {
            0 => from.word().map(Self::Number),
            len => {
                let bytes = from.take(usize::try_from(len - 1).unwrap_or(usize::MAX))?;
                let text = std::str::from_utf8(bytes).map_err(|error| format!("a text is not UTF-8: {error}"))?;
                Ok(ShortText::new(bytes, bytes.len()).map_or_else(|| Self::Long(text.into()), Self::Short))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn value(text: &str) -> Value {
        ShortText::new(text.as_bytes(), text.len()).map_or_else(|| Value::Long(text.into()), Value::Short)
    }

    fn write(spill: &Spill, counts: &BTreeMap<Value, u64>) -> Arc<Run> {
        Arc::new(Run::write(spill, counts.iter().map(|(value, count)| Ok((value.clone(), *count)))).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn runs_are_merged_as_maps_are(
            runs in prop::collection::vec(prop::collection::btree_map("[a-c]{0,30}", 1u64..1000, 0..50), 0..5),
            long in 0usize..3,
        ) {
            let spill = Spill::default();
            let mut whole = BTreeMap::<Value, u64>::new();
            let mut written = Vec::new();
            for mut run in runs {
                // Longer than a page.
                run.extend((0..long).map(|i| (i.to_string().repeat(PAGE + i), 7)));
                run.iter().for_each(|(text, count)| *whole.entry(value(text)).or_default() += count);
                written.push(write(&spill, &run.iter().map(|(text, count)| (value(text), *count)).collect()));
            }
            let merged = Run::merged(&written).unwrap().map(Result::unwrap).collect::<Vec<_>>();
            prop_assert_eq!(merged, whole.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn pages_of_dropped_runs_are_used_again() {
        let spill = Spill::default();
        let numbers = (0..100_000).map(|number| (Value::Number(number), number + 1)).collect();
        let pages = || spill.0.pages.lock().unwrap().count;
        let (first, second) = (write(&spill, &numbers), write(&spill, &numbers));
        let count = pages();
        drop(first);
        let third = write(&spill, &numbers);
        assert_eq!(pages(), count);
        let runs = [second, third];
        let merged = Run::merged(&runs).unwrap().map(Result::unwrap);
        assert!(merged.eq((0..100_000).map(|number| (Value::Number(number), 2 * (number + 1)))));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let spill = Spill::new("/no/such/directory");
        let message = Run::write(&spill, [Ok((Value::Number(1), 1))].into_iter()).unwrap_err().to_string();
        assert!(message.contains("`/no/such/directory/.trainyard-counts-"), "{message}");
    }

    #[test]
    fn nothing_is_left_in_the_directory() {
        let directory = std::env::temp_dir().join(format!("trainyard-spill-test-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let spill = Spill::new(&directory);
        let run = write(&spill, &[(Value::Number(1), 1)].into());
        drop((run, spill));
        std::fs::remove_dir(&directory).unwrap();
    }
}
