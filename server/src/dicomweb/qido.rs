//! The Search Transaction (PS3.18 section 10.6).
//!
//! | status | when |
//! |---|---|
//! | 200 | something matches; `Warning: 299` where there is more behind the page, or where fuzzy matching was wanted |
//! | 204 | nothing does |
//! | 400 | the query is none, or asks for an attribute that cannot be matched |
//! | 406 | the client does not take `application/dicom+json` |
//!
//! A page has at most `http.search_results_max` answers. Which attributes are matched and listed:
//! [`KEYS`](crate::store::index::KEYS) and Modalities in Study. Names match whatever their case, script and diacritics.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Pairs, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, WARNING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use serde_json::{Map, Value};

use super::answer::{instance_url, series_url, study_url};
use super::json::{attribute, name, number, value};
use super::media::accepts_dicom_json;
use super::query::{self, Query};
use crate::http::{App, Path, Problem};
use crate::store::index::{Found, Level};

type Asked = Result<Pairs<Vec<(String, String)>>, QueryRejection>;
type Answer = Result<Response, Problem>;

pub(super) async fn studies(State(app): State<App>, headers: HeaderMap, asked: Asked) -> Answer {
    search(&app, &headers, Level::Study, (None, None), asked).await
}

pub(super) async fn series(State(app): State<App>, headers: HeaderMap, asked: Asked) -> Answer {
    search(&app, &headers, Level::Series, (None, None), asked).await
}

pub(super) async fn instances(State(app): State<App>, headers: HeaderMap, asked: Asked) -> Answer {
    search(&app, &headers, Level::Instance, (None, None), asked).await
}

pub(super) async fn series_of_study(
    State(app): State<App>,
    Path(study): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    search(&app, &headers, Level::Series, (Some(study), None), asked).await
}

pub(super) async fn instances_of_study(
    State(app): State<App>,
    Path(study): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    search(&app, &headers, Level::Instance, (Some(study), None), asked).await
}

pub(super) async fn instances_of_series(
    State(app): State<App>,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    search(&app, &headers, Level::Instance, (Some(study), Some(series)), asked).await
}

async fn search(
    app: &App,
    headers: &HeaderMap,
    level: Level,
    within: (Option<String>, Option<String>),
    asked: Asked,
) -> Answer {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if !accepts_dicom_json(&accept.join(",")) {
        let detail = "the answer is application/dicom+json";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail));
    }
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "query-invalid", detail);
    let Pairs(pairs) = asked.map_err(|_| invalid("the query is no list of names and values".to_owned()))?;
    for uid in [&within.0, &within.1].into_iter().flatten() {
        super::wado::check_uid(uid)?;
    }
    let most = app.config().http.search_results_max;
    let within = (within.0.as_deref(), within.1.as_deref());
    let query = query::parse(level, within, &pairs, most).map_err(|error| invalid(error.to_string()))?;
    let page = app.store().search(&query.search).await?;
    let base = super::base(app, headers);
    let found: Vec<Value> = page.found.iter().map(|found| listed(found, &query, within, &base)).collect();
    let mut response = if found.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        ([(CONTENT_TYPE, "application/dicom+json")], Value::from(found).to_string()).into_response()
    };
    let mut warn = |text: String| {
        if let Ok(text) = HeaderValue::from_str(&format!("299 uvid \"{text}\"")) {
            response.headers_mut().append(WARNING, text);
        }
    };
    if query.fuzzy {
        warn("The fuzzymatching parameter is not supported. Only literal matching has been performed.".to_owned());
    }
    if page.remaining > 0 {
        warn(format!("There are {} additional results that can be requested", page.remaining));
    }
    Ok(response)
}

/// One answer: the attributes of its level, those of levels above that the path does not fix or that were asked for,
/// and UIDs.
fn listed(found: &Found, query: &Query, within: (Option<&str>, Option<&str>), base: &str) -> Value {
    let level = query.search.level;
    let mut object = Map::new();
    for (key, text) in &found.values {
        let fixed = match key.level {
            Level::Study => within.0.is_some(),
            Level::Series => within.1.is_some(),
            Level::Instance => false,
        };
        let uid = key.vr == VR::UI;
        let wanted = query.include.as_ref().is_none_or(|include| include.contains(&key.tag));
        if key.level != level && fixed && !uid && !wanted {
            continue;
        }
        let vr = key.vr.to_string();
        let values = text.iter().map(|text| if key.vr == VR::US { number(text) } else { value(vr, text) });
        object.insert(name(key.tag), attribute(vr, values.collect()));
    }
    let uid = |tag| found.values.iter().find(|(key, _)| key.tag == tag).and_then(|(_, text)| text.as_deref());
    let study = uid(tags::STUDY_INSTANCE_UID).unwrap_or_default();
    let series = uid(tags::SERIES_INSTANCE_UID).unwrap_or_default();
    let url = match level {
        Level::Study => {
            let modalities = found.modalities.iter().map(|modality| modality.as_str().into()).collect();
            object.insert(name(tags::MODALITIES_IN_STUDY), attribute("CS", modalities));
            let series = attribute("IS", vec![found.series.into()]);
            object.insert(name(tags::NUMBER_OF_STUDY_RELATED_SERIES), series);
            let instances = attribute("IS", vec![found.instances.into()]);
            object.insert(name(tags::NUMBER_OF_STUDY_RELATED_INSTANCES), instances);
            study_url(base, study)
        }
        Level::Series => {
            let instances = attribute("IS", vec![found.instances.into()]);
            object.insert(name(tags::NUMBER_OF_SERIES_RELATED_INSTANCES), instances);
            series_url(base, study, series)
        }
        Level::Instance => instance_url(base, study, series, uid(tags::SOP_INSTANCE_UID).unwrap_or_default()),
    };
    object.insert(name(tags::RETRIEVE_URL), attribute("UR", vec![url.into()]));
    object.insert(name(tags::INSTANCE_AVAILABILITY), attribute("CS", vec!["ONLINE".into()]));
    object.insert(name(tags::SPECIFIC_CHARACTER_SET), attribute("CS", vec!["ISO_IR 192".into()]));
    Value::Object(object)
}
