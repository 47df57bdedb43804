use proptest::prelude::*;

use super::*;
use crate::{Clusters, Confidence, Undefined};

/// `[modality][reader][case]` with ties.
fn scores(modalities: usize, readers: usize) -> impl Strategy<Value = (Vec<Vec<Vec<f64>>>, Vec<bool>)> {
    (2_usize..6, 2_usize..6).prop_flat_map(move |(positives, negatives)| {
        let cases = positives + negatives;
        let reader = prop::collection::vec((0..6).prop_map(f64::from), cases);
        let modality = prop::collection::vec(reader, readers);
        let truth: Vec<bool> = (0..cases).map(|case| case < positives).collect();
        (prop::collection::vec(modality, modalities), Just(truth))
    })
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

proptest! {
    #[test]
    fn pseudovalues_and_the_jackknife_say_the_same((scores, truth) in scores(3, 3)) {
        let study = Study::new(&scores, &truth).unwrap();
        let figures = Figures::jackknife(&Auc::of(&study)).unwrap();
        let pseudo = Pseudovalues::of(&Auc::of(&study)).unwrap();
        for random in [Random::ReadersAndCases, Random::Readers] {
            let (a, b) = (figures.difference(2, 0, random).unwrap(), pseudo.difference(2, 0, random).unwrap());
            prop_assert!(near(a.value, b.value) && near(a.standard_error, b.standard_error), "{a:?} {b:?}");
            if let (Ok(a), Ok(b)) = (figures.test(random), pseudo.test(random)) {
                prop_assert!(near(a.statistic, b.statistic) && near(a.p, b.p), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn order_of_readers_and_cases_changes_nothing((scores, truth) in scores(2, 3)) {
        let turned: Vec<Vec<Vec<f64>>> = scores
            .iter()
            .map(|modality| modality.iter().rev().map(|reader| reader.iter().rev().copied().collect()).collect())
            .collect();
        let back: Vec<bool> = truth.iter().rev().copied().collect();
        let one = Figures::delong(&Study::new(&scores, &truth).unwrap()).unwrap();
        let other = Figures::delong(&Study::new(&turned, &back).unwrap()).unwrap();
        for random in [Random::ReadersAndCases, Random::Cases, Random::Readers] {
            let (a, b) = (one.difference(0, 1, random).unwrap(), other.difference(0, 1, random).unwrap());
            prop_assert!(near(a.value, b.value) && near(a.standard_error, b.standard_error), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_case_by_itself_is_a_cluster((scores, truth) in scores(2, 2)) {
        let study = Study::new(&scores, &truth).unwrap();
        let clustered = study.clone().clustered(Clusters::each(truth.len())).unwrap();
        let (a, b) = (Figures::delong(&study).unwrap(), Figures::delong(&clustered).unwrap());
        for one in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            prop_assert_eq!(a.value(one.0, one.1), b.value(one.0, one.1));
            for other in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                prop_assert!((a.covariance(one, other).unwrap() - b.covariance(one, other).unwrap()).abs() < 1e-15);
            }
        }
    }
}

#[test]
fn long_form_is_the_same_study() {
    let scores = vec![vec![vec![1., 2., 3.], vec![2., 2., 5.]]];
    let truth = [false, true, true];
    let mut rows = Vec::new();
    for case in [2, 0, 1] {
        for (reader, scores) in scores[0].iter().enumerate() {
            rows.push(Reading { modality: 0, reader, case, score: scores[case] });
        }
    }
    assert_eq!(Study::of_readings(&rows, &truth).unwrap(), Study::new(&scores, &truth).unwrap());

    let Err(Undefined::Value { what: "the score", row: 2, .. }) = Study::of_readings(&rows[2..], &truth) else {
        panic!("the first reader's last case is missing")
    };
    let twice = [rows.clone(), vec![rows[3]]].concat();
    assert!(matches!(Study::of_readings(&twice, &truth), Err(Undefined::Value { what: "the case", row: 6, .. })));
    let far = Reading { modality: usize::MAX, ..rows[0] };
    assert!(Study::of_readings(&[far], &truth).is_err());
    assert!(Study::of_readings(&[], &truth).is_err());
}

#[test]
fn what_is_undefined_is_an_error() {
    let scores = vec![vec![vec![1., 2., 3., 4.]]];
    assert!(matches!(Study::new(&scores, &[true; 4]), Err(Undefined::OneClass { positives: 4, negatives: 0 })));
    assert!(matches!(Study::new(&scores, &[true, false]), Err(Undefined::Length { .. })));
    assert!(Study::new(&[vec![]], &[true, false]).is_err());
    assert!(Study::new(&[vec![vec![f64::NAN, 1.0]]], &[true, false]).is_err());
    let study = Study::new(&scores, &[true, true, false, false]).unwrap();
    let figures = Figures::delong(&study).unwrap();
    assert!(matches!(figures.modality(0, Random::ReadersAndCases), Err(Undefined::TooFew { what: "readers", .. })));
    assert!(matches!(figures.test(Random::Cases), Err(Undefined::TooFew { what: "modalities", .. })));
    assert!(figures.difference(0, 0, Random::Cases).is_err());
    let few = Study::new(&scores, &[true, false, false, false]).unwrap();
    assert!(matches!(Figures::delong(&few), Err(Undefined::TooFew { .. })));
    // Without the only positive case there is no area.
    assert!(matches!(Figures::jackknife(&Auc::of(&few)), Err(Undefined::OneClass { positives: 0, negatives: 3 })));
    assert!(Figures::bootstrap(&Auc::of(&study), 1, 0).is_err());
    assert!(u_statistics(&study, 0, None).is_err());
}

#[test]
fn perfect_readers_have_no_variance() {
    let reader: Vec<f64> = (0..17).map(f64::from).collect();
    let truth: Vec<bool> = (0..17).map(|case| case >= 6).collect();
    let study = Study::new(&[vec![reader; 3]], &truth).unwrap();
    let found = u_statistics(&study, 0, None).unwrap();
    assert_eq!((found.value, found.variance), (1.0, 0.0));
    assert_eq!(found.estimate().unwrap().standard_error, 0.0);
}

#[test]
fn many_degrees_of_freedom_are_nearly_normal() {
    // scipy.stats.t.ppf(0.975, df) and 2 * scipy.stats.t.sf(2.5, df)
    let expected = [
        (1e4, 1.960201239890626, 0.012435219550583698),
        (1e6, 1.959966356814107, 0.012419489502163254),
        (9e7, 1.9599640108986234, 0.0124193324165548),
    ];
    for (degrees, quantile, p) in expected {
        let found = StudentEstimate { value: 2.5, standard_error: 1.0, degrees: Some(degrees) };
        let half = found.interval(Confidence::P95).upper - 2.5;
        assert!((half - quantile).abs() < 1e-7 && (found.test(0.0).unwrap().p - p).abs() < 1e-7, "{degrees}: {half}");
    }
}

#[test]
fn readers_who_agree_leave_nothing_to_test() {
    let reader = vec![3., 4., 2., 1., 2., 5.];
    let modality = vec![reader.clone(), reader.clone(), reader.clone()];
    let study = Study::new(&[modality.clone(), modality], &[true, true, true, false, false, false]).unwrap();
    let figures = Figures::delong(&study).unwrap();
    for random in [Random::ReadersAndCases, Random::Cases, Random::Readers] {
        assert_eq!(figures.difference(0, 1, random).unwrap().standard_error, 0.0);
        assert!(figures.test(random).is_err());
    }
    let found = against(&study, 0, &reader, Random::ReadersAndCases).unwrap().difference;
    assert_eq!((found.value, found.standard_error), (0.0, 0.0));
    assert!(found.test(0.0).is_err());
}

/// Sensitivity at 3 and above: a figure of merit of the caller's own.
struct Sensitivity<'a>(&'a Study);

impl FigureOfMerit for Sensitivity<'_> {
    fn modalities(&self) -> usize {
        self.0.modalities()
    }

    fn readers(&self) -> usize {
        self.0.readers()
    }

    fn units(&self) -> usize {
        self.0.cases()
    }

    fn value(&self, modality: usize, reader: usize, counts: &[u32]) -> crate::Result<f64> {
        let (mut found, mut all) = (0, 0);
        for (case, score) in self.0.scores(modality, reader)?.iter().enumerate() {
            if self.0.positive()[case] {
                all += counts[case];
                found += if *score >= 3.0 { counts[case] } else { 0 };
            }
        }
        if all == 0 {
            return Err(Undefined::Empty("positive cases"));
        }
        Ok(f64::from(found) / f64::from(all))
    }
}

#[test]
fn any_figure_of_merit() {
    let scores = vec![vec![vec![3., 4., 2., 5., 2., 1.], vec![5., 3., 4., 2., 1., 4.]]];
    let study = Study::new(&scores, &[true, true, true, true, false, false]).unwrap();
    let figures = Figures::jackknife(&Sensitivity(&study)).unwrap();
    assert_eq!((figures.value(0, 0).unwrap(), figures.value(0, 1).unwrap()), (0.75, 0.75));
    // Units that do not enter a mean leave it as it is: 5/6 Σ of (3/4 - 1)² and three of (3/4 - 2/3)² about their mean.
    let deviations = [-1.0 / 12.0, -1.0 / 12.0, 0.25, -1.0 / 12.0, 0.0, 0.0];
    let expected = 5.0 / 6.0 * deviations.iter().map(|d: &f64| d * d).sum::<f64>();
    assert!(near(figures.covariance((0, 0), (0, 0)).unwrap(), expected));
    assert_eq!(Figures::jackknife(&Rate::sensitivity(&study, 3.0).unwrap()).unwrap(), figures);
    let right = Figures::jackknife(&Rate::specificity(&study, 2.0).unwrap()).unwrap();
    assert_eq!((right.value(0, 0).unwrap(), right.value(0, 1).unwrap()), (0.5, 0.5));
    assert!(Rate::sensitivity(&study, f64::NAN).is_err());
}

#[test]
fn the_bootstrap_is_deterministic_and_near_the_jackknife() {
    let value = |case: usize, reader: usize| {
        ((case * 7919 + reader * 104_729) % 101) as f64 + if case < 60 { 25.0 } else { 0.0 }
    };
    let reader = |reader: usize| (0..150).map(|case| value(case, reader)).collect::<Vec<f64>>();
    let truth: Vec<bool> = (0..150).map(|case| case < 60).collect();
    let study = Study::new(&[vec![reader(1), reader(2)]], &truth).unwrap();
    let drawn = Figures::bootstrap(&Auc::of(&study), 4000, 7).unwrap();
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one_thread.install(|| Figures::bootstrap(&Auc::of(&study), 4000, 7).unwrap()), drawn);
    let jackknife = Figures::jackknife(&Auc::of(&study)).unwrap();
    let variance = |figures: &Figures| figures.covariance((0, 1), (0, 1)).unwrap();
    assert!((variance(&drawn) / variance(&jackknife) - 1.0).abs() < 0.15);
}

/// A published study of 14 readers: the areas that were printed there.
#[test]
fn a_published_study() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/reader_study/results.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no table of a reader study beside the repository");
        return;
    };
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let truth: Vec<bool> = rows.iter().map(|row| row[2].parse::<f64>().unwrap() == 1.0).collect();
    let column = |k: usize| rows.iter().map(|row| row[k].parse().unwrap()).collect::<Vec<f64>>();
    let readers: Vec<Vec<f64>> = (3..17).map(column).collect();
    let study = Study::new(&[readers], &truth).unwrap().clustered(Clusters::of(rows.iter().map(|row| row[0]))).unwrap();
    let figures = Figures::delong(&study).unwrap();
    let areas: Vec<f64> = (0..14).map(|reader| figures.value(0, reader).unwrap()).collect();
    let range = areas.iter().fold((1.0, 0.0), |(low, high): (f64, f64), area| (low.min(*area), high.max(*area)));
    assert!((range.0 - 0.7045).abs() < 5e-5 && (range.1 - 0.8598).abs() < 5e-5, "{range:?}");

    let gmic = against(&study, 0, &column(17), Random::ReadersAndCases).unwrap();
    assert!((gmic.program - 0.8812).abs() < 5e-5);
    let interval = gmic.difference.interval(Confidence::P95);
    assert!(0.0 < gmic.difference.value && interval.lower < gmic.difference.value, "{gmic:?}");
    let cases = against(&study, 0, &column(17), Random::Cases).unwrap().difference;
    assert!(cases.standard_error < gmic.difference.standard_error);
    let jackknife = Figures::jackknife(&Auc::of(&study)).unwrap().modality(0, Random::ReadersAndCases).unwrap();
    let delong = figures.modality(0, Random::ReadersAndCases).unwrap();
    assert!((jackknife.standard_error / delong.standard_error - 1.0).abs() < 0.01, "{jackknife:?} {delong:?}");
}

#[test]
fn figures_too_large_to_be_squared() {
    let figures = Figures::new(2, 2, &[1e200, 0.0, 0.0, 0.0], &[0.0; 16]).unwrap();
    for random in [Random::ReadersAndCases, Random::Cases, Random::Readers] {
        assert!(matches!(figures.test(random), Err(Undefined::Degenerate(_))), "{random:?}");
    }
    assert!(figures.modality(0, Random::Readers).is_err() && figures.difference(0, 1, Random::Readers).is_err());
}

/// Patients whose two breasts are scored alike, one with cancer and one without: what one adds the other takes away.
#[test]
fn a_variance_of_0_is_found() {
    let scores: Vec<f64> = (0..12).map(|case| f64::from(case / 2)).collect();
    let positive: Vec<bool> = (0..12).map(|case| case % 2 == 0).collect();
    let study = Study::new(&[vec![scores.clone(), scores]], &positive).unwrap();
    let study = study.clustered(Clusters::of((0..12).map(|case| case / 2))).unwrap();
    let figures = Figures::delong(&study).unwrap();
    assert_eq!(figures.covariance((0, 0), (0, 1)), Ok(0.0));
    let found = figures.modality(0, Random::Cases).unwrap();
    assert_eq!((found.value, found.standard_error), (0.5, 0.0));
    assert!(found.test(0.6).is_err());
}
