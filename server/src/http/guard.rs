//! What every request and every answer goes through.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use tracing::{Instrument, debug, info_span};

use super::{App, Problem};
use crate::config::seconds;
use crate::metrics as names;

/// On a loopback address, answers only to Host names of this machine. A page of another site whose name was made to
/// resolve to 127.0.0.1 (DNS rebinding) names that site as its Host, and is turned away.
pub(super) async fn host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    if app.config().listen.ip().is_loopback()
        && host.is_some_and(|host| !is_ours(host, app.config().public_url.as_deref()))
    {
        let detail = "this Host is not served; set public_url if a proxy names it";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", detail).into_response();
    }
    next.run(request).await
}

fn is_ours(host: &str, public_url: Option<&str>) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    let local =
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let public =
        public_url.and_then(|url| url.split_once("://")).map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    local || public.is_some_and(|public| public.eq_ignore_ascii_case(host))
}

/// Gives up on an answer that takes too long.
pub(super) async fn patience(State(app): State<App>, request: Request, next: Next) -> Response {
    let patience = seconds(app.config().http.request_seconds_max);
    let late = |_| Problem::busy("too-late", "the answer took too long", 5).into_response();
    tokio::time::timeout(patience, next.run(request)).await.unwrap_or_else(late)
}

/// Headers of every answer. The page loads its own script and style and talks to its own server, nothing else.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // Studies are not for caches.
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Counts and times a request, and gives it a span. The route is named, not the path: what a client puts into a path
/// or a query belongs neither into a label nor into the log.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let span = info_span!("request", method, route);
    let start = Instant::now();
    async move {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let took = start.elapsed();
        debug!(status, milliseconds = took.as_millis() as u64, "answered");
        counter!(names::REQUESTS, "route" => route.clone(), "method" => method, "status" => status.to_string())
            .increment(1);
        histogram!(names::REQUEST_SECONDS, "route" => route).record(took.as_secs_f64());
        response
    }
    .instrument(span)
    .await
}

/// A method as a label: those that nobody should send are one.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn hosts_of_this_machine() {
        for (host, expected) in [
            ("127.0.0.1:8642", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("[::1]:8642", true),
            ("uvid.example.org", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.example.com", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_ours(host, Some("https://uvid.example.org/x")), expected, "{host}");
        }
    }
}
