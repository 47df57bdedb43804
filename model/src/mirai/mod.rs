//! Mirai (Yala et al., Sci Transl Med 2021): the risk of breast cancer in each of the next years, from all four views.
//!
//! [`prepare`] turns each view into the network's input ([`decode`], [`resize`]), [`encoder`] makes a vector of it,
//! [`aggregator`] a raw score for each year of the four vectors together, and [`calibration`] a probability of that.
//! [`risk_factors`] says what is known of the woman, where a package takes that.
//!
//! Where this differs from the authors' code, beyond what [`decode`] and [`prepare`] say:
//! - Two files of one view: theirs means to keep the newer (by content date and time) but fails while comparing and so
//!   keeps the first that it meets. Here the exam's assembly chooses, by its stated rules.
//! - Theirs takes a medio-lateral image (ML) for an MLO. Here it is an additional view and fills no slot.
//! - Images that Patient Orientation (0020,0020) says do not stand upright are turned before anything is done to them.

pub mod aggregator;
pub mod calibration;
pub mod decode;
pub mod encoder;
pub mod prepare;
pub mod resize;
pub mod risk_factors;

use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, ImageScores, Mammogram, Output, Probability, Reason, Slot, Value};
use uvid_kernels::{Backend, Executor, Weights};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, defers, raw};
use crate::manifest::SlotName;
use crate::package::Package;
use crate::predictor::LoadError;
use aggregator::{Aggregator, AggregatorRecipe, Reading};
use calibration::Calibrator;
use decode::Route;
use encoder::Encoder;
use risk_factors::{Known, RiskFactorSource};

pub use risk_factors::{RiskFactorError, RiskFactors};

/// The recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The file with the image encoder's weights.
    pub encoder_weights: String,
    /// The file with the aggregator's weights.
    pub aggregator_weights: String,
    /// Which of the authors' decoders is followed.
    pub decoder: Route,
    /// Rows and columns of the network's input.
    pub size: [usize; 2],
    /// Mean of the training images, 16 bits.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// An image with a smaller share of pixels in the darkest hundredth of its range is refused.
    pub air_share_min: f64,
    /// Where the risk factors come from.
    pub risk_factors: RiskFactorSource,
    /// The aggregator's architecture.
    pub aggregator: AggregatorRecipe,
    /// For each year, from raw score to probability.
    pub calibration: Vec<Calibrator>,
}

impl Recipe {
    /// Refuses numbers with which the steps have no meaning.
    fn check(&self) -> Result<(), LoadError> {
        let calibration = self.calibration.len() == usize::from(self.aggregator.years);
        LoadError::unless_all(&[
            ("size", self.size.iter().all(|n| (32..=8192).contains(n))),
            ("mean", self.mean.abs() <= 1e9),
            ("deviation", (1e-6..=1e9).contains(&self.deviation)),
            ("air_share_min", (0.0..=1.0).contains(&self.air_share_min)),
            ("aggregator", self.aggregator.is_sound()),
            ("calibration", calibration && self.calibration.iter().all(Calibrator::is_sound)),
        ])
    }

    /// Risk factors of this recipe, if it takes any.
    pub(crate) fn known<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<RiskFactors, RiskFactorError> {
        match self.risk_factors {
            RiskFactorSource::Predicted => Err(RiskFactorError::NotTaken),
            RiskFactorSource::KnownWhereGiven => RiskFactors::parse(&self.aggregator.risk_factors, given),
        }
    }
}

/// The architecture, loaded.
pub(crate) struct Mirai {
    recipe: Recipe,
    encoder: Encoder,
    aggregator: Aggregator,
    defers: bool,
}

impl Mirai {
    pub(crate) fn load(package: &Package, recipe: &Recipe, backend: Backend) -> Result<Self, LoadError> {
        recipe.check()?;
        let required = &package.manifest().input.required_views;
        let all = [SlotName::LeftCc, SlotName::LeftMlo, SlotName::RightCc, SlotName::RightMlo];
        LoadError::unless_all(&[("input.required_views", all.iter().all(|slot| required.contains(slot)))])?;
        let weights = |file: &str| Ok::<_, LoadError>(Weights::from_safetensors(package.file(file)?)?);
        Ok(Self {
            recipe: recipe.clone(),
            encoder: Encoder::new(&weights(&recipe.encoder_weights)?, recipe.size, backend)?,
            aggregator: Aggregator::new(&weights(&recipe.aggregator_weights)?, &recipe.aggregator, backend)?,
            defers: defers(backend),
        })
    }

    fn known(&self, exam: &Prepared) -> Result<Known, Reason> {
        let factors = &self.recipe.aggregator.risk_factors;
        let Some(given) = &exam.risk_factors else { return Ok(Known::nothing(factors)) };
        Known::of(factors, given).ok_or_else(|| Reason::ModelFailed("the risk factors are another model's".into()))
    }

    fn run(&self, exam: &Prepared, known: &Known) -> Result<Reading, Unscored> {
        let hidden = self.encoder.read(&exam.images.values().collect::<Vec<_>>())?;
        Ok(self.aggregator.run(&hidden, Slot::ALL, known)?)
    }
}

/// Where the input lies in its image, while nobody here knows whether it will be mirrored. Nothing that this model says
/// leads back to a place.
const ONLY_THE_DEVICE_KNOWS: Affine = Affine { row: [f64::NAN; 3], column: [f64::NAN; 3] };

impl Architecture for Mirai {
    fn networks(&self) -> Vec<(String, &Executor)> {
        [self.encoder.networks(), self.aggregator.networks()].concat()
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let no_breast = |e: prepare::NoBreast| Reason::NoBreastFound { slot: slot.to_string(), detail: e.to_string() };
        let (input, to_image) = if self.defers {
            let deferred = prepare::deferred(image, &self.recipe).map_err(no_breast)?;
            let deferred = deferred.map_err(|e| Reason::ModelFailed(e.to_string()))?;
            (deferred.into(), ONLY_THE_DEVICE_KNOWS)
        } else {
            let input = prepare::prepare(image, &self.recipe).map_err(no_breast)?;
            (PreparedInput::Values(input.values), input.to_image)
        };
        let [rows, columns] = self.recipe.size;
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows,
            columns,
            input,
            to_file: to_image.then(&image.to_file),
        })
    }

    fn takes_risk_factors(&self) -> bool {
        self.recipe.risk_factors == RiskFactorSource::KnownWhereGiven
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        if let Some(slot) = Slot::ALL.into_iter().find(|slot| !exam.images.contains_key(slot)) {
            return Err(Reason::ViewMissing(slot.laterality(), slot.view()).into());
        }
        let known = self.known(exam)?;
        let reading = self.run(exam, &known)?;
        let mut readings = Readings { images: vec![], breasts: vec![], exam: self.outputs(&reading)? };
        if let Some(given) = &exam.risk_factors {
            let given = given.record().map(|(key, text)| (format!("given_{key}"), text));
            readings.exam.extend(given.map(|(name, text)| Output { name, value: Value::Category(text) }));
        }
        for (i, (slot, image)) in exam.images.iter().enumerate() {
            let weight = reading.attention.as_ref().and_then(|weights| weights.get(i));
            readings.images.push(ImageScores {
                slot: *slot,
                sop_instance: image.sop_instance.clone(),
                file_size: image.file_size,
                outputs: weight.map(|w| raw("attention", f64::from(*w))).transpose()?.into_iter().collect(),
                heatmaps: vec![],
                regions: vec![],
            });
        }
        Ok(readings)
    }
}

impl Mirai {
    /// The risk of each year, then the raw score of each.
    fn outputs(&self, reading: &Reading) -> Result<Vec<Output>, Reason> {
        let (mut risks, mut scores) = (Vec::new(), Vec::new());
        for ((years, score), calibrator) in (1..).zip(&reading.scores).zip(&self.recipe.calibration) {
            let score = f64::from(*score);
            scores.push(raw(&format!("raw_year_{years}"), score)?);
            let name = format!("risk_year_{years}");
            let probability =
                Probability::new(calibrator.of(score)).map_err(|e| Reason::ModelFailed(format!("{name}: {e}")))?;
            risks.push(Output { name, value: Value::Risk { years, probability } });
        }
        risks.extend(scores);
        Ok(risks)
    }
}
