//! `/healthz`, `/readyz`, `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use metrics::gauge;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::App;
use super::problem::Common;
use crate::metrics as names;
use crate::store::{DeliveryState, Role, Standing};

/// Whether the server can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadyJson {
    /// Whether everything below is `ok`.
    ready: bool,
    /// Whether the database and the object folder can be written.
    store: &'static str,
    /// Whether the disk has more room than `store.free_bytes_min`.
    disk: &'static str,
    /// Whether some device takes studies; where none does, what it failed with. Studies wait until one works again.
    devices: String,
    /// Whether the production model is loaded; a shadow that cannot be does not count (see `/api/v1/model`).
    model: &'static str,
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses(
    (status = 200, description = "It is.", body = str),
    Common,
))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server can take and score studies.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "It can.", body = ReadyJson),
    Common,
    (status = 503, description = "It cannot; the body says what is wrong.", body = ReadyJson),
))]
pub(super) async fn readyz(State(app): State<App>) -> Response {
    let say = |well: bool, otherwise| if well { "ok" } else { otherwise };
    let written = app.store().check_writable().await.inspect_err(|error| tracing::error!(%error, "not ready"));
    let store = say(written.is_ok(), "cannot be written; the log says why");
    let disk = say(matches!(app.store().has_room(), Ok(true)), "nearly full");
    let model = say(app.engine().models().is_some(), "not loaded");
    let devices = devices(&app);
    let ready = [store, disk, model, &devices].iter().all(|part| *part == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadyJson { ready, store, disk, devices, model })).into_response()
}

/// `ok`, or which devices failed and how.
fn devices(app: &App) -> String {
    // Before the models are loaded, that is what is missing.
    if app.engine().works() || app.engine().models().is_none() {
        return "ok".to_owned();
    }
    let faults = app.engine().devices().into_iter().filter_map(|(standing, _)| Some(standing.last_fault?.to_string()));
    format!("none works: {}", faults.collect::<Vec<_>>().join("; "))
}

/// Counters and times in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "The metrics.", body = str, content_type = "text/plain"),
    Common,
))]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    if let Ok(queue) = app.store().queue().await {
        for (role, state, jobs) in [
            ("production", "waiting", queue.waiting),
            ("production", "running", queue.running),
            ("shadow", "waiting", queue.shadows_waiting),
            ("shadow", "running", queue.shadows_running),
        ] {
            gauge!(names::JOBS, "role" => role, "state" => state).set(jobs as f64);
        }
    }
    if let Ok(standings) = app.store().standings().await {
        deliveries(&app, &standings);
    }
    if let Some(models) = app.engine().models()
        && let Some(production) = models.of(&Role::Production)
    {
        let (id, version) = (production.id(), env!("CARGO_PKG_VERSION"));
        let labels = [("version", version.to_owned()), ("model", id.name.clone()), ("package", id.digest.clone())];
        gauge!(names::INFO, &labels).set(1.0);
        for (state, shadows) in [("loaded", models.all().count() - 1), ("unusable", models.unusable().len())] {
            gauge!(names::SHADOWS, "state" => state).set(shadows as f64);
        }
    }
    app.metrics().run_upkeep();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics().render()).into_response()
}

/// Gauges of the outbox. One that was there before and is not any more is 0.
fn deliveries(app: &App, standings: &[Standing]) {
    let named = app.store().policy().destinations.iter().map(|destination| Some(destination.name.as_str()));
    for destination in named.chain([None]) {
        let of = |state| standings.iter().find(|s| s.destination.as_deref() == destination && s.state == state);
        let label = destination.unwrap_or("orphaned").to_owned();
        for state in DeliveryState::ALL {
            let count = of(state).map_or(0, |standing| standing.count);
            gauge!(names::DELIVERIES, "destination" => label.clone(), "state" => state.name()).set(count as f64);
        }
        let oldest = of(DeliveryState::Pending).map(|standing| OffsetDateTime::now_utc() - standing.oldest);
        let seconds = oldest.map_or(0.0, |age| age.as_seconds_f64().max(0.0));
        gauge!(names::OLDEST_DELIVERY, "destination" => label).set(seconds);
    }
}
