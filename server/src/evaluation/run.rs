//! Scoring a cohort's exams: on every device, what is not in the journal yet.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use sha2::{Digest, Sha256};
use uvid_datasets::sets::Cohort;
use uvid_exam::Slot;
use uvid_model::Predictor;

use super::declared::SetImage;
use super::exams::{Shard, Unit, units};
use super::journal::{self, Journal, Key, Line};
use super::marks::marks;
use super::places::Places;
use super::tables::Level;
use crate::pipeline::{self, Limits, Scored};
use crate::report::json::{OutputJson, ReportJson};

/// What is run, with what.
pub struct Running<'a> {
    /// The exams.
    pub cohort: &'a Cohort,
    /// Where its files lie.
    pub places: &'a Places,
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
    /// Those of them that some package had looked at before.
    pub partly: usize,
    /// What went wrong with devices whose exams others then took.
    pub faults: Vec<String>,
}

impl Ran {
    /// Exams that some package has not looked at: other processes are still at it.
    pub fn open(&self) -> usize {
        self.lines.iter().filter(|lines| lines.iter().any(Option::is_none)).count()
    }

    /// What a package says of an image, a breast, an exam, in the package's order; nothing where it says nothing of such.
    pub fn outputs(&self, package: &str, level: Level) -> &[OutputJson] {
        let lines = self.lines.iter().flatten().flatten().filter(|line| line.report.package.name == package);
        let mut outputs = lines.filter_map(|line| match level {
            Level::Exam => Some(line.report.exam.as_slice()),
            Level::Breast => line.report.breasts.first().map(|breast| breast.outputs.as_slice()),
            Level::Image => line.report.images.first().map(|image| image.outputs.as_slice()),
        });
        outputs.find(|outputs| !outputs.is_empty()).unwrap_or_default()
    }

    /// What computed a package's scores: on several machines it may have been several backends.
    pub fn backends(&self, package: &str) -> String {
        let lines = self.lines.iter().flatten().flatten().filter(|line| line.report.package.name == package);
        let backends: BTreeSet<&str> = lines.filter_map(|line| line.report.backend.as_deref()).collect();
        backends.into_iter().collect::<Vec<_>>().join(", ")
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
    let inputs: Vec<Inputs> = units.iter().map(|unit| fingerprint(running, unit)).collect();
    let packages = running.devices.first().context("there is no device")?;
    let key = |at: usize, package: &Predictor| Key {
        exam: units[at].key(),
        inputs: inputs[at].what.clone(),
        package: package.id().digest.clone(),
        recipe: package.id().recipe_digest.clone(),
    };
    let done = journal::keys(running.journal)?;
    let has = |at: usize, package: &Predictor| done.contains(&(key(at, package), inputs[at].changed.clone()));
    let is_done = |at: usize| packages.iter().all(|package| has(at, package));
    let own: Vec<usize> = (0..units.len()).filter(|at| running.shard.has(&units[*at].patient)).collect();
    let (before, todo): (Vec<usize>, Vec<usize>) = own.into_iter().partition(|at| is_done(*at));
    before.iter().for_each(|_| tick(false));

    let fresh = todo.len();
    let some = |at: &&usize| packages.iter().any(|package| has(**at, package));
    let partly = todo.iter().filter(some).count();
    let mut faults = Vec::new();
    if fresh > 0 {
        let own = Journal::open(running.journal, running.shard)?;
        let (queue, scored) = (Mutex::new(VecDeque::from(todo)), AtomicUsize::new(0));
        let queue = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |predictors: &[Predictor]| -> anyhow::Result<()> {
            loop {
                let Some(at) = queue().pop_front() else { return Ok(()) };
                let missing: Vec<&Predictor> = predictors.iter().filter(|package| !has(at, package)).collect();
                // An exam that failed by no fault of its own goes to another device.
                score(running, &units[at], &inputs[at], &missing)
                    .and_then(|lines| lines.iter().try_for_each(|line| own.add(line)))
                    .inspect_err(|_| queue().push_back(at))?;
                scored.fetch_add(1, Ordering::Relaxed);
                tick(true);
            }
        };
        let ended: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
            let twice = running.devices.iter().chain(running.devices);
            let workers: Vec<_> = twice.map(|predictors| scope.spawn(|| work(predictors))).collect();
            let ended = workers.into_iter().map(|worker| worker.join());
            ended.map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))).collect()
        });
        let left = fresh - scored.into_inner();
        for fault in ended.into_iter().filter_map(Result::err) {
            match left {
                0 => faults.push(format!("{fault:#}")),
                _ => return Err(fault.context(format!("{left} exams are left to be scored; run this again"))),
            }
        }
    }

    let of = |at: usize| packages.iter().map(|package| key(at, package)).collect::<Vec<_>>();
    let keys: Vec<Vec<Key>> = (0..units.len()).map(of).collect();
    let wanted = keys.iter().zip(&inputs);
    let wanted = wanted.flat_map(|(keys, inputs)| keys.iter().map(|key| (key.clone(), inputs.changed.as_str())));
    let mut lines = journal::read(running.journal, &wanted.collect())?;
    let lines = keys.iter().map(|keys| keys.iter().map(|key| lines.remove(key)).collect()).collect();
    Ok(Ran { units, lines, fresh, partly, faults })
}

/// What an exam is, what reads it, and under which limits: a change of any of it makes another exam of it, to be scored anew. Files by
/// place, size and time of their last change: to read all bytes of a set only to find that nothing has changed would take as long as
/// scoring it. Copies on several machines differ in the time: it decides only what a process scores, not whose results count.
struct Inputs {
    what: String,
    changed: String,
}

fn fingerprint(running: &Running<'_>, unit: &Unit) -> Inputs {
    let (mut hasher, mut times) = (Sha256::new(), Sha256::new());
    let version = env!("CARGO_PKG_VERSION");
    hasher.update(format!("{version} {} {:?}\n", running.cohort.set, running.limits).as_bytes());
    for image in unit.images.iter().map(|place| &running.cohort.images[*place]) {
        let file = running.places.image(image).and_then(|path| std::fs::metadata(path).ok());
        let changed = file.as_ref().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        let file = (running.places.relative(image), file.map(|file| file.len()));
        times.update(format!("{changed:?}\n").as_bytes());
        let what = (&image.patient, &image.exam, &image.image, image.laterality, &image.view, file);
        hasher.update(format!("{what:?}\n").as_bytes());
    }
    let text = |hasher: Sha256| hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Inputs { what: text(hasher), changed: text(times) }
}

/// One exam through the packages that have not seen it.
fn score(running: &Running<'_>, unit: &Unit, inputs: &Inputs, predictors: &[&Predictor]) -> anyhow::Result<Vec<Line>> {
    let image = |place: &usize| SetImage::new(&running.cohort.set, running.places, &running.cohort.images[*place]);
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
        Line {
            exam: unit.key(),
            inputs: inputs.what.clone(),
            changed: inputs.changed.clone(),
            report,
            images: images.clone(),
            marks,
        }
    };
    Ok(scored.into_iter().map(line).collect())
}
