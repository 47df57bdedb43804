//! Earlier exams, fetched from Orthanc by C-GET, by C-MOVE and over the web: of the same woman, earlier, and no others.

use std::time::{Duration, Instant};

use serde_json::Value;
use uvid_datasets::phantom::{self, PhantomFile, PhantomPatient, Spec};

use super::orthanc::{Orthanc, free_port};
use super::support::Server;

const PATIENCE: Duration = Duration::from_secs(90);

fn study_of(files: &[PhantomFile]) -> String {
    let limits = uvid_datasets::dicom::Limits::default();
    uvid_datasets::dicom::read_header(&files[0].bytes, &limits).unwrap().study.to_string()
}

/// An exam of the woman with ID 4711 on a day.
fn exam(seed: u64, day: &str, patient: PhantomPatient) -> Vec<PhantomFile> {
    phantom::exam(&Spec { study_date: day.to_owned(), patient, ..Spec::small(seed) }).unwrap()
}

fn she() -> PhantomPatient {
    PhantomPatient { id: Some("4711".to_owned()), ..PhantomPatient::default() }
}

fn check(how: impl Fn(&Orthanc) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let uvid_port = free_port();
    let Some(orthanc) = Orthanc::start(&folder.path().join("orthanc"), uvid_port) else { return };
    let another = PhantomPatient { birth_date: "19700101".to_owned(), ..she() };
    let held = [
        ("fetched", exam(601, "20240110", she())),
        ("fetched", exam(602, "20230110", she())),
        ("enough", exam(603, "20220110", she())),
        ("too-old", exam(604, "20100110", she())),
        ("not-earlier", exam(605, "20270110", she())),
        ("other-patient", exam(606, "20240210", another)),
    ];
    for file in held.iter().flat_map(|(_, files)| files) {
        orthanc.store(&file.bytes);
    }
    let configuration = format!(
        "[dimse]\nlisten = \"127.0.0.1:{uvid_port}\"\n[jobs]\nquiet_seconds = 0.2\n\
         [[nodes]]\nname = \"pacs\"\nae_title = \"ORTHANC\"\nhost = \"127.0.0.1\"\nport = {}\n\
         [priors]\nalways = true\nwait_seconds_max = 60\n{}\n",
        orthanc.dicom_port,
        how(&orthanc)
    );
    let file = folder.path().join("uvid.toml");
    std::fs::write(&file, configuration).unwrap();
    let uvid = Server::configured(&folder.path().join("data"), &file);
    let current = exam(600, "20260110", she());
    let study = study_of(&current);
    assert_eq!(uvid.store(&current.iter().map(|f| f.bytes.clone()).collect::<Vec<_>>()).0, 200);
    let start = Instant::now();
    let seen = loop {
        let seen = uvid.get(&format!("/api/v1/studies/{study}")).unwrap_or_default();
        if seen["state"] == "scored" {
            break seen;
        }
        assert!(start.elapsed() < PATIENCE, "{seen}");
        std::thread::sleep(Duration::from_millis(200));
    };
    // It was scored after they had been looked for.
    let priors = &seen["priors"];
    assert_eq!(priors["problem"], Value::Null, "{priors}");
    for (code, files) in &held {
        let of = study_of(files);
        let found = priors["found"].as_array().unwrap().iter().find(|prior| prior["study"] == of.as_str());
        let found = found.unwrap_or_else(|| panic!("{of} ({code}) is not there: {priors}"));
        assert_eq!(found["code"], *code, "{priors}");
        assert_eq!(found["instances"], if *code == "fetched" { 4 } else { 0 }, "{priors}");
    }
    // They are no studies of the worklist, and are not scored.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(uvid.get("/api/v1/studies").unwrap()["total"], 1);
}

#[test]
fn priors_come_by_get() {
    check(|_| "node = \"pacs\"\nretrieve = \"get\"".to_owned());
}

#[test]
fn priors_come_by_move() {
    check(|_| "node = \"pacs\"\nretrieve = \"move\"".to_owned());
}

#[test]
fn priors_come_over_the_web() {
    check(|orthanc| format!("url = \"{}/dicom-web\"", orthanc.http));
}

#[test]
fn an_archive_that_is_down_delays_a_study_and_stops_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("uvid.toml");
    let configuration = format!(
        "[dimse]\nlisten = \"127.0.0.1:0\"\n[jobs]\nquiet_seconds = 0.1\n\
         [[nodes]]\nname = \"pacs\"\nae_title = \"PACS\"\nhost = \"127.0.0.1\"\nport = {}\n\
         [priors]\nalways = true\nnode = \"pacs\"\nwait_seconds_max = 20\n",
        free_port()
    );
    std::fs::write(&file, configuration).unwrap();
    let uvid = Server::configured(&folder.path().join("data"), &file);
    let current = exam(610, "20260110", she());
    uvid.store(&current.iter().map(|f| f.bytes.clone()).collect::<Vec<_>>());
    let study = study_of(&current);
    let start = Instant::now();
    loop {
        let seen = uvid.get(&format!("/api/v1/studies/{study}")).unwrap_or_default();
        if seen["state"] == "scored" {
            assert!(seen["priors"]["problem"].is_string(), "{}", seen["priors"]);
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{seen}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
