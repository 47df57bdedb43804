//! ROC curves beside scikit-learn and pROC; clustered variances and the RSNA score beside formulas over all pairs.

use std::fs;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use uvid_metrics::roc::{self, Range};
use uvid_metrics::{Binary, Clusters, Confidence, Estimate, Interval, precision_recall, rsna};

use crate::peer::{ask, same};

const TOLERANCE: f64 = 1e-11;
const MAX_FPR: [f64; 3] = [0.05, 0.37, 0.9];
const RANGES: [[f64; 2]; 4] = [[0.8, 1.0], [0.3, 0.65], [0.0, 1.0], [0.05, 0.1]];
const RATES: [f64; 8] = [0.0, 0.1, 0.25, 0.5, 0.625, 0.9, 0.95, 1.0];

/// Three scores of the same rows, and one of other rows.
struct Table {
    label: Vec<u8>,
    scores: [Vec<f64>; 3],
    weight: Vec<f64>,
    cluster: Vec<u64>,
    other_label: Vec<u8>,
    other: Vec<f64>,
}

impl Table {
    /// Scores are probabilities of `levels` distinct values; both classes have two rows or more, in two clusters or more.
    fn draw(rng: &mut Xoshiro256PlusPlus, rows: usize, levels: u64) -> Self {
        loop {
            let mut below = |n: u64| rng.next_u64() % n;
            let label: Vec<u8> = (0..rows).map(|_| u8::from(below(3) == 0)).collect();
            let mut score = |label: &[u8]| {
                let draw =
                    |l: &u8| (below(levels) + u64::from(*l) * below(levels / 2 + 1)).min(levels) as f64 / levels as f64;
                label.iter().map(draw).collect::<Vec<_>>()
            };
            let scores = [score(&label), score(&label), score(&label)];
            let other_label: Vec<u8> = label.iter().rev().skip(rows / 5).copied().collect();
            let other = score(&other_label);
            let table = Self {
                scores,
                weight: (0..rows).map(|_| below(5) as f64 * 0.7).collect(),
                cluster: (0..rows).map(|_| below(rows as u64 / 2 + 1)).collect(),
                label,
                other_label,
                other,
            };
            let weighted = table.sample(0).weighted(&table.weight).and_then(|sample| roc::auc(&sample));
            if roc::delong(&table.clustered(0)).is_ok() && roc::delong(&table.apart()).is_ok() && weighted.is_ok() {
                return table;
            }
        }
    }

    fn sample(&self, score: usize) -> Binary {
        sample(&self.scores[score], &self.label)
    }

    fn clustered(&self, score: usize) -> Binary {
        self.sample(score).clustered(Clusters::of(&self.cluster)).unwrap()
    }

    fn apart(&self) -> Binary {
        sample(&self.other, &self.other_label)
    }
}

/// Tiny ones, tied ones, and one of each kind that is perfect, upside down or level.
fn tables() -> Vec<Table> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    let sizes = [(8, 3), (8, 40), (9, 2), (12, 5), (20, 4), (50, 10), (50, 1000), (200, 7), (200, 100_000), (400, 30)];
    let mut tables: Vec<Table> =
        sizes.iter().flat_map(|size| [*size; 4]).map(|(rows, levels)| Table::draw(&mut rng, rows, levels)).collect();
    let special: [fn(f64) -> f64; 3] = [|label| label, |label| 1.0 - label, |_| 0.25];
    for score in special {
        let mut table = Table::draw(&mut rng, 20, 6);
        table.scores[0] = table.label.iter().map(|label| score(f64::from(*label))).collect();
        tables.push(table);
    }
    tables
}

fn sample(scores: &[f64], label: &[u8]) -> Binary {
    Binary::new(scores, &label.iter().map(|l| *l == 1).collect::<Vec<_>>()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    // A number that is missing is NaN, which no comparison passes.
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

#[track_caller]
fn all_same(what: &str, ours: &[f64], theirs: &Value) {
    let theirs = numbers(theirs);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    ours.iter().zip(theirs).for_each(|(ours, theirs)| same(what, *ours, theirs, TOLERANCE));
}

#[test]
fn curves_are_scikit_learns() {
    let tables = tables();
    let cases = tables.iter().map(
        |t| json!({"label": t.label, "scores": t.scores, "weight": t.weight, "cluster": t.cluster, "max_fpr": MAX_FPR}),
    );
    let Some(answers) = ask("roc.py", &cases.collect()) else { return };
    let mut tested = 0;
    for (table, theirs) in tables.iter().zip(answers.as_array().unwrap()) {
        let plain = table.sample(0);
        let weighted = plain.clone().weighted(&table.weight).unwrap();
        curves(&plain, &weighted, theirs);
        scores_of_the_challenge(&plain, &weighted, theirs);
        tested += u32::from(variances(table, theirs));
    }
    assert!(tested >= 30, "only {tested} overall tests");
}

fn curves(plain: &Binary, weighted: &Binary, theirs: &Value) {
    let number = |name: &str| theirs[name].as_f64().unwrap();
    same("auc", roc::auc(plain).unwrap(), number("auc"), TOLERANCE);
    same("weighted auc", roc::auc(weighted).unwrap(), number("weighted"), TOLERANCE);
    let first = MAX_FPR.map(|rate| Range::Specificity { from: 1.0 - rate, to: 1.0 });
    let standardised = first.map(|range| roc::standardised_partial_auc(weighted, range).unwrap());
    all_same("max_fpr", &standardised, &theirs["max_fpr"]);

    let points = roc::curve(weighted).unwrap();
    assert_eq!((points[0].threshold, points[0].false_positive_rate, points[0].true_positive_rate), (None, 0.0, 0.0));
    let list = |pick: fn(&roc::Point) -> f64| points[1..].iter().map(pick).collect::<Vec<_>>();
    all_same("false positive rate", &list(|p| p.false_positive_rate), &theirs["curve"][0]);
    all_same("true positive rate", &list(|p| p.true_positive_rate), &theirs["curve"][1]);
    all_same("threshold", &list(|p| p.threshold.unwrap()), &theirs["curve"][2]);
    same("area of their corners", roc::auc(weighted).unwrap(), number("area_of_kept"), TOLERANCE);

    same("average precision", precision_recall::average_precision(plain).unwrap(), number("ap"), TOLERANCE);
    same("weighted", precision_recall::average_precision(weighted).unwrap(), number("ap_weighted"), TOLERANCE);
    let points = precision_recall::curve(weighted).unwrap();
    let list = |pick: fn(&precision_recall::Point) -> f64| points.iter().map(pick).collect::<Vec<_>>();
    // Theirs has a point for rows of weight 0 too, which repeats the one before or, above all others, has no precision.
    let at = numbers(&theirs["pr"][2]);
    let ours = list(|p| p.threshold);
    let places: Vec<usize> = ours.iter().map(|t| at.iter().position(|a| a == t).unwrap()).collect();
    for (name, ours, column) in [("precision", list(|p| p.precision), 0), ("recall", list(|p| p.recall), 1)] {
        let theirs = numbers(&theirs["pr"][column]);
        ours.iter().zip(&places).for_each(|(ours, place)| same(name, *ours, theirs[*place], TOLERANCE));
    }
}

fn scores_of_the_challenge(plain: &Binary, weighted: &Binary, theirs: &Value) {
    // None on both sides where all that is called positive has weight 0.
    let compare = |what: &str, ours: Option<f64>, theirs: Option<f64>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => same(what, ours, theirs, TOLERANCE),
        (ours, theirs) => assert_eq!(ours, theirs, "{what}"),
    };
    compare("pF1", rsna::probabilistic_f1(weighted).ok(), theirs["pf1"].as_f64());
    let mut thresholds = plain.scores().to_vec();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let theirs: Vec<_> = theirs["f1"].as_array().unwrap().iter().map(Value::as_f64).collect();
    assert_eq!(thresholds.len(), theirs.len());
    for (threshold, theirs) in thresholds.iter().zip(&theirs) {
        compare("F1", rsna::f1_at_threshold(weighted, *threshold).ok(), *theirs);
    }
    let best = theirs.into_iter().flatten().reduce(f64::max);
    compare("best F1", rsna::best_f1(weighted).ok().map(|best| best.f1), best);
}

/// Whether there was an overall test to compare: not where scores cannot be told apart.
fn variances(table: &Table, theirs: &Value) -> bool {
    let plain = [0, 1, 2].map(|score| table.sample(score));
    let clustered = [0, 1, 2].map(|score| table.clustered(score));
    for (samples, name) in [(&plain, "alone"), (&clustered, "clustered")] {
        let all = roc::correlated(&samples.each_ref()).unwrap();
        all_same("areas", all.areas(), &theirs["areas"]);
        for (row, theirs) in theirs[name].as_array().unwrap().iter().enumerate() {
            all_same(name, &all.covariance().row(row).iter().copied().collect::<Vec<_>>(), theirs);
        }
        for (place, sample) in samples.iter().enumerate() {
            let error = theirs[name][place][place].as_f64().unwrap().max(0.0).sqrt();
            // The root of their rounding, where ours is 0.
            same("standard error", roc::delong(sample).unwrap().standard_error, error, 1e-8);
        }
    }
    let (m, n) = plain[0].counts();
    let expected = roc::hanley_mcneil(roc::auc(&plain[0]).unwrap(), m, n).unwrap().standard_error;
    same("Hanley and McNeil", expected, theirs["hanley_mcneil"].as_f64().unwrap(), TOLERANCE);

    let ours = roc::correlated(&clustered.each_ref()).unwrap().overall();
    let theirs = &theirs["overall"];
    let (Ok(ours), false) = (ours, theirs.is_null()) else { return false };
    // A matrix that is nearly singular costs digits on both sides.
    same("overall", ours.test.statistic / theirs[0].as_f64().unwrap(), 1.0, 1e-9);
    same("overall p", ours.test.p, theirs[1].as_f64().unwrap(), 1e-9);
    true
}

#[test]
fn variances_tests_and_partial_areas_are_procs() {
    let tables = tables();
    let cases = tables.iter().map(|t| {
        json!({"label": t.label, "first": t.scores[0], "second": t.scores[1], "other": t.other,
            "other_label": t.other_label, "ranges": RANGES, "rates": RATES})
    });
    let Some(answers) = ask("roc.R", &cases.collect()) else { return };
    let mut tested = 0;
    for (table, theirs) in tables.iter().zip(answers.as_array().unwrap()) {
        let (first, second, apart) = (table.sample(0), table.sample(1), table.apart());
        let paired = roc::paired(&first, &second).unwrap();
        let unpaired = roc::unpaired(&first, &apart).unwrap();
        let areas = [paired.first, paired.second, unpaired.second];
        all_same("areas", &areas.map(|a| a.value), &theirs["areas"]);
        all_same("variances", &areas.map(|a| a.standard_error.powi(2)), &theirs["variances"]);
        same("covariance", paired.covariance, theirs["covariance"].as_f64().unwrap(), TOLERANCE);
        all_same("intervals", &procs_intervals(&paired.first), &theirs["interval"]);
        if let Ok(test) = paired.test() {
            all_same("paired", &[test.statistic, test.p, 0.0], &theirs["paired"]);
            tested += 1;
        }
        if let Ok(welch) = unpaired.welch() {
            all_same("unpaired", &[welch.test.statistic, welch.test.p, welch.degrees], &theirs["unpaired"]);
            assert_eq!(welch.test.statistic, unpaired.test().unwrap().statistic);
            tested += 1;
        }
        partial_areas(&first, theirs);
        let at = RATES.map(|rate| roc::sensitivity_at_specificity(&first, rate).unwrap());
        all_same("sensitivity at", &at, &theirs["sensitivity_at"]);
        let at = RATES.map(|rate| roc::specificity_at_sensitivity(&first, rate).unwrap());
        all_same("specificity at", &at, &theirs["specificity_at"]);
    }
    assert!(tested >= 2 * tables.len() - 2, "only {tested} tests of {}", 2 * tables.len());
}

/// The 0.95 and the 0.9 interval, cut to 0 and 1 as pROC does.
fn procs_intervals(area: &Estimate) -> [f64; 4] {
    let [a, b] = [Confidence::P95, Confidence::P90].map(|level| area.interval(level).within(0.0, 1.0));
    [a.lower, a.upper, b.lower, b.upper]
}

fn partial_areas(sample: &Binary, theirs: &Value) {
    for (place, [from, to]) in RANGES.into_iter().enumerate() {
        let ranges =
            [("specificity", Range::Specificity { from, to }), ("sensitivity", Range::Sensitivity { from, to })];
        for (name, range) in ranges {
            let ours = roc::partial_auc(sample, range).unwrap();
            same(name, ours, theirs[name][place].as_f64().unwrap(), TOLERANCE);
            let ours = roc::standardised_partial_auc(sample, range).unwrap();
            match theirs[format!("{name}_correct")][place].as_f64() {
                Some(theirs) => same("standardised", ours, theirs, TOLERANCE),
                None => assert!(ours < 0.5, "{range:?}: {ours}, and pROC has none"),
            }
        }
    }
}

/// (published digits of AUROC, of average precision) of the models whose scores are in the reader study.
const PUBLISHED: [(&str, &str, &str); 5] = [
    ("AI_GMIC_top5_POM", "0.8812", "0.4070"),
    ("AI_GMIC_top1_POM", "0.8567", "0.3529"),
    ("AI_GLAM_POM", "0.8532", "0.2362"),
    ("AI_DMVCNN_POM", "0.7788", "0.1667"),
    ("AI_frcnn_POM", "0.7145", "0.2312"),
];

#[test]
fn the_reader_study_is_as_published_and_as_proc_has_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/reader_study/results.csv");
    let Ok(text) = fs::read_to_string(path) else {
        println!("skipped: the reader study's table is not there");
        return;
    };
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), 1440);
    let column = |name: &str| {
        let place = names.iter().position(|n| *n == name).unwrap();
        rows.iter().map(|row| row[place].parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let label: Vec<u8> = column("label").iter().map(|l| u8::from(*l == 1.0)).collect();

    for (name, area, precision) in PUBLISHED {
        let sample = sample(&column(name), &label);
        assert_eq!(format!("{:.4}", roc::auc(&sample).unwrap()), area, "{name}");
        assert_eq!(format!("{:.4}", precision_recall::average_precision(&sample).unwrap()), precision, "{name}");
    }
    let readers: Vec<f64> =
        (1..=14).map(|reader| roc::auc(&sample(&column(&format!("Reader{reader:02}_POM")), &label)).unwrap()).collect();
    let digits = |value: Option<f64>| format!("{:.4}", value.unwrap());
    assert_eq!(digits(readers.iter().copied().reduce(f64::min)), "0.7045");
    assert_eq!(digits(readers.iter().copied().reduce(f64::max)), "0.8598");

    let scores: Vec<Vec<f64>> = names[3..].iter().map(|name| column(name)).collect();
    assert_eq!(scores.len(), 21);
    let cases = scores.iter().zip(scores.iter().skip(1).chain(&scores)).map(|(first, second)| {
        json!({"label": label, "first": first, "second": second, "other": second, "other_label": label,
            "ranges": RANGES, "rates": RATES})
    });
    let Some(answers) = ask("roc.R", &cases.collect()) else { return };
    for (place, theirs) in answers.as_array().unwrap().iter().enumerate() {
        let [first, second] = [place, (place + 1) % 21].map(|place| sample(&scores[place], &label));
        let paired = roc::paired(&first, &second).unwrap();
        all_same("intervals", &procs_intervals(&paired.first), &theirs["interval"]);
        let test = paired.test().unwrap();
        all_same("paired", &[test.statistic, test.p, 0.0], &theirs["paired"]);
        partial_areas(&first, theirs);
        let Interval { lower, upper } = roc::logit_interval(&paired.first, Confidence::P95).unwrap();
        assert!(0.0 < lower && lower < paired.first.value && paired.first.value < upper && upper < 1.0);
    }
}
