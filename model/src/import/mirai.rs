//! Mirai: an image encoder and an aggregator, each a whole pickled module, and a calibrator.
//!
//! The hyper-parameters of the aggregator are read from the `args` that its authors pickled with it; the calibrator from
//! its own pickle, or, without one, from the published constants.

use super::{Draft, ImportError, Source};
use crate::checkpoint::{Checkpoint, Value};
use crate::manifest::Recipe;
use crate::mirai::aggregator::{Aggregator, AggregatorRecipe, Pool};
use crate::mirai::calibration::{Calibrator, TwoSteps};
use crate::mirai::encoder::Encoder;
use crate::mirai::risk_factors::{RiskFactor, RiskFactorSource};
use uvid_kernels::Backend;

/// The published model has 34.
const RISK_FACTORS_MAX: usize = 256;

/// SHA-256 of the files of release v0.8.0, as noted by others who hold them.
const PUBLISHED: [&str; 3] = [
    "e66261f434474686462e5c7035de37452f47e4e7cc8831086be19397383e8af3",
    "cb4ef50459d747d38edfb846b3cd29869ccad9b7e291eb5f2fe66559d914e610",
    "822092d81272c97883d54a4bde0bc1cdcebadb861dea8467cb93201fedb73efa",
];

/// Makes a package, with the risk factors `Predicted` as published or not, of `mgh_mammo_MIRAI_Base_May20_2019.p`, `mgh_mammo_cancer_MIRAI_Transformer_Jan13_2020.p` and
/// `Mirai_calibrator_mar12_2022.p`.
///
/// # Errors
///
/// A file is another model's; the aggregator's options are not those of the published model's kind.
pub fn mirai(
    encoder: &Source,
    aggregator: &Source,
    calibrator: Option<&Source>,
    risk_factors: RiskFactorSource,
    mut progress: impl FnMut(&str),
) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(include_str!("../../cards/mirai.toml"))?;
    let Recipe::Mirai(mut recipe) = draft.manifest.recipe.clone() else {
        return Err(ImportError::Card("mirai.toml is of another architecture".into()));
    };
    progress(&encoder.name);
    let weights = encoder.weights()?;
    let loaded = Encoder::new(&weights, recipe.size, Backend::Reference).map_err(|e| encoder.misfit(&weights, e))?;
    draft.take(encoder, &recipe.encoder_weights, &weights, &loaded.parameters())?;

    progress(&aggregator.name);
    // Read once: its pickle has some hundred megabytes.
    let checkpoint = aggregator.read()?;
    recipe.aggregator = options(&checkpoint).map_err(|e| aggregator.odd(&e))?;
    let weights = checkpoint.weights().map_err(|e| aggregator.fault(e))?;
    let loaded = Aggregator::new(&weights, &recipe.aggregator, Backend::Reference)
        .map_err(|e| aggregator.misfit(&weights, e))?;
    draft.take(aggregator, &recipe.aggregator_weights, &weights, &loaded.parameters())?;
    draft.note(format!(
        "{}: read from its args: heads {}, layers {}, channels {}, pool {:?}, risk factors {}, years {}",
        aggregator.name,
        recipe.aggregator.heads,
        recipe.aggregator.layers,
        recipe.aggregator.hidden,
        recipe.aggregator.pool,
        recipe.aggregator.risk_factors.len(),
        recipe.aggregator.years
    ));

    recipe.calibration = match calibrator {
        None => {
            draft.note("calibration: the published constants of 12 March 2022".into());
            Calibrator::published().to_vec()
        }
        Some(source) => {
            progress(&source.name);
            let years = calibration(&source.read()?, recipe.aggregator.years).map_err(|e| source.odd(&e))?;
            draft.note(format!("{}: calibration of {} years", source.name, years.len()));
            draft.made_from(source);
            years
        }
    };
    recipe.risk_factors = risk_factors;
    if risk_factors == RiskFactorSource::KnownWhereGiven {
        draft.manifest.name.push_str("-known-factors");
        draft.note("known risk factors take the predicted ones' place, which the published model does not do".into());
    }
    let known = draft.manifest.sources.iter().filter(|s| PUBLISHED.contains(&s.sha256.as_str())).count();
    let all = draft.manifest.sources.len();
    draft.note(format!("{known} of {all} files are, byte for byte, those of the published release v0.8.0"));
    draft.manifest.recipe = Recipe::Mirai(recipe);
    Ok(draft)
}

/// The options that the aggregator was pickled with.
fn options(checkpoint: &Checkpoint<'_>) -> Result<AggregatorRecipe, String> {
    let arg = |name: &str| checkpoint.get(&["args", name]).ok_or_else(|| format!("its args have no {name}"));
    let number = |name: &str| {
        let value = arg(name)?.as_i64();
        value.and_then(|v| usize::try_from(v).ok()).ok_or_else(|| format!("its args.{name} is no size"))
    };
    for refused in ["pred_both_sides", "make_probs_indep"] {
        // Absent from older files, where it meant no.
        let no = checkpoint.get(&["args", refused]).is_none_or(|v| v.is_none() || v.as_bool() == Some(false));
        if !no {
            return Err(format!("it was trained with {refused}, which changes what its outputs mean"));
        }
    }
    if number("num_images")? != 4 {
        return Err("it reads another number of images than four".into());
    }
    let pool = match arg("pool_name")?.as_str() {
        Some("Simple_AttentionPool") => Pool::Attention,
        Some("GlobalMaxPool") => Pool::Max,
        Some("GlobalAvgPool") => Pool::Mean,
        other => return Err(format!("its pool {other:?} is not known")),
    };
    let classes = arg("risk_factor_key_to_num_class")?;
    if arg("risk_factor_keys")?.items().nth(RISK_FACTORS_MAX).is_some() {
        return Err(format!("it has more than {RISK_FACTORS_MAX} risk factors"));
    }
    let risk_factors = arg("risk_factor_keys")?.items().map(|key| {
        let key = key.as_str().ok_or("a key of its risk factors is no text")?;
        let count = classes.get(key).and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok());
        let classes = count.ok_or_else(|| format!("it does not say how many classes {key} has"))?;
        Ok(RiskFactor { key: key.to_owned(), classes })
    });
    Ok(AggregatorRecipe {
        heads: number("num_heads")?,
        layers: number("num_layers")?,
        hidden: number("transfomer_hidden_dim")?,
        pool,
        years: u8::try_from(number("max_followup")?).map_err(|e| e.to_string())?,
        risk_factors: risk_factors.collect::<Result<_, String>>()?,
    })
}

/// `{0: MiraiCalibrator, 1: …}`: floats, or arrays of one.
fn calibration(checkpoint: &Checkpoint<'_>, years: u8) -> Result<Vec<Calibrator>, String> {
    let root = checkpoint.root().ok_or("it is no pickle")?;
    let year = |year: u8| {
        let calibrator = root.get(&year.to_string()).ok_or_else(|| format!("it has no year {year}"))?;
        let number = |name: &str| {
            let value = calibrator.get(name).and_then(Value::numbers);
            match value.as_deref() {
                Some([one]) => Ok(*one),
                _ => Err(format!("year {year} has no number {name}")),
            }
        };
        Ok(Calibrator::TwoSteps(TwoSteps {
            base_slope: number("base_estimator_slope")?,
            base_offset: number("base_estimator_offset")?,
            calibrator_slope: number("calibrator_slope")?,
            calibrator_offset: number("calibrator_offset")?,
        }))
    };
    (0..years).map(year).collect()
}
