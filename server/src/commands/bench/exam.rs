//! Whole exams, phantoms, through a model: from decoded pixels in memory to scores.

use std::io::Cursor;
use std::time::Instant;

use serde::Serialize;
use uvid_datasets::dicom;
use uvid_datasets::phantom::{self, PhantomFile};
use uvid_kernels::Precision;
use uvid_model::Predictor;

use super::measure::{RUNS_MIN, Spread, is_enough};
use crate::pipeline::{self, Limits, NoBytes, Source};

/// What an exam takes, one after the other.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Exams {
    pub(super) model: String,
    pub(super) backend: String,
    pub(super) precision: String,
    pub(super) images: usize,
    pub(super) exams: usize,
    pub(super) exams_per_second: f64,
    /// Milliseconds from decoded pixels to the network's input, on the host.
    pub(super) prepare: Spread,
    /// Milliseconds from there to scores: up, networks, down, and what is read of their results.
    pub(super) predict: Spread,
}

/// A phantom's file, in memory.
struct InMemory(PhantomFile);

impl Source for InMemory {
    fn name(&self) -> String {
        self.0.file_name.clone()
    }

    fn open(&self, limits: &dicom::Limits) -> Result<dicom::Object<'_>, NoBytes> {
        dicom::Object::open(Cursor::new(&self.0.bytes[..]), limits).map_err(|e| NoBytes::Unreadable(e.to_string()))
    }
}

/// Measures a model for so many seconds.
///
/// # Errors
///
/// The model gives a phantom no score.
pub(super) fn exams(predictor: &Predictor, precision: Precision, seconds: f64) -> anyhow::Result<Exams> {
    let files: Vec<InMemory> = phantom::exam(&phantom::Spec::default())?.into_iter().map(InMemory).collect();
    let (report, exam) = pipeline::score(&files, predictor, &Limits::default())?;
    let name = &predictor.id().name;
    if let Err(reasons) = &report.outcome {
        anyhow::bail!("{name} gives the phantom no score: {reasons:?}");
    }
    let exam = exam.ok_or_else(|| anyhow::anyhow!("{name} took no exam"))?;
    let (mut prepare, mut predict) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while !is_enough(prepare.len(), RUNS_MIN, start, seconds) {
        let begun = Instant::now();
        let prepared = predictor.prepare(&exam).map_err(|reasons| anyhow::anyhow!("{name}: {reasons:?}"))?;
        prepare.push(begun.elapsed());
        let begun = Instant::now();
        predictor.predict(&prepared).map_err(|reason| anyhow::anyhow!("{name}: {reason:?}"))?;
        predict.push(begun.elapsed());
    }
    Ok(Exams {
        model: name.clone(),
        backend: predictor.backend().to_string(),
        precision: precision.to_string(),
        images: exam.images().iter().count(),
        exams: prepare.len(),
        exams_per_second: prepare.len() as f64 / start.elapsed().as_secs_f64(),
        prepare: Spread::of(prepare),
        predict: Spread::of(predict),
    })
}
