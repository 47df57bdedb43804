//! What holds for every sample.

use proptest::prelude::*;

use super::*;

/// (time, event, risk in 1/20), with ties.
fn tables() -> impl Strategy<Value = Vec<(u8, bool, u8)>> {
    prop::collection::vec((0u8..10, any::<bool>(), 0u8..21), 1..50)
}

fn table(rows: &[(u8, bool, u8)]) -> (Survival, Vec<f64>) {
    let times: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
    let events: Vec<bool> = rows.iter().map(|row| row.1).collect();
    (Survival::new(&times, &events).unwrap(), rows.iter().map(|row| f64::from(row.2) / 20.0).collect())
}

/// All statistics at a horizon; an error is no number.
fn all(survival: &Survival, risks: &[f64], horizon: f64) -> Vec<Option<f64>> {
    let censoring = Censoring::of(survival);
    let group = by_risk_group(survival, horizon, risks, 3).unwrap();
    vec![
        harrell(survival, risks).ok().map(|c| c.estimate.value),
        harrell(survival, risks).ok().map(|c| c.estimate.standard_error),
        uno(survival, &censoring, risks, Some(horizon + 0.5)).ok(),
        dynamic_auc(survival, &censoring, horizon, risks).ok(),
        brier(survival, &censoring, horizon, risks).ok(),
        KaplanMeier::of(survival).at(horizon).ok().map(|at| at.survival),
        KaplanMeier::of(survival).at(horizon).ok().map(|at| at.standard_error()),
        group[0].observed().ok(),
        group[0].ratio().ok(),
    ]
}

proptest! {
    #[test]
    fn order_does_not_matter_and_numbers_are_finite(rows in tables(), horizon in 0u8..11) {
        let (survival, risks) = table(&rows);
        let mut reversed = rows.clone();
        reversed.reverse();
        let (other, other_risks) = table(&reversed);
        let horizon = f64::from(horizon);
        for (a, b) in all(&survival, &risks, horizon).iter().zip(all(&other, &other_risks, horizon)) {
            prop_assert_eq!(a.is_some(), b.is_some());
            if let (Some(a), Some(b)) = (a, b) {
                prop_assert!(a.is_finite() && (a - b).abs() < 1e-12, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn ranks_are_all_that_counts(rows in tables(), horizon in 1u8..9) {
        let (survival, risks) = table(&rows);
        let other: Vec<f64> = risks.iter().map(|risk| risk.powi(3) - 7.0).collect();
        prop_assert_eq!(harrell(&survival, &risks), harrell(&survival, &other));
        let censoring = Censoring::of(&survival);
        let auc = |risks: &[f64]| dynamic_auc(&survival, &censoring, f64::from(horizon), risks);
        prop_assert_eq!(auc(&risks), auc(&other));
        if let Ok(auc) = auc(&risks) {
            prop_assert!((0.0..=1.0).contains(&auc));
        }
    }

    #[test]
    fn without_censoring_there_is_nothing_to_weigh(rows in tables(), horizon in 1u8..9) {
        let rows: Vec<_> = rows.iter().map(|row| (row.0, true, row.2)).collect();
        let (survival, risks) = table(&rows);
        let (censoring, horizon) = (Censoring::of(&survival), f64::from(horizon) + 0.5);
        let plain = at_horizon(&survival, horizon, &risks).unwrap();
        prop_assert_eq!(plain.excluded, 0);
        let sample = plain.sample;
        let n = sample.len() as f64;
        if let Ok(found) = brier(&survival, &censoring, horizon, &risks) {
            let squares = (0..sample.len()).map(|i| (risks[i] - f64::from(u8::from(sample.positive()[i]))).powi(2));
            prop_assert!((found - squares.sum::<f64>() / n).abs() < 1e-12);
        }
        let found = dynamic_auc(&survival, &censoring, horizon, &risks);
        prop_assert_eq!(found.is_ok(), sample.both_classes().is_ok());
        if let (Ok(found), Ok((positives, negatives))) = (found, sample.both_classes()) {
            let (ranks, _) = crate::ranks::midranks(sample.scores());
            let sum: f64 = (0..sample.len()).filter(|i| sample.positive()[*i]).map(|i| ranks[i]).sum();
            let (p, q) = (positives as f64, negatives as f64);
            prop_assert!((found - (sum - p * (p + 1.0) / 2.0) / (p * q)).abs() < 1e-12);
        }
        // Uno's weights are 1, so his C is Harrell's.
        let both = (uno(&survival, &censoring, &risks, None), harrell(&survival, &risks));
        if let (Ok(uno), Ok(harrell)) = both {
            prop_assert!((uno - harrell.estimate.value).abs() < 1e-12);
        }
    }
}

#[test]
fn at_the_door() {
    assert!(Survival::new(&[], &[]).is_err());
    assert!(Survival::new(&[1.0], &[true, false]).is_err());
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(Survival::new(&[1.0, bad], &[true, false]).is_err());
    }
    let fine = Survival::new(&[0.0, 2.0], &[true, false]).unwrap();
    assert_eq!(fine.of_rows(&[1, 1]).unwrap().times(), [2.0, 2.0]);
    assert!(fine.of_rows(&[]).is_err() && fine.of_rows(&[2]).is_err());
    assert!(fine.clone().clustered(crate::Clusters::each(3)).is_err());
    let clustered = fine.clustered(crate::Clusters::of(["a", "b"])).unwrap().of_rows(&[1, 1, 0]).unwrap();
    assert_eq!(clustered.clusters().unwrap().count(), 2);
}

#[test]
fn a_group_alone_has_no_answer() {
    // The high group was last seen at 1.
    let survival = Survival::new(&[1.0, 1.0, 4.0, 5.0], &[true, false, true, false]).unwrap();
    let groups = by_risk_group(&survival, 2.0, &[0.9, 0.8, 0.2, 0.1], 2).unwrap();
    assert_eq!(groups[0].observed().unwrap(), 0.0);
    assert!(groups[0].interval(crate::Confidence::P95).is_err());
    assert!(groups[1].observed().is_err() && groups[1].ratio().is_err());
    assert!(by_risk_group(&survival, 2.0, &[0.9, 0.8, 0.2, 1.1], 2).is_err());
    assert!(by_risk_group(&survival, 2.0, &[0.0; 4], 0).is_err());
    assert!(by_risk_group(&survival, 2.0, &[0.0; 4], 1).unwrap()[0].ratio().is_err());
}

#[test]
fn at_a_horizon() {
    let check = |times: &[f64], events: &[bool], horizon: f64, rows: &[usize], positive: &[bool]| {
        let survival = Survival::new(times, events).unwrap();
        let found = at_horizon(&survival, horizon, &vec![0.5; times.len()]).unwrap();
        assert_eq!((found.rows.as_slice(), found.sample.positive()), (rows, positive));
        assert_eq!(found.excluded, times.len() - rows.len());
    };
    check(&[1.0, 2.0, 3.0], &[true, true, true], 2.0, &[0, 1, 2], &[true, true, false]);
    check(&[1.0, 2.0, 3.0], &[false, false, false], 2.0, &[1, 2], &[false, false]);
    let early = Survival::new(&[1.0, 2.0], &[false, false]).unwrap();
    assert!(at_horizon(&early, 3.0, &[0.1, 0.2]).is_err());
    assert!(at_horizon(&early, -1.0, &[0.1, 0.2]).is_err());
    assert!(at_horizon(&early, 1.0, &[0.1]).is_err());
}

/// Years as codes: whoever is censored in the year of the horizon.
#[test]
fn a_horizon_in_whole_years() {
    let times = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0];
    let events = [true, true, false, false, true, false];
    let risks = [0.9, 0.3, 0.2, 0.1, 0.2, 0.6];
    let codes = Survival::new(&times, &events).unwrap();
    let area = |survival: &Survival| dynamic_auc(survival, &Censoring::of(survival), 2.0, &risks).unwrap();
    let simple = crate::roc::auc(&at_horizon(&codes, 2.0, &risks).unwrap().sample).unwrap();
    let later: Vec<f64> = times.iter().zip(events).map(|(time, event)| time + if event { 0.0 } else { 0.5 }).collect();
    let later = Survival::new(&later, &events).unwrap();
    assert_eq!((simple, area(&later)), (0.875, 0.875));
    // Against the last two rows the first case wins twice and the second, of weight 2, once.
    assert!((area(&codes) - 4.0 / 6.0).abs() < 1e-12);
    let squares = |survival: &Survival| brier(survival, &Censoring::of(survival), 2.0, &risks).unwrap();
    let expected = (0.01 + 0.49 + 0.04 + 0.01 + 0.04 + 0.36) / 6.0;
    assert!((squares(&later) - expected).abs() < 1e-12 && (squares(&codes) - expected).abs() > 0.01);
}
