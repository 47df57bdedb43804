//! Calibration beside statsmodels, scikit-learn, scipy and R's loess.

use std::collections::BTreeMap;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::json;
use uvid_metrics::calibration::{
    Binning, Forecasts, Loess, Map, Method, StandardErrors, bins, brier, cox, cross_fitted, expected_error, folds,
    hosmer_lemeshow, in_the_large, largest_error, log_loss, murphy, observed_expected, scaled_brier, spiegelhalter,
};
use uvid_metrics::{Binary, Clusters, Confidence, Result, Undefined};

use crate::peer;

struct Case {
    p: Vec<f64>,
    y: Vec<bool>,
    w: Option<Vec<f64>>,
    clusters: Option<Vec<u32>>,
}

impl Case {
    /// `rows` of either `distinct` probabilities or of any; outcomes follow a distorted forecast.
    fn draw(seed: u64, rows: usize, distinct: Option<u64>, weights: bool, clusters: bool) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut uniform = move || (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let (mut p, mut y) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let forecast = match distinct {
                // Not on the edges of seven bins.
                Some(count) => ((uniform() * count as f64).floor() + 0.51) / (count as f64 + 0.037),
                None => 0.002 + 0.996 * uniform() * uniform(),
            };
            p.push(forecast);
            y.push(uniform() < 0.1 + 0.7 * forecast * forecast);
        }
        // Both ends of the scale hold both classes, so that no fold is separated.
        y[0] = p[0] < 0.3;
        let w = weights.then(|| (0..rows).map(|row| [0.0, 0.5, 1.0, 2.0, 3.25][row % 5]).collect());
        let clusters = clusters.then(|| (0..rows).map(|row| (row / 2 % (rows / 3)) as u32).collect());
        Self { p, y, w, clusters }
    }

    fn sample(&self) -> Binary {
        let mut sample = Binary::new(&self.p, &self.y).unwrap();
        if let Some(weights) = &self.w {
            sample = sample.weighted(weights).unwrap();
        }
        if let Some(clusters) = &self.clusters {
            sample = sample.clustered(Clusters::of(clusters)).unwrap();
        }
        sample
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for seed in 0..4 {
        for (weights, clusters) in [(false, false), (true, false), (false, true), (true, true)] {
            cases.push(Case::draw(seed, 84, None, weights, clusters));
            cases.push(Case::draw(seed + 50, 70 + 60 * seed as usize, Some(9), weights, clusters));
            cases.push(Case::draw(seed + 90, 900, Some(150), weights, clusters));
        }
    }
    cases
}

fn ours(case: &Case) -> Result<BTreeMap<String, f64>> {
    let sample = case.sample();
    let forecasts = Forecasts::new(sample.clone())?;
    let mut out = BTreeMap::new();
    let mut put = |name: &str, value: f64| assert!(out.insert(name.to_owned(), value).is_none(), "{name} twice");
    for (errors, suffix) in [(StandardErrors::Model, "se"), (StandardErrors::Sandwich, "sandwich")] {
        let (fit, large) = (cox(&forecasts, errors)?, in_the_large(&forecasts, errors)?);
        put(&format!("cox intercept {suffix}"), fit.intercept.standard_error);
        put(&format!("cox slope {suffix}"), fit.slope.standard_error);
        put(&format!("large {suffix}"), large.standard_error);
        if errors == StandardErrors::Model {
            put("cox intercept", fit.intercept.value);
            put("cox slope", fit.slope.value);
            put("cox covariance", fit.covariance);
            put("large", large.value);
        }
    }
    let oe = observed_expected(&forecasts)?;
    let interval = oe.interval(Confidence::P90)?;
    put("oe", oe.ratio);
    put("oe lower", interval.lower);
    put("oe upper", interval.upper);
    match oe.poisson(Confidence::P90) {
        Ok(interval) => {
            put("poisson lower", interval.lower);
            put("poisson upper", interval.upper);
        }
        Err(_) => assert!(case.w.is_some() || case.clusters.is_some()),
    }
    put("brier", brier(&forecasts)?.value);
    put("brier se", brier(&forecasts)?.standard_error);
    put("scaled brier", scaled_brier(&forecasts)?);
    put("log loss", log_loss(&forecasts)?.value);
    put("log loss se", log_loss(&forecasts)?.standard_error);
    put("spiegelhalter", spiegelhalter(&forecasts)?.statistic);
    put("spiegelhalter p", spiegelhalter(&forecasts)?.p);
    for (name, binning) in [("width", Binning::EqualWidth(7)), ("mass", Binning::EqualMass(7))] {
        put(&format!("ece {name}"), expected_error(&forecasts, binning)?);
        put(&format!("mce {name}"), largest_error(&forecasts, binning)?);
        let parts = murphy(&forecasts, binning)?;
        put(&format!("reliability {name}"), parts.reliability);
        put(&format!("resolution {name}"), parts.resolution);
        put(&format!("within {name}"), parts.within);
        if case.w.is_none() {
            let wilson: Vec<_> = bins(&forecasts, binning)?.iter().map(|bin| bin.wilson(Confidence::P95)).collect();
            put(&format!("wilson lower {name}"), wilson.iter().map(|interval| interval.lower).sum());
            put(&format!("wilson upper {name}"), wilson.iter().map(|interval| interval.upper).sum());
        }
    }
    put("hosmer", hosmer_lemeshow(&forecasts, 7, 0)?.statistic);
    put("hosmer p", hosmer_lemeshow(&forecasts, 7, 0)?.p);
    put("logistic at", Method::Logistic.fit(&sample)?.apply(0.3)?);
    if let Map::Score { intercept, slope } = Method::Platt.fit(&sample)? {
        put("platt intercept", intercept);
        put("platt slope", slope);
    }
    if let Map::Logit { slope, .. } = Method::Temperature.fit(&sample)? {
        put("temperature", slope);
    }
    if let Map::Beta { a, b, c } = Method::Beta.fit(&sample)? {
        put("beta a", a);
        put("beta b", b);
        put("beta c", c);
    }
    let isotonic = Method::Isotonic.fit(&sample)?;
    for i in 0..37 {
        put(&format!("isotonic {i}"), isotonic.apply(0.01 + 0.98 / 36.0 * f64::from(i))?);
    }
    for (row, p) in cross_fitted(Method::Logistic, &sample, 3, 17)?.into_iter().enumerate() {
        put(&format!("cross {row}"), p);
    }
    Ok(out)
}

#[test]
fn as_statsmodels_and_scikit_learn() {
    let cases = cases();
    let asked: Vec<_> = cases
        .iter()
        .map(|case| {
            let folds = folds(&case.sample(), 3, 17).unwrap();
            json!({"p": case.p, "y": case.y, "w": case.w, "clusters": case.clusters, "folds": folds})
        })
        .collect();
    let Some(answers) = peer::ask("calibration.py", &json!(asked)) else { return };
    let mut edges = 0;
    for (case, (number, theirs)) in cases.iter().zip(answers.as_array().unwrap().iter().enumerate()) {
        let (ours, theirs) = (ours(case).unwrap(), theirs.as_object().unwrap());
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (name, value) in &ours {
            peer::same(&format!("{name} of case {number}"), *value, theirs[name].as_f64().unwrap(), 1e-9);
        }
        edges += usize::from(ours["beta a"] == 0.0 || ours["beta b"] == 0.0);
    }
    assert!(edges > 0 && edges < cases.len(), "both kinds of beta calibration, not {edges} of {}", cases.len());
}

#[test]
fn as_r_loess() {
    let mut cases = Vec::new();
    for seed in 0..4 {
        for weights in [false, true] {
            for (span, degree) in [(0.75, 2), (0.75, 1), (0.4, 2), (1.0, 2)] {
                cases.push((Case::draw(seed, 40 + 50 * seed as usize, None, weights, false), span, degree));
                cases.push((Case::draw(seed + 20, 300, Some(25), weights, false), span, degree));
            }
        }
    }
    let asked: Vec<_> = cases
        .iter()
        .map(|(case, span, degree)| {
            let y: Vec<u8> = case.y.iter().map(|y| u8::from(*y)).collect();
            json!([case.p, y, case.w.clone().unwrap_or_default(), span, degree])
        })
        .collect();
    let Some(answers) = peer::ask("calibration.R", &json!(asked)) else { return };
    for ((case, span, degree), theirs) in cases.iter().zip(answers.as_array().unwrap()) {
        let forecasts = Forecasts::new(case.sample()).unwrap();
        let curve = Loess { span: *span, degree: *degree, ..Loess::default() }.curve(&forecasts).unwrap();
        for (p, fitted) in case.p.iter().zip(theirs[0].as_array().unwrap()) {
            peer::same("the curve", curve.at(*p).unwrap(), fitted.as_f64().unwrap(), 1e-9);
        }
        let errors = curve.errors(&forecasts).unwrap();
        if case.w.is_none() {
            peer::same("E50", errors.e50, theirs[1][1].as_f64().unwrap(), 1e-9);
            peer::same("E90", errors.e90, theirs[1][2].as_f64().unwrap(), 1e-9);
            peer::same("Emax", errors.emax, theirs[1][3].as_f64().unwrap(), 1e-9);
        }
        peer::same("ICI", errors.ici, theirs[1][0].as_f64().unwrap(), 1e-9);
    }
}

#[test]
fn probabilities_of_0_and_1() {
    let sample = Binary::new(&[0.0, 0.2, 0.6, 0.7, 1.0], &[false, true, false, true, true]).unwrap();
    let forecasts = Forecasts::new(sample.clone()).unwrap();
    assert!(matches!(cox(&forecasts, StandardErrors::Model), Err(Undefined::Value { row: 0, .. })));
    assert!(matches!(in_the_large(&forecasts, StandardErrors::Model), Err(Undefined::Value { row: 0, .. })));
    for method in [Method::Logistic, Method::Temperature, Method::Beta] {
        assert!(matches!(method.fit(&sample), Err(Undefined::Value { row: 0, .. })), "{method:?}");
    }
    // They were right, so the losses are 0, not infinite.
    assert!(log_loss(&forecasts).unwrap().value > 0.0);
    let wrong = Forecasts::new(Binary::new(&[0.3, 1.0], &[true, false]).unwrap()).unwrap();
    assert!(matches!(log_loss(&wrong), Err(Undefined::Value { row: 1, .. })));
    assert!(log_loss(&wrong.clipped(1e-6).unwrap()).is_ok());
    assert!(cox(&forecasts.clipped(0.01).unwrap(), StandardErrors::Model).is_ok());
    assert!(forecasts.clipped(0.5).is_err() && forecasts.clipped(0.0).is_err() && forecasts.clipped(f64::NAN).is_err());
}
