use super::fleiss::fleiss;
use super::icc::{Form, Ratings, Unit};
use super::kappa::{Table, Weights, cohen, gwet, prevalence_adjusted, proportion};
use super::krippendorff::{Level, alpha};
use super::pairs::{concordance, limits_of_agreement};
use crate::{Confidence, Undefined};

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 5e-5, "{found}, not {expected}");
}

/// Shrout & Fleiss 1979, table 4: the correlations of their example as printed, to two places.
#[test]
fn shrout_and_fleiss() {
    let rows =
        [[9., 2., 5., 8.], [6., 1., 3., 2.], [8., 4., 6., 8.], [7., 1., 2., 6.], [10., 5., 6., 9.], [6., 2., 4., 7.]];
    let ratings = Ratings::new(&rows.map(|row| row.to_vec())).unwrap();
    let check = |form, unit, expected: f64| {
        let found = ratings.icc(form, unit, Confidence::P95).unwrap();
        assert!((found.value - expected).abs() < 0.005, "{form:?} {unit:?}: {}", found.value);
        assert!(found.interval.contains(found.value));
    };
    check(Form::OneWay, Unit::Single, 0.17);
    check(Form::Agreement, Unit::Single, 0.29);
    check(Form::Consistency, Unit::Single, 0.71);
    check(Form::OneWay, Unit::Average, 0.44);
    check(Form::Agreement, Unit::Average, 0.62);
    check(Form::Consistency, Unit::Average, 0.91);
}

/// Fleiss 1971's psychiatric example has kappa 0.430; the well-known table of ten subjects and fourteen raters 0.2099.
#[test]
fn fourteen_raters() {
    let rows = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ];
    let found = fleiss(&rows.map(|row| row.to_vec())).unwrap();
    near(found.estimate.value, 0.20993);
    assert!(found.estimate.standard_error > found.null_standard_error);
    assert!(found.test().unwrap().p < 1e-9);
}

#[test]
fn perfect_and_absent_agreement() {
    let perfect = Table::new(&[vec![5, 0], vec![0, 7]]).unwrap();
    for weights in [Weights::Unweighted, Weights::Linear, Weights::Quadratic] {
        let kappa = cohen(&perfect, weights).unwrap();
        assert_eq!((kappa.estimate.value, kappa.estimate.standard_error), (1.0, 0.0));
        assert!(kappa.test().unwrap().p < 0.001);
    }
    for found in [proportion(&perfect), prevalence_adjusted(&perfect), gwet(&perfect)] {
        assert_eq!((found.value, found.standard_error), (1.0, 0.0));
    }
    let independent = Table::new(&[vec![4, 8], vec![2, 4]]).unwrap();
    near(cohen(&independent, Weights::Unweighted).unwrap().estimate.value, 0.0);

    let one_category = Table::new(&[vec![9, 0], vec![0, 0]]).unwrap();
    assert!(matches!(cohen(&one_category, Weights::Linear), Err(Undefined::Degenerate(_))));
    assert_eq!(gwet(&one_category).value, 1.0);
}

#[test]
fn two_categories_have_one_kappa() {
    let table = Table::new(&[vec![20, 5], vec![10, 15]]).unwrap();
    let found = [Weights::Unweighted, Weights::Linear, Weights::Quadratic].map(|w| cohen(&table, w).unwrap());
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    near(prevalence_adjusted(&table).value, 0.4);
}

#[test]
fn what_is_undefined_is_an_error() {
    assert!(Table::new(&[vec![1]]).is_err());
    assert!(Table::new(&[vec![1, 2], vec![3]]).is_err());
    assert!(Table::new(&[vec![0, 0], vec![0, 0]]).is_err());
    assert!(Table::new(&[vec![u64::MAX, 1], vec![0, 0]]).is_err());
    assert!(Table::of(&[0, 1], &[0], 2).is_err());
    assert!(Table::of(&[0, 1], &[0, 1], usize::MAX).is_err());
    assert!(matches!(Table::of(&[0, 2], &[0, 1], 2), Err(Undefined::Value { what: "the category", row: 1, .. })));

    assert!(fleiss(&[]).is_err());
    assert!(fleiss(&[vec![2, 1]]).is_err());
    assert!(fleiss(&[vec![1, 0], vec![0, 1]]).is_err());
    assert!(fleiss(&[vec![2, 1], vec![1, 1]]).is_err());
    assert!(fleiss(&[vec![2, 1], vec![1, 1, 1]]).is_err());
    assert!(fleiss(&[vec![3, 0], vec![3, 0]]).is_err());
    assert!(fleiss(&[vec![3, 0], vec![2, 1]]).is_err(), "without the second subject there is one category");

    let alone = |value| vec![Some(value), None];
    let both = |a, b| vec![Some(a), Some(b)];
    assert!(alpha(&[], Level::Nominal).is_err());
    assert!(alpha(&[alone(1.0), both(1.0, 2.0)], Level::Nominal).is_err());
    assert!(alpha(&[both(1.0, 1.0), both(1.0, 1.0), alone(2.0)], Level::Ordinal).is_err());
    assert!(alpha(&[both(1.0, 1.0), both(1.0, 2.0), both(1.0, 1.0)], Level::Interval).is_err());
    assert!(alpha(&[both(1.0, f64::NAN), both(1.0, 2.0)], Level::Interval).is_err());
    assert!(alpha(&[both(f64::MAX, -f64::MAX), both(1.0, 2.0), both(3.0, 2.0)], Level::Interval).is_err());

    assert!(Ratings::new(&[vec![1.0, 2.0]]).is_err());
    assert!(Ratings::new(&[vec![1.0], vec![2.0]]).is_err());
    assert!(Ratings::new(&[vec![1.0, 2.0], vec![1.0]]).is_err());
    assert!(Ratings::new(&[vec![1.0, 2.0], vec![1.0, f64::NAN]]).is_err());
    let shifted = Ratings::new(&[vec![0.1, 0.3], vec![0.5, 0.7], vec![1.1, 1.3]]).unwrap();
    assert!(shifted.icc(Form::Consistency, Unit::Single, Confidence::P95).is_err());
    assert!(shifted.icc(Form::OneWay, Unit::Single, Confidence::P95).is_ok());
    let constant = Ratings::new(&[vec![1.0, 1.0], vec![1.0, 1.0]]).unwrap();
    assert!(constant.icc(Form::Agreement, Unit::Average, Confidence::P95).is_err());

    let p95 = Confidence::P95;
    assert!(limits_of_agreement(&[1.0], &[1.0], p95, p95).is_err());
    assert!(limits_of_agreement(&[1.0, 2.0], &[1.0], p95, p95).is_err());
    assert!(limits_of_agreement(&[1.0, f64::INFINITY], &[1.0, 2.0], p95, p95).is_err());
    assert!(limits_of_agreement(&[f64::MAX, 0.0], &[-f64::MAX, 0.0], p95, p95).is_err());
    assert!(concordance(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0], p95).is_err());
    assert!(concordance(&[1.0, 2.0], &[1.0, 2.0], p95).is_err());
}

#[test]
fn the_same_measurement_twice() {
    let list = [0.1, 0.7, 0.4, 0.9];
    let found = concordance(&list, &list, Confidence::P95).unwrap();
    near(found.value, 1.0);
    near(found.interval.lower, 1.0);
    let limits = limits_of_agreement(&list, &list, Confidence::P95, Confidence::P95).unwrap();
    assert_eq!((limits.bias.value, limits.lower.value, limits.upper.interval.upper), (0.0, 0.0, 0.0));
}

#[test]
fn measurements_too_large_to_be_squared() {
    use super::icc::{Form, Ratings, Unit};
    let rows = [vec![1e160, 0.0], vec![0.0, -1e160], vec![-1e160, 1e160]];
    let ratings = Ratings::new(&rows).unwrap();
    for form in [Form::OneWay, Form::Agreement, Form::Consistency] {
        for unit in [Unit::Single, Unit::Average] {
            let found = ratings.icc(form, unit, Confidence::P95);
            assert!(matches!(found, Err(Undefined::Degenerate(_))), "{found:?}");
        }
    }
}
