//! `--cluster`: where the passes over raw rows run.

use anyhow::Result;
use clap::Args;
use trainyard::data::{Engine, Resources};

/// Flags of the commands that pass over data.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// Pass over the data on the cluster of this scheduler; the results are the same. The data must have the same paths on all machines.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "df://HOST:PORT")]
    cluster: Option<String>,
    /// Seconds to wait for a scheduler that is gone, or has no executors.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "cluster")]
    cluster_patience: u64,
    /// A setting of DataFusion or Ballista, such as `ballista.planner.adaptive.enabled=false`. May be given several times.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "KEY=VALUE", requires = "cluster")]
    cluster_set: Vec<String>,
}

impl EngineArgs {
    /// The cluster that was named, or this process.
    #[cfg(feature = "cluster")]
    pub fn engine(&self, resources: Resources) -> Result<Engine> {
        use anyhow::Context;
        use trainyard::data::cluster::{Cluster, ClusterConfig};

        let Some(scheduler) = &self.cluster else { return Ok(Engine::from(resources)) };
        let pair = |text: &String| {
            let (key, value) = text.split_once('=').with_context(|| format!("`--cluster-set {text}` lacks `=`"))?;
            Ok((key.to_owned(), value.to_owned()))
        };
        let config = ClusterConfig {
            patience: std::time::Duration::from_secs(self.cluster_patience),
            settings: self.cluster_set.iter().map(pair).collect::<Result<_>>()?,
            ..ClusterConfig::new(scheduler)
        };
        Ok(Engine::Cluster(Cluster::new(&config)?))
    }

    /// This process; there are no clusters in this program.
    #[cfg(not(feature = "cluster"))]
    pub fn engine(&self, resources: Resources) -> Result<Engine> {
        Ok(Engine::from(resources))
    }
}
