//! HTTP: the REST API, DICOMweb, health, metrics and the page, behind one router.
//!
//! | route | what |
//! |---|---|
//! | `/` | a page that lists studies |
//! | `/api/v1/...` | the REST API; what shadows say only under `.../shadows`; `/api/v1/openapi.json` describes it |
//! | `/dicom-web/...` | DICOMweb: STOW-RS, QIDO-RS, WADO-RS |
//! | `/healthz`, `/readyz`, `/metrics` | for whoever operates the server |
//!
//! Invariants: every error is `application/problem+json` with a stable code and without internals; no log
//! line holds a patient's name or ID, and no answer but those of DICOMweb; a page of another site cannot use the server through a reader's browser
//! (no CORS; on a loopback address, only Host names of this machine are answered).

mod devices;
mod guard;
mod health;
mod heatmap;
mod model;
pub mod outbox;
mod page;
mod problem;
mod server;
mod shadows;
mod studies;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;
use crate::dicomweb;
use crate::engine::Engine;
use crate::store::Store;

pub use problem::{Path, Problem, ProblemJson};
pub use server::serve;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    store: Store,
    engine: Engine,
    config: Config,
    metrics: PrometheusHandle,
    uploads: Arc<Semaphore>,
    heatmaps: Arc<Semaphore>,
}

impl App {
    /// Puts the parts of a server together.
    pub fn new(store: Store, engine: Engine, config: Config, metrics: PrometheusHandle) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let (uploads, heatmaps) = (semaphore(config.http.uploads_max), semaphore(config.http.heatmaps_max));
        Self(Arc::new(Shared { store, engine, config, metrics, uploads, heatmaps }))
    }

    /// What is durable.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The threads that own the models.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn uploads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.uploads)
    }

    pub(crate) fn heatmaps(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.heatmaps)
    }

    fn metrics(&self) -> &PrometheusHandle {
        &self.0.metrics
    }
}

/// The description of the REST API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Uvid",
        description = "Scores of mammography screening exams. For research and integration. Not for diagnosis: not a \
                       medical device, cleared by nobody."
    ),
    tags(
        (name = "studies", description = "Studies, where they stand, and what the model says of them."),
        (name = "outbox", description = "Results on their way to destinations."),
        (name = "model", description = "The model in use."),
        (name = "operation", description = "Whether the server is well.")
    )
)]
struct Description;

/// The router of the REST API with its description.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(studies::list))
        .routes(routes!(studies::one))
        .routes(routes!(shadows::of_study))
        .routes(routes!(heatmap::png))
        .routes(routes!(outbox::list))
        .routes(routes!(outbox::one))
        .routes(routes!(outbox::resend))
        .routes(routes!(outbox::cancel))
        .routes(routes!(outbox::quarantine))
        .routes(routes!(model::card))
        .routes(routes!(devices::list))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The OpenAPI description of the REST API, as served and as committed in `server/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

/// All routes.
pub fn router(app: App) -> Router {
    let (api, description) = api().split_for_parts();
    let description = Arc::new(description);
    let describe = move || {
        let description = Arc::clone(&description);
        async move { axum::Json(description.as_ref().clone()) }
    };
    // STOW-RS has limits of its own.
    let limited = api
        .route("/api/v1/openapi.json", axum::routing::get(describe))
        .merge(page::routes())
        .merge(dicomweb::routes())
        .layer(middleware::from_fn_with_state(app.clone(), guard::patience));
    limited
        .merge(dicomweb::uploads())
        .fallback(problem::no_such_route)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(middleware::from_fn_with_state(app.clone(), guard::host))
        .layer(middleware::from_fn(guard::headers))
        .layer(middleware::from_fn(guard::observe))
        .with_state(app)
}
