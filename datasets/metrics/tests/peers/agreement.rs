//! Agreement beside scikit-learn, statsmodels and the published formulas in another form.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use uvid_metrics::agreement::fleiss::fleiss;
use uvid_metrics::agreement::icc::{Form, Ratings, Unit};
use uvid_metrics::agreement::kappa::{Table, Weights, cohen, gwet, prevalence_adjusted};
use uvid_metrics::agreement::krippendorff::{Level, alpha};
use uvid_metrics::agreement::pairs::{WithInterval, concordance, limits_of_agreement};
use uvid_metrics::{Confidence, Estimate};

use crate::peer::{ask, same};

const TOLERANCE: f64 = 1e-9;

struct Sorted {
    one: Vec<usize>,
    other: Vec<usize>,
    categories: usize,
}

fn stream(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    move |below| stream.next_u64() % below
}

/// Raters who agree half the time; tiny ones may use one category alone.
fn random_sorted(seed: u64) -> Sorted {
    let mut draw = stream(seed);
    let (subjects, categories) = (2 + draw(if seed.is_multiple_of(3) { 3 } else { 60 }), 2 + draw(4));
    let one: Vec<usize> = (0..subjects).map(|_| draw(categories) as usize).collect();
    let other = one.iter().map(|i| if draw(2) == 0 { *i } else { draw(categories) as usize }).collect();
    Sorted { one, other, categories: categories as usize }
}

fn random_counts(seed: u64) -> Vec<Vec<u32>> {
    let mut draw = stream(seed);
    let (subjects, categories, raters) = (2 + draw(9), 2 + draw(3), 2 + draw(4));
    let mut subject = || {
        let mut counts = vec![0; categories as usize];
        for _ in 0..raters {
            // The smaller of two, so that subjects differ in what is likely.
            counts[draw(categories).min(draw(categories)) as usize] += 1;
        }
        counts
    };
    (0..subjects).map(|_| subject()).collect()
}

fn random_ratings(seed: u64) -> Vec<Vec<f64>> {
    let mut draw = stream(seed);
    let (subjects, raters) = (3 + draw(9), 2 + draw(4));
    let levels = if seed.is_multiple_of(2) { 5 } else { 1000 };
    (0..subjects)
        .map(|_| {
            let own = draw(levels);
            (0..raters).map(|rater| (own + draw(levels) + rater * levels / 4) as f64).collect()
        })
        .collect()
}

/// A third of the readings is missing.
fn random_readings(seed: u64) -> Vec<Vec<Option<f64>>> {
    let mut draw = stream(seed);
    let (subjects, raters) = (3 + draw(7), 2 + draw(3));
    let mut subject = || {
        let own = draw(4);
        (0..raters).map(|_| (draw(3) > 0).then(|| (own + draw(3)) as f64)).collect::<Vec<_>>()
    };
    (0..subjects).map(|_| subject()).collect()
}

fn random_pair(seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut draw = stream(seed);
    let subjects = 4 + draw(20);
    let mut list = || (0..subjects).map(|_| draw(1000) as f64 / 100.0).collect::<Vec<f64>>();
    let (one, noise) = (list(), list());
    let other = one.iter().zip(&noise).map(|(a, b)| a * (seed % 3) as f64 + b - 4.0).collect();
    (one, other)
}

#[test]
fn as_others_have_it() {
    let sorted: Vec<Sorted> = (0..60).map(random_sorted).collect();
    let counts: Vec<Vec<Vec<u32>>> = (0..40).map(random_counts).collect();
    let ratings: Vec<Vec<Vec<f64>>> = (0..40).map(random_ratings).collect();
    let readings: Vec<Vec<Vec<Option<f64>>>> = (0..60).map(random_readings).collect();
    let pairs: Vec<(Vec<f64>, Vec<f64>)> = (0..40).map(random_pair).collect();
    let sorted_json = |s: &Sorted| json!({"one": s.one, "other": s.other, "categories": s.categories});
    let asked = json!({
        "kappas": sorted.iter().map(sorted_json).collect::<Vec<_>>(),
        "fleiss": counts,
        "alpha": readings,
        "icc": ratings,
        "pairs": pairs.iter().map(|(one, other)| json!({"one": one, "other": other})).collect::<Vec<_>>(),
    });
    let Some(answer) = ask("agreement.py", &asked) else { return };
    let of = |name: &str| answer[name].as_array().unwrap().iter();
    sorted.iter().zip(of("kappas")).for_each(|(case, peer)| compare_kappas(case, peer));
    counts.iter().zip(of("fleiss")).for_each(|(case, peer)| compare_fleiss(case, peer));
    readings.iter().zip(of("alpha")).for_each(|(case, peer)| compare_alpha(case, peer));
    ratings.iter().zip(of("icc")).for_each(|(case, peer)| compare_icc(case, peer));
    pairs.iter().zip(of("pairs")).for_each(|(case, peer)| compare_pairs(case, peer));
}

fn compare_kappas(case: &Sorted, peer: &Value) {
    let table = Table::of(&case.one, &case.other, case.categories).unwrap();
    for (k, weights) in [Weights::Unweighted, Weights::Linear, Weights::Quadratic].into_iter().enumerate() {
        let theirs = &peer["cohen"][k];
        let Ok(ours) = cohen(&table, weights) else {
            assert!(theirs.is_null(), "{weights:?}");
            continue;
        };
        same("kappa", ours.estimate.value, number(&theirs[0]), TOLERANCE);
        // The peer's root of a variance that is rounding alone has half the digits.
        same("its variance", ours.estimate.standard_error.powi(2), number(&theirs[1]).powi(2), TOLERANCE);
        same("its null variance", ours.null_standard_error.powi(2), number(&theirs[2]).powi(2), TOLERANCE);
    }
    let delta = |what: &str, ours: Estimate, theirs: &Value| {
        same(what, ours.value, number(&theirs[0]), TOLERANCE);
        same(what, ours.standard_error.powi(2), number(&theirs[1]), TOLERANCE);
    };
    delta("AC1", gwet(&table), &peer["gwet"]);
    delta("PABAK", prevalence_adjusted(&table), &peer["uniform"]);
}

fn compare_fleiss(case: &[Vec<u32>], peer: &Value) {
    let Ok(ours) = fleiss(case) else {
        assert!(peer.is_null(), "{case:?}");
        return;
    };
    same("Fleiss' kappa", ours.estimate.value, number(&peer[0]), TOLERANCE);
    same("its variance", ours.estimate.standard_error.powi(2), number(&peer[1]), TOLERANCE);
    same("its null standard error", ours.null_standard_error, number(&peer[2]), TOLERANCE);
}

fn compare_alpha(case: &[Vec<Option<f64>>], peer: &Value) {
    for (k, level) in [Level::Nominal, Level::Ordinal, Level::Interval].into_iter().enumerate() {
        let Ok(ours) = alpha(case, level) else {
            assert!(peer[k].is_null(), "{case:?}");
            continue;
        };
        same("alpha", ours.value, number(&peer[k][0]), TOLERANCE);
        same("its variance", ours.standard_error.powi(2), number(&peer[k][1]), TOLERANCE);
    }
}

fn compare_icc(case: &[Vec<f64>], peer: &Value) {
    let ratings = Ratings::new(case).unwrap();
    let forms = [Form::OneWay, Form::Agreement, Form::Consistency];
    let units = [Unit::Single, Unit::Average];
    let all = units.into_iter().flat_map(|unit| forms.into_iter().map(move |form| (form, unit)));
    for ((form, unit), theirs) in all.zip(peer.as_array().unwrap()) {
        let ours = ratings.icc(form, unit, Confidence::P95);
        if theirs.is_null() {
            assert!(ours.is_err(), "{form:?} {unit:?}");
            continue;
        }
        let ours = ours.unwrap();
        let found = [ours.value, ours.interval.lower, ours.interval.upper, ours.test.statistic, ours.test.p];
        for (k, found) in found.into_iter().enumerate() {
            same(&format!("{form:?} {unit:?} {k}"), found, number(&theirs[k]), TOLERANCE);
        }
    }
}

fn compare_pairs((one, other): &(Vec<f64>, Vec<f64>), peer: &Value) {
    let with = |what: &str, ours: WithInterval| {
        let found = [ours.value, ours.interval.lower, ours.interval.upper];
        found.into_iter().enumerate().for_each(|(k, found)| same(what, found, number(&peer[what][k]), TOLERANCE));
    };
    let limits = limits_of_agreement(one, other, Confidence::P95, Confidence::P90).unwrap();
    with("bias", limits.bias);
    with("lower", limits.lower);
    with("upper", limits.upper);
    same("standard deviation", limits.standard_deviation, number(&peer["sd"][0]), TOLERANCE);
    with("lin", concordance(one, other, Confidence::P95).unwrap());
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
