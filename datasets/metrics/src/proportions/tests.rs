use proptest::prelude::*;

use super::*;

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
}

#[test]
fn what_is_no_proportion_is_refused() {
    assert_eq!(Proportion::new(0, 0), Err(Undefined::Empty("cases to take a proportion of")));
    assert!(Proportion::new(2, 1).is_err());
    assert!(Proportion::new(0, u64::MAX).is_err());
    assert!(Paired::new(0, 0, 0, 0).is_err());
    assert!(Paired::new(u64::MAX, 1, 0, 0).is_err());
    assert!(Proportion::new(0, 3).and_then(|zero| ratio(zero, zero, Confidence::P95)).is_err());
    for margin in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(Paired::new(1, 1, 1, 1).unwrap().non_inferior(margin).is_err());
        assert!(Paired::new(1, 1, 1, 1).unwrap().non_inferior_ratio(margin).is_err());
    }
}

/// Newcombe (1998), table II of the paper on unpaired differences: 95 % intervals of method 10 and of Mee's and
/// Miettinen & Nurminen's.
#[test]
fn newcombes_examples() {
    let check = |x1, n1, x2, n2, newcombe: (f64, f64), score: (f64, f64)| {
        let (a, b) = (Proportion::new(x1, n1).unwrap(), Proportion::new(x2, n2).unwrap());
        let found = difference_newcombe(a, b, Confidence::P95).interval;
        near(found.lower, newcombe.0, 5.1e-5);
        near(found.upper, newcombe.1, 5.1e-5);
        let found = difference_miettinen_nurminen(a, b, Confidence::P95).interval;
        near(found.lower, score.0, 5.1e-5);
        near(found.upper, score.1, 5.1e-5);
    };
    check(56, 70, 48, 80, (0.0524, 0.3339), (0.0528, 0.3382));
    check(9, 10, 3, 10, (0.1705, 0.8090), (0.1700, 0.8406));
    check(10, 10, 0, 20, (0.6791, 1.0), (0.7156, 1.0));
}

#[test]
fn mcnemar_at_its_edges() {
    let check = |table: (u64, u64, u64, u64), which, expected: Option<f64>| {
        let found = Paired::new(table.0, table.1, table.2, table.3).unwrap().mcnemar(which);
        match expected {
            Some(p) => near(found.unwrap().p, p, 1e-12),
            None => assert!(found.is_err()),
        }
    };
    check((5, 0, 0, 5), McNemar::Exact, Some(1.0));
    check((5, 0, 0, 5), McNemar::MidP, None);
    check((5, 0, 0, 5), McNemar::Asymptotic, None);
    check((5, 1, 1, 5), McNemar::Exact, Some(1.0));
    check((5, 1, 1, 5), McNemar::MidP, Some(0.75));
    check((5, 1, 1, 5), McNemar::Corrected, Some(1.0));
    check((5, 0, 3, 5), McNemar::MidP, Some(0.125));
}

/// Levels so near 1 that 1 + level is 2.
#[test]
fn the_highest_level_has_finite_ends() {
    let level = Confidence::new(1.0_f64.next_down()).unwrap();
    let (a, b) = (Proportion::new(3, 10).unwrap(), Proportion::new(0, 4).unwrap());
    let table = Paired::new(3, 1, 0, 4).unwrap();
    for interval in [
        a.wilson(level),
        a.clopper_pearson(level),
        difference_miettinen_nurminen(a, b, level).interval,
        table.difference_newcombe(level).interval,
        table.difference_tango(level).interval,
        table.ratio(level).unwrap().interval,
    ] {
        assert!(interval.lower < interval.upper && interval.upper.is_finite(), "{interval:?}");
    }
}

/// No discordant case: the score interval of the ratio still has a width.
#[test]
fn equal_readings_have_an_interval() {
    let found = Paired::new(20, 0, 0, 5).unwrap().ratio(Confidence::P95).unwrap();
    assert_eq!(found.value, 1.0);
    near(found.interval.lower * found.interval.upper, 1.0, 1e-12);
    assert!(found.interval.upper > 1.1);
}

fn table() -> impl Strategy<Value = Paired> {
    [0..40_u64, 0..9, 0..9, 0..90].prop_filter_map("empty", |[a, b, c, d]| Paired::new(a, b, c, d).ok())
}

fn proportion() -> impl Strategy<Value = Proportion> {
    (1..60_u64).prop_flat_map(|of| (0..=of, Just(of))).prop_map(|(events, of)| Proportion::new(events, of).unwrap())
}

proptest! {
    #[test]
    fn intervals_hold_their_value_and_mirror(p in proportion(), level in 0.05..0.9999_f64) {
        let confidence = Confidence::new(level).unwrap();
        for (interval, mirrored) in [
            (p.wilson(confidence), p.complement().wilson(confidence)),
            (p.clopper_pearson(confidence), p.complement().clopper_pearson(confidence)),
        ] {
            prop_assert!(interval.contains(p.value()));
            prop_assert!(0.0 <= interval.lower && interval.upper <= 1.0);
            near(interval.lower, 1.0 - mirrored.upper, 1e-12);
        }
    }

    #[test]
    fn differences_are_antisymmetric(a in proportion(), b in proportion()) {
        for method in [difference_newcombe, difference_miettinen_nurminen] {
            let (one, other) = (method(a, b, Confidence::P95), method(b, a, Confidence::P95));
            prop_assert!(one.interval.contains(one.value));
            near(one.interval.lower, -other.interval.upper, 1e-11);
            near(one.interval.upper, -other.interval.lower, 1e-11);
        }
    }

    #[test]
    fn a_score_interval_ends_where_its_test_does(a in proportion(), b in proportion()) {
        let lower = difference_miettinen_nurminen(a, b, Confidence::P90).interval.lower;
        if lower < -1e-6 && lower > -1.0 + 1e-6 {
            near(non_inferior(a, b, -lower, Variance::MiettinenNurminen).unwrap().p, 0.05, 1e-9);
        }
    }

    #[test]
    fn paired_score_intervals_end_where_their_tests_do(table in table()) {
        let found = table.difference_tango(Confidence::P90);
        prop_assert!(found.interval.contains(found.value));
        if found.interval.lower < -1e-6 && found.interval.lower > -1.0 + 1e-6 {
            near(table.non_inferior(-found.interval.lower).unwrap().p, 0.05, 1e-9);
        }
        let Ok(found) = table.ratio(Confidence::P90) else { return Ok(()) };
        prop_assert!(found.interval.contains(found.value));
        if found.interval.lower < 1.0 - 1e-6 && found.interval.lower > 1e-6 {
            near(table.non_inferior_ratio(found.interval.lower).unwrap().p, 0.05, 1e-8);
        }
    }

    #[test]
    fn exchanged_readings_mirror(table in table()) {
        let (one, other) = (table.difference_tango(Confidence::P95), table.exchanged().difference_tango(Confidence::P95));
        near(one.interval.lower, -other.interval.upper, 1e-11);
        let (one, other) = (table.ratio(Confidence::P95), table.exchanged().ratio(Confidence::P95));
        if let (Ok(one), Ok(other)) = (one, other) && one.interval.lower > 0.0 {
            near(one.interval.lower * other.interval.upper, 1.0, 1e-9);
        }
    }

    /// Tango's test at a difference of 0 is McNemar's.
    #[test]
    fn tango_at_no_difference_is_mcnemar(table in table()) {
        if let Ok(mcnemar) = table.mcnemar(McNemar::Asymptotic) {
            let tango = table.non_inferior(1e-12).unwrap().statistic;
            near(tango * tango, mcnemar.statistic, 1e-6);
        }
    }

    #[test]
    fn clusters_of_one_row_are_binomial(events in prop::collection::vec(any::<bool>(), 2..50)) {
        let found = clustered(&events, &crate::Clusters::each(events.len())).unwrap();
        let plain = Proportion::count(events.iter().copied()).unwrap().estimate();
        let n = events.len() as f64;
        near(found.value, plain.value, 1e-12);
        near(found.standard_error, plain.standard_error * (n / (n - 1.0)).sqrt(), 1e-12);
    }
}

#[test]
fn alike_patients_leave_no_variance() {
    for patients in 2..40 {
        let found = ratio_of_totals(&vec![1.0; patients], &vec![49.0; patients]).unwrap();
        assert_eq!(found.standard_error, 0.0, "{patients}");
    }
}

#[test]
fn a_ratio_of_certainties_has_no_interval() {
    let all = |n| Proportion::new(n, n).unwrap();
    assert!(matches!(ratio(all(5), all(7), Confidence::P95), Err(Undefined::Degenerate(_))));
    let found = ratio(all(5), Proportion::new(6, 7).unwrap(), Confidence::P95).unwrap();
    assert!(found.interval.lower < found.value && found.value < found.interval.upper);
}
