//! The Retrieve Transaction (PS3.18 section 10.4), but for pictures and bulk data.
//!
//! | status | when |
//! |---|---|
//! | 200 | all of it |
//! | 206 | some objects; the disk has lost the others |
//! | 400 | a UID or a list of frames is none |
//! | 404 | there is no such study, series, instance, frame or attribute |
//! | 406 | not in a form that the client takes: objects leave in the transfer syntax in which they came |
//! | 410 | the disk has lost it; a resend restores it |
//!
//! A client that names no transfer syntax is given the stored one, as it would be for `transfer-syntax=*`; a frame is
//! uncompressed for one that wants `application/octet-stream`. Deflated frames have no other media type, and are
//! inflated for whoever does not name their transfer syntax.
//!
//! Memory: objects, and values that are no frames (`bulk`), are streamed from disk. For metadata and frames all of an
//! object but its pixels is held, and of these one frame, `http.heatmaps_max` at a time. Who reads slowly holds none of
//! these turns: the object is opened again for the frames after those that were decoded, [`AHEAD_BYTES`] of them at once.
//!
//! Bytes that pixels are decoded from are those that were stored: they are compared with their digest, once for each
//! request.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::Mutex;
use uvid_datasets::dicom::frame::{self, Form, FrameError};
use uvid_datasets::dicom::{Limits, Object, ReadError};
use uvid_exam::StudyInstanceUid;

use super::answer::instance_url;
use super::media::{accepts_dicom_json, wanted};
use super::outgoing::{Content, Part, respond};
use super::{base, json};
use crate::http::{App, Path, Problem};
use crate::store::index::Located;
use crate::store::{Digest, ObjectStore, StoreError};

/// Frames of one request.
const FRAMES_MAX: usize = 1_000;

/// Bytes of decoded frames, beyond one, that wait for a client to take them.
pub(super) const AHEAD_BYTES: usize = 32 << 20;

/// Uncompressed pixels (PS3.18 table 8.7.3-5).
pub(super) const OCTETS: &str = "application/octet-stream";
pub(super) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Deflated Image Frame Compression: its frames have no media type of their own.
const DEFLATED_FRAME: &str = "1.2.840.10008.1.2.8.1";

/// An object's file, its bytes compared with their digest.
pub(super) type OpenFile = (std::fs::File, Digest);

type Answer = Result<Response, Problem>;

pub(super) async fn study(State(app): State<App>, Path(study): Path<String>, headers: HeaderMap) -> Answer {
    objects(&app, &headers, &study, None, None).await
}

pub(super) async fn series(
    State(app): State<App>,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    objects(&app, &headers, &study, Some(&series), None).await
}

pub(super) async fn instance(
    State(app): State<App>,
    Path((study, series, instance)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    objects(&app, &headers, &study, Some(&series), Some(&instance)).await
}

pub(super) async fn study_metadata(State(app): State<App>, Path(study): Path<String>, headers: HeaderMap) -> Answer {
    metadata(&app, &headers, &study, None, None).await
}

pub(super) async fn series_metadata(
    State(app): State<App>,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    metadata(&app, &headers, &study, Some(&series), None).await
}

pub(super) async fn instance_metadata(
    State(app): State<App>,
    Path((study, series, instance)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    metadata(&app, &headers, &study, Some(&series), Some(&instance)).await
}

/// A UID in the path.
pub(super) fn check_uid(uid: &str) -> Result<StudyInstanceUid, Problem> {
    let problem = |problem| Problem::new(StatusCode::BAD_REQUEST, "uid-invalid", format!("a UID in the URL {problem}"));
    uid.parse().map_err(problem)
}

/// The objects of a path, at least one, and whether the disk has all of them.
pub(super) async fn locate(
    app: &App,
    study: &str,
    series: Option<&str>,
    instance: Option<&str>,
) -> Result<(Vec<Located>, bool), Problem> {
    let uid = check_uid(study)?;
    for uid in [series, instance].into_iter().flatten() {
        check_uid(uid)?;
    }
    let all = app.store().located(&uid, series, instance).await?;
    if all.is_empty() {
        let what = match (series, instance) {
            (_, Some(_)) => "instance",
            (Some(_), None) => "series",
            (None, None) => "study",
        };
        return Err(Problem::not_found(what));
    }
    let count = all.len();
    let objects = app.store().objects().clone();
    let there =
        move || all.into_iter().filter(|object| objects.holds(&object.digest, object.bytes)).collect::<Vec<_>>();
    let there = tokio::task::spawn_blocking(there).await.map_err(|_| StoreError::Interrupted)?;
    if there.is_empty() { Err(gone()) } else { Ok((there.clone(), there.len() == count)) }
}

async fn objects(app: &App, headers: &HeaderMap, study: &str, series: Option<&str>, instance: Option<&str>) -> Answer {
    let (objects, all) = locate(app, study, series, instance).await?;
    let single = instance.is_some();
    let wanted = wanted(headers);
    // Every object in some form that is wanted; how they are packed, the most wanted range of the first one says.
    let packing = |object: &Located| {
        wanted.iter().find_map(|range| range.takes("application/dicom", &object.transfer_syntax, single))
    };
    let mut packings = objects.iter().map(packing);
    let first = packings.next().flatten().filter(|_| packings.all(|packing| packing.is_some()));
    let packing = first.ok_or_else(|| {
        let mut stored: Vec<&str> = objects.iter().map(|object| object.transfer_syntax.as_str()).collect();
        stored.sort_unstable();
        stored.dedup();
        let detail = format!("objects are sent as application/dicom, in their transfer syntax: {}", stored.join(", "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
    })?;
    let base = base(app, headers);
    let part = |object: Located| Part {
        content_type: format!("application/dicom; transfer-syntax={}", object.transfer_syntax),
        location: Some(instance_url(&base, study, &object.series, object.sop_instance.as_str())),
        content: Content::Stored(app.store().objects().path(&object.digest), object.digest),
    };
    let status = if all { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    Ok(respond(status, packing, "application/dicom", objects.into_iter().map(part).collect()))
}

async fn metadata(app: &App, headers: &HeaderMap, study: &str, series: Option<&str>, instance: Option<&str>) -> Answer {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if !accepts_dicom_json(&accept.join(",")) {
        let detail = "the answer is application/dicom+json";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail));
    }
    let (objects, all) = locate(app, study, series, instance).await?;
    let (app, study, base) = (app.clone(), study.to_owned(), base(app, headers));
    // A list of one object after another: `[`, then each with a comma or the closing bracket behind it.
    let mut left = objects.len();
    let objects = objects.into_iter().enumerate().map(move |(at, object)| {
        left -= 1;
        (at == 0, left == 0, object)
    });
    let pieces = stream::unfold(objects, move |mut objects| {
        let (app, study, base) = (app.clone(), study.clone(), base.clone());
        async move {
            let (first, last, object) = objects.next()?;
            let text = describe(&app, &study, &base, object).await;
            let framed = text.map(|text| {
                Bytes::from(format!("{}{text}{}", if first { "[" } else { "" }, if last { "]" } else { "," }))
            });
            Some((framed, objects))
        }
    });
    let status = if all { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    let body = axum::body::Body::from_stream(pieces);
    Ok((status, [(CONTENT_TYPE, "application/dicom+json")], body).into_response())
}

/// One object's metadata.
async fn describe(app: &App, study: &str, base: &str, object: Located) -> io::Result<String> {
    let permit = app.heatmaps().acquire_owned().await.map_err(io::Error::other)?;
    let bulk = format!("{}/bulkdata", instance_url(base, study, &object.series, object.sop_instance.as_str()));
    let (objects, limits) = (app.store().objects().clone(), whole(app));
    let describe = move || {
        let _permit = permit;
        let file = std::fs::File::open(objects.path(&object.digest))?;
        let listing = |file| Object::open(file, &limits).and_then(|opened| opened.listing(object.repair));
        let list = match listing(file) {
            Ok(list) if !list.broken => list,
            // If that is how it came, it is listed as it is.
            Ok(_) | Err(_) => {
                let file = objects.open_whole(&object.digest).map_err(io::Error::other)?;
                listing(file).map_err(io::Error::other)?
            }
        };
        Ok(json::data_set(&list.nodes, &bulk).to_string())
    };
    let text = tokio::task::spawn_blocking(describe).await.map_err(io::Error::other)?;
    text.inspect_err(|error: &io::Error| tracing::error!(%error, sop_instance = %object.sop_instance, "no metadata"))
}

/// `GET .../frames/1,2,5`
pub(super) async fn frames(
    State(app): State<App>,
    Path((study, series, instance, list)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let numbers = frame_list(&list).ok_or_else(|| {
        let detail = format!("frames are numbers from 1, separated by commas, at most {FRAMES_MAX}");
        Problem::new(StatusCode::BAD_REQUEST, "frames-invalid", detail)
    })?;
    let object = one(&app, &study, &series, &instance).await?;
    let transfer_syntax = object.transfer_syntax.clone();
    send_frames(&app, &headers, open(&app, object).await?, &transfer_syntax, numbers.into(), false).await
}

/// All frames of an object that has them in fragments.
pub(super) async fn all_frames(app: &App, headers: &HeaderMap, object: Located) -> Answer {
    let (transfer_syntax, file) = (object.transfer_syntax.clone(), open(app, object).await?);
    let (file, count) = read_file(app, file, |object: &mut Object<'_>| object.frames()).await?;
    if count > FRAMES_MAX {
        let detail = format!("there are {count} frames; ask for them as /frames/1,2,3, at most {FRAMES_MAX} at once");
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail));
    }
    send_frames(app, headers, file, &transfer_syntax, (1..=count).collect(), true).await
}

/// Sends frames, compressed as they are or uncompressed, whichever is wanted more. `all` says that they are all that the
/// object has: uncompressed and joined, they are the value of its Pixel Data.
async fn send_frames(
    app: &App,
    headers: &HeaderMap,
    file: OpenFile,
    transfer_syntax: &str,
    numbers: VecDeque<usize>,
    all: bool,
) -> Answer {
    let stored = (media_of(transfer_syntax), transfer_syntax, Form::Stored);
    let native = (OCTETS, EXPLICIT, Form::Native);
    // What anything goes for comes first.
    let forms = if !frame::is_compressed(transfer_syntax) {
        vec![native]
    } else if transfer_syntax == DEFLATED_FRAME {
        vec![native, stored]
    } else {
        vec![stored, native]
    };
    let choice = wanted(headers).into_iter().find_map(|range| {
        forms.iter().find_map(|(media, syntax, form)| {
            let single = numbers.len() == 1 || all && *form == Form::Native;
            Some((*media, *syntax, *form, range.takes(media, syntax, single)?))
        })
    });
    let Some((media, syntax, form, packing)) = choice else {
        return Err(not_acceptable(&forms.iter().map(|(media, ..)| *media).collect::<Vec<_>>()));
    };
    let first = move |object: &mut Object<'_>| {
        let count = object.frames();
        if numbers.is_empty() || numbers.iter().any(|number| *number > count) {
            tracing::debug!(count, "no such frame");
            return Err(Problem::not_found("frame"));
        }
        let parts = numbers.len();
        // The first one now: what cannot be given at all has a status of its own.
        decode(object, form, numbers).map(|(ready, left)| (parts, ready, left)).map_err(frame_problem)
    };
    let (file, given) = read_file(app, file, first).await?;
    let (count, ready, left) = given?;
    let frames = Arc::new(Mutex::new(Frames { app: app.clone(), file: Some(file), form, ready, left }));
    let content_type = format!("{media}; transfer-syntax={syntax}");
    let part = |_| {
        let frames = Arc::clone(&frames);
        let next = async move { frames.lock().await.next().await };
        Part { content_type: content_type.clone(), location: None, content: Content::Later(Box::pin(next)) }
    };
    Ok(respond(StatusCode::OK, packing, media, (0..count).map(part).collect()))
}

/// The frames of one answer.
struct Frames {
    app: App,
    /// Its bytes are those that were stored. `None` while frames are decoded.
    file: Option<OpenFile>,
    form: Form,
    /// Decoded, not sent yet.
    ready: VecDeque<Bytes>,
    /// The numbers of those behind them.
    left: VecDeque<usize>,
}

impl Frames {
    /// The next one; the object is opened again if none is ready.
    async fn next(&mut self) -> io::Result<Bytes> {
        if self.ready.is_empty() {
            let lost = || io::Error::other("the object cannot be read any more");
            let (form, left) = (self.form, std::mem::take(&mut self.left));
            let more = move |object: &mut Object<'_>| decode(object, form, left).map_err(io::Error::other);
            let file = self.file.take().ok_or_else(lost)?;
            let (file, read) = read_file(&self.app, file, more).await.map_err(|_| lost())?;
            self.file = Some(file);
            (self.ready, self.left) = read?;
        }
        self.ready.pop_front().ok_or_else(|| io::Error::other("there are fewer frames than were promised"))
    }
}

/// Decodes the first of some frames, and those behind it while they are few bytes; returns the numbers of the others.
fn decode(
    object: &mut Object<'_>,
    form: Form,
    mut numbers: VecDeque<usize>,
) -> Result<(VecDeque<Bytes>, VecDeque<usize>), FrameError> {
    let (mut ready, mut size) = (VecDeque::new(), 0);
    while let Some(number) = numbers.front() {
        if size >= AHEAD_BYTES {
            break;
        }
        let decoded = object.frame(*number, form)?;
        size += decoded.len();
        ready.push_back(Bytes::from(decoded));
        numbers.pop_front();
    }
    Ok((ready, numbers))
}

/// The media type of a compressed frame (PS3.18 tables 8.7.3-2 to 8.7.3-4).
fn media_of(transfer_syntax: &str) -> &'static str {
    match transfer_syntax.strip_prefix("1.2.840.10008.1.2.") {
        Some("5") => "image/dicom-rle",
        Some("4.50" | "4.51" | "4.57" | "4.70") => "image/jpeg",
        Some("4.80" | "4.81") => "image/jls",
        Some("4.90" | "4.91") => "image/jp2",
        Some("4.92" | "4.93") => "image/jpx",
        Some("4.110" | "4.111" | "4.112") => "image/jxl",
        Some("4.201" | "4.202" | "4.203") => "image/jphc",
        _ => OCTETS,
    }
}

/// The one object of a path.
pub(super) async fn one(app: &App, study: &str, series: &str, instance: &str) -> Result<Located, Problem> {
    let (objects, _) = locate(app, study, Some(series), Some(instance)).await?;
    objects.into_iter().next().ok_or_else(|| Problem::not_found("instance"))
}

/// Does something with an object, on a thread for that, `http.heatmaps_max` at a time.
pub(super) async fn read<T: Send + 'static>(
    app: &App,
    object: Located,
    work: impl FnOnce(&mut Object<'_>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let file = open(app, object).await?;
    read_file(app, file, work).await.map(|(_, done)| done)
}

/// Opens an object, and compares its bytes with their digest.
pub(super) async fn open(app: &App, object: Located) -> Result<OpenFile, Problem> {
    let permit = app.heatmaps().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let objects: ObjectStore = app.store().objects().clone();
    let work = move || {
        // Held for as long as it takes, even if the client has gone.
        let _permit = permit;
        Ok((objects.open_whole(&object.digest).map_err(|error| lost(&error))?, object.digest))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Interrupted)?
}

/// The same with a file that is open, which it gives back.
pub(super) async fn read_file<T: Send + 'static>(
    app: &App,
    (file, digest): OpenFile,
    work: impl FnOnce(&mut Object<'_>) -> T + Send + 'static,
) -> Result<(OpenFile, T), Problem> {
    let permit = app.heatmaps().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let limits = whole(app);
    let work = move || {
        let _permit = permit;
        let object = Object::open(&file, &limits).map_err(|error| frame_problem(error.into()))?;
        let done = work(&mut object.with_digest(*digest.as_bytes()));
        Ok(((file, digest), done))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Interrupted)?
}

/// What reading all of an object may cost: functional groups of many frames are looked at, too.
pub(super) fn whole(app: &App) -> Limits {
    Limits { sequence_items_max: 4_096, ..app.config().limits().dicom }
}

fn lost(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a stored object cannot be read");
    gone()
}

fn gone() -> Problem {
    let detail = "the server has lost the bytes; sending the object again restores it";
    Problem::new(StatusCode::GONE, "gone", detail)
}

pub(super) fn frame_problem(error: FrameError) -> Problem {
    match error {
        FrameError::NoPixels | FrameError::NoSuchFrame(_) => Problem::not_found("frame"),
        FrameError::Read(ReadError::Io(_)) => lost(&error),
        FrameError::Unsupported(_) | FrameError::Read(_) => {
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not-convertible", error.to_string())
        }
    }
}

pub(super) fn not_acceptable(media: &[&str]) -> Problem {
    let detail = format!("there is {}", media.join(", "));
    Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
}

/// PS3.18 section 10.4.1.6: numbers from 1.
fn frame_list(list: &str) -> Option<Vec<usize>> {
    let numbers = list.split(',').map(|text| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<usize>().ok().filter(|number| digits && *number > 0)
    });
    let numbers: Vec<usize> = numbers.take(FRAMES_MAX + 1).collect::<Option<_>>()?;
    (numbers.len() <= FRAMES_MAX).then_some(numbers)
}

/// The first picture of a study or series, for a thumbnail: of what was received rather than made.
pub(super) async fn first_image(app: &App, study: &str, series: Option<&str>) -> Result<Located, Problem> {
    let (objects, _) = locate(app, study, series, None).await?;
    // Reports and presentation states have no pixels: PS3.6 table A-1 has their classes under these numbers.
    let picture = |object: &Located| {
        let class = object.sop_class.as_str();
        !["1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.11.", "1.2.840.10008.5.1.4.1.1.104."]
            .iter()
            .any(|prefix| class.starts_with(prefix))
    };
    objects.into_iter().find(picture).ok_or_else(|| Problem::not_found("picture"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_numbers_from_one() {
        let check =
            |list: &str, expected: Option<&[usize]>| assert_eq!(frame_list(list).as_deref(), expected, "{list}");
        check("1", Some(&[1]));
        check("1,3,2,2", Some(&[1, 3, 2, 2]));
        for wrong in ["", "0", "1,", ",1", "+1", "-1", "1 ,2", "a", "99999999999999999999999"] {
            check(wrong, None);
        }
        assert_eq!(frame_list(&vec!["1"; FRAMES_MAX + 1].join(",")), None);
        assert_eq!(frame_list(&vec!["1"; FRAMES_MAX].join(",")).map(|list| list.len()), Some(FRAMES_MAX));
    }

    proptest! {
        #[test]
        fn a_list_of_frames_is_what_was_written(numbers in proptest::collection::vec(1_usize..5_000, 1..50)) {
            let text: Vec<String> = numbers.iter().map(usize::to_string).collect();
            prop_assert_eq!(frame_list(&text.join(",")), Some(numbers));
        }

        #[test]
        fn any_list_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = frame_list(&text);
        }
    }
}
