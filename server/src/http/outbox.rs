//! `/api/v1/outbox`: results on their way to destinations; `/api/v1/quarantine`: objects that are kept apart.
//!
//! Invariant: what changes something is a POST that no page of another site can make through a reader's browser.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};

use super::problem::{Common, Path};
use super::{App, Problem, ProblemJson};
use crate::store::{Changed, Delivery, DeliveryFilter, Quarantined, Store};

/// Deliveries on a page if nobody says how many.
const PAGE: u32 = 50;

/// The most on a page.
const PAGE_MAX: u32 = 1000;

/// Which deliveries to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutboxQuery {
    /// To this destination only.
    destination: Option<String>,
    /// In this state only: `pending`, `sent`, `awaiting-commitment`, `delivered`, `refused` or `cancelled`.
    state: Option<String>,
    /// Of this study only.
    study: Option<String>,
    /// Deliveries on this page; 50 if absent, 1000 at most.
    limit: Option<u32>,
    /// Deliveries before this page; 0 if absent.
    offset: Option<u32>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OutboxJson {
    /// Deliveries on all pages.
    pub total: u64,
    /// The deliveries, latest first.
    pub deliveries: Vec<DeliveryJson>,
}

/// An object made from a result on its way to a destination.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryJson {
    /// Its number.
    pub id: i64,
    /// Its destination, as in the configuration.
    pub destination: String,
    /// `pending`, `sent`, `awaiting-commitment`, `delivered`, `refused` or `cancelled`.
    pub state: String,
    /// Whether it waits for a destination that the configuration does not have any more.
    pub orphaned: bool,
    /// What it is: `cad-sr`, `sr`, `gsps`, `sc`, `pdf`, or `rejection` of earlier ones.
    pub kind: String,
    /// Study Instance UID (0020,000D).
    pub study: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: String,
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// Whether a later result stands in its place.
    pub superseded: bool,
    /// Attempts that failed since it became pending.
    pub attempts: u32,
    /// When something is done about it next, RFC 3339 UTC; null at an end.
    #[schema(format = DateTime)]
    pub next: Option<String>,
    /// Transaction UID (0008,1195) of the last request to commit.
    pub transaction: Option<String>,
    /// What went wrong the last time.
    pub problem: Option<String>,
    /// When the delivery was made, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub made: String,
    /// When it last changed, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub updated: String,
}

/// A page of the quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuarantineJson {
    /// Objects in it.
    total: u64,
    /// The objects, latest first.
    objects: Vec<QuarantinedJson>,
}

/// An object that came under the SOP Instance UID of another one. The other one is in use; a person must decide.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuarantinedJson {
    /// SOP Instance UID (0008,0018).
    sop_instance: String,
    /// The study that it says it is of.
    study: String,
    /// SHA-256 of its bytes; the file is `quarantine/<first two digits>/<digest>.dcm` in the data folder.
    sha256: String,
    /// How many they are.
    bytes: u64,
    /// The entry of `senders` that matched.
    sender: Option<String>,
    /// The calling AE title.
    ae_title: Option<String>,
    /// How often it came.
    times: u64,
    /// When first, RFC 3339 UTC.
    #[schema(format = DateTime)]
    first: String,
    /// When last, RFC 3339 UTC.
    #[schema(format = DateTime)]
    last: String,
}

/// Which part of the quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Objects on this page; 50 if absent, 1000 at most.
    limit: Option<u32>,
    /// Objects before this page; 0 if absent.
    offset: Option<u32>,
}

/// Lists deliveries, latest first.
#[utoipa::path(get, path = "/api/v1/outbox", tag = "outbox", params(OutboxQuery), responses(
    (status = 200, description = "A page of deliveries.", body = OutboxJson),
    (status = 400, description = "The query is none.", body = ProblemJson, content_type = "application/problem+json"),
    Common,
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<OutboxQuery>, QueryRejection>,
) -> Result<Json<OutboxJson>, Problem> {
    let invalid = || {
        let detail = "the query takes destination, state (pending, sent, awaiting-commitment, delivered, refused, \
                      cancelled), study, limit and offset";
        Problem::new(StatusCode::BAD_REQUEST, "query-invalid", detail)
    };
    let Query(query) = query.map_err(|_| invalid())?;
    let filter = DeliveryFilter {
        destination: query.destination,
        study: query.study.map(|study| study.parse()).transpose().map_err(|_| invalid())?,
        state: query.state.map(|state| state.parse()).transpose().map_err(|_| invalid())?,
        limit: query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
        offset: query.offset.unwrap_or(0),
    };
    let (total, deliveries) = app.store().deliveries(&filter).await?;
    Ok(Json(OutboxJson { total, deliveries: deliveries.into_iter().map(DeliveryJson::from).collect() }))
}

/// One delivery.
#[utoipa::path(get, path = "/api/v1/outbox/{id}", tag = "outbox",
    params(("id" = i64, Path, description = "The delivery's number.")),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryJson),
        (status = 404, description = "There is no such delivery.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<DeliveryJson>, Problem> {
    let none = || Problem::not_found("delivery");
    let delivery = app.store().delivery(id.parse().map_err(|_| none())?).await?;
    Ok(Json(delivery.ok_or_else(none)?.into()))
}

/// Has an object sent at once, again if it was sent before. One that a later result has superseded is not.
#[utoipa::path(post, path = "/api/v1/outbox/{id}/resend", tag = "outbox",
    params(("id" = i64, Path, description = "The delivery's number.")),
    responses(
        (status = 200, description = "It is pending.", body = DeliveryJson),
        (status = 403, description = "The request comes from a page of another site.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such delivery.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 409, description = "It makes no sense.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn resend(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<DeliveryJson>, Problem> {
    own_site(&headers)?;
    let id = id.parse().map_err(|_| Problem::not_found("delivery"))?;
    changed(app.store(), id, app.store().resend(id).await?).await
}

/// Stops a delivery that has not arrived.
#[utoipa::path(post, path = "/api/v1/outbox/{id}/cancel", tag = "outbox",
    params(("id" = i64, Path, description = "The delivery's number.")),
    responses(
        (status = 200, description = "It is cancelled.", body = DeliveryJson),
        (status = 403, description = "The request comes from a page of another site.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such delivery.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 409, description = "The destination has it.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<DeliveryJson>, Problem> {
    own_site(&headers)?;
    let id = id.parse().map_err(|_| Problem::not_found("delivery"))?;
    changed(app.store(), id, app.store().cancel(id).await?).await
}

/// Lists objects that came under the UID of another one, latest first.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "operation", params(PageQuery), responses(
    (status = 200, description = "A page of the quarantine.", body = QuarantineJson),
    (status = 400, description = "The query is none.", body = ProblemJson, content_type = "application/problem+json"),
    Common,
))]
pub(super) async fn quarantine(
    State(app): State<App>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<QuarantineJson>, Problem> {
    let Query(query) = query
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "query-invalid", "the query takes limit and offset"))?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let (total, objects) = app.store().quarantined(limit, query.offset.unwrap_or(0)).await?;
    Ok(Json(QuarantineJson { total, objects: objects.into_iter().map(QuarantinedJson::from).collect() }))
}

/// Browsers name the site of a page that posts; it must be the server's own.
fn own_site(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if site.is_some() && site == host {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "other-site", "a page of another site may change nothing here"))
}

async fn changed(store: &Store, id: i64, changed: Changed) -> Result<Json<DeliveryJson>, Problem> {
    match changed {
        Changed::Done => {
            let delivery = store.delivery(id).await?;
            Ok(Json(delivery.ok_or_else(|| Problem::not_found("delivery"))?.into()))
        }
        Changed::NoSuch => Err(Problem::not_found("delivery")),
        Changed::Not(why) => Err(Problem::new(StatusCode::CONFLICT, "not-now", why)),
    }
}

impl From<Delivery> for DeliveryJson {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            destination: delivery.destination,
            state: delivery.state.name().to_owned(),
            orphaned: delivery.orphaned,
            kind: delivery.kind,
            study: delivery.study.to_string(),
            sop_instance: delivery.sop_instance.to_string(),
            sop_class: delivery.sop_class.to_string(),
            superseded: delivery.superseded,
            attempts: delivery.attempts,
            next: delivery.next.map(rfc3339),
            transaction: delivery.transaction,
            problem: delivery.problem,
            made: rfc3339(delivery.made),
            updated: rfc3339(delivery.updated),
        }
    }
}

impl From<Quarantined> for QuarantinedJson {
    fn from(object: Quarantined) -> Self {
        Self {
            sop_instance: object.sop_instance.to_string(),
            study: object.study.to_string(),
            sha256: object.digest.to_string(),
            bytes: object.bytes,
            sender: object.sender,
            ae_title: object.ae_title,
            times: object.times,
            first: rfc3339(object.first),
            last: rfc3339(object.last),
        }
    }
}

fn rfc3339(time: OffsetDateTime) -> String {
    // Every time in the database has a year that RFC 3339 can write.
    time.format(&Rfc3339).unwrap_or_default()
}
