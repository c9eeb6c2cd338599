//! From HTTP to requests and back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use super::body::{BodyBudget, ReceivedBody};
use super::config::ServeConfig;
use super::feature_log::FeatureLog;
use super::manager::ModelManager;
use super::path::{self, Call, ModelSpec};
use super::request::{metadata, predict, status};
use super::server::Phase;
use crate::error::{Code, Error, Result};

/// What answering a request needs.
pub(crate) struct Context {
    manager: Arc<ModelManager>,
    config: ServeConfig,
    bodies: BodyBudget,
    /// One permit per large request being answered.
    large: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
    /// Where served features are logged.
    log: Option<Arc<FeatureLog>>,
}

impl Context {
    pub fn new(
        manager: Arc<ModelManager>,
        config: ServeConfig,
        phase: watch::Receiver<Phase>,
        log: Option<Arc<FeatureLog>>,
    ) -> Self {
        let bodies = BodyBudget::new(&config);
        let large = Arc::new(Semaphore::new(config.threads));
        Self { manager, config, bodies, large, phase, log }
    }
}

/// The routes of the server.
pub(crate) fn router(context: Arc<Context>) -> Router {
    Router::new().route("/healthz", get(health)).fallback(api).with_state(context)
}

/// `GET /healthz`: 200 when every model has a version that answers requests.
async fn health(State(context): State<Arc<Context>>) -> Response {
    match check_health(&context) {
        Ok(()) => reply(&context, StatusCode::OK, "text/plain", "ok"),
        Err(error) => reply_error(&context, &error),
    }
}

fn check_health(context: &Context) -> Result<()> {
    let models = context.manager.models();
    let waiting: Vec<&str> = models.iter().filter(|(_, available)| !available).map(|(name, _)| name.as_str()).collect();
    let message = if *context.phase.borrow() != Phase::Serving {
        "the server is shutting down".to_owned()
    } else if models.is_empty() {
        "there is no model to serve yet".to_owned()
    } else if !waiting.is_empty() {
        format!("models without an available version: {}", waiting.join(", "))
    } else {
        return Ok(());
    };
    Err(Error::Unavailable { message })
}

/// Everything under `/v1/`.
async fn api(State(context): State<Arc<Context>>, request: Request) -> Response {
    if !path::is_api(request.uri().path()) {
        return reply(&context, StatusCode::NOT_FOUND, "text/html", "<html><body><h1>Not Found</h1></body></html>\n");
    }
    match answer(&context, request).await {
        Ok(json) => reply(&context, StatusCode::OK, "application/json", json),
        Err(error) => reply_error(&context, &error),
    }
}

async fn answer(context: &Arc<Context>, request: Request) -> Result<Vec<u8>> {
    let (head, body) = request.into_parts();
    if head.method == Method::OPTIONS {
        return check_origin(&head.headers);
    }
    match path::parse(&head.method, head.uri.path())? {
        Call::Predict(spec) => {
            let body = context.bodies.read(&head.headers, body, &context.config).await?;
            answer_predict(context, spec, body).await
        }
        Call::Classify(spec) => Err(examples_unsupported("classify", &spec)),
        Call::Regress(spec) => Err(examples_unsupported("regress", &spec)),
        Call::Status(spec) => status::answer(&context.manager, &spec),
        Call::Metadata(spec) => metadata::answer(&context.manager, &spec),
    }
}

/// A small request costs less than handing it to another thread would.
async fn answer_predict(context: &Arc<Context>, spec: ModelSpec, body: ReceivedBody) -> Result<Vec<u8>> {
    if body.is_small(&context.config) {
        return predict_guarded(context, &spec, &body);
    }
    let permit = context.large.clone().acquire_owned().await.map_err(Error::internal)?;
    let context = Arc::clone(context);
    let task = spawn_blocking(move || {
        let _permit = permit;
        predict_guarded(&context, &spec, &body)
    });
    task.await.map_err(Error::internal)?
}

/// A model that panics fails one request, not the connection that carries others.
fn predict_guarded(context: &Context, spec: &ModelSpec, body: &ReceivedBody) -> Result<Vec<u8>> {
    let answer = || predict::answer(&context.manager, spec, &body.text(&context.config)?, context.log.as_deref());
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| Err(Error::internal("the model panicked")))
}

fn examples_unsupported(verb: &str, spec: &ModelSpec) -> Error {
    let name = &spec.name;
    let message = format!(
        "`:{verb}` takes `examples`, which this server does not read; send the same features as `instances` to `/v1/models/{name}:predict`"
    );
    Error::Unimplemented { message }
}

/// A browser's question before a request from another site; the answer allows nothing.
fn check_origin(headers: &HeaderMap) -> Result<Vec<u8>> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if origin.contains("http://") || origin.contains("https://") {
        return Ok(Vec::new());
    }
    Err(Error::invalid("Origin header is missing in CORS preflight"))
}

fn reply_error(context: &Context, error: &Error) -> Response {
    if error.code() == Code::Internal {
        tracing::error!(%error, "a request failed");
    }
    let body = serde_json::json!({ "error": error.to_string() }).to_string();
    reply(context, error.code().http_status(), "application/json", body)
}

fn reply(context: &Context, status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if *context.phase.borrow() != Phase::Serving {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
