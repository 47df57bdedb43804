//! Errors as `application/problem+json` (RFC 9457): the one place that maps them to statuses.

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::store::StoreError;

/// What went wrong with a request, in the words that its sender may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after_seconds: Option<u32>,
}

/// A problem as it is sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemJson {
    /// Always `about:blank`: `code` tells problems apart.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Stable, for programs.
    code: &'static str,
    /// For people.
    detail: String,
}

impl Problem {
    /// A problem with a stable code and a text for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_seconds: None }
    }

    /// 503 with the time after which to try again.
    pub fn busy(code: &'static str, detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        let retry_after_seconds = Some(retry_after_seconds);
        Self { retry_after_seconds, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail) }
    }

    /// 404.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// 500: the cause goes to the log, not to the peer.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says how")
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The text for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = ProblemJson {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut response = (self.status, axum::Json(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What a path names, with a problem for one that is no text.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        // The rejection's own text repeats what the client wrote.
        Self::new(StatusCode::BAD_REQUEST, "path-invalid", "the path is not percent-encoded UTF-8")
    }
}

/// The problems that any route may answer with, for the description of the API.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "described, never built")]
pub(super) enum Common {
    /// The server listens on a loopback address, and the Host is none of this machine's.
    #[response(status = 421, content_type = "application/problem+json")]
    Host(ProblemJson),
    /// The server failed; its log says how.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemJson),
    /// The server is busy; Retry-After says when to come back.
    #[response(status = 503, content_type = "application/problem+json")]
    Busy(ProblemJson),
}

pub(super) async fn no_such_route() -> Problem {
    Problem::not_found("route")
}

pub(super) async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "the route does not take this method")
}
