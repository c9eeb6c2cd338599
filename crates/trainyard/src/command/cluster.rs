//! `trainyard cluster`: the processes of a cluster.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use trainyard::data::cluster::{ExecutorConfig, SchedulerConfig, forward_logs, run_executor, run_scheduler};

/// Run a process of a cluster, on which `--cluster` lets other commands pass over data.
///
/// A cluster is one scheduler and any number of executors, in a private network: whoever reaches them may have them read any
/// file that they can read. All run the same version of this program, and find the data at the same paths.
#[derive(Debug, Args)]
pub struct Cluster {
    #[command(subcommand)]
    process: Process,
}

#[derive(Debug, Subcommand)]
enum Process {
    Scheduler(Scheduler),
    Executor(Executor),
}

/// Plan jobs and give out their tasks, until Ctrl-C or SIGTERM.
#[derive(Debug, Args)]
struct Scheduler {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, short, default_value_t = SchedulerConfig::default().port)]
    port: u16,
    /// The address to listen on; 0.0.0.0 for all of the machine's.
    #[arg(long, default_value_t = SchedulerConfig::default().host)]
    host: String,
    /// Seconds without a word after which an executor counts as lost, from 10.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = SchedulerConfig::default().executor_timeout_secs,
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    executor_timeout: u64,
}

/// Do tasks for a scheduler, until Ctrl-C or SIGTERM; tasks under way are finished.
#[derive(Debug, Args)]
struct Executor {
    /// The scheduler to work for. It is waited for when it is not there.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:50050")]
    scheduler: String,
    /// Tasks at a time [default: one per core].
    #[arg(long, value_name = "N")]
    cores: Option<usize>,
    /// Where results wait to be read; a fast disk [default: a temporary directory].
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// The address to listen on for those who read results; 0.0.0.0 for all of the machine's.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, short, default_value_t = 0)]
    port: u16,
    /// The name by which others reach this machine [default: the address that the scheduler sees].
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
}

impl Cluster {
    pub fn run(self, verbose: bool) -> Result<ExitCode> {
        forward_logs(verbose);
        match self.process {
            Process::Scheduler(scheduler) => scheduler.run()?,
            Process::Executor(executor) => executor.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Scheduler {
    #[expect(clippy::print_stdout, reason = "tells scripts the address")]
    fn run(self) -> Result<()> {
        let config = SchedulerConfig { host: self.host, port: self.port, executor_timeout_secs: self.executor_timeout };
        run_scheduler(&config, |address| println!("scheduler at df://{address}"))?;
        Ok(())
    }
}

impl Executor {
    fn run(self) -> Result<()> {
        let address = self.scheduler.trim_start_matches("df://");
        let Some((host, Ok(port))) = address.rsplit_once(':').map(|(host, port)| (host, port.parse())) else {
            bail!(
                "`--scheduler {}` is no address; it is written `HOST:PORT`, such as `localhost:50050`",
                self.scheduler
            );
        };
        let config = ExecutorConfig {
            scheduler: (host.to_owned(), port),
            host: self.host,
            port: self.port,
            advertise: self.advertise,
            cores: self.cores.unwrap_or(0),
            work_dir: self.work_dir,
        };
        run_executor(&config)?;
        Ok(())
    }
}
