//! An Orthanc of our own: a whole PACS in a folder, with its DICOMweb plugin where that is installed.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Where Debian puts it.
const PROGRAMS: [&str; 3] = ["Orthanc", "/usr/sbin/Orthanc", "/usr/local/sbin/Orthanc"];
const DICOMWEB: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/// How long it may take to start, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// A running Orthanc; killed when dropped.
pub(crate) struct Orthanc {
    program: PathBuf,
    folder: PathBuf,
    process: Child,
    pub(crate) http: String,
    pub(crate) dicom_port: u16,
}

impl Orthanc {
    /// Starts one that knows Uvid under this port; `None`, with a printed reason, if Orthanc is not installed.
    pub(crate) fn start(folder: &Path, uvid_port: u16) -> Option<Self> {
        let works = |program: &&&str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
        let Some(program) = PROGRAMS.iter().find(works) else {
            eprintln!("skipped: Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)");
            return None;
        };
        let (http_port, dicom_port) = (free_port(), free_port());
        let plugins: Vec<&str> = [DICOMWEB].into_iter().filter(|path| Path::new(path).exists()).collect();
        let settings = json!({
            "Name": "PACS",
            "StorageDirectory": folder.join("storage"),
            "IndexDirectory": folder.join("storage"),
            "StorageCompression": false,
            "Plugins": plugins,
            "HttpPort": http_port,
            "RemoteAccessAllowed": false,
            "AuthenticationEnabled": false,
            "DicomServerEnabled": true,
            "DicomAet": "ORTHANC",
            "DicomPort": dicom_port,
            "DicomCheckCalledAet": false,
            "DicomModalities": { "uvid": ["UVID", "127.0.0.1", uvid_port] },
            "DicomAlwaysAllowStore": true,
            "OverwriteInstances": false,
            "StableAge": 1,
        });
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(folder.join("orthanc.json"), settings.to_string()).expect("settings");
        let (program, folder) = (PathBuf::from(program), folder.to_owned());
        let process = spawn(&program, &folder);
        let http = format!("http://127.0.0.1:{http_port}");
        let mut orthanc = Self { program, folder, process, http, dicom_port };
        orthanc.wait();
        Some(orthanc)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again with what it has stored.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(&self.program, &self.folder);
        self.wait();
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while self.get("/system").is_none() {
            if let Ok(Some(status)) = self.process.try_wait() {
                let mut log = String::new();
                let _ = self.process.stderr.take().map(|mut err| err.read_to_string(&mut log));
                panic!("Orthanc ended with {status}: {log}");
            }
            assert!(start.elapsed() < START, "Orthanc does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `GET` as JSON; `None` unless the status is 200.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let mut answer = ureq::get(format!("{}{path}", self.http)).call().ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    /// A file that it holds.
    pub(crate) fn file(&self, instance: &str) -> Vec<u8> {
        let mut answer = ureq::get(format!("{}/instances/{instance}/file", self.http)).call().expect("a file");
        answer.body_mut().with_config().limit(1 << 30).read_to_vec().expect("its bytes")
    }

    /// `POST` of JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = ureq::post(format!("{}{path}", self.http)).send(body.to_string()).expect(path);
        serde_json::from_str(&answer.body_mut().read_to_string().expect("a body")).expect("JSON")
    }

    /// What it holds of a study: (modality, SOP class, SOP instance, Orthanc's own name) of each instance.
    pub(crate) fn instances(&self, study: &str) -> Vec<(String, String, String, String)> {
        let query = json!({ "Level": "Instance", "Query": { "StudyInstanceUID": study } });
        let found = self.post("/tools/find", &query);
        let names = found.as_array().cloned().unwrap_or_default();
        let mut instances: Vec<_> = names
            .iter()
            .filter_map(|name| {
                let name = name.as_str()?;
                let tags = self.get(&format!("/instances/{name}/simplified-tags"))?;
                let text = |key: &str| tags[key].as_str().unwrap_or_default().to_owned();
                Some((text("Modality"), text("SOPClassUID"), text("SOPInstanceUID"), name.to_owned()))
            })
            .collect();
        instances.sort();
        instances
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &Path, folder: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("orthanc.log")).expect("a log");
    Command::new(program)
        .arg(folder.join("orthanc.json"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("Orthanc starts")
}
