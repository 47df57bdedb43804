//! DICOMweb servers that Uvid asks: STOW-RS for results, QIDO-RS and WADO-RS for earlier exams.
//!
//! Invariants: bodies are streamed, what comes back is bounded; every wait has an end; an error says whether it is worth
//! trying again, and names neither a query nor a patient (URLs with queries are left out of it).

use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use dicom_core::Tag;
use futures_util::stream;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uvid_exam::StudyInstanceUid;

use super::json;
use super::media::Media;
use super::multipart::{Event, Parser};
use super::outgoing::boundary;
use crate::config::{Destination, Priors};
use crate::dimse::scu::{Attribute, ToStore};

/// For a connection, its TLS handshake included.
const CONNECT: Duration = Duration::from_secs(10);
/// For the next bytes to be taken or to come.
const IDLE: Duration = Duration::from_secs(30);
/// For an answer to begin, once everything was sent.
const ANSWER: Duration = Duration::from_secs(120);
/// Bytes of an answer in JSON.
const JSON_BYTES_MAX: usize = 32 << 20;
/// Bytes of the headers of a part.
const PART_HEADER_BYTES_MAX: usize = 16 << 10;
/// Bytes of a body that are sent at once.
const PIECE_BYTES: usize = 256 << 10;

/// Why a server did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The configuration: it will not change by itself.
    #[error("{0}")]
    Setup(String),
    /// It could not be reached, or the connection broke: try again. What to look at is in the text.
    #[error("{0}")]
    Unreachable(String),
    /// It cannot now: try again.
    #[error("the server answered {status}; try again later")]
    Busy {
        /// The status.
        status: u16,
    },
    /// It will not.
    #[error("the server answered {status}: {}", advice(*.status))]
    Refused {
        /// The status.
        status: u16,
    },
    /// It sends more than is taken.
    #[error("the answer has more than {0} bytes")]
    TooLarge(u64),
    /// What it says makes no sense.
    #[error("the server does not keep to DICOMweb: {0}")]
    Protocol(String),
}

impl WebError {
    /// Whether the same request may succeed later without anybody changing anything here.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy { .. } => true,
            Self::Setup(_) | Self::Refused { .. } | Self::TooLarge(_) | Self::Protocol(_) => false,
        }
    }
}

/// What to look at.
fn advice(status: u16) -> &'static str {
    match status {
        301..=308 => "it has moved; set the url that it names",
        400 => "it does not understand the request",
        401 | 403 => "set authorization_file to credentials that it takes",
        404 | 405 => "look at the url: nothing of DICOMweb is there",
        406 | 415 => "it does not speak the forms that Uvid does",
        413 => "the request is too large for it; lower outbox.batch_max",
        _ => "look at its log",
    }
}

/// Why an instance was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StowFailure {
    /// It said why.
    #[error("failure reason {code:04X}H ({})", reason(*.code))]
    Reason {
        /// Failure Reason (0008,1197); 0 if none was given.
        code: u16,
    },
    /// The answer does not speak of it.
    #[error("the server does not say whether it is stored")]
    NotMentioned,
}

impl StowFailure {
    /// Whether it may succeed later: out of resources, or processing failed (PS3.18 table I.2-2).
    pub fn is_temporary(self) -> bool {
        match self {
            Self::Reason { code } => matches!(code, 0xA700..=0xA7FF | 0x0110 | 0x0213),
            Self::NotMentioned => true,
        }
    }
}

/// PS3.18 table I.2-2, PS3.7 annex C.
fn reason(code: u16) -> &'static str {
    match code {
        0xA700..=0xA7FF => "out of resources",
        0xA900..=0xA9FF => "the data set does not match its SOP class",
        0xC122 => "the transfer syntax is not supported",
        0xC000..=0xCFFF => "it cannot be understood",
        0x0110 => "processing failed",
        0x0111 => "another object has the same SOP Instance UID",
        0x0122 => "the SOP class is not supported",
        0x0124 => "not authorised",
        0x0213 => "resource limitation",
        0x0117 => "the SOP Instance UID is invalid",
        _ => "no standard reason",
    }
}

/// A DICOMweb server.
#[derive(Debug, Clone)]
pub struct Web {
    /// Without a slash at the end.
    url: String,
    authorization: Option<Authorization>,
    client: Client,
}

/// The value of the `Authorization` header.
#[derive(Clone)]
struct Authorization(HeaderValue);

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

impl Web {
    /// The server of a destination; `None` if it is a node. Reads its files, so make it anew for every delivery: then
    /// credentials can be changed.
    ///
    /// # Errors
    ///
    /// [`WebError::Setup`].
    pub fn of_destination(destination: &Destination) -> Option<Result<Self, WebError>> {
        let Destination { url, authorization_file, ca, .. } = destination;
        url.as_ref().map(|url| Self::new(url, authorization_file.as_deref(), ca.as_deref()))
    }

    /// The server that is asked for earlier exams, if one is.
    ///
    /// # Errors
    ///
    /// [`WebError::Setup`].
    pub fn of_priors(priors: &Priors) -> Option<Result<Self, WebError>> {
        let Priors { url, authorization_file, ca, .. } = priors;
        url.as_ref().map(|url| Self::new(url, authorization_file.as_deref(), ca.as_deref()))
    }

    /// A server by its base URL, as in `https://pacs/dicom-web`; the file whose first line is sent as `Authorization`;
    /// certificates of its authorities, PEM.
    ///
    /// # Errors
    ///
    /// [`WebError::Setup`].
    pub fn new(url: &str, authorization: Option<&Path>, ca: Option<&Path>) -> Result<Self, WebError> {
        let setup = |text: String| WebError::Setup(text);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(setup("the url of a DICOMweb server begins with http:// or https://".to_owned()));
        }
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| setup(format!("{} cannot be read: {error}", path.display())))
        };
        let authorization = match authorization {
            None => None,
            Some(path) => {
                let bytes = read(path)?;
                let line = bytes.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
                let mut value = HeaderValue::from_bytes(line.trim_ascii())
                    .map_err(|_| setup(format!("the first line of {} is no header value", path.display())))?;
                value.set_sensitive(true);
                Some(Authorization(value))
            }
        };
        // One provider for the process, whoever comes first; that it is there already is well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("uvid/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = ca {
            let wrong = |_| setup(format!("{} holds no certificates in PEM", path.display()));
            let certificates = reqwest::Certificate::from_pem_bundle(&read(path)?).map_err(wrong)?;
            if certificates.is_empty() {
                return Err(setup(format!("{} holds no certificates in PEM", path.display())));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| setup(format!("no HTTPS client: {}", because(&error))))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), authorization, client })
    }

    fn request(&self, method: Method, path: &str, accept: &'static str) -> reqwest::RequestBuilder {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        if let Some(Authorization(value)) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        self.client.request(method, format!("{}{path}", self.url)).headers(headers)
    }

    /// `GET`; `None` for 204.
    async fn get(&self, path: &str, accept: &'static str) -> Result<Option<Response>, WebError> {
        let sent = timeout(ANSWER, self.request(Method::GET, path, accept).send()).await;
        let response = sent.map_err(|_| late())?.map_err(broken)?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(Some(response)),
            _ => Err(refused(&response)),
        }
    }
}

/// Stores objects (PS3.18 section 10.5), all in one request: what became of each, in order.
///
/// # Errors
///
/// The server says nothing of single instances: whether they are stored is not known; sending them again does no harm.
pub async fn stow(target: &Web, objects: &[ToStore]) -> Result<Vec<Result<(), StowFailure>>, WebError> {
    let boundary = boundary();
    let head = format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = objects.iter().map(|object| head.len() + object.bytes.len()).sum::<usize>() + tail.len();
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(2);
    let feed = async move {
        for object in objects {
            let pieces = std::iter::once(head.as_bytes()).chain(object.bytes.chunks(PIECE_BYTES));
            for piece in pieces {
                // One that is not taken in time ends the body early, and with it the request.
                match timeout(IDLE, sender.send(Ok(Bytes::copy_from_slice(piece)))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        }
        let _ = timeout(IDLE, sender.send(Ok(tail.into()))).await;
    };
    let pieces = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let request = target
        .request(Method::POST, "/studies", "application/dicom+json")
        .header(CONTENT_TYPE, format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"))
        .header(CONTENT_LENGTH, length)
        .body(Body::wrap_stream(pieces));
    let mut send = std::pin::pin!(request.send());
    // A server may answer before it has everything.
    let response = tokio::select! {
        response = &mut send => response,
        () = feed => timeout(ANSWER, send).await.map_err(|_| late())?,
    };
    let response = response.map_err(broken)?;
    let status = response.status();
    if !matches!(status, StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT) {
        return Err(refused(&response));
    }
    match (serde_json::from_slice(&text(response).await?), status) {
        (Ok(answer), _) => Ok(objects.iter().map(|object| outcome(&answer, object.sop_instance.as_str())).collect()),
        // "All instances were stored" needs no list.
        (Err(_), StatusCode::OK) => Ok(objects.iter().map(|_| Ok(())).collect()),
        (Err(_), _) => Err(WebError::Protocol("the answer is no JSON".to_owned())),
    }
}

/// What a Store Instances Response says of an instance (PS3.18 table I.1-1).
fn outcome(answer: &Value, sop_instance: &str) -> Result<(), StowFailure> {
    let item = |sequence: &str| {
        let items = answer[sequence]["Value"].as_array();
        items.and_then(|items| items.iter().find(|item| item["00081155"]["Value"][0] == sop_instance))
    };
    if let Some(failed) = item("00081198") {
        let code = failed["00081197"]["Value"][0].as_u64().and_then(|code| u16::try_from(code).ok());
        return Err(StowFailure::Reason { code: code.unwrap_or(0) });
    }
    if item("00081199").is_some() { Ok(()) } else { Err(StowFailure::NotMentioned) }
}

/// Searches for studies (PS3.18 section 10.6): at most `limit`. As with C-FIND, a key without a value is one that the
/// answers shall have. A server that has not found more than it was asked for ignores the limit: what is too much is cut.
///
/// # Errors
///
/// The server refuses.
pub async fn qido_studies(target: &Web, keys: &[Attribute], limit: usize) -> Result<Vec<Vec<Attribute>>, WebError> {
    let mut query = format!("/studies?limit={limit}");
    for (tag, value) in keys {
        let name = json::name(*tag);
        query.push_str(&match value.as_str() {
            "" => format!("&includefield={name}"),
            value => format!("&{name}={}", encoded(value)),
        });
    }
    let Some(response) = target.get(&query, "application/dicom+json").await? else { return Ok(Vec::new()) };
    let body = text(response).await?;
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let answers: Vec<Value> =
        serde_json::from_slice(&body).map_err(|_| WebError::Protocol("the answer is no list in JSON".to_owned()))?;
    Ok(answers.iter().take(limit).map(attributes).collect())
}

/// An object of the DICOM JSON Model as attributes with text; sequences and bytes are left out.
fn attributes(object: &Value) -> Vec<Attribute> {
    let object = object.as_object().into_iter().flatten();
    let attribute = |(name, element): (&String, &Value)| -> Option<(Tag, String)> {
        let values = element["Value"].as_array().map(Vec::as_slice).unwrap_or_default();
        let values: Option<Vec<String>> = values.iter().map(scalar).collect();
        Some((json::tag(name)?, values?.join("\\")))
    };
    object.filter_map(attribute).collect()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(person) => {
            let group = |name: &str| person.get(name).and_then(Value::as_str);
            let groups = [group("Alphabetic"), group("Ideographic"), group("Phonetic")];
            groups.iter().any(Option::is_some).then(|| {
                let joined = groups.map(Option::unwrap_or_default).join("=");
                joined.trim_end_matches('=').to_owned()
            })
        }
        Value::Bool(_) | Value::Array(_) => None,
    }
}

/// Retrieves a study (PS3.18 section 10.4) in the transfer syntaxes in which the server has it: each object is given to
/// `take`, as a Part 10 file; `false` ends it. Returns how many came.
///
/// # Errors
///
/// The server refuses, or sends more than `bytes_max`. What was taken was taken.
pub async fn wado_study<F, Fut>(
    target: &Web,
    study: &StudyInstanceUid,
    bytes_max: u64,
    mut take: F,
) -> Result<usize, WebError>
where
    F: FnMut(Vec<u8>) -> Fut + Send,
    Fut: Future<Output = bool> + Send,
{
    let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
    let Some(mut response) = target.get(&format!("/studies/{study}"), accept).await? else { return Ok(0) };
    let media = response.headers().get(CONTENT_TYPE).and_then(|value| Media::parse(value.to_str().ok()?));
    let boundary = media.as_ref().and_then(|media| media.parameter("boundary"));
    let protocol = |error: super::multipart::Malformed| WebError::Protocol(error.to_string());
    let boundary = boundary.ok_or_else(|| WebError::Protocol("the answer is no multipart/related".to_owned()))?;
    let mut parser = Parser::new(boundary, PART_HEADER_BYTES_MAX).map_err(protocol)?;
    let (mut part, mut taken, mut bytes) = (Vec::new(), 0, 0_u64);
    while let Some(piece) = timeout(IDLE, response.chunk()).await.map_err(|_| late())?.map_err(broken)? {
        parser.push(&piece);
        while let Some(event) = parser.next().map_err(protocol)? {
            match event {
                Event::Start => part = Vec::new(),
                Event::Data(data) => {
                    bytes += data.len() as u64;
                    if bytes > bytes_max {
                        return Err(WebError::TooLarge(bytes_max));
                    }
                    part.extend_from_slice(&data);
                }
                Event::End => {
                    taken += 1;
                    if !take(std::mem::take(&mut part)).await {
                        return Ok(taken);
                    }
                }
            }
        }
    }
    parser.finish().map_err(|_| WebError::Unreachable("the answer broke off".to_owned()))?;
    Ok(taken)
}

/// A body as a whole.
async fn text(mut response: Response) -> Result<Vec<u8>, WebError> {
    let mut body = Vec::new();
    while let Some(piece) = timeout(IDLE, response.chunk()).await.map_err(|_| late())?.map_err(broken)? {
        if body.len() + piece.len() > JSON_BYTES_MAX {
            return Err(WebError::TooLarge(JSON_BYTES_MAX as u64));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn refused(response: &Response) -> WebError {
    let status = response.status();
    let temporary = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    if !temporary {
        return WebError::Refused { status: status.as_u16() };
    }
    WebError::Busy { status: status.as_u16() }
}

fn late() -> WebError {
    WebError::Unreachable("the server was silent for too long".to_owned())
}

/// Without the URL: a query holds names.
fn broken(error: reqwest::Error) -> WebError {
    let error = error.without_url();
    let hint = if error.is_connect() { "; look at url, ca and the network" } else { "" };
    WebError::Unreachable(format!("{}{hint}", because(&error)))
}

fn because(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Text in a query: what RFC 3986 calls unreserved stays, the rest is percent-encoded; wildcards and list separators
/// mean the same either way.
fn encoded(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_of_a_store() {
        let item = |uid: &str, reason: Option<u16>| json!({ "00081155": { "vr": "UI", "Value": [uid] }, "00081197": { "vr": "US", "Value": [reason] } });
        let answer = json!({
            "00081199": { "vr": "SQ", "Value": [item("1", None)] },
            "00081198": { "vr": "SQ", "Value": [item("2", Some(0xA700)), item("3", Some(0xC000)), item("4", None)] },
        });
        for (uid, expected, temporary) in [
            ("1", Ok(()), false),
            ("2", Err(StowFailure::Reason { code: 0xA700 }), true),
            ("3", Err(StowFailure::Reason { code: 0xC000 }), false),
            ("4", Err(StowFailure::Reason { code: 0 }), false),
            ("5", Err(StowFailure::NotMentioned), true),
        ] {
            let found = outcome(&answer, uid);
            assert_eq!(found, expected, "{uid}");
            assert_eq!(found.is_err_and(StowFailure::is_temporary), temporary, "{uid}");
        }
    }

    #[test]
    fn answers_of_a_search() {
        let found = attributes(&json!({
            "00100010": { "vr": "PN", "Value": [{ "Alphabetic": "A^B", "Ideographic": "山" }] },
            "00080061": { "vr": "CS", "Value": ["MG", "SR"] },
            "00201208": { "vr": "IS", "Value": [4] },
            "00080050": { "vr": "SH" },
            "00081199": { "vr": "SQ", "Value": [{}] },
            "nonsense": {},
        }));
        let mut found: Vec<_> = found.iter().map(|(tag, text)| (json::name(*tag), text.as_str())).collect();
        found.sort();
        let expected = [("00080050", ""), ("00080061", "MG\\SR"), ("00100010", "A^B=山"), ("00201208", "4")];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text)));
    }

    #[test]
    fn a_target_is_checked_and_hides_its_credentials() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("authorization");
        std::fs::write(&file, "Bearer SECRET\nmore\n").expect("written");
        let web = Web::new("http://127.0.0.1:1/dicom-web/", Some(&file), None).expect("a target");
        assert!(!format!("{web:?}").contains("SECRET"));
        assert_eq!(web.url, "http://127.0.0.1:1/dicom-web");
        for (url, authorization, ca) in [
            ("pacs/dicom-web", None, None),
            ("https://pacs", Some(folder.path().join("absent")), None),
            ("https://pacs", None, Some(file)),
        ] {
            let error = Web::new(url, authorization.as_deref(), ca.as_deref()).expect_err("refused");
            assert!(matches!(error, WebError::Setup(_)) && !error.is_temporary(), "{error}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        assert_eq!(encoded("Јов*&a=b"), "%D0%88%D0%BE%D0%B2%2A%26a%3Db");
    }
}
