//! `/api/v1/studies/{study}/shadows`: what the models that are only tried say of a study.
//!
//! Invariant: this is the one door by which a shadow's result leaves; no list, page or other answer holds one.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uvid_exam::StudyInstanceUid;

use super::problem::{Common, Path};
use super::studies::{RunJson, StateJson};
use super::{App, Problem, ProblemJson, studies};
use crate::report::DISCLAIMER;
use crate::store::{Role, Shadow};

/// What shadows say of a study.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShadowsJson {
    /// What every output says.
    disclaimer: &'static str,
    /// Study Instance UID (0020,000D).
    study: String,
    /// By the name of the package.
    shadows: Vec<ShadowJson>,
}

/// What one shadow says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShadowJson {
    /// The package's name.
    name: String,
    /// Where its job stands.
    state: StateJson,
    /// Whether this server has the model now; where not, a waiting job waits until it has.
    configured: bool,
    /// Its runs, latest first; the one that is not superseded is its current result.
    runs: Vec<RunJson>,
}

impl ShadowJson {
    fn new(study: &StudyInstanceUid, shadow: Shadow) -> Option<Self> {
        let Role::Shadow(name) = shadow.role else { return None };
        Some(Self {
            name,
            state: shadow.state.into(),
            configured: shadow.served,
            runs: shadow.runs.into_iter().map(|run| RunJson::new(study, run)).collect(),
        })
    }
}

/// What the models that are only tried say of a study. Not for use: kept to be compared with production.
#[utoipa::path(get, path = "/api/v1/studies/{study}/shadows", tag = "studies",
    params(("study" = String, Path, description = "Study Instance UID.")),
    responses(
        (status = 200, description = "What each shadow says.", body = ShadowsJson),
        (status = 400, description = "The path is none.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such study.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn of_study(State(app): State<App>, Path(study): Path<String>) -> Result<Json<ShadowsJson>, Problem> {
    let (uid, _) = studies::found(&app, &study).await?;
    let shadows = app.store().shadows(&uid).await?.into_iter().filter_map(|shadow| ShadowJson::new(&uid, shadow));
    Ok(Json(ShadowsJson { disclaimer: DISCLAIMER, study: uid.to_string(), shadows: shadows.collect() }))
}
