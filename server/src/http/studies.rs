//! `/api/v1/studies`: where studies stand and what the production model says of them. What shadows say is in
//! [`super::shadows`].

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};
use uvid_exam::StudyInstanceUid;

use super::problem::{Common, Path};
use super::{App, Problem, ProblemJson};
use crate::report::DISCLAIMER;
use crate::report::json::{FlagJson, OutputJson, PackageJson, ReasonJson, ReportJson};
use crate::store::{Filter, Instance, Outcome, Run, Study, StudyState};

/// Where a study stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StateJson {
    /// It will be scored, again if images came after the last time.
    Waiting,
    /// It is being scored.
    Running,
    /// It has scores.
    Scored,
    /// It has none; the reasons say why.
    NotScored,
    /// Every attempt to score it ended in a crash.
    Failed,
}

impl From<StudyState> for StateJson {
    fn from(state: StudyState) -> Self {
        match state {
            StudyState::Waiting => Self::Waiting,
            StudyState::Running => Self::Running,
            StudyState::Done(outcome) => outcome.into(),
        }
    }
}

impl From<Outcome> for StateJson {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Scored => Self::Scored,
            Outcome::NotScored => Self::NotScored,
            Outcome::Failed => Self::Failed,
        }
    }
}

impl From<StateJson> for StudyState {
    fn from(state: StateJson) -> Self {
        match state {
            StateJson::Waiting => Self::Waiting,
            StateJson::Running => Self::Running,
            StateJson::Scored => Self::Done(Outcome::Scored),
            StateJson::NotScored => Self::Done(Outcome::NotScored),
            StateJson::Failed => Self::Done(Outcome::Failed),
        }
    }
}

/// Which studies to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Studies on this page; 50 if absent, `http.page_studies_max` of the configuration at most.
    limit: Option<u32>,
    /// Studies before this page; 0 if absent.
    offset: Option<u32>,
    /// Only studies that stand here.
    state: Option<StateJson>,
}

/// A page of studies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListJson {
    /// What every output says.
    disclaimer: &'static str,
    /// Studies on all pages.
    total: u64,
    /// Studies on a page.
    limit: u32,
    /// Studies before this page.
    offset: u32,
    /// The studies, latest received first.
    studies: Vec<SummaryJson>,
}

/// A study in a list. It names no patient.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SummaryJson {
    /// Study Instance UID (0020,000D).
    study: String,
    /// Where it stands.
    state: StateJson,
    /// When its first object came, RFC 3339 UTC.
    #[schema(format = DateTime)]
    received: String,
    /// When its latest object or result came, RFC 3339 UTC.
    #[schema(format = DateTime)]
    updated: String,
    /// Objects that it has.
    instances: u32,
    /// When it is due, or was due the last time, and why.
    due: Option<DueJson>,
    /// Whether it overtakes studies that are not urgent.
    urgent: bool,
    /// The model package of the current result; null if there is none yet.
    package: Option<PackageJson>,
    /// The current result's values for the exam.
    exam: Vec<OutputJson>,
    /// What the operating points in force said of the current result.
    flags: Vec<FlagJson>,
    /// Standard views that no image fills; the values rest on the others.
    missing: Vec<String>,
    /// Why there are no scores.
    reasons: Vec<ReasonJson>,
    /// The heat maps of the current result.
    heatmaps: Vec<HeatmapLinkJson>,
}

/// When a study counts as complete.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DueJson {
    /// When, RFC 3339 UTC.
    #[schema(format = DateTime)]
    at: String,
    /// Why: `four-views` (they are there), `notice` (all that was announced is there), `quiet` (nothing has come for a
    /// while), `hard-limit` (it was waited for long enough), `asked` (somebody wants it scored again).
    because: &'static str,
}

/// Where a heat map is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeatmapLinkJson {
    /// The view: `L-CC`, `L-MLO`, `R-CC` or `R-MLO`.
    slot: String,
    /// SOP Instance UID of the image that fills it.
    sop_instance: String,
    /// What the heat map shows.
    name: String,
    /// A PNG of the image with the heat map over it.
    url: String,
}

/// A study with everything that is known of it. It names no patient.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StudyJson {
    /// As in the list.
    #[serde(flatten)]
    summary: SummaryJson,
    /// The current result; while the study is scored again, that of the time before; null if none can be read.
    report: Option<ReportJson>,
    /// Its objects, by SOP Instance UID.
    objects: Vec<InstanceJson>,
    /// Its runs, latest first. Where one was superseded, images came later.
    runs: Vec<RunJson>,
}

/// An object of a study.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstanceJson {
    /// SOP Instance UID (0008,0018).
    sop_instance: String,
    /// Series Instance UID (0020,000E).
    series: String,
    /// SOP Class UID (0008,0016).
    sop_class: String,
    /// Transfer Syntax UID (0002,0010).
    transfer_syntax: String,
    /// Modality (0008,0060).
    modality: Option<String>,
    /// SHA-256 of the bytes as they were received.
    sha256: String,
    /// How many they are.
    bytes: u64,
    /// When it came, RFC 3339 UTC.
    #[schema(format = DateTime)]
    received: String,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunJson {
    /// How it ended: `scored`, `not-scored` or `failed`.
    state: StateJson,
    /// What decided the result, `<SHA-256 of study, objects, package and recipe>.<SHA-256 of how it was computed: program,
    /// backend, what the site has set>`; first versions left out the latter. `~` and a number follow where another result
    /// of the same input stands in its place.
    input_digest: String,
    /// Objects that the study had then.
    instances: u32,
    /// When it ended, RFC 3339 UTC.
    #[schema(format = DateTime)]
    finished: String,
    /// Since when a later run stands in its place; null for the current one.
    #[schema(format = DateTime)]
    superseded: Option<String>,
    /// The result as it was; null if it cannot be read.
    report: Option<ReportJson>,
}

/// Lists studies, latest received first.
#[utoipa::path(get, path = "/api/v1/studies", tag = "studies", params(ListQuery), responses(
    (status = 200, description = "A page of studies.", body = ListJson),
    (status = 400, description = "The query is none.", body = ProblemJson, content_type = "application/problem+json"),
    Common,
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<ListJson>, Problem> {
    // The rejection's own text repeats what the client wrote; ours does not.
    let Query(query) = query.map_err(|_| {
        let detail = "the query takes limit, offset and state (waiting, running, scored, not-scored, failed)";
        Problem::new(StatusCode::BAD_REQUEST, "query-invalid", detail)
    })?;
    let most = app.config().http.page_studies_max;
    let (limit, offset) = (query.limit.unwrap_or(50).clamp(1, most), query.offset.unwrap_or(0));
    let filter = Filter { state: query.state.map(StudyState::from), limit, offset };
    let (total, studies) = app.store().studies(filter).await?;
    let studies = studies.iter().map(|study| SummaryJson::new(study, current(study).as_ref())).collect();
    Ok(Json(ListJson { disclaimer: DISCLAIMER, total, limit, offset, studies }))
}

/// One study: where it stands, its current report, its objects and its runs.
#[utoipa::path(get, path = "/api/v1/studies/{study}", tag = "studies",
    params(("study" = String, Path, description = "Study Instance UID.")),
    responses(
        (status = 200, description = "The study.", body = StudyJson),
        (status = 400, description = "The path is none.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such study.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn one(State(app): State<App>, Path(study): Path<String>) -> Result<Json<StudyJson>, Problem> {
    let (uid, study) = found(&app, &study).await?;
    let (objects, runs) = app.store().contents(&uid).await?;
    let report = current(&study);
    Ok(Json(StudyJson {
        summary: SummaryJson::new(&study, report.as_ref()),
        report,
        objects: objects.into_iter().map(InstanceJson::from).collect(),
        runs: runs.into_iter().map(|run| RunJson::new(&uid, run)).collect(),
    }))
}

/// The study of this UID.
pub(super) async fn found(app: &App, uid: &str) -> Result<(StudyInstanceUid, Study), Problem> {
    let uid: StudyInstanceUid = uid.parse().map_err(|_| Problem::not_found("study"))?;
    let study = app.store().study(&uid).await?.ok_or_else(|| Problem::not_found("study"))?;
    Ok((uid, study))
}

impl SummaryJson {
    fn new(study: &Study, report: Option<&ReportJson>) -> Self {
        Self {
            study: study.uid.to_string(),
            state: study.state.into(),
            received: rfc3339(study.received),
            updated: rfc3339(study.updated),
            instances: study.instances,
            due: study.due.map(|(at, because)| DueJson { at: rfc3339(at), because: because.name() }),
            urgent: study.urgent,
            package: report.map(|r| r.package.clone()),
            exam: report.map(|r| r.exam.clone()).unwrap_or_default(),
            flags: report.map(|r| r.flags.clone()).unwrap_or_default(),
            missing: report.map(|r| r.missing.clone()).unwrap_or_default(),
            reasons: report.map(|r| r.reasons.clone()).unwrap_or_default(),
            heatmaps: report.map(|r| links(&study.uid, r)).unwrap_or_default(),
        }
    }
}

fn links(study: &StudyInstanceUid, report: &ReportJson) -> Vec<HeatmapLinkJson> {
    let images = report.images.iter().flat_map(|image| image.heatmaps.iter().map(move |map| (image, map)));
    images
        .map(|(image, map)| HeatmapLinkJson {
            slot: image.slot.clone(),
            sop_instance: image.sop_instance.clone(),
            name: map.name.clone(),
            url: super::heatmap::url(study, &image.sop_instance, &map.name),
        })
        .collect()
}

impl From<Instance> for InstanceJson {
    fn from(instance: Instance) -> Self {
        Self {
            sop_instance: instance.sop_instance.to_string(),
            series: instance.series,
            sop_class: instance.sop_class,
            transfer_syntax: instance.transfer_syntax,
            modality: instance.modality,
            sha256: instance.digest.to_string(),
            bytes: instance.bytes,
            received: rfc3339(instance.received),
        }
    }
}

impl RunJson {
    pub(super) fn new(study: &StudyInstanceUid, run: Run) -> Self {
        Self {
            state: run.outcome.into(),
            input_digest: run.input_digest,
            instances: run.instances,
            finished: rfc3339(run.finished),
            superseded: run.superseded.map(rfc3339),
            report: parse(study, &run.report),
        }
    }
}

/// The current report of a study, if it has one that can be read.
fn current(study: &Study) -> Option<ReportJson> {
    parse(&study.uid, study.report.as_deref()?)
}

/// A report as it was kept. One that cannot be read is a line in the log, and hides nothing else.
pub(super) fn parse(study: &StudyInstanceUid, report: &str) -> Option<ReportJson> {
    let place = |error: &serde_json::Error| tracing::error!(%study, column = error.column(), "a kept report is none");
    serde_json::from_str(report).inspect_err(place).ok()
}

fn rfc3339(time: OffsetDateTime) -> String {
    // Every time in the database has a year that RFC 3339 can write.
    time.format(&Rfc3339).unwrap_or_default()
}
