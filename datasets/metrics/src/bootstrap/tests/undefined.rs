//! Where there is no number, and the numbers of small lists.

use super::{ALL, EMPTY, example};
use crate::bootstrap::*;
use crate::{Binary, Clusters, Confidence, Undefined};

#[test]
fn the_same_scores_do_not_differ() {
    let (design, sample) = example(100, 2);
    let auc = Statistic::auc(&design, &sample).unwrap();
    let resampled = resample(&[&auc, &auc], &Options::default()).unwrap();
    let difference = resampled.difference(0, 1).unwrap();
    assert_eq!((difference.standard_error(), difference.p(0.0)), (0.0, Ok(1.0)));
    assert_eq!(difference.bias_correction(), Ok(0.0));
}

#[test]
fn p_counts_both_sides() {
    let values: Vec<f64> = (1..=99).map(f64::from).collect();
    let distribution = Distribution::new(50.0, values).unwrap();
    let check = |null: f64, expected: f64| assert!((distribution.p(null).unwrap() - expected).abs() < 1e-15);
    check(0.5, 0.02);
    check(3.0, 0.08);
    check(97.0, 0.08);
    check(50.0, 1.0);
    check(1e9, 0.02);
    assert!(distribution.p(f64::NAN).is_err());
}

#[test]
fn what_has_no_number_says_so() {
    let clusters = Clusters::each(4);
    let design = Design::new(&clusters).unwrap();
    let sample = Binary::new(&[0.1, 0.2, 0.3, 0.4], &[false, false, false, true]).unwrap();
    let auc = Statistic::auc(&design, &sample).unwrap();
    // The only positive is not drawn in some (3/4)^4 of resamples.
    let all = resample(&[&auc], &ALL.with(10_000)).unwrap();
    assert!((0.30..0.33).contains(&(all.undefined as f64 / 10_000.0)), "{}", all.undefined);
    assert_eq!(all.undefined + all.values[0].len(), 10_000);
    assert!(matches!(resample(&[&auc], &Options::default()), Err(Undefined::TooFew { .. })));
    assert_eq!(auc.jackknife(), Err(Undefined::OneClass { positives: 0, negatives: 3 }));
    // By outcome it is drawn always.
    let by_outcome = Design::by_outcome(&clusters, sample.positive()).unwrap();
    let auc_by_outcome = Statistic::auc(&by_outcome, &sample).unwrap();
    assert_eq!(resample(&[&auc_by_outcome], &Options::default()).unwrap().undefined, 0);
    assert!(matches!(resample(&[&auc, &auc_by_outcome], &ALL), Err(Undefined::Degenerate(_))));
    assert_eq!(resample(&[], &ALL), Err(Undefined::Empty("statistics")));
    for options in [ALL.with(0), ALL.with(1), ALL.with(10_000_001), Options { undefined_most: f64::NAN, ..ALL }] {
        assert!(matches!(resample(&[&auc], &options), Err(Undefined::Parameter { .. })), "{options:?}");
    }
    assert_eq!(Design::new(&Clusters::each(0)), Err(Undefined::Empty("rows")));
    let one_class = Binary::new(&[0.1; 4], &[true; 4]).unwrap();
    assert!(matches!(Statistic::auc(&design, &one_class), Err(Undefined::OneClass { .. })));
    let unweighted = sample.clone().weighted(&[1.0, 1.0, 1.0, 0.0]).unwrap();
    assert!(matches!(Statistic::auc(&design, &unweighted), Err(Undefined::Degenerate(_))));
    assert!(matches!(Statistic::mean(&design, &[1.0]), Err(Undefined::Length { .. })));
    assert!(matches!(Statistic::mean(&design, &[1.0, f64::NAN, 0.0, 0.0]), Err(Undefined::Value { .. })));
    assert!(matches!(Statistic::ratio(&design, &[1.0; 4], &[0.0; 4]), Err(Undefined::Degenerate(_))));
    assert!(matches!(Statistic::ratio(&design, &[1.0; 4], &[1.0, 1.0, -1.0, 1.0]), Err(Undefined::Value { .. })));
    assert!(matches!(Statistic::sensitivity(&design, &sample, f64::NAN), Err(Undefined::Parameter { .. })));
    assert!(matches!(design.acceleration(&[1.0; 4]), Err(Undefined::Degenerate(_))));
    assert!(matches!(Distribution::new(0.0, vec![1.0]), Err(Undefined::TooFew { .. })));
    let aside = Distribution::new(0.0, vec![1.0, 2.0]).unwrap();
    assert!(matches!(aside.bias_correction(), Err(Undefined::Degenerate(_))));
    let wide = Distribution::new(0.5, vec![0.0, 1.0]).unwrap();
    assert!(matches!(wide.bca(2.0, Confidence::P95), Err(Undefined::Degenerate(_))));
    assert!(matches!(all.distribution(1), Err(Undefined::Parameter { .. })));
    let writes = |(): &mut (), _: &[u32], out: &mut [f64]| {
        out[0] = 1.0;
        Ok(())
    };
    assert_eq!(run(&design, &ALL, 0, || (), writes), Err(Undefined::Empty("statistics")));
    let failing = |(): &mut (), _: &[u32], _: &mut [f64]| Err(EMPTY);
    assert_eq!(run(&design, &ALL, 1, || (), failing), Err(EMPTY));
}

#[test]
fn average_precision_needs_negatives() {
    let clusters = Clusters::each(4);
    let design = Design::new(&clusters).unwrap();
    let sample = Binary::new(&[0.1, 0.2, 0.3, 0.4], &[false, true, true, true]).unwrap();
    let precision = Statistic::average_precision(&design, &sample).unwrap();
    let auc = Statistic::auc(&design, &sample).unwrap();
    let options = ALL.with(10_000);
    let (ours, area) = (resample(&[&precision], &options).unwrap(), resample(&[&auc], &options).unwrap());
    // Some (3/4)^4 have no negative and (1/4)^4 no positive; an area needs both as well.
    assert_eq!(ours.undefined, area.undefined);
    assert!((0.30..0.34).contains(&(ours.undefined as f64 / 10_000.0)), "{}", ours.undefined);
    assert!(matches!(precision.jackknife(), Err(Undefined::Degenerate(_))));
}

#[test]
fn weights_lift_nothing_above_1() {
    for rows in 3..30_usize {
        let scores: Vec<f64> = (0..rows).map(|row| row as f64).collect();
        let positive: Vec<bool> = (0..rows).map(|row| row > 0).collect();
        let weights: Vec<f64> = (0..rows).map(|row| 0.1 + 0.3 * (row * 7 % 11) as f64).collect();
        let sample = Binary::new(&scores, &positive).unwrap().weighted(&weights).unwrap();
        let design = Design::new(&Clusters::each(rows)).unwrap();
        for found in
            [Statistic::average_precision(&design, &sample).unwrap(), Statistic::auc(&design, &sample).unwrap()]
        {
            let values = resample(&[&found], &ALL.with(200)).unwrap().values;
            assert!(values[0].iter().chain([&found.observed()]).all(|value| *value <= 1.0));
        }
    }
}
