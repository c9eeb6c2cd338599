//! A job as a table, and as the plan that fills it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::failure::of_task;
use super::job::Job;
use super::message;
use crate::source::Piece;

/// What one task does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    pub number: u32,
    pub pieces: Vec<Piece>,
}

/// A job's bytes, and the job once it was needed.
#[derive(Debug)]
pub(super) struct SharedJob {
    pub bytes: Vec<u8>,
    job: OnceLock<Job>,
}

impl SharedJob {
    pub(super) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes, job: OnceLock::new() })
    }

    fn job(&self) -> crate::Result<&Job> {
        if let Some(job) = self.job.get() {
            return Ok(job);
        }
        let job = Job::from_bytes(&self.bytes)?;
        Ok(self.job.get_or_init(|| job))
    }
}

/// The messages of a job as a table with a partition for each task.
#[derive(Debug)]
pub(super) struct JobTable {
    pub job: Arc<SharedJob>,
    pub tasks: Vec<Task>,
}

#[async_trait]
impl TableProvider for JobTable {
    fn schema(&self) -> SchemaRef {
        message::schema()
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if projection.is_some_and(|columns| columns != &[0]) {
            return internal_err!("the messages of a job are read as a whole");
        }
        let schema = Arc::new(Schema::new(vec![Field::new("task", DataType::Utf8, false)]));
        let partition = |task: &Task| {
            let task =
                serde_json::to_string(task).map_err(|error| of_task(crate::ordered::internal(error.to_string())))?;
            Ok(vec![RecordBatch::try_new(schema.clone(), vec![Arc::new(StringArray::from(vec![task]))])?])
        };
        let tasks = self.tasks.iter().map(partition).collect::<Result<Vec<_>>>()?;
        let tasks = MemorySourceConfig::try_new(&tasks, schema.clone(), None)?;
        Ok(Arc::new(JobExec::new(self.job.clone(), DataSourceExec::from_data_source(tasks))))
    }
}

/// Reads tasks from its input, one a partition, and gives the messages that come of them.
#[derive(Debug)]
pub(super) struct JobExec {
    pub job: Arc<SharedJob>,
    tasks: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl JobExec {
    pub(super) fn new(job: Arc<SharedJob>, tasks: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(message::schema()),
            Partitioning::UnknownPartitioning(tasks.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { job, tasks, properties: Arc::new(properties) }
    }
}

impl DisplayAs for JobExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobExec")
    }
}

impl ExecutionPlan for JobExec {
    fn name(&self) -> &'static str {
        "JobExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.tasks]
    }

    /// No optimizer is to spread the tasks anew.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([tasks]) => Ok(Arc::new(Self::new(self.job.clone(), tasks))),
            Err(_) => internal_err!("a job has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let tasks = self.tasks.execute(partition, context)?;
        let mut stream = RecordBatchReceiverStream::builder(message::schema(), 2);
        let (sender, job) = (stream.tx(), self.job.clone());
        stream.spawn_blocking(move || {
            let tasks: Vec<RecordBatch> = tokio::runtime::Handle::current().block_on(tasks.try_collect())?;
            let send = |rows| sender.blocking_send(Ok(rows)).is_ok();
            tasks.iter().try_for_each(|tasks| run(&job, tasks, &send)).map_err(of_task)
        });
        Ok(stream.build())
    }
}

/// Runs tasks, and sends what they find until it is not wanted any more.
fn run(job: &SharedJob, tasks: &RecordBatch, send: &dyn Fn(RecordBatch) -> bool) -> crate::Result<()> {
    let tasks = tasks.columns().first().and_then(|tasks| tasks.as_string_opt::<i32>());
    let tasks = tasks.ok_or_else(|| crate::ordered::internal("a job was given no tasks"))?;
    for task in tasks.iter().flatten() {
        let task: Task = serde_json::from_str(task).map_err(|error| crate::ordered::internal(error.to_string()))?;
        job.job()?.run(&task.pieces, &mut |message| Ok(message.to_rows(task.number)?.into_iter().all(send)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::provider_as_source;
    use datafusion::logical_expr::LogicalPlanBuilder;
    use datafusion::physical_plan::collect_partitioned;
    use datafusion::prelude::SessionContext;
    use datafusion_proto::bytes::{
        logical_plan_from_bytes_with_extension_codec, logical_plan_to_bytes_with_extension_codec,
        physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
    };

    use super::*;
    use crate::cluster::codec::{Logical, Physical};
    use crate::cluster::job::Work;
    use crate::cluster::message::{Assembly, Message};
    use crate::testing::{people, unfitted};

    /// Sends a plan from client to scheduler and from there to executors, and runs it.
    async fn travel_and_run(table: JobTable) -> Result<Vec<Vec<RecordBatch>>> {
        let context = SessionContext::new();
        let plan = LogicalPlanBuilder::scan("job", provider_as_source(Arc::new(table)), None)?.build()?;
        let bytes = logical_plan_to_bytes_with_extension_codec(&plan, &Logical::default())?;
        let plan = logical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &Logical::default())?;
        let plan = context.state().create_physical_plan(&plan).await?;
        let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Physical::default())?;
        let plan = physical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &Physical::default())?;
        collect_partitioned(plan, context.task_ctx()).await
    }

    #[test]
    fn tasks_find_together_what_a_local_pass_finds() {
        let (folder, config) = people(300_000);
        std::fs::copy(folder.path().join("people.csv"), folder.path().join("people-2.csv")).unwrap();
        let config = crate::SourceConfig { path: folder.path().into(), ..config };
        let (features, source) = unfitted(&config).unwrap();
        let local = crate::fit(features.clone(), &source, 2, &|_| {}).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let mut fitting = features.fit();
        while let Some(round) = fitting.round().cloned() {
            let source = source.select(&round.columns()).unwrap();
            let task = |piece: Piece| Task { number: 7, pieces: vec![piece] };
            let tasks: Vec<_> = source.pieces().unwrap().iter().cloned().map(task).collect();
            assert_eq!(tasks.len(), 2);
            let job = SharedJob::new(Job { source, work: Work::Fit(round.clone()) }.to_bytes().unwrap());
            let found = runtime.block_on(travel_and_run(JobTable { job, tasks })).unwrap();
            assert_eq!(found.len(), 2, "a partition a task");
            let mut all = round.collector();
            for rows in found.iter().flatten() {
                for message in Assembly::new(7).take(rows).unwrap() {
                    match message {
                        Message::State(state) => all.merge(round.read(&state).unwrap()).unwrap(),
                        Message::End { rows, skipped } => assert_eq!((rows, skipped), (300_000, 0)),
                        other => panic!("{other:?}"),
                    }
                }
            }
            fitting.absorb(all).unwrap();
        }
        assert_eq!(fitting.finish().unwrap().fingerprint(), local.fingerprint());
    }

    #[test]
    fn a_job_of_another_version_is_refused_by_its_name() {
        let (_folder, config) = people(10);
        let (_, source) = unfitted(&config).unwrap();
        let tasks = vec![Task { number: 0, pieces: source.pieces().unwrap().to_vec() }];
        let job = SharedJob::new(b"trainyard 9.9.9 job 1\nand more".to_vec());
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let error = runtime.block_on(travel_and_run(JobTable { job, tasks })).unwrap_err().to_string();
        assert!(error.contains("`trainyard 9.9.9 job 1`") && error.contains("one version"), "{error}");
    }

    #[test]
    fn an_error_of_a_task_keeps_its_words() {
        let (folder, config) = people(10);
        let (features, source) = unfitted(&config).unwrap();
        let round = features.fit().round().cloned().unwrap();
        let tasks = vec![Task { number: 0, pieces: source.pieces().unwrap().to_vec() }];
        let job = SharedJob::new(Job { source, work: Work::Fit(round) }.to_bytes().unwrap());
        let path = folder.path().join("people.csv");
        std::fs::write(&path, "age,city,income,rich\nold,Bern,1,0\n").unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let error = runtime.block_on(travel_and_run(JobTable { job, tasks })).unwrap_err();
        let told = crate::cluster::failure::told(&format!("{error:?}")).unwrap();
        assert!(told.starts_with("line 2 of `") && told.contains("`old` is not a number"), "{told}");
    }
}
