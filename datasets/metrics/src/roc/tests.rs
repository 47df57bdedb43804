use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Binary, Clusters, Confidence, Estimate, Undefined};

/// Few distinct scores, so that there are ties: (score, has the outcome, cluster).
fn rows() -> impl Strategy<Value = Vec<(i8, bool, u8)>> {
    vec((-6i8..6, any::<bool>(), 0u8..12), 4..60)
        .prop_filter("two of each class", |rows| (2..rows.len() - 1).contains(&rows.iter().filter(|row| row.1).count()))
}

fn sample(rows: &[(i8, bool, u8)]) -> Binary {
    of(&rows.iter().map(|row| f64::from(row.0)).collect::<Vec<_>>(), rows)
}

fn of(scores: &[f64], rows: &[(i8, bool, u8)]) -> Binary {
    Binary::new(scores, &rows.iter().map(|row| row.1).collect::<Vec<_>>()).unwrap()
}

/// A second score, which goes with the first in part.
fn other(rows: &[(i8, bool, u8)]) -> Binary {
    of(&rows.iter().map(|row| f64::from(row.0 / 2) + f64::from(row.2 % 5)).collect::<Vec<_>>(), rows)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12
}

fn psi(x: f64, y: f64) -> f64 {
    if x > y {
        1.0
    } else if x == y {
        0.5
    } else {
        0.0
    }
}

/// AUC over all pairs.
fn naive(sample: &Binary) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for i in (0..sample.len()).filter(|i| sample.positive()[*i]) {
        for j in (0..sample.len()).filter(|j| !sample.positive()[*j]) {
            let weight = sample.weight(i) * sample.weight(j);
            wins += weight * psi(sample.scores()[i], sample.scores()[j]);
            pairs += weight;
        }
    }
    wins / pairs
}

proptest! {
    #[test]
    fn the_area_is_that_over_all_pairs(rows in rows(), weights in vec(0.0f64..3.0, 60)) {
        let plain = sample(&rows);
        prop_assert_eq!(auc(&plain).unwrap(), naive(&plain));
        let weighted = plain.clone().weighted(&weights[..rows.len()]).unwrap();
        prop_assert!(near(auc(&weighted).unwrap(), naive(&weighted)));
        let area: f64 = corners(&weighted).unwrap().windows(2).map(|p| {
            let width = p[1].false_positive_rate - p[0].false_positive_rate;
            width * (p[0].true_positive_rate + p[1].true_positive_rate) / 2.0
        }).sum();
        prop_assert!(near(area, naive(&weighted)));
    }

    #[test]
    fn components_are_those_over_all_pairs(rows in rows()) {
        let plain = sample(&rows);
        let found = components(&plain).unwrap();
        let class = |class: bool| {
            let scores = plain.scores().iter().zip(plain.positive());
            scores.filter(|s| *s.1 == class).map(|s| *s.0).collect::<Vec<_>>()
        };
        let (x, y) = (class(true), class(false));
        let v10 = |x: &f64| y.iter().map(|y| psi(*x, *y)).sum::<f64>() / y.len() as f64;
        let v01 = |y: &f64| x.iter().map(|x| psi(*x, *y)).sum::<f64>() / x.len() as f64;
        prop_assert_eq!(found.positive, x.iter().map(v10).collect::<Vec<_>>());
        prop_assert_eq!(found.negative, y.iter().map(v01).collect::<Vec<_>>());
        prop_assert_eq!(found.auc, auc(&plain).unwrap());
    }

    #[test]
    fn only_the_order_of_scores_counts(rows in rows()) {
        let plain = sample(&rows);
        let bent: Vec<f64> = plain.scores().iter().map(|s| (s / 3.0).exp() - 700.0).collect();
        prop_assert_eq!(components(&of(&bent, &rows)), components(&plain));
    }

    #[test]
    fn swapped_outcomes_give_the_rest(rows in rows()) {
        let plain = sample(&rows);
        let swapped = Binary::new(plain.scores(), &plain.positive().iter().map(|p| !p).collect::<Vec<_>>()).unwrap();
        let (a, b) = (delong(&plain).unwrap(), delong(&swapped).unwrap());
        prop_assert!(near(a.value, 1.0 - b.value) && near(a.standard_error, b.standard_error));
    }

    #[test]
    fn a_whole_weight_is_so_many_rows(rows in rows(), times in vec(1usize..4, 60)) {
        let times = &times[..rows.len()];
        let weights: Vec<f64> = times.iter().map(|t| *t as f64).collect();
        let weighted = sample(&rows).weighted(&weights).unwrap();
        let many: Vec<_> = rows.iter().zip(times).flat_map(|(row, times)| std::iter::repeat_n(*row, *times)).collect();
        let many = sample(&many);
        prop_assert_eq!(auc(&weighted), auc(&many));
        prop_assert_eq!(curve(&weighted), curve(&many));
        prop_assert_eq!(corners(&weighted), corners(&many));
        let range = Range::Sensitivity { from: 0.3, to: 0.8 };
        prop_assert_eq!(partial_auc(&weighted, range), partial_auc(&many, range));
    }

    #[test]
    fn rows_that_are_said_twice_within_clusters_say_nothing_new(rows in rows()) {
        let single = delong(&sample(&rows)).unwrap();
        let own = delong(&sample(&rows).clustered(Clusters::each(rows.len())).unwrap()).unwrap();
        prop_assert!(near(own.standard_error, single.standard_error));

        let twice: Vec<_> = rows.iter().chain(&rows).copied().collect();
        let clusters = Clusters::of((0..rows.len()).chain(0..rows.len()));
        let clustered = delong(&sample(&twice).clustered(clusters.clone()).unwrap()).unwrap();
        prop_assert!(near(clustered.value, single.value) && near(clustered.standard_error, single.standard_error));

        let a = paired(&sample(&rows), &other(&rows)).unwrap();
        let b = paired(
            &sample(&twice).clustered(clusters.clone()).unwrap(),
            &other(&twice).clustered(clusters).unwrap(),
        ).unwrap();
        prop_assert!(near(a.covariance, b.covariance));
        prop_assert!(near(a.difference.standard_error, b.difference.standard_error));
    }

    #[test]
    fn comparisons_agree_with_each_other(rows in rows(), by_patient in any::<bool>()) {
        let clusters = if by_patient { Clusters::of(rows.iter().map(|row| row.2)) } else { Clusters::each(rows.len()) };
        let in_clusters = |sample: Binary| sample.clustered(clusters.clone()).unwrap();
        let (first, second) = (in_clusters(sample(&rows)), in_clusters(other(&rows)));
        let third = in_clusters(of(&rows.iter().map(|row| f64::from(row.0 + row.2 as i8)).collect::<Vec<_>>(), &rows));
        let two = paired(&first, &second);
        // All rows of a class may be of one cluster.
        prop_assume!(two.is_ok());
        let two = two.unwrap();
        let variance = two.first.standard_error.powi(2) + two.second.standard_error.powi(2) - 2.0 * two.covariance;
        prop_assert!(near(two.difference.standard_error.powi(2), variance));
        prop_assert_eq!(two.first, delong(&first).unwrap());

        let all = correlated(&[&first, &second]).unwrap();
        let contrast = all.contrast(&[1.0, -1.0]).unwrap();
        prop_assert!((contrast.standard_error - two.difference.standard_error).abs() <= 1e-6);
        if let (Ok(overall), Ok(test)) = (all.overall(), two.test()) {
            prop_assert!((overall.test.statistic - test.statistic.powi(2)).abs() <= 1e-8 * overall.test.statistic.max(1.0));
            prop_assert!(near(overall.test.p, test.p) || (overall.test.p - test.p).abs() <= 1e-8);
        }
        let orders = [[&first, &second, &third], [&third, &first, &second]];
        let [a, b] = orders.map(|order| correlated(&order).unwrap().overall());
        if let (Ok(a), Ok(b)) = (a, b) {
            prop_assert!((a.test.statistic - b.test.statistic).abs() <= 1e-6 * a.test.statistic.max(1.0));
        }
    }

    #[test]
    fn parts_of_the_area_add_up(rows in rows(), at in 0.01f64..0.99) {
        let plain = sample(&rows);
        let whole = auc(&plain).unwrap();
        let part = |range| partial_auc(&plain, range).unwrap();
        let specificity = |from, to| Range::Specificity { from, to };
        let sensitivity = |from, to| Range::Sensitivity { from, to };
        prop_assert!(near(part(specificity(0.0, at)) + part(specificity(at, 1.0)), whole));
        prop_assert!(near(part(sensitivity(0.0, at)) + part(sensitivity(at, 1.0)), whole));
        prop_assert!(near(standardised_partial_auc(&plain, sensitivity(0.0, 1.0)).unwrap(), whole));
        // The slope of the area is the height of the curve.
        let (width, height) = (1e-9, sensitivity_at_specificity(&plain, at).unwrap());
        let slope = part(specificity(at, at + width)) / width;
        let specificities = curve(&plain).unwrap().into_iter().map(|p| 1.0 - p.false_positive_rate);
        let at_a_corner = specificities.into_iter().any(|corner| (corner - at).abs() < 2.0 * width);
        prop_assert!(at_a_corner || (slope - height).abs() < 1e-5);
    }
}

#[test]
fn no_class_no_variance_no_number() {
    let check = |scores: &[f64], positive: &[bool], expected: Undefined| {
        assert_eq!(delong(&Binary::new(scores, positive).unwrap()), Err(expected));
    };
    let few = |what| Undefined::TooFew { what, found: 1, needed: 2 };
    check(&[0.1, 0.2], &[true; 2], Undefined::OneClass { positives: 2, negatives: 0 });
    check(&[0.1, 0.2, 0.3], &[true, false, false], few("rows with the outcome"));
    check(&[0.1, 0.2, 0.3], &[true, true, false], few("rows without the outcome"));

    let four = Binary::new(&[0.4, 0.3, 0.2, 0.1], &[true, true, false, false]).unwrap();
    let clustered = |keys: [u8; 4]| delong(&four.clone().clustered(Clusters::of(keys)).unwrap());
    assert_eq!(clustered([0, 0, 1, 2]), Err(few("clusters with a row with the outcome")));
    assert_eq!(clustered([0, 1, 2, 2]), Err(few("clusters with a row without the outcome")));

    let weighted = |weights: [f64; 4]| four.clone().weighted(&weights).unwrap();
    assert!(matches!(delong(&weighted([1.0; 4])), Err(Undefined::Degenerate(_))));
    assert!(matches!(auc(&weighted([0.0, 0.0, 1.0, 1.0])), Err(Undefined::Degenerate(_))));
    assert!(matches!(auc(&weighted([1e300; 4])), Err(Undefined::Degenerate(_))));
    assert!(matches!(curve(&weighted([1e-320; 4])), Err(Undefined::Degenerate(_))));
    assert_eq!(auc(&weighted([0.0, 1e-9, 0.0, 1e9])), Ok(1.0));
}

#[test]
fn a_perfect_score_shows_no_variation() {
    let perfect = Binary::new(&[0.4, 0.3, 0.2, 0.1], &[true, true, false, false]).unwrap();
    let area = delong(&perfect).unwrap();
    assert_eq!(area, Estimate { value: 1.0, standard_error: 0.0 });
    assert!(logit_interval(&area, Confidence::P95).is_err() && area.test(0.5).is_err());
    let level = Binary::new(&[0.0, -0.0, 0.0, 0.0], &[true, true, false, false]).unwrap();
    let area = delong(&level).unwrap();
    assert_eq!(area, Estimate { value: 0.5, standard_error: 0.0 });
    assert!(logit_interval(&area, Confidence::P95).is_err());

    // Alike but for the scale: no difference, no error, no test.
    let scaled = Binary::new(&[4.0, 3.0, 2.0, 1.0], &[true, true, false, false]).unwrap();
    assert!(paired(&perfect, &scaled).unwrap().test().is_err());
    assert!(correlated(&[&perfect, &scaled]).unwrap().overall().is_err());
    assert!(unpaired(&perfect, &level).unwrap().welch().is_err());
}

#[test]
fn a_variance_that_cancels_is_zero() {
    // Each patient has a breast with cancer and one without that score alike: the area is 0.5 in any sample of patients.
    let scores: Vec<f64> = (0..14).map(|row| f64::from(row / 2) / 7.0).collect();
    let positive: Vec<bool> = (0..14).map(|row| row % 2 == 0).collect();
    let sample = Binary::new(&scores, &positive).unwrap();
    assert!(delong(&sample).unwrap().standard_error > 0.1);
    let clustered = sample.clustered(Clusters::of((0..14).map(|row| row / 2))).unwrap();
    assert_eq!(delong(&clustered).unwrap(), Estimate { value: 0.5, standard_error: 0.0 });
}

#[test]
fn what_cannot_be_compared() {
    let first = Binary::new(&[0.4, 0.3, 0.2, 0.1], &[true, true, false, false]).unwrap();
    let swapped = Binary::new(&[0.4, 0.3, 0.2, 0.1], &[true, false, true, false]).unwrap();
    let longer = Binary::new(&[0.4, 0.3, 0.2, 0.1, 0.0], &[true, true, false, false, false]).unwrap();
    let clustered = first.clone().clustered(Clusters::each(4)).unwrap();
    assert!(matches!(paired(&first, &swapped), Err(Undefined::Value { row: 1, .. })));
    assert!(matches!(paired(&first, &longer), Err(Undefined::Length { expected: 4, found: 5, .. })));
    assert!(matches!(paired(&first, &clustered), Err(Undefined::Degenerate(_))));
    assert!(matches!(correlated(&[&first]), Err(Undefined::TooFew { found: 1, .. })));
    assert!(matches!(correlated(&[]), Err(Undefined::TooFew { found: 0, .. })));
}

#[test]
fn parameters_have_domains() {
    let sample = Binary::new(&[0.4, 0.3, 0.2, 0.1], &[true, false, true, false]).unwrap();
    for (from, to) in [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (f64::NAN, 0.5), (0.5, f64::NAN)] {
        for range in [Range::Specificity { from, to }, Range::Sensitivity { from, to }] {
            assert!(matches!(partial_auc(&sample, range), Err(Undefined::Parameter { .. })), "{range:?}");
        }
    }
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(sensitivity_at_specificity(&sample, bad).is_err() && specificity_at_sensitivity(&sample, bad).is_err());
        assert!(hanley_mcneil(bad, 5, 5).is_err());
        assert!(logit_interval(&Estimate { value: bad, standard_error: 0.1 }, Confidence::P95).is_err());
    }
    let difference = Estimate { value: 0.01, standard_error: 0.02 };
    for bad in [-0.1, 1.1, f64::INFINITY, f64::NAN] {
        assert!(non_inferiority(&difference, bad).is_err() && equivalence(&difference, bad).is_err());
    }
    for bad in [0.0, -0.1, f64::INFINITY, f64::NAN] {
        assert!(non_inferiority(&Estimate { standard_error: bad, ..difference }, 0.1).is_err());
    }
    let two = correlated(&[&sample, &sample]).unwrap();
    for bad in [&[1.0][..], &[1.0, f64::NAN], &[1e101, 0.0]] {
        assert!(two.contrast(bad).is_err(), "{bad:?}");
    }
    let area = delong(&sample).unwrap();
    for size in [0.0, 1e-200, 1e100] {
        let found = two.contrast(&[size, 0.0]).unwrap();
        assert_eq!(found.value, size * area.value);
        assert!((found.standard_error - size * area.standard_error).abs() <= 1e-15 * size);
    }
    assert!(equivalence(&difference, 0.0).is_err());
    assert_eq!(hanley_mcneil(1.0, 5, 5).unwrap().standard_error, 0.0);
}

#[test]
fn equivalence_is_the_narrower_interval_within_the_margins() {
    for value in [-0.04, -0.017, -0.01, 0.0, 0.0172, 0.03] {
        let difference = Estimate { value, standard_error: 0.02 };
        let (margin, interval) = (0.05, difference.interval(Confidence::P90));
        let found = equivalence(&difference, margin).unwrap();
        assert_eq!(found.p <= 0.05, interval.lower >= -margin && interval.upper <= margin, "{value}");
        assert_eq!(found.above, non_inferiority(&difference, margin).unwrap());
    }
}

#[test]
fn thresholds_are_the_scores_to_the_bit() {
    let scores = [f64::MAX, 1.5, f64::MIN_POSITIVE, 5e-324, 0.0, -5e-324, -1.0, -1.25, f64::MIN];
    let positive: Vec<bool> = (0..scores.len()).map(|row| row % 2 == 0).collect();
    let shuffled: Vec<f64> = (0..scores.len()).map(|row| scores[row * 4 % scores.len()]).collect();
    let points = curve(&Binary::new(&shuffled, &positive).unwrap()).unwrap();
    assert_eq!(points[1..].iter().map(|point| point.threshold.unwrap()).collect::<Vec<_>>(), scores);
}

#[test]
fn a_million_rows_keep_their_digits() {
    // Every other row: the k-th positive beats k of the m negatives, and all sums have a closed form.
    let m = 500_000.0f64;
    let scores: Vec<f64> = (0..1_000_000).map(f64::from).collect();
    let positive: Vec<bool> = (0..1_000_000).map(|row| row % 2 == 1).collect();
    let area = delong(&Binary::new(&scores, &positive).unwrap()).unwrap();
    assert_eq!(area.value, (m + 1.0) / (2.0 * m));
    let expected = ((m + 1.0) / 6.0).sqrt() / m;
    assert!((area.standard_error / expected - 1.0).abs() < 1e-13, "{}", area.standard_error / expected - 1.0);
}

#[test]
fn the_same_bits_on_every_number_of_threads() {
    let scores: Vec<f64> = (0..200_000u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as f64).collect();
    let positive: Vec<bool> = (0..scores.len()).map(|i| i % 7 == 0).collect();
    let sample = Binary::new(&scores, &positive).unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (delong(&sample).unwrap(), curve(&sample).unwrap()))
    };
    assert!(on(1) == on(3));
}
