//! What is counted and measured: the names, and the recorder behind `/metrics`.
//!
//! Invariant: every label's values come from a set that is fixed in the program (results, roles, outcomes, reason
//! codes, stages, routes, methods, status codes), in the configuration (destinations) or in the machine (devices). No UID, address or patient is one.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Objects received, by result: `new`, `same-again`, or a refusal's code.
pub const INSTANCES: &str = "uvid_instances_received_total";
/// Objects that came under the UID of another one, by what became of their bytes: `kept`, `again`, `full`.
pub const QUARANTINED: &str = "uvid_quarantined_total";
/// Studies that the worker took, by why they were due and whether they are urgent.
pub const DUE: &str = "uvid_studies_due_total";
/// Results sent, by destination and result: `taken`, `not-now`, `not-sent`, `refused`.
pub const SENT: &str = "uvid_results_sent_total";
/// Deliveries, by destination (`orphaned`: none of the configuration) and state.
pub const DELIVERIES: &str = "uvid_deliveries";
/// Seconds since the oldest delivery that is still pending was made, by destination.
pub const OLDEST_DELIVERY: &str = "uvid_oldest_pending_delivery_seconds";
/// Runs ended, by role (`production`, `shadow`) and outcome.
pub const STUDIES: &str = "uvid_studies_total";
/// Reasons why studies were not scored, by role and code.
pub const REASONS: &str = "uvid_not_scored_reasons_total";
/// Objects of results that could not be made, by reason.
pub const OBJECTS_NOT_MADE: &str = "uvid_objects_not_made_total";
/// Computations that panicked.
pub const PANICS: &str = "uvid_panics_total";
/// Attempts at a study that found an accepted object missing or changed.
pub const LOST: &str = "uvid_lost_objects_total";
/// Jobs in the queue, by role and state.
pub const JOBS: &str = "uvid_jobs";
/// Shadows that are configured, by state: `loaded`, or `unusable`, whose jobs wait.
pub const SHADOWS: &str = "uvid_shadows";
/// Seconds of one study's stages, by role.
pub const STAGE_SECONDS: &str = "uvid_stage_seconds";
/// Requests answered, by route, method and status.
pub const REQUESTS: &str = "uvid_http_requests_total";
/// Seconds until a request's answer began, by route.
pub const REQUEST_SECONDS: &str = "uvid_http_request_seconds";
/// STOW-RS requests refused or broken off, by problem code.
pub const STOW_PROBLEMS: &str = "uvid_stow_problems_total";
/// DICOM associations and connections ended, by outcome.
pub const DIMSE_ASSOCIATIONS: &str = "uvid_dimse_associations_total";
/// DICOM connections open.
pub const DIMSE_OPEN: &str = "uvid_dimse_open";
/// C-STORE requests answered, by status in hexadecimal.
pub const DIMSE_STORES: &str = "uvid_dimse_stores_total";
/// Bytes of data sets that came by C-STORE.
pub const DIMSE_BYTES: &str = "uvid_dimse_bytes_total";
/// Faults of devices, by device (`cpu`, `cuda:0`) and kind: `failed`, `out-of-memory`.
pub const DEVICE_FAULTS: &str = "uvid_device_faults_total";
/// 1 for a device that takes studies, 0 for one that is taken out or being opened.
pub const DEVICE_STATE: &str = "uvid_device_state";
/// Studies that a device has answered.
pub const DEVICE_STUDIES: &str = "uvid_device_studies_total";
/// Seconds that a device's slots were at studies, reading and decoding included; several slots count several times.
pub const DEVICE_BUSY: &str = "uvid_device_busy_seconds";
/// Compressed frames of mammograms that were decoded on a machine where a GPU decodes, by which it was: `gpu`, `cpu`.
pub const FRAMES_DECODED: &str = "uvid_frames_decoded_total";
/// Always 1; its labels say which program and model this is.
pub const INFO: &str = "uvid_info";

/// Installs the process's recorder, once, and gives the handle that renders it.
///
/// # Errors
///
/// Another recorder is installed.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    static INSTALLING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = INSTALLING.lock();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full(STAGE_SECONDS.to_owned()),
            &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
        )?
        .set_buckets_for_metric(
            Matcher::Full(REQUEST_SECONDS.to_owned()),
            &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
        )?
        .install_recorder()?;
    describe();
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn describe() {
    describe_counter!(INSTANCES, "Objects received, by result: new, same-again, or why they were refused.");
    describe_counter!(QUARANTINED, "Objects that came under the UID of another one, by what became of their bytes.");
    describe_counter!(DUE, "Studies taken to be scored, by why they were due and whether they are urgent.");
    describe_counter!(SENT, "Results sent, by destination and what came of it.");
    describe_gauge!(DELIVERIES, "Deliveries of results, by destination and state.");
    describe_gauge!(OLDEST_DELIVERY, Unit::Seconds, "Age of the oldest delivery that is still pending.");
    describe_counter!(STUDIES, "Runs that ended, by role and outcome.");
    describe_counter!(REASONS, "Reasons why studies were not scored, by role and code.");
    describe_counter!(OBJECTS_NOT_MADE, "Objects of results that could not be made, by reason.");
    describe_counter!(PANICS, "Computations that panicked.");
    describe_counter!(LOST, "Attempts at a study that found an accepted object missing or changed.");
    describe_gauge!(JOBS, "Jobs in the durable queue, by role and state.");
    describe_gauge!(SHADOWS, "Shadows that are configured, by state: loaded, or unusable, whose jobs wait.");
    describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Time of one study's stages.");
    describe_counter!(REQUESTS, "HTTP requests answered.");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "Time until an HTTP answer began.");
    describe_counter!(STOW_PROBLEMS, "STOW-RS requests refused as a whole, by problem code.");
    describe_counter!(DIMSE_ASSOCIATIONS, "DICOM associations and connections that ended, by outcome.");
    describe_gauge!(DIMSE_OPEN, "DICOM connections open.");
    describe_counter!(DIMSE_STORES, "C-STORE requests answered, by status in hexadecimal.");
    describe_counter!(DIMSE_BYTES, Unit::Bytes, "Bytes of data sets that came by C-STORE.");
    describe_counter!(DEVICE_FAULTS, "Faults of devices, by device and kind.");
    describe_gauge!(DEVICE_STATE, "1 for a device that takes studies, 0 for one that is taken out or being opened.");
    describe_counter!(DEVICE_STUDIES, "Studies that a device has answered.");
    describe_gauge!(DEVICE_BUSY, Unit::Seconds, "Time that a device's slots were at studies, summed over slots.");
    describe_counter!(FRAMES_DECODED, "Compressed frames decoded, by gpu or cpu, where a GPU decodes.");
    describe_gauge!(INFO, "Always 1; the labels name the program's version and the model package.");
}
