//! `/api/v1/studies/{study}/images/{sop_instance}/heatmaps/{file}`: an image with a heat map over it.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use uvid_datasets::dicom::Object;
use uvid_exam::{SopInstanceUid, StudyInstanceUid};

use super::problem::{Common, Path};
use super::{App, Problem, ProblemJson, studies};
use crate::report::json::HeatmapJson;
use crate::report::overlay;
use crate::store::StoreError;

/// A PNG of an image with a heat map over it, in the coordinates of the file.
#[utoipa::path(get, path = "/api/v1/studies/{study}/images/{sop_instance}/heatmaps/{file}", tag = "studies",
    params(
        ("study" = String, Path, description = "Study Instance UID."),
        ("sop_instance" = String, Path, description = "SOP Instance UID."),
        ("file" = String, Path, description = "The heat map's name and `.png`."),
    ),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/png"),
        (status = 400, description = "The path is none.", body = ProblemJson,
         content_type = "application/problem+json"),
        (status = 404, description = "There is no such study, image or heat map.", body = ProblemJson,
         content_type = "application/problem+json"),
        Common,
    ))]
pub(super) async fn png(
    State(app): State<App>,
    Path((study, sop_instance, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("heat map");
    let name = file.strip_suffix(".png").ok_or_else(missing)?;
    let study: StudyInstanceUid = study.parse().map_err(|_| missing())?;
    let image: SopInstanceUid = sop_instance.parse().map_err(|_| missing())?;
    let heatmap = find(&app, &study, &image, name).await?.ok_or_else(missing)?;
    let digest = app.store().object(&study, &image).await?.ok_or_else(missing)?;

    let permit = app.heatmaps().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let (objects, limits) = (app.store().objects().clone(), app.config().limits().dicom);
    let draw = move || {
        // Held for as long as it takes, even if the client has gone.
        let _permit = permit;
        let object = Object::open(objects.open_whole(&digest)?, &limits).map_err(|error| Problem::internal(&error))?;
        overlay::png(object.with_digest(*digest.as_bytes()), &heatmap).map_err(|error| Problem::internal(&error))
    };
    let png = tokio::task::spawn_blocking(draw).await.map_err(|_| StoreError::Interrupted)??;
    Ok(([(CONTENT_TYPE, "image/png")], png).into_response())
}

/// A heat map of the study's current report.
async fn find(
    app: &App,
    study_uid: &StudyInstanceUid,
    image: &SopInstanceUid,
    name: &str,
) -> Result<Option<HeatmapJson>, Problem> {
    let study = app.store().study(study_uid).await?;
    let report = study.and_then(|found| studies::parse(study_uid, &found.report?));
    let images = report.into_iter().flat_map(|report| report.images);
    let maps = images.filter(|i| i.sop_instance == image.as_str()).flat_map(|image| image.heatmaps);
    Ok(maps.into_iter().find(|map| map.name == name))
}

/// Where the PNG of a heat map is.
pub(super) fn url(study: &StudyInstanceUid, sop_instance: &str, name: &str) -> String {
    format!("/api/v1/studies/{study}/images/{sop_instance}/heatmaps/{}.png", encoded(name))
}

/// A name as one segment of a path: what RFC 3986 calls unreserved stays, the rest is percent-encoded.
fn encoded(name: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    name.bytes().map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
