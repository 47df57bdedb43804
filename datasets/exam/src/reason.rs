//! Why something could not be scored, in codes that a program can switch on and words that a person can act on.
//!
//! Invariant: a reason never holds a patient's identity. UIDs and attribute names are allowed.

use crate::{Laterality, SopInstanceUid, View};

/// Why an exam, or an image of it, has no score.
///
/// [`Reason::code`] is stable and goes to the PACS, the API and the metrics; the `Display` text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing in the study is a mammogram that could be scored.
    #[error("the study holds no mammogram")]
    NoMammogram,
    /// There are mammograms, and none can fill a standard view for this model: how many for which reason.
    #[error("no image of the study is taken by this model: {0}")]
    NoneTaken(String),
    /// A standard view that the package needs is not there.
    #[error("the {0}-{1} view is missing")]
    ViewMissing(Laterality, View),
    /// The images belong to more than one study.
    #[error("the images belong to {0} studies; an exam is one study")]
    SeveralStudies(usize),
    /// The images disagree about who the patient is.
    #[error("the images disagree about the patient (ID, issuer or birth date)")]
    SeveralPatients,
    /// Two different files carry one SOP Instance UID.
    #[error("two different files carry the SOP Instance UID {0}")]
    DuplicateDiffers(SopInstanceUid),
    /// The file's own attributes contradict each other about side, view or presentation intent.
    #[error("the file {uid} contradicts itself about its {what}: {detail}")]
    Contradiction {
        /// The image.
        uid: SopInstanceUid,
        /// `laterality`, `view`, `orientation` or `presentation intent`.
        what: &'static str,
        /// Which attributes say what.
        detail: String,
    },
    /// The file could not be read.
    #[error("a file of the study cannot be read: {0}")]
    Unreadable(String),
    /// An object that was accepted is not there any more, or not as it was.
    #[error("an image of the study was damaged after it had been received; sending it again repairs it")]
    ObjectLost,
    /// The images of the study are more than may be held in memory at once.
    #[error("the study's images have more than {0} pixels")]
    TooManyPixels(usize),
    /// No breast was found in the pixels.
    #[error("{slot}: no breast found in the image ({detail})")]
    NoBreastFound {
        /// `L-CC` and so on.
        slot: String,
        /// The step that found nothing.
        detail: String,
    },
    /// The model's own computation failed, or gave a value that is no number.
    #[error("the model failed: {0}")]
    ModelFailed(String),
}

impl Reason {
    /// A stable machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoMammogram => "no-mammogram",
            Self::NoneTaken(_) => "none-taken",
            Self::ViewMissing(..) => "view-missing",
            Self::SeveralStudies(_) => "several-studies",
            Self::SeveralPatients => "several-patients",
            Self::DuplicateDiffers(_) => "duplicate-differs",
            Self::Contradiction { .. } => "contradiction",
            Self::Unreadable(_) => "unreadable",
            Self::ObjectLost => "object-lost",
            Self::TooManyPixels(_) => "too-many-pixels",
            Self::NoBreastFound { .. } => "no-breast-found",
            Self::ModelFailed(_) => "model-failed",
        }
    }
}
