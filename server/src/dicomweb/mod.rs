//! DICOMweb (PS3.18): the Studies Service over what is stored, received objects and results alike.
//!
//! | route, below `/dicom-web` | what |
//! |---|---|
//! | `POST /studies[/{study}]` | STOW-RS |
//! | `GET /studies`, `/series`, `/instances`, and those below a study or a series | QIDO-RS |
//! | `GET /studies/{study}[/series/{series}[/instances/{instance}]]` | WADO-RS: the objects |
//! | the same and `/metadata`, `/thumbnail` | WADO-RS: what they say, what they look like |
//! | an instance and `/frames/{list}`, `[/frames/{frame}]/rendered`, `/bulkdata/{path}` | WADO-RS: parts of one |
//!
//! [`client`] is the other side: what Uvid asks of DICOMweb servers.
//!
//! Invariant: answers name patients, to whoever may ask; logs, metrics and problems do not.

mod answer;
mod bulk;
pub mod client;
mod json;
mod media;
mod multipart;
mod outgoing;
mod qido;
mod query;
mod rendered;
mod stow;
mod wado;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::routing::get;

use crate::http::App;

/// Where DICOMweb is.
const BASE: &str = "/dicom-web";

/// STOW-RS, whose limits are its own.
pub fn uploads() -> Router<App> {
    stow::routes()
}

/// QIDO-RS and WADO-RS.
pub fn routes() -> Router<App> {
    let study = "/dicom-web/studies/{study}";
    let series = "/dicom-web/studies/{study}/series/{series}";
    let instance = "/dicom-web/studies/{study}/series/{series}/instances/{instance}";
    Router::new()
        .route("/dicom-web/studies", get(qido::studies))
        .route("/dicom-web/series", get(qido::series))
        .route("/dicom-web/instances", get(qido::instances))
        .route(&format!("{study}/series"), get(qido::series_of_study))
        .route(&format!("{study}/instances"), get(qido::instances_of_study))
        .route(&format!("{series}/instances"), get(qido::instances_of_series))
        .route(study, get(wado::study))
        .route(series, get(wado::series))
        .route(instance, get(wado::instance))
        .route(&format!("{study}/metadata"), get(wado::study_metadata))
        .route(&format!("{series}/metadata"), get(wado::series_metadata))
        .route(&format!("{instance}/metadata"), get(wado::instance_metadata))
        .route(&format!("{instance}/frames/{{list}}"), get(wado::frames))
        .route(&format!("{instance}/bulkdata/{{path}}"), get(bulk::bulkdata))
        .route(&format!("{instance}/rendered"), get(rendered::instance))
        .route(&format!("{instance}/frames/{{frame}}/rendered"), get(rendered::frame))
        .route(&format!("{study}/thumbnail"), get(rendered::study_thumbnail))
        .route(&format!("{series}/thumbnail"), get(rendered::series_thumbnail))
        .route(&format!("{instance}/thumbnail"), get(rendered::instance_thumbnail))
}

/// The URL of the service, as this client reaches it: `public_url`, else by the Host that it names.
fn base(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (&app.config().public_url, host) {
        (Some(url), _) => format!("{}{BASE}", url.trim_end_matches('/')),
        (None, Some(host)) => format!("http://{host}{BASE}"),
        (None, None) => BASE.to_owned(),
    }
}
