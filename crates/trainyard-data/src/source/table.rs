//! A source as a table of DataFusion, for queries over raw rows.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};

use super::source::Source;
use crate::error::{Error, Result};

/// Bytes of a row of a file, roughly, where only the order of sizes matters.
const ROW_BYTES: usize = 64;

impl Source {
    /// The rows as a table that DataFusion can query. Each query is a pass over the files, in their order, that reads the columns
    /// that it asks for.
    ///
    /// The thread that runs the query waits for the rows, which a thread of the scan decodes.
    pub fn table(&self) -> Arc<dyn TableProvider> {
        Arc::new(SourceTable { source: self.clone(), notes: Arc::default() })
    }
}

/// A source that DataFusion can query.
#[derive(Debug)]
pub(crate) struct SourceTable {
    pub source: Source,
    pub notes: Arc<Notes>,
}

/// What a query cannot pass on of the scans below it.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    failure: Mutex<Option<Error>>,
    skipped: AtomicU64,
}

impl Notes {
    /// The first error of a scan, as it was.
    pub fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Rows that a pass left out because they could not be read.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    fn fail(&self, error: Error) -> DataFusionError {
        let message = error.to_string();
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        DataFusionError::Execution(message)
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.source.arrow_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> QueryResult<Arc<dyn ExecutionPlan>> {
        let all = self.source.arrow_schema();
        let schema = projection.map_or_else(|| Ok(Arc::clone(all)), |wanted| all.project(wanted).map(Arc::new))?;
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let source = self.source.select(&names).map_err(|error| self.notes.fail(error))?;
        Ok(Arc::new(SourceExec::new(source, schema, Arc::clone(&self.notes))))
    }
}

/// A pass over the rows of a source as the only partition of a query's plan.
#[derive(Debug)]
struct SourceExec {
    source: Source,
    schema: SchemaRef,
    notes: Arc<Notes>,
    properties: Arc<PlanProperties>,
}

impl SourceExec {
    /// Gives the columns of `schema`, which the source has in any order.
    fn new(source: Source, schema: SchemaRef, notes: Arc<Notes>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { source, schema, notes, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SourceExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceExec: {} files", self.source.files().len())
    }
}

impl ExecutionPlan for SourceExec {
    fn name(&self) -> &'static str {
        "SourceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> QueryResult<TreeNodeRecursion>,
    ) -> QueryResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> QueryResult<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a source has no children") }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> QueryResult<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a source has no children") }
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> QueryResult<SendableRecordBatchStream> {
        let (notes, schema) = (Arc::clone(&self.notes), Arc::clone(&self.schema));
        let mut scan = self.source.scan().map_err(|error| notes.fail(error))?;
        let places = self.schema.fields().iter().map(|field| self.source.arrow_schema().index_of(field.name()));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let batches = std::iter::from_fn(move || {
            let batch = scan.next();
            if batch.is_none() {
                // A query may read the rows several times, and skips the same ones each time.
                notes.skipped.fetch_max(scan.skipped(), Ordering::Relaxed);
            }
            Some(batch?.map_err(|error| notes.fail(error)).and_then(|batch| Ok(batch.project(&places)?)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
    }

    /// Tells which side of a join is the smaller one, which is held in memory.
    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> QueryResult<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Ok(bytes) = self.source.size() {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            statistics.total_byte_size = Precision::Inexact(bytes);
            statistics.num_rows = Precision::Inexact(bytes / ROW_BYTES + 1);
        }
        Ok(Arc::new(statistics))
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
        let table = SessionContext::new().read_table(source.table()).unwrap();
        let found = runtime.block_on(table.filter(col("city").eq(lit("Bern"))).unwrap().count()).unwrap();
        assert!(found == expected && found > 100, "{found} {expected}");
    }
}
