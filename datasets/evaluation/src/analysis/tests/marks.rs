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

#[test]
fn a_mark_or_an_image_that_does_not_fit_is_refused() {
    let text = |name: &str, values: &[&str]| Column {
        name: name.into(),
        values: Values::Text(values.iter().map(|value| Some((*value).to_owned())).collect()),
    };
    let images = |names: &[&str]| Table::new("images", vec![text("image", names)]).unwrap();
    let lesions = ["image", "left", "top", "right", "bottom"].map(|name| text(name, &[]));
    let lesions = Table::new("lesions", lesions.into()).unwrap();
    let twice = Lesions::of_tables(&images(&["a", "b", "a"]), &lesions).unwrap_err().to_string();
    assert!(twice.contains("row 3") && twice.contains("listed before"), "{twice}");
    let of = Lesions::of_tables(&images(&["a", "b"]), &lesions).unwrap();
    let columns = vec![text("image", &["c"]), text("score", &["1"]), text("row", &["1"]), text("column", &["1"])];
    let marks = Marks::of_table(&Table::new("marks", columns).unwrap()).unwrap();
    let elsewhere = localisation(&of, &marks, HitRule::InRegion, &Options::default()).unwrap_err().to_string();
    assert_eq!(elsewhere, "marks: a mark on the image \"c\", which is not among the images");
}

#[test]
fn no_image_is_an_error() {
    let found = localisation(&Lesions::default(), &[Marks::default()], HitRule::InRegion, &Options::default());
    assert_eq!(found.unwrap_err().to_string(), "there are no images");
}

#[test]
fn where_no_patient_is_known_nothing_is_said_to_be_by_patient() {
    let check = |without_patients: bool, expected: &str| {
        let images = (0..4).map(|at| (format!("i{at}"), format!("i{at}"))).collect();
        let of = Lesions { images, without_patients, ..Lesions::default() };
        let found = localisation(&of, &[Marks::default()], HitRule::InRegion, &Options::default()).unwrap();
        let text = text::section(&found);
        assert_eq!(text.contains("No column says which images are of the same patient"), without_patients);
        assert!(text.contains(&format!("intervals by {expected}")), "{text}");
        assert!(found.findings.iter().any(|f| f.method == format!("jackknife by {expected}")));
    };
    check(false, "patient");
    check(true, "image");
}
