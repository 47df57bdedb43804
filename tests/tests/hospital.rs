//! A hospital: Orthanc as the PACS, three unlike senders, and Uvid between them, killed when it hurts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use uvid_datasets::phantom::{self, PhantomFile, Spec, TransferSyntax};

use super::orthanc::{Orthanc, free_port};
use super::support::{Server, installed, python_with, shared, small_exam, write};

/// For all results to reach the PACS, kills and back-off included.
const PATIENCE: Duration = Duration::from_secs(180);

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
const CAD_SR: &str = "1.2.840.10008.5.1.4.1.1.88.50";
const COMPREHENSIVE_3D_SR: &str = "1.2.840.10008.5.1.4.1.1.88.34";
const PRESENTATION_STATE: &str = "1.2.840.10008.5.1.4.1.1.11.1";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
const KEY_OBJECT: &str = "1.2.840.10008.5.1.4.1.1.88.59";

/// Uvid with Orthanc as its only destination.
struct Hospital {
    folder: tempfile::TempDir,
    uvid: Option<Server>,
    uvid_port: u16,
    orthanc: Orthanc,
}

impl Hospital {
    fn open(settings: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let uvid_port = free_port();
        let orthanc = Orthanc::start(&folder.path().join("orthanc"), uvid_port)?;
        let configuration = format!(
            "{settings}\n\
             [dimse]\nlisten = \"127.0.0.1:{uvid_port}\"\n\
             [outbox]\nretry_seconds = 0.5\nretry_seconds_max = 2\ncommitment_seconds_max = 5\n\
             [[nodes]]\nname = \"pacs\"\nae_title = \"ORTHANC\"\nhost = \"127.0.0.1\"\nport = {}\n\
             [[destinations]]\nname = \"pacs\"\nnode = \"pacs\"\ncommitment = true\n",
            orthanc.dicom_port
        );
        std::fs::write(folder.path().join("uvid.toml"), configuration).unwrap();
        let mut hospital = Self { folder, uvid: None, uvid_port, orthanc };
        hospital.start_uvid();
        Some(hospital)
    }

    fn start_uvid(&mut self) {
        let folder = self.folder.path();
        self.uvid = Some(Server::configured(&folder.join("data"), &folder.join("uvid.toml")));
    }

    fn kill_uvid(&mut self) {
        self.uvid = None;
    }

    fn uvid(&self) -> &Server {
        self.uvid.as_ref().expect("it runs")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The SOP Instance UIDs of the objects that Uvid has made for a study.
    fn made(&self, study: &str) -> BTreeSet<String> {
        let url = format!("/dicom-web/studies/{study}/instances");
        let found = self.uvid().get(&url).unwrap_or_default();
        let text = |instance: &Value, tag: &str| instance[tag]["Value"][0].as_str().unwrap_or_default().to_owned();
        let instances = found.as_array().cloned().unwrap_or_default();
        let ours = instances.iter().filter(|instance| !text(instance, "00080016").starts_with(MAMMOGRAM));
        ours.map(|instance| text(instance, "00080018")).collect()
    }

    /// Waits until the PACS holds what Uvid has made of a study, once each, with one CAD SR for each result that was
    /// asked for; returns its instances as (modality, class, UID, Orthanc's name).
    fn settled(&self, study: &str, results: usize) -> Vec<(String, String, String, String)> {
        let start = Instant::now();
        loop {
            let held = self.orthanc.instances(study);
            let count = |class: &str| held.iter().filter(|(_, of, ..)| of == class).count();
            let uids: BTreeSet<String> = held.iter().map(|(.., uid, _)| uid.clone()).collect();
            assert_eq!(uids.len(), held.len(), "the PACS holds an instance twice: {held:?}");
            let made = self.made(study);
            let waiting = self.uvid().get(&format!("/api/v1/studies/{study}")).map(|study| study["state"].clone());
            let settled = waiting.is_some_and(|state| state != "waiting" && state != "running")
                && count(CAD_SR) == results
                && !made.is_empty()
                && made == uids.iter().filter(|uid| made.contains(*uid)).cloned().collect();
            if settled {
                return held;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{study}: the PACS holds {held:?}, Uvid has made {made:?}; outbox: {:?}",
                self.uvid().get("/api/v1/outbox")
            );
            std::thread::sleep(Duration::from_millis(250));
        }
    }
}

fn study_of(files: &[PhantomFile]) -> String {
    let limits = uvid_datasets::dicom::Limits::default();
    uvid_datasets::dicom::read_header(&files[0].bytes, &limits).unwrap().study.to_string()
}

fn exam_in(seed: u64, transfer_syntax: TransferSyntax) -> Vec<PhantomFile> {
    phantom::exam(&Spec { transfer_syntax, ..Spec::small(seed) }).unwrap()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A sender that another project wrote, if it is here.
fn sender(name: &str, port: u16, files: &[PathBuf]) -> Option<Command> {
    let scripts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers"));
    let mut command = match name {
        "storescu" => {
            if !installed("storescu") {
                return None;
            }
            let mut command = Command::new("storescu");
            // Propose every file's own transfer syntax: its table of compressed ones, and the rest.
            command.args(["-aec", "UVID", "-aet", "STORESCU", "-R", "-xs", "127.0.0.1"]).arg(port.to_string());
            command
        }
        "pynetdicom" => {
            let mut command = Command::new(python_with("pynetdicom")?);
            command.arg(scripts.join("pynetdicom_send.py")).args(["127.0.0.1", &port.to_string(), "UVID"]);
            command
        }
        _ => {
            let modules = std::env::var("TEST_PEERS_NODE").unwrap_or_default();
            let has = Command::new("node").args(["-e", "require('dcmjs-dimse')"]).env("NODE_PATH", &modules).output();
            if !has.is_ok_and(|output| output.status.success()) {
                eprintln!(
                    "skipped: node has no dcmjs-dimse (npm install dcmjs-dimse; TEST_PEERS_NODE names node_modules)"
                );
                return None;
            }
            let mut command = Command::new("node");
            command.env("NODE_PATH", modules);
            command.arg(scripts.join("dcmjs_send.js")).args(["127.0.0.1", &port.to_string(), "UVID"]);
            command
        }
    };
    command.args(files).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

#[test]
fn three_senders_push_at_once_and_the_pacs_holds_each_result_once() {
    let Some(hospital) = Hospital::open("[jobs]\nquiet_seconds = 1.5\n") else { return };
    let mut sent = Vec::new();
    for (i, (name, syntax)) in [
        ("storescu", TransferSyntax::JpegLossless),
        ("pynetdicom", TransferSyntax::ImplicitLittle),
        ("dcmjs", TransferSyntax::ExplicitLittle),
        ("pynetdicom", TransferSyntax::RleLossless),
        ("pynetdicom", TransferSyntax::JpegLsLossless),
    ]
    .into_iter()
    .enumerate()
    {
        let files = exam_in(400 + i as u64, syntax);
        let folder = hospital.file(&format!("exam-{i}"));
        write(&folder, &files);
        if let Some(mut sender) = sender(name, hospital.uvid_port, &files_in(&folder)) {
            sent.push((study_of(&files), name, sender.spawn().unwrap()));
        }
    }
    // A real mammogram, of which there is one view: it gets its result, too.
    if let Some(real) = shared("data/dicom/GH133.dcm")
        && let Some(mut sender) = sender("storescu", hospital.uvid_port, std::slice::from_ref(&real))
    {
        let limits = uvid_datasets::dicom::Limits::default();
        let header = uvid_datasets::dicom::read_header(&std::fs::read(&real).unwrap(), &limits).unwrap();
        sent.push((header.study.to_string(), "storescu", sender.spawn().unwrap()));
    }
    for (study, name, process) in sent {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let held = hospital.settled(&study, 1);
        let count = |class: &str| held.iter().filter(|(_, of, ..)| of == class).count();
        assert_eq!(count(COMPREHENSIVE_3D_SR), 1, "{name}: {held:?}");
        assert_eq!(count(SECONDARY_CAPTURE), 1, "{name}: {held:?}");
        assert_eq!(count(KEY_OBJECT), 0, "{name}: {held:?}");
        let scored = hospital.uvid().get(&format!("/api/v1/studies/{study}")).unwrap()["state"] == "scored";
        assert_eq!(count(PRESENTATION_STATE) > 0, scored, "{name}: {held:?}");
        // The images themselves stay where they were.
        assert_eq!(count(MAMMOGRAM), 0, "{name}: {held:?}");
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_either_side_is_killed() {
    if !installed("storescu") {
        return;
    }
    let Some(mut hospital) = Hospital::open("[jobs]\nquiet_seconds = 0.3\n") else { return };
    let exams: Vec<_> = (0..6).map(|i| small_exam(450 + i)).collect();
    for (i, exam) in exams.iter().enumerate() {
        let folder = hospital.file(&format!("exam-{i}"));
        write(&folder, exam);
        match i {
            // Uvid dies while results are on their way, and while images are.
            1 | 4 => {
                hospital.kill_uvid();
                hospital.start_uvid();
            }
            2 => hospital.orthanc.kill(),
            3 => hospital.orthanc.restart(),
            _ => {}
        }
        // What is refused or cut off is sent again, as a modality would.
        let mut attempts = 0;
        loop {
            let mut sender = sender("storescu", hospital.uvid_port, &files_in(&folder)).unwrap().spawn().unwrap();
            if i == 5 && attempts == 0 {
                std::thread::sleep(Duration::from_millis(40));
                hospital.kill_uvid();
                hospital.start_uvid();
            }
            let sent = sender.wait().unwrap().success();
            attempts += 1;
            if sent {
                break;
            }
            assert!(attempts < 5, "storescu cannot send exam {i}");
        }
    }
    for exam in &exams {
        let study = study_of(exam);
        let held = hospital.orthanc.instances(&study);
        let results = hospital.settled(&study, held.iter().filter(|(_, class, ..)| class == CAD_SR).count().max(1));
        let cad = results.iter().filter(|(_, class, ..)| class == CAD_SR).count();
        let rejections = results.iter().filter(|(_, class, ..)| class == KEY_OBJECT).count();
        // An exam that was cut in two has a result of its first half, which the second one rejects.
        assert_eq!(cad, rejections + 1, "{study}: {results:?}");
    }
}

#[test]
fn late_images_give_a_new_result_that_rejects_the_old_one() {
    if !installed("storescu") {
        return;
    }
    let Some(hospital) = Hospital::open("[jobs]\nquiet_seconds = 2.0\n") else { return };
    let exam = small_exam(470);
    let (study, folder) = (study_of(&exam), hospital.file("exam"));
    write(&folder, &exam);
    let mut files = files_in(&folder);
    files.reverse();
    let send = |files: &[PathBuf]| {
        let output = sender("storescu", hospital.uvid_port, files).unwrap().output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    send(&files[..3]);
    let first = hospital.settled(&study, 1);
    assert!(first.iter().all(|(_, class, ..)| class != KEY_OBJECT), "{first:?}");
    // The same again changes nothing; the missing view does.
    send(&files[..3]);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(hospital.orthanc.instances(&study), first);
    send(&files[3..]);
    let both = hospital.settled(&study, 2);
    let notes: Vec<_> = both.iter().filter(|(_, class, ..)| class == KEY_OBJECT).collect();
    assert_eq!(notes.len(), 1, "{both:?}");
    let tags = hospital.orthanc.get(&format!("/instances/{}/tags?simplify", notes[0].3)).unwrap();
    let text = tags.to_string();
    for (_, _, uid, _) in &first {
        assert!(text.contains(uid), "the Key Object does not name {uid}");
    }
    for (_, class, uid, _) in &both {
        let is_new = !first.iter().any(|(_, _, old, _)| old == uid) && class != KEY_OBJECT;
        assert!(!(is_new && text.contains(uid)), "the Key Object names the new {uid}");
    }
}
