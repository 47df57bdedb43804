//! Decision curves, workflow, subgroups.

use serde_json::{Value, json};
use uvid_metrics::decision_curve::net_benefit;
use uvid_metrics::proportions::Proportion;
use uvid_metrics::subgroups::{Adjustment, Logistic, adjust, heterogeneity, homogeneity, interaction};
use uvid_metrics::workflow::{Arbiter, Exam, Strategy, simulate};
use uvid_metrics::{Estimate, Undefined};

use super::{Random, all, bools, compare, int, num, nums, rows, sample};

#[test]
fn decision_curves() {
    let make = |random: &mut Random| {
        let mut case = rows(random);
        (case["positive"][0], case["positive"][1]) = (json!(true), json!(false));
        case["threshold"] = json!(0.01 + 0.9 * random.unit());
        case["prevalence"] = json!(0.001 + 0.5 * random.unit());
        case
    };
    compare("benefit", 100, make, |case, answer| {
        let sample = sample(case).weighted(&nums(&case["weights"])).unwrap();
        let at = |prevalence| net_benefit(&sample, &[num(&case["threshold"])], prevalence).unwrap().remove(0);
        let (own, stated) = (at(None), at(Some(num(&case["prevalence"]))));
        let found = [own.model, own.all, own.standardised.unwrap(), stated.model, stated.interventions_avoided];
        all("net benefit", &found, answer, 1e-9);
    });
}

#[test]
fn strategies() {
    let make = |random: &mut Random| {
        let n = 1 + random.below(200);
        let mut list = |share: f64| random.list(n, |random| random.unit() < share);
        let mut case = json!({"cancer": list(0.2), "first": list(0.3), "second": list(0.3), "consensus": list(0.5)});
        case["scores"] = json!(random.list(n, |random| random.below(20) as f64 / 20.0));
        case["threshold"] = json!(random.unit());
        case
    };
    compare("workflow", 100, make, |case, answer| {
        let [cancer, first, second, by] = ["cancer", "first", "second", "consensus"].map(|key| bools(&case[key]));
        let exams: Vec<Exam> = nums(&case["scores"])
            .into_iter()
            .enumerate()
            .map(|(row, score)| Exam {
                score,
                cancer: Some(cancer[row]),
                first: Some(first[row]),
                second: Some(second[row]),
                consensus: (first[row] != second[row]).then_some(by[row]),
            })
            .collect();
        let (threshold, arbiter) = (num(&case["threshold"]), Arbiter::Recorded);
        for (strategy, theirs) in [
            Strategy::DoubleReading { arbiter },
            Strategy::RuleOut { threshold, arbiter },
            Strategy::AiAsSecond { threshold, arbiter: Arbiter::Second },
            Strategy::SafetyNet { threshold, arbiter, rescue: Arbiter::Perfect },
            Strategy::Standalone { threshold },
        ]
        .into_iter()
        .zip(answer.as_array().unwrap())
        {
            let found = simulate(&exams, strategy).unwrap();
            let truth = found.truth.unwrap();
            let counts = [found.readings, found.arbitrations, found.recalls, truth.detected, truth.missed];
            assert_eq!(json!(counts), *theirs, "{strategy:?}");
        }
    });
}

#[test]
fn subgroups_that_differ() {
    let make = |random: &mut Random| {
        let groups = 2 + random.below(8);
        let spread = random.one([0.001, 0.05, 0.3]);
        json!({
            "values": random.list(groups, |random| 0.5 + spread * random.unit()),
            "errors": random.list(groups, |random| 0.01 + 0.1 * random.unit()),
            "tables": random.list(groups, |random| { let of = 2 + random.below(60); [1 + random.below(of - 1), of] }),
        })
    };
    compare("heterogeneity", 100, make, |case, answer| {
        let pairs = nums(&case["values"]).into_iter().zip(nums(&case["errors"]));
        let estimates: Vec<Estimate> =
            pairs.map(|(value, standard_error)| Estimate { value, standard_error }).collect();
        let found = heterogeneity(&estimates).unwrap();
        let tables = case["tables"].as_array().unwrap().iter();
        let proportion = |row: &Value| Proportion::new(row[0].as_u64().unwrap(), row[1].as_u64().unwrap()).unwrap();
        let chi = homogeneity(&tables.map(proportion).collect::<Vec<_>>()).unwrap();
        let (mean, error) = (found.pooled.value, found.pooled.standard_error);
        all(
            "Q, I2, pooled, chi-squared",
            &[found.q.statistic, found.q.p, found.i_squared, mean, error, chi.statistic, chi.p],
            answer,
            1e-9,
        );
    });
}

#[test]
fn a_score_in_levels_of_a_factor() {
    let make = |random: &mut Random| {
        let most = random.one([20, 300]);
        let (n, levels) = (8 + random.below(most), 2 + random.below(2));
        let scale = random.one([0.05, 1.0, 40.0]);
        let mut positive = random.list(n, |random| random.unit() < 0.4);
        (positive[0], positive[1]) = (true, false);
        let mut factor = random.list(n, |random| random.below(levels));
        (0..levels as usize).for_each(|level| factor[level] = level as u64);
        json!({
            "scores": random.list(n, |random| scale * random.below(12) as f64 / 12.0),
            "factor": factor,
            "positive": positive,
            "levels": levels,
        })
    };
    compare("interaction", 120, make, |case, answer| {
        let (score, positive) = (nums(&case["scores"]), bools(&case["positive"]));
        let level = |level: &Value| level.as_u64().unwrap().to_string();
        let factor: Vec<String> = case["factor"].as_array().unwrap().iter().map(level).collect();
        let found = interaction(&score, &factor, &positive);
        match answer.as_str() {
            Some("separated") => return assert!(matches!(found, Err(Undefined::NoConvergence { .. })), "{found:?}"),
            Some(_) => return assert!(found.is_err(), "{found:?}"),
            None => {}
        }
        let found = found.unwrap();
        let mut columns: Vec<Vec<f64>> = (0..int(case, "levels"))
            .map(|level| factor.iter().map(|of| f64::from(u8::from(*of == level.to_string()))).collect())
            .collect();
        columns.push(score);
        let fit = Logistic::fit(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>(), &positive).unwrap();
        let tests =
            [found.score, found.factor, found.interaction].into_iter().flat_map(|test| [test.statistic, test.p]);
        let values = fit.coefficients.iter().map(|found| found.value);
        let errors = fit.coefficients.iter().map(|found| found.standard_error);
        all("tests and coefficients", &tests.chain(values).chain(errors).collect::<Vec<_>>(), answer, 1e-9);
    });
}

#[test]
fn many_p_values() {
    let make = |random: &mut Random| {
        let count = 1 + random.below(20);
        // Ties, zeros and ones.
        json!({"p": random.list(count, |random| (random.below(40) as f64 / 39.0).powi(3))})
    };
    compare("multiplicity", 100, make, |case, answer| {
        use Adjustment::{BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Hochberg, Holm};
        for (row, method) in [Bonferroni, Holm, Hochberg, BenjaminiHochberg, BenjaminiYekutieli].into_iter().enumerate()
        {
            all("adjusted", &adjust(&nums(&case["p"]), method).unwrap(), &answer[row], 1e-9);
        }
    });
}
