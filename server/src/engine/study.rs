//! One study, computed: stored objects in, an answer out.
//!
//! Invariant: a panic ends the study it happened in, nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{Span, error};
use uvid_datasets::dicom::accelerator::Proven;
use uvid_datasets::dicom::{Limits as FileLimits, Object, ReadError};
use uvid_exam::SopInstanceUid;
use uvid_model::{DeviceFault, Manifest, Predictor};

use super::Answer;
use crate::metrics as names;
use crate::pipeline::{self, Limits, Lost, NoBytes, Scored, Source, Uncomputed};
use crate::report::Report;
use crate::report::dicom::{self, Made, Making, ObjectError, ResultObject};
use crate::store::{Digest, ObjectStore, Role};

/// A study to be scored by the model of a role, and what is made of its result.
pub(super) struct Study {
    pub(super) role: Role,
    pub(super) making: Option<Making>,
    pub(super) objects: Vec<(SopInstanceUid, Digest)>,
    pub(super) span: Span,
}

impl Study {
    /// Scores it, its pixels decoded by `decoder` where there is one and it can.
    ///
    /// # Errors
    ///
    /// The device failed: there is no answer.
    pub(super) fn compute(
        &self,
        model: &Predictor,
        store: &ObjectStore,
        limits: &Limits,
        decoder: Option<&Arc<Proven>>,
    ) -> Result<Answer, DeviceFault> {
        let _in_span = self.span.enter();
        let making = self.making.as_ref();
        match guarded(|| score_describing(&stored(&self.objects, store, decoder), model, limits, making))? {
            Ok(scored) => {
                let made = making.map(|making| made(|| pipeline::objects(&scored, model, making)));
                Ok(Answer::Report(Box::new(scored.report), made.unwrap_or_default()))
            }
            Err(answer) => Ok(answer),
        }
    }
}

/// Ends a panic here. Nothing that it could leave half-changed outlives the call: scoring does not mutate the model.
fn guarded(score: impl FnOnce() -> Result<Scored, Uncomputed>) -> Result<Result<Scored, Answer>, DeviceFault> {
    match catch_unwind(AssertUnwindSafe(score)) {
        Ok(Ok(scored)) => Ok(Ok(scored)),
        Ok(Err(Uncomputed::Lost(lost))) => Ok(Err(Answer::Lost(lost))),
        Ok(Err(Uncomputed::Device(fault))) => Err(fault),
        Err(_) => Ok(Err(Answer::Panicked)),
    }
}

/// The objects of a result; what could not be made, or panicked, is logged and counted, and the others stand.
fn made(make: impl FnOnce() -> Made) -> Vec<ResultObject> {
    let panicked = |_| Made { objects: Vec::new(), problems: vec![ObjectError::Panicked] };
    let Made { objects, problems } = catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(panicked);
    for problem in problems {
        metrics::counter!(names::OBJECTS_NOT_MADE, "reason" => problem.code()).increment(1);
        error!(code = problem.code(), %problem, "an object of the result cannot be made");
    }
    objects
}

/// The objects of a report that was made without scoring. It reads the files' headers and may wait for the disk.
pub(super) fn objects_of(
    report: &Report,
    objects: &[(SopInstanceUid, Digest)],
    manifest: &Manifest,
    making: &Making,
    store: &ObjectStore,
    limits: &Limits,
) -> Vec<ResultObject> {
    made(|| {
        let described = pipeline::describe(&stored(objects, store, None), limits, making);
        dicom::objects(making, &described, report, None, manifest)
    })
}

/// Stored objects in, a report out.
///
/// # Errors
///
/// An object is missing, or has changed, or the device failed.
pub(crate) fn score(
    objects: &[(SopInstanceUid, Digest)],
    model: &Predictor,
    store: &ObjectStore,
    limits: &Limits,
) -> Result<Report, Uncomputed> {
    Ok(score_describing(&stored(objects, store, None), model, limits, None)?.report)
}

fn score_describing(
    objects: &[Stored<'_>],
    model: &Predictor,
    limits: &Limits,
    making: Option<&Making>,
) -> Result<Scored, Uncomputed> {
    pipeline::score_describing(objects, model, limits, None, making)
}

fn stored<'a>(
    objects: &'a [(SopInstanceUid, Digest)],
    store: &'a ObjectStore,
    decoder: Option<&'a Arc<Proven>>,
) -> Vec<Stored<'a>> {
    objects.iter().map(|(uid, digest)| Stored { uid, digest, store, decoder }).collect()
}

/// An object of the store, named by its UID.
struct Stored<'a> {
    uid: &'a SopInstanceUid,
    digest: &'a Digest,
    store: &'a ObjectStore,
    decoder: Option<&'a Arc<Proven>>,
}

impl Source for Stored<'_> {
    fn name(&self) -> String {
        self.uid.to_string()
    }

    fn open(&self, limits: &FileLimits) -> Result<Object<'_>, NoBytes> {
        let file = self.store.open_whole(self.digest).map_err(|error| NoBytes::Lost(Lost(error.to_string())))?;
        let object = Object::open(file, limits).map_err(|error| self.unread(&error))?;
        Ok(object.with_digest(*self.digest.as_bytes()).with_accelerator(self.decoder.cloned()))
    }

    fn unread(&self, error: &ReadError) -> NoBytes {
        // The disk that accepted it does not give it back.
        let lost = matches!(error, ReadError::Io(_));
        let said = error.to_string();
        if lost { NoBytes::Lost(Lost(said)) } else { NoBytes::Unreadable(said) }
    }
}

#[cfg(test)]
mod tests {
    use uvid_model::FaultKind;

    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_a_fault_is_none() {
        assert!(matches!(guarded(|| panic!("on purpose")), Ok(Err(Answer::Panicked))));
        assert!(made(|| panic!("on purpose")).is_empty());
        let lost = Lost("gone".into());
        assert!(matches!(guarded(|| Err(Uncomputed::Lost(lost))), Ok(Err(Answer::Lost(_)))));
        let fault = DeviceFault { ordinal: 1, kind: FaultKind::OutOfMemory, said: "full".into() };
        assert_eq!(guarded(|| Err(Uncomputed::Device(fault.clone()))).err(), Some(fault));
    }
}
