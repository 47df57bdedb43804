use proptest::prelude::*;
use uvid_exam::Laterality::{self, Left, Right};

use super::derive;
use crate::sets::cohort::{Image, Labels, Outcome};
use crate::sets::exclusion::Exclusion;
use crate::sets::testing::image;

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
    // A positive exam whose cancer no image shows: it is in one of the breasts all the same.
    check([(N, U, Y, U); 3], [(N, U, Y, Y); 3]);
    check([(Y, U, Y, U), (N, U, Y, U), (N, U, Y, U)], [(Y, Y, Y, Y), (N, Y, Y, Y), (N, N, Y, Y)]);
}

/// Images that leave, of two of one exam, the second of `side`, and one of the patient's next exam.
fn leaving(side: Laterality, change: impl Fn(&mut [Image])) -> Vec<(String, String)> {
    let mut images = vec![
        labelled("p", "1", "a", Some(Left), (U, U, U, U)),
        labelled("p", "1", "b", Some(side), (U, U, U, U)),
        labelled("p", "2", "c", Some(Left), (U, U, U, U)),
    ];
    change(&mut images);
    let mut backwards = images.clone();
    backwards.reverse();
    let [forth, back] = [images, backwards].map(|mut images| {
        let mut exclusions: Vec<Exclusion> = Vec::new();
        derive(&mut images, &mut exclusions);
        let mut left: Vec<_> = exclusions.into_iter().map(|left| (left.id, left.reason)).collect();
        left.sort();
        left
    });
    assert_eq!(forth, back, "the order of images is of no matter");
    forth
}

fn check_leaving(side: Laterality, change: impl Fn(&mut [Image]), expected: &[&str], reason: &str) {
    let expected: Vec<_> = expected.iter().map(|id| ((*id).to_owned(), reason.to_owned())).collect();
    assert_eq!(leaving(side, change), expected);
}

#[test]
fn contradictions_leave_with_their_exam() {
    let check = |side, stated: [Four; 2], expected: &[&str], reason: &str| {
        let labels = stated.map(|four| Labels { image: four.0, breast: four.1, exam: four.2, patient: four.3 });
        let change = |images: &mut [Image]| (images[0].labels, images[1].labels) = (labels[0], labels[1]);
        check_leaving(side, change, expected, reason);
    };
    let breast = "its rows call one breast both positive and negative";
    check(Left, [(U, Y, U, U), (U, N, U, U)], &["a", "b"], breast);
    check(Left, [(Y, N, U, U), (U, N, U, U)], &["a", "b"], "a positive image of a negative breast");
    check(Left, [(U, U, Y, U), (U, U, N, U)], &["a", "b"], "its rows call the exam both positive and negative");
    check(Left, [(U, Y, N, U), (U, U, N, U)], &["a", "b"], "a positive breast in a negative exam");
    check(Right, [(U, N, Y, U), (U, N, U, U)], &["a", "b"], "a positive exam of two negative breasts");
    check(Left, [(U, N, Y, U), (U, N, U, U)], &[], "");
    check(Left, [(U, U, U, Y), (U, U, U, N)], &["a", "b", "c"], "its rows call the patient both positive and negative");
}

#[test]
fn a_positive_exam_of_a_negative_patient_takes_all_her_exams() {
    let change = |images: &mut [Image]| {
        (images[0].labels.exam, images[0].labels.patient, images[2].labels.patient) = (Y, N, N);
    };
    check_leaving(Left, change, &["a", "b", "c"], "a positive exam of a negative patient");
    let elsewhere = |images: &mut [Image]| (images[0].labels.image, images[2].labels.patient) = (Y, N);
    check_leaving(Left, elsewhere, &["a", "b", "c"], "a positive exam of a negative patient");
}

fn outcome(days_to_cancer: Option<f64>) -> Option<Outcome> {
    Some(Outcome { days_to_cancer, days_followed: 100.0, grain_days: 1.0 })
}

#[test]
fn outcomes_and_weights_contradict_each_other_too() {
    let exam = |a, b| move |images: &mut [Image]| (images[0].outcome, images[1].outcome) = (a, b);
    let reason = "its rows give the exam different times to cancer or follow-up";
    check_leaving(Right, exam(outcome(None), outcome(Some(1.0))), &["a", "b"], reason);
    check_leaving(Right, exam(outcome(None), None), &[], "");
    // The exam's days, then those of the breasts of its two images.
    let breasts = |whole, a, b| {
        move |images: &mut [Image]| {
            (images[0].outcome, images[0].breast_outcome, images[1].breast_outcome) = (outcome(whole), a, b);
        }
    };
    let reason = "its rows give one breast different times to cancer or follow-up";
    check_leaving(Left, breasts(Some(1.0), outcome(Some(1.0)), outcome(None)), &["a", "b"], reason);
    check_leaving(Right, breasts(Some(1.0), outcome(Some(1.0)), outcome(None)), &[], "");
    check_leaving(Right, breasts(Some(1.0), outcome(None), None), &[], "");
    let reason = "a breast has cancer when the exam has none yet";
    check_leaving(Left, breasts(None, outcome(Some(1.0)), None), &["a", "b"], reason);
    check_leaving(Left, breasts(Some(2.0), None, outcome(Some(1.0))), &["a", "b"], reason);
    check_leaving(Left, breasts(Some(1.0), None, outcome(Some(2.0))), &[], "");
    let reason = "neither breast has the exam's cancer";
    check_leaving(Right, breasts(Some(1.0), outcome(Some(2.0)), outcome(None)), &["a", "b"], reason);
    let weights = |a, c| move |images: &mut [Image]| (images[0].weight, images[2].weight) = (a, c);
    check_leaving(Left, weights(Some(1.0), Some(5.0)), &["a", "b", "c"], "its rows give the patient different weights");
    check_leaving(Left, weights(Some(1.0), None), &[], "");
}

#[test]
fn what_one_image_states_is_told_to_the_others() {
    let mut images = vec![
        labelled("p", "1", "a", Some(Left), (U, U, U, U)),
        labelled("p", "1", "b", Some(Left), (U, U, U, U)),
        labelled("p", "1", "c", Some(Right), (U, U, U, U)),
        labelled("p", "2", "d", Some(Left), (U, U, U, U)),
    ];
    (images[1].outcome, images[1].breast_outcome, images[1].weight) =
        (outcome(Some(1.0)), outcome(Some(1.0)), Some(3.0));
    derive(&mut images, &mut Vec::new());
    assert!(images.iter().all(|image| image.weight == Some(3.0)));
    let outcomes: Vec<_> = images.iter().map(|image| (image.outcome, image.breast_outcome)).collect();
    let one = outcome(Some(1.0));
    assert_eq!(outcomes, [(one, one), (one, one), (one, None), (None, None)]);
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

fn rarely() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![30 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))]
}

proptest! {
    /// The closure is a fixed point, keeps what was stated, and holds the invariants of a cohort.
    #[test]
    fn closed_labels_are_consistent(rows in prop::collection::vec((0..3u8, 0..2u8, 0..3u8, label(), label(), label(), rarely()), 1..24)) {
        let side = |s: u8| [Some(Left), Some(Right), None][usize::from(s)];
        let mut images: Vec<Image> = rows.iter().enumerate()
            .map(|(i, &(p, e, s, a, b, c, d))| labelled(&p.to_string(), &e.to_string(), &i.to_string(), side(s), (a, b.filter(|_| s < 2), c, d)))
            .collect();
        let before = images.clone();
        let mut exclusions = Vec::new();
        derive(&mut images, &mut exclusions);
        prop_assert_eq!(images.len() + exclusions.len(), before.len());
        for image in &images {
            let stated = before.iter().find(|b| b.image == image.image).unwrap();
            for (was, is) in [(stated.labels.image, image.labels.image), (stated.labels.breast, image.labels.breast), (stated.labels.exam, image.labels.exam), (stated.labels.patient, image.labels.patient)] {
                prop_assert!(was.is_none() || was == is);
            }
            let l = image.labels;
            prop_assert!(l.image != Y || image.laterality.is_none() || l.breast == Y);
            prop_assert!(l.image != Y || l.exam == Y);
            prop_assert!(l.breast != Y || l.exam == Y);
            prop_assert!(l.exam != Y || l.patient == Y);
            prop_assert!(l.patient != N || l.exam == N);
            prop_assert!(l.exam != N || l.image == N);
            let negative = |side| images.iter().any(|other| {
                (&other.patient, &other.exam, other.laterality) == (&image.patient, &image.exam, Some(side)) && other.labels.breast == N
            });
            prop_assert!(l.exam != Y || !negative(Left) || !negative(Right));
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
            let hidden = || image.labels.exam == Y && exam().all(|other| other.labels.image != Y && other.labels.breast != Y);
            prop_assert!(image.labels.breast.is_some() || loose() || hidden() || breast().any(|other| other.labels.image.is_none()));
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
