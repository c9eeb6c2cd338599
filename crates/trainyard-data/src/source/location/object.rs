//! One object of a store.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{BoxStream, try_unfold};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::location::{ObjectUrl, Scheme};

/// How often a body that stops halfway is asked for again, besides the retries of a request.
const ATTEMPTS: usize = 4;
/// How long a body may give nothing.
const STALL: Duration = Duration::from_secs(60);

/// What tells whether a file is the same as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Stat {
    /// Its bytes.
    pub size: u64,
    /// The tag or the time that changes with it.
    pub version: String,
}

impl Stat {
    fn of(meta: &ObjectMeta) -> Stat {
        let version = meta.e_tag.clone().unwrap_or_else(|| meta.last_modified.to_rfc3339());
        Stat { size: meta.size, version }
    }
}

/// An object as it was when it was found.
#[derive(Debug, Clone)]
pub(in crate::source) struct Object {
    pub url: ObjectUrl,
    pub stat: Stat,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Object {
    /// Looks at an object.
    pub(super) async fn find(url: ObjectUrl, store: Arc<dyn ObjectStore>, path: Path) -> object_store::Result<Object> {
        let meta = match url.scheme() {
            // A signed URL is often for `GET` alone. The body is dropped before it comes.
            Scheme::Http => store.get_opts(&path, GetOptions::default()).await?.meta,
            _ => store.head(&path).await?,
        };
        Ok(Object { url, stat: Stat::of(&meta), store, path })
    }

    /// Whether the server may be one that knows no ranges.
    pub(super) fn is_http(&self) -> bool {
        self.url.scheme() == Scheme::Http
    }

    /// Some of its bytes, all of them or an error.
    pub(in crate::source) async fn range(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut attempt = 1;
        loop {
            let answer = self.get(Some(GetRange::Bounded(range.clone()))).await?;
            match answer.bytes().await {
                Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
                Ok(bytes) if attempt == ATTEMPTS => return Err(short(bytes.len() as u64, range.end - range.start)),
                Err(error) if attempt == ATTEMPTS => return Err(io::Error::other(error)),
                _ => attempt += 1,
            }
        }
    }

    /// All its bytes from `start` on by one request, which is made again from where its body stops.
    pub(super) fn rest(self: Arc<Self>, start: u64) -> BoxStream<'static, io::Result<Bytes>> {
        let rest = Rest { object: self, at: start, body: None };
        try_unfold(rest, |mut rest| async move { Ok(rest.next().await?.map(|bytes| (bytes, rest))) }).boxed()
    }

    async fn get(&self, range: Option<GetRange>) -> io::Result<GetResult> {
        let answer = self.store.get_opts(&self.path, GetOptions { range, ..GetOptions::default() }).await;
        let answer = answer.map_err(io::Error::other)?;
        if Stat::of(&answer.meta) == self.stat {
            return Ok(answer);
        }
        Err(io::Error::other("the object changed while it was read; start again when it is at rest"))
    }
}

pub(super) fn short(found: u64, expected: u64) -> io::Error {
    let problem = format!("the store sent {found} bytes, {expected} were expected");
    io::Error::new(io::ErrorKind::UnexpectedEof, problem)
}

/// A body under way.
struct Rest {
    object: Arc<Object>,
    at: u64,
    body: Option<BoxStream<'static, object_store::Result<Bytes>>>,
}

impl Rest {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut first_error = None;
        for _ in 0..ATTEMPTS {
            if self.at == self.object.stat.size {
                return Ok(None);
            }
            match self.try_next().await {
                Ok(bytes) => {
                    self.at += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
            self.body = None;
        }
        // The first one tells what broke; a server without ranges only adds that it cannot go on in the middle.
        Err(first_error.unwrap_or_else(|| short(self.at, self.object.stat.size)))
    }

    async fn try_next(&mut self) -> io::Result<Bytes> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let range = (self.at > 0).then_some(GetRange::Offset(self.at));
                self.body.insert(self.object.get(range).await?.into_stream())
            }
        };
        let stalled = |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing came for {} s", STALL.as_secs()));
        match tokio::time::timeout(STALL, body.next()).await.map_err(stalled)? {
            Some(bytes) => bytes.map_err(io::Error::other),
            None => Err(short(self.at, self.object.stat.size)),
        }
    }
}
