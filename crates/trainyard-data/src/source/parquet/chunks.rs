//! Bytes of a Parquet file by their places.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes, BytesMut};
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::reader::{ChunkReader, Length};

use crate::source::location::{Object, Pending, Stores};

/// Bytes of all windows of a row group together, of which as many again may be under way.
const WINDOWS_BYTES: u64 = 64 << 20;
/// Bounds of the bytes of a window: fewer are not worth a request, more only cost memory.
const WINDOW_BYTES: (u64, u64) = (64 << 10, 4 << 20);
/// Bytes that are asked for outside of windows: footer and metadata.
const OUTSIDE_BYTES: u64 = 64 << 10;

/// The bytes of a file, or of some column chunks of an object and what else is asked for.
#[derive(Debug, Clone)]
pub(super) enum Chunks {
    Local(Arc<File>, u64),
    Remote(Arc<Remote>),
}

impl Chunks {
    /// The bytes of an object with windows over these ranges, the first of each under way.
    pub(super) fn remote(stores: &Stores, object: &Arc<Object>, ranges: Vec<Range<u64>>) -> crate::Result<Chunks> {
        let width = (WINDOWS_BYTES / ranges.len().max(1) as u64).clamp(WINDOW_BYTES.0, WINDOW_BYTES.1);
        let windows = ranges.into_iter().map(|range| -> crate::Result<_> {
            let mut window = Window { range, width, at: 0, bytes: Bytes::new(), next: None };
            window.at = window.range.start;
            window.ask(stores, object)?;
            Ok(Mutex::new(window))
        });
        let windows = windows.collect::<crate::Result<Vec<_>>>()?;
        Ok(Chunks::Remote(Arc::new(Remote { stores: stores.clone(), object: Arc::clone(object), windows })))
    }

    /// Refuses places that the file does not have, so that a damaged length allocates nothing.
    fn check(&self, start: u64, length: u64) -> Result<()> {
        match start.checked_add(length) {
            Some(end) if end <= self.len() => Ok(()),
            _ => Err(ParquetError::EOF(format!("{length} bytes at {start} are needed, the file has {}", self.len()))),
        }
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        match self {
            Chunks::Local(_, size) => *size,
            Chunks::Remote(remote) => remote.object.stat.size,
        }
    }
}

impl ChunkReader for Chunks {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.check(start, 0)?;
        Ok(match self {
            Chunks::Local(file, _) => Box::new(file.get_read(start)?),
            Chunks::Remote(remote) => {
                Box::new(RemoteRead { remote: Arc::clone(remote), at: start, piece: Bytes::new() })
            }
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.check(start, length as u64)?;
        match self {
            Chunks::Local(file, _) => file.get_bytes(start, length),
            Chunks::Remote(remote) => Ok(remote.bytes(start, length)?),
        }
    }
}

/// An object, of which some ranges are read from their start to their end.
#[derive(Debug)]
pub(super) struct Remote {
    stores: Stores,
    object: Arc<Object>,
    windows: Vec<Mutex<Window>>,
}

impl Remote {
    fn bytes(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let first = self.piece(start, length)?;
        if first.len() == length {
            return Ok(first);
        }
        let mut bytes = BytesMut::with_capacity(length);
        bytes.extend_from_slice(&first);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.piece(start + bytes.len() as u64, length - bytes.len())?);
        }
        Ok(bytes.freeze())
    }

    /// Some of the bytes at a place, at least one of those that are there and at most `most`.
    fn piece(&self, start: u64, most: usize) -> io::Result<Bytes> {
        for window in &self.windows {
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            if window.range.contains(&start) && window.at <= start {
                return window.piece(start, most, &self.stores, &self.object);
            }
        }
        let end = self.object.stat.size.min(start + most as u64);
        if end <= start {
            return Ok(Bytes::new());
        }
        ask(&self.stores, &self.object, start..end).and_then(Pending::wait).map_err(io::Error::other)?
    }
}

/// The part of a range that is in memory, and the one behind it that is under way.
#[derive(Debug)]
struct Window {
    range: Range<u64>,
    width: u64,
    at: u64,
    bytes: Bytes,
    next: Option<Pending<io::Result<Bytes>>>,
}

impl Window {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    /// Asks for what follows.
    fn ask(&mut self, stores: &Stores, object: &Arc<Object>) -> crate::Result<()> {
        let next = self.end()..self.range.end.min(self.end() + self.width);
        self.next = if next.is_empty() { None } else { Some(ask(stores, object, next)?) };
        Ok(())
    }

    fn piece(&mut self, start: u64, most: usize, stores: &Stores, object: &Arc<Object>) -> io::Result<Bytes> {
        while self.end() <= start {
            let Some(next) = self.next.take() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let at = self.end();
            self.bytes = next.wait().map_err(io::Error::other)??;
            self.at = at;
            self.ask(stores, object).map_err(io::Error::other)?;
        }
        let skipped = (start - self.at) as usize;
        let end = self.bytes.len().min(skipped.saturating_add(most));
        Ok(self.bytes.slice(skipped..end))
    }
}

fn ask(stores: &Stores, object: &Arc<Object>, range: Range<u64>) -> crate::Result<Pending<io::Result<Bytes>>> {
    let object = Arc::clone(object);
    stores.start(async move { object.range(range).await })
}

/// The bytes of an object from a place on.
struct RemoteRead {
    remote: Arc<Remote>,
    at: u64,
    piece: Bytes,
}

impl Read for RemoteRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.remote.piece(self.at, OUTSIDE_BYTES as usize)?;
        }
        let n = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        self.at += n as u64;
        Ok(n)
    }
}
