mod rates;

use proptest::prelude::*;

use super::jafroc::{FalseRatings, Weighting};
use super::*;
use crate::readers::{Figures, Random};
use crate::{Clusters, Undefined};

fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

fn rectangle(left: f64, top: f64, right: f64, bottom: f64) -> Rectangle {
    Rectangle::new(left, top, right, bottom).unwrap()
}

/// Cases with ties, at least one of each kind.
fn cases(lesions_max: usize) -> impl Strategy<Value = Cases> {
    let score = || (0..5).prop_map(f64::from);
    let lesions = prop::collection::vec(prop::option::of(score()), 1..=lesions_max);
    let with = (lesions, prop::collection::vec(score(), 0..3)).prop_map(|(l, f)| Case::new(&l, &f));
    let without = prop::collection::vec(score(), 0..3).prop_map(|f| Case::new(&[], &f));
    (prop::collection::vec(with, 1..6), prop::collection::vec(without, 1..6))
        .prop_map(|(a, b)| Cases::new([a, b].concat()).unwrap())
}

fn trapezoids(points: &[(f64, f64)], end: impl Fn((f64, f64)) -> (f64, f64)) -> f64 {
    let mut path = vec![(0.0, 0.0)];
    path.extend_from_slice(points);
    path.push(end(*path.last().unwrap()));
    path.windows(2).map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0).sum()
}

proptest! {
    #[test]
    fn a_cropped_mask_is_the_same_region(
        width in 1_usize..9,
        bits in prop::collection::vec(any::<bool>(), 1..60),
        others in prop::collection::vec(any::<bool>(), 60),
        points in prop::collection::vec((-2.0..11.0, -2.0..11.0), 20),
    ) {
        let whole = |bits: &[bool]| Mask::new(width, bits[..bits.len() / width * width].to_vec());
        prop_assume!(bits.len() >= width);
        let (mask, other) = (whole(&bits).unwrap(), whole(&others[..bits.len()]).unwrap());
        let cropped = mask.clone().cropped();
        for (x, y) in points {
            prop_assert_eq!(cropped.contains(Point { x, y }), mask.contains(Point { x, y }));
        }
        prop_assert_eq!(Region::Mask(cropped.clone()).bounds(), Region::Mask(mask.clone()).bounds());
        prop_assert_eq!(cropped.iou(&other.clone().cropped()), mask.iou(&other));
        prop_assert_eq!(cropped.clone().cropped(), cropped);
    }

    #[test]
    fn areas_lie_under_their_curves(cases in cases(3), all: bool, weighted: bool) {
        let ratings = if all { FalseRatings::OfAllCases } else { FalseRatings::OfNormalCases };
        let weighting = if weighted { Weighting::Cases } else { Weighting::Lesions };
        let curve = jafroc::curve(&cases, ratings, weighting).unwrap();
        let points: Vec<(f64, f64)> = curve.iter().map(|p| (p.false_positive_fraction, p.lesion_fraction)).collect();
        let area = jafroc::area(&cases, ratings, weighting).unwrap();
        prop_assert!((trapezoids(&points, |_| (1.0, 1.0)) - area).abs() < 1e-12);
    }

    #[test]
    fn the_lroc_area_ends_level(cases in cases(1)) {
        let curve = lroc::curve(&cases).unwrap();
        let points: Vec<(f64, f64)> = curve.iter().map(|p| (p.false_positive_fraction, p.correct_fraction)).collect();
        let area = lroc::area(&cases).unwrap();
        prop_assert!((trapezoids(&points, |last| (1.0, last.1)) - area).abs() < 1e-12);
    }

    #[test]
    fn froc_rises(cases in cases(3)) {
        let curve = froc::curve(&cases, froc::Sensitivity::Lesions, froc::Marks::OfAllImages).unwrap();
        for pair in curve.points.windows(2) {
            prop_assert!(pair[0].threshold > pair[1].threshold);
            prop_assert!(pair[0].false_marks <= pair[1].false_marks && pair[0].sensitivity <= pair[1].sensitivity);
        }
        prop_assert!((0.0..=1.0).contains(&curve.cpm()));
    }

    #[test]
    fn a_resample_has_the_curve_of_its_cases(
        cases in cases(3), counts in prop::collection::vec(0_u32..3, 10), rate in 0.0..2.0, by_case: bool, normal: bool,
    ) {
        let sensitivity = if by_case { froc::Sensitivity::Cases } else { froc::Sensitivity::Lesions };
        let marks = if normal { froc::Marks::OfNormalImages } else { froc::Marks::OfAllImages };
        let counts = &counts[..cases.get().len()];
        let repeated = cases.get().iter().zip(counts).flat_map(|(case, n)| std::iter::repeat_n(case.clone(), *n as usize));
        let Ok(drawn) = Cases::new(repeated.collect()) else { return Ok(()) };
        let curve = froc::curve(&drawn, sensitivity, marks);
        let events = froc::Events::of(&cases, sensitivity, marks);
        prop_assert_eq!(events.mean_at(&[rate], counts), curve.clone().and_then(|curve| curve.sensitivity_at(rate)));
        if let Ok(curve) = curve {
            prop_assert!((events.mean_at(&froc::RATES, counts).unwrap() - curve.cpm()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_raster_asks_every_centre(corners in prop::collection::vec((-6.0..30.0, -6.0..30.0), 3..7)) {
        let polygon = Polygon::new(&corners.iter().map(|(x, y)| point(*x, *y)).collect::<Vec<_>>()).unwrap();
        let mask = polygon.raster(23, 19).unwrap();
        for (at, within) in mask.pixels().iter().enumerate() {
            prop_assert_eq!(*within, polygon.contains(point((at % 23) as f64 + 0.5, (at / 23) as f64 + 0.5)));
        }
    }

    #[test]
    fn a_rectangle_and_its_polygon_have_the_same_pixels(l in 0..9, t in 0..9, w in 1..9, h in 1..9) {
        let [l, t, r, b] = [l, t, l + w, t + h].map(f64::from);
        let polygon = Polygon::new(&[point(l, t), point(r, t), point(r, b), point(l, b)]).unwrap();
        let mask = polygon.raster(20, 19).unwrap();
        prop_assert_eq!(mask.pixels().iter().filter(|p| **p).count() as f64, rectangle(l, t, r, b).area());
        prop_assert_eq!(Region::Mask(mask).bounds().unwrap(), rectangle(l, t, r, b));
        // Left and upper edges belong to it, right and lower ones do not.
        prop_assert!(polygon.contains(point(l, t)) && !polygon.contains(point(r, t)) && !polygon.contains(point(l, b)));
    }
}

#[test]
fn marks_hit_by_the_rule() {
    let lesion = Region::Polygon(Polygon::new(&[point(0., 0.), point(10., 0.), point(0., 10.)]).unwrap());
    let at = |x, y, score| Mark::Point { at: point(x, y), score };
    let boxed = |l, t, r, b, score| Mark::Rectangle { at: rectangle(l, t, r, b), score };
    let marks = [at(2., 2., 0.5), at(9., 9., 0.8), boxed(0., 0., 10., 8., 0.2), at(30., 30., 0.1)];
    let check = |marks: &[Mark], rule, further, lesion_score: Option<f64>, false_marks: &[f64]| {
        let found = find(marks, std::slice::from_ref(&lesion), rule, further).unwrap();
        assert_eq!((found.lesions.as_slice(), found.false_marks.as_slice()), ([lesion_score].as_slice(), false_marks));
    };
    check(&marks, HitRule::InRegion, Further::Ignored, Some(0.5), &[0.8, 0.1]);
    check(&marks, HitRule::InBox, Further::Ignored, Some(0.8), &[0.1]);
    check(&marks, HitRule::InBox, Further::False, Some(0.8), &[0.5, 0.2, 0.1]);
    check(&marks, HitRule::Within { radius_pixels: 2.0 }, Further::Ignored, Some(0.2), &[0.5, 0.8, 0.1]);
    check(&marks[2..3], HitRule::Iou { at_least: 0.8 }, Further::Ignored, Some(0.2), &[]);
    check(&marks[2..3], HitRule::Iou { at_least: 0.81 }, Further::Ignored, None, &[0.2]);
    check(&[], HitRule::InRegion, Further::Ignored, None, &[]);

    let find = |marks: &[Mark], rule| find(marks, std::slice::from_ref(&lesion), rule, Further::Ignored);
    assert!(find(&marks, HitRule::Iou { at_least: 0.5 }).is_err(), "a point has no IoU");
    assert!(find(&[], HitRule::Iou { at_least: 0.0 }).is_err());
    assert!(find(&[], HitRule::Within { radius_pixels: f64::NAN }).is_err());
    assert!(find(&[at(1., 1., f64::NAN)], HitRule::InRegion).is_err());
    assert!(find(&[at(f64::INFINITY, 1., 0.0)], HitRule::InRegion).is_err());
}

#[test]
fn shapes_are_checked() {
    assert!(Rectangle::new(1., 0., 1., 2.).is_err());
    assert!(Rectangle::new(0., 0., f64::INFINITY, 2.).is_err());
    assert!(Polygon::new(&[point(0., 0.), point(1., 1.)]).is_err());
    assert!(Mask::new(0, vec![]).is_err());
    assert!(Mask::new(3, vec![true; 4]).is_err());
    let polygon = Polygon::new(&[point(0., 0.), point(1., 0.), point(0., 1.)]).unwrap();
    assert!(polygon.raster(1 << 20, 1 << 20).is_err());
    assert!(polygon.raster(usize::MAX, 2).is_err());
    let empty = Mask::new(2, vec![false; 4]).unwrap();
    assert!(empty.iou(&empty).is_err());
    assert!(Region::Mask(empty).bounds().is_err());
    let mask = Mask::new(2, vec![true, false, false, false]).unwrap();
    assert!(mask.contains(point(0.99, 0.0)) && !mask.contains(point(1.0, 0.0)) && !mask.contains(point(-0.1, 0.0)));
}

#[test]
fn what_is_undefined_is_an_error() {
    let normal = Cases::new(vec![Case::new(&[], &[0.5]), Case::new(&[], &[])]).unwrap();
    let diseased = Cases::new(vec![Case::new(&[Some(0.5), None], &[0.1])]).unwrap();
    let area = |cases: &Cases| jafroc::area(cases, FalseRatings::OfNormalCases, Weighting::Lesions);
    assert_eq!(area(&normal), Err(Undefined::OneClass { positives: 0, negatives: 2 }));
    assert_eq!(area(&diseased), Err(Undefined::OneClass { positives: 2, negatives: 0 }));
    assert!(matches!(lroc::area(&diseased), Err(Undefined::Value { what: "the number of lesions", row: 0, .. })));
    assert!(lroc::area(&normal).is_err());
    let curve = |cases: &Cases, marks| froc::curve(cases, froc::Sensitivity::Lesions, marks);
    assert_eq!(curve(&normal, froc::Marks::OfAllImages), Err(Undefined::Empty("lesions")));
    assert!(curve(&diseased, froc::Marks::OfNormalImages).is_err());
    assert!(curve(&diseased, froc::Marks::OfAllImages).unwrap().sensitivity_at(f64::NAN).is_err());

    assert!(Cases::new(vec![]).is_err());
    assert!(Cases::new(vec![Case::new(&[Some(f64::NAN)], &[])]).is_err());
    assert!(Cases::new(vec![Case { images: 0, ..Case::new(&[], &[]) }]).is_err());
    let weighted = |weights: &[f64]| Case { weights: Some(weights.to_vec()), ..Case::new(&[None, None], &[]) };
    for bad in [[0.5, 0.6], [1.0, 0.0], [f64::NAN, 0.5]] {
        assert!(Cases::new(vec![weighted(&bad)]).is_err());
    }
    assert!(Cases::new(vec![weighted(&[0.25, 0.75])]).is_ok());
    assert!(Cases::new(vec![weighted(&[1.0])]).is_err());
    assert!(Study::new(vec![vec![normal.clone()], vec![diseased.clone()]]).is_err());
    assert!(Study::new(vec![vec![normal.clone()], vec![]]).is_err());
    assert!(Study::new(vec![]).is_err());
    // One patient cannot be left out.
    let one = normal.clustered(Clusters::of([7, 7])).unwrap();
    assert!(estimate(&one, Merit::Afroc).is_err());
}

#[test]
fn a_reader_study_of_marks() {
    let reading = |shift: f64| {
        let case = |k: usize| {
            let score = ((k * 37) % 11) as f64;
            if k.is_multiple_of(2) {
                Case::new(&[Some(score + shift), None], &[score])
            } else {
                Case::new(&[], &[score])
            }
        };
        Cases::new((0..20).map(case).collect()).unwrap()
    };
    let study = Study::new(vec![vec![reading(1.0), reading(2.0)], vec![reading(3.0), reading(3.5)]]).unwrap();
    let figures = Figures::jackknife(&study.with(Merit::WeightedAfroc).unwrap()).unwrap();
    let difference = figures.difference(1, 0, Random::ReadersAndCases).unwrap();
    assert!(difference.value > 0.0 && difference.standard_error > 0.0);
    assert!(figures.test(Random::ReadersAndCases).unwrap().p < 1.0);
    assert!(Figures::bootstrap(&study.with(Merit::Afroc).unwrap(), 20, 1).is_ok());
}

#[test]
fn weights_lift_no_area_above_1() {
    for lesions in 1..12 {
        // Each found by another score, so that their weights are added one by one.
        let with = |case: usize| {
            Case::new(&(0..lesions).map(|k| Some((2 + case * lesions + k) as f64)).collect::<Vec<_>>(), &[])
        };
        for (positives, negatives) in [(2, 3), (3, 7), (5, 1)] {
            let mut cases: Vec<Case> = (0..positives).map(with).collect();
            cases.extend((0..negatives).map(|_| Case::new(&[], &[1.0])));
            let area =
                jafroc::area(&Cases::new(cases).unwrap(), FalseRatings::OfNormalCases, Weighting::Cases).unwrap();
            assert!(area <= 1.0 && area > 1.0 - 1e-14, "{lesions}: {area:e}");
        }
    }
}

#[test]
fn heat_maps() {
    let lesion = Region::Rectangle(rectangle(0., 0., 1., 1.));
    assert_eq!(maps::pointing(&[0.0, 1.0], 1, &lesion).unwrap(), 0.0);
    assert_eq!(maps::pointing(&[2.0, 1.0], 1, &lesion).unwrap(), 1.0);
    assert!(maps::pointing(&[], 1, &lesion).is_err());
    assert!(maps::pointing(&[1.0, 2.0, 3.0], 2, &lesion).is_err());
    assert!(maps::pointing(&[1.0, f64::NAN], 2, &lesion).is_err());
    let mask = Region::Mask(Mask::new(2, vec![true, false, false, false, false, true]).unwrap().cropped());
    assert_eq!(maps::pointing(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0], 2, &mask).unwrap(), 1.0);
    // A map that was computed on a smaller image is no map of this one.
    assert!(matches!(
        maps::pointing(&[0.0, 1.0], 2, &mask),
        Err(Undefined::Parameter { what: "the map's height", .. })
    ));
    assert!(matches!(maps::pointing(&[1.0; 6], 3, &mask), Err(Undefined::Parameter { what: "the map's width", .. })));

    let hits = [1.0, 0.0, 0.5, 1.0];
    let mean = maps::mean(&hits, None).unwrap();
    // The standard error of a mean: variance 0.6875 / 3 of four values.
    assert!((mean.value - 0.625).abs() < 1e-12 && (mean.standard_error - (0.6875 / 12.0_f64).sqrt()).abs() < 1e-12);
    let patients = maps::mean(&hits, Some(&Clusters::of([1, 1, 2, 2]))).unwrap();
    assert!((patients.standard_error - 0.125).abs() < 1e-12, "two patients with means 0.5 and 0.75");
    for n in 2..40 {
        assert_eq!(maps::mean(&vec![0.7; n], None).unwrap().standard_error, 0.0);
    }
    assert!(maps::mean(&[1.0], None).is_err());
    assert!(maps::mean(&[1.0, 1.5], None).is_err());
    assert!(maps::mean(&hits, Some(&Clusters::of([1, 1, 1, 1]))).is_err());
}
