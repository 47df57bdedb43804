//! What the API answers.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;
use sqlx::Connection;

use crate::support::{Server, assert_scored_as_expected, bytes, exam, study_of, uids};

#[tokio::test]
async fn a_study_is_scored_as_on_the_command_line() {
    let server = Server::start().await;
    let files = exam(20);
    assert_eq!(server.stow(&bytes(&files)).await.status, StatusCode::OK);
    let study = server.ended(&study_of(&files)).await;
    assert_eq!(study["state"], "scored");
    assert_scored_as_expected(&study, &files);
    assert_eq!(study["instances"], 4);
    assert_eq!(study["runs"].as_array().unwrap().len(), 1);
    let mut uids: Vec<_> = files.iter().map(|file| uids(&file.bytes)[2].clone()).collect();
    uids.sort();
    let listed: Vec<_> = study["objects"].as_array().unwrap().iter().map(|o| o["sop_instance"].clone()).collect();
    assert_eq!(json!(listed), json!(uids));

    let list = server.get("/api/v1/studies").await.ok();
    assert_eq!(list["total"], 1);
    assert_eq!(list["studies"][0]["exam"], study["report"]["exam"]);
    assert_eq!(list["studies"][0]["heatmaps"].as_array().unwrap().len(), 4);
    let png = server.get(list["studies"][0]["heatmaps"][0]["url"].as_str().unwrap()).await;
    assert_eq!((png.status, &png.headers["content-type"]), (StatusCode::OK, &"image/png".parse().unwrap()));
    assert!(png.body.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn two_studies_at_once_do_not_mix() {
    let server = Server::with(|config| config.jobs.quiet_seconds = 0.5).await;
    let (one, two) = (exam(21), exam(22));
    let send = |a: usize, b: usize| {
        let server = &server;
        let (one, two) = (&one, &two);
        async move {
            let files = [one[a].bytes.as_slice(), two[b].bytes.as_slice()];
            assert_eq!(server.stow(&files).await.status, StatusCode::OK);
        }
    };
    tokio::join!(send(0, 3), send(1, 2), send(2, 1), send(3, 0));
    for files in [one, two] {
        let study = server.ended(&study_of(&files)).await;
        assert_scored_as_expected(&study, &files);
    }
}

#[tokio::test]
async fn a_late_image_starts_a_run_that_supersedes_the_old_one() {
    let server = Server::start().await;
    let files = exam(23);
    assert_eq!(server.stow(&bytes(&files[..3])).await.status, StatusCode::OK);
    let before = server.ended(&study_of(&files)).await;
    assert_eq!(before["report"]["missing"], json!([files[3].slot.name()]));
    assert_eq!(server.stow(&bytes(&files[3..])).await.status, StatusCode::OK);
    let after = server.ended(&study_of(&files)).await;
    assert_scored_as_expected(&after, &files);
    let runs = after["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs[0]["superseded"].is_null());
    assert!(runs[1]["superseded"].is_string());
    assert_eq!(runs[1]["report"], before["report"]);
    // The same image once more changes nothing.
    assert_eq!(server.stow(&bytes(&files[3..])).await.status, StatusCode::OK);
    assert_eq!(server.ended(&study_of(&files)).await, after);
}

#[tokio::test]
async fn a_study_that_cannot_be_scored_says_why() {
    let server = Server::start().await;
    // The two halves of this study are of two patients.
    let files = exam(24);
    let other = uvid_datasets::phantom::Spec {
        patient: uvid_datasets::phantom::PhantomPatient { id: Some("other".into()), ..Default::default() },
        ..uvid_datasets::phantom::Spec::small(24)
    };
    let other = uvid_datasets::phantom::exam(&uvid_datasets::phantom::Spec { repeat: 1, ..other }).unwrap();
    assert_eq!(study_of(&files), study_of(&other));
    assert_eq!(server.stow(&[&files[0].bytes, &other[1].bytes]).await.status, StatusCode::OK);
    let study = server.ended(&study_of(&files)).await;
    assert_eq!(study["state"], "not-scored");
    let codes: Vec<_> = study["reasons"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
    assert!(codes.contains(&json!("several-patients")), "{codes:?}");
    let listed = |state: &str| format!("/api/v1/studies?state={state}");
    assert_eq!(server.get(&listed("not-scored")).await.ok()["total"], 1);
    assert_eq!(server.get(&listed("scored")).await.ok()["total"], 0);
}

#[tokio::test]
async fn a_report_that_cannot_be_read_hides_nothing_else() {
    let server = Server::start().await;
    let mut studies = Vec::new();
    for seed in [26, 27] {
        let files = exam(seed);
        assert_eq!(server.stow(&[&files[0].bytes]).await.status, StatusCode::OK);
        studies.push(server.ended(&study_of(&files)).await);
    }
    let url = format!("sqlite://{}", server.folder.path().join("data/uvid.sqlite").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE run SET report = '{' WHERE study_uid = ?")
        .bind(studies[0]["study"].as_str().unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    let list = server.get("/api/v1/studies").await.ok();
    let (good, bad) = (&list["studies"][0], &list["studies"][1]);
    assert_eq!((&good["exam"], &good["state"]), (&studies[1]["exam"], &json!("scored")));
    assert_eq!((&bad["exam"], &bad["state"], &bad["package"]), (&json!([]), &json!("scored"), &json!(null)));
    let one = server.get(&format!("/api/v1/studies/{}", bad["study"].as_str().unwrap())).await.ok();
    assert_eq!((&one["report"], &one["runs"][0]["report"]), (&json!(null), &json!(null)));
    let map = studies[0]["heatmaps"][0]["url"].as_str().unwrap();
    server.get(map).await.problem(404, "not-found");
}

#[tokio::test]
async fn errors_are_problems_with_codes() {
    let server = Server::start().await;
    for (path, status, code) in [
        ("/api/v1/studies/1.2.3", 404, "not-found"),
        ("/api/v1/studies/../../etc/passwd", 404, "not-found"),
        ("/api/v1/studies/%2e%2e%2fetc", 404, "not-found"),
        ("/api/v1/studies/%ff", 400, "path-invalid"),
        ("/api/v1/studies/1.2.3/images/%ff/heatmaps/x.png", 400, "path-invalid"),
        ("/api/v1/studies/1.2.3/images/1.2/heatmaps/x.png", 404, "not-found"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/api/v1/studies?state=JOVANOVIC", 400, "query-invalid"),
        ("/api/v1/studies?limit=-1", 400, "query-invalid"),
        ("/api/v1/studies?patient=JOVANOVIC", 400, "query-invalid"),
    ] {
        let answer = server.get(path).await;
        answer.problem(status, code);
        assert!(!String::from_utf8_lossy(&answer.body).contains("JOVANOVIC"));
    }
    server.post("/dicom-web/studies/%ff", "application/dicom", "").await.problem(400, "path-invalid");
    let elsewhere = Request::get("/api/v1/studies").header("Host", "evil.example.com").body(Body::empty()).unwrap();
    server.send(elsewhere).await.problem(421, "host");
}

#[tokio::test]
async fn the_page_and_its_files_are_served_under_a_strict_policy() {
    let server = Server::start().await;
    for (path, kind) in [("/", "text/html"), ("/ui/studies.js", "text/javascript"), ("/ui/style.css", "text/css")] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(kind));
        assert!(answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    let page = String::from_utf8(server.get("/").await.body).unwrap();
    assert!(page.contains(uvid_server::report::DISCLAIMER));
    // The policy forbids both.
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick"));
}

#[tokio::test]
async fn the_operator_is_told() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.body, b"ok\n");
    assert_eq!(server.get("/readyz").await.ok()["ready"], true);
    let model = server.get("/api/v1/model").await.ok();
    assert_eq!(model["package"]["digest"], crate::support::MODEL.id().digest);
    let files = exam(25);
    server.stow(&bytes(&files)).await;
    server.ended(&study_of(&files)).await;
    let devices = server.get("/api/v1/devices").await.ok();
    let device = &devices["devices"][0];
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1, "{devices}");
    assert_eq!((device["name"].as_str(), device["state"].as_str()), (Some("cpu"), Some("working")), "{devices}");
    assert_eq!((device["studies"].as_u64(), device["faults"].as_u64()), (Some(1), Some(0)), "{devices}");
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    for line in [
        "uvid_device_state{device=\"cpu\"} 1",
        "uvid_device_studies_total{device=\"cpu\"}",
        "uvid_device_busy_seconds{device=\"cpu\"}",
        "uvid_instances_received_total{result=\"new\"}",
        "uvid_studies_total{role=\"production\",outcome=\"scored\"}",
        "uvid_jobs{role=\"production\",state=\"waiting\"} ",
        "uvid_stage_seconds_bucket{role=\"production\",stage=\"predict\",le=\"+Inf\"}",
        "uvid_http_requests_total{route=\"/api/v1/studies/{study}\",method=\"GET\",status=\"200\"}",
        "uvid_info{",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
