//! The statistics timed beside those of others, on the same tables, in one run:
//!
//!     TEST_STATISTICS_PYTHON=VENV/bin/python cargo bench -p uvid-metrics --bench statistics -- [ROUNDS] [WORD IN A TABLE'S NAME] [--analytic]
//!
//! Prints Markdown for docs/performance.md. scikit-learn and numpy are asked where `TEST_STATISTICS_PYTHON` is set, pROC where
//! there is an `Rscript` (`tests/peers/setup`); one that is missing is said to be.
//!
//! `--analytic` leaves the resamples out, which take most of the time.
//!
//! Each round runs every contestant once, ours first. The least wall and processor time of all rounds are printed: the machine
//! may be busy with other things. Reading the tables is not timed; sorting is.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use uvid_metrics::bootstrap::{Design, Options, Statistic, resample};
use uvid_metrics::roc::delong;
use uvid_metrics::{Binary, Clusters};

/// What is computed from a table.
#[derive(Clone, Copy, PartialEq)]
enum Task {
    /// The AUC and DeLong's standard error.
    Delong,
    /// The same by patient: Obuchowski's error.
    Obuchowski,
    /// The AUC by resamples of patients: ours, and how many a peer is given, whose time is scaled; 0: none is asked.
    Bootstrap { resamples: usize, peers: usize },
}

/// Seconds, and two numbers that should agree between contestants: the AUC and its standard error.
#[derive(Clone, Copy)]
struct Timing {
    wall: f64,
    processor: f64,
    auc: f64,
    error: f64,
}

struct Table {
    name: &'static str,
    rows: usize,
    /// Scores are multiples of one over this; 0 for scores without ties.
    levels: u32,
    tasks: &'static [Task],
}

const TABLES: &[Table] = &[
    Table {
        name: "1,440 rows",
        rows: 1_440,
        levels: 200,
        tasks: &[Task::Delong, Task::Obuchowski, Task::Bootstrap { resamples: 1_000_000, peers: 1_000 }],
    },
    Table { name: "1e5 rows", rows: 100_000, levels: 0, tasks: LARGE },
    Table { name: "1e5 rows, ties", rows: 100_000, levels: 100, tasks: LARGE },
    Table { name: "1e6 rows", rows: 1_000_000, levels: 0, tasks: LARGEST },
    Table { name: "1e6 rows, ties", rows: 1_000_000, levels: 100, tasks: LARGEST },
];
const LARGE: &[Task] = &[
    Task::Delong,
    Task::Obuchowski,
    Task::Bootstrap { resamples: 200, peers: 200 },
    Task::Bootstrap { resamples: 1_000, peers: 0 },
];
const LARGEST: &[Task] = &[
    Task::Delong,
    Task::Obuchowski,
    Task::Bootstrap { resamples: 200, peers: 20 },
    Task::Bootstrap { resamples: 1_000, peers: 0 },
];

const PEERS: [&str; 2] = ["statistics.py", "statistics.R"];

fn main() {
    // Cargo itself passes `--bench`.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(3);
    let folder = std::env::temp_dir().join(format!("uvid-statistics-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the tables");
    println!("{} threads, the least of {rounds} rounds; s wall (s processor)\n", rayon::current_num_threads());
    println!("| table | what | ours | Python | pROC | Python / ours | pROC / ours |");
    println!("|---|---|---|---|---|---|---|");
    let word = std::env::args().skip(1).find(|word| !word.starts_with("--") && word.parse::<usize>().is_err());
    for table in TABLES.iter().filter(|table| word.as_ref().is_none_or(|word| table.name.contains(word))) {
        let sample = table.make(&folder);
        let analytic = std::env::args().any(|word| word == "--analytic");
        for task in table.tasks.iter().filter(|task| !analytic || !matches!(task, Task::Bootstrap { .. })) {
            let mut best: [Option<Timing>; 3] = [None; 3];
            for _ in 0..rounds {
                keep(&mut best[0], Some(task.ours(&sample)));
                for (best, script) in best[1..].iter_mut().zip(PEERS) {
                    keep(best, task.ask(script, &folder, table.rows));
                }
            }
            println!("{}", line(table, *task, &best));
        }
    }
    fs::remove_dir_all(&folder).expect("the folder is ours");
}

/// Keeps the least of each time.
fn keep(best: &mut Option<Timing>, new: Option<Timing>) {
    let Some(new) = new else { return };
    let least = best.unwrap_or(new);
    *best = Some(Timing { wall: least.wall.min(new.wall), processor: least.processor.min(new.processor), ..new });
}

fn line(table: &Table, task: Task, [ours, python, r]: &[Option<Timing>; 3]) -> String {
    let ours = ours.expect("ours is always there");
    let time = |timing: &Option<Timing>| match timing {
        Some(timing) => format!("{} ({})", digits(timing.wall), digits(timing.processor)),
        None if matches!(task, Task::Bootstrap { peers: 0, .. }) => "not asked".into(),
        None if task == Task::Obuchowski && python.is_some() => "not offered".into(),
        None => "missing".into(),
    };
    let ratio = |timing: &Option<Timing>| match timing {
        Some(timing) => format!("{:.0} ({:.0})", timing.wall / ours.wall, timing.processor / ours.processor),
        None => "".into(),
    };
    for timing in [python, r].into_iter().flatten() {
        // The AUC is one number; a standard error from resamples, drawn by another stream or by rows, is near.
        assert!((timing.auc - ours.auc).abs() <= 1e-9, "AUC {} and {}", ours.auc, timing.auc);
        assert!((timing.error / ours.error - 1.0).abs() <= task.spread(), "errors {} and {}", ours.error, timing.error);
    }
    let times = [time(&Some(ours)), time(python), time(r)].join(" | ");
    format!("| {} | {} | {times} | {} | {} |", table.name, task.words(), ratio(python), ratio(r))
}

/// Three digits.
fn digits(seconds: f64) -> String {
    let places = (2.0 - seconds.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{seconds:.places$}")
}

impl Task {
    fn words(self) -> String {
        match self {
            Self::Delong => "AUC and DeLong's error".into(),
            Self::Obuchowski => "the same by patient".into(),
            Self::Bootstrap { resamples, .. } => format!("AUC, {resamples} resamples"),
        }
    }

    /// By how much a standard error may differ, as a share: four standard errors of one from so few resamples.
    fn spread(self) -> f64 {
        match self {
            Self::Delong | Self::Obuchowski => 1e-9,
            Self::Bootstrap { peers, .. } => 4.0 / (2.0 * peers as f64).sqrt() + 0.1,
        }
    }

    fn ours(self, (sample, by_patient): &(Binary, Binary)) -> Timing {
        let repeats = self.repeats(sample.len());
        let (wall, processor) = (Instant::now(), processor_seconds());
        let (auc, error) = match self {
            Self::Delong => {
                let areas: Vec<_> = (0..repeats).map(|_| delong(sample).expect("both classes")).collect();
                (areas[0].value, areas[0].standard_error)
            }
            Self::Obuchowski => {
                let areas: Vec<_> = (0..repeats).map(|_| delong(by_patient).expect("both classes")).collect();
                (areas[0].value, areas[0].standard_error)
            }
            Self::Bootstrap { resamples, .. } => {
                let clusters = by_patient.clusters().expect("patients");
                let design = Design::new(clusters).expect("a design");
                let auc = Statistic::auc(&design, sample).expect("both classes");
                let options = Options { resamples, ..Options::default() };
                let resampled = resample(&[&auc], &options).expect("resamples");
                let distribution = resampled.distribution(0).expect("values");
                (distribution.observed(), distribution.standard_error())
            }
        };
        let (wall, processor) = (wall.elapsed().as_secs_f64(), processor_seconds() - processor);
        let scale = 1.0 / repeats as f64;
        Timing { wall: wall * scale, processor: processor * scale, auc, error }
    }

    /// How often it is done within a measurement: Linux counts a processor's time by some milliseconds.
    fn repeats(self, rows: usize) -> usize {
        match self {
            Self::Delong | Self::Obuchowski => (2_000_000 / rows).clamp(5, 1_000),
            Self::Bootstrap { .. } => 1,
        }
    }

    /// A peer's times; those of resamples are scaled to as many as ours were.
    fn ask(self, script: &str, folder: &Path, rows: usize) -> Option<Timing> {
        let (task, count, scale) = match self {
            Self::Delong => ("delong", self.repeats(rows), 1.0 / self.repeats(rows) as f64),
            // pROC has no clusters.
            Self::Obuchowski if script.ends_with(".R") => return None,
            Self::Obuchowski => ("obuchowski", self.repeats(rows), 1.0 / self.repeats(rows) as f64),
            Self::Bootstrap { peers: 0, .. } => return None,
            Self::Bootstrap { resamples, peers } => ("bootstrap", peers, resamples as f64 / peers as f64),
        };
        let program = match script.ends_with(".R") {
            true => "Rscript".to_owned(),
            false => std::env::var("TEST_STATISTICS_PYTHON").ok()?,
        };
        let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers")).join(script);
        let output = Command::new(program).arg(script).arg(folder).arg(task).arg(count.to_string()).output().ok()?;
        let words = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = words.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [wall, processor, auc, error] = numbers[..] else {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
            return None;
        };
        Some(Timing { wall: wall * scale, processor: processor * scale, auc, error })
    }
}

impl Table {
    /// Two rows a patient, 10 % of the rows positive, scores of a patient alike; written for the peers.
    fn make(&self, folder: &Path) -> (Binary, Binary) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(8);
        let mut uniform = || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let (mut scores, mut positive) = (Vec::new(), Vec::new());
        for row in 0..self.rows {
            let is = uniform() < 0.1;
            let own = if is { 0.25 } else { 0.0 } + 0.5 * uniform();
            let patient: f64 = if row % 2 == 0 { uniform() } else { scores[row - 1] };
            let score = (own + patient) / 1.75;
            let levels = f64::from(self.levels);
            scores.push(if self.levels == 0 { score } else { (score * levels).round() / levels });
            positive.push(is);
        }
        let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
        fs::write(folder.join("scores.f64"), bytes).expect("the scores are written");
        let bytes: Vec<u8> = positive.iter().map(|is| u8::from(*is)).collect();
        fs::write(folder.join("positive.u8"), bytes).expect("the outcomes are written");
        let clusters = Clusters::of((0..self.rows).map(|row| row / 2));
        let sample = Binary::new(&scores, &positive).expect("a table");
        (sample.clone(), sample.clustered(clusters).expect("a patient for each row"))
    }
}

/// What all threads of this process have computed so far, where Linux says it; the wall clock elsewhere.
fn processor_seconds() -> f64 {
    let nanoseconds = |task: fs::DirEntry| -> Option<f64> {
        fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    match fs::read_dir("/proc/self/task") {
        Ok(tasks) => tasks.flatten().filter_map(nanoseconds).sum::<f64>() / 1e9,
        Err(_) => std::time::UNIX_EPOCH.elapsed().map_or(0.0, |time| time.as_secs_f64()),
    }
}
