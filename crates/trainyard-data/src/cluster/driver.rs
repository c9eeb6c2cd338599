//! A job from its submission to its last message, whatever is lost between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use trainyard_features::{Collector, FittedFeatures, Round};
use url::Url;

use super::client::{Client, Failure};
use super::job::{Job, Work};
use super::message::{Assembly, Message};
use super::plan::{JobTable, SharedJob, Task};
use super::runtime;
use crate::background::{Background, Sink};
use crate::cache::{Layout, Split};
use crate::error::{Error, Result};
use crate::gather::Findings;
use crate::ordered::internal;
use crate::source::Piece;
use crate::{RecordBatch, Source};

/// The most tasks of a job: enough for a few hundred cores, and few enough to merge what they have collected.
const TASKS_MAX: usize = 512;

/// How often in a row a job may lose results before they can be read.
const LOSSES_MAX: u32 = 3;

/// Messages that wait for their reader.
const DEPTH: usize = 2;

/// How to reach a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Address of the scheduler, such as `df://host:50050`.
    pub scheduler: String,
    /// How long to wait for a scheduler that is gone, or has no executors.
    pub patience: Duration,
    /// Settings of DataFusion and Ballista for the jobs, such as `ballista.planner.adaptive.enabled` and `false`.
    pub settings: Vec<(String, String)>,
}

impl ClusterConfig {
    /// The cluster of a scheduler, with a patience of one minute.
    pub fn new(scheduler: impl Into<String>) -> Self {
        Self { scheduler: scheduler.into(), patience: Duration::from_secs(60), settings: Vec::new() }
    }
}

/// A cluster that passes over sources. Cheap to clone.
///
/// A pass goes on when executors die, and when the scheduler is gone for a while: what is missing is submitted again.
#[derive(Debug, Clone)]
pub struct Cluster {
    client: Arc<Client>,
    patience: Duration,
}

impl Cluster {
    /// Names a cluster. Whether it is there shows when it is used.
    ///
    /// # Errors
    ///
    /// `Config` when the address is no `df://host:port`, or there is no such setting.
    pub fn new(config: &ClusterConfig) -> Result<Self> {
        let client = Client::new(&host_and_port(&config.scheduler)?, &config.settings)?;
        Ok(Self { client: Arc::new(client), patience: config.patience })
    }

    /// A round of fitting over all rows of a source. `progress` is told how many more were read.
    pub(crate) fn fit(&self, round: &Round, source: &Source, progress: &mut dyn FnMut(u64)) -> Result<Collector> {
        let job = Job { source: source.clone(), work: Work::Fit(round.clone()) };
        let mut all = round.collector();
        self.collect(&job, &mut |state| Ok(all.merge(round.read(state)?)?), progress)?;
        Ok(all)
    }

    /// What all rows of a source are like, beginning with `empty`, and how many were skipped. `progress` is told how many more
    /// were read.
    pub(crate) fn gather(
        &self,
        source: &Source,
        empty: &Findings,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Findings, u64)> {
        let job = Job { source: source.clone(), work: Work::Gather(empty.clone()) };
        let mut all = empty.clone();
        let skipped = self.collect(&job, &mut |state| all.merge(&Findings::from_bytes(state)?), progress)?;
        Ok((all, skipped))
    }

    /// Runs a job whose tasks each send a state, and hands all of these to `merge`. How many rows were skipped.
    fn collect(
        &self,
        job: &Job,
        merge: &mut dyn FnMut(&[u8]) -> Result<()>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let (mut seen, mut skipped) = (0, 0);
        for message in self.run(job)? {
            match message? {
                Message::State(state) => merge(&state)?,
                Message::End { rows, skipped: more } => {
                    (seen, skipped) = (seen + rows, skipped + more);
                    progress(rows);
                }
                Message::Rows(_) | Message::Misfit(_) => {
                    return Err(internal("a task sent encoded rows in place of what it has learnt"));
                }
            }
        }
        if seen == 0 { Err(job.source.no_rows(skipped)) } else { Ok(skipped) }
    }

    /// Encodes all rows of a source in a layout. They are handed to `sink` in their order, in the same batches as those of a
    /// scan, until one does not fit the layout or `sink` wants no more. How many were skipped.
    pub(crate) fn encode(
        &self,
        source: &Source,
        (split, features): (Split, &FittedFeatures),
        layout: &Layout,
        sink: &mut dyn FnMut(Result<RecordBatch, Layout>) -> Result<bool>,
    ) -> Result<u64> {
        let work = Work::Encode { features: features.clone(), split, layout: layout.clone() };
        let mut skipped = 0;
        for message in self.run(&Job { source: source.clone(), work })? {
            let goes_on = match message? {
                Message::Rows(rows) => sink(Ok(rows))?,
                Message::Misfit(layout) => sink(Err(layout))?,
                Message::End { skipped: more, .. } => {
                    skipped += more;
                    true
                }
                Message::State(_) => return Err(internal("a task of encoding sent what it has collected")),
            };
            if !goes_on {
                break;
            }
        }
        Ok(skipped)
    }

    /// Runs a job over all pieces of its source, and gives the messages of its tasks in the order of the pieces.
    fn run(&self, job: &Job) -> Result<Background<Result<Message>>> {
        let tasks = tasks(job.source.pieces()?);
        let (client, patience) = (self.client.clone(), Patience::new(self.patience));
        let job = SharedJob::new(job.to_bytes()?);
        Ok(Background::spawn(DEPTH, move |sink| {
            let driver = Driver { client, job, tasks, sink, submitted: None, done: 0, sent: 0, patience };
            driver.run();
        }))
    }
}

/// The part of an address that names a machine.
fn host_and_port(address: &str) -> Result<String> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "df" && matches!(url.path(), "" | "/"));
    match url.as_ref().map(|url| (url.host_str(), url.port())) {
        Some((Some(host), Some(port))) => Ok(format!("{host}:{port}")),
        _ => Err(Error::Config {
            setting: "cluster",
            problem: format!(
                "is `{address}`, but an address is written `df://host:port`, such as `df://localhost:50050`"
            ),
        }),
    }
}

/// Gives each task a run of pieces.
fn tasks(pieces: &[Piece]) -> Vec<Task> {
    let of_task = pieces.len().div_ceil(TASKS_MAX).max(1);
    let task = |(number, pieces): (usize, &[Piece])| Task { number: number as u32, pieces: pieces.to_vec() };
    pieces.chunks(of_task).enumerate().map(task).collect()
}

/// A job under way.
struct Driver {
    client: Arc<Client>,
    job: Arc<SharedJob>,
    tasks: Vec<Task>,
    sink: Sink<Result<Message>>,
    /// The name under which the scheduler has the job, and the number of its first task.
    submitted: Option<(String, usize)>,
    /// Tasks all of whose messages were handed over.
    done: usize,
    /// Messages of the next task that were.
    sent: usize,
    patience: Patience,
}

impl Driver {
    fn run(mut self) {
        if let Err(error) = self.try_run() {
            // Who has dropped the messages does not want the error either.
            let _ = self.sink.send(Err(error));
        }
    }

    fn try_run(&mut self) -> Result<()> {
        let runtime = runtime()?;
        while let Err(failure) = runtime.block_on(self.attempt()) {
            let pause = match failure {
                Failure::Final(error) => return Err(error),
                Failure::Absent(reason) => self.patience.absent(&self.client, &reason)?,
                Failure::Lost(reason) => {
                    self.submitted = None;
                    self.patience.lost(&self.client, &reason)?
                }
            };
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// Goes on with the job until all is handed over, nobody wants more, or something fails.
    async fn attempt(&mut self) -> Result<(), Failure> {
        let (job, first) = self.submit().await?;
        let results = self.client.wait(&job).await?;
        self.patience.answered();
        if results.len() != self.tasks.len() - first {
            let problem = format!("gave {} results for {} tasks", results.len(), self.tasks.len() - first);
            return Err(Failure::Final(self.client.error(problem)));
        }
        for result in results.into_iter().skip(self.done - first) {
            let rows = self.client.fetch(result).await?;
            if !self.hand_over(rows).await? {
                break;
            }
            (self.done, self.sent) = (self.done + 1, 0);
        }
        self.client.clean(job).await;
        Ok(())
    }

    /// Submits the tasks that are not done, unless the scheduler has them.
    async fn submit(&mut self) -> Result<(String, usize), Failure> {
        if let Some(submitted) = &self.submitted {
            return Ok(submitted.clone());
        }
        self.client.check_ready().await?;
        let table = JobTable { job: self.job.clone(), tasks: self.tasks[self.done..].to_vec() };
        let submitted = (self.client.submit(table).await?, self.done);
        self.patience.answered();
        Ok(self.submitted.insert(submitted).clone())
    }

    /// Hands over the messages of the next task, without those that were before, and says whether more are wanted.
    async fn hand_over(&mut self, mut rows: SendableRecordBatchStream) -> Result<bool, Failure> {
        let mut assembly = Assembly::new(self.tasks[self.done].number);
        let mut seen = 0;
        while let Some(rows) = rows.next().await {
            let rows = rows.map_err(|error| Failure::Lost(format!("a result cannot be read to its end ({error})")))?;
            for message in assembly.take(&rows).map_err(Failure::Final)? {
                seen += 1;
                if seen <= self.sent {
                    continue;
                }
                if !self.sink.send(Ok(message)) {
                    return Ok(false);
                }
                self.sent = seen;
                self.patience.advanced();
            }
        }
        Ok(true)
    }
}

/// How much may still go wrong.
struct Patience {
    limit: Duration,
    absent_since: Option<Instant>,
    pause: Duration,
    losses: u32,
}

impl Patience {
    const PAUSE: Duration = Duration::from_millis(100);

    fn new(limit: Duration) -> Self {
        Self { limit, absent_since: None, pause: Self::PAUSE, losses: 0 }
    }

    /// The scheduler does what it is asked.
    fn answered(&mut self) {
        (self.absent_since, self.pause) = (None, Self::PAUSE);
    }

    /// A result has arrived.
    fn advanced(&mut self) {
        self.losses = 0;
    }

    /// How long to wait for somebody who is absent.
    fn absent(&mut self, client: &Client, reason: &str) -> Result<Duration> {
        let limit = self.limit.as_secs_f64();
        let Some(since) = self.absent_since else {
            tracing::warn!("the scheduler `{}` {reason}; waiting for up to {limit} s", client.scheduler());
            self.absent_since = Some(Instant::now());
            return Ok(self.pause);
        };
        if since.elapsed() > self.limit {
            let problem =
                format!("{reason}, and has not for {limit} s; start it, or correct its address in `--cluster`");
            return Err(client.error(problem));
        }
        self.pause = (self.pause * 3 / 2).min(Duration::from_secs(2));
        Ok(self.pause)
    }

    /// How long to wait before work that was lost is done again.
    fn lost(&mut self, client: &Client, reason: &str) -> Result<Duration> {
        self.losses += 1;
        if self.losses > LOSSES_MAX {
            return Err(client.error(format!("lost the job {} times in a row; the last time, {reason}", self.losses)));
        }
        tracing::warn!("{reason}; what is missing is submitted again");
        Ok(Self::PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(host_and_port("df://localhost:50050").unwrap(), "localhost:50050");
        assert_eq!(host_and_port("df://10.0.0.1:7/").unwrap(), "10.0.0.1:7");
        for wrong in ["localhost:50050", "df://localhost", "http://a:1", "df://a:1/b", "df://:1", ""] {
            let error = host_and_port(wrong).unwrap_err().to_string();
            assert!(error.contains("is written `df://host:port`"), "{error}");
        }
    }

    #[test]
    fn a_setting_that_ballista_has_not_is_refused() {
        let settings = vec![("ballista.planner.adaptive.enabled".to_owned(), "false".to_owned())];
        let config = ClusterConfig { settings, ..ClusterConfig::new("df://localhost:1") };
        assert!(Cluster::new(&config).is_ok());
        let settings = vec![("ballista.planner.adaptif".to_owned(), "false".to_owned())];
        let error = Cluster::new(&ClusterConfig { settings, ..config }).unwrap_err().to_string();
        assert!(error.contains("`ballista.planner.adaptif = false`"), "{error}");
    }

    #[test]
    fn patience_ends() {
        let client = Client::new("localhost:1", &[]).unwrap();
        let mut patience = Patience::new(Duration::ZERO);
        assert!(patience.absent(&client, "is gone").is_ok());
        std::thread::sleep(Duration::from_millis(1));
        let error = patience.absent(&client, "is gone").unwrap_err().to_string();
        assert!(error.starts_with("the scheduler `localhost:1` is gone"), "{error}");
        patience.answered();
        assert!(patience.absent(&client, "is gone").is_ok());
        assert!((0..LOSSES_MAX).all(|_| patience.lost(&client, "x").is_ok()));
        assert!(patience.lost(&client, "x").is_err());
    }

    #[test]
    fn a_scheduler_that_is_not_there_is_an_error() {
        let folder = crate::testing::people(10);
        let source = Source::open(&folder.1, &[("age", None)]).unwrap();
        let features = serde_json::from_str(r#"{ "age": { "op": "z_score" } }"#).unwrap();
        let features = trainyard_features::Features::new(features, source.schema(), None, None).unwrap();
        // Port 1 is one that nobody listens on.
        let config = ClusterConfig { patience: Duration::ZERO, ..ClusterConfig::new("df://127.0.0.1:1") };
        let engine = crate::Engine::Cluster(Cluster::new(&config).unwrap());
        let error = crate::fit(features, &source, engine, &|_| {}).unwrap_err().to_string();
        assert!(error.contains("`127.0.0.1:1` does not answer"), "{error}");
    }
}
