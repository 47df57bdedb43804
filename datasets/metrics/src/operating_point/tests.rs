use proptest::prelude::*;

use super::*;
use crate::Confidence;
use crate::proportions::Proportion;

fn sample() -> impl Strategy<Value = Binary> {
    let row = (0..8_u8, any::<bool>(), 1..4_u8);
    (prop::collection::vec(row, 1..40), any::<bool>()).prop_map(|(rows, weighted)| {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 8.0).collect();
        let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let sample = Binary::new(&scores, &positive).unwrap();
        let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
        if weighted { sample.weighted(&weights).unwrap() } else { sample }
    })
}

/// All thresholds that can be chosen, tried one by one.
fn naive(sample: &Binary, aim: Aim) -> Option<f64> {
    let mut thresholds = sample.scores().to_vec();
    thresholds.sort_by(f64::total_cmp);
    thresholds.push(thresholds[thresholds.len() - 1].next_up());
    let rate = |t: &f64, rate| Totals::at(sample, *t).unwrap().rate(rate).unwrap();
    let lowest = |reaches: &dyn Fn(&f64) -> bool| thresholds.iter().copied().find(|t| reaches(t));
    match aim {
        Aim::Specificity(least) => lowest(&|t| rate(t, Rate::Specificity) >= least),
        Aim::RecallRate(most) => lowest(&|t| rate(t, Rate::RecallRate) <= most),
        Aim::Sensitivity(least) => thresholds.iter().copied().rfind(|t| rate(t, Rate::Sensitivity) >= least),
        Aim::Youden => {
            let youden = |t: &f64| Totals::at(sample, *t).unwrap().youden().unwrap();
            let most = thresholds.iter().map(youden).fold(-1.0, f64::max);
            thresholds.iter().copied().rfind(|t| youden(t) > most - 1e-9)
        }
    }
}

proptest! {
    #[test]
    fn the_chosen_threshold_is_the_naive_one(sample in sample(), part in 0..=20_u8) {
        let target = f64::from(part) / 20.0;
        let (positives, negatives) = sample.counts();
        for (aim, exists) in [
            (Aim::Specificity(target), negatives > 0),
            (Aim::Sensitivity(target), positives > 0),
            (Aim::RecallRate(target), true),
            (Aim::Youden, positives > 0 && negatives > 0),
        ] {
            let found = choose(&sample, aim);
            prop_assert_eq!(found.is_ok(), exists);
            if let Ok(found) = found {
                prop_assert_eq!(Some(found.threshold), naive(&sample, aim), "{:?}", aim);
                prop_assert_eq!(found.reached, Totals::at(&sample, found.threshold).unwrap());
            }
        }
    }

    #[test]
    fn totals_are_counts_of_repeated_rows(sample in sample(), threshold in -0.1..1.1_f64) {
        let rows = (0..sample.len()).flat_map(|row| std::iter::repeat_n(row, sample.weight(row) as usize));
        let rows: Vec<usize> = rows.collect();
        let scores: Vec<f64> = rows.iter().map(|row| sample.scores()[*row]).collect();
        let positive: Vec<bool> = rows.iter().map(|row| sample.positive()[*row]).collect();
        let repeated = Confusion::at(&Binary::new(&scores, &positive).unwrap(), threshold).unwrap();
        prop_assert_eq!(Totals::at(&sample, threshold).unwrap(), Totals::from(repeated));
        for rate in Rate::ALL {
            let total = Totals::from(repeated).rate(rate).ok();
            prop_assert_eq!(repeated.rate(rate).ok().map(Proportion::value), total);
        }
    }

    #[test]
    fn every_number_of_a_table_is_finite(sample in sample(), threshold in -0.1..1.1_f64) {
        for line in table(&sample, threshold, Confidence::P95).unwrap() {
            if let Ok(value) = line.value {
                prop_assert!(value.is_finite(), "{}", line.name);
                if let Ok(interval) = line.interval {
                    prop_assert!(interval.lower.is_finite() && interval.upper.is_finite(), "{}", line.name);
                    prop_assert!(interval.lower <= value + 1e-12 && value <= interval.upper + 1e-12, "{}", line.name);
                }
            } else {
                prop_assert!(line.interval.is_err(), "{}", line.name);
            }
        }
    }

    /// Bayes at the sample's own prevalence gives the sample's own predictive values.
    #[test]
    fn the_own_prevalence_gives_the_own_values(cells in [1..30_u64, 1..30, 1..30, 1..30]) {
        let [true_positives, false_positives, true_negatives, false_negatives] = cells;
        let counts = Confusion { true_positives, false_positives, true_negatives, false_negatives };
        let rate = |rate| counts.rate(rate).unwrap();
        let [e, p] = [Rate::Sensitivity, Rate::Specificity].map(|r| rate(r).estimate());
        let found = at_prevalence(e, p, rate(Rate::Prevalence).value(), Confidence::P95).unwrap();
        for (found, own) in [
            (found.positive_predictive_value, Rate::PositivePredictiveValue),
            (found.negative_predictive_value, Rate::NegativePredictiveValue),
            (found.recall_rate, Rate::RecallRate),
        ] {
            let found = found.unwrap();
            prop_assert!((found.value - rate(own).value()).abs() < 1e-12);
            prop_assert!(found.interval.contains(found.value));
        }
    }
}

#[test]
fn what_is_undefined_says_so() {
    let sample = Binary::new(&[0.5, 0.5], &[true, true]).unwrap();
    assert!(Confusion::at(&sample, f64::NAN).is_err());
    assert!(Confusion::at(&sample.clone().weighted(&[1.0, 2.0]).unwrap(), 0.5).is_err());
    let lines = table(&sample, 0.5, Confidence::P95).unwrap();
    let defined: Vec<&str> = lines.iter().filter(|line| line.value.is_ok()).map(|line| line.name).collect();
    let expected = ["sensitivity", "positive predictive value", "accuracy", "recall rate", "detection rate"];
    assert_eq!(defined, [&expected[..], &["prevalence", "F1"]].concat());
    for aim in [f64::NAN, -0.1, 1.1] {
        assert!(choose(&sample, Aim::Sensitivity(aim)).is_err());
    }
    assert_eq!(choose(&sample, Aim::Youden), Err(Undefined::OneClass { positives: 2, negatives: 0 }));
    let perfect = Proportion::new(5, 5).unwrap().estimate();
    let found = at_prevalence(perfect, perfect, 0.01, Confidence::P95).unwrap();
    assert!(found.positive_predictive_value.is_err() && found.negative_predictive_value.is_err());
    assert!(at_prevalence(perfect, perfect, 0.0, Confidence::P95).is_err());
}

/// Sums of weights whose products overflow.
#[test]
fn large_weights() {
    let sample = Binary::new(&[0.1, 0.2, 0.3], &[false, true, true]).unwrap();
    let sample = sample.weighted(&[1e300, 1e300, 1e300]).unwrap();
    assert_eq!(choose(&sample, Aim::Youden).unwrap().threshold, 0.2);
    assert!(Totals::at(&sample.weighted(&[1e308; 3]).unwrap(), 0.2).is_err());
}

/// Tied rows cannot be parted: the aim is overshot, and what was reached says by how much.
#[test]
fn ties_overshoot() {
    let sample = Binary::new(&[0.5, 0.5, 0.5, 0.1], &[true, false, false, false]).unwrap();
    let found = choose(&sample, Aim::RecallRate(0.5)).unwrap();
    assert_eq!((found.threshold, found.reached.rate(Rate::RecallRate)), (0.5_f64.next_up(), Ok(0.0)));
    let found = choose(&sample, Aim::Sensitivity(0.2)).unwrap();
    assert_eq!((found.threshold, found.reached.rate(Rate::Sensitivity)), (0.5, Ok(1.0)));
}

/// All positives are flagged: with clusters or weights there is no interval, rather than one of no width.
#[test]
fn certainty_is_no_interval() {
    let sample = Binary::new(&[0.9, 0.8, 0.7, 0.3, 0.6, 0.1], &[true, true, true, false, false, false]).unwrap();
    let clustered = sample.clone().clustered(crate::Clusters::of([1, 2, 3, 3, 4, 5])).unwrap();
    let weighted = sample.clone().weighted(&[1.0, 2.0, 1.0, 3.0, 1.0, 1.0]).unwrap();
    for sample in [clustered, weighted] {
        let lines = table(&sample, 0.5, Confidence::P95).unwrap();
        let sensitivity = lines.iter().find(|line| line.name == "sensitivity").unwrap();
        assert_eq!(sensitivity.value, Ok(1.0));
        assert!(matches!(sensitivity.interval, Err(Undefined::Degenerate(_))), "{:?}", sensitivity.interval);
        let specificity = lines.iter().find(|line| line.name == "specificity").unwrap();
        assert!(specificity.interval.as_ref().is_ok_and(|interval| interval.lower < interval.upper));
    }
    assert_eq!(table(&sample, 0.5, Confidence::P95).unwrap()[0].interval.clone().unwrap().upper, 1.0);
}
