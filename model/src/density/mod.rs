//! Breast density (BI-RADS A to D) by a small convolutional network.
//!
//! It estimates how dense a breast is, a risk and masking factor; it says nothing about malignancy. [`prepare`] is the
//! recipe from stored pixels to a 256 x 160 input, [`network`] the network, [`reading`] the way from its score map to
//! probabilities, letter, relative risks and the dense-tissue map.

pub mod network;
mod prepare;
mod reading;

use serde::{Deserialize, Serialize};
use uvid_exam::{BreastScores, ImageScores, Laterality, Mammogram, Reason, Slot};
use uvid_kernels::{Backend, Executor, Weights};

pub use prepare::{Geometry, Input, NoBreast, prepare, prepare_pixels};
pub use reading::{CELL, Map, Reader};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, images};
use crate::manifest::{Calibration, SiteCalibration};
use crate::package::Package;
use crate::predictor::LoadError;

/// The numbers of the recipe. Steps 1 to 11 are described at [`prepare`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The file with the weights.
    pub weights: String,
    /// Rows of the small picture on which the breast is found (step 3).
    pub work_rows: usize,
    /// Percentile taken for air (step 5).
    pub air_percentile: f64,
    /// Percentile taken for the brightest tissue (step 5).
    pub bright_percentile: f64,
    /// Tissue is above air by this share of the distance to bright (step 5).
    pub mask_share: f64,
    /// Rows at the top and bottom of the small picture that are never breast (step 5).
    pub border_rows: usize,
    /// Rows and columns of the network's input (steps 8 and 11).
    pub input_size: [usize; 2],
    /// A cell of the input is breast if at least this share of it is (step 9).
    pub mask_cell_share: f64,
    /// Percentiles within the breast that become 0 and 1 (step 10).
    pub stretch_percentiles: [f64; 2],
    /// Breast lies in [floor, 1], everything else is 0 (step 11).
    pub floor: f64,
    /// What is refused before the network sees it.
    pub gate: Gate,
}

/// When an image is refused: it shows no breast on a dark background, whatever else it shows.
///
/// The network was never trained to say "this is no mammogram"; noise, a blank field or an inverted image would get a
/// score like any other. Measured on 3,383 real screening images (640 x 640, 8 bits): where air is dark the breast covers
/// 0.07 to 0.85 of the frame and up to 0.74 of its border; where the image was left inverted, 549 of them, what stands
/// out covers 0.87 and more of the frame and 0.78 and more of the border. The bundled package's numbers refuse all 549
/// and two of the others, one of them blank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Fewest rows or columns.
    pub side_min: usize,
    /// Widest image, as a multiple of its height.
    pub aspect_max: f64,
    /// Least distance from air to bright, in stored units.
    pub contrast_min: f64,
    /// Smallest and largest share of the image that the breast covers.
    pub breast_share: [f64; 2],
    /// Largest share of the image's border that it covers.
    pub border_share_max: f64,
}

impl Recipe {
    /// Refuses numbers with which the steps have no meaning.
    fn check(&self) -> Result<(), LoadError> {
        let percentile = |q: f64| (0.0..=100.0).contains(&q);
        let share = |s: f64| (0.0..=1.0).contains(&s);
        let [rows, columns] = self.input_size;
        let sound = [
            ("work_rows", (8..=4096).contains(&self.work_rows)),
            ("air_percentile", percentile(self.air_percentile)),
            ("bright_percentile", percentile(self.bright_percentile) && self.air_percentile < self.bright_percentile),
            ("mask_share", share(self.mask_share)),
            ("border_rows", self.border_rows < self.work_rows / 2),
            ("input_size", [rows, columns].iter().all(|n| (16..=8192).contains(n) && n.is_multiple_of(16))),
            ("mask_cell_share", share(self.mask_cell_share)),
            ("stretch_percentiles", {
                let [lo, hi] = self.stretch_percentiles;
                percentile(lo) && percentile(hi) && lo < hi
            }),
            ("floor", (0.0..1.0).contains(&self.floor) && self.floor > 0.0),
            ("gate.side_min", self.gate.side_min > 0),
            ("gate.aspect_max", (1.0..=100.0).contains(&self.gate.aspect_max)),
            ("gate.contrast_min", self.gate.contrast_min > 0.0 && self.gate.contrast_min.is_finite()),
            ("gate.breast_share", self.gate.breast_share.into_iter().all(share)),
            ("gate.border_share_max", share(self.gate.border_share_max)),
        ];
        LoadError::unless_all(&sound)
    }
}

/// The architecture, loaded.
pub(crate) struct Density {
    recipe: Recipe,
    network: Executor,
    reader: Reader,
}

impl Density {
    pub(crate) fn load(
        package: &Package,
        recipe: &Recipe,
        site: Option<&SiteCalibration>,
        backend: Backend,
    ) -> Result<Self, LoadError> {
        recipe.check()?;
        let weights = Weights::from_safetensors(package.file(&recipe.weights)?)?;
        let network = Executor::new(network::graph(recipe.input_size)?, &weights, backend)?;
        let calibration = match site {
            Some(site) => Calibration { scale: site.scale, thresholds: site.thresholds },
            None => Calibration { scale: 1.0, thresholds: network::thresholds(&weights)? },
        };
        let reader = Reader::new(calibration, package.manifest().relative_risks.clone())?;
        Ok(Self { recipe: recipe.clone(), network, reader })
    }
}

impl Architecture for Density {
    fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("network".to_owned(), &self.network)]
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let input = prepare(image, &self.recipe)
            .map_err(|e| Reason::NoBreastFound { slot: slot.to_string(), detail: e.to_string() })?;
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows: self.recipe.input_size[0],
            columns: self.recipe.input_size[1],
            to_file: input.geometry.canvas_to_image().then(&image.to_file),
            input: PreparedInput::Values(input.values),
        })
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let x = images(&self.network, &exam.images.values().collect::<Vec<_>>())?;
        let found = self.network.look(&[&x], &[])?["map"].flatten_from(1)?.to_vec2::<f32>()?;
        let mut maps = Vec::new();
        for ((slot, image), values) in exam.images.iter().zip(found) {
            let map = Map::new(image.values()?, (image.rows, image.columns), values);
            maps.push((*slot, image, map.ok_or_else(|| Reason::ModelFailed("the map is of another size".into()))?));
        }
        Ok(self.read(&maps)?)
    }
}

impl Density {
    /// Per image its own score; per breast and exam the mean of the images' scores, then the same formulas.
    fn read(&self, maps: &[(Slot, &PreparedImage, Map)]) -> Result<Readings, Reason> {
        let mean = |side: Option<Laterality>| {
            let scores: Vec<f64> = maps
                .iter()
                .filter(|(slot, ..)| side.is_none_or(|s| slot.laterality() == s))
                .map(|(_, _, map)| map.score())
                .collect();
            (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        let mut readings = Readings { images: vec![], breasts: vec![], exam: vec![] };
        for (slot, image, map) in maps {
            readings.images.push(ImageScores {
                slot: *slot,
                sop_instance: image.sop_instance.clone(),
                file_size: image.file_size,
                outputs: self.reader.outputs(map.score())?,
                heatmaps: vec![self.reader.heatmap(map, &image.to_file)],
                regions: vec![],
            });
        }
        for laterality in Laterality::ALL {
            if let Some(score) = mean(Some(laterality)) {
                readings.breasts.push(BreastScores { laterality, outputs: self.reader.outputs(score)? });
            }
        }
        if let Some(score) = mean(None) {
            readings.exam = self.reader.outputs(score)?;
        }
        Ok(readings)
    }
}
