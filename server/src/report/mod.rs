//! What goes back: one [`Report`] for an exam, and the forms in which people and programs get it.
//!
//! Invariant: a report of an exam without scores says why, in codes; every form says that the result is for research
//! and integration, not for diagnosis.

pub mod comparison;
pub mod csv;
pub mod dicom;
pub mod json;
pub mod overlay;
pub mod sheet;
pub mod table;

use uvid_exam::{Fate, PackageId, Reason, Scores, Slot, SopInstanceUid, StudyInstanceUid};

use crate::pipeline::{Stages, Unreadable};

/// What every output says.
pub const DISCLAIMER: &str =
    "For research and integration. Not for diagnosis: not a medical device, cleared by nobody.";

impl Report {
    /// Whether the exam has scores and every one of its files could be read.
    pub fn is_whole(&self) -> bool {
        let all_read = self.fates.iter().all(|(_, fate)| fate.unreadable().is_none());
        self.outcome.is_ok() && self.unreadable.is_empty() && all_read
    }

    /// The report of files of which nobody can say to which study they belong.
    pub fn of_unreadable(package: &PackageId, unreadable: Vec<Unreadable>) -> Self {
        let reasons = unreadable.iter().map(|u| Reason::Unreadable(format!("{}: {}", u.name, u.problem))).collect();
        Self {
            study: None,
            package: package.clone(),
            fates: vec![],
            notes: vec![],
            unreadable,
            missing: vec![],
            outcome: Err(reasons),
            stages: Stages::default(),
        }
    }
}

/// The outcome of one exam.
#[derive(Debug, Clone)]
pub struct Report {
    /// The study, if any file could be read.
    pub study: Option<StudyInstanceUid>,
    /// The model that looked at it.
    pub package: PackageId,
    /// What became of each image.
    pub fates: Vec<(SopInstanceUid, Fate)>,
    /// What was odd about an image and tolerated.
    pub notes: Vec<(SopInstanceUid, String)>,
    /// Files that could not be read.
    pub unreadable: Vec<Unreadable>,
    /// Standard views that no image fills.
    pub missing: Vec<Slot>,
    /// The scores, or why there are none.
    pub outcome: Result<Scores, Vec<Reason>>,
    /// How long it took.
    pub stages: Stages,
}
