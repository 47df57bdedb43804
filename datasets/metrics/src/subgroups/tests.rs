use proptest::prelude::*;

use super::*;
use crate::proportions::Proportion;

fn share(group: &Binary) -> Result<Estimate> {
    group.both_classes()?;
    Ok(Proportion::count(group.positive().iter().copied())?.estimate())
}

#[test]
fn a_stratum_without_a_statistic_stays() {
    let sample = Binary::new(&[0.1; 6], &[true, false, true, true, false, false]).unwrap();
    let labels = ["b", "b", "a", "a", "c", "c"];
    let found = strata(&sample, &labels, share).unwrap();
    let labels_found: Vec<&str> = found.list.iter().map(|stratum| stratum.label.as_str()).collect();
    assert_eq!(labels_found, ["b", "a", "c"]);
    assert_eq!(found.list[1].estimate, Err(Undefined::OneClass { positives: 2, negatives: 0 }));
    assert_eq!((found.list[1].rows, found.list[1].positives), (2, 2));
    assert!(found.list[1].interval(Confidence::P95).is_err());
    assert_eq!(found.heterogeneity(), Err(Undefined::TooFew { what: "subgroups", found: 1, needed: 2 }));
    assert!(strata(&sample, &["a"], share).is_err());
}

#[test]
fn patients_in_two_subgroups_are_seen() {
    let sample = Binary::new(&[0.1; 8], &[true, false, true, false, true, false, true, false]).unwrap();
    let labels = ["L", "L", "L", "L", "R", "R", "R", "R"];
    let member = labels.map(|label| label == "L");
    let apart = sample.clone().clustered(Clusters::of([0, 0, 1, 1, 2, 2, 3, 3])).unwrap();
    let across = sample.clustered(Clusters::of([0, 0, 1, 1, 1, 2, 3, 0])).unwrap();
    assert_eq!(strata(&apart, &labels, share).unwrap().shared_clusters, 0);
    assert!(strata(&apart, &labels, share).unwrap().heterogeneity().is_ok());
    assert!(against_rest(&apart, &member, share).is_ok());
    assert_eq!(strata(&across, &labels, share).unwrap().shared_clusters, 2);
    assert!(strata(&across, &labels, share).unwrap().heterogeneity().is_err());
    assert!(against_rest(&across, &member, share).is_err());
    assert!(against_rest(&apart, &[true; 8], share).is_err());
}

#[test]
fn what_has_no_maximum_is_no_number() {
    let ones = [1.0; 6];
    let positive = [false, false, false, true, true, true];
    let check = |column: [f64; 6]| Logistic::fit(&[&ones, &column], &positive).unwrap_err();
    assert!(matches!(check([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Undefined::NoConvergence { .. }));
    // Only one value is on both sides.
    assert!(matches!(check([1.0, 2.0, 3.0, 3.0, 5.0, 6.0]), Undefined::NoConvergence { .. }));
    // One level has one class.
    assert!(matches!(check([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), Undefined::NoConvergence { .. }));
    assert!(matches!(check([2.0; 6]), Undefined::Degenerate(_)));
    assert!(matches!(check([0.0; 6]), Undefined::Degenerate(_)));
    assert!(matches!(check([f64::NAN; 6]), Undefined::Value { .. }));
    assert!(matches!(Logistic::fit(&[&ones], &[true; 6]), Err(Undefined::OneClass { .. })));
    let score = [0.1, 0.3, 0.2, 0.2, 0.3, 0.9];
    assert!(interaction(&score, &["a"; 6], &positive).is_err());
    assert!(interaction(&score, &["a", "a", "a", "b", "b", "b"], &positive).is_err());
}

#[test]
fn domains() {
    let estimate = |value, standard_error| Estimate { value, standard_error };
    assert!(heterogeneity(&[estimate(0.5, 0.1)]).is_err());
    assert!(heterogeneity(&[estimate(0.5, 0.1), estimate(0.4, 0.0)]).is_err());
    assert!(heterogeneity(&[estimate(0.5, 0.1), estimate(f64::NAN, 0.1)]).is_err());
    let none = Proportion::new(0, 5).unwrap();
    assert!(homogeneity(&[none, none]).is_err());
    assert!(adjust(&[0.5, 1.5], Adjustment::Holm).is_err());
    assert!(adjust(&[], Adjustment::Holm).is_err());
}

proptest! {
    #[test]
    fn adjusted_values_keep_their_order(p in prop::collection::vec(0.0..=1.0_f64, 1..20)) {
        use Adjustment::{BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Hochberg, Holm};
        let of = |adjustment| adjust(&p, adjustment).unwrap();
        for found in [of(Bonferroni), of(Holm), of(Hochberg), of(BenjaminiHochberg), of(BenjaminiYekutieli)] {
            for (i, one) in p.iter().enumerate() {
                prop_assert!(*one <= found[i] && found[i] <= 1.0);
                prop_assert!(p.iter().zip(&found).all(|(p, adjusted)| p > one || *adjusted <= found[i]));
            }
        }
        for row in 0..p.len() {
            prop_assert!(of(BenjaminiHochberg)[row] <= of(Hochberg)[row] + 1e-15);
            prop_assert!(of(Hochberg)[row] <= of(Holm)[row] + 1e-15);
            prop_assert!(of(Holm)[row] <= of(Bonferroni)[row]);
        }
    }

    /// Two proportions: chi-squared is the square of the pooled z.
    #[test]
    fn two_proportions_are_a_z_test(a in 0..20_u64, b in 1..20_u64) {
        let (a, b) = (Proportion::new(a, 20).unwrap(), Proportion::new(b, 30).unwrap());
        let mean = (a.events() + b.events()) as f64 / 50.0;
        let z = (a.value() - b.value()) / (mean * (1.0 - mean) * (1.0 / 20.0 + 1.0 / 30.0)).sqrt();
        let found = homogeneity(&[a, b]).unwrap();
        prop_assert!((found.statistic - z * z).abs() < 1e-9);
    }

    /// Scale and place of the score, and names and order of the levels, change no test.
    #[test]
    fn interaction_is_invariant(
        rows in prop::collection::vec((0..6_u8, 0..3_usize, any::<bool>()), 30..80),
        scale in 0.01..100.0_f64,
        shift in -5.0..5.0_f64,
    ) {
        let score: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let moved: Vec<f64> = score.iter().map(|x| x * scale + shift).collect();
        let positive: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let named = |names: [&'static str; 3]| rows.iter().map(|row| names[row.1]).collect::<Vec<_>>();
        let one = interaction(&score, &named(["a", "b", "c"]), &positive);
        let other = interaction(&moved, &named(["c", "a", "b"]), &positive);
        prop_assert_eq!(one.is_ok(), other.is_ok());
        if let (Ok(one), Ok(other)) = (one, other) {
            for (one, other) in [(one.score, other.score), (one.factor, other.factor), (one.interaction, other.interaction)] {
                prop_assert!((one.statistic - other.statistic).abs() < 1e-7);
            }
        }
    }
}
