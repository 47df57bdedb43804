//! Rounds: each contestant for a tenth of a second, then each once more.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use candle_core::{DType, Tensor};

use crate::contestants::{Contestant, Run};

/// How long a contestant runs in a round, at least once.
const TURN_MS: f64 = 100.0;
/// Between two contestants: what spins while it waits for more has stopped.
const PAUSE: Duration = Duration::from_millis(50);
/// The furthest of all outputs from ours, as a share of the largest magnitude of that output.
const F32_DIFFERENCE_MAX: f64 = 1e-4;
const BF16_DIFFERENCE_MAX: f64 = 5e-2;

/// What a contestant computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    Bf16,
}

/// A contestant on one network.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) precision: Precision,
    /// From the first contestant's outputs, which are ours if ours runs; not a number if any is none. Its own words if it fails.
    pub(crate) difference: Result<f64, String>,
    /// Those that count.
    pub(crate) runs: Vec<Run>,
    pub(crate) before_mb: f64,
    pub(crate) peak_mb: f64,
}

impl Entry {
    /// Whether its outputs are those of the network.
    pub(crate) fn right(&self) -> bool {
        let most = match self.precision {
            Precision::F32 => F32_DIFFERENCE_MAX,
            Precision::Bf16 => BF16_DIFFERENCE_MAX,
        };
        self.difference.as_ref().is_ok_and(|d| *d <= most)
    }

    /// By the clock, ms.
    pub(crate) fn median(&self) -> f64 {
        middle(self.runs.iter().map(|r| r.ms).collect())
    }

    /// By the clock, ms.
    pub(crate) fn least(&self) -> f64 {
        self.runs.iter().map(|r| r.ms).fold(f64::INFINITY, f64::min)
    }

    /// Of all threads, ms.
    pub(crate) fn median_cpu(&self) -> f64 {
        middle(self.runs.iter().map(|r| r.cpu_ms).collect())
    }

    /// What it needs beyond its libraries, MB.
    pub(crate) fn own_mb(&self) -> f64 {
        self.peak_mb - self.before_mb
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Lets all run the network of a folder.
pub(crate) fn entries(
    names: &[&str],
    folder: &Path,
    threads: usize,
    rounds: usize,
    python: Option<&Path>,
) -> Vec<Entry> {
    let mut running: Vec<(Entry, Option<Contestant>)> = Vec::new();
    let mut reference = None;
    for name in names {
        let mut entry = Entry {
            name: (*name).to_owned(),
            version: String::new(),
            precision: if name.contains("bf16") { Precision::Bf16 } else { Precision::F32 },
            difference: Err("it did not run".into()),
            runs: vec![],
            before_mb: f64::NAN,
            peak_mb: f64::NAN,
        };
        let contestant = match warm_up(&mut entry, folder, threads, python) {
            Ok((contestant, outputs)) => {
                entry.difference = difference(&outputs, reference.get_or_insert_with(|| outputs.clone()));
                Some(contestant)
            }
            Err(why) => {
                entry.difference = Err(why);
                None
            }
        };
        running.push((entry, contestant));
    }
    for _ in 0..rounds {
        for (entry, contestant) in &mut running {
            let Some(contestant) = contestant.as_mut().filter(|_| entry.difference.is_ok()) else { continue };
            std::thread::sleep(PAUSE);
            match turn(contestant) {
                Ok(runs) => entry.runs.extend(runs),
                Err(why) => entry.difference = Err(why),
            }
        }
    }
    running
        .into_iter()
        .map(|(entry, contestant)| match contestant {
            Some(contestant) => Entry { peak_mb: contestant.peak_mb(), ..entry },
            None => entry,
        })
        .collect()
}

/// Starts a contestant and runs the network once, which is compared and not counted.
fn warm_up(
    entry: &mut Entry,
    folder: &Path,
    threads: usize,
    python: Option<&Path>,
) -> Result<(Contestant, HashMap<String, Tensor>), String> {
    let mut contestant = Contestant::start(&entry.name, threads, python, &folder.join(format!("{}.log", entry.name)))?;
    entry.version.clone_from(&contestant.version);
    entry.before_mb = contestant.before_mb;
    if let Some(chosen) = contestant.load(folder)? {
        entry.precision =
            if chosen.contains("bf16") || chosen.contains("bfloat16") { Precision::Bf16 } else { entry.precision };
        entry.name = format!("{} ({chosen})", entry.name);
    }
    contestant.run()?;
    let outputs = contestant.outputs(&folder.join("outputs.safetensors"))?;
    Ok((contestant, outputs))
}

fn turn(contestant: &mut Contestant) -> Result<Vec<Run>, String> {
    let mut runs: Vec<Run> = Vec::new();
    while runs.iter().map(|r| r.ms).sum::<f64>() < TURN_MS {
        runs.push(contestant.run()?);
    }
    Ok(runs)
}

/// The furthest of all outputs from the reference, as a share of the largest magnitude of that output.
fn difference(found: &HashMap<String, Tensor>, reference: &HashMap<String, Tensor>) -> Result<f64, String> {
    let doubles = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let mut furthest = 0f64;
    for (name, reference) in reference {
        let found = found.get(name).ok_or_else(|| format!("it does not give {name}"))?;
        if found.dims() != reference.dims() {
            return Err(format!("its {name} is {:?}, not {:?}", found.dims(), reference.dims()));
        }
        let (a, b) = (doubles(found).map_err(|e| e.to_string())?, doubles(reference).map_err(|e| e.to_string())?);
        let largest = b.iter().fold(0f64, |most, b| most.max(b.abs()));
        for (a, b) in a.iter().zip(&b) {
            let apart = (a - b).abs() / largest;
            // f64::max would take the other for a NaN.
            furthest = if apart.is_nan() || furthest.is_nan() { f64::NAN } else { furthest.max(apart) };
        }
    }
    Ok(furthest)
}
