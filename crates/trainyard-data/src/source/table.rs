//! A source as a table of DataFusion, for queries over raw rows.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::source::Source;
use crate::error::{Error, Result};

impl Source {
    /// The rows as a table that DataFusion can query. Each query is a pass over the files, in their order.
    ///
    /// The thread that runs the query waits for the rows, which a thread of the scan decodes.
    ///
    /// # Errors
    ///
    /// None that a user can cause: the columns and the rows come from the same source.
    pub fn table(&self) -> Result<Arc<dyn TableProvider>> {
        let table = StreamingTable::try_new(self.arrow_schema().clone(), vec![Arc::new(Rows(self.clone()))]);
        let failed = |error: DataFusionError| Error::Internal { problem: error.to_string() };
        Ok(Arc::new(table.map_err(failed)?))
    }
}

/// All rows of a source as the only partition of a table.
#[derive(Debug)]
struct Rows(Source);

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        self.0.arrow_schema()
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let external = |error| DataFusionError::External(Box::new(error));
        let batches = self.0.scan().into_iter().flatten().map(move |batch| batch.map_err(external));
        Box::pin(RecordBatchStreamAdapter::new(self.schema().clone(), futures::stream::iter(batches)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;
    use crate::testing::people;

    #[test]
    fn a_query_sees_the_rows() {
        let (_folder, config) = people(1000);
        let source = Source::open(&config, &[("city", None), ("income", None)]).unwrap();
        let expected = crate::testing::rows(&source).unwrap().iter().filter(|row| row.starts_with("Bern|")).count();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let table = SessionContext::new().read_table(source.table().unwrap()).unwrap();
        let found = runtime.block_on(table.filter(col("city").eq(lit("Bern"))).unwrap().count()).unwrap();
        assert!(found == expected && found > 100, "{found} {expected}");
    }
}
