//! A report as DICOM objects, for the PACS.
//!
//! Invariants: an object is a function of the report, the sources and the [`Making`]: the same ones give the same bytes
//! and UIDs. It is of the images' study and patient, in a series of its own, and lists what it was made from. Where the
//! sources disagree about the patient there is none, and the [`ObjectError`] says so.

pub mod gsps;
mod gsps_graphics;
pub mod modules;
pub mod pdf;
pub mod secondary_capture;
mod uids;

use std::collections::BTreeSet;

use time::OffsetDateTime;
use uvid_datasets::dicom::Source;
use uvid_exam::{Exam, InvalidUid, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};
use uvid_model::Manifest;

use crate::config::{Language, ObjectKind};
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
    /// `results.uid_root` is none, or leaves too little room.
    #[error("results.uid_root must be a UID of at most 43 characters")]
    UidRoot,
    /// A UID that was made is none.
    #[error("a UID that was made is none: {0}")]
    Uid(#[from] InvalidUid),
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
            Self::UidRoot => "uid-root-invalid",
            Self::Uid(_) => "uid-invalid",
            Self::Write(..) => "object-not-written",
        }
    }
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
    pub charsets: Vec<(SopInstanceUid, crate::config::Charset, String)>,
    /// Results of the same study that this one takes the place of: the Key Object rejects them.
    pub supersedes: Vec<(SopClassUid, SeriesInstanceUid, SopInstanceUid)>,
}
