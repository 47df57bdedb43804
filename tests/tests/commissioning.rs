//! Putting a site into operation: our commands and our service class user with DICOM nodes that others wrote (DCMTK,
//! pynetdicom), and theirs with our simulated PACS.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dicom_dictionary_std::tags;
use serde_json::Value;
use uvid_datasets::dicom::{self, Limits};
use uvid_server::config::{DimseTls, Node};
use uvid_server::dimse::scu::{self, Remote, ScuError, ToStore};

use super::support::{installed, python_with, small_exam, stderr, stdout, uvid, write};

/// A program that runs until the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `uvid simulate-pacs` on a port of its own, with what it told so far.
struct Pacs {
    _process: Running,
    address: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Pacs {
    fn start(arguments: &[&str]) -> Self {
        let mut process = uvid()
            .args(["simulate-pacs", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("uvid starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let first: Value = serde_json::from_str(&lines.next().expect("a line").expect("UTF-8")).expect("JSON");
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                events.lock().unwrap().push(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let address = first["address"].as_str().expect("an address").to_owned();
        Self { _process: Running(process), address, told }
    }

    fn port(&self) -> String {
        self.address.rsplit(':').next().expect("a port").to_owned()
    }

    fn count(&self, event: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|told| told["event"] == event).count()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a node and waits until it listens.
fn node(mut command: Command, port: u16) -> Running {
    let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let running = Running(process);
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(60), "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

fn remote(ae_title: &str, port: u16) -> Remote {
    let node = Node {
        name: "peer".to_owned(),
        ae_title: ae_title.to_owned(),
        host: "localhost".to_owned(),
        port,
        ..Node::default()
    };
    Remote { node, calling_ae_title: "UVID".to_owned(), tls: DimseTls::default() }
}

fn run(arguments: &[&str]) -> Output {
    uvid().args(arguments).output().expect("uvid starts")
}

/// Runs a program of another project; its output, both streams.
fn other(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

fn exam(folder: &Path, seed: u64) -> (PathBuf, Vec<ToStore>) {
    let files = small_exam(seed);
    let exam = folder.join("exam");
    write(&exam, &files);
    (exam, files.into_iter().map(|file| object(file.bytes)).collect())
}

fn object(bytes: Vec<u8>) -> ToStore {
    let header = dicom::read_header(&bytes, &Limits::default()).expect("a header");
    ToStore { sop_class: header.sop_class, sop_instance: header.sop_instance, bytes }
}

fn study(object: &ToStore) -> String {
    dicom::read_header(&object.bytes, &Limits::default()).expect("a header").study.as_str().to_owned()
}

fn uids<'a>(objects: impl IntoIterator<Item = &'a ToStore>) -> BTreeSet<String> {
    objects.into_iter().map(|object| object.sop_instance.as_str().to_owned()).collect()
}

/// The objects in a folder.
fn objects(folder: &Path) -> Vec<ToStore> {
    let entries = std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path());
    entries
        .filter(|path| path.is_file())
        .filter_map(|path| {
            let bytes = std::fs::read(path).expect("read");
            dicom::read_header(&bytes, &Limits::default()).is_ok().then(|| object(bytes))
        })
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

/// The digest of the pixels, whatever the transfer syntax.
fn same_pixels(a: &[u8], b: &[u8]) -> bool {
    let read = |bytes: &[u8]| match dicom::read(bytes, &Limits::default()).expect("read").content {
        uvid_exam::Content::Mammogram(image) => image.pixels,
        uvid_exam::Content::Listed(listed) => panic!("no mammogram: {}", listed.what),
    };
    read(a) == read(b)
}

#[test]
fn echo_and_send_to_a_simulated_pacs() {
    let folder = tempfile::tempdir().unwrap();
    let (exam, sent) = exam(folder.path(), 31);
    let kept = folder.path().join("pacs");
    let pacs = Pacs::start(&["--store", kept.to_str().unwrap()]);
    let echo = run(&["echo", &pacs.address, "--called", "SIMPACS"]);
    let text = stdout(&echo);
    assert_eq!(echo.status.code(), Some(0), "{text}{}", stderr(&echo));
    for expected in ["C-ECHO", "Mammography CAD SR", "Explicit VR, Implicit VR", "Storage Commitment             yes"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let send = run(&["send", exam.to_str().unwrap(), "--to", &pacs.address, "--commit", "--associations", "2"]);
    assert_eq!(send.status.code(), Some(0), "{}{}", stdout(&send), stderr(&send));
    assert!(stdout(&send).contains("4 of 4 taken"), "{}", stdout(&send));
    assert!(stdout(&send).contains("4 of 4 kept by commitment"), "{}", stdout(&send));
    assert_eq!(uids(&objects(&kept)), uids(&sent));
    assert_eq!(pacs.count("store"), 4);
    let again = run(&["send", exam.to_str().unwrap(), "--to", &pacs.address, "--repeat", "2", "--shuffle", "5"]);
    assert!(stdout(&again).contains("8 of 8 taken"), "{}", stdout(&again));
}

#[test]
fn what_goes_wrong_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (exam, _) = exam(folder.path(), 32);
    let nobody = format!("127.0.0.1:{}", free_port());
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = run(arguments);
        let text = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{expected:?}: {text}");
    };
    check(&["echo", &nobody], 3, "nothing listens there; check host and port");
    check(&["echo", "no.such.host.invalid:104"], 3, "cannot be resolved");
    check(&["echo", "pacs"], 1, "neither a node of the configuration");
    check(&["echo"], 1, "the configuration has no nodes");
    check(&["send", exam.to_str().unwrap(), "--to", &nobody], 1, "nothing listens there");
    check(&["send", exam.to_str().unwrap(), "--to", "https://pacs/dicom-web"], 1, "look at url, ca and the network");
    let refusing = Pacs::start(&["--refuse-rate", "1"]);
    check(&["send", exam.to_str().unwrap(), "--to", &refusing.address], 1, "status A700H");
    let flaky = Pacs::start(&["--drop-rate", "0.5", "--seed", "1"]);
    check(&["send", exam.to_str().unwrap(), "--to", &flaky.address], 3, "not taken: ");
    let rejecting = Pacs::start(&["--reject-associations-rate", "1"]);
    check(&["echo", &rejecting.address], 3, "it has too many associations open");
    let forgetful = Pacs::start(&["--commit-fail-rate", "1"]);
    check(&["send", exam.to_str().unwrap(), "--to", &forgetful.address, "--commit"], 3, "0 of 4 kept by commitment");
}

#[test]
fn a_simulated_modality_sends_to_a_simulated_pacs() {
    let folder = tempfile::tempdir().unwrap();
    let (exam, sent) = exam(folder.path(), 33);
    let kept = folder.path().join("pacs");
    let pacs = Pacs::start(&["--store", kept.to_str().unwrap()]);
    let to = format!("SIMPACS={}", pacs.address);
    let bad = ["--drop-rate", "0.5", "--duplicate", "--odd-syntaxes", "--wrong-charset", "--seed", "2"];
    let push = run(&[&["simulate-pacs", "--push", exam.to_str().unwrap(), "--to", &to], &bad[..]].concat());
    assert_eq!(push.status.code(), Some(0), "{}{}", stdout(&push), stderr(&push));
    assert_eq!(pacs.count("store"), 8);
    for object in objects(&kept) {
        let before = sent.iter().find(|sent| sent.sop_instance == object.sop_instance).expect("ours");
        assert!(same_pixels(&object.bytes, &before.bytes));
    }
}

#[test]
fn dcmtk_takes_what_we_send_in_any_way_it_wants() {
    if !installed("storescp") {
        return;
    }
    for option in ["+xa", "+xi"] {
        let folder = tempfile::tempdir().unwrap();
        let (exam, sent) = exam(folder.path(), 34);
        let kept = folder.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        let port = free_port();
        let mut command = Command::new("storescp");
        command.args([option, "-od", kept.to_str().unwrap(), &port.to_string()]);
        let _node = node(command, port);
        let send = run(&["send", exam.to_str().unwrap(), "--to", &format!("localhost:{port}")]);
        assert_eq!(send.status.code(), Some(0), "{}{}", stdout(&send), stderr(&send));
        let found = objects(&kept);
        assert_eq!(uids(&found), uids(&sent), "{option}");
        for object in found {
            let before = sent.iter().find(|sent| sent.sop_instance == object.sop_instance).expect("ours");
            assert!(same_pixels(&object.bytes, &before.bytes), "{option}");
        }
        let echo = run(&["echo", &format!("localhost:{port}")]);
        assert_eq!(echo.status.code(), Some(0), "{}", stdout(&echo));
    }
}

#[test]
fn dcmtk_asks_and_moves_from_the_simulated_pacs() {
    if !["findscu", "getscu", "movescu", "storescp", "echoscu"].iter().all(|program| installed(program)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (exam, sent) = exam(folder.path(), 35);
    let port = free_port();
    let know = format!("DEST=localhost:{port}");
    let pacs = Pacs::start(&["--store", exam.to_str().unwrap(), "--know", &know]);
    let at = pacs.port();
    let study = format!("StudyInstanceUID={}", study(&sent[0]));
    let (well, text) = other("echoscu", &["-aec", "SIMPACS", "localhost", &at]);
    assert!(well, "{text}");
    let query = ["-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", &study, "-k", "SOPInstanceUID", "localhost", &at];
    let (well, text) = other("findscu", &[&["-v"], &query[..]].concat());
    assert!(well, "{text}");
    for uid in uids(&sent) {
        assert!(text.contains(&uid), "{uid}: {text}");
    }
    let got = folder.path().join("got");
    std::fs::create_dir(&got).unwrap();
    let level = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", &study, "localhost", &at];
    let (well, text) = other("getscu", &[&["-od", got.to_str().unwrap()], &level[..]].concat());
    assert!(well, "{text}");
    assert_eq!(uids(&objects(&got)), uids(&sent), "{text}");
    let moved = folder.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    let mut command = Command::new("storescp");
    command.args(["-od", moved.to_str().unwrap(), &port.to_string()]);
    let _node = node(command, port);
    let (well, text) = other("movescu", &[&["-aem", "DEST"], &level[..]].concat());
    assert!(well, "{text}");
    assert_eq!(uids(&objects(&moved)), uids(&sent), "{text}");
    let (_, text) = other("movescu", &[&["-v", "-aem", "NOBODY"], &level[..]].concat());
    assert!(text.contains("MoveDestinationUnknown") || text.contains("a801"), "{text}");
}

#[test]
fn dcmtks_archive_is_asked_and_gives() {
    if !installed("dcmqrscp") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, sent) = exam(folder.path(), 36);
    let archive = folder.path().join("archive");
    std::fs::create_dir(&archive).unwrap();
    let kept = folder.path().join("kept");
    let ours = Pacs::start(&["--store", kept.to_str().unwrap()]);
    let port = free_port();
    let config = folder.path().join("dcmqrscp.cfg");
    let text = format!(
        "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nuvid = (UVID, localhost, \
         {})\nHostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQRSCP {} RW (200, 1024mb) ANY\nAETable \
         END\n",
        ours.port(),
        archive.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("dcmqrscp");
    command.args(["-c", config.to_str().unwrap()]);
    let _node = node(command, port);
    let qrscp = remote("QRSCP", port);
    block_on(async {
        assert_eq!(scu::echo(&qrscp).await, Ok(()));
        assert_eq!(scu::store(&qrscp, &sent).await.expect("an association"), vec![Ok(0); 4]);
        let study = study(&sent[0]);
        // PS3.4 section C.4.1.2.1: level by level.
        let series = [(tags::STUDY_INSTANCE_UID, study.clone()), (tags::SERIES_INSTANCE_UID, String::new())];
        let mut found = BTreeSet::new();
        for mut answer in scu::find(&qrscp, "SERIES", &series, 10).await.expect("answers") {
            let keys = [series[0].clone(), answer.remove(1), (tags::SOP_INSTANCE_UID, String::new())];
            let images = scu::find(&qrscp, "IMAGE", &keys, 10).await.expect("answers");
            found.extend(images.into_iter().map(|mut image| image.remove(2).1));
        }
        assert_eq!(found, uids(&sent));
        let files = Mutex::new(Vec::new());
        let take = async |file| {
            files.lock().unwrap().push(object(file));
            Some(0)
        };
        assert_eq!(scu::get(&qrscp, &study, &["1.2.840.10008.5.1.4.1.1.1.2"], take).await, Ok(4));
        for object in files.into_inner().unwrap() {
            let before = sent.iter().find(|sent| sent.sop_instance == object.sop_instance).expect("ours");
            assert!(same_pixels(&object.bytes, &before.bytes));
        }
        assert_eq!(scu::move_to_us(&qrscp, &study).await, Ok(4));
        let stranger = Remote { calling_ae_title: "STRANGER".to_owned(), ..qrscp.clone() };
        let error = scu::move_to_us(&stranger, &study).await.expect_err("unknown");
        assert!(matches!(&error, ScuError::Status { .. } | ScuError::Rejected(_)), "{error}");
        let wrong = scu::echo(&remote("OTHER", port)).await.expect_err("another name").to_string();
        assert!(wrong.contains("it is not called \"OTHER\""), "{wrong}");
    });
    assert_eq!(uids(&objects(&kept)), uids(&sent));
}

#[test]
fn dcmtks_worklist_says_how_urgent_an_order_is() {
    if !["wlmscpfs", "dump2dcm"].iter().all(|program| installed(program)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let worklist = folder.path().join("WORKLIST");
    std::fs::create_dir(&worklist).unwrap();
    std::fs::write(worklist.join("lockfile"), "").unwrap();
    for (number, priority) in [("A1", "STAT"), ("A2", "ROUTINE")] {
        let dump = folder.path().join(number);
        let text = format!(
            "(0008,0050) SH [{number}]\n(0010,0010) PN [TEST^ONE]\n(0010,0020) LO [1]\n(0010,0030) DA [19700101]\n\
             (0010,0040) CS [F]\n(0020,000d) UI [1.2.3]\n(0032,1060) LO [X]\n(0040,0100) SQ\n(fffe,e000) na\n\
             (0008,0060) CS [MG]\n(0040,0001) AE [MODALITY]\n(0040,0002) DA [20260101]\n(0040,0003) TM [100000]\n\
             (0040,0009) SH [1]\n(fffe,e00d) na\n(fffe,e0dd) na\n(0040,1001) SH [1]\n(0040,1003) SH [{priority}]\n"
        );
        std::fs::write(&dump, text).unwrap();
        let file = worklist.join(format!("{number}.wl"));
        let (well, text) = other("dump2dcm", &["-q", "+te", dump.to_str().unwrap(), file.to_str().unwrap()]);
        assert!(well, "{text}");
    }
    let port = free_port();
    let mut command = Command::new("wlmscpfs");
    command.args(["-dfr", "-dfp", folder.path().to_str().unwrap(), &port.to_string()]);
    let _node = node(command, port);
    block_on(async {
        for (number, expected) in [("A1", vec!["STAT"]), ("A2", vec!["ROUTINE"]), ("A3", vec![])] {
            let found = scu::worklist_priorities(&remote("WORKLIST", port), number).await;
            assert_eq!(found, Ok(expected.into_iter().map(str::to_owned).collect()), "{number}");
        }
    });
}

#[test]
fn pynetdicom_commits() {
    let Some(python) = python_with("pynetdicom") else { return };
    let script = r#"
import sys, threading, time
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, DigitalMammographyXRayImageStorageForPresentation

stored = set()

def store(event):
    stored.add(event.request.AffectedSOPInstanceUID)
    return 0x0000

def action(event):
    asked, assoc = event.action_information, event.assoc
    report = Dataset()
    report.TransactionUID = asked.TransactionUID
    kept = [i for i in asked.ReferencedSOPSequence if i.ReferencedSOPInstanceUID in stored]
    lost = [i for i in asked.ReferencedSOPSequence if i.ReferencedSOPInstanceUID not in stored]
    report.ReferencedSOPSequence = kept
    if lost:
        for item in lost:
            item.FailureReason = 0x0112
        report.FailedSOPSequence = lost
    def later():
        time.sleep(0.3)
        status, _ = assoc.send_n_event_report(
            report, 2 if lost else 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1")
        print("answered", hex(status.Status), flush=True)
    threading.Thread(target=later).start()
    return 0x0000, None

ae = AE(ae_title="KEEPER")
ae.add_supported_context(DigitalMammographyXRayImageStorageForPresentation)
ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
ae.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, store), (evt.EVT_N_ACTION, action)])
"#;
    let folder = tempfile::tempdir().unwrap();
    let (exam, sent) = exam(folder.path(), 37);
    let port = free_port();
    let mut command = Command::new(&python);
    command.args(["-c", script, &port.to_string()]);
    let _node = node(command, port);
    let to = format!("localhost:{port}");
    let send = run(&["send", exam.to_str().unwrap(), "--to", &to, "--called", "KEEPER", "--commit"]);
    assert_eq!(send.status.code(), Some(0), "{}{}", stdout(&send), stderr(&send));
    assert!(stdout(&send).contains("4 of 4 kept by commitment"), "{}", stdout(&send));
    let asked = [(sent[0].sop_class.clone(), "1.2.3.4".parse().expect("a UID"))];
    let report = block_on(scu::request_commitment(&remote("KEEPER", port), "2.25.9", &asked, Duration::from_secs(30)));
    let failed = report.expect("asked").expect("a report").failed;
    assert_eq!(failed, [("1.2.3.4".parse().expect("a UID"), 0x0112)]);
}

#[test]
fn dcmtk_over_tls_and_what_is_said_of_certificates() {
    if !["storescp", "openssl"].iter().all(|program| installed(program)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let openssl = |arguments: &[&str]| {
        let (well, text) = other("openssl", arguments);
        assert!(well, "{text}");
    };
    for ca in ["ca", "other"] {
        let (key, pem, name) = (path(&format!("{ca}.key")), path(&format!("{ca}.pem")), format!("/CN={ca}"));
        openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &pem, "-subj", &name, "-days",
            "9",
        ]);
    }
    std::fs::write(path("ext"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    let (key, csr, pem, ca) = (path("node.key"), path("node.csr"), path("node.pem"), path("ca.pem"));
    openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &csr, "-subj", "/CN=pacs-of-test"]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        &csr,
        "-CA",
        &ca,
        "-CAkey",
        &path("ca.key"),
        "-CAcreateserial",
        "-out",
        &pem,
        "-days",
        "9",
        "-extfile",
        &path("ext"),
    ]);
    let (exam, sent) = exam(folder.path(), 38);
    let kept = folder.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    let port = free_port();
    let mut command = Command::new("storescp");
    command.args(["+tls", &key, &pem, "+cf", &ca, "-od", kept.to_str().unwrap(), &port.to_string()]);
    let _node = node(command, port);
    let to = format!("localhost:{port}");
    let identity = [format!("dimse_tls.certificate=\"{pem}\""), format!("dimse_tls.key=\"{key}\"")];
    let identity: Vec<&str> = identity.iter().flat_map(|set| ["--set", set]).collect();
    let check = |more: &[&str], code: i32, expected: &str| {
        let output = run(&[&["echo", &to], more].concat());
        let text = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {text}");
        assert!(text.contains(expected), "{expected:?}: {text}");
    };
    let tls = ["--tls", "--ca", &ca];
    check(&[], 3, "does it want TLS");
    check(&[&["--tls", "--ca", &path("other.pem")], &identity[..]].concat(), 3, "set `ca` of the node");
    check(&tls, 3, "it asks for a certificate of ours");
    check(&[&tls, &identity[..], &["--server-name", "elsewhere"]].concat(), 3, "set `server_name` of the node");
    check(&[&tls, &identity[..]].concat(), 3, "certificate of pacs-of-test, valid until");
    check(&[&tls, &identity[..]].concat(), 3, "it needs a new one");
    let send = run(&[&["send", exam.to_str().unwrap(), "--to", &to], &tls[..], &identity[..]].concat());
    assert_eq!(send.status.code(), Some(0), "{}{}", stdout(&send), stderr(&send));
    assert_eq!(uids(&objects(&kept)), uids(&sent));
}
