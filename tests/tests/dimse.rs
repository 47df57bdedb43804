//! Senders that others wrote: DCMTK's storescu, pynetdicom, dcmjs-dimse.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{installed, python_with, score, small_exam, uvid, write};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `uvid serve` with the ports of its DICOM node; killed when dropped.
struct Node {
    process: Child,
    url: String,
    port: String,
}

impl Node {
    fn start(folder: &Path, settings: &[String]) -> Self {
        let mut process = uvid()
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.join("data"))
            .args(["--set", "dimse.listen=127.0.0.1:0", "--set", "jobs.quiet_seconds=0.5"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("uvid starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut after = |prefix: &str| loop {
            let line = lines.next().expect("a line");
            if let Some(rest) = line.strip_prefix(prefix) {
                break rest.split(' ').next().expect("a word").to_owned();
            }
        };
        let url = after("listening on ");
        let tls = settings.iter().any(|setting| setting.starts_with("dimse_tls.listen"));
        let address = after(if tls { "listening on dimse+tls://" } else { "listening on dimse://" });
        let port = address.rsplit(':').next().expect("a port").to_owned();
        Self { process, url, port }
    }

    /// What the exam of these files gives, once it has been scored; asserts that it is what the command line gives.
    fn assert_scored(&self, exam: &Path) {
        let expected = score(&[exam.to_str().expect("UTF-8")]).remove(0);
        let study = expected["study"].as_str().expect("a study");
        let start = Instant::now();
        loop {
            let answer: Option<Value> = ureq::get(format!("{}/api/v1/studies/{study}", self.url))
                .call()
                .ok()
                .and_then(|mut answer| serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok());
            match answer {
                Some(answer) if answer["report"]["exam"] == expected["exam"] => return,
                answer => assert!(start.elapsed() < PATIENCE, "{answer:?}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
    output
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

#[test]
fn storescu_sends_in_every_syntax_that_it_can_make() {
    if !["storescu", "echoscu", "dcmcrle", "dcmcjpeg", "dcmcjpls"].iter().all(|program| installed(program)) {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let node = Node::start(folder.path(), &[]);
    succeeds(Command::new("echoscu").args(["-aec", "UVID", "127.0.0.1", &node.port]));
    let syntaxes = [
        ("-xi", None),
        ("-xb", None),
        ("-xd", None),
        ("-xr", Some("dcmcrle")),
        ("-xs", Some("dcmcjpeg")),
        ("-xt", Some("dcmcjpls")),
    ];
    for (seed, (proposed, compressor)) in (60..).zip(syntaxes) {
        let exam = folder.path().join(proposed);
        write(&exam, &small_exam(seed));
        if let Some(compressor) = compressor {
            for file in files(&exam) {
                succeeds(Command::new(compressor).arg(&file).arg(&file));
            }
        }
        let mut send = Command::new("storescu");
        send.args([proposed, "-aec", "UVID", "127.0.0.1", &node.port]).args(files(&exam));
        succeeds(&mut send);
        // Again: the same files, and success.
        succeeds(&mut send);
        node.assert_scored(&exam);
    }
}

/// Makes an authority and certificates for both sides.
fn certificates(folder: &Path) -> bool {
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1").expect("written");
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        output.is_ok_and(|output| output.status.success())
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem")
        && ["server", "client"].iter().all(|name| {
            openssl(&format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"))
                && openssl(&format!(
                    "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem"
                ))
        })
}

#[test]
fn storescu_sends_over_tls_with_certificates_on_both_sides() {
    if !["storescu", "openssl"].iter().all(|program| installed(program)) {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    assert!(certificates(folder.path()));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings = [
        "dimse_tls.listen=127.0.0.1:0".to_owned(),
        format!("dimse_tls.certificate={}", path("server.pem")),
        format!("dimse_tls.key={}", path("server.key")),
        format!("dimse_tls.client_ca={}", path("ca.pem")),
    ];
    let node = Node::start(folder.path(), &settings);
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(70));
    succeeds(
        Command::new("storescu")
            .args(["+tls", &path("client.key"), &path("client.pem"), "+cf", &path("ca.pem"), "-aec", "UVID"])
            .args(["localhost", &node.port])
            .args(files(&exam)),
    );
    node.assert_scored(&exam);
    let anonymous = Command::new("storescu")
        .args(["+tla", "-ic", "-aec", "UVID", "localhost", &node.port])
        .args(files(&exam))
        .output();
    assert!(!anonymous.expect("it starts").status.success());
}

#[test]
fn pynetdicom_stores_and_is_told_what_is_kept() {
    let Some(python) = python_with("pynetdicom, pydicom") else { return };
    let folder = tempfile::tempdir().expect("folder");
    // Free a moment ago; the node must know it before the peer listens on it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let port = free.port();
    let nodes = format!("nodes=[{{name=\"py\",ae_title=\"PYNETDICOM\",host=\"127.0.0.1\",port={port}}}]");
    let node = Node::start(folder.path(), &[nodes]);
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(71));
    let script = r#"
import sys, glob, threading, pydicom
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

ours, exam, theirs = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
datasets = [pydicom.dcmread(f) for f in sorted(glob.glob(exam + "/*.dcm"))]
reports, said = [], threading.Event()

def report(event):
    reports.append((event.event_type, event.event_information))
    said.set()
    return 0x0000, None

ae = AE("PYNETDICOM")
ae.add_requested_context(Verification)
ae.add_requested_context(datasets[0].SOPClassUID, datasets[0].file_meta.TransferSyntaxUID)
ae.add_requested_context(StorageCommitmentPushModel)

def ask(association):
    request = Dataset()
    request.TransactionUID = generate_uid()
    request.ReferencedSOPSequence = []
    for uid in [d.SOPInstanceUID for d in datasets] + ["1.2.3.4"]:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = datasets[0].SOPClassUID, uid
        request.ReferencedSOPSequence.append(item)
    model, instance = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    status, _ = association.send_n_action(request, 1, model, instance)
    assert status.Status == 0, status
    return request.TransactionUID

def check(transaction):
    assert said.wait(60), "no report"
    kind, report = reports.pop()
    said.clear()
    assert kind == 2 and report.TransactionUID == transaction, report
    kept = [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence]
    assert kept == [d.SOPInstanceUID for d in datasets], report
    failed = [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in report.FailedSOPSequence]
    assert failed == [("1.2.3.4", 0x0112)], report

# The report comes on the association of the request.
handlers = [(evt.EVT_N_EVENT_REPORT, report)]
association = ae.associate("127.0.0.1", ours, ae_title="UVID", evt_handlers=handlers)
assert association.is_established
assert association.send_c_echo().Status == 0
for dataset in datasets:
    assert association.send_c_store(dataset).Status == 0
check(ask(association))
association.release()

# It comes on a new one, because the first has gone.
server = AE("PYNETDICOM")
server.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
server = server.start_server(("127.0.0.1", theirs), block=False, evt_handlers=handlers)
association = ae.associate("127.0.0.1", ours, ae_title="UVID")
transaction = ask(association)
association.release()
check(transaction)
server.shutdown()
"#;
    let exam_path = exam.to_str().expect("UTF-8");
    succeeds(Command::new(python).args(["-c", script, &node.port, exam_path, &port.to_string()]));
    node.assert_scored(&exam);
}

#[test]
fn dcmjs_dimse_stores_an_exam() {
    let Some(modules) = std::env::var_os("TEST_PEERS_NODE") else {
        eprintln!("skipped: no dcmjs-dimse (npm install dcmjs-dimse; TEST_PEERS_NODE names node_modules)");
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let node = Node::start(folder.path(), &[]);
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(72));
    let script = r#"
const dimse = require(process.argv[1] + "/dcmjs-dimse");
const { CEchoRequest, CStoreRequest } = dimse.requests;
const client = new dimse.Client();
const statuses = [];
for (const request of [new CEchoRequest(), ...process.argv.slice(3).map((file) => new CStoreRequest(file))]) {
  request.on("response", (response) => statuses.push(response.getStatus()));
  client.addRequest(request);
}
client.on("networkError", (error) => { console.error(error); process.exit(1); });
client.on("closed", () => {
  console.log(statuses);
  process.exit(statuses.length === 5 && statuses.every((status) => status === 0) ? 0 : 1);
});
client.send("127.0.0.1", Number(process.argv[2]), "DCMJS", "UVID");
"#;
    succeeds(Command::new("node").args(["-e", script, "--"]).arg(modules).arg(&node.port).args(files(&exam)));
    node.assert_scored(&exam);
}
