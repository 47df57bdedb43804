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

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, BreastScores, Heatmap, ImageScores, Laterality, Mammogram, Output, Reason, Slot};
use uvid_kernels::prepare::{Air, Preparation, Source, Unsound};
use uvid_kernels::{Backend, Executor, Weights};

use crate::architecture::{
    Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, another_network, defers, raw,
};
use crate::combine::Combine;
use crate::nyu_window::{AboveAir, CropRecipe, Upright, best_centre, deferred, locate, place, standardise};
use crate::package::Package;
use crate::predictor::LoadError;
use crate::random::PythonRandom;
use crate::resample::area_average;
use augment::{Augmentation, Draw, frame};
use heatmap::{HeatMaps, HeatmapRecipe, PatchClassifier};
use network::{Classifier, head};

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

/// Pixels of the crop under one cell of a heat map that is reported, about.
const CELL: usize = 32;

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

/// An image with its heat maps.
struct View<'a> {
    slot: Slot,
    image: &'a PreparedImage,
    breast: Breast<'a>,
    centre: (i64, i64),
    maps: Option<HeatMaps>,
}

/// A view's pixels.
enum Breast<'a> {
    Cut(&'a Upright),
    Stored(&'a Source, Air),
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
        let images = views.iter().map(|view| image_scores(view, vec![])).collect();
        Ok(self.readings(images, &heads)?)
    }

    fn image_wise(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let (mut images, mut scores) = (Vec::new(), Vec::new());
        for (slot, image) in &exam.images {
            let views = self.views(vec![(*slot, image)])?;
            let y = self.average(&views, |vectors| self.classifier.read(head(*slot), vectors))?;
            let y: [f64; 2] = fixed(&y)?;
            for view in &views {
                images.push(image_scores(view, outputs(y)?));
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
            let (breast, centre) = match &image.input {
                PreparedInput::Crop { upright, centre } => (Breast::Cut(upright), *centre),
                PreparedInput::Stored { breast, air, centre } => (Breast::Stored(breast, *air), *centre),
                PreparedInput::Values(_) | PreparedInput::Deferred(_) => return Err(another_network().into()),
            };
            let maps = match (&mut patches, &breast) {
                (Some((patches, random)), Breast::Cut(upright)) => Some(patches.maps(upright, random)?),
                (Some(_), Breast::Stored(..)) => return Err(another_network().into()),
                (None, _) => None,
            };
            Ok(View { slot, image, breast, centre, maps })
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
                let input = input(view, self.recipe.windows.of(view.slot), noise)?;
                vectors.push(self.classifier.vector(view.slot, &input)?);
            }
            let vectors: Vec<&[f32]> = vectors.iter().map(Vec::as_slice).collect();
            let y = read(&vectors)?;
            mean.resize(y.len(), 0.0);
            mean.iter_mut().zip(y).for_each(|(mean, y)| *mean += y / epochs as f64);
        }
        Ok(mean)
    }
}

/// The network's input: the image's window, standardised, and those of the heat maps.
fn input(view: &View<'_>, window: [usize; 2], noise: Option<(&Augmentation, Draw)>) -> candle_core::Result<Tensor> {
    let upright = match view.breast {
        Breast::Cut(upright) => upright,
        Breast::Stored(breast, air) => {
            let prepared = preparation(view, breast, air, window, noise).map_err(candle_core::Error::msg)?;
            return Tensor::from_vec(prepared.on_host(), (1, 1, window[0], window[1]), &Device::Cpu);
        }
    };
    let size = (upright.rows, upright.columns);
    let maps = view.maps.iter().flat_map(|maps| [&maps.benign, &maps.malignant]);
    let mut channels;
    match noise {
        None => {
            let corner = place(size, view.centre, view.slot.view(), window);
            channels = upright.standardised(corner, window);
            maps.for_each(|map| channels.extend(map.window(corner, window)));
        }
        Some((noise, draw)) => {
            let framed = frame(size, view.centre, view.slot.view(), window, noise, &draw);
            channels = standardise(&framed.cut(upright, window));
            maps.for_each(|map| channels.extend(framed.cut(map, window)));
        }
    }
    let n = if view.maps.is_some() { 3 } else { 1 };
    Tensor::from_vec(channels, (1, n, window[0], window[1]), &Device::Cpu)
}

/// The same of a view without heat maps, left to the device.
fn preparation(
    view: &View<'_>,
    breast: &Source,
    air: Air,
    window: [usize; 2],
    noise: Option<(&Augmentation, Draw)>,
) -> Result<Preparation, Unsound> {
    let size = (breast.rows(), breast.columns());
    match noise {
        None => deferred(breast, air, place(size, view.centre, view.slot.view(), window), window),
        Some((noise, draw)) => {
            frame(size, view.centre, view.slot.view(), window, noise, &draw).deferred(breast, air, window)
        }
    }
}

fn image_scores(view: &View<'_>, outputs: Vec<Output>) -> ImageScores {
    let coarse = |name: &str, map: &Upright<f32>| {
        let cells = (map.rows.div_ceil(CELL), map.columns.div_ceil(CELL));
        let whole = ((0.0, map.rows as f64), (0.0, map.columns as f64));
        let means = area_average(&map.pixels, map.columns, whole.0, whole.1, cells);
        let (row, column) = (map.rows as f64 / cells.0 as f64, map.columns as f64 / cells.1 as f64);
        Heatmap {
            name: name.to_owned(),
            rows: cells.0,
            columns: cells.1,
            values: means.values.iter().map(|v| *v as f32).collect(),
            to_file: Affine::scale_then_move(row, column, 0.0, 0.0).then(&view.image.to_file),
        }
    };
    let maps = view.maps.iter();
    ImageScores {
        slot: view.slot,
        sop_instance: view.image.sop_instance.clone(),
        file_size: view.image.file_size,
        outputs,
        heatmaps: maps
            .flat_map(|maps| [coarse("malignant-patches", &maps.malignant), coarse("benign-patches", &maps.benign)])
            .collect(),
        regions: vec![],
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
