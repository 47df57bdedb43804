//! The nouns of mammography screening.
//!
//! Everything else in Uvid speaks in these words: a [`Mammogram`] is one image with its side and view, an [`Exam`] is
//! the four standard views of one study of one patient, [`Scores`] are what a model says about them, and a [`Reason`]
//! is what we say when it may not speak. The crate does no I/O, knows no tensor and no thread.
//!
//! A value that exists is a valid one: identifiers are parsed at the door, probabilities are within 0 and 1, and an
//! exam cannot hold two patients or two studies.

mod assemble;
mod fate;
mod fold;
mod kind;
mod mammogram;
mod patient;
mod reason;
mod received;
mod scores;
mod slot;
mod uid;
mod view;
mod window;

pub use assemble::{Assembly, Exam, Reduced, Rules};
pub use fate::{Because, Fate};
pub use fold::fold;
pub use kind::{Acquisition, Implant, Intent};
pub use mammogram::{Affine, InvalidMammogram, Lossy, Mammogram, Pixels, Rescale, Side, Spacing, extremes};
pub use patient::{BirthDate, Patient, PatientId, PatientName, SeriesDescription};
pub use reason::Reason;
pub use received::{Content, Listed, Received};
pub use scores::{
    BreastScores, Flag, Heatmap, ImageScores, InvalidProbability, NotFinite, Output, PackageId, Percentile,
    Probability, RawScore, Region, Scores, Value,
};
pub use slot::{Slot, Slots};
pub use uid::{InvalidUid, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};
pub use view::{Laterality, View, ViewModifier};
pub use window::{Window, WindowFunction};
