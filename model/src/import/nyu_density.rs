//! NYU's breast density by histograms: one small checkpoint.

use super::{Draft, ImportError, Source};
use crate::manifest::Recipe;
use crate::nyu_density::network;
use uvid_kernels::Backend;

/// Makes a package of `histogram_model.p`, its PyTorch form.
///
/// # Errors
///
/// The file is another model's.
pub fn nyu_density(checkpoint: &Source, mut progress: impl FnMut(&str)) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(include_str!("../../cards/nyu-density.toml"))?;
    let Recipe::NyuDensity(recipe) = draft.manifest.recipe.clone() else {
        return Err(ImportError::Card("nyu-density.toml is of another architecture".into()));
    };
    progress(&checkpoint.name);
    let weights = checkpoint.weights()?;
    let loaded = network(&weights, recipe.bins, Backend::Reference).map_err(|e| checkpoint.misfit(&weights, e))?;
    let names: Vec<String> = loaded.graph().parameter_names().collect();
    draft.take(checkpoint, &recipe.weights, &weights, &names)?;
    Ok(draft)
}
