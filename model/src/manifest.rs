//! `package.toml`: what a package says of itself.
//!
//! Invariant: a manifest that parses has no unknown key, and names every other file of the package with its digest, so
//! that the digest of the manifest is the digest of the package.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uvid_exam::{Acquisition, Intent, Reduced, Rules, Slot};
use uvid_kernels::{Backend, CudaOptions, InstructionSet, Options, Precision};

use crate::density;
use crate::gmic;
use crate::mirai;
use crate::nyu_bcc;
use crate::nyu_density;
use crate::package::hex;
use crate::timm;

/// A package's card, recipe and list of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Short name, as given to `--model`.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// One line for lists.
    pub summary: String,
    /// Whom and what it is for.
    pub intended_use: String,
    /// What it does not do, and where it was not tested.
    pub limits: Vec<String>,
    /// Terms.
    pub licence: String,
    /// What it learnt from.
    pub training_data: String,
    /// Which images it takes.
    pub input: Input,
    /// The exact way from stored pixels to outputs.
    pub recipe: Recipe,
    /// What each output means, by name.
    pub outputs: BTreeMap<String, OutputMeaning>,
    /// Calibrated probabilities made of raw scores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibrated: Vec<OutputCalibration>,
    /// Places among a reference population.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub percentiles: Vec<Percentiles>,
    /// Thresholds with what was measured there.
    #[serde(default)]
    pub operating_points: Vec<OperatingPoint>,
    /// Published relative risks of the categories that the model gives.
    #[serde(default)]
    pub relative_risks: Vec<RelativeRisk>,
    /// Precisions besides f32 in which the package may be run, each with how far its golden values may then be off
    /// (above 0, at most 0.05).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub precisions: BTreeMap<PrecisionName, f64>,
    /// The published files that an imported package was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceFile>,
    /// Every other file of the package with its SHA-256, hexadecimal.
    pub files: BTreeMap<String, String>,
}

/// A file that a package was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// Which images a model takes; becomes [`Rules`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `L-CC`, `L-MLO`, `R-CC`, `R-MLO`: the views without which there is no score.
    pub required_views: Vec<SlotName>,
    /// Kinds of image taken, preferred first.
    pub acquisitions: Vec<AcquisitionName>,
    /// Presentation intents taken, preferred first.
    pub intents: Vec<IntentName>,
    /// Whether breasts with implants are taken.
    pub implants: bool,
    /// Whether images after lossy compression are taken.
    pub lossy: bool,
    /// Whether images with burned-in annotation are taken.
    pub burned_in_annotation: bool,
    /// Largest Estimated Radiographic Magnification Factor.
    pub magnification_max: f64,
    /// Makers of equipment whose images are taken: a part of Manufacturer (0008,0070), whatever the case. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturers: Option<Vec<String>>,
    /// Leave to decode images in JPEG 2000 and HTJ2K at half, a quarter … of their resolution, as long as both sides keep
    /// so many pixels. A model must be made for it: the wavelet's small image is not that of a resampling; one that does not
    /// resize what it sees has no such leave. Absent: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced_side_min: Option<usize>,
}

/// A slot's name in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotName {
    /// Left cranio-caudal.
    #[serde(rename = "L-CC")]
    LeftCc,
    /// Left medio-lateral oblique.
    #[serde(rename = "L-MLO")]
    LeftMlo,
    /// Right cranio-caudal.
    #[serde(rename = "R-CC")]
    RightCc,
    /// Right medio-lateral oblique.
    #[serde(rename = "R-MLO")]
    RightMlo,
}

impl From<Slot> for SlotName {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::LeftCc => Self::LeftCc,
            Slot::LeftMlo => Self::LeftMlo,
            Slot::RightCc => Self::RightCc,
            Slot::RightMlo => Self::RightMlo,
        }
    }
}

impl From<SlotName> for Slot {
    fn from(name: SlotName) -> Self {
        match name {
            SlotName::LeftCc => Self::LeftCc,
            SlotName::LeftMlo => Self::LeftMlo,
            SlotName::RightCc => Self::RightCc,
            SlotName::RightMlo => Self::RightMlo,
        }
    }
}

/// A kind of acquisition in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcquisitionName {
    /// Full-field digital mammography.
    Ffdm,
    /// Computed from tomosynthesis.
    #[serde(rename = "synthetic-2d")]
    Synthetic2d,
    /// Digitised film.
    ScreenFilm,
}

/// A presentation intent in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentName {
    /// Processed for a reader.
    ForPresentation,
    /// Raw.
    ForProcessing,
}

impl Input {
    /// The rules by which an exam is assembled for this model.
    pub fn rules(&self) -> Rules {
        let acquisition = |name: &AcquisitionName| match name {
            AcquisitionName::Ffdm => Acquisition::Ffdm,
            AcquisitionName::Synthetic2d => Acquisition::Synthetic2d,
            AcquisitionName::ScreenFilm => Acquisition::ScreenFilm,
        };
        let intent = |name: &IntentName| match name {
            IntentName::ForPresentation => Intent::ForPresentation,
            IntentName::ForProcessing => Intent::ForProcessing,
        };
        Rules {
            required: self.required_views.iter().map(|name| Slot::from(*name)).collect(),
            acquisitions: self.acquisitions.iter().map(acquisition).collect(),
            intents: self.intents.iter().map(intent).collect(),
            implants: self.implants,
            lossy: self.lossy,
            burned_in_annotation: self.burned_in_annotation,
            magnification_max: self.magnification_max,
            manufacturers: self.manufacturers.clone(),
            reduced: self.reduced_side_min.map(|side_min| Reduced { side_min }),
        }
    }
}

/// The architecture with its exact pre-processing and reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "kebab-case")]
pub enum Recipe {
    /// Breast density by a small convolutional network.
    Density(density::Recipe),
    /// NYU's globally-aware multiple instance classifier.
    Gmic(gmic::Recipe),
    /// Mirai: the risk of cancer in the years to come, from all four views.
    Mirai(mirai::Recipe),
    /// A classifier of single images with timm's names.
    Timm(timm::Recipe),
    /// NYU's classifier of four views (or one) with a ResNet-22 for each view.
    NyuBcc(nyu_bcc::Recipe),
    /// NYU's breast density by histograms.
    NyuDensity(nyu_density::Recipe),
}

impl Recipe {
    /// Whether it resizes an image to so many pixels of its own; else it counts those of the image, or cuts windows of so
    /// many out of it, and a reduced image would be another one.
    pub(crate) fn resizes(&self) -> bool {
        match self {
            Self::Density(_) | Self::Mirai(_) | Self::Timm(_) => true,
            Self::Gmic(_) | Self::NyuBcc(_) | Self::NyuDensity(_) => false,
        }
    }
}

/// What an output means, for whoever reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputMeaning {
    /// In a sentence.
    pub meaning: String,
    /// The unit or range.
    pub unit: String,
}

/// A threshold on an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Its name.
    pub name: String,
    /// The output that it cuts.
    pub output: String,
    /// Of what: the exam, or each breast.
    #[serde(default)]
    pub level: Level,
    /// Positive at or above.
    pub threshold: f64,
    /// Measured there.
    pub sensitivity: f64,
    /// Measured there.
    pub specificity: f64,
    /// On what.
    pub source: String,
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The exam.
    #[default]
    Exam,
    /// A breast.
    Breast,
    /// An image.
    Image,
}

/// A calibrated probability made of a raw score: `1 / (1 + exp(-(slope * score + intercept)))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCalibration {
    /// The raw score that it reads.
    pub output: String,
    /// The name of the probability.
    pub gives: String,
    /// Where it was fitted: a calibration of exams is not one of breasts.
    pub levels: Vec<Level>,
    /// Not 0.
    pub slope: f64,
    /// Added.
    pub intercept: f64,
    /// On what it was fitted.
    pub source: String,
}

impl OutputCalibration {
    /// The probability of a score.
    pub fn of(&self, score: f64) -> f64 {
        1.0 / (1.0 + (-(self.slope * score + self.intercept)).exp())
    }
}

/// The scores of a reference population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// The raw score that is looked up.
    pub output: String,
    /// The name of the percentile.
    pub gives: String,
    /// What was scored.
    pub levels: Vec<Level>,
    /// Scores at equally spaced percentiles, the first at 0, the last at 100, rising; at least two.
    pub scores: Vec<f64>,
    /// Whose scores they are.
    pub source: String,
}

/// What a site has set: everything else is the package's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// In place of the package's calibration.
    #[serde(default)]
    pub calibration: Option<SiteCalibration>,
    /// In place of the package's thresholds.
    #[serde(default)]
    pub operating_points: Vec<SiteOperatingPoint>,
    /// With what it is computed.
    #[serde(default, skip_serializing_if = "Compute::is_f32")]
    pub compute: Compute,
}

/// With what a site computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// Of a package that allows it; it decides results.
    #[serde(default)]
    pub precision: PrecisionName,
    /// Not the best that the processor has, but these. Results differ by roundings.
    #[serde(skip)]
    pub instructions: Option<InstructionSet>,
    /// The GPU that does it, as its driver counts; the processor where there is none.
    #[serde(skip)]
    pub gpu: Option<usize>,
}

impl Compute {
    fn is_f32(&self) -> bool {
        self.precision == PrecisionName::F32
    }

    /// The backend that does it.
    pub fn backend(&self) -> Backend {
        let precision = self.precision.into();
        match self.gpu {
            Some(ordinal) => Backend::Cuda(CudaOptions { ordinal, precision, marks: false }),
            None => {
                let set = self.instructions.unwrap_or_else(InstructionSet::best);
                Backend::Cpu(Options { set, precision, marks: false })
            }
        }
    }
}

/// What products are computed of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrecisionName {
    /// 24 bits.
    #[default]
    F32,
    /// 8 bits, summed in f32.
    Bf16,
    /// 11 bits, summed in f32: on GPUs.
    F16,
}

impl std::fmt::Display for PrecisionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl From<Precision> for PrecisionName {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::F16 => Self::F16,
        }
    }
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Self::F32,
            PrecisionName::Bf16 => Self::Bf16,
            PrecisionName::F16 => Self::F16,
        }
    }
}

/// A threshold set at a site, with who did it and why: both are part of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteOperatingPoint {
    /// The package's operating point that it is set for.
    pub name: String,
    /// Positive at or above.
    pub threshold: f64,
    /// Who set it.
    pub by: String,
    /// On what and why.
    pub reason: String,
}

/// A published relative risk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelativeRisk {
    /// The category that has it.
    pub category: String,
    /// The category that it is measured against.
    pub reference: String,
    /// The ratio.
    pub ratio: f64,
    /// 95 % confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Where it was published.
    pub source: String,
}

/// The numbers between a network's score and the probabilities of ordered categories:
/// `P(class > k) = sigmoid(scale * score - thresholds[k])`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Above 0.
    pub scale: f64,
    /// Strictly rising.
    pub thresholds: [f64; 3],
}

/// A calibration fitted at a site, with who did it and why: both are part of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteCalibration {
    /// Above 0; multiplies the network's score.
    pub scale: f64,
    /// Strictly rising.
    pub thresholds: [f64; 3],
    /// Who fitted it.
    pub by: String,
    /// On what and why.
    pub reason: String,
}

impl Manifest {
    /// SHA-256 of everything that decides a result besides the weights: the recipe in force, what the site has set
    /// included.
    pub fn recipe_digest(&self, site: &Site) -> String {
        #[derive(Serialize)]
        struct InForce<'a> {
            recipe: &'a Recipe,
            input: &'a Input,
            site: Option<(f64, [f64; 3])>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            thresholds: Vec<(&'a str, f64)>,
            #[serde(skip_serializing_if = "Compute::is_f32")]
            compute: Compute,
        }
        let in_force = InForce {
            recipe: &self.recipe,
            input: &self.input,
            site: site.calibration.as_ref().map(|s| (s.scale, s.thresholds)),
            thresholds: site.operating_points.iter().map(|p| (p.name.as_str(), p.threshold)).collect(),
            compute: site.compute,
        };
        // The text form of a struct has one order of keys, and shortest floats that read back equal.
        let text = serde_json::to_string(&in_force).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()))
    }
}
