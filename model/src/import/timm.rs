//! Classifiers with timm's names: a card that states network and preparation, and the checkpoints of one training.

use super::{Draft, ImportError, Source};
use crate::manifest::Recipe;
use crate::timm::Member;
use uvid_kernels::Backend;

/// The card of the first place of the RSNA 2022 competition: four ConvNeXt small.
pub const RSNA_2022_FIRST: &str = include_str!("../../cards/rsna-2022-first.toml");

/// Makes a package of the members of one training; `card` is a `package.toml` without members and files. Checkpoints may
/// be safetensors or what timm's training script saves.
///
/// # Errors
///
/// There is none; one lacks a tensor, or has another shape than the card's network; the card is of another
/// architecture.
pub fn timm(card: &str, checkpoints: &[Source], mut progress: impl FnMut(&str)) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(card)?;
    let Recipe::Timm(mut recipe) = draft.manifest.recipe.clone() else {
        return Err(ImportError::Card("it is of another architecture than timm".into()));
    };
    if checkpoints.is_empty() {
        return Err(ImportError::Files("a package needs at least one checkpoint".into()));
    }
    let (channels, canvas) = (recipe.preparation.mean.len(), recipe.preparation.canvas);
    recipe.members.clear();
    for (place, source) in checkpoints.iter().enumerate() {
        progress(&source.name);
        let file = format!("fold_{place}.safetensors");
        let weights = source.weights()?;
        let member = Member::new(&weights, &recipe.network, channels, canvas, Backend::Reference)
            .map_err(|e| source.misfit(&weights, e))?;
        draft.take(source, &file, &weights, &member.parameters())?;
        recipe.members.push(file);
    }
    draft.manifest.recipe = Recipe::Timm(recipe);
    Ok(draft)
}
