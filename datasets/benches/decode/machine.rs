//! What the numbers were measured on.

use std::fmt;
use std::process::Command;

use serde_json::{Value, json};

use crate::contestants::cores;
use crate::dcmtk;
use crate::python::Python;

pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    compiler: String,
    commit: String,
    load: String,
    peers: Vec<String>,
}

pub(crate) fn describe(python: Option<&mut Python>) -> Machine {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = |line: &str| line.strip_prefix("model name").map(|l| l.trim_start_matches([' ', '\t', ':']).to_owned());
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map_or_else(|_| "unknown".into(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    let mut peers = Vec::new();
    match python.and_then(|p| p.ask(&json!({"do": "versions"})).ok()) {
        Some(Value::Object(found)) => {
            peers.extend(found.iter().map(|(k, v)| format!("{k} {}", v.as_str().unwrap_or(""))))
        }
        _ => peers.push("none of PyPI".into()),
    }
    peers.push(dcmtk::version("dcmdjpeg").unwrap_or_else(|| "no dcmtk".into()));
    peers.push("dicom-rs 0.10 (dicom-pixeldata with its defaults, OpenJPEG, CharLS and jxl-oxide)".into());
    Machine {
        cpu: cpuinfo.lines().find_map(model).unwrap_or_else(|| "unknown".into()),
        cores: cores().get(),
        compiler: said("rustc", &["--version"]),
        commit: said("git", &["describe", "--always", "--dirty"]),
        load: load(),
        peers,
    }
}

/// The load averages of the last 1, 5 and 15 minutes. Beyond the one of the benchmark itself, others were at work.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

impl Machine {
    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu, "cores": self.cores, "compiler": self.compiler, "commit": self.commit,
            "load_at_start": self.load, "peers": self.peers,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, compiler, commit, load, peers } = self;
        writeln!(f, "{cpu}, {cores} threads; {compiler}; commit {commit}; load at the start {load}.")?;
        write!(f, "Peers: {}.", peers.join("; "))
    }
}
