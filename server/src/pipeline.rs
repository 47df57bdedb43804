//! The road of an exam, top to bottom: every arrow of ARCHITECTURE.md is one function here.
//!
//! ```text
//! bytes -> accept -> durable -> read -> Mammogram -> assemble -> Exam -> prepare -> Prepared -> predict -> Scores -> Report
//! ```
//!
//! `uvid score` and `uvid serve` walk the same road; only where the bytes come from and where the report goes differs.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use uvid_datasets::dicom;
use uvid_exam::{Assembly, Exam, Reason, Received, Scores, StudyInstanceUid};
use uvid_model::Predictor;

use crate::report::Report;

/// How long each stage of one exam took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages {
    /// DICOM to mammograms: parsing and decoding, all files.
    pub read: Duration,
    /// Choosing the images of the exam.
    pub assemble: Duration,
    /// The package's own pre-processing.
    pub prepare: Duration,
    /// The network, and waiting for it.
    pub predict: Duration,
}

/// A file of a study, as it arrived.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// What to call it in errors: a path on the command line, a UID in the server.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// [`SourceFile::name`].
    pub name: String,
    /// The attribute at fault, and how.
    pub problem: String,
}

/// Files of one study in, a report out: the whole road.
pub fn score(files: &[SourceFile], predictor: &Predictor, limits: &dicom::Limits) -> Report {
    let (received, unreadable, read) = read(files, limits);
    score_received(received, unreadable, read, predictor)
}

/// The road from the second step on, for whoever has read the files already.
pub fn score_received(
    received: Vec<Received>,
    unreadable: Vec<Unreadable>,
    read: Duration,
    predictor: &Predictor,
) -> Report {
    let mut stages = Stages { read, ..Stages::default() };
    let study = received.first().map(|r| r.content.study().clone());

    let start = Instant::now();
    let assembly = Exam::assemble(received, predictor.rules());
    stages.assemble = start.elapsed();

    let outcome = predict(&assembly, &unreadable, predictor, &mut stages);
    report(study, assembly, unreadable, outcome, predictor, stages)
}

/// Bytes to mammograms, file by file on all cores.
pub fn read(files: &[SourceFile], limits: &dicom::Limits) -> (Vec<Received>, Vec<Unreadable>, Duration) {
    let start = Instant::now();
    let results: Vec<_> = files.par_iter().map(|f| (f, dicom::read(&f.bytes, limits))).collect();
    let (mut received, mut unreadable) = (Vec::new(), Vec::new());
    for (file, result) in results {
        match result {
            Ok(r) => received.push(r),
            Err(e) => unreadable.push(Unreadable { name: file.name.clone(), problem: e.to_string() }),
        }
    }
    (received, unreadable, start.elapsed())
}

/// An exam to scores, or the reasons why there are none.
fn predict(
    assembly: &Assembly,
    unreadable: &[Unreadable],
    predictor: &Predictor,
    stages: &mut Stages,
) -> Result<Scores, Vec<Reason>> {
    let exam = assembly.exam.as_ref().map_err(|reasons| with_unreadable(reasons, assembly, unreadable))?;

    let start = Instant::now();
    let prepared = predictor.prepare(exam)?;
    stages.prepare = start.elapsed();

    let start = Instant::now();
    let scores = predictor.predict(std::slice::from_ref(&prepared)).pop();
    stages.predict = start.elapsed();
    scores.unwrap_or_else(|| Err(Reason::ModelFailed("no answer".into()))).map_err(|reason| vec![reason])
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
) -> Report {
    Report {
        study,
        package: predictor.id().clone(),
        fates: assembly.fates,
        unreadable,
        missing: assembly.missing,
        outcome,
        stages,
    }
}
