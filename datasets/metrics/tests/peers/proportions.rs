//! Proportions, operating points, decision curves, workflow and subgroups.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use uvid_metrics::operating_point::{Aim, Confusion, Rate, Totals, at_prevalence, choose};
use uvid_metrics::proportions::{
    McNemar, Paired, Proportion, Variance, difference_miettinen_nurminen, difference_newcombe, equivalent,
    non_inferior, odds_ratio, ratio,
};
use uvid_metrics::{Binary, Clusters, Confidence, Interval, Undefined};

use crate::peer;

mod programme;

/// Random cases of one kind, answered by the peer and by us.
fn compare(kind: &str, count: u64, make: impl Fn(&mut Random) -> Value, check: impl Fn(&Value, &Value)) {
    let cases: Vec<Value> = (0..count)
        .map(|seed| {
            let mut case = make(&mut Random(Xoshiro256PlusPlus::seed_from_u64(seed)));
            case["kind"] = json!(kind);
            case
        })
        .collect();
    let Some(answers) = peer::ask("proportions.py", &json!(cases)) else { return };
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(answers) {
        check(case, answer);
    }
}

struct Random(Xoshiro256PlusPlus);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0.next_u64() % most
    }

    fn one<T: Copy, const N: usize>(&mut self, of: [T; N]) -> T {
        of[self.below(N as u64) as usize]
    }

    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn level(&mut self) -> f64 {
        self.one([0.95, 0.9, 0.99, 0.8])
    }

    fn list<T>(&mut self, count: u64, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..count).map(|_| one(self)).collect()
    }

    /// Events and cases: few, many, all, none.
    fn events(&mut self) -> (u64, u64) {
        let most = self.one([4, 60, 5000, 1_000_000]);
        let of = 1 + self.below(most);
        let (any, few) = (self.below(of + 1), self.below(of.min(6) + 1));
        let events = self.one([0, of, any, few]);
        (events, of)
    }
}

fn int(case: &Value, key: &str) -> u64 {
    case[key].as_u64().unwrap()
}

fn num(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn nums(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(num).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|x| x.as_bool().unwrap()).collect()
}

#[track_caller]
fn all(what: &str, ours: &[f64], theirs: &Value, tolerance: f64) {
    let theirs = nums(theirs);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (one, other) in ours.iter().zip(&theirs) {
        peer::same(what, *one, *other, tolerance);
    }
}

fn ends(interval: Interval) -> [f64; 2] {
    [interval.lower, interval.upper]
}

#[test]
fn one_proportion() {
    let make = |random: &mut Random| {
        let (events, of) = random.events();
        json!({"events": events, "of": of, "level": random.level()})
    };
    compare("proportion", 200, make, |case, answer| {
        let (p, level) = (Proportion::new(int(case, "events"), int(case, "of")), Confidence::new(num(&case["level"])));
        let (p, level) = (p.unwrap(), level.unwrap());
        all("intervals", &[ends(p.clopper_pearson(level)), ends(p.wilson(level))].concat(), answer, 1e-9);
    });
}

#[test]
fn two_samples() {
    let make = |random: &mut Random| {
        let ((x1, n1), (x2, n2)) = (random.events(), random.events());
        let margin = 0.01 + 0.2 * random.unit();
        json!({"x1": x1, "n1": n1, "x2": x2, "n2": n2, "level": random.level(), "margin": margin})
    };
    compare("independent", 200, make, |case, answer| {
        let of = |x, n| Proportion::new(int(case, x), int(case, n)).unwrap();
        let (a, b, level) = (of("x1", "n1"), of("x2", "n2"), Confidence::new(num(&case["level"])).unwrap());
        // statsmodels does not cut this interval to -1 and 1.
        let newcombe = nums(&answer["newcombe"]);
        let cut = json!([newcombe[0].max(-1.0), newcombe[1].min(1.0)]);
        all("Newcombe", &ends(difference_newcombe(a, b, level).interval), &cut, 1e-9);
        let score = difference_miettinen_nurminen(a, b, level);
        all("Miettinen-Nurminen", &ends(score.interval), &answer["score"], 1e-9);
        for (name, found) in [("ratio", ratio(a, b, level)), ("odds", odds_ratio(a, b, level))] {
            assert_eq!(found.is_ok(), !answer[name].is_null(), "{name}");
            if let Ok(found) = found {
                all(name, &ends(found.interval), &answer[name], 1e-9);
            }
        }
        let margin = num(&case["margin"]);
        for (name, variance) in [("fm", Variance::FarringtonManning), ("mn", Variance::MiettinenNurminen)] {
            let both = equivalent(a, b, margin, variance).unwrap();
            assert_eq!(non_inferior(a, b, margin, variance), Ok(both.not_below));
            let (below, above) = (both.not_below, both.not_above);
            all(name, &[below.statistic, below.p, above.statistic, above.p], &answer[name], 1e-9);
        }
        let z = non_inferior(a, b, margin, Variance::FarringtonManning).unwrap().statistic;
        peer::same("Pearson's statistic", z * z, num(&answer["squared"]), 1e-9);
    });
}

#[test]
fn paired() {
    let make = |random: &mut Random| {
        let most = random.one([[3, 3, 3, 3], [30, 6, 6, 60], [900, 40, 40, 9000]]);
        let [a, b, c, d] = most.map(|most| random.below(most + 1));
        let (margin, least) = (0.01 + 0.2 * random.unit(), 0.8 + 0.19 * random.unit());
        json!({"a": a, "b": b, "c": c, "d": d + u64::from(a + b + c == 0), "level": random.level(), "margin": margin, "least": least})
    };
    compare("paired", 200, make, |case, answer| {
        let level = Confidence::new(num(&case["level"])).unwrap();
        let cells = ["a", "b", "c", "d"].map(|cell| int(case, cell));
        let table = Paired::new(cells[0], cells[1], cells[2], cells[3]).unwrap();
        let test = |which| table.mcnemar(which).map(|test| [test.statistic, test.p]);
        peer::same("exact", test(McNemar::Exact).unwrap()[1], num(&answer["exact"]), 1e-9);
        assert_eq!(test(McNemar::MidP).is_ok(), !answer["mid"].is_null());
        if let (Ok(mid), Ok(plain)) = (test(McNemar::MidP), test(McNemar::Asymptotic)) {
            peer::same("mid-p", mid[1], num(&answer["mid"]), 1e-9);
            // statsmodels' corrected statistic is 1 / n where both counts are equal; the correction cannot go past 0.
            let equal = table.first_only() == table.second_only();
            let corrected = test(McNemar::Corrected).unwrap();
            let expected = nums(&answer["asymptotic"]);
            let expected = if equal { json!([0.0, 1.0, 0.0, 1.0]) } else { json!(expected) };
            all("chi-squared", &[plain, corrected].concat(), &expected, 1e-9);
        }
        all("Newcombe", &ends(table.difference_newcombe(level).interval), &answer["newcombe"], 1e-9);
        all("Tango", &ends(table.difference_tango(level).interval), &answer["tango"], 1e-9);
        let found = table.non_inferior(num(&case["margin"])).unwrap();
        all("margin of the difference", &[found.statistic, found.p], &answer["difference"], 1e-9);
        peer::same("Pearson's", found.statistic.powi(2), num(&answer["difference_squared"]), 1e-8);
        assert_eq!(table.ratio(level).is_ok(), !answer["ratio"].is_null());
        if let Ok(found) = table.ratio(level) {
            all("ratio", &ends(found.interval), &answer["ratio"], 1e-9);
        }
        let found = table.non_inferior_ratio(num(&case["least"]));
        assert_eq!(found.is_ok(), !answer["relative"].is_null());
        if let Ok(found) = found {
            all("margin of the ratio", &[found.statistic, found.p], &answer["relative"], 1e-9);
            peer::same("Pearson's", found.statistic.powi(2), num(&answer["relative_squared"]), 1e-8);
        }
    });
}

/// Scores with ties, outcomes, weights, clusters; at times one class.
fn rows(random: &mut Random) -> Value {
    let most = random.one([4, 40, 300]);
    let n = 2 + random.below(most);
    let share = random.one([0.0, 0.1, 0.5, 1.0]);
    let values = 2 + random.below(30);
    json!({
        "scores": random.list(n, |random| random.below(values) as f64 / values as f64),
        "positive": random.list(n, |random| random.unit() < share),
        "weights": random.list(n, |random| 0.1 + random.unit() * 20.0),
        "clusters": (0..n).map(|row| row / 2).collect::<Vec<_>>(),
        "threshold": random.unit(),
    })
}

fn sample(case: &Value) -> Binary {
    Binary::new(&nums(&case["scores"]), &bools(&case["positive"])).unwrap()
}

#[test]
fn rates_with_weights_and_clusters() {
    compare("rates", 150, rows, same_rates);
}

/// The reader study's breasts, two of each patient, at thresholds of a published model.
#[test]
fn rates_of_the_reader_study() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/reader_study/results.csv");
    let Ok(table) = std::fs::read_to_string(path) else { return println!("skipped: no {path}") };
    let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| {
        let column = cells[0].iter().position(|cell| *cell == name).expect(name);
        cells[1..].iter().map(|row| row[column].parse().unwrap()).collect::<Vec<f64>>()
    };
    let patients = Clusters::of(column("case_ID").iter().map(|id| *id as u64));
    let clusters: Vec<usize> = (0..patients.rows()).map(|row| patients.of_row(row)).collect();
    let positive: Vec<bool> = column("label").iter().map(|label| *label == 1.0).collect();
    assert_eq!((clusters.len(), patients.count()), (1440, 720));
    let scores = column("AI_GMIC_top1_POM");
    let make = |random: &mut Random| {
        json!({
            "scores": scores, "positive": positive, "clusters": clusters,
            "weights": vec![1.0; scores.len()], "threshold": random.unit() / 2.0,
        })
    };
    compare("rates", 5, make, same_rates);
}

fn same_rates(case: &Value, answer: &Value) {
    let weighted = sample(case).weighted(&nums(&case["weights"])).unwrap();
    let of = |row: &Value| row.as_u64().unwrap();
    let weighted = weighted.clustered(Clusters::of(case["clusters"].as_array().unwrap().iter().map(of))).unwrap();
    let threshold = num(&case["threshold"]);
    let totals = Totals::at(&weighted, threshold).unwrap();
    let Totals { true_positives, false_positives, true_negatives, false_negatives } = totals;
    let cells = [true_positives, false_positives, true_negatives, false_negatives];
    all("cells", &cells, &answer["cells"], 1e-9);
    let optional = |what: &str, ours: Result<f64, Undefined>, theirs: &Value| match ours {
        Ok(ours) => peer::same(what, ours, num(theirs), 1e-9),
        Err(_) => assert!(theirs.is_null(), "{what}"),
    };
    optional("F1", totals.f1(), &answer["f1"]);
    optional("balanced accuracy", totals.youden().map(|j| (j + 1.0) / 2.0), &answer["balanced"]);
    optional("LR+", totals.likelihood_ratio_positive(), &answer["ratios"][0]);
    // scikit-learn has no LR- either where there are no false positives.
    if false_positives > 0.0 {
        optional("LR-", totals.likelihood_ratio_negative(), &answer["ratios"][1]);
    }
    for (rate, theirs) in Rate::ALL.iter().zip(answer["rates"].as_array().unwrap()) {
        let found = rate.estimate(&weighted, threshold);
        if weighted.clusters().unwrap().count() < 2 {
            assert!(found.is_err());
            continue;
        }
        optional(rate.name(), found.clone().map(|found| found.value), &theirs[0]);
        optional(rate.name(), found.map(|found| found.standard_error), &theirs[1]);
    }
}

#[test]
fn thresholds_for_an_aim() {
    let make = |random: &mut Random| {
        let mut case = rows(random);
        (case["positive"][0], case["positive"][1]) = (json!(true), json!(false));
        case["target"] = json!(random.below(21) as f64 / 20.0);
        case
    };
    compare("thresholds", 150, make, |case, answer| {
        let (sample, target) = (sample(case), num(&case["target"]));
        let above = sample.scores().iter().copied().fold(0.0, f64::max).next_up();
        let aims = [Aim::Specificity(target), Aim::Sensitivity(target), Aim::RecallRate(target), Aim::Youden];
        for (aim, theirs) in aims.into_iter().zip(answer.as_array().unwrap()) {
            assert_eq!(choose(&sample, aim).unwrap().threshold, theirs.as_f64().unwrap_or(above), "{aim:?}");
        }
    });
}

#[test]
fn predictive_values_at_a_prevalence() {
    let make = |random: &mut Random| {
        let [tp, fn_, fp, tn] = [50, 50, 90, 3000].map(|most| 1 + random.below(most));
        json!({"tp": tp, "fn": fn_, "fp": fp, "tn": tn, "prevalence": 0.001 + 0.5 * random.unit(), "level": random.level()})
    };
    compare("bayes", 100, make, |case, answer| {
        let [true_positives, false_positives, true_negatives, false_negatives] =
            ["tp", "fp", "tn", "fn"].map(|x| int(case, x));
        let counts = Confusion { true_positives, false_positives, true_negatives, false_negatives };
        let [e, p] = [Rate::Sensitivity, Rate::Specificity].map(|rate| counts.rate(rate).unwrap().estimate());
        let level = Confidence::new(num(&case["level"])).unwrap();
        let found = at_prevalence(e, p, num(&case["prevalence"]), level).unwrap();
        let found = [found.positive_predictive_value, found.negative_predictive_value, found.recall_rate];
        for (found, theirs) in found.into_iter().zip(answer.as_array().unwrap()) {
            let found = found.unwrap();
            all("with its interval", &[&[found.value][..], &ends(found.interval)].concat(), theirs, 1e-9);
        }
    });
}
