//! What the executors of a cluster are asked to do.

use std::io::Read;

use serde::{Deserialize, Serialize};
use trainyard_features::{FittedFeatures, Round};

use super::message::Message;
use crate::cache::{Layout, Split};
use crate::error::{Error, Result};
use crate::gather::Findings;
use crate::ordered::internal;
use crate::source::{Description, Piece};
use crate::{RecordBatch, Source};

/// What a job's bytes begin with: who wrote them, on one line. Programs of one version compute the same.
const VERSION: &[u8] = concat!("trainyard ", env!("CARGO_PKG_VERSION"), " job 4\n").as_bytes();

/// The most bytes of a job, compressed. They travel to the scheduler, and with each task to an executor.
const BYTES_MAX: usize = 64 << 20;

/// The most bytes of a job after decompression.
const CONTENT_MAX: u64 = 4 << 30;

/// A pass over the rows of a source.
#[derive(Debug)]
pub(super) struct Job {
    pub source: Source,
    pub work: Work,
}

/// What is done with the rows.
#[derive(Debug)]
pub(super) enum Work {
    /// A round of fitting collects from them.
    Fit(Round),
    /// They are made ready for a model, and stored in this layout.
    Encode { features: FittedFeatures, split: Split, layout: Layout },
    /// It is found out what they are like, beginning with these findings.
    Gather(Findings),
}

/// A job without what has a format of its own, which follows it.
#[derive(Serialize, Deserialize)]
struct Head {
    source: Description,
    /// The length of what follows.
    body: usize,
    work: Kind,
}

/// What work it is.
#[derive(Serialize, Deserialize)]
enum Kind {
    Fit,
    Encode(Split, Layout),
    Gather,
}

impl Job {
    /// Does the work on the rows of some pieces, and hands what comes of it to `emit`, until it wants no more.
    pub(super) fn run(&self, pieces: &[Piece], emit: &mut dyn FnMut(Message) -> Result<bool>) -> Result<()> {
        match &self.work {
            Work::Fit(round) => self.fit(round, pieces, emit),
            Work::Encode { features, split, layout } => {
                let transform = |rows: &RecordBatch| split.transform(features, rows);
                self.encode(&transform, layout, pieces, emit)
            }
            Work::Gather(empty) => self.gather(empty.clone(), pieces, emit),
        }
    }

    fn fit(&self, round: &Round, pieces: &[Piece], emit: &mut dyn FnMut(Message) -> Result<bool>) -> Result<()> {
        let collector = round.collector();
        let end = self.read(pieces, &mut |rows| Ok(collector.update(rows)?))?;
        send(collector.to_bytes()?, end, emit)
    }

    fn gather(
        &self,
        mut found: Findings,
        pieces: &[Piece],
        emit: &mut dyn FnMut(Message) -> Result<bool>,
    ) -> Result<()> {
        let end = self.read(pieces, &mut |rows| found.update(rows))?;
        send(found.to_bytes()?, end, emit)
    }

    /// Hands the rows of some pieces to `learn`, and gives the message that they are read.
    fn read(&self, pieces: &[Piece], learn: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<Message> {
        let (mut scan, mut rows) = (self.source.scan_pieces(pieces)?, 0);
        for batch in scan.by_ref() {
            let batch = batch?;
            learn(&batch)?;
            rows += batch.num_rows() as u64;
        }
        Ok(Message::End { rows, skipped: scan.skipped() })
    }

    fn encode(
        &self,
        transform: &dyn Fn(&RecordBatch) -> Result<trainyard_features::Batch>,
        layout: &Layout,
        pieces: &[Piece],
        emit: &mut dyn FnMut(Message) -> Result<bool>,
    ) -> Result<()> {
        let (mut scan, mut rows) = (self.source.scan_pieces(pieces)?, 0);
        for batch in scan.by_ref() {
            let batch = transform(&batch?)?;
            rows += batch.rows as u64;
            let encoded = layout.encode_or_widen(batch)?;
            let goes_on = encoded.is_ok();
            if !emit(encoded.map_or_else(Message::Misfit, Message::Rows))? || !goes_on {
                return Ok(());
            }
        }
        emit(Message::End { rows, skipped: scan.skipped() }).map(drop)
    }

    /// The job as it travels. Local paths are absolute in it.
    ///
    /// # Errors
    ///
    /// When what was learnt in earlier rounds, such as vocabularies, is more than a plan can carry.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let (body, work) = match &self.work {
            Work::Fit(round) => (round.to_bytes()?, Kind::Fit),
            Work::Encode { features, split, layout } => {
                (features.to_json().into_bytes(), Kind::Encode(*split, layout.clone()))
            }
            Work::Gather(empty) => (empty.to_bytes()?, Kind::Gather),
        };
        let head = Head { source: self.source.description()?, body: body.len(), work };
        let head = serde_json::to_vec(&head).map_err(|error| internal(error.to_string()))?;
        let content = [&(head.len() as u64).to_le_bytes()[..], &head, &body].concat();
        let content = zstd::bulk::compress(&content, 1).map_err(Error::io("compress", "a job"))?;
        if content.len() > BYTES_MAX {
            let (found, most) = (content.len() >> 20, BYTES_MAX >> 20);
            return Err(Error::Config {
                setting: "cluster",
                problem: format!(
                    "cannot send these features to executors: with their vocabularies they take {found} MiB, and a \
                     plan carries {most} MiB; limit vocabularies with `top_k` or `min_count`, or run on one machine"
                ),
            });
        }
        Ok([VERSION, &content].concat())
    }

    /// Reads [`Job::to_bytes`].
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Job> {
        check_version(bytes)?;
        let mut content = Vec::new();
        let unpack = zstd::stream::Decoder::new(&bytes[VERSION.len()..]);
        let unpack = unpack.and_then(|unpack| unpack.take(CONTENT_MAX).read_to_end(&mut content));
        unpack.map_err(Error::io("unpack", "a job"))?;
        let damaged = || internal("a job is cut off");
        let (len, rest) = content.split_first_chunk().ok_or_else(damaged)?;
        let (head, body) = rest.split_at_checked(u64::from_le_bytes(*len) as usize).ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|error| internal(format!("a job's head: {error}")))?;
        if body.len() != head.body {
            return Err(damaged());
        }
        let work = match head.work {
            Kind::Fit => Work::Fit(Round::from_bytes(body)?),
            Kind::Encode(split, layout) => {
                let features = std::str::from_utf8(body).map_err(|_| damaged())?;
                Work::Encode { features: FittedFeatures::from_json(features)?, split, layout }
            }
            Kind::Gather => Work::Gather(Findings::from_bytes(body)?),
        };
        Ok(Job { source: Source::of_description(head.source)?, work })
    }
}

/// Sends what was learnt, and that all rows are read.
fn send(state: Vec<u8>, end: Message, emit: &mut dyn FnMut(Message) -> Result<bool>) -> Result<()> {
    if emit(Message::State(state))? {
        emit(end)?;
    }
    Ok(())
}

/// Refuses the job of another version of the program.
pub(super) fn check_version(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(VERSION) {
        return Ok(());
    }
    let line = |bytes: &[u8]| {
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        crate::error::shortened(line)
    };
    let problem = format!(
        "was sent by `{}`, but this machine runs `{}`; install one version of the program on all machines",
        line(bytes),
        line(VERSION)
    );
    Err(Error::Config { setting: "cluster job", problem })
}
