//! What every architecture does, and the form in which an exam waits for it.

use uvid_exam::{
    Affine, BreastScores, ImageScores, Mammogram, Output, RawScore, Reason, Slot, Slots, SopInstanceUid,
    StudyInstanceUid, Value,
};

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use uvid_kernels::prepare::{Air, Preparation, Source};
use uvid_kernels::{Backend, DeviceFault, Executor, Images};

use crate::mirai::RiskFactors;
use crate::nyu_window::Upright;

/// What is handed from preparation to the network.
#[derive(Debug, Clone, PartialEq)]
pub enum PreparedInput {
    /// The network's input itself, row-major.
    Values(Vec<f32>),
    /// The breast, from which windows are cut when the network runs: one, or many at random places.
    Crop {
        /// Its pixels.
        upright: Upright,
        /// Row and column around which windows lie.
        centre: (i64, i64),
    },
    /// What the device makes the network's input of.
    Deferred(Box<Deferred>),
    /// The same breast as of [`PreparedInput::Crop`], as it is stored, for a device that cuts the windows.
    Stored {
        /// Its pixels.
        breast: Source,
        /// What is none of it.
        air: Air,
        /// Row and column around which windows lie.
        centre: (i64, i64),
    },
}

/// A preparation that is left to the device that runs the network. Whoever has none asks for the values.
#[derive(Debug, Clone)]
pub struct Deferred {
    preparation: Preparation,
    values: OnceLock<Vec<f32>>,
}

impl Deferred {
    /// What is to be done.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// What comes of it, computed here at the first call.
    pub fn values(&self) -> &[f32] {
        self.values.get_or_init(|| self.preparation.on_host())
    }
}

impl From<Preparation> for PreparedInput {
    fn from(preparation: Preparation) -> Self {
        Self::Deferred(Box::new(Deferred { preparation, values: OnceLock::new() }))
    }
}

impl PartialEq for Deferred {
    fn eq(&self, other: &Self) -> bool {
        self.preparation == other.preparation
    }
}

/// Whether images are prepared where the networks run.
pub(crate) fn defers(backend: Backend) -> bool {
    matches!(backend, Backend::Cuda(_))
}

/// One image, turned into the network's input by the package's recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedImage {
    /// The image that it was made from.
    pub sop_instance: SopInstanceUid,
    /// Rows and columns of that image's file.
    pub file_size: (usize, usize),
    /// Rows of the input.
    pub rows: usize,
    /// Columns of the input.
    pub columns: usize,
    /// The input.
    pub input: PreparedInput,
    /// From the input's (row, column) coordinates to those of the file; of no meaning for what is no picture, and not a
    /// number where only the device knows whether it mirrors the picture (Mirai).
    pub to_file: Affine,
}

impl PreparedImage {
    /// Whether all that the network sees are numbers: an activation would make a 0 of NaN.
    pub(crate) fn is_finite(&self) -> bool {
        match &self.input {
            // Without a branch within a piece: a look at all of them costs what reading them does.
            PreparedInput::Values(values) => {
                values.chunks(4096).all(|piece| piece.iter().fold(true, |all, v| all & v.is_finite()))
            }
            // A preparation makes no other numbers.
            PreparedInput::Crop { .. } | PreparedInput::Stored { .. } | PreparedInput::Deferred(_) => true,
        }
    }

    /// The input of a network that takes it as it was prepared.
    pub(crate) fn values(&self) -> Result<&[f32], Reason> {
        match &self.input {
            PreparedInput::Values(values) => Ok(values),
            PreparedInput::Deferred(deferred) => Ok(deferred.values()),
            PreparedInput::Crop { .. } | PreparedInput::Stored { .. } => Err(another_network()),
        }
    }
}

/// Inputs of one size where a network runs: prepared there if that was left to it, else as they are.
pub(crate) fn images(network: &Executor, prepared: &[&PreparedImage]) -> Result<Images, Unscored> {
    let left = prepared.iter().map(|image| match &image.input {
        PreparedInput::Deferred(deferred) => Some(deferred.preparation()),
        PreparedInput::Values(_) | PreparedInput::Crop { .. } | PreparedInput::Stored { .. } => None,
    });
    if let Some(left) = left.collect::<Option<Vec<_>>>() {
        return Ok(network.prepare(&left)?);
    }
    let values = prepared.iter().map(|image| image.values()).collect::<Result<Vec<_>, Reason>>()?;
    let (rows, columns) = prepared.first().map_or((0, 0), |image| (image.rows, image.columns));
    // Channels of one image lie one after the other.
    let channels = values.first().map_or(0, |v| v.len()) / (rows * columns).max(1);
    Ok(Tensor::from_vec(values.concat(), (values.len(), channels, rows, columns), &Device::Cpu)?.into())
}

/// The reason why an input does not serve.
pub(crate) fn another_network() -> Reason {
    Reason::ModelFailed("it was prepared for another network".into())
}

/// An exam, prepared for one package.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The study.
    pub study: StudyInstanceUid,
    /// Its images; never empty.
    pub images: Slots<PreparedImage>,
    /// What is known of the woman, for packages that take it.
    pub risk_factors: Option<RiskFactors>,
}

impl Prepared {
    /// With what [`Predictor::risk_factors`](crate::Predictor::risk_factors) made of what is known of the woman.
    #[must_use]
    pub fn with_risk_factors(self, known: RiskFactors) -> Self {
        Self { risk_factors: Some(known), ..self }
    }
}

/// The outputs of one exam, before they are signed with the package's identity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Readings {
    pub(crate) images: Vec<ImageScores>,
    pub(crate) breasts: Vec<BreastScores>,
    pub(crate) exam: Vec<Output>,
}

/// A kind of model: its pre-processing, its network, its way from network values to outputs.
pub(crate) trait Architecture: Send + Sync {
    /// Its networks, by name.
    fn networks(&self) -> Vec<(String, &Executor)>;

    /// Applies the recipe to one image.
    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason>;

    /// Whether known risk factors may come with an exam.
    fn takes_risk_factors(&self) -> bool {
        false
    }

    /// Runs the network on one exam and reads its outputs.
    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored>;
}

/// Why an exam has no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unscored {
    /// Something of the exam, or of the model: it is reported.
    #[error(transparent)]
    Because(#[from] Reason),
    /// A device failed, which says nothing of the exam: it is computed again, elsewhere.
    #[error(transparent)]
    Device(#[from] DeviceFault),
}

impl From<candle_core::Error> for Unscored {
    /// The fault of a device stays one; whatever else a network says is the model's.
    fn from(error: candle_core::Error) -> Self {
        match DeviceFault::of(&error) {
            Some(fault) => Self::Device(fault.clone()),
            None => Self::Because(Reason::ModelFailed(said(&error))),
        }
    }
}

/// What an error says, without where in the program it arose: it goes into reports.
fn said(error: &candle_core::Error) -> String {
    if let candle_core::Error::WithBacktrace { inner, .. } = error { said(inner) } else { error.to_string() }
}

/// A network's own number, named. What is no number stops the study.
pub(crate) fn raw(name: &str, score: f64) -> Result<Output, Reason> {
    let score = RawScore::new(score).map_err(|e| Reason::ModelFailed(format!("{name}: {e}")))?;
    Ok(Output { name: name.to_owned(), value: Value::Score(score) })
}

#[cfg(test)]
mod tests {
    use uvid_kernels::FaultKind;

    use super::*;

    #[test]
    fn the_fault_of_a_device_is_no_reason() {
        let fault = DeviceFault { ordinal: 3, kind: FaultKind::Failed, said: "CUDA_ERROR_ILLEGAL_ADDRESS".into() };
        let error = candle_core::Error::from(fault.clone());
        assert_eq!(Unscored::from(error.context("the encoder")), Unscored::Device(fault));
        let other = Unscored::from(candle_core::Error::msg("no finite number"));
        assert_eq!(other, Unscored::Because(Reason::ModelFailed("no finite number".into())));
    }
}
