//! Servers and requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uvid_datasets::dicom::{Limits, Object};
use uvid_datasets::phantom::{self, PhantomFile, Spec};
use uvid_model::{Package, Predictor};
use uvid_server::config::{Config, DeviceChoice};
use uvid_server::devices::Devices;
use uvid_server::engine::Engine;
use uvid_server::http::{App, router};
use uvid_server::pipeline;
use uvid_server::report::json::ReportJson;
use uvid_server::store::Store;
use uvid_server::{commands, jobs, metrics};

/// For whatever must happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The bundled model.
pub(crate) static MODEL: LazyLock<Predictor> =
    LazyLock::new(|| Predictor::load(&Package::bundled().unwrap(), &uvid_model::Site::default()).unwrap());

/// A small four-view exam.
pub(crate) fn exam(seed: u64) -> Vec<PhantomFile> {
    phantom::exam(&Spec::small(seed)).unwrap()
}

/// A file's UIDs: study, series, instance, class.
pub(crate) fn uids(file: &[u8]) -> [String; 4] {
    let header = uvid_datasets::dicom::read_header(file, &Limits::default()).unwrap();
    [header.study.to_string(), header.series.to_string(), header.sop_instance.to_string(), header.sop_class.to_string()]
}

pub(crate) fn study_of(files: &[PhantomFile]) -> String {
    uids(&files[0].bytes)[0].clone()
}

/// What `uvid score` says of the files: the same road without a server.
fn expected(files: &[PhantomFile]) -> Value {
    struct InMemory<'a>(&'a PhantomFile);
    impl pipeline::Source for InMemory<'_> {
        fn name(&self) -> String {
            self.0.file_name.clone()
        }
        fn open(&self, limits: &Limits) -> Result<Object<'_>, pipeline::NoBytes> {
            Object::of(&self.0.bytes, limits).map_err(|error| self.unread(&error))
        }
    }
    let files: Vec<_> = files.iter().map(InMemory).collect();
    let report = ReportJson::from(&pipeline::score(&files, &MODEL, &pipeline::Limits::default()).unwrap().0);
    // Through text, as the server's: a Value would widen the heat maps' f32 to f64.
    timeless(serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap())
}

/// Asserts that a study's current report is what the same files give without a server.
pub(crate) fn assert_scored_as_expected(study: &Value, files: &[PhantomFile]) {
    let (report, expected) = (timeless(study["report"].clone()), expected(files));
    for (key, value) in expected.as_object().unwrap() {
        let (seen, value) = (report[key].to_string(), value.to_string());
        let cut = |text: &str| text.chars().take(600).collect::<String>();
        assert!(seen == value, "{key}: {} is not {}", cut(&seen), cut(&value));
    }
    assert_eq!(report.as_object().unwrap().len(), expected.as_object().unwrap().len());
}

/// A report without the one part of it that depends on the clock.
fn timeless(mut report: Value) -> Value {
    report.as_object_mut().unwrap().remove("milliseconds");
    report
}

/// A copy of the bundled package under another name, with another threshold and a recipe that gives other numbers.
pub(crate) fn other_package(folder: &Path, name: &str) -> String {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0"));
    let package = folder.join(name);
    std::fs::create_dir_all(package.join("golden")).unwrap();
    let manifest = std::fs::read_to_string(source.join("package.toml")).unwrap();
    for line in manifest.lines().skip_while(|line| *line != "[files]").skip(1) {
        let file = line.split('"').nth(1).unwrap();
        std::fs::copy(source.join(file), package.join(file)).unwrap();
    }
    let altered = manifest
        .replace("name = \"density-v0\"", &format!("name = \"{name}\""))
        .replace("threshold = 0.5", "threshold = 0.4")
        .replace("stretch_percentiles = [2.0, 99.5]", "stretch_percentiles = [1.0, 99.0]");
    std::fs::write(package.join("package.toml"), altered).unwrap();
    package.display().to_string()
}

/// A configuration for tests: small waits, any disk, the processor, whatever this machine has.
pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config { data_dir: folder.join("data"), ..Config::default() };
    config.jobs.quiet_seconds = 0.05;
    config.jobs.retry_seconds = 0.05;
    config.store.free_bytes_min = 0;
    config.compute.device = DeviceChoice::Cpu;
    config
}

/// A server without a socket.
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
    stop: CancellationToken,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let packages = commands::packages(&config).unwrap();
        let policy = packages.policy(&config);
        let store = Store::open(&config.data_dir, policy).await.unwrap();
        let devices = Devices::of(&config.compute).unwrap();
        let (engine, loaded) = Engine::start(packages, &config, devices, store.objects().clone()).unwrap();
        loaded.await.unwrap().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(jobs::work(store.clone(), engine.clone(), config.jobs.clone(), stop.clone()));
        let router = router(App::new(store.clone(), engine, config, metrics::install().unwrap()));
        Self { router, store, folder, stop }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// STOW-RS of a body that is there as a whole.
    pub(crate) async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("Content-Type", content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// STOW-RS as most clients do it.
    pub(crate) async fn stow(&self, files: &[&[u8]]) -> Answer {
        self.post("/dicom-web/studies", MULTIPART, multipart(files)).await
    }

    /// What the only shadow says of a study, once it has reached an end.
    pub(crate) async fn shadow_ended(&self, study: &str) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get(&format!("/api/v1/studies/{study}/shadows")).await.ok();
            let shadow = &answer["shadows"][0];
            if !["waiting", "running"].contains(&shadow["state"].as_str().unwrap()) {
                return shadow.clone();
            }
            assert!(start.elapsed() < SOON, "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The study once it has reached an end.
    pub(crate) async fn ended(&self, study: &str) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get(&format!("/api/v1/studies/{study}")).await.ok();
            if !["waiting", "running"].contains(&answer["state"].as_str().unwrap()) {
                return answer;
            }
            assert!(start.elapsed() < SOON, "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every file under the object store, uploads in progress included.
    pub(crate) fn objects(&self) -> Vec<Vec<u8>> {
        files(&self.folder.path().join("data/objects"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![std::fs::read(path).unwrap()] }).collect()
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// Asserts a problem with this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{text}");
        assert_eq!(self.json()["code"], code, "{text}");
    }
}

pub(crate) const MULTIPART: &str = "multipart/related; type=\"application/dicom\"; boundary=b0undary";

pub(crate) fn multipart(files: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for file in files {
        body.extend_from_slice(b"--b0undary\r\nContent-Type: application/dicom\r\n\r\n");
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0undary--\r\n");
    body
}

pub(crate) fn bytes(files: &[PhantomFile]) -> Vec<&[u8]> {
    files.iter().map(|file| file.bytes.as_slice()).collect()
}

/// `uvid serve` as a process of its own. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Reads the log all along: a full pipe would stop the server.
    log: Option<std::thread::JoinHandle<String>>,
    pub(crate) address: String,
}

impl Process {
    pub(crate) fn start(data_dir: &Path, settings: &[&str]) -> Self {
        Self::start_with(data_dir, settings, &[])
    }

    /// The same, with an environment.
    pub(crate) fn start_with(data_dir: &Path, settings: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uvid"));
        command
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(data_dir.parent().unwrap())
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--set", "dimse.listen=127.0.0.1:0"]);
        command.arg("--data-dir").arg(data_dir).args(["--device", "cpu", "--set", "store.free_bytes_min=0"]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            errors.read_to_string(&mut log).unwrap();
            log
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let _ = child.kill();
            panic!("{line:?} {}", log.join().unwrap());
        };
        Self { address: address.to_owned(), child, log: Some(log) }
    }

    /// The most memory that it ever had; `None` where the system does not say.
    pub(crate) fn peak_bytes(&self) -> Option<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the log.
    pub(crate) fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let log = self.log.take().unwrap().join().unwrap();
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = request(&self.address, &format!("GET {path}"), "", b"").unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    pub(crate) fn stow(&self, files: &[&[u8]]) -> std::io::Result<u16> {
        stow(&self.address, files)
    }

    /// The study once it has scores or reasons.
    pub(crate) fn ended(&self, study: &str) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get(&format!("/api/v1/studies/{study}"));
            if !["waiting", "running"].contains(&answer["state"].as_str().unwrap()) {
                return answer;
            }
            assert!(start.elapsed() < SOON, "{answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn stow(address: &str, files: &[&[u8]]) -> std::io::Result<u16> {
    let headers = format!("Content-Type: {MULTIPART}\r\n");
    Ok(request(address, "POST /dicom-web/studies", &headers, &multipart(files))?.0)
}

/// One request over a socket of its own.
pub(crate) fn request(address: &str, line: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(SOON))?;
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    socket.write_all(head.as_bytes())?;
    socket.write_all(body)?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(broken)?;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    Ok((status.ok_or_else(broken)?, answer.split_off(end + 4)))
}
