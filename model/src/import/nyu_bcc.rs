//! BCC: a classifier of exams or of images, and for those with three channels the patch classifier that draws their
//! heat maps.

use super::{Draft, ImportError, Source};
use crate::manifest::Recipe;
use crate::nyu_bcc::Model;
use crate::nyu_bcc::augment::Augmentation;
use crate::nyu_bcc::heatmap::{HeatmapRecipe, PatchClassifier};
use crate::nyu_bcc::network::Classifier;
use uvid_kernels::Backend;

/// The authors' run script: ten random windows of each view, averaged.
const AUGMENTATION: Augmentation =
    Augmentation { epochs: 10, seed: 0, crop_noise: [100, 100], size_noise: 100, exam_position: 0 };

/// Makes a package of `sample_image_model.p`, or of another classifier of BCC. One with three input channels needs the
/// `patches` classifier, `sample_patch_model.p`; which it is, and whether it scores exams or images, its tensors tell.
/// With `augmented`, scores are averaged over ten random windows, as in the authors' tables.
///
/// # Errors
///
/// A file is another model's; the patch classifier is there without need, or needed and not there.
pub fn nyu_bcc(
    classifier: &Source,
    patches: Option<&Source>,
    augmented: bool,
    mut progress: impl FnMut(&str),
) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(include_str!("../../cards/nyu-bcc.toml"))?;
    let Recipe::NyuBcc(mut recipe) = draft.manifest.recipe.clone() else {
        return Err(ImportError::Card("nyu-bcc.toml is of another architecture".into()));
    };
    progress(&classifier.name);
    let weights = classifier.weights()?;
    if weights.get("fc1_lcc.weight").is_some() {
        recipe.model = Model::ImageWise;
        draft.manifest.input.required_views.clear();
    }
    let channels = weights.get("four_view_resnet.cc.first_conv.weight").and_then(|t| t.dims().get(1).copied());
    let channels = channels.unwrap_or(1);
    let loaded = Classifier::new(&weights, recipe.model, &recipe.windows, channels, Backend::Reference);
    let loaded = loaded.map_err(|e| classifier.misfit(&weights, e))?;
    draft.take(classifier, &recipe.weights, &weights, &loaded.parameters())?;
    recipe.heatmaps = match (channels, patches) {
        (1, None) => None,
        (3, Some(source)) => {
            progress(&source.name);
            let heatmaps = HeatmapRecipe { weights: "patches.safetensors".into(), patch: 256, stride: 70, seed: 0 };
            let weights = source.weights()?;
            let loaded = PatchClassifier::new(&weights, &heatmaps, Backend::Reference)
                .map_err(|e| source.misfit(&weights, e))?;
            draft.take(source, &heatmaps.weights, &weights, &loaded.parameters())?;
            Some(heatmaps)
        }
        (3, None) => {
            return Err(classifier
                .odd("it sees heat maps beside the image; give the patch classifier that draws them with --patches"));
        }
        (1, Some(_)) => return Err(classifier.odd("it sees the image alone; leave the patch classifier out")),
        (n, _) => return Err(classifier.odd(&format!("it has {n} input channels, neither 1 nor 3"))),
    };
    recipe.augmentation = augmented.then_some(AUGMENTATION);
    let what = match recipe.model {
        Model::ViewWise => "scores four views at once",
        Model::ImageWise => "scores each image by itself",
    };
    let windows = if augmented { "ten random windows of each view" } else { "one window of each view" };
    draft.note(format!("{}: {what}, {windows}", classifier.name));
    // Variants are told apart by name, too.
    let name = [
        (recipe.model == Model::ImageWise, "-image-wise"),
        (recipe.heatmaps.is_some(), "-heatmaps"),
        (augmented, "-augmented"),
    ];
    name.iter().filter(|(is, _)| *is).for_each(|(_, part)| draft.manifest.name.push_str(part));
    draft.manifest.recipe = Recipe::NyuBcc(recipe);
    Ok(draft)
}
