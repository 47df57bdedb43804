//! What has been scored, on disk: a line of JSON for each exam and package.
//!
//! Invariants: a line is written whole and then synced; what is left of one that was cut off is passed over; each process
//! writes a file of its own, and reads everybody's. A line counts only for the inputs and the package that it names.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::exams::Shard;
use crate::report::json::ReportJson;

/// What a package says of an exam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// [`super::Unit::key`].
    pub exam: String,
    /// SHA-256 of what the exam is: its images, where they lie, how large the files are, what the set says of them. The same on every
    /// machine.
    pub inputs: String,
    /// SHA-256 of when the exam's files were last changed, where it was scored.
    #[serde(default)]
    pub changed: String,
    /// The report, without its heat maps.
    pub report: ReportJson,
    /// The cohort's image of each object.
    pub images: Vec<(String, String)>,
    /// Where the model points.
    pub marks: Vec<Mark>,
}

/// A place that a model points at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The cohort's image.
    pub image: String,
    /// What for: the name of a region or of a heat map.
    pub name: String,
    /// How strongly.
    pub score: f64,
    /// Row in the file, in pixels.
    pub row: f64,
    /// Column in the file, in pixels.
    pub column: f64,
    /// The outline as (row, column), where the model draws one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline: Vec<[f64; 2]>,
}

/// What tells the work of one package on one exam from any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) exam: String,
    pub(super) inputs: String,
    pub(super) package: String,
    pub(super) recipe: String,
}

impl Line {
    pub(super) fn key(&self) -> Key {
        Key {
            exam: self.exam.clone(),
            inputs: self.inputs.clone(),
            package: self.report.package.digest.clone(),
            recipe: self.report.package.recipe_digest.clone(),
        }
    }
}

/// The journal of an evaluation.
pub(super) struct Journal {
    own: Mutex<File>,
}

impl Journal {
    /// Opens the process's own file in a folder, to write to.
    pub(super) fn open(folder: &Path, shard: Shard) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.jsonl", shard.name()));
        let mut own = (OpenOptions::new().create(true).append(true).read(true).open(&path))
            .with_context(|| format!("opening {}", path.display()))?;
        // A line that was cut off must not swallow the next one.
        if own.metadata()?.len() > 0 {
            own.write_all(b"\n")?;
        }
        Ok(Self { own: Mutex::new(own) })
    }

    /// Adds a line, on disk when this returns.
    pub(super) fn add(&self, line: &Line) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let mut own = self.own.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        own.write_all(text.as_bytes()).and_then(|()| own.sync_data()).context("writing the journal")
    }
}

/// What has a line, of whatever process, with when its files were changed.
pub(super) fn keys(folder: &Path) -> anyhow::Result<HashSet<(Key, String)>> {
    let mut keys = HashSet::new();
    each(folder, |key, line| {
        keys.insert((key, line.changed));
    })?;
    Ok(keys)
}

/// The lines that are wanted, of all processes. Of several of one key that of the files as they are here, else the last.
pub(super) fn read(folder: &Path, wanted: &HashMap<Key, &str>) -> anyhow::Result<HashMap<Key, Line>> {
    let mut lines: HashMap<Key, Line> = HashMap::new();
    each(folder, |key, line| {
        let Some(changed) = wanted.get(&key) else { return };
        if line.changed == *changed || lines.get(&key).is_none_or(|known| known.changed != *changed) {
            lines.insert(key, line);
        }
    })?;
    Ok(lines)
}

/// Line by line, so that lines that nobody wants need no memory.
fn each(folder: &Path, mut take: impl FnMut(Key, Line)) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        for text in BufReader::new(file).split(b'\n') {
            let text = text.with_context(|| format!("reading {}", path.display()))?;
            if let Ok(line) = serde_json::from_slice::<Line>(&text) {
                take(line.key(), line);
            }
        }
    }
    Ok(())
}
