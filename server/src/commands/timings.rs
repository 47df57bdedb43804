//! What an exam cost: time by stage, CPU time of all threads, peak memory.
//!
//! Peak memory is Linux's high-water mark of the process's resident memory (`VmHWM`), set back before each exam where
//! the system lets us (`/proc/self/clear_refs`, proc(5)); where it does not, the mark is that since the start.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use uvid_exam::PackageId;

use crate::pipeline::Stages;
use crate::report::Report;

/// Set when an exam begins.
pub(super) struct Meter {
    start: Instant,
    cpu: Duration,
    set_back: bool,
}

/// What one exam cost.
pub(super) struct Timing {
    study: String,
    backend: Option<String>,
    stages: Stages,
    wall: Duration,
    cpu: Duration,
    /// Bytes; `None` where the system does not say.
    peak: Option<u64>,
    /// Whether `peak` is of this exam, or since the start of the process.
    of_exam: bool,
}

/// [`Timing`] in JSON, beside the report's own `milliseconds` by stage.
#[derive(Serialize)]
pub(super) struct TimingJson {
    wall_milliseconds: f64,
    cpu_milliseconds: f64,
    peak_resident_bytes: Option<u64>,
    /// `exam` or `start`: since when the peak is one.
    peak_since: &'static str,
    threads: usize,
}

impl Meter {
    pub(super) fn start() -> Self {
        let set_back = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { start: Instant::now(), cpu: cpu(), set_back }
    }

    pub(super) fn stop(self, report: &Report) -> Timing {
        Timing {
            study: report.study.as_ref().map_or_else(|| "(no study)".to_owned(), ToString::to_string),
            backend: report.outcome.as_ref().ok().map(|scores| scores.backend.clone()),
            stages: report.stages,
            wall: self.start.elapsed(),
            cpu: cpu().saturating_sub(self.cpu),
            peak: peak(),
            of_exam: self.set_back,
        }
    }
}

/// CPU time of the process, all threads.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The high-water mark in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

impl From<&Timing> for TimingJson {
    fn from(timing: &Timing) -> Self {
        Self {
            wall_milliseconds: milliseconds(timing.wall),
            cpu_milliseconds: milliseconds(timing.cpu),
            peak_resident_bytes: timing.peak,
            peak_since: if timing.of_exam { "exam" } else { "start" },
            threads: rayon::current_num_threads(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The columns: milliseconds, and at last MiB.
fn columns(timing: &Timing) -> [f64; 7] {
    let Stages { read, assemble, prepare, predict } = timing.stages;
    let times = [read, assemble, prepare, predict, timing.wall, timing.cpu].map(milliseconds);
    let peak = timing.peak.map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20));
    [times[0], times[1], times[2], times[3], times[4], times[5], peak]
}

/// A table of what each exam cost, with the mean and the most.
pub(super) fn table(package: &PackageId, timings: &[Timing]) -> String {
    let mut out = String::new();
    let backend = timings.iter().find_map(|t| t.backend.as_deref()).unwrap_or("nothing computed");
    let threads = rayon::current_num_threads();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nTimings: {} {}, {backend}, {threads} threads", package.name, package.version);
    let heads = ["read ms", "assemble", "prepare", "predict", "all", "CPU ms", "peak MiB"];
    let _ = writeln!(out, "  {:<64}{}", "study", heads.map(|head| format!("{head:>10}")).concat());
    let mut line = |label: &str, values: [f64; 7]| {
        let cell = |value: f64| if value.is_nan() { "unknown".to_owned() } else { format!("{value:.1}") };
        let _ = writeln!(out, "  {label:<64}{}", values.map(|value| format!("{:>10}", cell(value))).concat());
    };
    let rows: Vec<[f64; 7]> = timings.iter().map(columns).collect();
    for (timing, row) in timings.iter().zip(&rows) {
        line(&timing.study, *row);
    }
    let over = |fold: &dyn Fn(&[f64]) -> f64| {
        std::array::from_fn(|i| fold(&rows.iter().map(|row| row[i]).collect::<Vec<_>>()))
    };
    if rows.len() > 1 {
        line("mean", over(&|v| v.iter().sum::<f64>() / v.len() as f64));
        line("most", over(&|v| v.iter().copied().fold(f64::NAN, f64::max)));
    }
    let since = if timings.iter().all(|t| t.of_exam) { "while it scored the exam" } else { "since its start" };
    let _ = writeln!(out, "  Peak: resident memory of the whole process, the model included, {since}.");
    out
}
