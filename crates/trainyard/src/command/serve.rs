//! `trainyard serve`: exported models over HTTP.

use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use trainyard::service::predict::{FeatureLogConfig, ManagerConfig, ModelManager, ServeConfig, load_export, run};

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
    /// Log what the model reads of served rows, a line of JSON each, for `trainyard skew`.
    #[arg(long, value_name = "FILE")]
    log_features: Option<PathBuf>,
    /// The share of requests that are logged.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, requires = "log_features")]
    log_rate: f64,
    /// Bytes of a file of the log; then another is begun, and of the full ones seven are kept.
    #[arg(long, value_name = "BYTES", requires = "log_features")]
    log_file_bytes: Option<u64>,
}

impl Serve {
    fn feature_log(&self) -> Option<FeatureLogConfig> {
        let default = FeatureLogConfig::new(self.log_features.as_ref()?);
        let file_bytes_max = self.log_file_bytes.unwrap_or(default.file_bytes_max);
        Some(FeatureLogConfig { rate: self.log_rate, file_bytes_max, ..default })
    }

    #[expect(clippy::print_stdout, reason = "tells scripts the address")]
    pub fn run(self) -> Result<ExitCode> {
        let config = ServeConfig {
            body_bytes_max: self.max_body,
            grace: Duration::from_secs(self.grace),
            threads: self.threads.unwrap_or(ServeConfig::default().threads),
            feature_log: self.feature_log(),
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
