//! What DataFusion does with the same file.

use std::path::Path;
use std::time::Instant;

use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;

use crate::{Result, report, work};

/// Reads all rows with the types that ours are read with, on as many threads, and drops them.
pub fn scan(file: &Path, threads: usize) -> Result<()> {
    let source = work::open(file)?;
    let schema = source.table().schema();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let start = Instant::now();
    let rows = runtime.block_on(async {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
        let options = CsvReadOptions::new().schema(&schema);
        let table = context.read_csv(file.to_string_lossy().as_ref(), options).await?;
        let counts = table.execute_stream_partitioned().await?.into_iter().map(|mut batches| {
            tokio::spawn(async move {
                let mut rows = 0;
                while let Some(batch) = batches.next().await {
                    rows += batch?.num_rows();
                }
                Ok::<_, datafusion::error::DataFusionError>(rows)
            })
        });
        let mut rows = 0;
        for count in counts.collect::<Vec<_>>() {
            rows += count.await??;
        }
        Ok::<_, Box<dyn std::error::Error>>(rows)
    })?;
    report("datafusion csv_scan", rows as f64 / start.elapsed().as_secs_f64(), "rows/s");
    Ok(())
}
