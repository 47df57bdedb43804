//! Image classifiers as timm (Wightman, github.com/huggingface/pytorch-image-models) names and lays them out.
//!
//! One image gives a score for each class, from one network or the mean of several (folds of one training). Which
//! network, what it is shown and how its logits become scores is the package's recipe: [`prepare`] goes from stored
//! pixels to the network's input, [`breast`] finds what is kept and refuses what shows none, [`convnext`] and
//! [`efficientnet`] describe the networks, [`network`] runs one member.

mod breast;
pub(crate) mod convnext;
mod deferred;
pub(crate) mod efficientnet;
mod network;
mod prepare;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, BreastScores, Heatmap, ImageScores, Mammogram, Output, Reason, Slot};
use uvid_kernels::{Backend, Executor, Weights};

pub use breast::{Breast, Keep};
pub use network::{Activation, Family, Member, Network, Pool, Reading};
pub use prepare::{Brightness, ChestWall, Fallback, Filter, Input, Place, Preparation, Refused, Rounding};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, defers, raw};
use crate::combine::Combine;
use crate::package::Package;
use crate::predictor::LoadError;

/// The recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The files with the members' weights, safetensors with timm's names.
    pub members: Vec<String>,
    /// The network that all of them are weights of.
    pub network: Network,
    /// From stored pixels to the network's input.
    pub preparation: Preparation,
    /// From logits to scores.
    pub scores: ScoreFunction,
    /// What of the members is averaged.
    pub average: Average,
    /// The classes that are reported, by name.
    pub classes: Vec<Class>,
    /// How a breast's views, and an exam's breasts, become one value.
    pub combine: Combine,
}

/// From logits to scores between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreFunction {
    /// Each class by itself: `1 / (1 + exp(-x))`.
    Sigmoid,
    /// All classes together: `exp(x)` over the sum of all.
    Softmax,
}

impl ScoreFunction {
    /// The score of each class.
    pub fn of(self, logits: &[f64]) -> Vec<f64> {
        match self {
            Self::Sigmoid => logits.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
            Self::Softmax => {
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let exp: Vec<f64> = logits.iter().map(|x| (x - largest).exp()).collect();
                let sum: f64 = exp.iter().sum();
                exp.iter().map(|e| e / sum).collect()
            }
        }
    }
}

/// What of the members is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// Their logits, before the score function.
    Logits,
    /// Their scores.
    Scores,
}

/// A class that is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its place among the network's outputs, from 0.
    pub index: usize,
    /// The output's name.
    pub name: String,
}

impl Recipe {
    /// Refuses numbers with which the steps have no meaning.
    fn check(&self) -> Result<(), LoadError> {
        let named = |c: &Class| self.classes.iter().filter(|other| other.name == c.name).count() == 1;
        let sound = [
            ("members", !self.members.is_empty()),
            ("network", self.network.is_sound()),
            ("classes", !self.classes.is_empty() && self.classes.iter().all(named)),
        ];
        LoadError::unless_all(&sound)?;
        LoadError::unless_all(&self.preparation.soundness())
    }

    /// The scores of all classes, of each member's logits.
    fn scores(&self, members: &[Vec<f64>]) -> Vec<f64> {
        match self.average {
            Average::Logits => self.scores.of(&mean(members)),
            Average::Scores => mean(&members.iter().map(|logits| self.scores.of(logits)).collect::<Vec<_>>()),
        }
    }
}

/// Class by class.
fn mean(members: &[Vec<f64>]) -> Vec<f64> {
    let classes = members.first().map_or(0, Vec::len);
    (0..classes).map(|class| members.iter().map(|m| m[class]).sum::<f64>() / members.len() as f64).collect()
}

/// The architecture, loaded.
pub(crate) struct Timm {
    recipe: Recipe,
    members: Vec<Member>,
    defers: bool,
}

impl Timm {
    pub(crate) fn load(package: &Package, recipe: &Recipe, backend: Backend) -> Result<Self, LoadError> {
        recipe.check()?;
        let (channels, canvas) = (recipe.preparation.mean.len(), recipe.preparation.canvas);
        let load = |file: &String| {
            let weights = Weights::from_safetensors(package.file(file)?)?;
            Member::new(&weights, &recipe.network, channels, canvas, backend)
        };
        let members = recipe.members.iter().map(load).collect::<Result<Vec<_>, LoadError>>()?;
        let classes = members.first().map_or(0, Member::classes);
        LoadError::unless_all(&[
            ("members", members.iter().all(|m| m.classes() == classes)),
            ("classes", recipe.classes.iter().all(|c| c.index < classes)),
            // The softmax of one class is 1 for everybody.
            ("scores", recipe.scores == ScoreFunction::Sigmoid || classes > 1),
        ])?;
        Ok(Self { recipe: recipe.clone(), members, defers: defers(backend) })
    }
}

impl Architecture for Timm {
    fn networks(&self) -> Vec<(String, &Executor)> {
        let named =
            |(i, m): (usize, _)| Member::networks(m).into_iter().map(move |(n, e)| (format!("member {i} {n}"), e));
        self.members.iter().enumerate().flat_map(named).collect()
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let recipe = &self.recipe.preparation;
        let (input, to_image) = recipe.input(image, self.defers).map_err(|e| e.reason(slot))?;
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows: recipe.canvas[0],
            columns: recipe.canvas[1],
            to_file: to_image.then(&image.to_file),
            input,
        })
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let mut readings = Readings { images: vec![], breasts: vec![], exam: vec![] };
        let mut views: Vec<(Slot, Vec<f64>)> = Vec::new();
        let read = self.read(&exam.images.values().collect::<Vec<_>>())?;
        for (i, (slot, image)) in exam.images.iter().enumerate() {
            let members: Vec<&Reading> = read.iter().map(|of_member| &of_member[i]).collect();
            let scores = self.recipe.scores(&members.iter().map(|m| m.logits.clone()).collect::<Vec<_>>());
            readings.images.push(ImageScores {
                slot: *slot,
                sop_instance: image.sop_instance.clone(),
                file_size: image.file_size,
                outputs: self.outputs(|class| scores[class])?,
                heatmaps: self.heatmaps(&members, image),
                regions: vec![],
            });
            views.push((*slot, scores));
        }
        let combine = self.recipe.combine;
        let breasts = |class: usize| {
            combine.breasts(&views.iter().map(|(slot, scores)| (*slot, [scores[class]])).collect::<Vec<_>>())
        };
        for (i, (laterality, _)) in breasts(0).into_iter().enumerate() {
            readings.breasts.push(BreastScores { laterality, outputs: self.outputs(|class| breasts(class)[i].1[0])? });
        }
        readings.exam = self.outputs(|class| combine.exam(&breasts(class))[0])?;
        Ok(readings)
    }
}

impl Timm {
    /// What each member says of each image.
    fn read(&self, prepared: &[&PreparedImage]) -> Result<Vec<Vec<Reading>>, Unscored> {
        let Some(first) = self.members.first() else { return Ok(vec![]) };
        let deferred = prepared.iter().all(|image| matches!(image.input, PreparedInput::Deferred(_)));
        let x = if deferred {
            first.images(prepared)?
        } else {
            let each = |image: &&PreparedImage| Ok(self.recipe.preparation.channels(image.values()?));
            let values = prepared.iter().map(each).collect::<Result<Vec<_>, Reason>>()?.concat();
            let (rows, columns) = prepared.first().map_or((0, 0), |image| (image.rows, image.columns));
            let channels = self.recipe.preparation.mean.len();
            Tensor::from_vec(values, (prepared.len(), channels, rows, columns), &Device::Cpu)?.into()
        };
        Ok(self.members.iter().map(|member| member.read(&x)).collect::<candle_core::Result<_>>()?)
    }

    fn outputs(&self, score: impl Fn(usize) -> f64) -> Result<Vec<Output>, Reason> {
        self.recipe.classes.iter().map(|class| raw(&class.name, score(class.index))).collect()
    }

    /// For networks whose logits are a mean over places: the scores that each place would give alone, NaN where all
    /// that is under it is 0.
    fn heatmaps(&self, members: &[&Reading], image: &PreparedImage) -> Vec<Heatmap> {
        let maps: Vec<_> = members.iter().filter_map(|m| m.activation.as_ref()).collect();
        let Some(first) = maps.first() else { return vec![] };
        let (rows, columns) = (first.rows, first.columns);
        let scores = |cell: usize| {
            let logits: Vec<Vec<f64>> = maps.iter().map(|m| m.logits.iter().map(|l| l[cell]).collect()).collect();
            self.recipe.scores(&logits)
        };
        let left = match &image.input {
            PreparedInput::Deferred(deferred) => deferred.preparation().shown([rows, columns]),
            PreparedInput::Values(_) | PreparedInput::Crop { .. } | PreparedInput::Stored { .. } => None,
        };
        let input = || image.values().unwrap_or_default();
        let shown = left.unwrap_or_else(|| shown(input(), (image.rows, image.columns), rows, columns));
        let cells: Vec<Option<Vec<f64>>> = (0..rows * columns).map(|cell| shown[cell].then(|| scores(cell))).collect();
        let cell_to_input =
            Affine::scale_then_move(image.rows as f64 / rows as f64, image.columns as f64 / columns as f64, 0.0, 0.0);
        let map = |class: &Class| Heatmap {
            name: format!("{}-activation", class.name),
            rows,
            columns,
            values: cells.iter().map(|c| c.as_ref().map_or(f32::NAN, |c| c[class.index] as f32)).collect(),
            to_file: cell_to_input.then(&image.to_file),
        };
        self.recipe.classes.iter().map(map).collect()
    }
}

/// Which cells of a map of the input lie over anything but 0.
fn shown(input: &[f32], size: (usize, usize), rows: usize, columns: usize) -> Vec<bool> {
    let mut shown = vec![false; rows * columns];
    for (i, _) in input.iter().enumerate().filter(|(_, v)| **v != 0.0) {
        let (row, column) = (i / size.1, i % size.1);
        shown[row * rows / size.0 * columns + column * columns / size.1] = true;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_one() {
        let check = |average, scores, expected: [f64; 2]| {
            let recipe = Recipe { average, scores, ..prepare::tests::recipe() };
            let found = recipe.scores(&[vec![0.0, 2.0], vec![4.0, 2.0]]);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() <= 1e-12, "{found:?}, expected {expected:?}");
            }
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        check(Average::Logits, ScoreFunction::Sigmoid, [sigmoid(2.0), sigmoid(2.0)]);
        check(Average::Scores, ScoreFunction::Sigmoid, [(0.5 + sigmoid(4.0)) / 2.0, sigmoid(2.0)]);
        check(Average::Logits, ScoreFunction::Softmax, [0.5, 0.5]);
        check(Average::Scores, ScoreFunction::Softmax, [0.5, 0.5]);
        assert_eq!(ScoreFunction::Softmax.of(&[1e4, 0.0]), [1.0, 0.0]);
    }
}
