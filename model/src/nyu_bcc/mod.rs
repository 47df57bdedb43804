//! BCC, NYU's breast cancer classifier (Wu et al., IEEE TMI 39, 2020; arXiv 1903.08297).
//!
//! The view-wise model looks at four views at once and gives, for each breast, the probability of a benign and of a
//! malignant finding; the image-wise model gives both for one image. The [window](crate::nyu_window) is 2677 x 1942
//! pixels of a CC and 2974 x 1748 of an MLO. [`network`] describes the classifier, [`heatmap`] the two heat maps that
//! the three-channel models see beside the image, [`augment`] the random windows that the authors average over.
//!
//! Without `augmentation` there is one window, at its best place; that differs from the authors' ten by some 0.001.
//! Probabilities are softmax outputs that nobody has calibrated for a site: they leave as scores.

pub mod augment;
pub mod heatmap;
pub mod network;
mod view;

use serde::{Deserialize, Serialize};
use uvid_exam::{BreastScores, ImageScores, Laterality, Mammogram, Output, Reason, Slot};
use uvid_kernels::{Backend, Executor, Weights};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, defers, raw};
use crate::combine::Combine;
use crate::nyu_window::{AboveAir, CropRecipe, best_centre, locate};
use crate::package::Package;
use crate::predictor::LoadError;
use crate::random::PythonRandom;
use augment::{Augmentation, Draw};
use heatmap::{HeatmapRecipe, PatchClassifier};
use network::{Classifier, head};
use view::View;

/// The recipe. Pixels are used at their native resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Whether four views are scored at once or each image by itself.
    pub model: Model,
    /// The file with the classifier's weights.
    pub weights: String,
    /// How the breast is found.
    pub crop: CropRecipe,
    /// What the network sees.
    pub windows: Windows,
    /// With heat maps the classifier has three channels (image, benign, malignant), without them one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heatmaps: Option<HeatmapRecipe>,
    /// Without it, one window at its best place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// How a breast's views, and an exam's breasts, become one value. The view-wise model's "views" are the head of CC
    /// and that of MLO, of which the authors take the mean.
    pub combine: Combine,
}

/// What is scored at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// All four views.
    ViewWise,
    /// One image.
    ImageWise,
}

/// Rows and columns that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Of a cranio-caudal view.
    pub cc: [usize; 2],
    /// Of a medio-lateral oblique view.
    pub mlo: [usize; 2],
}

impl Windows {
    /// Of a view.
    pub fn of(&self, slot: Slot) -> [usize; 2] {
        match slot {
            Slot::LeftCc | Slot::RightCc => self.cc,
            Slot::LeftMlo | Slot::RightMlo => self.mlo,
        }
    }
}

/// The views in the order of the authors' lists: the order in which random numbers are drawn.
pub const VIEWS: [Slot; 4] = [Slot::LeftCc, Slot::RightCc, Slot::LeftMlo, Slot::RightMlo];

impl Recipe {
    /// Refuses numbers with which the steps have no meaning.
    fn check(&self) -> Result<(), LoadError> {
        self.crop.check()?;
        self.heatmaps.as_ref().map_or(Ok(()), HeatmapRecipe::check)?;
        self.augmentation.as_ref().map_or(Ok(()), Augmentation::check)?;
        let sides = [self.windows.cc, self.windows.mlo].concat();
        LoadError::unless_all(&[("windows", sides.iter().all(|n| (256..=16384).contains(n)))])
    }
}

/// The architecture, loaded.
pub(crate) struct NyuBcc {
    recipe: Recipe,
    classifier: Classifier,
    patches: Option<(PatchClassifier, u64)>,
    defers: bool,
}

impl NyuBcc {
    pub(crate) fn load(package: &Package, recipe: &Recipe, backend: Backend) -> Result<Self, LoadError> {
        recipe.check()?;
        let required = &package.manifest().input.required_views;
        let all = VIEWS.iter().all(|view| required.iter().any(|r| Slot::from(*r) == *view));
        LoadError::unless_all(&[("input.required_views", all || recipe.model == Model::ImageWise)])?;
        let weights = |file: &str| -> Result<_, LoadError> { Ok(Weights::from_safetensors(package.file(file)?)?) };
        let patches = match &recipe.heatmaps {
            Some(heatmaps) => {
                Some((PatchClassifier::new(&weights(&heatmaps.weights)?, heatmaps, backend)?, heatmaps.seed))
            }
            None => None,
        };
        let channels = if patches.is_some() { 3 } else { 1 };
        let classifier = Classifier::new(&weights(&recipe.weights)?, recipe.model, &recipe.windows, channels, backend)?;
        // Heat maps are computed from the breast as it is here.
        let defers = defers(backend) && patches.is_none();
        Ok(Self { recipe: recipe.clone(), classifier, patches, defers })
    }
}

impl Architecture for NyuBcc {
    fn networks(&self) -> Vec<(String, &Executor)> {
        let patches = self.patches.iter().flat_map(|(patches, _)| patches.networks());
        self.classifier.networks().into_iter().chain(patches).collect()
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let breast = locate(image, slot, &self.recipe.crop)?;
        let centre = best_centre(&breast, &breast.crop, slot.view(), self.recipe.windows.of(slot));
        let (rows, columns) = breast.size();
        let input = if self.defers {
            let source = breast.source().map_err(|e| Reason::ModelFailed(e.to_string()))?;
            PreparedInput::Stored { breast: source, air: breast.air, centre }
        } else {
            PreparedInput::Crop { upright: breast.cut(), centre }
        };
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows,
            columns,
            to_file: breast.to_image.then(&image.to_file),
            input,
        })
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        match self.recipe.model {
            Model::ViewWise => self.view_wise(exam),
            Model::ImageWise => self.image_wise(exam),
        }
    }
}

impl NyuBcc {
    fn view_wise(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let image = |slot: Slot| exam.images.get(&slot).map(|image| (slot, image)).ok_or(missing(slot));
        let views = self.views(VIEWS.into_iter().map(image).collect::<Result<_, Reason>>()?)?;
        let y = self.average(&views, |vectors| {
            let [lcc, rcc, lmlo, rmlo] = vectors else { candle_core::bail!("the views are not four") };
            Ok([self.classifier.read("cc", &[lcc, rcc])?, self.classifier.read("mlo", &[lmlo, rmlo])?].concat())
        })?;
        let [lb_cc, rb_cc, lm_cc, rm_cc, lb_mlo, rb_mlo, lm_mlo, rm_mlo] = fixed(&y)?;
        let heads = [
            (Slot::LeftCc, [lb_cc, lm_cc]),
            (Slot::LeftMlo, [lb_mlo, lm_mlo]),
            (Slot::RightCc, [rb_cc, rm_cc]),
            (Slot::RightMlo, [rb_mlo, rm_mlo]),
        ];
        let images = views.iter().map(|view| view.scores(vec![])).collect();
        Ok(self.readings(images, &heads)?)
    }

    fn image_wise(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let (mut images, mut scores) = (Vec::new(), Vec::new());
        for (slot, image) in &exam.images {
            let views = self.views(vec![(*slot, image)])?;
            let y = self.average(&views, |vectors| self.classifier.read(head(*slot), vectors))?;
            let y: [f64; 2] = fixed(&y)?;
            for view in &views {
                images.push(view.scores(outputs(y)?));
            }
            scores.push((*slot, y));
        }
        Ok(self.readings(images, &scores)?)
    }

    fn readings(&self, mut images: Vec<ImageScores>, views: &[(Slot, [f64; 2])]) -> Result<Readings, Reason> {
        images.sort_by_key(|image| image.slot);
        let breasts = self.recipe.combine.breasts(views);
        let exam = outputs(self.recipe.combine.exam(&breasts))?;
        let score = |(laterality, y): &(Laterality, [f64; 2])| {
            Ok(BreastScores { laterality: *laterality, outputs: outputs(*y)? })
        };
        Ok(Readings { images, breasts: breasts.iter().map(score).collect::<Result<_, Reason>>()?, exam })
    }

    /// The images with their heat maps, if the model has them; one stream of random numbers runs through all.
    fn views<'a>(&self, images: Vec<(Slot, &'a PreparedImage)>) -> Result<Vec<View<'a>>, Unscored> {
        let mut patches = self.patches.as_ref().map(|(patches, seed)| (patches, PythonRandom::new(*seed)));
        let view = |(slot, image): (Slot, &'a PreparedImage)| {
            let view = View::of(slot, image)?;
            match &mut patches {
                Some((patches, random)) => view.with_maps(patches, random),
                None => Ok(view),
            }
        };
        images.into_iter().map(view).collect()
    }

    /// What `read` makes of the views' vectors, averaged over the windows.
    fn average(
        &self,
        views: &[View<'_>],
        read: impl Fn(&[&[f32]]) -> candle_core::Result<Vec<f64>>,
    ) -> Result<Vec<f64>, Unscored> {
        let mut random = self.recipe.augmentation.as_ref().map(|a| (a, a.random(views.len())));
        let epochs = self.recipe.augmentation.as_ref().map_or(1, |a| a.epochs);
        let mut mean: Vec<f64> = Vec::new();
        for _ in 0..epochs {
            let mut vectors = Vec::new();
            for view in views {
                let noise = random.as_mut().map(|(a, random)| (&**a, Draw::next(random)));
                let network = self.classifier.column(view.slot)?;
                let input = view.input(network, self.recipe.windows.of(view.slot), noise)?;
                vectors.push(self.classifier.look(view.slot, &input)?);
            }
            let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
            let y = read(&vectors)?;
            mean.resize(y.len(), 0.0);
            mean.iter_mut().zip(y).for_each(|(mean, y)| *mean += y / epochs as f64);
        }
        Ok(mean)
    }
}

fn outputs([benign, malignant]: [f64; 2]) -> Result<Vec<Output>, Reason> {
    Ok(vec![raw("malignant", malignant)?, raw("benign", benign)?])
}

fn missing(slot: Slot) -> Reason {
    Reason::ViewMissing(slot.laterality(), slot.view())
}

fn failed(e: impl std::fmt::Display) -> Reason {
    Reason::ModelFailed(e.to_string())
}

fn fixed<const N: usize>(y: &[f64]) -> Result<[f64; N], Reason> {
    y.try_into().map_err(|_| failed(format!("{} outputs where there should be {N}", y.len())))
}
