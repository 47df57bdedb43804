//! `/api/v1/model`: the card of the model in use.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uvid_model::Manifest;

use super::problem::Common;
use super::{App, Problem, ProblemJson};
use crate::report::DISCLAIMER;
use crate::report::json::PackageJson;

/// What the model is, for whom, and what its outputs mean.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelJson {
    /// What every output says.
    disclaimer: &'static str,
    /// The package.
    package: PackageJson,
    /// In one line.
    summary: String,
    /// Whom and what it is for.
    intended_use: String,
    /// What it does not do, and where it was not tested.
    limits: Vec<String>,
    /// Terms.
    licence: String,
    /// What it learnt from.
    training_data: String,
    /// What each output means, by name.
    outputs: BTreeMap<String, OutputMeaningJson>,
    /// Thresholds with what was measured there.
    operating_points: Vec<OperatingPointJson>,
    /// The calibration fitted at this site, if one is in force.
    site_calibration: Option<SiteCalibrationJson>,
}

/// What an output means.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutputMeaningJson {
    /// In a sentence.
    meaning: String,
    /// The unit or range.
    unit: String,
}

/// A threshold on an output.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatingPointJson {
    /// Its name.
    name: String,
    /// The output that it cuts.
    output: String,
    /// Positive at or above.
    threshold: f64,
    /// Measured there.
    sensitivity: f64,
    /// Measured there.
    specificity: f64,
    /// On what.
    source: String,
}

/// A calibration fitted at a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SiteCalibrationJson {
    /// Multiplies the network's score.
    scale: f64,
    /// Strictly rising.
    thresholds: [f64; 3],
    /// Who fitted it.
    by: String,
    /// On what and why.
    reason: String,
}

/// The card of the model in use.
#[utoipa::path(get, path = "/api/v1/model", tag = "model", responses(
    (status = 200, description = "The card.", body = ModelJson),
    Common,
    (status = 503, description = "The model is still being loaded.", body = ProblemJson,
     content_type = "application/problem+json"),
))]
pub(super) async fn card(State(app): State<App>) -> Result<Json<ModelJson>, Problem> {
    let loading = || Problem::busy("model-loading", "the model is still being loaded", 5);
    let predictor = app.engine().predictor().ok_or_else(loading)?;
    let (id, card): (_, &Manifest) = (predictor.id(), predictor.manifest());
    let meanings = card.outputs.iter().map(|(name, output)| {
        (name.clone(), OutputMeaningJson { meaning: output.meaning.clone(), unit: output.unit.clone() })
    });
    let points = card.operating_points.iter().map(|point| OperatingPointJson {
        name: point.name.clone(),
        output: point.output.clone(),
        threshold: point.threshold,
        sensitivity: point.sensitivity,
        specificity: point.specificity,
        source: point.source.clone(),
    });
    Ok(Json(ModelJson {
        disclaimer: DISCLAIMER,
        package: PackageJson::from(id),
        summary: card.summary.clone(),
        intended_use: card.intended_use.clone(),
        limits: card.limits.clone(),
        licence: card.licence.clone(),
        training_data: card.training_data.clone(),
        outputs: meanings.collect(),
        operating_points: points.collect(),
        site_calibration: app.config().calibration.as_ref().map(|site| SiteCalibrationJson {
            scale: site.scale,
            thresholds: site.thresholds,
            by: site.by.clone(),
            reason: site.reason.clone(),
        }),
    }))
}
