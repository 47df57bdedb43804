//! Beside scipy.stats.bootstrap and scikit-learn on our own resamples, and pROC's bootstrap to sampling error.

use serde_json::{Value, json};
use uvid_metrics::bootstrap::{Design, Distribution, Options, Resampled, Statistic, resample, run};
use uvid_metrics::{Binary, Clusters, Confidence};

use crate::peer::{ask, same};

/// Uniform numbers from 0 to 1 that are the same in every run.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

/// A table with ties, 30 % positives.
fn table(seed: u64, rows: usize) -> (Vec<f64>, Vec<bool>) {
    let mut uniform = uniform(seed);
    uniform();
    (0..rows)
        .map(|row| {
            let positive = row % 10 < 3;
            (((uniform() + if positive { 0.3 } else { 0.0 }) * 20.0).round() / 20.0, positive)
        })
        .unzip()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// Our intervals and all that goes into them, beside scipy's and the formulas of the book on the same resamples.
#[test]
fn intervals_are_those_of_scipy_on_the_same_resamples() {
    let mut cases = Vec::new();
    let mut ours = Vec::new();
    for (rows, resamples, level) in [(3, 400, 0.9), (8, 1_000, 0.95), (30, 2_000, 0.99), (200, 5_000, 0.5)] {
        let mut uniform = uniform(rows as u64);
        // Skewed, with ties where there are few rows: values of resamples that equal the observed one.
        let values: Vec<f64> = (0..rows).map(|_| (-uniform().ln() * 4.0).round() + 0.25).collect();
        let confidence = Confidence::new(level).expect("a level");
        let design = Design::new(&Clusters::each(rows)).expect("a design");
        let mean = Statistic::mean(&design, &values).expect("a mean");
        let options = Options { resamples, seed: rows as u64, ..Options::default() };
        let resampled = resample(&[&mean], &options).expect("resamples");
        let distribution = resampled.distribution(0).expect("values");
        let without = mean.jackknife().expect("a jackknife");
        let acceleration = design.acceleration(&without).expect("an acceleration");
        let against = distribution.quantile(0.1);
        let intervals = [
            distribution.percentile(confidence),
            distribution.basic(confidence),
            distribution.bca(acceleration, confidence).expect("an interval"),
        ];
        let mut numbers: Vec<f64> = intervals.iter().flat_map(|interval| [interval.lower, interval.upper]).collect();
        numbers.push(distribution.standard_error());
        numbers.push(distribution.bias_correction().expect("a bias correction"));
        numbers.push(acceleration);
        numbers.push(distribution.p(against).expect("a p value"));
        ours.push(numbers);
        cases.push(json!({"values": values, "resampled": resampled.values[0], "level": level, "against": against}));
    }
    let Some(answers) = ask("bootstrap.py", &json!({"intervals": cases})) else { return };
    let names =
        ["percentile", "percentile", "basic", "basic", "BCa", "BCa", "standard error", "z0", "acceleration", "p"];
    for (ours, answer) in ours.iter().zip(answers["intervals"].as_array().expect("a list")) {
        for theirs in ["scipy", "book"] {
            let theirs = numbers(&answer[theirs]);
            // scipy tells neither z0, nor the acceleration, nor p: the list is shorter.
            assert!(theirs.len() == 7 || theirs.len() == names.len());
            for ((name, ours), theirs) in names.iter().zip(ours).zip(theirs) {
                same(name, *ours, theirs, 1e-9);
            }
        }
    }
}

/// The acceleration over strata, which scipy has for samples of their own.
#[test]
fn the_stratified_acceleration_is_that_of_the_formula() {
    let mut cases = Vec::new();
    let mut ours = Vec::new();
    for seed in 0..20 {
        let mut uniform = uniform(seed);
        uniform();
        let strata: Vec<u32> = (0..25).map(|_| (uniform() * 4.0) as u32).collect();
        let without: Vec<f64> = (0..25).map(|_| -uniform().ln()).collect();
        let design = Design::stratified(&Clusters::each(25), &strata).expect("a design");
        ours.push(design.acceleration(&without).expect("an acceleration"));
        cases.push(json!({"strata": strata, "without": without}));
    }
    let Some(answers) = ask("bootstrap.py", &json!({"accelerations": cases})) else { return };
    for (ours, theirs) in ours.iter().zip(numbers(&answers["accelerations"])) {
        same("acceleration", *ours, theirs, 1e-9);
    }
}

/// The same draws as lists of how often each cluster counts.
fn draws(design: &Design, options: &Options) -> Vec<Vec<f64>> {
    let all = run(
        design,
        options,
        design.clusters(),
        || (),
        |(), drawn, out| {
            out.iter_mut().zip(drawn).for_each(|(out, drawn)| *out = f64::from(*drawn));
            Ok(())
        },
    );
    let Resampled { values, .. } = all.expect("draws");
    (0..options.resamples).map(|resample| values.iter().map(|of_cluster| of_cluster[resample]).collect()).collect()
}

/// Every resample's AUC and average precision beside scikit-learn's with the draws as weights.
#[test]
fn values_of_resamples_are_those_of_scikit_learn() {
    let mut cases = Vec::new();
    let mut ours = Vec::new();
    for (seed, rows, weighted) in [(1, 20, false), (2, 57, true), (3, 300, false), (4, 300, true)] {
        let (scores, positive) = table(seed, rows);
        let mut uniform = uniform(seed + 100);
        let weights: Vec<f64> = (0..rows).map(|_| if weighted { 0.1 + uniform() } else { 1.0 }).collect();
        let sample = Binary::new(&scores, &positive).and_then(|sample| sample.weighted(&weights)).expect("a sample");
        let clusters = Clusters::of((0..rows).map(|row| row * 2 / 5));
        let design = Design::by_outcome(&clusters, &positive).expect("a design");
        let options = Options { resamples: 50, seed, ..Options::default() };
        let auc = Statistic::auc(&design, &sample).expect("an AUC");
        let precision = Statistic::average_precision(&design, &sample).expect("an average precision");
        let resampled = resample(&[&auc, &precision], &options).expect("resamples");
        assert_eq!(resampled.undefined, 0);
        ours.push(resampled.values);
        let of_row = |counts: Vec<f64>| -> Vec<f64> {
            (0..rows).map(|row| counts[clusters.of_row(row)] * weights[row]).collect()
        };
        let weights: Vec<Vec<f64>> = draws(&design, &options).into_iter().map(of_row).collect();
        cases.push(json!({"scores": scores, "positive": positive, "weights": weights}));
    }
    let Some(answers) = ask("bootstrap.py", &json!({"values": cases})) else { return };
    for (ours, answer) in ours.iter().zip(answers["values"].as_array().expect("a list")) {
        for (ours, name) in ours.iter().zip(["auc", "average_precision"]) {
            let theirs = numbers(&answer[name]);
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                same(name, *ours, theirs, 1e-9);
            }
        }
    }
}

/// pROC draws rows, of all or by class, by R's generator: its limits are those of 4,000 resamples, ours of 200,000.
#[test]
fn limits_are_those_of_proc_to_sampling_error() {
    const THEIRS: f64 = 4_000.0;
    let (scores, positive) = table(9, 200);
    let outcomes: Vec<u8> = positive.iter().map(|positive| u8::from(*positive)).collect();
    // R has no JSON here: lists of numbers, read by their brackets.
    let Some(answer) = ask("bootstrap.R", &json!([[THEIRS], outcomes, scores])) else { return };
    let clusters = Clusters::each(scores.len());
    let sample = Binary::new(&scores, &positive).expect("a sample");
    let options = Options { resamples: 200_000, seed: 4, ..Options::default() };
    for (name, design) in
        [("rows", Design::new(&clusters)), ("classes", Design::by_outcome(&clusters, sample.positive()))]
    {
        let design = design.expect("a design");
        let auc = Statistic::auc(&design, &sample).expect("an AUC");
        let distribution: Distribution =
            resample(&[&auc], &options).and_then(|resampled| resampled.distribution(0)).expect("values");
        let interval = distribution.percentile(Confidence::P95);
        let theirs = numbers(&answer[name]);
        same("AUC", distribution.observed(), answer["auc"].as_f64().expect("a number"), 1e-9);
        // The quantile at p of B normal values has the standard error sqrt(p (1 - p) / B) / density: 2.67 of their standard
        // errors over sqrt(B) at 0.025. Five of those are allowed.
        let allowed = 5.0 * 2.67 * distribution.standard_error() / THEIRS.sqrt();
        for (limit, ours, theirs) in [("lower", interval.lower, theirs[0]), ("upper", interval.upper, theirs[2])] {
            assert!((ours - theirs).abs() <= allowed, "{name}, {limit}: {ours}, pROC has {theirs} (+- {allowed})");
        }
    }
}

/// 720 patients with two breasts: the published AUCs, and a standard error near that of Obuchowski's for clustered data.
#[test]
fn the_reader_study_has_its_published_areas() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/reader_study/results.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().expect("a header");
    let rows: Vec<_> = lines.collect();
    let column = |name: &str| names.iter().position(|other| *other == name).expect("a column");
    let list =
        |name: &str| -> Vec<f64> { rows.iter().map(|row| row[column(name)].parse().expect("a number")).collect() };
    let positive: Vec<bool> = list("label").iter().map(|label| *label == 1.0).collect();
    let patients = Clusters::of(rows.iter().map(|row| row[column("case_ID")]));
    let design = Design::by_outcome(&patients, &positive).expect("a design");
    let published = [
        ("AI_GMIC_top5_POM", 0.8812, 0.4070),
        ("AI_GMIC_top1_POM", 0.8567, 0.3529),
        ("AI_GLAM_POM", 0.8532, 0.2362),
        ("AI_DMVCNN_POM", 0.7788, 0.1667),
        ("AI_frcnn_POM", 0.7145, 0.2312),
    ];
    for (name, auc, precision) in published {
        let sample = Binary::new(&list(name), &positive).expect("a sample");
        let areas = Statistic::auc(&design, &sample).expect("an AUC");
        let precisions = Statistic::average_precision(&design, &sample).expect("an average precision");
        let options = Options { resamples: 20_000, ..Options::default() };
        let resampled = resample(&[&areas, &precisions], &options).expect("resamples");
        same(name, resampled.observed[0], auc, 5e-5);
        same(name, resampled.observed[1], precision, 5e-5);
        let found = resampled.distribution(0).expect("values").standard_error();
        let clustered = sample.clustered(patients.clone()).expect("clusters");
        let expected = uvid_metrics::roc::delong(&clustered).expect("an error").standard_error;
        // Two approximations of one number; by seed, resamples add 0.5 %.
        assert!((found / expected - 1.0).abs() <= 0.05, "{name}: {found}, Obuchowski's is {expected}");
        println!("{name}: {found:.5}, Obuchowski's {expected:.5}");
    }
}
