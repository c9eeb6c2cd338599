//! Plans with jobs in them as bytes. All else is Ballista's.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::datasource::file_format::FileFormatFactory;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::failure::of_task;
use super::job::check_version;
use super::plan::{JobExec, JobTable, SharedJob, Task};
use crate::ordered::internal;

/// What the bytes of a node of ours begin with. It is no tag of a protobuf message, as those of Ballista's nodes are.
const MAGIC: &[u8] = b"\xff\xfftrainyard";

/// The codec of logical plans.
#[derive(Debug, Default)]
pub(super) struct Logical {
    ballista: BallistaLogicalExtensionCodec,
}

/// The codec of physical plans. It remembers the last job, so that its tasks share what they read of it.
#[derive(Debug, Default)]
pub(super) struct Physical {
    ballista: BallistaPhysicalExtensionCodec,
    last: Mutex<Option<Arc<SharedJob>>>,
}

impl Physical {
    fn shared(&self, bytes: &[u8]) -> Arc<SharedJob> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(job) if job.bytes == bytes => job.clone(),
            _ => last.insert(SharedJob::new(bytes.to_vec())).clone(),
        }
    }
}

impl LogicalExtensionCodec for Logical {
    fn try_decode(&self, bytes: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.ballista.try_decode(bytes, inputs, context)
    }

    fn try_encode(&self, node: &Extension, bytes: &mut Vec<u8>) -> Result<()> {
        self.ballista.try_encode(node, bytes)
    }

    fn try_decode_table_provider(
        &self,
        bytes: &[u8],
        name: &TableReference,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(bytes) = bytes.strip_prefix(MAGIC) else {
            return self.ballista.try_decode_table_provider(bytes, name, schema, context);
        };
        let damaged = || of_task(internal("a job's tasks are damaged"));
        let (len, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let (tasks, job) = rest.split_at_checked(u64::from_le_bytes(*len) as usize).ok_or_else(damaged)?;
        check_version(job).map_err(of_task)?;
        let tasks: Vec<Task> = serde_json::from_slice(tasks).map_err(|_| damaged())?;
        Ok(Arc::new(JobTable { job: SharedJob::new(job.to_vec()), tasks }))
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        table: Arc<dyn TableProvider>,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(JobTable { job, tasks }) = table.downcast_ref::<JobTable>() else {
            return self.ballista.try_encode_table_provider(name, table, bytes);
        };
        let tasks = serde_json::to_vec(tasks).map_err(|error| DataFusionError::External(Box::new(error)))?;
        for part in [MAGIC, &(tasks.len() as u64).to_le_bytes(), &tasks, &job.bytes] {
            bytes.extend_from_slice(part);
        }
        Ok(())
    }

    fn try_decode_file_format(&self, bytes: &[u8], context: &TaskContext) -> Result<Arc<dyn FileFormatFactory>> {
        self.ballista.try_decode_file_format(bytes, context)
    }

    fn try_encode_file_format(&self, bytes: &mut Vec<u8>, node: Arc<dyn FileFormatFactory>) -> Result<()> {
        self.ballista.try_encode_file_format(bytes, node)
    }
}

impl PhysicalExtensionCodec for Physical {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (bytes.strip_prefix(MAGIC), inputs) {
            (Some(job), [tasks]) => {
                check_version(job).map_err(of_task)?;
                Ok(Arc::new(JobExec::new(self.shared(job), tasks.clone())))
            }
            (Some(_), _) => Err(of_task(internal("a job has one input"))),
            (None, _) => self.ballista.try_decode(bytes, inputs, context, converter),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(exec) = node.downcast_ref::<JobExec>() else {
            return self.ballista.try_encode(node, bytes, converter);
        };
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&exec.job.bytes);
        Ok(())
    }
}
