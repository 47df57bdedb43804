//! Survival beside scikit-survival and lifelines, and on the published table of risks.

use std::collections::BTreeMap;
use std::path::Path;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use uvid_metrics::survival::{
    Censoring, KaplanMeier, Survival, at_horizon, brier, by_risk_group, dynamic_auc, harrell, integrated_brier,
    mean_auc, uno,
};
use uvid_metrics::{Clusters, Confidence, Result};

use crate::peer;

struct Case {
    survival: Survival,
    train: Survival,
    risks: Vec<f64>,
    horizons: [f64; 4],
}

impl Case {
    /// `rows` with times in steps (many ties) or not, risks of `distinct` values or any.
    fn draw(seed: u64, rows: usize, steps: Option<f64>, distinct: Option<f64>, other: bool) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut uniform = move || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let rounded = |value: f64, steps: Option<f64>| steps.map_or(value, |steps| (value * steps).ceil() / steps);
        let mut draw = |rows: usize| {
            let (mut times, mut events, mut risks) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rows {
                let risk = rounded(uniform() * 0.98, distinct);
                let (event, censoring) = (-uniform().ln() * 4.0 / (0.2 + risk), 0.5 + 7.0 * uniform());
                times.push(rounded(event.min(censoring), steps).max(0.01));
                events.push(event <= censoring);
                risks.push(risk.min(0.99));
            }
            // The last is an event, so that the censoring curve is above 0 wherever an event is.
            times.extend([8.5, 9.0]);
            events.extend([true, true]);
            risks.extend([0.25, 0.5]);
            (Survival::new(&times, &events).unwrap(), risks)
        };
        let (survival, risks) = draw(rows);
        let train = if other { draw(rows / 2).0 } else { survival.clone() };
        Self { survival, train, risks, horizons: [1.0, 2.0, 3.3, 5.0] }
    }
}

/// The AUC of the simple kind, pair by pair.
fn simple(survival: &Survival, risks: &[f64], horizon: f64) -> Result<f64> {
    let sample = at_horizon(survival, horizon, risks)?.sample;
    let (positives, negatives) = sample.both_classes()?;
    let mut won = 0.0;
    for (i, a) in sample.scores().iter().enumerate().filter(|(i, _)| sample.positive()[*i]) {
        for (_, b) in sample.scores().iter().enumerate().filter(|(j, _)| *j != i && !sample.positive()[*j]) {
            won += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
        }
    }
    Ok(won / (positives as f64 * negatives as f64))
}

fn concordances(out: &mut BTreeMap<String, f64>, survival: &Survival, risks: &[f64], suffix: &str) -> Result<()> {
    let found = harrell(survival, risks)?;
    let clusters = Clusters::of((0..survival.len()).map(|row| row / 3));
    let clustered = harrell(&survival.clone().clustered(clusters)?, risks)?;
    for (name, value) in [
        ("c", found.estimate.value),
        ("c se", found.estimate.standard_error),
        ("c clustered se", clustered.estimate.standard_error),
        ("concordant", found.concordant as f64),
        ("discordant", found.discordant as f64),
        ("tied risk", found.tied_risk as f64),
        ("tied time", found.tied_time as f64),
    ] {
        out.insert(format!("{name}{suffix}"), value);
    }
    Ok(())
}

fn ours(case: &Case) -> Result<BTreeMap<String, f64>> {
    let (survival, risks, horizons) = (&case.survival, &case.risks, &case.horizons);
    let (censoring, curve) = (Censoring::of(&case.train), KaplanMeier::of(survival));
    let mut out = BTreeMap::new();
    concordances(&mut out, survival, risks, "")?;
    out.insert("uno tau".into(), uno(survival, &censoring, risks, Some(horizons[3]))?);
    out.insert("uno".into(), uno(survival, &censoring, risks, None)?);
    let (mut aucs, mut scores) = (Vec::new(), Vec::new());
    for (i, horizon) in horizons.iter().enumerate() {
        let at = curve.at(*horizon)?;
        out.insert(format!("km {i}"), at.survival);
        if let Ok(interval) = at.interval(Confidence::P90) {
            out.insert(format!("km lower {i}"), interval.lower);
            out.insert(format!("km upper {i}"), interval.upper);
        }
        out.insert(format!("g {i}"), censoring.curve().at(*horizon)?.survival);
        out.insert(format!("simple {i}"), simple(survival, risks, *horizon)?);
        aucs.push((*horizon, dynamic_auc(survival, &censoring, *horizon, risks)?));
        out.insert(format!("auc {i}"), aucs[i].1);
        let raised: Vec<f64> = risks.iter().map(|risk| 1.0 - (1.0 - risk).powi(i as i32 + 1)).collect();
        scores.push((*horizon, brier(survival, &censoring, *horizon, &raised)?));
        out.insert(format!("brier {i}"), scores[i].1);
    }
    out.insert("mean auc".into(), mean_auc(survival, &aucs)?);
    out.insert("integrated brier".into(), integrated_brier(&scores)?);
    for (i, group) in by_risk_group(survival, horizons[1], risks, 4)?.iter().enumerate() {
        out.insert(format!("predicted {i}"), group.predicted);
        out.insert(format!("observed {i}"), group.observed()?);
    }
    Ok(out)
}

fn compare(what: &str, ours: &BTreeMap<String, f64>, theirs: &Value) {
    let theirs = theirs.as_object().unwrap();
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{what}");
    for (name, value) in ours {
        peer::same(&format!("{name} of {what}"), *value, theirs[name].as_f64().unwrap(), 1e-9);
    }
}

#[test]
fn as_scikit_survival_and_lifelines() {
    let mut cases = Vec::new();
    for seed in 0..4 {
        for other in [false, true] {
            cases.push(Case::draw(seed, 60 + 10 * seed as usize, None, None, other));
            cases.push(Case::draw(seed + 20, 100, Some(4.0), Some(10.0), other));
            cases.push(Case::draw(seed + 40, 500, Some(2.0), None, other));
            cases.push(Case::draw(seed + 60, 400, None, Some(5.0), other));
        }
    }
    let asked: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({"time": case.survival.times(), "event": case.survival.events(), "risk": case.risks,
                "train time": case.train.times(), "train event": case.train.events(), "horizons": case.horizons})
        })
        .collect();
    let Some(answers) = peer::ask("survival.py", &json!(asked)) else { return };
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), cases.len());
    for (number, (case, theirs)) in cases.iter().zip(answers).enumerate() {
        compare(&format!("case {number}"), &ours(case).unwrap(), theirs);
    }
}

#[test]
fn the_published_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/risk_table/general_eval_demo_data.csv");
    if !Path::new(path).exists() {
        println!("skipped: no table of risks at {path}");
        return;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let event: Vec<bool> = rows.iter().map(|row| row[6] >= 0.0).collect();
    let days: Vec<f64> = rows.iter().map(|row| if row[6] >= 0.0 { row[6] } else { row[7] }).collect();
    let years = |of: fn(f64) -> f64| Survival::new(&days.iter().map(|d| of(*d)).collect::<Vec<_>>(), &event).unwrap();
    let (survival, whole) = (years(|days| days / 365.0), years(|days| (days / 365.0).floor() + 1.0));
    let censoring = Censoring::of(&survival);
    let mut out = BTreeMap::new();
    for year in 1..=6u8 {
        let (risks, horizon): (Vec<f64>, _) =
            (rows.iter().map(|row| row[year as usize - 1]).collect(), f64::from(year));
        concordances(&mut out, &survival, &risks, &format!(" {year}")).unwrap();
        out.insert(format!("uno {year}"), uno(&survival, &censoring, &risks, Some(6.0)).unwrap());
        out.insert(format!("auc {year}"), dynamic_auc(&survival, &censoring, horizon, &risks).unwrap());
        out.insert(format!("brier {year}"), brier(&survival, &censoring, horizon, &risks).unwrap());
        out.insert(format!("simple {year}"), simple(&survival, &risks, horizon).unwrap());
        out.insert(format!("published {year}"), simple(&whole, &risks, horizon).unwrap());
    }
    println!("{out:#?}");
    let Some(theirs) = peer::ask("survival.py", &json!(path)) else { return };
    compare("the table", &out, &theirs);
}
