//! What holds for every sample.

use proptest::prelude::*;

use super::*;
use crate::{Binary, Clusters, Confidence, Result, Undefined};

/// (probability in 1/41, outcome, weight 0 to 3).
fn tables() -> impl Strategy<Value = Vec<(u8, bool, u8)>> {
    prop::collection::vec((1u8..41, any::<bool>(), 0u8..4), 2..40)
}

fn sample(table: &[(u8, bool, u8)]) -> Binary {
    let scores: Vec<f64> = table.iter().map(|row| f64::from(row.0) / 41.0).collect();
    let positive: Vec<bool> = table.iter().map(|row| row.1).collect();
    Binary::new(&scores, &positive).unwrap()
}

fn weighted(table: &[(u8, bool, u8)]) -> Option<Binary> {
    let weights: Vec<f64> = table.iter().map(|row| f64::from(row.2)).collect();
    sample(table).weighted(&weights).ok()
}

/// Each row as often as its weight says.
fn repeated(table: &[(u8, bool, u8)]) -> Vec<(u8, bool, u8)> {
    table.iter().flat_map(|row| std::iter::repeat_n((row.0, row.1, 1), row.2 as usize)).collect()
}

/// Statistics that take weights as frequencies, by name; an error is no number.
fn frequencies(sample: &Binary) -> Vec<(&'static str, Option<f64>)> {
    let f = Forecasts::new(sample.clone()).unwrap();
    let model = StandardErrors::Model;
    let at = |method: Method| method.fit(sample).and_then(|map| map.apply(0.37)).ok();
    let (width, mass) = (Binning::EqualWidth(5), Binning::EqualMass(4));
    vec![
        ("slope", cox(&f, model).ok().map(|c| c.slope.value)),
        ("slope's error", cox(&f, model).ok().map(|c| c.slope.standard_error)),
        ("intercept", cox(&f, model).ok().map(|c| c.intercept.value)),
        ("in the large", in_the_large(&f, model).ok().map(|e| e.value)),
        ("observed over expected", observed_expected(&f).ok().map(|o| o.ratio)),
        ("brier", brier(&f).ok().map(|b| b.value)),
        ("scaled brier", scaled_brier(&f).ok()),
        ("log loss", log_loss(&f).ok().map(|l| l.value)),
        ("ece", expected_error(&f, width).ok()),
        ("ece by mass", expected_error(&f, mass).ok()),
        ("mce", largest_error(&f, width).ok()),
        ("reliability", murphy(&f, mass).ok().map(|m| m.reliability)),
        ("hosmer", hosmer_lemeshow(&f, 4, 0).ok().map(|t| t.statistic)),
        ("logistic", at(Method::Logistic)),
        ("platt", at(Method::Platt)),
        ("temperature", at(Method::Temperature)),
        ("beta", at(Method::Beta)),
        ("isotonic", at(Method::Isotonic)),
    ]
}

fn same(
    a: &[(&'static str, Option<f64>)],
    b: &[(&'static str, Option<f64>)],
) -> std::result::Result<(), TestCaseError> {
    for ((name, a), (_, b)) in a.iter().zip(b) {
        match (a, b) {
            (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1e-7 * a.abs().max(1.0), "{name}: {a} {b}"),
            (None, None) => {}
            other => prop_assert!(false, "{name}: {other:?}"),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_weight_is_a_number_of_rows(table in tables()) {
        let rows = repeated(&table);
        // Below two rows there is no standard error, hence no Brier score, however often one row counts.
        prop_assume!(table.iter().filter(|row| row.2 > 0).count() > 1);
        same(&frequencies(&weighted(&table).unwrap()), &frequencies(&sample(&rows)))?;
    }

    #[test]
    fn order_does_not_matter(table in tables()) {
        let mut reversed = table.clone();
        reversed.reverse();
        same(&frequencies(&sample(&table)), &frequencies(&sample(&reversed)))?;
    }

    #[test]
    fn numbers_are_finite(table in tables(), patients in prop::option::of(prop::collection::vec(0u8..6, 40))) {
        let Some(mut sample) = weighted(&table) else { return Ok(()) };
        if let Some(patients) = patients {
            sample = sample.clustered(Clusters::of(&patients[..table.len()])).unwrap();
        }
        for (name, value) in frequencies(&sample) {
            prop_assert!(value.is_none_or(f64::is_finite), "{name}");
        }
        let f = Forecasts::new(sample).unwrap();
        if let Ok(curve) = Loess::default().curve(&f) {
            prop_assert!(curve.observed.iter().all(|y| y.is_finite()));
            let e = curve.errors(&f).unwrap();
            prop_assert!(e.ici <= e.emax && e.e50 <= e.e90 && e.e90 <= e.emax, "{e:?}");
        }
        for errors in [StandardErrors::Model, StandardErrors::Sandwich] {
            if let Ok(found) = cox(&f, errors) {
                prop_assert!(found.slope.standard_error.is_finite() && found.covariance.is_finite());
                prop_assert!(found.intercept.standard_error.is_finite());
            }
            if let Ok(found) = in_the_large(&f, errors) {
                prop_assert!(found.standard_error.is_finite());
            }
        }
        if let Ok(interval) = observed_expected(&f).and_then(|o| o.interval(Confidence::P95)) {
            prop_assert!(interval.lower.is_finite() && interval.upper.is_finite());
        }
        for bin in bins(&f, Binning::EqualMass(3)).unwrap() {
            let interval = bin.wilson(Confidence::P95);
            prop_assert!(interval.lower <= bin.observed + 1e-12 && bin.observed <= interval.upper + 1e-12);
        }
    }

    #[test]
    fn isotonic_is_the_greatest_of_least_means(table in tables()) {
        let sample = sample(&table);
        let Ok(map) = Method::Isotonic.fit(&sample) else { return Ok(()) };
        // Barlow et al. (1972): f(x) is the maximum over a <= x of the minimum over b >= x of the mean of y in [a, b].
        let mean = |a: f64, b: f64| {
            let inside: Vec<bool> = (0..sample.len())
                .filter(|row| (a..=b).contains(&sample.scores()[*row])).map(|row| sample.positive()[row]).collect();
            inside.iter().filter(|y| **y).count() as f64 / inside.len() as f64
        };
        for x in sample.scores() {
            let least = |a: f64| sample.scores().iter().filter(|b| *b >= x).map(|b| mean(a, *b)).fold(1.0, f64::min);
            let expected = sample.scores().iter().filter(|a| *a <= x).map(|a| least(*a)).fold(0.0, f64::max);
            prop_assert!((map.apply(*x).unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_fit_leaves_nothing_to_fit(table in tables()) {
        // The logistic map of its own rows has slope 1 and intercept 0, and as many as there were.
        let sample = sample(&table);
        let Ok(map) = Method::Logistic.fit(&sample) else { return Ok(()) };
        let fitted: Vec<f64> = sample.scores().iter().map(|p| map.apply(*p).unwrap()).collect();
        let f = Forecasts::new(Binary::new(&fitted, sample.positive()).unwrap()).unwrap();
        prop_assert!((observed_expected(&f).unwrap().ratio - 1.0).abs() < 1e-9);
        // Where the fitted are nearly all the same, the slope is known as badly as its standard error says.
        let near = |found: crate::Estimate, expected: f64| {
            (found.value - expected).abs() < 1e-6 * (1.0 + found.standard_error)
        };
        if let Ok(again) = cox(&f, StandardErrors::Model) {
            prop_assert!(near(again.intercept, 0.0) && near(again.slope, 1.0), "{again:?}");
        }
    }
}

#[test]
fn one_class_has_few_answers() {
    let forecasts = |y| Forecasts::new(Binary::new(&[0.2, 0.4, 0.7], &[y; 3]).unwrap()).unwrap();
    for y in [true, false] {
        let f = forecasts(y);
        let one_class = |found: Result<f64>| assert!(matches!(found, Err(Undefined::OneClass { .. })), "{found:?}");
        one_class(scaled_brier(&f));
        one_class(cox(&f, StandardErrors::Model).map(|c| c.slope.value));
        one_class(in_the_large(&f, StandardErrors::Sandwich).map(|e| e.value));
        for method in [Method::Logistic, Method::Platt, Method::Temperature, Method::Beta, Method::Isotonic] {
            one_class(method.fit(f.sample()).map(|_| 0.0));
        }
        assert!(brier(&f).is_ok() && log_loss(&f).is_ok() && spiegelhalter(&f).is_ok());
        assert!(observed_expected(&f).unwrap().poisson(Confidence::P95).is_ok());
    }
    // No outcome: the ratio is 0, and only the exact interval exists.
    let none = observed_expected(&forecasts(false)).unwrap();
    assert_eq!(none.ratio, 0.0);
    assert!(none.interval(Confidence::P95).is_err());
    assert_eq!(none.poisson(Confidence::P95).unwrap().lower, 0.0);
}

#[test]
fn degenerate() {
    let f = |p: &[f64], y: &[bool]| Forecasts::new(Binary::new(p, y).unwrap()).unwrap();
    assert!(matches!(observed_expected(&f(&[0.0, 0.0], &[true, false])), Err(Undefined::Degenerate(_))));
    assert!(matches!(spiegelhalter(&f(&[0.0, 0.5, 1.0], &[true, false, true])), Err(Undefined::Degenerate(_))));
    assert!(matches!(brier(&f(&[0.3], &[true])), Err(Undefined::TooFew { .. })));
    let constant = f(&[0.3, 0.3, 0.3], &[true, false, false]);
    assert!(matches!(cox(&constant, StandardErrors::Model), Err(Undefined::Degenerate(_))));
    assert!(in_the_large(&constant, StandardErrors::Model).is_ok());
    let separated = f(&[0.1, 0.2, 0.8, 0.9], &[false, false, true, true]);
    assert!(cox(&separated, StandardErrors::Model).is_err());
    assert!(Method::Platt.fit(separated.sample()).is_ok());
    let reversed = Binary::new(&[0.1, 0.2, 0.3, 0.8, 0.9, 0.7], &[true, true, false, false, false, true]).unwrap();
    assert!(matches!(Method::Temperature.fit(&reversed), Err(Undefined::Degenerate(_))));
    assert!(matches!(Method::Beta.fit(&reversed), Err(Undefined::Degenerate(_))));
    let one_patient = Binary::new(&[0.1, 0.6], &[false, true]).unwrap().clustered(Clusters::of([7, 7])).unwrap();
    assert!(matches!(brier(&Forecasts::new(one_patient).unwrap()), Err(Undefined::TooFew { found: 1, .. })));
    let heavy = Binary::new(&[0.1, 0.6], &[false, true]).unwrap().weighted(&[1e200, 1e200]).unwrap();
    assert!(Forecasts::new(heavy.clone()).is_err() && Method::Isotonic.fit(&heavy).is_err());
    let far = Binary::new(&[-1.7e308, 1.7e308], &[false, true]).unwrap();
    assert_eq!(Method::Isotonic.fit(&far).unwrap().apply(0.0).unwrap(), 0.5);
    assert!(Method::Platt.fit(&far).is_err());
    assert!(observed_expected(&f(&[5e-324, 5e-324], &[true, false])).is_err());
    let map = Method::Platt.fit(separated.sample()).unwrap();
    assert!(matches!(map.apply(f64::NAN), Err(Undefined::Parameter { .. })));
    assert!(Method::Isotonic.fit(separated.sample()).unwrap().apply(f64::INFINITY).is_err());
}

#[test]
fn a_patient_is_never_calibrated_by_himself() {
    // One patient's rows alone are positive at low scores; a map fitted with them would differ from one without.
    let rows = 200;
    let scores: Vec<f64> = (0..rows).map(|row| 0.005 + 0.99 * row as f64 / rows as f64).collect();
    let positive: Vec<bool> = (0..rows).map(|row| row % 3 == 0).collect();
    let patients: Vec<usize> = (0..rows).map(|row| row % 50).collect();
    let sample = Binary::new(&scores, &positive).unwrap().clustered(Clusters::of(&patients)).unwrap();
    let found = cross_fitted(Method::Isotonic, &sample, 4, 9).unwrap();
    let fold_of = folds(&sample, 4, 9).unwrap();
    for row in 0..rows {
        let others: Vec<bool> = fold_of.iter().map(|fold| *fold != fold_of[row]).collect();
        assert!((0..rows).all(|other| !others[other] || patients[other] != patients[row]));
        let map = Method::Isotonic.fit(&sample.filtered(&others).unwrap()).unwrap();
        assert_eq!(found[row], map.apply(scores[row]).unwrap());
    }
}

#[test]
fn a_sandwich_needs_more_clusters_than_coefficients() {
    // The scores of two patients sum to 0 in both columns: the sandwich has rank 1, and its rounding was below 0.
    let p = [0.4, 0.2, 0.3, 0.4, 0.2, 0.3];
    let y = [true, true, true, false, false, false];
    let sample = Binary::new(&p, &y).unwrap().clustered(Clusters::of([1, 1, 1, 2, 2, 2])).unwrap();
    let forecasts = Forecasts::new(sample).unwrap();
    let found = cox(&forecasts, StandardErrors::Sandwich);
    assert!(matches!(found, Err(Undefined::TooFew { found: 2, needed: 3, .. })), "{found:?}");
    let level = in_the_large(&forecasts, StandardErrors::Sandwich).unwrap();
    assert!(level.standard_error.is_finite() && level.standard_error > 0.0);
}

#[test]
fn alike_rows_leave_no_variance() {
    for n in 2..40 {
        let found = brier(&Forecasts::new(Binary::new(&vec![0.3; n], &vec![false; n]).unwrap()).unwrap()).unwrap();
        assert_eq!(found.standard_error, 0.0, "{n}");
    }
}

#[test]
fn a_row_of_weight_0_does_not_speak() {
    let sample = Binary::new(&[0.0, 0.5, 0.25], &[true, true, false]).unwrap();
    let loss = |weights: &[f64]| log_loss(&Forecasts::new(sample.clone().weighted(weights).unwrap()).unwrap());
    assert!((loss(&[0.0, 1.0, 1.0]).unwrap().value - (2f64.ln() - 0.75f64.ln()) / 2.0).abs() < 1e-15);
    assert!(matches!(loss(&[1.0, 1.0, 1.0]), Err(Undefined::Value { row: 0, .. })));
}

#[test]
fn an_error_has_the_row_of_the_table() {
    for bad in [0, 17, 59] {
        let p: Vec<f64> = (0..60).map(|row| if row == bad { 1.0 } else { f64::from(row + 1) / 70.0 }).collect();
        let y: Vec<bool> = (0..60).map(|row| row % 3 == 0).collect();
        let sample = Binary::new(&p, &y).unwrap();
        for method in [Method::Logistic, Method::Temperature, Method::Beta] {
            let found = cross_fitted(method, &sample, 5, 2);
            assert!(matches!(found, Err(Undefined::Value { row, .. }) if row == bad as usize), "{found:?}");
        }
    }
}

#[test]
fn no_temperature_where_forecasts_say_nothing() {
    // As many of either outcome at each forecast: the slope is 0, and rounding must not make it a temperature.
    let table = [(11, true, 0), (34, false, 0), (34, true, 0), (11, false, 0)];
    for turned in 0..4 {
        let mut table = table;
        table.rotate_left(turned);
        assert!(matches!(Method::Temperature.fit(&sample(&table)), Err(Undefined::Degenerate(_))), "{turned}");
        table.reverse();
        assert!(matches!(Method::Temperature.fit(&sample(&table)), Err(Undefined::Degenerate(_))), "{turned}");
    }
}
