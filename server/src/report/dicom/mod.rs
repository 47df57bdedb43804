//! A report as DICOM objects, for the PACS.
//!
//! Invariants: an object is a function of the report, the sources and the [`Making`]: the same ones give the same bytes
//! and UIDs. It is of the images' study and patient, in a series of its own, and lists what it was made from. Where the
//! sources disagree about the patient there is none, and the [`ObjectError`] says so.

mod cad_sr;
mod codes;
mod content;
mod document;
pub mod gsps;
mod gsps_graphics;
pub mod modules;
pub mod pdf;
mod reading;
mod rejection;
pub mod secondary_capture;
mod sr;
pub mod uids;
pub mod words;

pub(crate) use reading::presented;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use time::OffsetDateTime;
use uvid_datasets::dicom::{Repair, Source};
use uvid_exam::{
    BirthDate, Exam, InvalidUid, Patient, PatientId, PatientName, SeriesInstanceUid, SopClassUid, SopInstanceUid,
    StudyInstanceUid,
};
use uvid_model::Manifest;

use crate::config::{Charset, Language, ObjectKind};
use crate::report::Report;

/// Everything that an object is made of.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What is wanted.
    pub making: &'a Making,
    /// What was received and can be read, of one study and one patient, by SOP Instance UID; never empty.
    pub sources: &'a [Source],
    /// What the model said.
    pub report: &'a Report,
    /// The exam that was scored, with its pixels; `None` where there is none, or where nothing was scored now.
    pub exam: Option<&'a Exam>,
    /// What the package says of itself: the meaning of its outputs, its operating points, its card.
    pub manifest: &'a Manifest,
}

impl Context<'_> {
    /// The source whose patient and study objects repeat: the first mammogram, else the first.
    pub fn head(&self) -> Option<&Source> {
        self.sources.iter().find(|source| source.is_mammogram()).or(self.sources.first())
    }

    /// The source of an image.
    pub fn source(&self, uid: &SopInstanceUid) -> Option<&Source> {
        self.sources.iter().find(|source| source.sop_instance == *uid)
    }

    /// The X-ray images of breasts among the sources: what an image library lists.
    pub fn mammograms(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.is_mammogram())
    }
}

/// Why an object cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Nobody can say whose and of which study it would be.
    #[error("no file of the study can be read")]
    NoSource,
    /// The sources are of more than one study.
    #[error("the files are of more than one study")]
    SeveralStudies,
    /// The sources disagree about the patient: an object would be filed under one of them.
    #[error("the files disagree about the patient")]
    SeveralPatients,
    /// The kind of object is about mammograms, and none was received.
    #[error("{0:?} is about mammograms, and none was received")]
    NoMammogram(ObjectKind),
    /// `results.uid_root` is none, or leaves too little room.
    #[error("results.uid_root must be a UID of at most 43 characters")]
    UidRoot,
    /// A UID that was made is none.
    #[error("a UID that was made is none: {0}")]
    Uid(#[from] InvalidUid),
    /// Making it panicked; the log says where.
    #[error("making an object panicked")]
    Panicked,
    /// The object cannot be written.
    #[error("{0:?} cannot be written: {1}")]
    Write(ObjectKind, String),
}

impl ObjectError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSource => "no-source",
            Self::SeveralStudies => "several-studies",
            Self::SeveralPatients => "several-patients",
            Self::NoMammogram(_) => "no-mammogram",
            Self::UidRoot => "uid-root-invalid",
            Self::Uid(_) => "uid-invalid",
            Self::Panicked => "panicked",
            Self::Write(..) => "object-not-written",
        }
    }
}

impl From<Charset> for Repair {
    fn from(charset: Charset) -> Self {
        match charset {
            Charset::Windows1250 => Self::Windows1250,
            Charset::Windows1251 => Self::Windows1251,
            Charset::Utf8 => Self::Utf8,
            Charset::Latin2 => Self::Latin2,
            Charset::Cyrillic => Self::Cyrillic,
        }
    }
}

/// What was made of a result.
#[derive(Debug, Default)]
pub struct Made {
    /// The objects.
    pub objects: Vec<ResultObject>,
    /// What could not be made, and why: the others are made all the same.
    pub problems: Vec<ObjectError>,
}

/// Makes what is wanted of a result: each of the kinds, and the rejection of what it takes the place of.
pub fn objects(making: &Making, sources: &[Source], report: &Report, exam: Option<&Exam>, manifest: &Manifest) -> Made {
    let sources = match sorted(sources) {
        Ok(sources) => sources,
        Err(problem) => return Made { objects: Vec::new(), problems: vec![problem] },
    };
    let context = Context { making, sources: &sources, report, exam, manifest };
    let mut made = Made::default();
    for kind in &making.kinds {
        match caught(|| of_kind(&context, *kind)) {
            Ok(objects) => made.objects.extend(objects),
            Err(problem) => made.problems.push(problem),
        }
    }
    // What nothing replaces is not rejected: better an old result than none.
    if !made.objects.is_empty() {
        match caught(|| rejection::note(&context)) {
            Ok(note) => made.objects.extend(note),
            Err(problem) => made.problems.push(problem),
        }
    }
    made
}

/// Ends a panic here, so that the other objects stand: making one changes nothing that another one reads.
fn caught<T>(make: impl FnOnce() -> Result<T, ObjectError>) -> Result<T, ObjectError> {
    catch_unwind(AssertUnwindSafe(make)).unwrap_or(Err(ObjectError::Panicked))
}

fn of_kind(context: &Context<'_>, kind: ObjectKind) -> Result<Vec<ResultObject>, ObjectError> {
    match kind {
        ObjectKind::CadSr => Ok(vec![cad_sr::report(context)?]),
        ObjectKind::Sr => Ok(vec![sr::report(context)?]),
        ObjectKind::Gsps => gsps::presentation_states(context),
        ObjectKind::Sc => Ok(vec![secondary_capture::sheet(context)?]),
        ObjectKind::Pdf => Ok(vec![pdf::document(context)?]),
        // Made with the others, where there is something to reject.
        ObjectKind::Rejection => Ok(Vec::new()),
    }
}

/// The sources by SOP Instance UID, each once, if they are of one study and one patient.
fn sorted(sources: &[Source]) -> Result<Vec<Source>, ObjectError> {
    let mut sources = sources.to_vec();
    sources.sort_by(|a, b| a.sop_instance.cmp(&b.sop_instance));
    sources.dedup_by(|a, b| a.sop_instance == b.sop_instance);
    let Some(first) = sources.first() else { return Err(ObjectError::NoSource) };
    if sources.iter().any(|source| source.study_uid != first.study_uid) {
        return Err(ObjectError::SeveralStudies);
    }
    let patient = |source: &Source| Patient {
        id: source.patient.id.as_deref().and_then(PatientId::new),
        issuer: source.patient.issuer.as_deref().and_then(PatientId::new),
        birth_date: source.patient.birth_date.as_deref().and_then(BirthDate::new),
        name: source.patient.name.as_deref().and_then(PatientName::new),
    };
    // Each with each: one that says nothing contradicts nobody, and those on its two sides may contradict each other.
    let mut patients: Vec<Patient> = Vec::new();
    for patient in sources.iter().map(patient) {
        if !patients.contains(&patient) {
            patients.push(patient);
        }
    }
    if patients.iter().any(|a| patients.iter().any(|b| !a.agrees_with(b))) {
        return Err(ObjectError::SeveralPatients);
    }
    Ok(sources)
}

/// An object made from a result, as a Part 10 file.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultObject {
    /// What it is.
    pub kind: ObjectKind,
    /// The study of the images.
    pub study: StudyInstanceUid,
    /// A series of its own.
    pub series: SeriesInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// The file: Explicit VR Little Endian.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ResultObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ResultObject({:?}, {}, {} bytes)", self.kind, self.sop_instance, self.bytes.len())
    }
}

/// What is to be made of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// Which objects.
    pub kinds: BTreeSet<ObjectKind>,
    /// The language of texts in them.
    pub language: Language,
    /// The prefix of their UIDs; `None`: UUIDs under 2.25.
    pub uid_root: Option<String>,
    /// When: it goes into the objects, and into their UIDs.
    pub at: OffsetDateTime,
    /// By SOP Instance UID, what the text of an image really is, under the rule of which sender.
    pub charsets: Vec<(SopInstanceUid, Charset, String)>,
    /// Results of the same study that this one takes the place of: the Key Object rejects them.
    pub supersedes: Vec<(SopClassUid, SeriesInstanceUid, SopInstanceUid)>,
}

#[cfg(test)]
pub(crate) mod tests;
