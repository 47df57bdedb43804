//! The road of an exam, top to bottom: every arrow of ARCHITECTURE.md is one function here.
//!
//! ```text
//! bytes -> accept -> durable -> read -> Mammogram -> assemble -> Exam -> prepare -> Prepared -> predict -> Scores -> Report
//!                            -> describe -> dicom::Source                                         Report -> objects -> Made
//! ```
//!
//! `uvid score` and `uvid serve` walk the same road; only where the bytes come from ([`Source`]) and where the report
//! goes differs. What comes by the network is made durable first, by [`accept_all`].
//!
//! Invariant: the decoded images of a study that are held at once have no more than [`Limits::study_pixels_max`] pixels.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use uvid_datasets::dicom::{self, ReadError};
use uvid_exam::{Assembly, Exam, Reason, Received, Reduced, Rules, Scores, StudyInstanceUid};
use uvid_model::mirai::RiskFactors;
use uvid_model::{DeviceFault, Predictor, Unscored};

use crate::report::Report;
use crate::report::dicom::{self as results, Made, Making};
pub use crate::store::accept_all;

/// How long each stage of one exam took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages {
    /// DICOM to mammograms: parsing and decoding, all files.
    pub read: Duration,
    /// Choosing the images of the exam.
    pub assemble: Duration,
    /// The package's own pre-processing.
    pub prepare: Duration,
    /// The network.
    pub predict: Duration,
}

/// What one study may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of each file.
    pub dicom: dicom::Limits,
    /// Decoded pixels of a study that are held at once, 2 bytes each; beyond it the study has no score.
    pub study_pixels_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { dicom: dicom::Limits::default(), study_pixels_max: 1 << 30 }
    }
}

/// Where one file of a study comes from.
pub trait Source: Sync {
    /// What to call it in errors: a path on the command line, a UID in the server.
    fn name(&self) -> String;

    /// Opens it, or says why that cannot be.
    fn open(&self, limits: &dicom::Limits) -> Result<dicom::Object<'_>, NoBytes>;

    /// What is known of the file beside what it says, added once it was read. A hospital's file speaks for itself; of a
    /// public set's the table may have to say which breast it shows, or that images of several studies are one exam.
    fn declare(&self, received: Received) -> Received {
        received
    }

    /// Whose fault it is that it was opened and cannot be read.
    fn unread(&self, error: &ReadError) -> NoBytes {
        NoBytes::Unreadable(error.to_string())
    }
}

/// Why a file cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoBytes {
    /// The file is at fault: the report says so, and the others are scored.
    Unreadable(String),
    /// We are: bytes that were accepted are not there, or not as they were.
    Lost(Lost),
}

/// Bytes that were accepted cannot be read back. Without them there is no report: a score of what happens to be left
/// would be another exam's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an accepted object cannot be read: {0}")]
pub struct Lost(pub String);

/// Why a study has no report, neither scores nor reasons: never through a fault of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncomputed {
    /// Bytes that were accepted are lost.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The device that computed it failed; another one may do it.
    #[error(transparent)]
    Device(#[from] DeviceFault),
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// [`Source::name`].
    pub name: String,
    /// The attribute at fault, and how.
    pub problem: String,
}

/// What reading a study's files gives.
#[derive(Debug, Clone, Default)]
struct Read {
    study: Option<StudyInstanceUid>,
    received: Vec<Received>,
    unreadable: Vec<Unreadable>,
    /// What objects made of the result repeat of the files, where some are to be made.
    described: Vec<dicom::Source>,
    /// A limit that the study as a whole is over.
    over: Option<Reason>,
}

/// Files of one study in, a report out: the whole road. The exam that was scored comes with it.
///
/// # Errors
///
/// Bytes that were accepted are lost, or the device failed.
pub fn score<S: Source>(
    sources: &[S],
    predictor: &Predictor,
    limits: &Limits,
) -> Result<(Report, Option<Exam>), Uncomputed> {
    score_knowing(sources, predictor, limits, None)
}

/// The same, with what is known of the woman besides her images; the report says what was used.
///
/// # Errors
///
/// Bytes that were accepted are lost, or the device failed.
pub fn score_knowing<S: Source>(
    sources: &[S],
    predictor: &Predictor,
    limits: &Limits,
    known: Option<&RiskFactors>,
) -> Result<(Report, Option<Exam>), Uncomputed> {
    let Scored { report, exam, .. } = score_describing(sources, predictor, limits, known, None)?;
    Ok((report, exam))
}

/// What the road gives: the report, the exam that was scored, and what [`objects`] needs besides.
#[derive(Debug)]
pub struct Scored {
    /// The report.
    pub report: Report,
    /// The exam, if there is one.
    pub exam: Option<Exam>,
    /// What objects repeat of the files; empty if none are to be made.
    pub described: Vec<dicom::Source>,
}

/// The same; with a [`Making`], the files are also described while their bytes are at hand.
///
/// # Errors
///
/// Bytes that were accepted are lost, or the device failed.
pub fn score_describing<S: Source>(
    sources: &[S],
    predictor: &Predictor,
    limits: &Limits,
    known: Option<&RiskFactors>,
    making: Option<&Making>,
) -> Result<Scored, Uncomputed> {
    let start = Instant::now();
    let rules = predictor.rules();
    let mut read = read(sources, rules.reduced, Some(rules), limits, making)?;
    let stages = Stages { read: start.elapsed(), ..Stages::default() };
    let described = std::mem::take(&mut read.described);

    let (assembly, stages) = assemble(&mut read, predictor, stages);
    scored(read, assembly, predictor, known, described, stages)
}

/// The same for several models, whose files are read once.
///
/// # Errors
///
/// Bytes that were accepted are lost, or the device failed.
pub fn score_each<S: Source>(
    sources: &[S],
    predictors: &[&Predictor],
    limits: &Limits,
) -> Result<Vec<Scored>, Uncomputed> {
    let mut results = Vec::with_capacity(predictors.len());
    let mut done: Option<(Option<Reduced>, Read)> = None;
    for predictor in predictors {
        let rules = predictor.rules();
        let start = Instant::now();
        // What one model has no use for another may take, so all pixels stay.
        let mut read = match &done {
            Some((reduced, read)) if *reduced == rules.reduced => read.clone(),
            Some(_) | None => {
                let read = read(sources, rules.reduced, None, limits, None)?;
                done.insert((rules.reduced, read)).1.clone()
            }
        };
        let stages = Stages { read: start.elapsed(), ..Stages::default() };
        let (assembly, stages) = assemble(&mut read, predictor, stages);
        results.push(scored(read, assembly, predictor, None, Vec::new(), stages)?);
    }
    Ok(results)
}

/// Mammograms to an exam, or the reasons why there is none.
fn assemble(read: &mut Read, predictor: &Predictor, mut stages: Stages) -> (Assembly, Stages) {
    let start = Instant::now();
    read.study = read.received.first().map(|r| r.content.study().clone());
    let mut assembly = Exam::assemble(std::mem::take(&mut read.received), predictor.rules());
    if let Some(reason) = read.over.take() {
        assembly.exam = Err(vec![reason]);
    }
    stages.assemble = start.elapsed();
    (assembly, stages)
}

/// An exam to its report.
fn scored(
    read: Read,
    assembly: Assembly,
    predictor: &Predictor,
    known: Option<&RiskFactors>,
    described: Vec<dicom::Source>,
    mut stages: Stages,
) -> Result<Scored, Uncomputed> {
    let outcome = predict(&assembly, &read.unreadable, predictor, known, &mut stages)?;
    let (report, exam) = report(read.study, assembly, read.unreadable, outcome, predictor, stages);
    Ok(Scored { report, exam, described })
}

/// The last arrow: a report, with scores or without, to the objects that go to the PACS.
pub fn objects(scored: &Scored, predictor: &Predictor, making: &Making) -> Made {
    let Scored { report, exam, described } = scored;
    results::objects(making, described, report, exam.as_ref(), predictor.manifest())
}

/// What objects repeat of the files of a study, without scoring it; files that cannot be had or read are left out.
pub fn describe<S: Source>(sources: &[S], limits: &Limits, making: &Making) -> Vec<dicom::Source> {
    sources.iter().filter_map(|source| described(&source.open(&limits.dicom).ok()?, making)).collect()
}

/// What objects repeat of a file, its text read by the rule for its sender; `None` if it cannot be read.
fn described(object: &dicom::Object<'_>, making: &Making) -> Option<dicom::Source> {
    let repair = match making.charsets.as_slice() {
        [] => None,
        rules => {
            let sop_instance = object.header(None).ok()?.sop_instance;
            rules.iter().find(|(of, ..)| *of == sop_instance).map(|(_, charset, _)| dicom::Repair::from(*charset))
        }
    };
    object.describe(repair).ok()
}

/// Files to mammograms, file by file on all cores. A file is read where it lies; the pixels of an image that can fill no
/// view under the only rules that matter are dropped when that is known.
fn read<S: Source>(
    sources: &[S],
    reduced: Option<Reduced>,
    only: Option<&Rules>,
    limits: &Limits,
    making: Option<&Making>,
) -> Result<Read, Lost> {
    let held = AtomicUsize::new(0);
    let one = |source: &S| {
        let mut object = source.open(&limits.dicom)?;
        let description = making.and_then(|making| described(&object, making));
        let received = object.read_reduced(reduced).map_err(|error| source.unread(&error))?;
        let received = source.declare(received.named(&source.name()));
        let received = match only {
            Some(rules) => received.without_idle_pixels(rules),
            None => received,
        };
        let pixels = received.content.pixels();
        if held.fetch_add(pixels, Ordering::Relaxed).saturating_add(pixels) > limits.study_pixels_max {
            return Ok((received.without_pixels(), description));
        }
        Ok((received, description))
    };
    let mut read = Read::default();
    for (source, result) in sources.par_iter().map(|s| (s, one(s))).collect::<Vec<_>>() {
        match result {
            Ok((received, description)) => {
                read.received.push(received);
                read.described.extend(description);
            }
            Err(NoBytes::Unreadable(problem)) => read.unreadable.push(Unreadable { name: source.name(), problem }),
            Err(NoBytes::Lost(lost)) => return Err(lost),
        }
    }
    if held.into_inner() > limits.study_pixels_max {
        read.over = Some(Reason::TooManyPixels(limits.study_pixels_max));
    }
    Ok(read)
}

/// An exam to scores, or the reasons why there are none, which the fault of a device is not.
fn predict(
    assembly: &Assembly,
    unreadable: &[Unreadable],
    predictor: &Predictor,
    known: Option<&RiskFactors>,
    stages: &mut Stages,
) -> Result<Result<Scores, Vec<Reason>>, DeviceFault> {
    let exam = match &assembly.exam {
        Ok(exam) => exam,
        Err(reasons) => return Ok(Err(with_unreadable(reasons, assembly, unreadable))),
    };

    let start = Instant::now();
    let mut prepared = match predictor.prepare(exam) {
        Ok(prepared) => prepared,
        Err(reasons) => return Ok(Err(reasons)),
    };
    prepared.risk_factors = known.cloned();
    stages.prepare = start.elapsed();

    let start = Instant::now();
    let scores = predictor.predict(&prepared);
    stages.predict = start.elapsed();
    match scores {
        Ok(scores) => Ok(Ok(scores)),
        Err(Unscored::Because(reason)) => Ok(Err(vec![reason])),
        Err(Unscored::Device(fault)) => Err(fault),
    }
}

/// Where there is no exam, files that could not be read are part of the reason.
fn with_unreadable(reasons: &[Reason], assembly: &Assembly, unreadable: &[Unreadable]) -> Vec<Reason> {
    let mut all = reasons.to_vec();
    all.extend(unreadable.iter().map(|u| Reason::Unreadable(u.problem.clone())));
    let undecodable = assembly.fates.iter().filter_map(|(uid, fate)| Some((uid, fate.unreadable()?)));
    all.extend(undecodable.map(|(uid, problem)| Reason::Unreadable(format!("{uid}: {problem}"))));
    all
}

/// The end of the road: what the hospital gets back.
fn report(
    study: Option<StudyInstanceUid>,
    assembly: Assembly,
    unreadable: Vec<Unreadable>,
    outcome: Result<Scores, Vec<Reason>>,
    predictor: &Predictor,
    stages: Stages,
) -> (Report, Option<Exam>) {
    let report = Report {
        study,
        package: predictor.id().clone(),
        fates: assembly.fates,
        notes: assembly.notes,
        unreadable,
        missing: assembly.missing,
        outcome,
        stages,
    };
    (report, assembly.exam.ok())
}
