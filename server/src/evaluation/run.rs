//! Scoring a cohort's exams: on every device, what is not in the journal yet.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use sha2::{Digest, Sha256};
use uvid_datasets::sets::{Cohort, Files};
use uvid_exam::Slot;
use uvid_model::Predictor;

use super::declared::{SetImage, locate};
use super::exams::{Shard, Unit, units};
use super::journal::{self, Journal, Key, Line};
use super::marks::marks;
use crate::pipeline::{self, Limits, Scored};
use crate::report::json::ReportJson;

/// What is run, with what.
pub struct Running<'a> {
    /// The exams.
    pub cohort: &'a Cohort,
    /// Where the set lies.
    pub root: &'a Path,
    /// What lies there.
    pub files: &'a Files,
    /// The folder of the journal.
    pub journal: &'a Path,
    /// Which exams are this process's.
    pub shard: Shard,
    /// For each device the packages that are loaded on it, in the same order. Each device takes the next exam when it is
    /// free; two exams at a time, so that one is read while another is predicted.
    pub devices: &'a [Vec<Predictor>],
    /// Limits on files and studies.
    pub limits: &'a Limits,
}

/// What is known after a run.
pub struct Ran {
    /// The exams of the cohort.
    pub units: Vec<Unit>,
    /// For each exam and package its line, if somebody has written it: `[exam][package]`.
    pub lines: Vec<Vec<Option<Line>>>,
    /// Exams of this process that were scored now, not found in the journal.
    pub fresh: usize,
}

impl Ran {
    /// Exams that some package has not looked at: other processes are still at it.
    pub fn open(&self) -> usize {
        self.lines.iter().filter(|lines| lines.iter().any(Option::is_none)).count()
    }
}

/// Tells the cohort which breast and view images show where its tables do not, as CMMD's, now that their files have been read; labels
/// follow. Exams that contradict themselves then leave the cohort, and the run. Returns how many images' files say otherwise than
/// the tables.
pub fn place(cohort: &mut Cohort, ran: &mut Ran) -> usize {
    let mut misplaced = 0;
    for (unit, lines) in ran.units.iter().zip(&ran.lines) {
        for place in &unit.images {
            let name = &cohort.images[*place].image;
            let slot = lines.iter().flatten().find_map(|line| {
                let (uid, _) = line.images.iter().find(|(_, image)| image == name)?;
                let shown = line.report.images.iter().find(|image| image.sop_instance == *uid)?;
                Slot::ALL.into_iter().find(|slot| slot.name() == shown.slot)
            });
            if let Some(slot) = slot {
                misplaced += usize::from(cohort.place(*place, slot.laterality(), slot.view()).is_err());
            }
        }
    }
    cohort.close();
    let lines = ran.units.iter().map(Unit::key).zip(std::mem::take(&mut ran.lines));
    let mut lines: HashMap<String, Vec<Option<Line>>> = lines.collect();
    ran.units = units(cohort);
    ran.lines = ran.units.iter().map(|unit| lines.remove(&unit.key()).unwrap_or_default()).collect();
    misplaced
}

/// Scores what is left to do; `tick` is told of every exam of this process, whether it was done before (`false`) or now.
///
/// # Errors
///
/// The journal cannot be read or written, or a device failed.
pub fn run(running: &Running<'_>, tick: &(impl Fn(bool) + Sync)) -> anyhow::Result<Ran> {
    let units = units(running.cohort);
    let inputs: Vec<String> = units.iter().map(|unit| fingerprint(running, unit)).collect();
    let packages = running.devices.first().context("there is no device")?;
    let key = |at: usize, package: &Predictor| Key {
        exam: units[at].key(),
        inputs: inputs[at].clone(),
        package: package.id().digest.clone(),
        recipe: package.id().recipe_digest.clone(),
    };
    let done = journal::read(running.journal)?;
    let is_done = |at: usize| packages.iter().all(|package| done.contains_key(&key(at, package)));
    let own: Vec<usize> = (0..units.len()).filter(|at| running.shard.has(&units[*at].patient)).collect();
    let (before, todo): (Vec<usize>, Vec<usize>) = own.into_iter().partition(|at| is_done(*at));
    before.iter().for_each(|_| tick(false));

    if !todo.is_empty() {
        let own = Journal::open(running.journal, running.shard)?;
        let next = AtomicUsize::new(0);
        let work = |predictors: &[Predictor]| -> anyhow::Result<()> {
            while let Some(at) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                let missing: Vec<&Predictor> =
                    predictors.iter().filter(|package| !done.contains_key(&key(*at, package))).collect();
                let lines = score(running, &units[*at], &inputs[*at], &missing).inspect_err(|_| {
                    // Nobody begins another exam once one has failed by no fault of its own.
                    next.store(todo.len(), Ordering::Relaxed);
                })?;
                lines.iter().try_for_each(|line| own.add(line))?;
                tick(true);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let twice = running.devices.iter().chain(running.devices);
            let workers: Vec<_> = twice.map(|predictors| scope.spawn(|| work(predictors))).collect();
            let ended = workers.into_iter().map(|worker| worker.join());
            ended.map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))).collect::<Vec<_>>()
        })
        .into_iter()
        .collect::<anyhow::Result<()>>()?;
    }

    let mut lines: HashMap<Key, Line> = journal::read(running.journal)?;
    let of = |at: usize| packages.iter().map(|package| key(at, package)).collect::<Vec<_>>();
    let keys: Vec<Vec<Key>> = (0..units.len()).map(of).collect();
    let lines = keys.iter().map(|keys| keys.iter().map(|key| lines.remove(key)).collect()).collect();
    Ok(Ran { units, lines, fresh: todo.len() })
}

/// What an exam is, and under which limits it is read: a change of any of it makes another exam of it, to be scored anew. Files by place and size: to read
/// all bytes of a set only to find that nothing has changed would take as long as scoring it.
fn fingerprint(running: &Running<'_>, unit: &Unit) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {:?}\n", running.cohort.set, running.limits).as_bytes());
    for image in unit.images.iter().map(|place| &running.cohort.images[*place]) {
        let path = locate(running.files, image);
        let bytes = path.and_then(|path| std::fs::metadata(running.root.join(path)).ok()).map(|file| file.len());
        let what = (&image.patient, &image.exam, &image.image, image.laterality, &image.view, path, bytes);
        hasher.update(format!("{what:?}\n").as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One exam through the packages that have not seen it.
fn score(running: &Running<'_>, unit: &Unit, inputs: &str, predictors: &[&Predictor]) -> anyhow::Result<Vec<Line>> {
    let image =
        |place: &usize| SetImage::new(&running.cohort.set, running.root, running.files, &running.cohort.images[*place]);
    let sources = unit.images.iter().map(image).collect::<Result<Vec<_>, _>>()?;
    let scored = pipeline::score_each(&sources, predictors, running.limits)
        .with_context(|| format!("scoring the exam {}", unit.key()))?;
    let found = sources
        .iter()
        .zip(&unit.images)
        .filter_map(|(source, place)| Some((source.found()?.to_string(), running.cohort.images[*place].image.clone())));
    let images: Vec<(String, String)> = found.collect();
    let line = |Scored { report, .. }: Scored| {
        let name = |uid: &str| images.iter().find(|(found, _)| found == uid).map(|(_, image)| image.as_str());
        let scores = report.outcome.iter().flat_map(|scores| &scores.images);
        let marks =
            scores.filter_map(|image| Some(marks(name(image.sop_instance.as_str())?, image))).flatten().collect();
        let mut report = ReportJson::from(&report);
        report.images.iter_mut().for_each(|image| {
            image.heatmaps.clear();
            image.regions.clear();
        });
        Line { exam: unit.key(), inputs: inputs.to_owned(), report, images: images.clone(), marks }
    };
    Ok(scored.into_iter().map(line).collect())
}
