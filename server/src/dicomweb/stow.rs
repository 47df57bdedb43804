//! The Store Transaction (PS3.18 section 10.5).
//!
//! | status | when |
//! |---|---|
//! | 200 | every instance is stored (or was before, byte for byte) |
//! | 202 | some are, some failed; the body says which and why |
//! | 409 | all failed |
//! | 400 | the body is no multipart message, or holds no instance; the study in the URL is no UID or no text |
//! | 406 | the client does not take `application/dicom+json` |
//! | 408 | the body came too slowly |
//! | 413 | the body is too large, or has too many parts |
//! | 415 | neither `multipart/related; type="application/dicom"` nor `application/dicom`, or compressed |
//! | 503 | too many uploads at once, or the disk is nearly full; Retry-After says when to come back |
//!
//! Invariants: nothing is stored unless the answer is 200, 202 or 409; then everything that it lists as stored is on
//! disk with its job. Memory is bounded: uploads are counted, and each holds one piece of the body, a write buffer and
//! the first `store.header_bytes_max` of one instance. An instance that those do not identify is read whole, one at a
//! time for all uploads; above `store.identify_bytes_max` it is refused.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{BodyDataStream, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use metrics::counter;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};
use uvid_exam::StudyInstanceUid;

use super::media::{Media, accepts_dicom_json};
use super::multipart::{Event, Malformed, Parser};
use super::{BASE, answer};
use crate::config::{Config, seconds};
use crate::http::{App, Path, Problem};
use crate::metrics as names;
use crate::store::{Accepted, Kept, Origin, Refusal, Refused, Staged, Store, StoreError, Upload, accept_all};

/// Free space is looked at whenever an upload has written so much more.
const ROOM_CHECK_BYTES: u64 = 64 << 20;

/// For how long the rest of a refused body is read, so that a client that does not listen while it sends hears why.
const DRAIN: Duration = Duration::from_secs(5);

/// `POST /dicom-web/studies`
async fn store(State(app): State<App>, request: Request) -> Response {
    respond(&app, None, request).await
}

/// `POST /dicom-web/studies/{study}`
async fn store_study(State(app): State<App>, Path(study): Path<String>, request: Request) -> Response {
    match study.parse() {
        Ok(study) => respond(&app, Some(&study), request).await,
        Err(problem) => Problem::new(StatusCode::BAD_REQUEST, "uid-invalid", format!("the study in the URL {problem}"))
            .into_response(),
    }
}

async fn respond(app: &App, addressed: Option<&StudyInstanceUid>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    // No connection, as in tests: no address.
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|connection| connection.0.ip());
    let origin = Origin { address, ..Origin::default() };
    if !app.store().policy().senders.rule(&origin).accept {
        return Problem::new(StatusCode::FORBIDDEN, "sender-not-allowed", "this address may not send").into_response();
    }
    match receive(app, addressed, origin, &parts.headers, &mut body).await {
        Ok(answers) => {
            let all = answers.len();
            let stored = answers.iter().filter(|answer| answer.is_ok()).count();
            count(&answers);
            info!(stored, failed = all - stored, "instances received");
            let status = match stored {
                0 => StatusCode::CONFLICT,
                n if n == all => StatusCode::OK,
                _ => StatusCode::ACCEPTED,
            };
            let json = answer::body(&answers, &super::base(app, &parts.headers)).to_string();
            (status, [(CONTENT_TYPE, "application/dicom+json")], json).into_response()
        }
        Err(problem) => {
            counter!(names::STOW_PROBLEMS, "problem" => problem.code()).increment(1);
            warn!(problem = problem.code(), detail = problem.detail(), "STOW-RS request refused");
            // A client that asked first (Expect: 100-continue) listens, and one that is slow would be so again.
            if !parts.headers.contains_key(EXPECT) && problem.status() != StatusCode::REQUEST_TIMEOUT {
                drain(body).await;
            }
            problem.into_response()
        }
    }
}

/// The whole transaction, up to the words of its answer.
async fn receive(
    app: &App,
    addressed: Option<&StudyInstanceUid>,
    origin: Origin,
    headers: &HeaderMap,
    body: &mut BodyDataStream,
) -> Result<Vec<Result<Accepted, Refusal>>, Problem> {
    let form = Form::negotiate(headers, app.config())?;
    let patience = seconds(app.config().http.uploads_wait_seconds_max);
    let Ok(Ok(permit)) = timeout(patience, app.uploads().acquire_owned()).await else {
        return Err(Problem::busy("too-many-uploads", "too many uploads at once", 5));
    };
    check_room(app.store())?;
    let mut staging = Staging { app, staged: Vec::new(), current: None, unchecked_bytes: 0 };
    let deadline = Instant::now() + seconds(app.config().http.upload_seconds_max);
    let received = timeout_at(deadline, form.receive(body, &mut staging, app.config())).await;
    received.map_err(|_| too_slow("the body took too long"))??;
    if staging.staged.is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "no-instances", "the body holds no instance"));
    }
    // A client that goes away must not cut this short; what was accepted is accepted, answered for or not.
    let (store, staged, addressed) = (app.store().clone(), staging.staged, addressed.cloned());
    let accepting = tokio::spawn(async move {
        let _permit = permit;
        accept_all(&store, staged, addressed.as_ref(), &origin).await
    });
    accepting.await.map_err(|_| StoreError::Interrupted).flatten().map_err(store_failed)
}

/// The forms in which instances may come.
enum Form {
    Multipart { boundary: String },
    Single,
}

impl Form {
    fn negotiate(headers: &HeaderMap, config: &Config) -> Result<Self, Problem> {
        let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if !accepts_dicom_json(&accept.join(",")) {
            let detail = "the answer is application/dicom+json";
            return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail));
        }
        let unsupported = |detail: &str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail);
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(unsupported("a compressed body is not taken"));
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > config.http.body_bytes_max) {
            return Err(body_too_large(config));
        }
        let wanted = "send multipart/related; type=\"application/dicom\", or application/dicom";
        let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(Media::parse);
        let media = media.ok_or_else(|| unsupported(wanted))?;
        let dicom = media.parameter("type").is_none_or(|kind| kind.eq_ignore_ascii_case("application/dicom"));
        match media.essence.as_str() {
            "application/dicom" => Ok(Self::Single),
            "multipart/related" if dicom => match media.parameter("boundary") {
                Some(boundary) => Ok(Self::Multipart { boundary: boundary.to_owned() }),
                None => Err(malformed("the Content-Type names no boundary")),
            },
            _ => Err(unsupported(wanted)),
        }
    }

    async fn receive(
        self,
        body: &mut BodyDataStream,
        staging: &mut Staging<'_>,
        config: &Config,
    ) -> Result<(), Problem> {
        let mut pieces = Pieces { body, bytes: 0, config };
        match self {
            Self::Single => {
                staging.start().await?;
                let mut any = false;
                while let Some(piece) = pieces.next().await? {
                    any |= !piece.is_empty();
                    staging.data(&piece).await?;
                }
                if any { staging.end().await } else { Ok(()) }
            }
            Self::Multipart { boundary } => {
                let broken = |error: Malformed| malformed(&error.to_string());
                let mut parser = Parser::new(&boundary, config.http.part_header_bytes_max).map_err(broken)?;
                while let Some(piece) = pieces.next().await? {
                    parser.push(&piece);
                    while let Some(event) = parser.next().map_err(broken)? {
                        match event {
                            Event::Start => staging.start().await?,
                            Event::Data(data) => staging.data(&data).await?,
                            Event::End => staging.end().await?,
                        }
                    }
                }
                parser.finish().map_err(broken)
            }
        }
    }
}

/// The body, with its limits.
struct Pieces<'a> {
    body: &'a mut BodyDataStream,
    bytes: u64,
    config: &'a Config,
}

impl Pieces<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let idle = seconds(self.config.http.idle_seconds_max);
        let piece = timeout(idle, self.body.next()).await.map_err(|_| too_slow("nothing came for too long"))?;
        let piece = piece.transpose().map_err(|_| malformed("the body broke off"))?;
        self.bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.bytes > self.config.http.body_bytes_max {
            return Err(body_too_large(self.config));
        }
        Ok(piece)
    }
}

/// The instances of one request on their way to disk.
struct Staging<'a> {
    app: &'a App,
    staged: Vec<Result<Staged, Refusal>>,
    current: Option<Upload>,
    unchecked_bytes: u64,
}

impl Staging<'_> {
    async fn start(&mut self) -> Result<(), Problem> {
        let parts_max = self.app.config().http.parts_max;
        if self.staged.len() >= parts_max {
            let detail = format!("a request may hold {parts_max} instances");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-parts", detail));
        }
        self.current = Some(self.app.store().objects().begin().await.map_err(store_failed)?);
        Ok(())
    }

    async fn data(&mut self, data: &[u8]) -> Result<(), Problem> {
        // A part that has become too large has no upload any more; the rest of it is read and dropped.
        let Some(upload) = &mut self.current else { return Ok(()) };
        let part_bytes_max = self.app.config().http.part_bytes_max;
        if upload.bytes() + data.len() as u64 > part_bytes_max {
            self.current = None;
            self.staged.push(Err(Refused::TooLarge(part_bytes_max).into()));
            return Ok(());
        }
        upload.write(data).await.map_err(store_failed)?;
        self.unchecked_bytes += data.len() as u64;
        if self.unchecked_bytes >= ROOM_CHECK_BYTES {
            self.unchecked_bytes = 0;
            check_room(self.app.store())?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Problem> {
        let Some(upload) = self.current.take() else { return Ok(()) };
        let store = self.app.store();
        let staged = upload.finish(store.objects(), store.policy()).await.map_err(store_failed)?;
        self.staged.push(staged.map_err(|error| Refused::from(error).into()));
        Ok(())
    }
}

fn count(answers: &[Result<Accepted, Refusal>]) {
    for answer in answers {
        let result = match answer {
            Ok(Accepted { kept: Kept::New, .. }) => "new",
            Ok(Accepted { kept: Kept::SameAgain, .. }) => "same-again",
            Err(refusal) => {
                let uid = refusal.object.as_ref().map(|(_, uid)| uid.to_string());
                warn!(uid, code = refusal.because.code(), because = %refusal.because, "instance refused");
                refusal.because.code()
            }
        };
        counter!(names::INSTANCES, "result" => result).increment(1);
    }
}

/// Reads what a client still sends, for a while.
async fn drain(mut body: BodyDataStream) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    // Whether it came to its end makes no difference.
    let _ = timeout(DRAIN, rest).await;
}

fn check_room(store: &Store) -> Result<(), Problem> {
    match store.has_room() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Problem::busy("disk-full", "the server's disk is nearly full", 60)),
        Err(error) => Err(store_failed(error)),
    }
}

/// The store's errors name paths and SQL: they go to the log, not to the peer.
fn store_failed(error: StoreError) -> Problem {
    tracing::error!(%error, "the store failed; nothing was accepted");
    Problem::busy("store-failed", "the server cannot store at the moment; nothing was stored", 30)
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "multipart-malformed", detail)
}

fn too_slow(detail: &str) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail)
}

fn body_too_large(config: &Config) -> Problem {
    let detail = format!("a body may have {} bytes", config.http.body_bytes_max);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

/// The two routes, for the router.
pub(super) fn routes() -> axum::Router<App> {
    use axum::routing::post;
    axum::Router::new()
        .route(&format!("{BASE}/studies"), post(store))
        .route(&format!("{BASE}/studies/{{study}}"), post(store_study))
}
