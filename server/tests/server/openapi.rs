//! The committed description of the API is the true one.

#[test]
fn the_committed_description_is_the_true_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let truth = format!("{:#}\n", serde_json::to_value(uvid_server::http::openapi()).unwrap());
    if std::env::var_os("TEST_UPDATE_OPENAPI").is_some() {
        std::fs::write(path, &truth).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == truth,
        "server/openapi.json is not what the code describes; read the difference after\n\
         TEST_UPDATE_OPENAPI=1 cargo test -p uvid-server --test server openapi"
    );
}

#[tokio::test]
async fn it_is_served() {
    let server = crate::support::Server::start().await;
    let served = server.get("/api/v1/openapi.json").await.ok();
    assert_eq!(served, serde_json::to_value(uvid_server::http::openapi()).unwrap());
    for path in [
        "/api/v1/studies",
        "/api/v1/studies/{study}",
        "/api/v1/model",
        "/api/v1/devices",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(served["paths"][path]["get"].is_object(), "{path}");
    }
}
