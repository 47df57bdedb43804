//! Reader studies beside the published formulas in Python, DeLong's covariance beside pROC.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use uvid_metrics::readers::{
    Auc, FTest, Figures, Pseudovalues, Random, StudentEstimate, Study, UStatistics, against, u_statistics,
};
use uvid_metrics::{Clusters, Confidence};

use crate::peer::{ask, same};

const TOLERANCE: f64 = 1e-9;
const ANALYSES: [(Random, &str); 3] =
    [(Random::ReadersAndCases, "ReadersAndCases"), (Random::Cases, "Cases"), (Random::Readers, "Readers")];

struct Case {
    scores: Vec<Vec<Vec<f64>>>,
    truth: Vec<bool>,
    clusters: Option<Vec<u64>>,
}

/// Scores of few levels, so that there are ties; every other study has patients with several breasts.
fn random_case(seed: u64) -> Case {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut draw = |below: u64| stream.next_u64() % below;
    let (modalities, readers) = ([1, 2, 2, 3][(seed % 4) as usize], [1, 2, 3, 4, 3][(seed % 5) as usize]);
    let (positives, negatives) = (3 + draw(5), 3 + draw(7));
    let truth: Vec<bool> = (0..positives + negatives).map(|case| case < positives).collect();
    let clusters = (seed % 2 == 1).then(|| truth.iter().map(|_| draw(positives + negatives)).collect::<Vec<u64>>());
    let clusters = clusters.filter(|of| {
        // Enough patients of each kind to leave any one of them out.
        [true, false].iter().all(|wanted| {
            let found = of.iter().zip(&truth).filter(|(_, t)| *t == wanted).map(|(c, _)| *c);
            found.collect::<std::collections::BTreeSet<u64>>().len() >= 2
        })
    });
    let levels = if seed.is_multiple_of(3) { 5 } else { 1000 };
    let mut score = |positive: bool| (draw(levels) + if positive { draw(levels) } else { 0 }) as f64;
    let mut reader = || truth.iter().map(|positive| score(*positive)).collect::<Vec<f64>>();
    let scores = (0..modalities).map(|_| (0..readers).map(|_| reader()).collect()).collect();
    Case { scores, truth, clusters }
}

fn study(case: &Case) -> Study {
    let study = Study::new(&case.scores, &case.truth).unwrap();
    match &case.clusters {
        Some(clusters) => study.clustered(Clusters::of(clusters.iter())).unwrap(),
        None => study,
    }
}

#[test]
fn studies_as_published() {
    let cases: Vec<Case> = (0..60).map(random_case).collect();
    let asked: Vec<Value> = cases
        .iter()
        .map(|case| {
            let moments = case.clusters.is_none() && case.scores.len() > 1 && case.scores[0].len() > 1;
            json!({"scores": case.scores, "truth": case.truth, "clusters": case.clusters, "moments": moments})
        })
        .collect();
    let Some(answers) = ask("readers.py", &json!(asked)) else { return };
    for (case, answer) in cases.iter().zip(answers.as_array().unwrap()) {
        let study = study(case);
        let (delong, jackknife) = (Figures::delong(&study).unwrap(), Figures::jackknife(&Auc::of(&study)).unwrap());
        figures("DeLong", &delong, &answer["delong"], &answer["values"]);
        figures("jackknife", &jackknife, &answer["jackknife"], &answer["values"]);
        analysis(&delong, &answer["by_delong"]);
        analysis(&jackknife, &answer["by_jackknife"]);
        if !answer["dbm"].is_null() {
            let pseudo = Pseudovalues::of(&Auc::of(&study)).unwrap();
            for (random, name) in ANALYSES {
                let peer = &answer["dbm"][name];
                f_test(name, pseudo.test(random), peer);
                estimate(name, &pseudo.difference(0, 1, random).unwrap(), &peer["difference"]);
            }
        }
        if !answer["u"].is_null() {
            moments(&u_statistics(&study, 0, None).unwrap(), &answer["u"][0]);
            moments(&u_statistics(&study, 0, Some(1)).unwrap(), &answer["u"][1]);
        }
        if !answer["against"].is_null() {
            alone(case, &answer["against"]);
        }
    }
}

fn figures(what: &str, ours: &Figures, covariance: &Value, values: &Value) {
    let places: Vec<(usize, usize)> =
        (0..ours.modalities()).flat_map(|i| (0..ours.readers()).map(move |j| (i, j))).collect();
    for (a, one) in places.iter().enumerate() {
        same("area", ours.value(one.0, one.1).unwrap(), number(&values[a]), TOLERANCE);
        for (b, other) in places.iter().enumerate() {
            let theirs = number(&covariance[a * places.len() + b]);
            same(what, ours.covariance(*one, *other).unwrap(), theirs, TOLERANCE);
        }
    }
}

fn analysis(ours: &Figures, peer: &Value) {
    for (random, name) in ANALYSES {
        if random != Random::Cases && ours.readers() == 1 {
            assert!(ours.modality(0, random).is_err(), "one reader says nothing of others");
            continue;
        }
        for modality in 0..ours.modalities() {
            estimate(name, &ours.modality(modality, random).unwrap(), &peer["modalities"][modality][name]);
        }
        if ours.modalities() > 1 {
            f_test(name, ours.test(random), &peer[name]);
            estimate(name, &ours.difference(0, 1, random).unwrap(), &peer[name]["difference"]);
        }
    }
}

fn alone(case: &Case, peer: &Value) {
    let (program, readers) = case.scores[0].split_last().unwrap();
    let mut study = Study::new(&[readers.to_vec()], &case.truth).unwrap();
    if let Some(clusters) = &case.clusters {
        study = study.clustered(Clusters::of(clusters.iter())).unwrap();
    }
    for (random, name) in ANALYSES {
        if peer[name].is_null() {
            assert!(against(&study, 0, program, random).is_err(), "one reader says nothing of others");
            continue;
        }
        let ours = against(&study, 0, program, random).unwrap().difference;
        estimate(name, &ours, &peer[name]);
        if !peer[name]["non_inferior"].is_null() {
            let p = ours.non_inferiority(0.05).unwrap().p;
            same("non-inferiority", p, number(&peer[name]["non_inferior"]), TOLERANCE);
        }
    }
}

fn estimate(what: &str, ours: &StudentEstimate, peer: &Value) {
    same(what, ours.value, number(&peer["value"]), TOLERANCE);
    // Variances agree to 1e-9; where they are rounding alone, so do the roots of it to 1e-7.
    same(what, ours.standard_error.powi(2), number(&peer["se"]).powi(2), TOLERANCE);
    if number(&peer["se"]) < 1e-6 {
        return;
    }
    match ours.degrees {
        // Ours are infinite from 1e8.
        None => assert!(peer["df"].as_f64().is_none_or(|df| df > 9e7), "{what}: {peer}"),
        Some(degrees) => same("degrees", degrees, number(&peer["df"]), 1e-6 * degrees.max(1.0).sqrt()),
    }
    let interval = ours.interval(Confidence::P95);
    same("lower", interval.lower, number(&peer["lower"]), TOLERANCE);
    same("upper", interval.upper, number(&peer["upper"]), TOLERANCE);
    same("p", ours.test(0.0).unwrap().p, number(&peer["p"]), TOLERANCE);
}

fn f_test(what: &str, ours: uvid_metrics::Result<FTest>, peer: &Value) {
    if peer["f"].is_null() {
        assert!(ours.is_err(), "{what}: nothing varies");
        return;
    }
    let ours = ours.unwrap();
    same(what, ours.statistic, number(&peer["f"]), TOLERANCE);
    same(what, ours.p, number(&peer["p"]), TOLERANCE);
}

fn moments(ours: &UStatistics, peer: &Value) {
    same("mean of areas", ours.value, number(&peer["value"]), TOLERANCE);
    same("its variance", ours.variance, number(&peer["variance"]), TOLERANCE);
    for (k, moment) in ours.moments.iter().enumerate() {
        same("moment", *moment, number(&peer["moments"][k]), TOLERANCE);
    }
}

#[test]
fn one_reader_as_in_proc() {
    let cases: Vec<Case> = (0..40).map(|seed| random_case(4 * seed + 1)).collect();
    let rows = |case: &Case| -> Vec<[f64; 3]> {
        let score = |modality: usize, row: usize| case.scores[modality][0][row];
        (0..case.truth.len()).map(|row| [f64::from(u8::from(case.truth[row])), score(0, row), score(1, row)]).collect()
    };
    let asked: Vec<Vec<[f64; 3]>> = cases.iter().map(rows).collect();
    let Some(answers) = ask("readers.R", &json!(asked)) else { return };
    for (case, answer) in cases.iter().zip(answers.as_array().unwrap()) {
        let alone: Vec<Vec<Vec<f64>>> = case.scores.iter().map(|modality| vec![modality[0].clone()]).collect();
        let figures = Figures::delong(&Study::new(&alone[..2], &case.truth).unwrap()).unwrap();
        let found = [((0, 0), (1, 0)), ((0, 0), (0, 0)), ((1, 0), (1, 0))];
        for (k, (one, other)) in found.into_iter().enumerate() {
            same("covariance", figures.covariance(one, other).unwrap(), number(&answer[k]), TOLERANCE);
        }
        let difference = figures.difference(0, 1, Random::Cases).unwrap();
        if difference.standard_error > 0.0 {
            same("p", difference.test(0.0).unwrap().p, number(&answer[3]), TOLERANCE);
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
