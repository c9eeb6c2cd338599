//! The bytes of an object, read ahead.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::{Buf, Bytes};
use datafusion::common::runtime::SpawnedTask;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::object::{Object, short};

/// Bytes of the first request: enough for the header of most files, so that looking at a file loads little of it.
const FIRST_BYTES: u64 = 256 << 10;
/// Bytes of each further request.
const RANGE_BYTES: u64 = 4 << 20;
/// Requests that are under way or wait to be read at once.
const AHEAD: usize = 4;

/// The bytes of an object in order.
///
/// Requests go ahead of who reads, from its second read on; not more than 16 MiB wait for it.
pub(super) struct ObjectReader {
    /// How many pieces the reader has asked for.
    wanted: Arc<Semaphore>,
    pieces: Receiver<io::Result<Bytes>>,
    piece: Bytes,
    left: u64,
    size: u64,
}

impl ObjectReader {
    /// Starts to read on the threads of `runtime`.
    pub(super) fn start(object: Object, runtime: &Handle) -> ObjectReader {
        let wanted = Arc::new(Semaphore::new(0));
        let (sender, pieces) = channel();
        let size = object.stat.size;
        runtime.spawn(pump(Arc::new(object), Arc::clone(&wanted), sender));
        ObjectReader { wanted, pieces, piece: Bytes::new(), left: size, size }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.left == 0 || buffer.is_empty() {
                return Ok(0);
            }
            self.wanted.add_permits(1);
            // The other side goes early only when it broke.
            let piece = self.pieces.recv().unwrap_or_else(|_| Err(short(self.size - self.left, self.size)));
            self.piece = piece?;
        }
        let n = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        self.wanted.close();
    }
}

/// Sends pieces as they are wanted, until all are sent, one is an error, or the reader is gone.
async fn pump(object: Arc<Object>, wanted: Arc<Semaphore>, sender: Sender<io::Result<Bytes>>) {
    let mut pieces = pieces(object);
    while let Ok(permit) = wanted.acquire().await {
        permit.forget();
        let Some(piece) = pieces.next().await else { return };
        let is_last = piece.is_err();
        if sender.send(piece).is_err() || is_last {
            return;
        }
    }
}

/// The object in pieces. They are asked for one by one, ahead, in tasks of their own: what comes is taken at once, however
/// slow the reader is, and no request waits until it runs out of time.
fn pieces(object: Arc<Object>) -> BoxStream<'static, io::Result<Bytes>> {
    let first = 0..FIRST_BYTES.min(object.stat.size);
    let start = async move {
        match object.range(first.clone()).await {
            // Simple servers know no ranges; then one request brings all.
            Err(_) if object.is_http() => object.rest(0),
            Err(error) => stream::iter([Err(error)]).boxed(),
            Ok(bytes) => {
                let ahead = ranges(first.end, object.stat.size).map(move |range| ask(Arc::clone(&object), range));
                stream::iter([Ok(bytes)]).chain(stream::iter(ahead).buffered(AHEAD)).boxed()
            }
        }
    };
    stream::once(start).flatten().boxed()
}

fn ranges(start: u64, size: u64) -> impl Iterator<Item = Range<u64>> + Send {
    (start..size).step_by(RANGE_BYTES as usize).map(move |start| start..size.min(start + RANGE_BYTES))
}

/// Asks for a range in a task that ends when nobody waits for it.
fn ask(object: Arc<Object>, range: Range<u64>) -> impl Future<Output = io::Result<Bytes>> + Send {
    let task = SpawnedTask::spawn(async move { object.range(range).await });
    task.join().map(|result| result.unwrap_or_else(|error| Err(io::Error::other(error))))
}
