//! Marks and lesions: none of either, all found, none found.

use uvid_metrics::localisation::{HitRule, Mark, Point, Rectangle, Region};

use super::*;

/// Images of which each third has a lesion; marks at the left edge of lesions or far from them.
fn section(images: usize, lesions: bool, marks: &[(usize, bool, f64)]) -> Section {
    let name = |at: usize| format!("i{at}");
    let region = Region::Rectangle(Rectangle::new(10.0, 10.0, 20.0, 20.0).unwrap());
    let mut of =
        Lesions { images: (0..images).map(|at| (name(at), format!("p{}", at / 2))).collect(), ..Lesions::default() };
    if lesions {
        of.of_image = (0..images).step_by(3).map(|at| (name(at), vec![region.clone()])).collect();
    }
    let mut given = Marks { model: "model".into(), ..Marks::default() };
    for (image, hits, score) in marks {
        let at = if *hits { Point { x: 15.0, y: 15.0 } } else { Point { x: 90.0, y: 90.0 } };
        given.of_image.entry(name(*image % images)).or_default().push(Mark::Point { at, score: *score });
    }
    let options = Options { resamples: 20, ..Options::default() };
    let found = localisation(&of, &[given], HitRule::InRegion, &options).expect("a section");
    sound(std::slice::from_ref(&found), images);
    found
}

fn at_one(section: &Section) -> String {
    let found = section.findings.iter().find(|f| f.measure == "lesions found at 1 false marks per image");
    found.map(Finding::text).unwrap()
}

#[test]
fn what_is_always_or_never_found_has_no_interval() {
    let hits: Vec<(usize, bool, f64)> = (0..12).step_by(3).map(|at| (at, true, 0.5)).collect();
    assert_eq!(at_one(&section(12, true, &hits)), "1.000 (no interval)");
    assert_eq!(at_one(&section(12, true, &[])), "0.000 (no interval)");
    let misses: Vec<(usize, bool, f64)> = (0..12).map(|at| (at, false, at as f64)).collect();
    assert_eq!(at_one(&section(12, true, &misses)), "0.000 (no interval)");
    assert!(at_one(&section(12, false, &misses)).starts_with("none: "));
    section(1, true, &[(0, true, 0.1)]);
    section(2, true, &[(0, true, 0.1), (1, false, 0.1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_marks_give_numbers_or_reasons(
        images in 1..20_usize,
        lesions: bool,
        marks in proptest::collection::vec((0..20_usize, any::<bool>(), prop_oneof![Just(0.5), 0.0..1.0]), 0..40),
    ) {
        let found = section(images, lesions, &marks);
        prop_assert_eq!(found, section(images, lesions, &marks));
    }
}
