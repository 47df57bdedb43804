//! The page at `/`, and the two files that it loads.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

use super::App;

/// The page lists studies with what the API says of them; it holds no data itself.
pub(super) fn routes() -> Router<App> {
    let file = |kind: &'static str, text: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../../ui/index.html")))
        .route("/ui/studies.js", file("text/javascript; charset=utf-8", include_str!("../../ui/studies.js")))
        .route("/ui/style.css", file("text/css; charset=utf-8", include_str!("../../ui/style.css")))
}
