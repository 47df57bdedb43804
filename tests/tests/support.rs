//! What the tests share: the binary, a running server, phantoms, fixtures beside the repository.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use uvid_datasets::phantom::{self, PhantomFile, Spec};

/// How long anything may take before a test gives up, on the slowest machine that runs them.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary, built by `cargo test --workspace` (it lies beside the test's own folder).
pub(crate) fn uvid() -> Command {
    let test = std::env::current_exe().expect("the test's own path");
    let binary = test.ancestors().nth(2).expect("target/<profile>").join("uvid");
    assert!(binary.is_file(), "{} is not built: run `cargo test --workspace`", binary.display());
    let mut command = Command::new(binary);
    // A configuration of whoever runs the tests must not matter.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("UVID_")) {
        command.env_remove(name);
    }
    command
}

/// Runs `uvid` with arguments.
pub(crate) fn run(arguments: &[&str]) -> Output {
    uvid().args(arguments).output().expect("uvid starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The reports of `uvid score --format json`.
pub(crate) fn score(arguments: &[&str]) -> Vec<Value> {
    let output = run(&[&["score", "--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)))
}

/// A file of the shared folder beside the repository, or `None` with a printed reason.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if !file.exists() {
        // Where they are expected, none may go missing unseen.
        assert!(std::env::var_os("TEST_SHARED").is_none(), "{path} is not beside the repository");
        eprintln!("skipped: {path} is not beside the repository");
        return None;
    }
    Some(file)
}

/// Whether a program of another project is installed; says so if not.
pub(crate) fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(program).is_file()));
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// The Python that has these modules (`TEST_PEERS_PYTHON`, else `python3`); says so if it has not.
pub(crate) fn python_with(modules: &str) -> Option<String> {
    let python = std::env::var("TEST_PEERS_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has not all of {modules} (pip install; TEST_PEERS_PYTHON)");
        return None;
    }
    Some(python)
}

/// A small exam, quick to make and to score.
pub(crate) fn small_exam(seed: u64) -> Vec<PhantomFile> {
    phantom::exam(&Spec::small(seed)).expect("phantom")
}

/// Writes files into a folder.
pub(crate) fn write(folder: &Path, files: &[PhantomFile]) {
    std::fs::create_dir_all(folder).expect("folder");
    for file in files {
        std::fs::write(folder.join(&file.file_name), &file.bytes).expect("written");
    }
}

/// Everything in a report that does not depend on the clock.
pub(crate) fn timeless(report: &Value) -> Value {
    let mut report = report.clone();
    report.as_object_mut().expect("a report").remove("milliseconds");
    report
}

/// The value of an output by its name.
pub(crate) fn output(outputs: &Value, name: &str) -> f64 {
    let found = outputs.as_array().expect("outputs").iter().find(|o| o["name"] == name);
    found.and_then(|o| o["value"].as_f64()).unwrap_or_else(|| panic!("no {name} in {outputs}"))
}

/// A running `uvid serve` on a port of its own; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    _out: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::with(data, &[])
    }

    /// With settings, each as `--set` takes it.
    pub(crate) fn with(data: &Path, settings: &[&str]) -> Self {
        let mut command = uvid();
        command.args(["serve", "--set", "dimse.listen=127.0.0.1:0"]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        Self::spawn(command, data)
    }

    /// With a configuration file.
    pub(crate) fn configured(data: &Path, file: &Path) -> Self {
        let mut command = uvid();
        command.args(["serve", "--config"]).arg(file);
        Self::spawn(command, data)
    }

    fn spawn(mut command: Command, data: &Path) -> Self {
        let log = data.with_extension("log");
        let log = std::fs::File::options().create(true).append(true).open(log).map_or(Stdio::null(), Stdio::from);
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("uvid starts");
        // Held open: more lines follow, and a server does not start whose words nobody can read.
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let url = line.trim_end().rsplit(' ').next().expect("a URL").to_owned();
        Self { process, url, _out: out }
    }

    /// `GET` as JSON; `None` unless the status is 200.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// `GET` as bytes.
    pub(crate) fn get_bytes(&self, path: &str) -> Vec<u8> {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().expect(path);
        answer.body_mut().with_config().limit(1 << 28).read_to_vec().expect("body")
    }

    /// Stores files by STOW-RS; the status and the answer.
    pub(crate) fn store(&self, files: &[Vec<u8>]) -> (u16, Value) {
        let boundary = "uvid-test-boundary";
        let mut body = Vec::new();
        for file in files {
            body.extend(format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").bytes());
            body.extend(file);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").bytes());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let media = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let mut answer = agent
            .post(format!("{}/dicom-web/studies", self.url))
            .header("Content-Type", media)
            .header("Accept", "application/dicom+json")
            .send(body)
            .expect("sent");
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().expect("body");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Waits until the only shadow has said something of a study.
    pub(crate) fn shadow_report(&self, study: &str) -> Value {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let answer = self.get(&format!("/api/v1/studies/{study}/shadows")).unwrap_or_default();
            let report = &answer["shadows"][0]["runs"][0]["report"];
            if report.is_object() {
                return report.clone();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no shadow has a report of {study} after {PATIENCE:?}");
    }

    /// Waits until a study has its report.
    pub(crate) fn report(&self, study: &str) -> Value {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(answer) = self.get(&format!("/api/v1/studies/{study}"))
                && answer["report"].is_object()
            {
                return answer["report"].clone();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{study} has no report after {PATIENCE:?}: {:?}", self.get(&format!("/api/v1/studies/{study}")));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
