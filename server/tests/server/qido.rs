//! What QIDO-RS finds.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use uvid_datasets::phantom::{self, PhantomFile, PhantomPatient, Spec};
use uvid_server::config::{Charset, Sender};
use uvid_server::store::{Door, Origin, Policy, Store, accept_from};

use crate::support::{Answer, Server, bytes, config, exam, study_of, uids};

/// An exam of a patient, on a day.
fn of(seed: u64, name: &str, character_set: &str, id: &str, date: &str) -> Vec<PhantomFile> {
    let patient = PhantomPatient {
        name: name.into(),
        character_set: character_set.into(),
        id: Some(id.into()),
        ..PhantomPatient::default()
    };
    phantom::exam(&Spec { patient, study_date: date.into(), ..Spec::small(seed) }).unwrap()
}

/// The values of an attribute in the answers.
fn values(answer: &Answer, tag: &str) -> Vec<Value> {
    if answer.status == StatusCode::NO_CONTENT {
        assert!(answer.body.is_empty());
        return Vec::new();
    }
    assert_eq!(answer.headers["content-type"], "application/dicom+json");
    answer.ok().as_array().unwrap().iter().map(|item| item[tag]["Value"][0].clone()).collect()
}

fn warnings(answer: &Answer) -> Vec<String> {
    answer.headers.get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn studies_are_found_by_their_attributes() {
    let server = Server::start().await;
    let exams = [
        of(201, "Јовановић^Љиљана", "ISO_IR 144", "A1", "20240110"),
        of(202, "Đorđević^Živka", "ISO_IR 101", "A2", "20240120"),
        of(203, "Njegos^Ana", "", "[B]1", "20240130"),
    ];
    for files in &exams {
        server.stow(&bytes(files)).await.ok();
    }
    let check = async |query: &str, expected: &[usize]| {
        let answer = server.get(&format!("/dicom-web/studies?{query}")).await;
        // The latest first.
        let expected: Vec<Value> = expected.iter().rev().map(|at| study_of(&exams[*at]).into()).collect();
        assert_eq!(values(&answer, "0020000D"), expected, "{query}");
    };
    check("", &[0, 1, 2]).await;
    for (at, names) in [
        ["jovanovic^ljiljana", "Jovanovi%C4%87%5ELjiljana", "%D0%88%D0%BE%D0%B2*", "JOVANOVI?%5E*"],
        ["djordjevic*", "dordevic*", "%C4%90or%C4%91evi%C4%87^zivka", "%D0%82%D0%BE%D1%80%D1%92*"],
        ["%D0%8A*", "nj*^ana", "Njego%C5%A1^Ana", "NJEGOS^ANA^^"],
    ]
    .iter()
    .enumerate()
    {
        for name in names {
            check(&format!("PatientName={name}"), &[at]).await;
            check(&format!("00100010={name}"), &[at]).await;
        }
    }
    check("PatientName=Jovanovic", &[]).await;
    check("PatientName=*", &[0, 1, 2]).await;
    check("PatientName=&PatientID=A2", &[1]).await;
    check("PatientID=A*", &[0, 1]).await;
    check("PatientID=a*", &[]).await;
    check("PatientID=%5BB%5D1", &[2]).await;
    check("PatientID=%5BB%5D*", &[2]).await;
    check("StudyDate=20240120", &[1]).await;
    check("StudyDate=20240115-", &[1, 2]).await;
    check("StudyDate=-20240120", &[0, 1]).await;
    check("StudyDate=20240111-20240121", &[1]).await;
    check("StudyDate=20250101-", &[]).await;
    check("ModalitiesInStudy=CT,MG", &[0, 1, 2]).await;
    check("ModalitiesInStudy=CT", &[]).await;
    check(&format!("StudyInstanceUID={},{}", study_of(&exams[0]), study_of(&exams[2])), &[0, 2]).await;
    check(&format!("StudyInstanceUID={}&PatientID=A2", study_of(&exams[0])), &[]).await;
    check("PatientBirthDate=19640517", &[0, 1, 2]).await;
    // Nothing of it is SQL.
    check("PatientID=%27+OR+1%3D1+--", &[]).await;
    check("PatientName=%25", &[]).await;
    check("AccessionNumber=%3F%27%22%3B+DROP+TABLE+study_index", &[]).await;
    check("", &[0, 1, 2]).await;

    let answer = server.get("/dicom-web/studies?PatientID=A1").await;
    let study = &answer.ok()[0];
    assert_eq!(study["00100010"], json!({ "vr": "PN", "Value": [{ "Alphabetic": "Јовановић^Љиљана" }] }));
    assert_eq!(study["00080061"]["Value"], json!(["MG"]));
    assert_eq!(study["00201208"], json!({ "vr": "IS", "Value": [4] }));
    assert_eq!(study["00080005"]["Value"], json!(["ISO_IR 192"]));
    assert_eq!(study["00080056"]["Value"], json!(["ONLINE"]));
    let url = format!("/dicom-web/studies/{}", study_of(&exams[0]));
    assert_eq!(study["00081190"]["Value"], json!([url]));
    assert!(study.get("00080018").is_none() && study.get("00080060").is_none());
}

#[tokio::test]
async fn times_match_as_far_as_they_are_known() {
    let server = Server::start().await;
    let files = phantom::exam(&Spec { study_time: "093015".into(), ..Spec::small(207) }).unwrap();
    server.stow(&bytes(&files)).await.ok();
    for (time, found) in [
        ("093015", true),
        ("0930", true),
        ("09", true),
        ("0931", false),
        ("0930-0930", true),
        ("093016-", false),
        ("-093014.999999", false),
        ("-093015", true),
        ("08-09", true),
        ("10-", false),
    ] {
        let answer = server.get(&format!("/dicom-web/studies?StudyTime={time}")).await;
        assert_eq!(!values(&answer, "0020000D").is_empty(), found, "{time}");
    }
}

#[tokio::test]
async fn series_and_instances_are_found() {
    let server = Server::start().await;
    let (one, other) = (exam(211), exam(212));
    server.stow(&bytes(&one)).await.ok();
    server.stow(&bytes(&other)).await.ok();
    let study = study_of(&one);
    let [_, series, instance, class] = uids(&one[0].bytes);
    let count = async |path: &str| values(&server.get(&format!("/dicom-web/{path}")).await, "0020000D").len();
    let in_series = one.iter().filter(|file| uids(&file.bytes)[1] == series).count();
    assert_eq!(count("instances").await, 8);
    assert_eq!(count(&format!("studies/{study}/instances")).await, 4);
    assert_eq!(count(&format!("studies/{study}/series/{series}/instances")).await, in_series);
    assert_eq!(count(&format!("instances?SOPInstanceUID={instance}")).await, 1);
    assert_eq!(count(&format!("instances?SOPClassUID={class}&StudyInstanceUID={study}")).await, 4);
    assert_eq!(count("instances?Rows=1").await, 0);
    assert_eq!(count(&format!("series?SeriesInstanceUID={series}&Modality=MG")).await, 1);
    assert_eq!(count("series?Modality=CT").await, 0);
    assert_eq!(count("studies/1.2.3/series").await, 0);

    let path = format!("/dicom-web/studies/{study}/series/{series}/instances?SOPInstanceUID={instance}");
    let short = server.get(&path).await.ok()[0].clone();
    assert_eq!(
        short["00081190"]["Value"][0],
        format!("/dicom-web/studies/{study}/series/{series}/instances/{instance}")
    );
    assert_eq!(short["0020000D"]["Value"][0], study.as_str());
    assert!(short["00280010"]["Value"][0].is_u64() && short["00200013"]["Value"][0].is_i64(), "{short}");
    assert!(short.get("00100010").is_none() && short.get("00080060").is_none());
    let named = server.get(&format!("{path}&includefield=PatientName,Modality")).await.ok()[0].clone();
    assert!(named["00100010"]["Value"][0].is_object() && named["00080060"]["Value"][0] == "MG", "{named}");
    assert!(named.get("00100020").is_none());
    let all = server.get(&format!("{path}&includefield=all")).await.ok()[0].clone();
    assert!(all["00100020"]["Value"][0].is_string(), "{all}");
}

#[tokio::test]
async fn pages_say_what_is_behind_them() {
    let server = Server::with(|config| config.http.search_results_max = 3).await;
    server.stow(&bytes(&exam(221))).await.ok();
    let check = async |query: &str, found: usize, behind: Option<u32>| {
        let answer = server.get(&format!("/dicom-web/instances?{query}")).await;
        assert_eq!(values(&answer, "00080018").len(), found, "{query}");
        let text = behind.map(|n| format!("299 uvid \"There are {n} additional results that can be requested\""));
        assert_eq!(warnings(&answer), text.into_iter().collect::<Vec<_>>(), "{query}");
        values(&answer, "00080018")
    };
    let first = check("limit=2", 2, Some(2)).await;
    let second = check("limit=2&offset=2", 2, None).await;
    assert!(first.iter().all(|uid| !second.contains(uid)));
    check("", 3, Some(1)).await;
    check("limit=100", 3, Some(1)).await;
    check("offset=3", 1, None).await;
    check("offset=9", 0, None).await;
    check("limit=0", 0, Some(4)).await;
    let fuzzy = server.get("/dicom-web/studies?fuzzymatching=true&PatientName=*").await;
    assert!(warnings(&fuzzy)[0].contains("fuzzymatching parameter is not supported"));
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let server = Server::start().await;
    for query in
        ["nonsense=1", "StudyDate=today", "limit=-1", "OtherPatientIDs=1", "Modality=MG", "includefield=nonsense"]
    {
        server.get(&format!("/dicom-web/studies?{query}")).await.problem(400, "query-invalid");
    }
    server.get("/dicom-web/studies/not-a-uid/series").await.problem(400, "uid-invalid");
    let request = Request::get("/dicom-web/studies").header("Accept", "application/dicom+xml");
    server.send(request.body(Body::empty()).unwrap()).await.problem(406, "not-acceptable");
    let many = vec!["PatientID=1"; 200].join("&");
    server.get(&format!("/dicom-web/studies?{many}")).await.problem(400, "query-invalid");
}

/// A store from before there was an index gets one, wherever the filling was cut off.
#[tokio::test]
async fn what_was_stored_before_is_indexed() {
    let server = Server::start().await;
    let files = exam(231);
    server.stow(&bytes(&files)).await.ok();
    let folder = server.folder.path().to_owned();
    let config = config(&folder);
    let study = study_of(&files);
    let row = |level: &'static str| format!("DELETE FROM {level}_index");
    let database = SqliteConnectOptions::new().filename(folder.join("data/uvid.sqlite"));
    let pool = SqlitePool::connect_with(database).await.unwrap();
    let one = format!("DELETE FROM instance_index WHERE sop_uid = '{}'", uids(&files[0].bytes)[2]);
    for statements in [vec![one], vec![row("instance"), row("series"), row("study")]] {
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        }
        assert!(values(&server.get(&format!("/dicom-web/studies/{study}/instances")).await, "00080018").len() < 4);
        // Another start: the store is opened anew beside the one that runs, which a copy of the folder allows.
        let copy = tempfile::tempdir().unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&pool).await.unwrap();
        copy_folder(&config.data_dir, copy.path());
        let store = Store::open(copy.path(), Policy::from(&config)).await.unwrap();
        store.fill_index().await.unwrap();
        let search = uvid_server::store::index::Search {
            level: uvid_server::store::index::Level::Instance,
            conditions: Vec::new(),
            modalities: Vec::new(),
            limit: 10,
            offset: 0,
        };
        assert_eq!(store.search(&search).await.unwrap().found.len(), 4);
    }
}

/// What was fetched as somebody's earlier exam is neither found nor given, until somebody sends it.
#[tokio::test]
async fn what_was_only_fetched_leaves_by_no_door() {
    let server = Server::start().await;
    let files = exam(232);
    let prior = Origin { door: Door::Prior, ..Origin::default() };
    for file in &files {
        accept_from(&server.store, &file.bytes, &prior).await.unwrap().unwrap();
    }
    let study = study_of(&files);
    let [_, series, instance, _] = uids(&files[0].bytes);
    let one = format!("studies/{study}/series/{series}/instances/{instance}");
    let searches = ["studies", "series", "instances", "instances?PatientID=*"].map(str::to_owned);
    let below = [format!("studies/{study}/series"), format!("studies/{study}/instances")];
    let searches: Vec<String> = searches.into_iter().chain(below).collect();
    let parts = ["", "/metadata", "/frames/1", "/bulkdata/7FE00010", "/rendered", "/thumbnail"];
    let study_parts = ["", "/metadata", "/thumbnail"].map(|part| format!("studies/{study}{part}"));
    let objects: Vec<String> = parts.iter().map(|part| format!("{one}{part}")).chain(study_parts).collect();
    for path in &searches {
        assert_eq!(server.get(&format!("/dicom-web/{path}")).await.status, StatusCode::NO_CONTENT, "{path}");
    }
    for path in &objects {
        server.get(&format!("/dicom-web/{path}")).await.problem(404, "not-found");
    }
    server.stow(&bytes(&files[..1])).await.ok();
    for path in searches.iter().chain(&objects) {
        assert_eq!(server.get(&format!("/dicom-web/{path}")).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(values(&server.get("/dicom-web/instances").await, "00080018").len(), 4);
}

/// Text of a sender that declares it wrongly is read by the rule: in metadata, and in an index that is made again.
#[tokio::test]
async fn text_is_read_by_the_rule_for_its_sender() {
    let server = Server::with(|config| {
        let ae_titles = vec!["OLD".to_owned()];
        config.senders =
            vec![Sender { name: "old".into(), ae_titles, charset: Some(Charset::Cyrillic), ..Sender::default() }];
    })
    .await;
    let mut file = of(233, "Ђорђевић^Џана", "ISO_IR 144", "7", "20240110")[0].bytes.clone();
    let at = memchr::memmem::find(&file, b"ISO_IR 144").unwrap();
    file[at..at + 10].copy_from_slice(b"ISO_IR 101");
    let old = Origin { ae_title: Some("OLD".to_owned()), ..Origin::default() };
    accept_from(&server.store, &file, &old).await.unwrap().unwrap();
    let [study, series, instance, _] = uids(&file);
    let name = json!({ "Alphabetic": "Ђорђевић^Џана" });
    let found = || async { values(&server.get("/dicom-web/studies").await, "00100010") };
    assert_eq!(found().await, std::slice::from_ref(&name));
    let path = format!("/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata");
    assert_eq!(values(&server.get(&path).await, "00100010"), std::slice::from_ref(&name));
    let database = SqliteConnectOptions::new().filename(server.folder.path().join("data/uvid.sqlite"));
    let pool = SqlitePool::connect_with(database).await.unwrap();
    for statement in ["DELETE FROM instance_index", "DELETE FROM series_index", "DELETE FROM study_index"] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    assert!(found().await.is_empty());
    server.store.fill_index().await.unwrap();
    assert_eq!(found().await, [name]);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { std::fs::copy(&path, &target).map(drop).unwrap() }
    }
}
