//! GMIC: five checkpoints, a state dict each, of which any number makes an ensemble.

use super::{Draft, ImportError, Source};
use crate::gmic::MemberRecipe;
use crate::gmic::network::Member;
use crate::manifest::Recipe;
use uvid_kernels::Backend;

/// `t` of each published model, by its number: no checkpoint holds it.
const TOP_SHARE: [f64; 5] = [0.02, 0.03, 0.03, 0.05, 0.10];

/// Makes a package of `sample_model_1.p` … `sample_model_5.p`, or of some of them. A file that is not so named counts by
/// its place.
///
/// # Errors
///
/// There is none, or more than five; two are the same model; one lacks a tensor.
pub fn gmic(checkpoints: &[Source], mut progress: impl FnMut(&str)) -> Result<Draft, ImportError> {
    if checkpoints.is_empty() || checkpoints.len() > TOP_SHARE.len() {
        return Err(ImportError::Files(format!("GMIC has one to five checkpoints, not {}", checkpoints.len())));
    }
    let mut draft = Draft::new(include_str!("../../cards/gmic.toml"))?;
    let Recipe::Gmic(mut recipe) = draft.manifest.recipe.clone() else {
        return Err(ImportError::Card("gmic.toml is of another architecture".into()));
    };
    for (place, source) in checkpoints.iter().enumerate() {
        progress(&source.name);
        let number = number(&source.name).unwrap_or(place + 1);
        let member = MemberRecipe { weights: format!("model_{number}.safetensors"), top_share: TOP_SHARE[number - 1] };
        if recipe.members.iter().any(|m| m.weights == member.weights) {
            return Err(ImportError::Files(format!("{} is given as model {number}, as another is", source.name)));
        }
        let weights = source.weights()?;
        let loaded = Member::new(&weights, &recipe, member.top_share, Backend::Reference)
            .map_err(|e| source.misfit(&weights, e))?;
        draft.take(source, &member.weights, &weights, &loaded.parameters())?;
        recipe.members.push(member);
    }
    recipe.members.sort_by(|a, b| a.weights.cmp(&b.weights));
    draft.manifest.recipe = Recipe::Gmic(recipe);
    Ok(draft)
}

/// N of `sample_model_N.p`, from 1 to 5.
fn number(name: &str) -> Option<usize> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let number = stem.strip_prefix("sample_model_")?.parse().ok()?;
    (1..=TOP_SHARE.len()).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_name_says_which_model_it_is() {
        let check = |name: &str, expected| assert_eq!(number(name), expected, "{name}");
        check("sample_model_1.p", Some(1));
        check("sample_model_5.safetensors", Some(5));
        check("sample_model_6.p", None);
        check("sample_model_0.p", None);
        check("model_1.p", None);
        check("", None);
    }
}
