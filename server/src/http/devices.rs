//! `/api/v1/devices`: the devices that compute, and how they stand.

use std::time::Instant;

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use utoipa::ToSchema;
use uvid_model::Gpu;

use super::App;
use super::problem::Common;
use crate::engine::{Standing, State, kind};

/// The devices of this server; none before the models are loaded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DevicesJson {
    /// In the order of their numbers.
    devices: Vec<DeviceJson>,
}

/// A device that computes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceJson {
    /// `cpu`, or `cuda:` and the number that the driver gives.
    name: String,
    /// Which card; null for the processor.
    card: Option<String>,
    /// The card's own number, the same wherever it is plugged in; null likewise.
    uuid: Option<String>,
    /// Bytes of its memory; null likewise.
    memory_bytes: Option<usize>,
    /// Whether it takes studies.
    state: DeviceStateJson,
    /// Seconds that it has been so.
    state_seconds: f64,
    /// Seconds until it is opened anew; null unless it is taken out.
    next_try_seconds: Option<f64>,
    /// Studies that it has answered since the start.
    studies: u64,
    /// How often it failed since the start.
    faults: u64,
    /// What it failed with the last time; null if it did not.
    last_fault: Option<DeviceFaultJson>,
}

/// Whether a device takes studies.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DeviceStateJson {
    /// It does.
    Working,
    /// Its models are being loaded.
    Opening,
    /// It failed, and is opened anew after a pause.
    TakenOut,
}

/// What a device failed with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceFaultJson {
    /// `failed`, `out-of-memory`.
    kind: &'static str,
    /// As the driver calls it.
    said: String,
}

impl DeviceJson {
    fn new(standing: Standing, gpu: Option<&Gpu>, now: Instant) -> Self {
        let (state, next_try) = match standing.state {
            State::New | State::Opening => (DeviceStateJson::Opening, None),
            State::Working => (DeviceStateJson::Working, None),
            State::TakenOut { next_try } => (DeviceStateJson::TakenOut, Some(next_try)),
        };
        Self {
            name: standing.name,
            card: gpu.map(|gpu| gpu.name.clone()),
            uuid: gpu.map(|gpu| gpu.uuid.clone()),
            memory_bytes: gpu.map(|gpu| gpu.memory),
            state,
            state_seconds: now.saturating_duration_since(standing.since).as_secs_f64(),
            next_try_seconds: next_try.map(|then| then.saturating_duration_since(now).as_secs_f64()),
            studies: standing.studies,
            faults: standing.faults,
            last_fault: standing.last_fault.map(|fault| DeviceFaultJson { kind: kind(fault.kind), said: fault.said }),
        }
    }
}

/// The devices that compute, and how they stand.
#[utoipa::path(get, path = "/api/v1/devices", tag = "operation", responses(
    (status = 200, description = "The devices.", body = DevicesJson),
    Common,
))]
pub(super) async fn list(Extract(app): Extract<App>) -> Json<DevicesJson> {
    let now = Instant::now();
    let devices = app.engine().devices().into_iter().map(|(standing, gpu)| DeviceJson::new(standing, gpu, now));
    Json(DevicesJson { devices: devices.collect() })
}
