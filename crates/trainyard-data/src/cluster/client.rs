//! What is said to a scheduler and to executors.

use std::time::Duration;

use ballista_core::client::BallistaClient;
use ballista_core::config::BallistaConfig;
use ballista_core::extension::SessionConfigExt;
use ballista_core::ids::new_instance_id;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::execute_query_result::Result as Submitted;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CleanJobDataParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair, PartitionLocation,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version::insert_version_header;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::SessionConfig;
use datafusion_proto::logical_plan::AsLogicalPlan;
use datafusion_proto::protobuf::LogicalPlanNode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Request;
use tonic::transport::Channel;

use super::MESSAGE_BYTES;
use super::codec::Logical;
use super::failure::told;
use super::plan::JobTable;
use crate::error::Error;

/// Why something could not be done.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is nobody to do it, for now.
    Absent(String),
    /// What was done is lost.
    Lost(String),
    /// It cannot be done.
    Final(Error),
}

/// The address of a scheduler, and how its jobs are to be run.
#[derive(Debug)]
pub(super) struct Client {
    /// `host:port`.
    scheduler: String,
    session: String,
    config: SessionConfig,
}

impl Client {
    /// A client with settings of DataFusion and Ballista.
    ///
    /// # Errors
    ///
    /// `Config` when there is no such setting.
    pub(super) fn new(scheduler: &str, settings: &[(String, String)]) -> crate::Result<Self> {
        let mut config = SessionConfig::new_with_ballista().with_ballista_grpc_client_max_message_size(MESSAGE_BYTES);
        for (key, value) in settings {
            config.options_mut().set(key, value).map_err(|error| Error::Config {
                setting: "cluster settings",
                problem: format!("have `{key} = {value}`, which Ballista does not take: {error}"),
            })?;
        }
        Ok(Self { scheduler: scheduler.to_owned(), session: new_instance_id(), config })
    }

    /// The scheduler's address.
    pub(super) fn scheduler(&self) -> &str {
        &self.scheduler
    }

    /// An error of the cluster as a whole.
    pub(super) fn error(&self, problem: String) -> Error {
        Error::Cluster { scheduler: self.scheduler.clone(), problem }
    }

    /// Asks whether the scheduler has executors. It would keep a job for ever without.
    pub(super) async fn check_ready(&self) -> Result<(), Failure> {
        let absent = |error: std::io::Error| Failure::Absent(format!("does not answer ({error})"));
        let ask = async {
            let mut stream = TcpStream::connect(&self.scheduler).await?;
            let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.scheduler);
            stream.write_all(request.as_bytes()).await?;
            let mut status = [0; 12];
            stream.read_exact(&mut status).await?;
            Ok::<_, std::io::Error>(status)
        };
        let answer = tokio::time::timeout(Duration::from_secs(10), ask).await;
        match &answer.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(absent)?[9..] {
            b"200" => Ok(()),
            b"503" => Err(Failure::Absent("has no executors (`trainyard cluster executor` starts one)".to_owned())),
            _ => Err(Failure::Absent("does not answer as a scheduler".to_owned())),
        }
    }

    /// Submits a job, and gives its name.
    pub(super) async fn submit(&self, table: JobTable) -> Result<String, Failure> {
        let settings = self.config.options().entries().into_iter();
        let query = ExecuteQueryParams {
            query: Some(Query::LogicalPlan(plan_bytes(table).map_err(Failure::Final)?)),
            settings: settings.map(|entry| KeyValuePair { key: entry.key, value: entry.value }).collect(),
            session_id: self.session.clone(),
            operation_id: new_instance_id(),
        };
        let mut request = Request::new(query);
        insert_version_header(request.metadata_mut());
        let answer = self.connect().await?.execute_query(request).await.map_err(unanswered)?;
        match answer.into_inner().result {
            Some(Submitted::Success(success)) => Ok(success.job_id),
            failure => Err(Failure::Final(self.failed(&format!("{failure:?}")))),
        }
    }

    /// Waits for the end of a job, and says where its results are, by task.
    pub(super) async fn wait(&self, job: &str) -> Result<Vec<PartitionLocation>, Failure> {
        let mut scheduler = self.connect().await?;
        let mut pause = Duration::from_millis(20);
        loop {
            let request = GetJobStatusParams { job_id: job.to_owned() };
            let answer = scheduler.get_job_status(request).await.map_err(unanswered)?.into_inner();
            match answer.status.and_then(|status| status.status) {
                None => {
                    return Err(Failure::Lost("the scheduler was started anew and does not know the job".to_owned()));
                }
                Some(Status::Failed(failed)) if failed.error.contains("all executors were lost") => {
                    return Err(Failure::Lost(failed.error));
                }
                Some(Status::Failed(failed)) => return Err(Failure::Final(self.failed(&failed.error))),
                Some(Status::Successful(done)) => {
                    let mut results = done.partition_location;
                    results.sort_by_key(|result| result.partition_id.as_ref().map(|id| id.partition_id));
                    return Ok(results);
                }
                Some(Status::Queued(_) | Status::Running(_)) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
    }

    /// Starts to read the result of a task from the executor that has it.
    pub(super) async fn fetch(&self, result: PartitionLocation) -> Result<SendableRecordBatchStream, Failure> {
        let layout = result.layout();
        let (Some(executor), Some(partition)) = (result.executor_meta, result.partition_id) else {
            return Err(Failure::Lost("the scheduler does not say where a result is".to_owned()));
        };
        let lost = |error| {
            let (host, port) = (&executor.host, executor.port);
            Failure::Lost(format!("the executor `{host}:{port}` does not give out a result ({error})"))
        };
        let port = executor.port as u16;
        let client = BallistaClient::try_new(&executor.host, port, MESSAGE_BYTES, false, None, 3, 200, 0, 0).await;
        let mut client = client.map_err(lost)?;
        client.fetch_partition(&executor.id, &partition.into(), result.file_id, layout, false).await.map_err(lost)
    }

    /// Lets executors forget the results of a job. They do so in time anyway.
    pub(super) async fn clean(&self, job: String) {
        if let Ok(mut scheduler) = self.connect().await {
            drop(scheduler.clean_job_data(CleanJobDataParams { job_id: job, remove_stage_ids: Vec::new() }).await);
        }
    }

    async fn connect(&self) -> Result<SchedulerGrpcClient<Channel>, Failure> {
        let config = self.config.options().extensions.get::<BallistaConfig>().cloned().unwrap_or_default();
        let endpoint =
            create_grpc_client_endpoint(format!("http://{}", self.scheduler), Some(&GrpcClientConfig::from(&config)));
        let absent = |error: &dyn std::fmt::Display| Failure::Absent(format!("does not answer ({error})"));
        let channel = endpoint.map_err(|error| absent(&error))?.connect().await.map_err(|error| absent(&error))?;
        let client = SchedulerGrpcClient::new(channel);
        Ok(client.max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES))
    }

    /// The error of a job: that of ours which an executor met, if it was one.
    fn failed(&self, text: &str) -> Error {
        match told(text) {
            Some(message) => Error::Remote { message },
            None => self.error(format!("cannot run the job: {text}")),
        }
    }
}

fn unanswered(status: tonic::Status) -> Failure {
    Failure::Absent(format!("does not answer ({}: {})", status.code(), status.message()))
}

/// The plan that reads a whole table.
fn plan_bytes(table: JobTable) -> crate::Result<Vec<u8>> {
    let failed = |error: datafusion::error::DataFusionError| crate::ordered::internal(error.to_string());
    let source = provider_as_source(std::sync::Arc::new(table));
    let plan = LogicalPlanBuilder::scan("job", source, None).and_then(LogicalPlanBuilder::build).map_err(failed)?;
    let mut bytes = Vec::new();
    let node = LogicalPlanNode::try_from_logical_plan(&plan, &Logical::default()).map_err(failed)?;
    node.try_encode(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
