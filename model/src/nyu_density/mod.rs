//! NYU's breast density by histograms (Wu et al., arXiv 1711.03674; github.com/nyukat/breast_density_classifier).
//!
//! All the model knows of an exam is how many pixels of each view are how bright: a [`histogram`] of 50 bins
//! for each of L-CC, R-CC, L-MLO and R-MLO, 200 numbers, two linear layers. It answers for the exam alone.
//!
//! The histogram reaches from an image's smallest to its largest value, so stored values `v` and `a v + b` (a > 0) say
//! the same, up to rounding on the edges of bins; the depth of the pixels does not matter. What does matter is the
//! *shape* of the scale and how much of the frame is air. The authors' images are 8-bit pictures for presentation of
//! 2600 x 2000 pixels; that an image of another size, processing or framing has a histogram like theirs is for whoever
//! uses the model to check. Padding counts as air.

pub mod histogram;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, ImageScores, Mammogram, Output, Reason, Slot, Value, extremes};
use uvid_kernels::{Backend, Executor, Graph, GraphError, Weights};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, raw};
use crate::package::Package;
use crate::predictor::LoadError;
use crate::regions::Mask;
use crate::timm::Breast;

/// The recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The file with the weights.
    pub weights: String,
    /// Bins of a view's histogram.
    pub bins: usize,
    /// An image that shows no breast on a dark background is refused; brightness is 0 at its smallest value and 1 at
    /// its largest. A histogram of noise would get a category like any other.
    pub gate: Breast,
}

/// The views in the order in which their histograms are joined.
const VIEWS: [Slot; 4] = [Slot::LeftCc, Slot::RightCc, Slot::LeftMlo, Slot::RightMlo];

/// The categories with the names of their outputs.
const CATEGORIES: [(&str, &str); 4] = [("A", "p_a"), ("B", "p_b"), ("C", "p_c"), ("D", "p_d")];

/// The architecture, loaded.
pub(crate) struct NyuDensity {
    bins: usize,
    gate: Breast,
    network: Executor,
}

impl NyuDensity {
    pub(crate) fn load(package: &Package, recipe: &Recipe, backend: Backend) -> Result<Self, LoadError> {
        let required = &package.manifest().input.required_views;
        let all = VIEWS.iter().all(|view| required.iter().any(|r| Slot::from(*r) == *view));
        LoadError::unless_all(&recipe.gate.soundness())?;
        LoadError::unless_all(&[("bins", (2..=65536).contains(&recipe.bins)), ("input.required_views", all)])?;
        let weights = Weights::from_safetensors(package.file(&recipe.weights)?)?;
        Ok(Self { bins: recipe.bins, gate: recipe.gate.clone(), network: network(&weights, recipe.bins, backend)? })
    }
}

/// The network with a checkpoint's weights: histograms of all views to `probabilities` of the categories.
pub fn network(weights: &Weights, bins: usize, backend: Backend) -> Result<Executor, LoadError> {
    Ok(Executor::new(describe(weights, bins)?, weights, backend)?)
}

pub(crate) fn describe(weights: &Weights, bins: usize) -> Result<Graph, GraphError> {
    let hidden = weights.dim("fc1.weight", 0).unwrap_or(100);
    Graph::build(|b| {
        let x = b.join_item(b.input_features(VIEWS.len(), bins));
        let x = b.relu(b.pp("fc1").linear(x, hidden, true));
        let x = b.pp("fc2").linear(x, CATEGORIES.len(), true);
        b.output("probabilities", b.softmax_over_channels(x, CATEGORIES.len())?);
        Ok(())
    })
}

impl Architecture for NyuDensity {
    fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("network".to_owned(), &self.network)]
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let columns = image.pixels.columns();
        let pixels = upright(image.without_padding().into_owned(), columns);
        let (least, most) = extremes(&pixels, None).unwrap_or_default();
        let span = f32::from(most - least).max(1.0);
        let brightness = |v: u16| f64::from(f32::from(v - least) / span);
        self.gate.find(&pixels, columns, brightness).map_err(|e| e.reason(slot))?;
        let shares = histogram::shares(&pixels, self.bins).ok_or_else(|| Reason::NoBreastFound {
            slot: slot.to_string(),
            detail: "every pixel has the same value".to_owned(),
        })?;
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows: 1,
            columns: self.bins,
            input: PreparedInput::Values(shares),
            to_file: Affine::IDENTITY,
        })
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let mut histograms = Vec::with_capacity(VIEWS.len() * self.bins);
        for view in VIEWS {
            let missing = || Reason::ViewMissing(view.laterality(), view.view());
            histograms.extend_from_slice(exam.images.get(&view).ok_or_else(missing)?.values()?);
        }
        let x = Tensor::from_vec(histograms, (VIEWS.len(), self.bins), &Device::Cpu)?;
        let probabilities = self.network.run(&[x])?["probabilities"].flatten_all()?.to_vec1::<f32>()?;
        let image = |(slot, image): (&Slot, &PreparedImage)| ImageScores {
            slot: *slot,
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            outputs: vec![],
            heatmaps: vec![],
            regions: vec![],
        };
        Ok(Readings {
            images: exam.images.iter().map(image).collect(),
            breasts: vec![],
            exam: outputs(&probabilities)?,
        })
    }
}

/// The pixels with the chest wall on the left, as the authors' images have it. A histogram does not care; the rounding
/// of sums does, and with it the pixels on the edges of bins.
fn upright(mut pixels: Vec<u16>, columns: usize) -> Vec<u16> {
    let (air, _) = extremes(&pixels, None).unwrap_or_default();
    if Mask::of(&pixels, columns, |v| *v > air).right_half_is_fuller() {
        pixels.chunks_exact_mut(columns).for_each(<[u16]>::reverse);
    }
    pixels
}

/// The most probable category, the lower among equals, and the network's probabilities: nobody has calibrated them, so
/// they are scores.
fn outputs(probabilities: &[f32]) -> Result<Vec<Output>, Reason> {
    let named = CATEGORIES.iter().zip(probabilities);
    let scores = named.clone().map(|((_, name), p)| raw(name, f64::from(*p))).collect::<Result<Vec<_>, _>>()?;
    let best = named.rev().max_by(|(_, a), (_, b)| a.total_cmp(b));
    let category = best.map(|((letter, _), _)| Value::Category((*letter).to_owned()));
    let category = category.map(|value| Output { name: "density".to_owned(), value });
    Ok(category.into_iter().chain(scores).collect())
}
