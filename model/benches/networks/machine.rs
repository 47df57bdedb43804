//! What the numbers were measured on, and how fast it copies memory.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

pub(crate) struct Machine {
    cpu: String,
    compiler: String,
    commit: String,
    load: String,
    /// GB/s of a large copy, what is read and what is written, by threads.
    copies: Vec<(usize, f64)>,
    /// f32 operations a second of one thread, with operands in registers.
    flops: Option<f64>,
}

/// Threads of the machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The load averages of the last 1, 5 and 15 minutes. Beyond the one of the benchmark itself, others were at work.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

impl Machine {
    pub(crate) fn describe(threads: &[usize]) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let after = |key: &str| cpuinfo.lines().find_map(|l| l.strip_prefix(key)?.split_once(": ").map(|(_, v)| v));
        let has = |flag: &&str| after("flags").unwrap_or_default().split(' ').any(|f| f == *flag);
        let sets: Vec<&str> = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"].into_iter().filter(has).collect();
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            output.map_or_else(|_| "unknown".into(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
        };
        Self {
            cpu: format!("{} ({})", after("model name").unwrap_or("unknown"), sets.join(", ")),
            compiler: said("rustc", &["--version"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            load: load(),
            copies: threads.iter().map(|n| (*n, copy(*n))).collect(),
            flops: uvid_kernels::InstructionSet::best().peak_flops(),
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let Self { cpu, compiler, commit, load, copies, flops } = self;
        let copies: Vec<String> = copies.iter().map(|(n, gb)| format!("{gb:.1} GB/s with threads: {n}")).collect();
        format!(
            "{cpu}, threads: {}; {compiler}; commit {commit}; load at the start {load}. A large copy, read and written: {}. One thread's multiply-adds in registers: {:.0} GFLOP/s.",
            cores(),
            copies.join(", "),
            flops.unwrap_or(f64::NAN) / 1e9
        )
    }

    pub(crate) fn json(&self) -> Value {
        let copies: serde_json::Map<_, _> = self.copies.iter().map(|(n, gb)| (n.to_string(), json!(gb))).collect();
        json!({
            "cpu": self.cpu, "cores": cores(), "compiler": self.compiler, "commit": self.commit,
            "load_at_start": self.load, "copy_gb_per_second": copies, "peak_flops_of_one_thread": self.flops,
        })
    }
}

/// The fastest of ten copies of 256 MB for each thread: GB/s.
fn copy(threads: usize) -> f64 {
    const FLOATS: usize = 64 << 20;
    let from = vec![vec![1f32; FLOATS]; threads];
    let mut to = vec![vec![2f32; FLOATS]; threads];
    let round = |to: &mut [Vec<f32>]| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            to.iter_mut().zip(&from).for_each(|(to, from)| drop(scope.spawn(move || to.copy_from_slice(from))));
        });
        start.elapsed().as_secs_f64()
    };
    let least = (0..10).map(|_| round(std::hint::black_box(&mut to))).fold(f64::INFINITY, f64::min);
    (2 * 4 * FLOATS * threads) as f64 / least / 1e9
}
