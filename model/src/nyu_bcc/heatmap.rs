//! The heat maps that the three-channel models look at beside the image.
//!
//! A DenseNet-121 classifies patches of 256 x 256 pixels all over the upright crop; a heat map is, at each pixel, the
//! mean of a class's probability over the patches that cover it. The patches lie on a grid whose steps are made to end
//! at the picture's edge; *which* steps are one pixel shorter than the others is drawn from CPython's generator.
//!
//! The authors' generator runs through all images of a list; here it starts anew for every exam (for every image, where
//! the model scores images), so that a score depends on the exam alone. Their maps come out exactly for the first exam
//! of a list, and as good as theirs for the others.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use uvid_exam::Reason;
use uvid_kernels::{Backend, Builder, Executor, Graph, GraphError, Map, Padding, Shape, Weights};

use crate::architecture::Unscored;
use crate::nyu_window::Upright;
use crate::predictor::LoadError;
use crate::random::PythonRandom;

/// How heat maps are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatmapRecipe {
    /// The file with the patch classifier's weights.
    pub weights: String,
    /// Rows and columns of a patch.
    pub patch: usize,
    /// Largest step between patches.
    pub stride: usize,
    /// Of CPython's `random`.
    pub seed: u64,
}

impl HeatmapRecipe {
    /// Refuses numbers with which the steps have no meaning.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        LoadError::unless_all(&[
            ("heatmaps.patch", (32..=1024).contains(&self.patch)),
            ("heatmaps.stride", (32..=self.patch).contains(&self.stride)),
        ])
    }
}

/// The steps of the patch grid along `length` pixels; there is one patch more than steps. `None` if no patch fits.
pub fn steps(length: usize, recipe: &HeatmapRecipe, random: &mut PythonRandom) -> Option<Vec<usize>> {
    let room = length.checked_sub(recipe.patch)?;
    let (whole, rest) = (room / recipe.stride, room % recipe.stride);
    if rest == 0 {
        return Some(vec![recipe.stride; whole]);
    }
    let n = whole + 1;
    let overlap = recipe.stride - rest;
    let mut steps = vec![recipe.stride - overlap / n; n];
    for shorter in random.sample(n as u32, (overlap % n) as u32) {
        steps[shorter as usize] -= 1;
    }
    Some(steps)
}

/// Where patches begin.
fn starts(steps: &[usize]) -> Vec<usize> {
    let sums = steps.iter().scan(0, |at, step| {
        *at += step;
        Some(*at)
    });
    std::iter::once(0).chain(sums).collect()
}

/// Patches that go through the network together: enough that each weight that is read serves several.
const PATCHES_AT_ONCE: usize = 16;

/// The patch classifier, loaded.
pub struct PatchClassifier {
    network: Executor,
    recipe: HeatmapRecipe,
}

/// The two heat maps of a picture, in its own pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMaps {
    /// Of a benign finding.
    pub benign: Upright<f32>,
    /// Of a malignant finding.
    pub malignant: Upright<f32>,
}

/// Why there are no heat maps.
#[derive(Debug, thiserror::Error)]
pub enum NoHeatMaps {
    /// The crop is smaller than a patch.
    #[error("a crop of {0} x {1} pixels holds no patch")]
    TooSmall(usize, usize),
    /// The network failed.
    #[error(transparent)]
    Network(#[from] candle_core::Error),
}

impl From<NoHeatMaps> for Unscored {
    fn from(error: NoHeatMaps) -> Self {
        match error {
            NoHeatMaps::TooSmall(..) => Self::Because(Reason::ModelFailed(error.to_string())),
            NoHeatMaps::Network(error) => error.into(),
        }
    }
}

impl PatchClassifier {
    /// Loads a checkpoint.
    pub fn new(weights: &Weights, recipe: &HeatmapRecipe, backend: Backend) -> Result<Self, LoadError> {
        let widths = Widths {
            stem: weights.dim("features.conv0.weight", 0).unwrap_or(64),
            bottleneck: weights.dim("features.denseblock1.denselayer1.conv1.weight", 0).unwrap_or(128),
            growth: weights.dim("features.denseblock1.denselayer1.conv2.weight", 0).unwrap_or(32),
        };
        let network = Executor::new(describe(widths, recipe.patch)?, weights, backend)?;
        Ok(Self { network, recipe: recipe.clone() })
    }

    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("patches".to_owned(), &self.network)]
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        self.network.graph().parameter_names().collect()
    }

    /// The heat maps of a picture, with the steps drawn from `random`: those of the rows first.
    pub fn maps(&self, picture: &Upright, random: &mut PythonRandom) -> Result<HeatMaps, NoHeatMaps> {
        let places = self.places(picture, random)?;
        let probabilities = self.classify(picture, &places)?;
        let map = |class: usize| average(picture, &places, self.recipe.patch, |patch| probabilities[patch][class]);
        Ok(HeatMaps { malignant: map(0), benign: map(1) })
    }

    /// Where the patches lie (row, column), column by column.
    pub fn places(&self, picture: &Upright, random: &mut PythonRandom) -> Result<Vec<(usize, usize)>, NoHeatMaps> {
        let too_small = || NoHeatMaps::TooSmall(picture.rows, picture.columns);
        let rows = starts(&steps(picture.rows, &self.recipe, random).ok_or_else(too_small)?);
        let columns = starts(&steps(picture.columns, &self.recipe, random).ok_or_else(too_small)?);
        Ok(columns.iter().flat_map(|c| rows.iter().map(move |r| (*r, *c))).collect())
    }

    /// The probabilities of the four classes for each patch: malignant, benign, and two for what is neither.
    pub fn classify(&self, picture: &Upright, places: &[(usize, usize)]) -> Result<Vec<[f32; 4]>, NoHeatMaps> {
        let size = self.recipe.patch;
        let standard = Upright { rows: picture.rows, columns: picture.columns, pixels: standardise(&picture.pixels) };
        let cut = |(row, column): &(usize, usize)| standard.window((*row as i64, *column as i64), [size, size]);
        let mut found = Vec::with_capacity(places.len());
        for places in places.chunks(PATCHES_AT_ONCE) {
            let pixels: Vec<f32> = places.iter().flat_map(cut).collect();
            let x = Tensor::from_vec(pixels, (places.len(), 1, size, size), &Device::Cpu)?;
            let p = self.network.run(&[x])?["probabilities"].flatten_all()?.to_vec1::<f32>()?;
            found.extend_from_slice(p.as_chunks().0);
        }
        Ok(found)
    }
}

/// Mean 0 and standard deviation 1 over the whole crop, in f64 up to the result.
fn standardise(pixels: &[u16]) -> Vec<f32> {
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = pixels.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let deviation = variance.sqrt().max(1e-5);
    pixels.iter().map(|v| ((f64::from(*v) - mean) / deviation) as f32).collect()
}

/// At each pixel the mean of the values of the patches that cover it. Every pixel is covered.
fn average(picture: &Upright, places: &[(usize, usize)], size: usize, value: impl Fn(usize) -> f32) -> Upright<f32> {
    let (rows, columns) = (picture.rows, picture.columns);
    let (mut sums, mut counts) = (vec![0f32; rows * columns], vec![0u32; rows * columns]);
    for (patch, (row, column)) in places.iter().enumerate() {
        let value = value(patch);
        for r in *row..row + size {
            let line = r * columns + column..r * columns + column + size;
            sums[line.clone()].iter_mut().for_each(|v| *v += value);
            counts[line].iter_mut().for_each(|n| *n += 1);
        }
    }
    let pixels = sums.iter().zip(counts).map(|(sum, n)| sum / n.max(1) as f32).collect();
    Upright { rows, columns, pixels }
}

/// Channels, as the checkpoint has them.
#[derive(Debug, Clone, Copy)]
struct Widths {
    stem: usize,
    bottleneck: usize,
    growth: usize,
}

/// DenseNet-121 with TensorFlow's "SAME" padding, as its weights were trained; output `probabilities`.
fn describe(widths: Widths, size: usize) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let x = b.repeat_channels(b.input_maps(1, 1, size, size), 3);
        let f = b.pp("features");
        let x = f.pp("conv0").conv(x, widths.stem, 7, 2, same(b, x, 7, 2), false)?;
        let x = b.relu(f.pp("norm0").batch_norm(x));
        let mut x = b.max_pool(x, 3, 2, same(b, x, 3, 2))?;
        for (block, layers) in [6, 12, 24, 16].into_iter().enumerate() {
            if block > 0 {
                let t = f.pp(format!("transition{block}"));
                let y = b.relu(t.pp("norm").batch_norm(x));
                let y = t.pp("conv").conv(y, b.shape(y).channels() / 2, 1, 1, 0, false)?;
                x = b.mean_pool(y, 2, 2)?;
            }
            let dense = f.pp(format!("denseblock{}", block + 1));
            for layer in 1..=layers {
                let b = dense.pp(format!("denselayer{layer}"));
                let y = b.relu(b.pp("norm1").batch_norm(x));
                let y = b.pp("conv1").conv(y, widths.bottleneck, 1, 1, 0, false)?;
                let y = b.relu(b.pp("norm2").batch_norm(y));
                let y = b.pp("conv2").conv(y, widths.growth, 3, 1, same(&b, y, 3, 1), false)?;
                x = b.concat(x, y)?;
            }
        }
        let x = b.mean_over_map(b.relu(f.pp("norm5").batch_norm(x)));
        b.output("probabilities", b.softmax_over_channels(b.pp("classifier").linear(x, 4, true), 4)?);
        Ok(())
    })
}

fn same(b: &Builder<'_>, x: Map, kernel: usize, stride: usize) -> Padding {
    match b.shape(x) {
        Shape::Map { rows, columns, .. } => Padding::same(rows, columns, kernel, stride),
        Shape::Features { .. } => Padding::default(),
    }
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let widths = |stem, bottleneck, growth| Widths { stem, bottleneck, growth };
    [widths(16, 32, 16), widths(10, 6, 5)].map(|widths| describe(widths, 64).expect("fits")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn patches_end_at_the_edge_and_leave_no_gap(length in 0usize..5000, seed in any::<u64>()) {
            let recipe = HeatmapRecipe { weights: String::new(), patch: 256, stride: 70, seed };
            match steps(length, &recipe, &mut PythonRandom::new(seed)) {
                None => prop_assert!(length < 256),
                Some(steps) => {
                    prop_assert_eq!(steps.iter().sum::<usize>() + 256, length);
                    prop_assert!(steps.iter().all(|s| *s <= 70));
                }
            }
        }
    }
}
