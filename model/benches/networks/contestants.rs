//! Who computes: a process each, so that its peak memory is its own, spoken to in lines.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::ours;

/// The peers, as `peers.py` knows them.
const PEERS: [&str; 9] = [
    "PyTorch NCHW f32",
    "PyTorch channels-last f32",
    "PyTorch compiled f32",
    "PyTorch NCHW bf16",
    "PyTorch channels-last bf16",
    "PyTorch compiled bf16",
    "ONNX Runtime f32",
    "OpenVINO f32",
    "OpenVINO default",
];

/// The Python of the peers, if it is there; says so if not.
pub(crate) fn python() -> Option<PathBuf> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers-networks");
    let python = PathBuf::from(std::env::var("NETWORK_PEERS").unwrap_or_else(|_| own.into())).join("bin/python");
    if python.exists() {
        return Some(python);
    }
    eprintln!("skipped: the peers, there is no {} (model/benches/networks/setup)", python.display());
    None
}

/// Everyone: ours, then the peers.
pub(crate) fn names(peers: bool) -> Vec<&'static str> {
    ours::NAMES.iter().chain(PEERS.iter().filter(|_| peers)).copied().collect()
}

/// Whether the contestant of this name is ours.
pub(crate) fn ours(name: &str) -> bool {
    name.starts_with("Uvid")
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/networks/peers.py");

/// Lets the peers write `network.onnx` beside the network.
pub(crate) fn export(python: &Path, folder: &Path) -> Result<(), String> {
    let output = Command::new(python).arg(SCRIPT).arg("export").arg(folder).output().map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it fails").to_owned()),
    }
}

/// How long a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// By the clock.
    pub(crate) ms: f64,
    /// Of all threads together: what a busy machine changes less.
    pub(crate) cpu_ms: f64,
}

/// A contestant, running.
pub(crate) struct Contestant {
    pub(crate) version: String,
    /// MB that it has in memory when its libraries are loaded, and nothing else.
    pub(crate) before_mb: f64,
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Contestant {
    /// Starts it with so many threads; `log` takes what it prints besides.
    pub(crate) fn start(name: &str, threads: usize, python: Option<&Path>, log: &Path) -> Result<Self, String> {
        let mut command = match python {
            Some(python) if !ours(name) => {
                let mut command = Command::new(python);
                command.arg(SCRIPT).arg(name).arg(threads.to_string());
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
                command.arg("--contestant").arg(name);
                command
            }
        };
        let log = std::fs::File::create(log).map_err(|e| e.to_string())?;
        let threads = threads.to_string();
        command.env("RAYON_NUM_THREADS", &threads).env("OMP_NUM_THREADS", &threads);
        if name.starts_with("PyTorch") {
            // glibc's malloc keeps its pages, as those do that PyTorch's guide to tuning recommends.
            command.env("MALLOC_MMAP_MAX_", "0").env("MALLOC_TRIM_THRESHOLD_", "1000000000000");
        }
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut process = spawned.map_err(|e| e.to_string())?;
        let to = process.stdin.take().ok_or("no input")?;
        let from = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut contestant = Self { version: String::new(), before_mb: 0.0, process, to, from };
        contestant.version = contestant.answer()?["version"].as_str().unwrap_or("unknown").to_owned();
        contestant.before_mb = contestant.memory("VmRSS");
        Ok(contestant)
    }

    /// Makes ready for the network in a folder. The answer is the precision, where the contestant chose it.
    pub(crate) fn load(&mut self, folder: &Path) -> Result<Option<String>, String> {
        Ok(self.ask(&json!({"do": "load", "folder": folder}))?["precision"].as_str().map(str::to_owned))
    }

    /// Runs the network once.
    pub(crate) fn run(&mut self) -> Result<Run, String> {
        let before = self.cpu_ms();
        let ms = self.ask(&json!({"do": "run"}))?["ms"].as_f64().ok_or("no time in the answer")?;
        Ok(Run { ms, cpu_ms: self.cpu_ms() - before })
    }

    /// What its threads have computed so far, by Linux' `schedstat`, ms; 0 elsewhere.
    fn cpu_ms(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let stat = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        };
        tasks.map_or(0.0, |tasks| tasks.filter_map(stat).sum::<f64>() / 1e6)
    }

    /// What the last run gave.
    pub(crate) fn outputs(&mut self, file: &Path) -> Result<HashMap<String, Tensor>, String> {
        self.ask(&json!({"do": "write", "file": file}))?;
        candle_core::safetensors::load(file, &Device::Cpu).map_err(|e| e.to_string())
    }

    /// The most that it has had in memory, MB.
    pub(crate) fn peak_mb(&self) -> f64 {
        self.memory("VmHWM")
    }

    /// A line of Linux' `status` of the process, in MB; not a number elsewhere.
    fn memory(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let value = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
        value.and_then(|kb| kb.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb * 1024.0 / 1e6)
    }

    fn ask(&mut self, what: &Value) -> Result<Value, String> {
        writeln!(self.to, "{what}").map_err(|e| e.to_string())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "the process has ended".to_owned())?;
        match answer["error"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(answer),
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
