use super::cohort::{Image, Labels};
use super::exclusion::Exclusion;
use super::labels::derive;
use super::testing::image;
use proptest::prelude::*;
use uvid_exam::Laterality::{self, Left, Right};

type Four = (Option<bool>, Option<bool>, Option<bool>, Option<bool>);

fn labelled(patient: &str, exam: &str, name: &str, side: Option<Laterality>, labels: Four) -> Image {
    let mut made = image(patient, exam, name);
    made.laterality = side;
    made.labels = Labels { image: labels.0, breast: labels.1, exam: labels.2, patient: labels.3 };
    made
}

fn four(image: &Image) -> Four {
    (image.labels.image, image.labels.breast, image.labels.exam, image.labels.patient)
}

const Y: Option<bool> = Some(true);
const N: Option<bool> = Some(false);
const U: Option<bool> = None;

/// Two images of the left breast, one of the right, one exam.
fn check(stated: [Four; 3], expected: [Four; 3]) {
    let sides = [Left, Left, Right];
    let mut images: Vec<Image> =
        (0..3).map(|i| labelled("p", "e", &i.to_string(), Some(sides[i]), stated[i])).collect();
    let mut exclusions = Vec::new();
    derive(&mut images, &mut exclusions);
    assert!(exclusions.is_empty());
    assert_eq!(images.iter().map(four).collect::<Vec<_>>(), expected);
}

#[test]
fn positives_go_up_and_negatives_down() {
    // Breasts are labelled: the images of the positive one stay unknown.
    check([(U, Y, U, U), (U, Y, U, U), (U, N, U, U)], [(U, Y, Y, Y), (U, Y, Y, Y), (N, N, Y, Y)]);
    check([(U, N, U, U), (U, N, U, U), (U, N, U, U)], [(N, N, N, N); 3]);
    // An unknown breast beside a negative one: the exam is unknown.
    check([(U, N, U, U), (U, N, U, U), (U, U, U, U)], [(N, N, U, U), (N, N, U, U), (U, U, U, U)]);
    // Images are labelled.
    check([(Y, U, U, U), (N, U, U, U), (N, U, U, U)], [(Y, Y, Y, Y), (N, Y, Y, Y), (N, N, Y, Y)]);
    check([(N, U, U, U), (U, U, U, U), (N, U, U, U)], [(N, U, U, U), (U, U, U, U), (N, N, U, U)]);
    // One row states the breast, the other says nothing.
    check([(U, N, U, U), (U, U, U, U), (U, N, U, U)], [(N, N, N, N); 3]);
    // Only the exam or the patient is labelled.
    check([(U, U, N, U); 3], [(N, N, N, N); 3]);
    check([(U, U, Y, U); 3], [(U, U, Y, Y); 3]);
    check([(U, U, U, N); 3], [(N, N, N, N); 3]);
    check([(U, U, U, U); 3], [(U, U, U, U); 3]);
}

#[test]
fn contradictions_leave_with_their_exam() {
    let contradict = |stated: [Four; 2]| {
        let mut images = vec![
            labelled("p", "1", "a", Some(Left), stated[0]),
            labelled("p", "1", "b", Some(Left), stated[1]),
            labelled("p", "2", "c", Some(Left), (U, U, U, U)),
        ];
        let mut exclusions: Vec<Exclusion> = Vec::new();
        derive(&mut images, &mut exclusions);
        assert_eq!(exclusions.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(images.len(), 1);
    };
    contradict([(U, Y, U, U), (U, N, U, U)]);
    contradict([(Y, N, U, U), (U, N, U, U)]);
    contradict([(U, U, Y, U), (U, U, N, U)]);
    contradict([(U, Y, N, U), (U, U, N, U)]);
    contradict([(U, U, Y, N), (U, U, U, U)]);
}

#[test]
fn an_image_of_no_known_breast_keeps_its_exam_open() {
    let mut images =
        vec![labelled("p", "e", "a", None, (U, U, U, U)), labelled("p", "e", "b", Some(Left), (U, N, U, U))];
    derive(&mut images, &mut Vec::new());
    assert_eq!(four(&images[0]), (U, U, U, U));
    assert_eq!(four(&images[1]), (N, N, U, U));
}

fn label() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![3 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))]
}

proptest! {
    /// The closure is a fixed point, keeps what was stated, and holds the invariants of a cohort.
    #[test]
    fn closed_labels_are_consistent(rows in prop::collection::vec((0..3u8, 0..2u8, 0..3u8, label(), label(), label()), 1..24)) {
        let side = |s: u8| [Some(Left), Some(Right), None][usize::from(s)];
        let mut images: Vec<Image> = rows.iter().enumerate()
            .map(|(i, &(p, e, s, a, b, c))| labelled(&p.to_string(), &e.to_string(), &i.to_string(), side(s), (a, b.filter(|_| s < 2), c, None)))
            .collect();
        let before = images.clone();
        let mut exclusions = Vec::new();
        derive(&mut images, &mut exclusions);
        prop_assert_eq!(images.len() + exclusions.len(), before.len());
        for image in &images {
            let stated = before.iter().find(|b| b.image == image.image).unwrap();
            for (was, is) in [(stated.labels.image, image.labels.image), (stated.labels.breast, image.labels.breast), (stated.labels.exam, image.labels.exam)] {
                prop_assert!(was.is_none() || was == is);
            }
            let l = image.labels;
            prop_assert!(l.image != Y || image.laterality.is_none() || l.breast == Y);
            prop_assert!(l.image != Y || l.exam == Y);
            prop_assert!(l.breast != Y || l.exam == Y);
            prop_assert!(l.exam != Y || l.patient == Y);
            prop_assert!(l.patient != N || l.exam == N);
            prop_assert!(l.exam != N || l.image == N);
            for other in &images {
                let exam = other.patient == image.patient && other.exam == image.exam;
                prop_assert!(other.patient != image.patient || other.labels.patient == l.patient);
                prop_assert!(!exam || other.labels.exam == l.exam);
                prop_assert!(!exam || image.laterality.is_none() || other.laterality != image.laterality || other.labels.breast == l.breast);
            }
        }
        // What must be known is: a whole whose parts are all negative, or one of them positive.
        for image in images.iter().filter(|image| image.laterality.is_some()) {
            let exam = || images.iter().filter(|other| (&other.patient, &other.exam) == (&image.patient, &image.exam));
            let breast = || exam().filter(|other| other.laterality == image.laterality);
            let loose = || exam().any(|other| other.laterality.is_none() && other.labels.image != N);
            prop_assert!(image.labels.breast.is_some() || loose() || breast().any(|other| other.labels.image.is_none()));
            prop_assert!(image.labels.exam.is_some() || exam().any(|other| other.labels.breast.is_none()));
            let stated = |label: fn(&Labels) -> Option<bool>, of: &Image| {
                before.iter().any(|b| (&b.patient, &b.exam) == (&of.patient, &of.exam) && label(&b.labels) == Y)
            };
            prop_assert_eq!(image.labels.exam == Y, stated(|l| l.image, image) || stated(|l| l.breast, image) || stated(|l| l.exam, image));
        }
        let mut again = images.clone();
        let mut none = Vec::new();
        derive(&mut again, &mut none);
        prop_assert_eq!(again, images);
        prop_assert!(none.is_empty());
    }
}
