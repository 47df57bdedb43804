//! `/api/v1/model`: the card of the model in use, with what this site has set.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uvid_exam::PackageId;
use uvid_model::{Manifest, OperatingPoint, SiteOperatingPoint};

use super::problem::Common;
use super::{App, Problem, ProblemJson};
use crate::engine::Models;
use crate::report::DISCLAIMER;
use crate::report::json::PackageJson;
use crate::store::Role;

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
    /// Packages that score the same studies to be compared; their results are under `/shadows` of each study.
    shadows: Vec<ModelShadowJson>,
}

/// A package that scores the same studies to be compared.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelShadowJson {
    /// Its name; of a package that cannot be read, as the configuration calls it.
    name: String,
    /// Whether it scores: where not, its jobs wait, and everything else goes on.
    state: ModelShadowStateJson,
    /// Why not: `package-unreadable`, `model-not-loadable`, `model-load-panicked`; the log says more.
    code: Option<&'static str>,
    /// Its version; null if the package cannot be read.
    version: Option<String>,
    /// SHA-256 of the package; null likewise.
    digest: Option<String>,
    /// SHA-256 of the recipe; null likewise.
    recipe_digest: Option<String>,
}

/// Whether a shadow scores.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModelShadowStateJson {
    /// It does.
    Loaded,
    /// It cannot be used.
    Unusable,
}

impl ModelShadowJson {
    fn of(models: &Models) -> Vec<Self> {
        let loaded = models.all().skip(1).map(|(_, shadow)| Self::new(&shadow.id().name, Some(shadow.id()), None));
        let unusable = models.unusable().iter().map(|u| Self::new(&u.name, u.package.as_ref(), Some(u.code)));
        loaded.chain(unusable).collect()
    }

    fn new(name: &str, id: Option<&PackageId>, code: Option<&'static str>) -> Self {
        Self {
            name: name.to_owned(),
            state: if code.is_some() { ModelShadowStateJson::Unusable } else { ModelShadowStateJson::Loaded },
            code,
            version: id.map(|id| id.version.clone()),
            digest: id.map(|id| id.digest.clone()),
            recipe_digest: id.map(|id| id.recipe_digest.clone()),
        }
    }
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
    /// Positive at or above: the threshold in force.
    threshold: f64,
    /// The package's own threshold: sensitivity and specificity are of this one.
    measured_at: f64,
    /// Measured there.
    sensitivity: f64,
    /// Measured there.
    specificity: f64,
    /// On what.
    source: String,
    /// Who set the threshold in force at this site, and why; null where the package's own is.
    set_by: Option<SetByJson>,
}

/// Who set something at this site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SetByJson {
    /// Who.
    by: String,
    /// On what and why.
    reason: String,
}

impl OperatingPointJson {
    fn new(point: &OperatingPoint, site: &[SiteOperatingPoint]) -> Self {
        let set = site.iter().find(|set| set.name == point.name);
        Self {
            name: point.name.clone(),
            output: point.output.clone(),
            threshold: set.map_or(point.threshold, |set| set.threshold),
            measured_at: point.threshold,
            sensitivity: point.sensitivity,
            specificity: point.specificity,
            source: point.source.clone(),
            set_by: set.map(|set| SetByJson { by: set.by.clone(), reason: set.reason.clone() }),
        }
    }
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
    let models = app.engine().models().ok_or_else(loading)?;
    let production = models.of(&Role::Production).ok_or_else(loading)?;
    let (id, card): (_, &Manifest) = (production.id(), production.manifest());
    let meanings = card.outputs.iter().map(|(name, output)| {
        (name.clone(), OutputMeaningJson { meaning: output.meaning.clone(), unit: output.unit.clone() })
    });
    let site = &app.config().operating_points;
    Ok(Json(ModelJson {
        disclaimer: DISCLAIMER,
        package: PackageJson::from(id),
        summary: card.summary.clone(),
        intended_use: card.intended_use.clone(),
        limits: card.limits.clone(),
        licence: card.licence.clone(),
        training_data: card.training_data.clone(),
        outputs: meanings.collect(),
        operating_points: card.operating_points.iter().map(|point| OperatingPointJson::new(point, site)).collect(),
        site_calibration: app.config().calibration.as_ref().map(|site| SiteCalibrationJson {
            scale: site.scale,
            thresholds: site.thresholds,
            by: site.by.clone(),
            reason: site.reason.clone(),
        }),
        shadows: ModelShadowJson::of(models),
    }))
}
