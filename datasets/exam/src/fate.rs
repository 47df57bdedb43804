//! What becomes of each image of a study, in words and codes.

use crate::{Acquisition, Intent, Reason, Slot, SopInstanceUid, View, ViewModifier};

/// What became of one image of the study.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fate {
    /// It fills this view.
    #[error("chosen for {0}")]
    Chosen(Slot),
    /// The file does not say which breast.
    #[error("not analysed: the file does not say which breast it shows")]
    NoLaterality,
    /// The file does not say which view, or not in terms that CID 4014 knows.
    #[error("not analysed: the file does not say which view it shows")]
    NoView,
    /// The file contradicts itself.
    #[error("not analysed: {0}")]
    Contradiction(Reason),
    /// An additional view.
    #[error("not analysed: {0} is an additional view, not CC or MLO")]
    AdditionalView(View),
    /// A standard view modified.
    #[error("not analysed: {0} view")]
    Modified(ViewModifier),
    /// A modifier that CID 4015 does not know.
    #[error("not analysed: the view has a modifier that is not known")]
    UnknownModifier,
    /// A magnified view.
    #[error("not analysed: magnified {0} times")]
    Magnified(f64),
    /// A partial view.
    #[error("not analysed: shows a part of the breast only (Partial View)")]
    PartialView,
    /// The model does not take this kind.
    #[error("not analysed: the model does not take {0} images")]
    AcquisitionNotTaken(Acquisition),
    /// The model does not take images made by this manufacturer.
    #[error("not analysed: the model does not take images of the manufacturer {0}")]
    ManufacturerNotTaken(String),
    /// The exam consists of images of another kind, and kinds are not mixed.
    #[error("not chosen: this exam is scored on its {0} images, and kinds are not mixed")]
    OtherKind(Acquisition),
    /// The model does not take this intent.
    #[error("not analysed: the model does not take images {0}")]
    IntentNotTaken(Intent),
    /// The model is not valid for implants.
    #[error("not analysed: the model is not validated with implants")]
    ImplantNotTaken,
    /// The model does not take lossy images.
    #[error("not analysed: the model does not take images after lossy compression")]
    LossyNotTaken,
    /// Identity is burned into the pixels.
    #[error("not analysed: Burned In Annotation is YES")]
    BurnedInAnnotation,
    /// Another image fills the view.
    #[error("not chosen: {by} fills {slot}, {because}")]
    Outranked {
        /// The view.
        slot: Slot,
        /// The image that fills it.
        by: SopInstanceUid,
        /// The rule that decided.
        because: Because,
    },
    /// The same bytes were received before.
    #[error("the same file was received more than once")]
    SameAgain,
    /// Not a mammogram to be scored.
    #[error("received, not analysed: {0}")]
    NotAnalysed(String),
    /// The header could be read, the pixels break off.
    #[error("cannot be read: {0}")]
    Incomplete(String),
    /// The header could be read, the image could not.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// Characters of a manufacturer's name that a fate repeats: it is the sender's text.
const MANUFACTURER_CHARS_MAX: usize = 64;

impl Fate {
    /// [`Self::ManufacturerNotTaken`], with what can be printed of the name.
    pub(crate) fn manufacturer_not_taken(name: Option<&str>) -> Self {
        let printable = |c: char| if c.is_alphanumeric() || (' '..='~').contains(&c) { c } else { '\u{fffd}' };
        let Some(name) = name else { return Self::ManufacturerNotTaken("(none is named)".to_owned()) };
        Self::ManufacturerNotTaken(name.chars().take(MANUFACTURER_CHARS_MAX).map(printable).collect())
    }

    /// Why the file could not be read, if that is what became of it.
    pub fn unreadable(&self) -> Option<&str> {
        if let Self::Unreadable(problem) | Self::Incomplete(problem) = self { Some(problem) } else { None }
    }
}

impl Fate {
    /// A stable machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chosen(_) => "chosen",
            Self::NoLaterality => "no-laterality",
            Self::NoView => "no-view",
            Self::Contradiction(_) => "contradiction",
            Self::AdditionalView(_) => "additional-view",
            Self::Modified(_) => "modified-view",
            Self::UnknownModifier => "unknown-modifier",
            Self::Magnified(_) => "magnified",
            Self::PartialView => "partial-view",
            Self::AcquisitionNotTaken(_) => "acquisition-not-taken",
            Self::ManufacturerNotTaken(_) => "manufacturer-not-taken",
            Self::OtherKind(_) => "other-kind",
            Self::IntentNotTaken(_) => "intent-not-taken",
            Self::ImplantNotTaken => "implant-not-taken",
            Self::LossyNotTaken => "lossy-not-taken",
            Self::BurnedInAnnotation => "burned-in-annotation",
            Self::Outranked { .. } => "outranked",
            Self::SameAgain => "same-again",
            Self::NotAnalysed(_) => "not-analysed",
            Self::Incomplete(_) => "pixels-incomplete",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// The rule by which one eligible image outranked another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Because {
    /// Preferred intent.
    #[error("having the preferred presentation intent")]
    Intent,
    /// The implant displaced.
    #[error("having the implant displaced")]
    ImplantDisplaced,
    /// Larger area.
    #[error("having the larger area")]
    Area,
    /// Later acquisition.
    #[error("being acquired later")]
    Later,
    /// Nothing but the order of the UIDs.
    #[error("by the order of the SOP Instance UIDs, all else being equal")]
    Uid,
}
