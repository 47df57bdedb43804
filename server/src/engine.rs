//! The thread that owns the models.
//!
//! Scoring is synchronous and busy for seconds, so it happens on one thread of its own (and on rayon's, below it),
//! never on those that answer requests. Work reaches it through a channel of one place; the tracing span comes along.
//!
//! Invariants: a panic ends the study it happened in, nothing else; the thread holds the decoded mammograms of one
//! study, and the raw bytes of as many files as there are cores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};
use tracing::{Span, error};
use uvid_datasets::dicom::{Limits as FileLimits, Object, ReadError};
use uvid_exam::{PackageId, SopInstanceUid};
use uvid_model::{Predictor, Site};

use crate::metrics as names;
use crate::pipeline::{self, Limits, Lost, NoBytes, Scored, Source};
use crate::report::Report;
use crate::report::dicom::{self, Made, Making, ObjectError, ResultObject};
use crate::store::{Digest, ObjectStore, Role};

/// What the engine says of one study.
#[derive(Debug)]
pub enum Answer {
    /// It was looked at: the report, and what was asked to be made of it. What could not be made is in the log; the
    /// report is not lost for it.
    Report(Box<Report>, Vec<ResultObject>),
    /// Bytes that were accepted are not there.
    Lost(Lost),
    /// The computation panicked; the log says where.
    Panicked,
}

/// The engine's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended")]
pub struct Ended;

/// The models of this process.
pub struct Models {
    production: Predictor,
    site: Site,
    shadows: Vec<(Role, Predictor)>,
    unusable: Vec<Unusable>,
}

/// A shadow that is configured and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The package's name; of one that cannot be read, as the configuration calls it.
    pub name: String,
    /// The package, if it can be read.
    pub package: Option<PackageId>,
    /// Stable, for programs: `package-unreadable`, `model-not-loadable`, `model-load-panicked`.
    pub code: &'static str,
    /// In words; may name paths.
    pub problem: String,
}

impl Models {
    /// A production model with what the site has set for it, shadows with names of their own, and those that cannot be
    /// used.
    pub fn new(production: Predictor, site: Site, shadows: Vec<Predictor>, unusable: Vec<Unusable>) -> Self {
        let role = |shadow: &Predictor| Role::Shadow(shadow.id().name.clone());
        let shadows = shadows.into_iter().map(|shadow| (role(&shadow), shadow)).collect();
        Self { production, site, shadows, unusable }
    }

    /// What the site has set for the model of a role: for production alone.
    pub fn site(&self, role: &Role) -> Site {
        if *role == Role::Production { self.site.clone() } else { Site::default() }
    }

    /// The shadows that are configured and cannot be used.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// The model whose results are the studies'.
    pub fn production(&self) -> &Predictor {
        &self.production
    }

    /// All models with their roles, production first.
    pub fn all(&self) -> impl Iterator<Item = (&Role, &Predictor)> {
        std::iter::once((&Role::Production, &self.production)).chain(self.shadows.iter().map(|(role, p)| (role, p)))
    }

    /// The model of a role.
    pub fn of(&self, role: &Role) -> Option<&Predictor> {
        self.all().find(|(of, _)| *of == role).map(|(_, model)| model)
    }
}

/// A handle to the engine. Its thread ends when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    work: mpsc::Sender<Work>,
    models: Arc<OnceLock<Arc<Models>>>,
    store: ObjectStore,
    limits: Limits,
}

struct Work {
    role: Role,
    making: Option<Making>,
    objects: Vec<(SopInstanceUid, Digest)>,
    span: Span,
    answer: oneshot::Sender<Answer>,
}

impl Engine {
    /// Starts the thread, which first loads the models; the receiver says how that went.
    ///
    /// # Errors
    ///
    /// The operating system gives no thread.
    pub fn start<E: Send + 'static>(
        load: impl FnOnce() -> Result<Models, E> + Send + 'static,
        store: ObjectStore,
        limits: Limits,
    ) -> std::io::Result<(Self, oneshot::Receiver<Result<(), E>>)> {
        let (work, queue) = mpsc::channel(1);
        let (loaded, when_loaded) = oneshot::channel();
        let engine = Self { work, models: Arc::default(), store: store.clone(), limits };
        let models = Arc::clone(&engine.models);
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            let models = match load() {
                Ok(loaded) => Arc::clone(models.get_or_init(|| Arc::new(loaded))),
                // Whoever waits for the models is told; the queue closes with this thread.
                Err(error) => return drop(loaded.send(Err(error))),
            };
            if loaded.send(Ok(())).is_ok() {
                serve(queue, &models, &store, &limits);
            }
        })?;
        Ok((engine, when_loaded))
    }

    /// The models, once they are loaded.
    pub fn models(&self) -> Option<&Arc<Models>> {
        self.models.get()
    }

    /// Scores the study of these objects by the model of a role, and makes objects of the result if that is wanted.
    ///
    /// # Errors
    ///
    /// The engine has ended, or there is no such model.
    pub async fn score(
        &self,
        role: Role,
        objects: Vec<(SopInstanceUid, Digest)>,
        making: Option<Making>,
    ) -> Result<Answer, Ended> {
        let (answer, when_answered) = oneshot::channel();
        self.work.send(Work { role, making, objects, span: Span::current(), answer }).await.map_err(|_| Ended)?;
        when_answered.await.map_err(|_| Ended)
    }
}

impl Engine {
    /// The objects of a report that was made without scoring: of a study that was given up. Not on the engine's thread,
    /// which may be what failed.
    pub async fn objects_of(
        &self,
        role: &Role,
        report: &Report,
        objects: &[(SopInstanceUid, Digest)],
        making: Making,
    ) -> Vec<ResultObject> {
        let Some(models) = self.models().cloned() else { return Vec::new() };
        let (role, report, objects) = (role.clone(), report.clone(), objects.to_vec());
        let (store, limits) = (self.store.clone(), self.limits);
        let make = move || {
            let model = models.of(&role)?;
            Some(objects_of(&report, &objects, model, &making, &store, &limits))
        };
        tokio::task::spawn_blocking(make).await.ok().flatten().unwrap_or_default()
    }
}

fn serve(mut queue: mpsc::Receiver<Work>, models: &Models, store: &ObjectStore, limits: &Limits) {
    while let Some(Work { role, making, objects, span, answer }) = queue.blocking_recv() {
        let _in_span = span.enter();
        // Without an answer the one who asked is told that the engine has ended.
        let Some(model) = models.of(&role) else { continue };
        let said = guarded(|| score_describing(&objects, model, store, limits, making.as_ref()));
        let said = match said {
            Ok(scored) => {
                let made = making.map(|making| made(|| pipeline::objects(&scored, model, &making)));
                Answer::Report(Box::new(scored.report), made.unwrap_or_default())
            }
            Err(answer) => answer,
        };
        // Whoever asked may have gone because the server stops.
        let _ = answer.send(said);
    }
}

/// Ends a panic here. Nothing that it could leave half-changed outlives the call: scoring does not mutate the model.
fn guarded(score: impl FnOnce() -> Result<Scored, Lost>) -> Result<Scored, Answer> {
    match catch_unwind(AssertUnwindSafe(score)) {
        Ok(Ok(scored)) => Ok(scored),
        Ok(Err(lost)) => Err(Answer::Lost(lost)),
        Err(_) => Err(Answer::Panicked),
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
fn objects_of(
    report: &Report,
    objects: &[(SopInstanceUid, Digest)],
    model: &Predictor,
    making: &Making,
    store: &ObjectStore,
    limits: &Limits,
) -> Vec<ResultObject> {
    made(|| {
        let described = pipeline::describe(&stored(objects, store), limits, making);
        dicom::objects(making, &described, report, None, model.manifest())
    })
}

/// Stored objects in, a report out.
///
/// # Errors
///
/// An object is missing, or has changed.
pub(crate) fn score(
    objects: &[(SopInstanceUid, Digest)],
    model: &Predictor,
    store: &ObjectStore,
    limits: &Limits,
) -> Result<Report, Lost> {
    Ok(score_describing(objects, model, store, limits, None)?.report)
}

fn score_describing(
    objects: &[(SopInstanceUid, Digest)],
    model: &Predictor,
    store: &ObjectStore,
    limits: &Limits,
    making: Option<&Making>,
) -> Result<Scored, Lost> {
    pipeline::score_describing(&stored(objects, store), model, limits, None, making)
}

fn stored<'a>(objects: &'a [(SopInstanceUid, Digest)], store: &'a ObjectStore) -> Vec<Stored<'a>> {
    objects.iter().map(|(uid, digest)| Stored { uid, digest, store }).collect()
}

/// An object of the store, named by its UID.
struct Stored<'a> {
    uid: &'a SopInstanceUid,
    digest: &'a Digest,
    store: &'a ObjectStore,
}

impl Source for Stored<'_> {
    fn name(&self) -> String {
        self.uid.to_string()
    }

    fn open(&self, limits: &FileLimits) -> Result<Object<'_>, NoBytes> {
        let file = self.store.open_whole(self.digest).map_err(|error| NoBytes::Lost(Lost(error.to_string())))?;
        let object = Object::open(file, limits).map_err(|error| self.unread(&error))?;
        Ok(object.with_digest(*self.digest.as_bytes()))
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
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert!(matches!(guarded(|| panic!("on purpose")), Err(Answer::Panicked)));
        assert!(made(|| panic!("on purpose")).is_empty());
    }
}
