//! What STOW-RS takes and refuses.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{Answer, MULTIPART, Server, bytes, exam, multipart, study_of, uids};

/// UIDs and, where there is one, the failure reason of a sequence's items.
fn items(answer: &Answer, sequence: &str) -> Vec<(String, Option<u64>)> {
    let json = answer.json();
    let items = json[sequence]["Value"].as_array().cloned().unwrap_or_default();
    let uid = |item: &Value| item["00081155"]["Value"][0].as_str().unwrap_or("").to_owned();
    items.iter().map(|item| (uid(item), item["00081197"]["Value"][0].as_u64())).collect()
}

const STORED: &str = "00081199";
const FAILED: &str = "00081198";
const OTHERS: &str = "0008119A";

#[tokio::test]
async fn the_answer_names_each_instance_by_its_own_uid() {
    let server = Server::start().await;
    let files = exam(1);
    let answer = server.stow(&bytes(&files)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/dicom+json");
    let [study, series, instance, class] = uids(&files[0].bytes);
    let json = answer.json();
    let url = format!("/dicom-web/studies/{study}/series/{series}/instances/{instance}");
    assert_eq!(
        json["00081199"]["Value"][0],
        json!({
            "00081150": {"vr": "UI", "Value": [class]},
            "00081155": {"vr": "UI", "Value": [instance]},
            "00081190": {"vr": "UR", "Value": [url]},
        })
    );
    // A request without a Host has no better base than the path.
    assert_eq!(json["00081190"], json!({"vr": "UR", "Value": [format!("/dicom-web/studies/{study}")]}));
    let proxied = Server::with(|config| config.public_url = Some("https://uvid.example.org/x/".into())).await;
    let json = proxied.stow(&bytes(&files)).await.json();
    assert_eq!(json["00081190"]["Value"][0], format!("https://uvid.example.org/x/dicom-web/studies/{study}"));
    let expected: Vec<_> = files.iter().map(|file| (uids(&file.bytes)[2].clone(), None)).collect();
    assert_eq!(items(&answer, STORED), expected);
    assert_eq!(json.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn parts_may_have_any_headers_in_any_order_or_none() {
    let server = Server::start().await;
    let files = exam(2);
    let headers = [
        "Content-Type: application/dicom\r\nContent-Length: 3\r\nContent-ID: <a@b>\r\n",
        "content-location: x\r\nMIME-Version:1.0\r\nCONTENT-TYPE: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n",
        "",
        "Content-Disposition: attachment;\r\n filename=\"a\r\n",
    ];
    let mut body = b"This is a preamble.\r\n".to_vec();
    for (file, headers) in files.iter().zip(headers) {
        body.extend_from_slice(format!("\r\n--b0undary \t\r\n{headers}\r\n").as_bytes());
        body.extend_from_slice(&file.bytes);
    }
    body.extend_from_slice(b"\r\n--b0undary--\r\nand an epilogue");
    for content_type in [
        "multipart/related; type=\"application/dicom\"; boundary=\"b0undary\"",
        "MULTIPART/Related;boundary=b0undary;TYPE=application/dicom",
        "multipart/related; boundary=b0undary",
    ] {
        let answer = server.post("/dicom-web/studies", content_type, body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        assert_eq!(items(&answer, STORED).len(), 4);
    }
    // The same bytes three times are four objects.
    assert_eq!(server.objects().len(), 4);
}

#[tokio::test]
async fn the_last_bytes_of_an_instance_are_kept_whatever_they_are() {
    let server = Server::start().await;
    let mut files = exam(3);
    for (file, end) in files.iter_mut().zip([b"\r\n", b"\n\n", b"\0\0", b"--"]) {
        let start = file.bytes.len() - 2;
        file.bytes[start..].copy_from_slice(end);
    }
    assert_eq!(server.stow(&bytes(&files)).await.status, StatusCode::OK);
    let mut kept = server.objects();
    let mut sent: Vec<_> = files.into_iter().map(|file| file.bytes).collect();
    kept.sort();
    sent.sort();
    assert_eq!(kept, sent);
}

#[tokio::test]
async fn a_single_instance_may_come_without_multipart() {
    let server = Server::start().await;
    let files = exam(4);
    let answer = server.post("/dicom-web/studies", "application/dicom", files[0].bytes.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(server.objects(), [files[0].bytes.clone()]);
}

#[tokio::test]
async fn other_bytes_under_a_known_uid_are_refused_and_the_first_stay() {
    let server = Server::start().await;
    let files = exam(5);
    assert_eq!(server.stow(&bytes(&files[..2])).await.status, StatusCode::OK);
    let mut changed = files[0].bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let answer = server.stow(&[&changed, &files[1].bytes, &files[2].bytes]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(items(&answer, FAILED), [(uids(&files[0].bytes)[2].clone(), Some(0x0111))]);
    assert_eq!(items(&answer, STORED).len(), 2);
    let kept = server.objects();
    assert_eq!(kept.len(), 3);
    assert!(!kept.contains(&changed));
    // Within one request, too.
    let files = exam(6);
    let mut changed = files[0].bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let answer = server.stow(&[&files[0].bytes, &changed]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(server.objects().len(), 4);
}

#[tokio::test]
async fn instances_of_another_study_than_the_addressed_one_are_refused() {
    let server = Server::start().await;
    let (one, two) = (exam(7), exam(8));
    let path = format!("/dicom-web/studies/{}", study_of(&one));
    let answer = server.post(&path, MULTIPART, multipart(&[&one[0].bytes, &two[0].bytes])).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(items(&answer, FAILED), [(uids(&two[0].bytes)[2].clone(), Some(0xA900))]);
    let answer = server.post(&path, MULTIPART, multipart(&[&two[0].bytes])).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(server.objects(), [one[0].bytes.clone()]);
    server.post("/dicom-web/studies/nonsense", MULTIPART, multipart(&[])).await.problem(400, "uid-invalid");
}

#[tokio::test]
async fn garbage_among_good_instances_fails_alone() {
    let server = Server::start().await;
    let files = exam(9);
    let answer = server.stow(&[b"not DICOM at all", &files[0].bytes, b""]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(items(&answer, STORED).len(), 1);
    assert_eq!(items(&answer, FAILED).len(), 0);
    assert_eq!(items(&answer, OTHERS), [(String::new(), Some(0xC000)), (String::new(), Some(0xC000))]);
    let answer = server.stow(&[b"nothing but garbage"]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(server.objects().len(), 1);
}

#[tokio::test]
async fn what_is_no_store_request_is_refused_with_the_right_status() {
    let server = Server::start().await;
    let files = exam(10);
    let good = multipart(&bytes(&files));
    let path = "/dicom-web/studies";
    for (content_type, status, code) in [
        ("application/json", 415, "media-type"),
        ("multipart/form-data; boundary=b0undary", 415, "media-type"),
        ("multipart/related; type=\"application/dicom+json\"; boundary=b0undary", 415, "media-type"),
        ("", 415, "media-type"),
        ("multipart/related; type=\"application/dicom\"", 400, "multipart-malformed"),
        ("multipart/related; type=\"application/dicom\"; boundary=other", 400, "multipart-malformed"),
        ("multipart/related; type=\"application/dicom\"; boundary=\"\"", 400, "multipart-malformed"),
    ] {
        server.post(path, content_type, good.clone()).await.problem(status, code);
    }
    let truncated = good[..good.len() - 20].to_vec();
    server.post(path, MULTIPART, truncated).await.problem(400, "multipart-malformed");
    server.post(path, MULTIPART, "--b0undary--").await.problem(400, "no-instances");
    server.post(path, "application/dicom", "").await.problem(400, "no-instances");
    let request = || Request::post(path).header("Content-Type", MULTIPART);
    let accept = request().header("Accept", "application/dicom+xml").body(Body::from(good.clone())).unwrap();
    server.send(accept).await.problem(406, "not-acceptable");
    let gzip = request().header("Content-Encoding", "gzip").body(Body::from(good)).unwrap();
    server.send(gzip).await.problem(415, "media-type");
    let put = Request::put(path).body(Body::empty()).unwrap();
    server.send(put).await.problem(405, "method-not-allowed");
    assert!(server.objects().is_empty(), "nothing may be stored, nor half-stored");
    assert_eq!(server.get("/api/v1/studies").await.ok()["total"], 0);
}

#[tokio::test]
async fn past_a_limit_nothing_is_half_stored() {
    let files = exam(11);
    let size = files.iter().map(|file| file.bytes.len() as u64).max().unwrap();
    let server = Server::with(|config| {
        config.http.parts_max = 3;
        config.http.body_bytes_max = 4 * size + 1_000;
        config.http.part_bytes_max = size;
        config.store.study_instances_max = 2;
    })
    .await;
    server.stow(&bytes(&files)).await.problem(413, "too-many-parts");
    let body = multipart(&[&files[0].bytes, &vec![0; 4 * size as usize]]);
    server.post("/dicom-web/studies", MULTIPART, body.clone()).await.problem(413, "body-too-large");
    // The same without a Content-Length.
    let pieces = body.chunks(10_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let stream = Body::from_stream(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
    server.post("/dicom-web/studies", MULTIPART, stream).await.problem(413, "body-too-large");
    assert!(server.objects().is_empty());
    // A part that is too large fails alone, and so does an instance too many of a study.
    let large = [files[3].bytes.as_slice(), b"\0\0\0\0"].concat();
    let answer = server.stow(&[&large, &files[0].bytes]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(items(&answer, OTHERS), [(String::new(), Some(0xA700))]);
    let answer = server.stow(&bytes(&files[1..3])).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(items(&answer, FAILED), [(uids(&files[2].bytes)[2].clone(), Some(0xA700))]);
    assert_eq!(server.objects().len(), 2);
}

#[tokio::test]
async fn what_lies_among_the_uploads_stops_nothing() {
    let server = Server::with(|config| {
        std::fs::create_dir_all(config.data_dir.join("objects/incoming/0/lost+found")).unwrap();
    })
    .await;
    let files = exam(15);
    assert_eq!(server.stow(&bytes(&files)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_only_the_whole_file_could_identify_has_a_limit() {
    // A private element of 8 KiB before the first UID hides it from the first 4 KiB.
    let file = exam(14)[0].bytes.clone();
    let meta = 144 + u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    let filler = [&b"\x07\x00\x10\x00LO\x00\x20"[..], &[b'x'; 0x2000]].concat();
    let file = [&file[..meta], &filler, &file[meta..]].concat();
    for (identify_bytes_max, status) in [(file.len() as u64, 200), (file.len() as u64 - 1, 409)] {
        let server = Server::with(|config| {
            config.store.header_bytes_max = 4096;
            config.store.identify_bytes_max = identify_bytes_max;
        })
        .await;
        let answer = server.stow(&[&file]).await;
        assert_eq!(answer.status, status, "{}", answer.json());
        if status == 409 {
            assert_eq!(items(&answer, OTHERS), [(String::new(), Some(0xC000))]);
        }
    }
}

#[tokio::test]
async fn a_slow_body_a_full_disk_and_too_many_uploads() {
    let server = Server::with(|config| config.http.idle_seconds_max = 0.2).await;
    let start = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(multipart(&[])[..5].to_vec()))]);
    let slow = Body::from_stream(start.chain(futures_util::stream::pending()));
    server.post("/dicom-web/studies", MULTIPART, slow).await.problem(408, "too-slow");

    let files = exam(12);
    let full = Server::with(|config| config.store.free_bytes_min = u64::MAX).await;
    let answer = full.stow(&bytes(&files)).await;
    answer.problem(503, "disk-full");
    assert_eq!(answer.headers["retry-after"], "60");
    let ready = full.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["disk"]), (503, &json!("nearly full")));

    let one = Server::with(|config| {
        config.http.uploads_max = 1;
        config.http.uploads_wait_seconds_max = 0.0;
    })
    .await;
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let body = multipart(&bytes(&files));
    let held = futures_util::stream::once(async move {
        let _ = receiver.await;
        Ok::<_, std::io::Error>(Bytes::from(body))
    });
    let first = one.post("/dicom-web/studies", MULTIPART, Body::from_stream(held));
    let second = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = one.stow(&bytes(&files)).await;
        sender.send(()).unwrap();
        answer
    };
    let (first, second) = tokio::join!(first, second);
    second.problem(503, "too-many-uploads");
    assert_eq!(first.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let server = Server::start().await;
    let files = exam(13);
    let body = multipart(&bytes(&files));
    let half = Bytes::from(body[..body.len() / 2].to_vec());
    let broken = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
    server.post("/dicom-web/studies", MULTIPART, Body::from_stream(broken)).await.problem(400, "multipart-malformed");
    assert!(server.objects().is_empty());
    assert_eq!(server.get("/api/v1/studies").await.ok()["total"], 0);
}
