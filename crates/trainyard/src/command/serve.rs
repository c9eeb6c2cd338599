//! `trainyard serve`: exported models over HTTP.

use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use trainyard::service::predict::{ManagerConfig, ModelManager, ServeConfig, load_export, run};

/// Serve exported models over TensorFlow Serving's REST API, on raw feature values.
///
/// The newest version of each model answers; a new version is picked up while the server runs.
#[derive(Debug, Args)]
pub struct Serve {
    /// A directory with `VERSION/` of one model or `NAME/VERSION/` of several, or the directory of a run.
    exports: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, short, default_value_t = 8501)]
    port: u16,
    /// The address to listen on; 0.0.0.0 for all of the machine's.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Serve one model, under this name [default: the name of its spec].
    #[arg(long)]
    name: Option<String>,
    /// Threads that answer [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// The largest request body in bytes.
    #[arg(long, default_value_t = ServeConfig::default().body_bytes_max, value_name = "BYTES")]
    max_body: usize,
    /// Seconds for which requests under way may go on after SIGTERM.
    #[arg(long, default_value_t = ServeConfig::default().grace.as_secs(), value_name = "SECONDS")]
    grace: u64,
}

impl Serve {
    #[expect(clippy::print_stdout, reason = "tells scripts the address")]
    pub fn run(self) -> Result<ExitCode> {
        let config = ServeConfig {
            body_bytes_max: self.max_body,
            grace: Duration::from_secs(self.grace),
            threads: self.threads.unwrap_or(ServeConfig::default().threads),
            ..ServeConfig::default()
        };
        let base = if self.exports.join("export").is_dir() { self.exports.join("export") } else { self.exports };
        if !base.is_dir() {
            bail!("there is no directory `{}`; give the exports of a run, such as `runs/NAME/export`", base.display());
        }
        let manager = ModelManager::open(ManagerConfig { base: base.clone(), name: self.name }, Box::new(load_export))?;
        let manager = Arc::new(manager);
        let models = manager.models();
        if models.is_empty() {
            tracing::warn!("`{}` holds no exported model yet; waiting for one", base.display());
        }
        run(&format!("{}:{}", self.host, self.port), manager, config, |address| {
            for (name, _) in &models {
                println!("http://{address}/v1/models/{name}:predict");
            }
            println!("listening on {address}");
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
