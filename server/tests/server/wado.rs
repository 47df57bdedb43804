//! What WADO-RS gives.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids as known};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use image::GenericImageView;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use uvid_datasets::phantom::{self, PhantomFile, PhantomPatient, Spec, TransferSyntax};
use uvid_server::config::{Sender, TruncatedPixels};
use uvid_server::store::{Digest, Origin, accept_from};

use crate::support::{Answer, Server, bytes, exam, study_of, uids};

pub(crate) async fn get(server: &Server, path: &str, accept: &str) -> Answer {
    let request = Request::get(format!("/dicom-web/{path}"));
    let request = if accept.is_empty() { request } else { request.header("Accept", accept) };
    server.send(request.body(Body::empty()).unwrap()).await
}

/// The parts of a multipart answer: their headers and their bytes.
pub(crate) fn parts(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let content_type = answer.headers["content-type"].to_str().unwrap();
    let boundary = content_type.split("boundary=").nth(1).unwrap();
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let body = [b"\r\n", &answer.body[..]].concat();
    let mut starts: Vec<usize> = memchr::memmem::find_iter(&body, &delimiter).collect();
    assert!(body[starts.pop().unwrap() + delimiter.len()..].starts_with(b"--\r\n"));
    let ends: Vec<usize> = memchr::memmem::find_iter(&body, &delimiter).skip(1).collect();
    let part = |(start, end): (&usize, &usize)| {
        let text = &body[start + delimiter.len() + 2..*end];
        let head = memchr::memmem::find(text, b"\r\n\r\n").unwrap();
        (String::from_utf8(text[..head].to_vec()).unwrap(), text[head + 4..].to_vec())
    };
    starts.iter().zip(&ends).map(part).collect()
}

fn sorted(mut files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    files.sort();
    files
}

pub(crate) fn path_of(file: &[u8]) -> String {
    let [study, series, instance, _] = uids(file);
    format!("studies/{study}/series/{series}/instances/{instance}")
}

fn with_syntax(seed: u64, transfer_syntax: TransferSyntax) -> Vec<PhantomFile> {
    phantom::exam(&Spec { transfer_syntax, ..Spec::small(seed) }).unwrap()
}

#[tokio::test]
async fn objects_come_back_byte_for_byte() {
    let server = Server::start().await;
    let files = exam(301);
    server.stow(&bytes(&files)).await.ok();
    let all = sorted(files.iter().map(|file| file.bytes.clone()).collect());
    let study = study_of(&files);
    for accept in [
        "",
        "*/*",
        "multipart/related; type=\"application/dicom\"",
        "multipart/related; type=application/dicom; transfer-syntax=*",
        "image/png, multipart/related; type=\"application/dicom\"; q=0.1",
    ] {
        let answer = get(&server, &format!("studies/{study}"), accept).await;
        assert_eq!(answer.status, StatusCode::OK, "{accept}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let parts = parts(&answer);
        assert!(
            parts.iter().all(|(head, _)| head.contains("Content-Type: application/dicom; transfer-syntax=1.2.840."))
        );
        assert_eq!(sorted(parts.into_iter().map(|(_, bytes)| bytes).collect()), all, "{accept}");
    }
    let path = path_of(&files[0].bytes);
    let series = path.split("/instances").next().unwrap();
    assert!(parts(&get(&server, series, "").await).iter().any(|(_, bytes)| *bytes == files[0].bytes));
    let one = parts(&get(&server, &path, "").await);
    assert_eq!(one.len(), 1);
    assert!(one[0].0.contains(&format!("Content-Location: /dicom-web/{path}")), "{}", one[0].0);
    assert_eq!(one[0].1, files[0].bytes);
    let alone = get(&server, &path, "application/dicom").await;
    assert_eq!(alone.body, files[0].bytes);
    assert!(alone.headers["content-type"].to_str().unwrap().starts_with("application/dicom; transfer-syntax="));
}

#[tokio::test]
async fn what_cannot_be_given_is_refused() {
    let server = Server::start().await;
    let files = exam(302);
    server.stow(&bytes(&files)).await.ok();
    let (study, path) = (study_of(&files), path_of(&files[0].bytes));
    for accept in [
        "application/dicom",
        "image/jpeg",
        "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.4.80",
        "multipart/related; type=\"application/dicom+xml\"",
    ] {
        get(&server, &format!("studies/{study}"), accept).await.problem(406, "not-acceptable");
    }
    get(&server, "studies/1.2.3", "").await.problem(404, "not-found");
    get(&server, "studies/1.2.3/metadata", "").await.problem(404, "not-found");
    get(&server, &format!("studies/{study}/series/1.2.3"), "").await.problem(404, "not-found");
    get(&server, "studies/x", "").await.problem(400, "uid-invalid");
    get(&server, &format!("{path}/frames/0"), "").await.problem(400, "frames-invalid");
    get(&server, &format!("{path}/frames/2"), "").await.problem(404, "not-found");
    get(&server, &format!("{path}/frames/1"), "image/jls").await.problem(406, "not-acceptable");
    get(&server, &format!("{path}/bulkdata/00420011"), "").await.problem(404, "not-found");
    get(&server, &format!("{path}/rendered"), "video/mp4").await.problem(406, "not-acceptable");
    get(&server, &format!("{path}/rendered?window=1"), "").await.problem(400, "query-invalid");
    get(&server, &format!("{path}/rendered?viewport=10,10,9999,0,1,1"), "").await.problem(400, "query-invalid");
    get(&server, &format!("{path}/metadata"), "application/dicom+xml").await.problem(406, "not-acceptable");

    // What the disk has lost is gone; of a study, the rest comes.
    let lost = server.store.objects().path(&Digest::of(&files[0].bytes));
    std::fs::remove_file(&lost).unwrap();
    get(&server, &path, "").await.problem(410, "gone");
    get(&server, &format!("{path}/frames/1"), "").await.problem(410, "gone");
    let rest = get(&server, &format!("studies/{study}"), "").await;
    assert_eq!((rest.status, parts(&rest).len()), (StatusCode::PARTIAL_CONTENT, 3));
    // What it has changed breaks the answer off.
    let changed = server.store.objects().path(&Digest::of(&files[1].bytes));
    let mut bytes = files[1].bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    let request = Request::get(format!("/dicom-web/{}", path_of(&files[1].bytes))).body(Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(server.router.clone(), request).await.unwrap();
    assert!(axum::body::to_bytes(response.into_body(), usize::MAX).await.is_err());
}

#[tokio::test]
async fn metadata_are_all_attributes_in_unicode() {
    let server = Server::start().await;
    let patient = PhantomPatient {
        name: "Ђорђевић^Џана".into(),
        character_set: "ISO_IR 144".into(),
        ..PhantomPatient::default()
    };
    let files = phantom::exam(&Spec { patient, ..Spec::small(303) }).unwrap();
    server.stow(&bytes(&files)).await.ok();
    let path = path_of(&files[0].bytes);
    let answer = get(&server, &format!("{path}/metadata"), "application/dicom+json").await.ok();
    let object = &answer[0];
    assert_eq!(object["00100010"]["Value"], json!([{ "Alphabetic": "Ђорђевић^Џана" }]));
    assert_eq!(object["00080005"], json!({ "vr": "CS", "Value": ["ISO_IR 192"] }));
    assert_eq!(object["00080018"]["Value"][0], uids(&files[0].bytes)[2].as_str());
    assert!(object["00540220"]["Value"][0]["00080104"]["Value"][0].is_string(), "View Code Sequence");
    assert!(object["00280010"]["Value"][0].is_u64());
    assert!(object["00181164"]["Value"][0].is_f64(), "{}", object["00181164"]);
    let uri = format!("/dicom-web/{path}/bulkdata/7FE00010");
    assert_eq!(object["7FE00010"], json!({ "vr": "OW", "BulkDataURI": uri }));
    assert!(object.get("00020010").is_none());
    // It says what the file says: dicom-rs reads the same out of both.
    let expected = dicom_object::from_reader(files[0].bytes.as_slice()).unwrap();
    for element in expected.iter() {
        let tag = dicom_core::header::Header::tag(element);
        let name = format!("{:04X}{:04X}", tag.0, tag.1);
        assert_eq!(object[&name]["vr"], element.vr().to_string(), "{name}");
    }
    assert_eq!(object.as_object().unwrap().len(), expected.iter().count());
    let whole = get(&server, &format!("studies/{}/metadata", study_of(&files)), "").await.ok();
    assert_eq!(whole.as_array().unwrap().len(), 4);
    assert!(whole.as_array().unwrap().contains(object));
    // A header that is read in part gives the same.
    let small = Server::with(|config| config.store.header_bytes_max = 4096).await;
    small.stow(&bytes(&files)).await.ok();
    assert_eq!(get(&small, &format!("{path}/metadata"), "").await.ok(), answer);
}

#[tokio::test]
async fn frames_come_compressed_or_not() {
    let server = Server::start().await;
    let (plain, packed) =
        (with_syntax(304, TransferSyntax::ExplicitLittle), with_syntax(304, TransferSyntax::JpegLossless));
    server.stow(&bytes(&plain[..1])).await.ok();
    let object = dicom_object::from_reader(plain[0].bytes.as_slice()).unwrap();
    let pixels = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap().into_owned();
    let path = path_of(&plain[0].bytes);
    for (path, accept) in [
        (format!("{path}/frames/1"), ""),
        (format!("{path}/frames/1"), "multipart/related; type=\"application/octet-stream\""),
        (format!("{path}/bulkdata/7FE00010"), ""),
    ] {
        let parts = parts(&get(&server, &path, accept).await);
        assert!(parts[0].0.contains("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"), "{}", parts[0].0);
        assert!(parts.len() == 1 && parts[0].1 == pixels, "{path} {accept}");
    }
    assert_eq!(get(&server, &format!("{path}/frames/1"), "application/octet-stream").await.body, pixels);
    assert_eq!(parts(&get(&server, &format!("{path}/frames/1,1,1"), "").await).len(), 3);

    let other = Server::start().await;
    other.stow(&bytes(&packed[..1])).await.ok();
    let path = path_of(&packed[0].bytes);
    let native = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=1.2.840.10008.1.2.1";
    assert!(parts(&get(&other, &format!("{path}/frames/1"), native).await)[0].1 == pixels, "decoded");
    for path in [format!("{path}/frames/1"), format!("{path}/bulkdata/7FE00010")] {
        let stored = parts(&get(&other, &path, "multipart/related; type=\"image/jpeg\", */*;q=0.1").await);
        assert!(
            stored[0].0.contains("Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4."),
            "{}",
            stored[0].0
        );
        assert!(stored[0].1.starts_with(&[0xFF, 0xD8]), "a JPEG");
    }
}

/// Clients that do not read on take no turn from others.
#[tokio::test]
async fn slow_readers_of_frames_block_nobody() {
    let server = Server::with(|config| config.http.heatmaps_max = 1).await;
    let files = exam(307);
    server.stow(&bytes(&files[..1])).await.ok();
    let path = path_of(&files[0].bytes);
    let mut slow = Vec::new();
    for _ in 0..3 {
        // More than is decoded ahead.
        let list = ["1"; 500].join(",");
        let request = Request::get(format!("/dicom-web/{path}/frames/{list}")).body(Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(server.router.clone(), request);
        slow.push(tokio::time::timeout(Duration::from_secs(60), answer).await.expect("a turn").unwrap());
    }
    let others = async {
        for part in ["metadata", "frames/1", "rendered"] {
            assert_eq!(get(&server, &format!("{path}/{part}"), "").await.status, StatusCode::OK, "{part}");
        }
    };
    tokio::time::timeout(Duration::from_secs(60), others).await.expect("a turn");
    for answer in slow {
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(memchr::memmem::find_iter(&body, b"Content-Type: application/octet-stream").count(), 500);
    }
}

#[tokio::test]
async fn pictures_show_the_image() {
    let server = Server::start().await;
    let files = exam(305);
    server.stow(&bytes(&files)).await.ok();
    let path = path_of(&files[0].bytes);
    let Spec { rows, columns, .. } = Spec::small(305);
    let decode = |answer: &Answer| {
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        image::load_from_memory(&answer.body).unwrap()
    };
    let jpeg = get(&server, &format!("{path}/rendered"), "").await;
    assert_eq!(jpeg.headers["content-type"], "image/jpeg");
    assert_eq!(decode(&jpeg).dimensions(), (columns as u32, rows as u32));
    let png = get(&server, &format!("{path}/rendered"), "image/png").await;
    assert_eq!(png.headers["content-type"], "image/png");
    let shown = decode(&png).to_luma8();
    // Breast and background differ, and a window that is all white whitens all but padding.
    assert!(shown.pixels().any(|p| p.0[0] > 128) && shown.pixels().any(|p| p.0[0] < 16));
    let white = decode(&get(&server, &format!("{path}/rendered?window=-10000,1"), "image/png").await).to_luma8();
    assert!(white.pixels().filter(|p| p.0[0] == 255).count() > shown.pixels().filter(|p| p.0[0] == 255).count());
    let small = decode(&get(&server, &format!("{path}/frames/1/rendered?viewport=50,50"), "").await);
    assert!(small.width().max(small.height()) == 50);
    // Nothing is enlarged.
    let part = decode(&get(&server, &format!("{path}/rendered?viewport=40,40,0,0,20,20"), "image/png").await);
    assert_eq!(part.dimensions(), (20, 20));
    let study = study_of(&files);
    for path in [path.clone(), path.split("/instances").next().unwrap().to_owned(), format!("studies/{study}")] {
        let thumbnail = decode(&get(&server, &format!("{path}/thumbnail"), "image/*").await);
        assert_eq!(thumbnail.width().max(thumbnail.height()), 200, "{path}");
    }
}

/// An image whose pixels break off is listed and not scored, and shown where the rule for its sender wants it.
#[tokio::test]
async fn what_breaks_off_is_shown_under_a_rule_and_says_so() {
    let half: Vec<u16> = (0..Spec::small(308).rows * Spec::small(308).columns / 2).map(|i| (i % 4096) as u16).collect();
    let pixels = DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(half.into()));
    let files = phantom::exam(&Spec { edits: vec![phantom::Edit::Put(pixels)], ..Spec::small(308) }).unwrap();
    for (truncated_pixels, shows) in [(TruncatedPixels::Refuse, false), (TruncatedPixels::Show, true)] {
        let sender = Sender { name: "all".to_owned(), truncated_pixels, ..Sender::default() };
        let server = Server::with(|config| config.senders = vec![sender]).await;
        server.stow(&bytes(&files)).await.ok();
        let ended = server.ended(&study_of(&files)).await.to_string();
        assert!(ended.contains("pixels-incomplete") && !ended.contains("\"chosen\""), "{ended}");
        let path = path_of(&files[0].bytes);
        get(&server, &format!("{path}/frames/1"), "").await.problem(406, "not-convertible");
        for part in ["rendered", "frames/1/rendered?viewport=100,100", "thumbnail", "rendered?viewport=90,90,0,0,90,90"]
        {
            let answer = get(&server, &format!("{path}/{part}"), "image/png").await;
            if !shows {
                answer.problem(406, "not-convertible");
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{part}");
            let picture = image::load_from_memory(&answer.body).unwrap().to_rgb8();
            let foot: Vec<u8> = picture.rows().rev().take(10).flatten().map(|pixel| pixel.0[0]).collect();
            assert!(foot.iter().all(|value| matches!(value, 0 | 255)) && foot.contains(&255), "{part}");
        }
        get(&server, &format!("{path}/rendered?viewport=20,20"), "image/png").await.problem(406, "not-convertible");
    }
}

/// Each image is shown by the rule for its own sender.
#[tokio::test]
async fn the_rule_is_that_of_the_sender_of_the_image() {
    let half = vec![100_u16; Spec::small(309).rows * Spec::small(309).columns / 2];
    let pixels = DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(half.into()));
    let files = phantom::exam(&Spec { edits: vec![phantom::Edit::Put(pixels)], ..Spec::small(309) }).unwrap();
    let senders = [("SHOWS", TruncatedPixels::Show), ("REFUSES", TruncatedPixels::Refuse)];
    let server = Server::with(|config| {
        config.senders = senders
            .into_iter()
            .map(|(title, truncated_pixels)| {
                let (name, ae_titles) = (title.to_lowercase(), vec![title.to_owned()]);
                Sender { name, ae_titles, truncated_pixels, ..Sender::default() }
            })
            .collect();
    })
    .await;
    for (file, title) in files.iter().zip(["SHOWS", "REFUSES", "OTHER"]) {
        let origin = Origin { ae_title: Some(title.to_owned()), ..Origin::default() };
        accept_from(&server.store, &file.bytes, &origin).await.unwrap().unwrap();
    }
    for (file, shows) in files.iter().zip([true, false, false]) {
        for part in ["rendered", "frames/1/rendered", "thumbnail"] {
            let answer = get(&server, &format!("{}/{part}", path_of(&file.bytes)), "image/png").await;
            if shows {
                assert_eq!(answer.status, StatusCode::OK, "{part}");
            } else {
                answer.problem(406, "not-convertible");
            }
        }
    }
}

/// A Secondary Capture of 2 by 2: red, green, blue, white.
fn sheet(study: &str) -> Vec<u8> {
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, text) in [
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        (tags::SOP_CLASS_UID, VR::UI, known::SECONDARY_CAPTURE_IMAGE_STORAGE),
        (tags::SOP_INSTANCE_UID, VR::UI, "2.25.1"),
        (tags::STUDY_INSTANCE_UID, VR::UI, study),
        (tags::SERIES_INSTANCE_UID, VR::UI, "2.25.2"),
        (tags::MODALITY, VR::CS, "OT"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
        (tags::SERIES_DESCRIPTION, VR::LO, "Лист"),
    ] {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(text)));
    }
    for (tag, word) in [
        (tags::SAMPLES_PER_PIXEL, 3_u16),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, 2),
        (tags::COLUMNS, 2),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(word)));
    }
    let pixels = vec![255_u8, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));
    let meta = FileMetaTableBuilder::new().transfer_syntax(known::EXPLICIT_VR_LITTLE_ENDIAN);
    let mut bytes = Vec::new();
    object.with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
    bytes
}

/// Keeps an object as one made from the current result of a study.
async fn keep_result(server: &Server, study: &str, file: &[u8]) {
    let [_, series, instance, class] = uids(file);
    let digest = Digest::of(file);
    let path = server.store.objects().path(&digest);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, file).unwrap();
    let database = SqliteConnectOptions::new().filename(server.folder.path().join("data/uvid.sqlite"));
    let pool = SqlitePool::connect_with(database).await.unwrap();
    let insert =
        "INSERT INTO result (sop_uid, study_uid, series_uid, sop_class_uid, kind, run_id, digest, bytes, made_ms)
                  VALUES (?, ?, ?, ?, 'sc', (SELECT max(run_id) FROM run), ?, ?, 0)";
    let insert = sqlx::query(insert).bind(instance).bind(study).bind(series).bind(class);
    insert.bind(digest.to_string()).bind(file.len() as i64).execute(&pool).await.unwrap();
}

#[tokio::test]
async fn results_are_objects_of_the_study() {
    // The one result that there is, is put there by hand.
    let server = Server::with(|config| config.results.objects.clear()).await;
    let files = exam(306);
    server.stow(&bytes(&files)).await.ok();
    let study = study_of(&files);
    server.ended(&study).await;
    let file = sheet(&study);
    keep_result(&server, &study, &file).await;
    let found = get(&server, "studies?ModalitiesInStudy=OT", "").await.ok();
    assert_eq!(found[0]["00080061"]["Value"].as_array().unwrap().len(), 2);
    assert_eq!(found[0]["00201208"]["Value"], json!([5]));
    let series = get(&server, &format!("studies/{study}/series?Modality=OT"), "").await.ok();
    assert_eq!(series[0]["0008103E"]["Value"], json!(["Лист"]));
    let path = path_of(&file);
    assert_eq!(get(&server, &path, "application/dicom").await.body, file);
    assert_eq!(parts(&get(&server, &format!("studies/{study}"), "").await).len(), 5);
    let shown = image::load_from_memory(&get(&server, &format!("{path}/rendered"), "image/png").await.body).unwrap();
    let pixels: Vec<[u8; 3]> = shown.to_rgb8().pixels().map(|p| p.0).collect();
    assert_eq!(pixels, [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]);
    // One that a later result replaced is not listed any more; by name, it is still there.
    let database = SqliteConnectOptions::new().filename(server.folder.path().join("data/uvid.sqlite"));
    let pool = SqlitePool::connect_with(database).await.unwrap();
    sqlx::query("UPDATE result SET superseded_ms = 1").execute(&pool).await.unwrap();
    assert_eq!(get(&server, "series?Modality=OT", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&server, "studies?ModalitiesInStudy=OT", "").await.status, StatusCode::NO_CONTENT);
    let found: Value = get(&server, "studies", "").await.ok();
    assert_eq!(found[0]["00201208"]["Value"], json!([4]));
    assert_eq!(parts(&get(&server, &format!("studies/{study}"), "").await).len(), 4);
    assert_eq!(get(&server, &path, "application/dicom").await.body, file);
}
