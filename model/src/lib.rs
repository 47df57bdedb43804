//! An exam in, scores out.
//!
//! A model comes as a [`Package`]: weights, the exact recipe that turns a mammogram into the network's input, the
//! meaning of every output, a card for people, and golden images with the outputs they must give. A [`Predictor`] is a
//! loaded package: [`Predictor::prepare`] applies the recipe to an [`Exam`](uvid_exam::Exam), [`Predictor::predict`]
//! runs the network. The crate knows no DICOM, no file format of hospitals and no async runtime.
//!
//! Invariants: a score depends on the exam and the package alone, never on what else is being scored; a package whose
//! files do not have the digests that it states is not loaded; every result names package and recipe by digest.

mod architecture;
#[cfg(test)]
mod backends_tests;
pub mod checkpoint;
mod combine;
pub mod density;
pub mod gmic;
mod golden;
pub mod import;
mod in_force;
mod manifest;
pub mod mirai;
pub mod nyu_bcc;
pub mod nyu_density;
pub mod nyu_window;
pub mod outline;
mod package;
mod predictor;
pub mod published;
pub mod random;
pub mod regions;
pub mod resample;
pub mod resnet18;
mod resnet22;
pub mod timm;

pub use architecture::{Deferred, Prepared, PreparedImage, PreparedInput, Unscored};
pub use combine::{Combination, Combine};
pub use golden::{Golden, GoldenDifference, GoldenReport};
pub use manifest::{
    Calibration, Compute, Level, Manifest, OperatingPoint, OutputCalibration, OutputMeaning, Percentiles,
    PrecisionName, Recipe, RelativeRisk, Site, SiteCalibration, SiteOperatingPoint, SourceFile,
};
pub use package::{Package, PackageError};
pub use predictor::{BACKEND, LoadError, Predictor};
pub use uvid_kernels::{
    Backend, DecodeFault, DeviceFault, FaultKind, Gpu, InstructionSet, Jpeg2000, NoDecoder, NoGpu, Plane, StepReport,
    gpus, reopen,
};
