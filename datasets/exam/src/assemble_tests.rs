//! Each rule of the assembly, and that order never matters.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::{Laterality, Listed, Pixels, Spacing};

fn rules() -> Rules {
    Rules {
        required: vec![],
        acquisitions: vec![Acquisition::Ffdm, Acquisition::Synthetic2d],
        intents: vec![Intent::ForPresentation],
        implants: false,
        lossy: true,
        burned_in_annotation: false,
        magnification_max: 1.1,
        manufacturers: None,
        reduced: None,
    }
}

/// A plain standard view; `number` makes its UID.
fn resize(m: &mut Mammogram, rows: usize) {
    m.pixels = Pixels::new(rows, 2, 0..=4095, false, vec![0; rows * 2]).expect("pixels");
    m.file_size = (rows, 2);
}

fn image(slot: Slot, number: u32) -> Mammogram {
    let place = ("1.2.3".parse().expect("uid"), "1.2.3.1".parse().expect("uid"));
    let class = "1.2.840.10008.5.1.4.1.1.1.2".parse().expect("uid");
    let pixels = Pixels::new(2, 2, 0..=4095, false, vec![0; 4]).expect("pixels");
    Mammogram {
        patient: Patient { id: crate::PatientId::new("1"), ..Patient::default() },
        laterality: Some(slot.laterality()),
        view: Some(slot.view()),
        intent: Some(Intent::ForPresentation),
        ..Mammogram::of_pixels(place, (class, uid(number)), pixels)
    }
}

fn uid(number: u32) -> SopInstanceUid {
    format!("1.2.3.1.{number}").parse().expect("uid")
}

fn with(slot: Slot, number: u32, change: impl FnOnce(&mut Mammogram)) -> Mammogram {
    let mut image = image(slot, number);
    change(&mut image);
    image
}

fn received(images: impl IntoIterator<Item = Mammogram>) -> Vec<Received> {
    let wrap = |image: Mammogram| Received { digest: [0; 32], content: Content::Mammogram(Box::new(image)) };
    images.into_iter().map(wrap).collect()
}

fn four() -> Vec<Mammogram> {
    Slot::ALL.into_iter().zip(1..).map(|(slot, number)| image(slot, number)).collect()
}

fn fate(assembly: &Assembly, number: u32) -> &Fate {
    &assembly.fates.iter().find(|(u, _)| *u == uid(number)).expect("every image has a fate").1
}

/// Of two images for L-CC, number 1 wins for this reason.
fn check_first_wins(first: Mammogram, second: Mammogram, because: Because) {
    for pair in [vec![first.clone(), second.clone()], vec![second, first]] {
        let assembly = Exam::assemble(received(pair), &rules());
        let slot = Slot::LeftCc;
        assert_eq!(*fate(&assembly, 1), Fate::Chosen(slot));
        assert_eq!(*fate(&assembly, 2), Fate::Outranked { slot, by: uid(1), because });
    }
}

#[test]
fn preferences_decide_in_their_order() {
    let at = |number, change: fn(&mut Mammogram)| with(Slot::LeftCc, number, change);
    let larger = |m: &mut Mammogram| resize(m, 3);
    let later = |m: &mut Mammogram| m.acquired = Some(datetime!(2024-05-01 10:00));
    let earlier = |m: &mut Mammogram| m.acquired = Some(datetime!(2024-05-01 09:59));

    // Each later rule pulls the other way and does not matter.
    check_first_wins(with(Slot::LeftCc, 1, larger), with(Slot::LeftCc, 2, later), Because::Area);
    check_first_wins(with(Slot::LeftCc, 1, later), with(Slot::LeftCc, 2, earlier), Because::Later);
    check_first_wins(with(Slot::LeftCc, 1, later), at(2, |_| ()), Because::Later);
    // More pixels, but smaller ones: what counts is the area where both say how large a pixel is.
    let fine = |m: &mut Mammogram| {
        resize(m, 3);
        m.spacing = Some(Spacing { row_mm: 10.0, column_mm: 10.0 });
    };
    let coarse = |m: &mut Mammogram| m.spacing = Some(Spacing { row_mm: 20.0, column_mm: 20.0 });
    check_first_wins(with(Slot::LeftCc, 1, coarse), with(Slot::LeftCc, 2, fine), Because::Area);
}

#[test]
fn kinds_are_not_mixed() {
    let synthetic = |slot, number| with(slot, number, |m| m.acquisition = Acquisition::Synthetic2d);
    let check = |images: Vec<Mammogram>, chosen: &[u32], other: &[u32]| {
        let assembly = Exam::assemble(received(images), &rules());
        for number in chosen {
            assert!(matches!(fate(&assembly, *number), Fate::Chosen(_)), "{number}: {:?}", assembly.fates);
        }
        for number in other {
            assert!(matches!(fate(&assembly, *number), Fate::OtherKind(_)), "{number}: {:?}", assembly.fates);
        }
    };
    // Both complete: the preferred kind. One fills more views: that one.
    let ffdm = four;
    let both = ffdm().into_iter().chain([synthetic(Slot::LeftCc, 5), synthetic(Slot::LeftMlo, 6)]).collect();
    check(both, &[1, 2, 3, 4], &[5, 6]);
    check(vec![image(Slot::LeftCc, 1), synthetic(Slot::LeftCc, 2)], &[1], &[2]);
    check(vec![image(Slot::LeftCc, 1), synthetic(Slot::LeftCc, 2), synthetic(Slot::RightCc, 3)], &[2, 3], &[1]);
}

#[test]
fn images_of_one_breast_that_lie_both_ways_stop_the_study() {
    let lying = |slot, number, side| with(slot, number, |m| m.seen_chest_wall = Some(side));
    use crate::Side;
    let plain = vec![
        lying(Slot::LeftCc, 1, Side::Left),
        lying(Slot::LeftMlo, 2, Side::Left),
        lying(Slot::RightCc, 3, Side::Right),
    ];
    assert!(Exam::assemble(received(plain.clone()), &rules()).exam.is_ok());
    let swapped = plain.into_iter().chain([lying(Slot::RightMlo, 4, Side::Left)]);
    let reasons = Exam::assemble(received(swapped), &rules()).exam.expect_err("stopped");
    assert!(matches!(&reasons[..], [Reason::Contradiction { what: "laterality", .. }]), "{reasons:?}");
}

#[test]
fn all_else_equal_the_uids_decide() {
    let assembly = Exam::assemble(received([image(Slot::LeftCc, 1), image(Slot::LeftCc, 2)]), &rules());
    assert_eq!(*fate(&assembly, 2), Fate::Chosen(Slot::LeftCc));
    assert!(matches!(fate(&assembly, 1), Fate::Outranked { because: Because::Uid, .. }));
}

#[test]
fn what_is_not_a_standard_view_fills_none() {
    let check = |change: fn(&mut Mammogram), expected: Fate| {
        let assembly = Exam::assemble(received([with(Slot::LeftMlo, 1, change)]), &rules());
        assert_eq!(*fate(&assembly, 1), expected);
        let reasons = assembly.exam.expect_err("no exam");
        assert!(matches!(&reasons[..], [Reason::NoneTaken(why)] if why.ends_with("(1)")), "{reasons:?}");
    };
    check(|m| m.view = Some(View::MedioLateral), Fate::AdditionalView(View::MedioLateral));
    check(
        |m| m.view = Some(View::ExaggeratedCranioCaudalLateral),
        Fate::AdditionalView(View::ExaggeratedCranioCaudalLateral),
    );
    check(|m| m.view = None, Fate::NoView);
    check(|m| m.laterality = None, Fate::NoLaterality);
    check(|m| m.modifiers = vec![ViewModifier::Magnification], Fate::Modified(ViewModifier::Magnification));
    check(|m| m.modifiers = vec![ViewModifier::SpotCompression], Fate::Modified(ViewModifier::SpotCompression));
    check(|m| m.unknown_modifier = true, Fate::UnknownModifier);
    check(|m| m.magnification = Some(1.5), Fate::Magnified(1.5));
    check(|m| m.partial_view = true, Fate::PartialView);
    check(|m| m.acquisition = Acquisition::ScreenFilm, Fate::AcquisitionNotTaken(Acquisition::ScreenFilm));
    check(|m| m.intent = Some(Intent::ForProcessing), Fate::IntentNotTaken(Intent::ForProcessing));
    check(|m| m.implant = Implant::Present, Fate::ImplantNotTaken);
    check(|m| m.burned_in_annotation = true, Fate::BurnedInAnnotation);
}

#[test]
fn what_leaves_a_view_standard_is_taken() {
    let check = |change: fn(&mut Mammogram)| {
        let assembly = Exam::assemble(received([with(Slot::LeftMlo, 1, change)]), &rules());
        assert_eq!(*fate(&assembly, 1), Fate::Chosen(Slot::LeftMlo));
    };
    check(|m| m.modifiers = vec![ViewModifier::NippleInProfile]);
    check(|m| m.magnification = Some(1.08));
    check(|m| m.intent = None);
    check(|m| m.lossy = Lossy::Yes);
}

#[test]
fn a_model_takes_the_makers_that_it_names() {
    let check = |taken: Option<&[&str]>, manufacturer: Option<&str>, refused: Option<&str>| {
        let rules = Rules { manufacturers: taken.map(|t| t.iter().map(ToString::to_string).collect()), ..rules() };
        let image = with(Slot::LeftCc, 1, |m| m.manufacturer = manufacturer.map(ToOwned::to_owned));
        let assembly = Exam::assemble(received([image]), &rules);
        let refused = refused.map(|name| Fate::ManufacturerNotTaken(name.to_owned()));
        assert_eq!(*fate(&assembly, 1), refused.unwrap_or(Fate::Chosen(Slot::LeftCc)), "{manufacturer:?}");
    };
    check(None, Some("GE MEDICAL SYSTEMS"), None);
    check(None, None, None);
    check(Some(&["hologic", "Lorad"]), Some("HOLOGIC, Inc."), None);
    check(Some(&["hologic", "Lorad"]), Some("LORAD, A Hologic Company"), None);
    check(Some(&["Hologic"]), Some("GE MEDICAL SYSTEMS"), Some("GE MEDICAL SYSTEMS"));
    check(Some(&["Hologic"]), None, Some("(none is named)"));
    check(Some(&[]), Some("HOLOGIC, Inc."), Some("HOLOGIC, Inc."));
    // What the fate repeats is the sender's text: short, and nothing in it moves a cursor or turns the line around.
    let (bell, turn) = ("A\u{7}B\u{1b}[2J", "\u{202e}C");
    check(Some(&["Hologic"]), Some(bell), Some("A\u{fffd}B\u{fffd}[2J"));
    check(Some(&["Hologic"]), Some(turn), Some("\u{fffd}C"));
    check(Some(&["Hologic"]), Some(&"x".repeat(70_000)), Some(&"x".repeat(64)));
}

#[test]
fn the_implant_displaced_view_is_preferred_where_implants_are_taken() {
    let implant = |number, displaced: bool| {
        with(Slot::LeftCc, number, |m| {
            m.implant = Implant::Present;
            m.modifiers = if displaced { vec![ViewModifier::ImplantDisplaced] } else { vec![] };
        })
    };
    let rules = Rules { implants: true, ..rules() };
    let assembly = Exam::assemble(received([implant(1, true), implant(2, false)]), &rules);
    assert_eq!(*fate(&assembly, 1), Fate::Chosen(Slot::LeftCc));
    assert!(matches!(fate(&assembly, 2), Fate::Outranked { because: Because::ImplantDisplaced, .. }));
}

#[test]
fn contradictions_stop_the_study() {
    let contradiction =
        Reason::Contradiction { uid: uid(1), what: "laterality", detail: "Image Laterality L, Laterality R".into() };
    let mut images = four();
    images[0].contradictions.push(contradiction.clone());
    assert_eq!(Exam::assemble(received(images), &rules()).exam.expect_err("stopped"), [contradiction]);

    let mut images = four();
    images[2].patient.id = crate::PatientId::new("2");
    assert_eq!(Exam::assemble(received(images), &rules()).exam.expect_err("stopped"), [Reason::SeveralPatients]);

    let mut images = four();
    images[2].study = "1.2.4".parse().expect("uid");
    assert_eq!(Exam::assemble(received(images), &rules()).exam.expect_err("stopped"), [Reason::SeveralStudies(2)]);
}

#[test]
fn patients_are_compared_pair_by_pair() {
    // The first and the last disagree, though each agrees with the one in between, which says nothing.
    let mut images = four();
    images[0].patient = Patient { id: crate::PatientId::new("1"), ..Patient::default() };
    images[1].patient = Patient::default();
    images[2].patient = Patient { id: crate::PatientId::new("2"), ..Patient::default() };
    images[3].patient = Patient::default();
    assert_eq!(Exam::assemble(received(images), &rules()).exam.expect_err("stopped"), [Reason::SeveralPatients]);
}

#[test]
fn a_resend_counts_once_and_a_different_file_under_one_uid_stops_the_study() {
    let mut files = received(four());
    files.push(files[0].clone());
    let assembly = Exam::assemble(files.clone(), &rules());
    assert_eq!(assembly.exam.expect("exam").images().len(), 4);
    assert_eq!(assembly.fates.iter().filter(|(_, f)| *f == Fate::SameAgain).count(), 1);

    files[4].digest = [1; 32];
    let reasons = Exam::assemble(files.clone(), &rules()).exam.expect_err("stopped");
    assert_eq!(reasons, [Reason::DuplicateDiffers(uid(1))]);
    // Said once, however many.
    files.push(Received { digest: [2; 32], ..files[0].clone() });
    assert_eq!(Exam::assemble(files, &rules()).exam.expect_err("stopped"), [Reason::DuplicateDiffers(uid(1))]);
}

#[test]
fn missing_views_are_named_and_stop_only_who_needs_them() {
    let left = || received([image(Slot::LeftCc, 1), image(Slot::LeftMlo, 2)]);
    let assembly = Exam::assemble(left(), &rules());
    assert_eq!(assembly.missing, [Slot::RightCc, Slot::RightMlo]);
    assert_eq!(assembly.exam.expect("a unilateral exam").images().len(), 2);

    let needs_all = Rules { required: Slot::ALL.to_vec(), ..rules() };
    let reasons = Exam::assemble(left(), &needs_all).exam.expect_err("stopped");
    let missing = |view| Reason::ViewMissing(Laterality::Right, view);
    assert_eq!(reasons, [missing(View::CranioCaudal), missing(View::MedioLateralOblique)]);
}

#[test]
fn what_is_listed_is_listed_and_counts_for_identity() {
    let listed = |study: &str| Received {
        digest: [9; 32],
        content: Content::Listed(Listed {
            study: study.parse().expect("uid"),
            sop_instance: uid(9),
            patient: Patient::default(),
            what: "structured report".into(),
            fate: Fate::NotAnalysed("a structured report".into()),
            contradictions: vec![],
            notes: vec![],
        }),
    };
    let mut files = received(four());
    files.push(listed("1.2.3"));
    let assembly = Exam::assemble(files.clone(), &rules());
    assert!(assembly.exam.is_ok());
    assert_eq!(*fate(&assembly, 9), Fate::NotAnalysed("a structured report".into()));
    files[4] = listed("1.2.9");
    assert_eq!(Exam::assemble(files, &rules()).exam.expect_err("stopped"), [Reason::SeveralStudies(2)]);
}

proptest! {
    #[test]
    fn the_order_of_arrival_never_matters(
        picks in prop::collection::vec((0u8..4, 0u8..6, 1u8..4, 0u8..3), 1..10),
        rotation in 0usize..10,
    ) {
        let files = picks.iter().map(|(slot, number, rows, kind)| {
            let rows_of = usize::from(*rows);
            let image = with(Slot::ALL[usize::from(*slot)], u32::from(*number), |m| {
                resize(m, rows_of);
                m.acquisition =
                    [Acquisition::Ffdm, Acquisition::Synthetic2d, Acquisition::ScreenFilm][usize::from(*kind)];
            });
            // Different images never have one digest, equal ones always.
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&[*slot, *number, *rows, *kind]);
            Received { digest, content: Content::Mammogram(Box::new(image)) }
        });
        let mut files: Vec<Received> = files.collect();
        let forwards = Exam::assemble(files.clone(), &rules());
        let at = rotation % files.len();
        files.rotate_left(at);
        files.reverse();
        let backwards = Exam::assemble(files.clone(), &rules());
        let chosen = |a: &Assembly| {
            let uids = |e: &Exam| e.images().values().map(|m| m.sop_instance.clone()).collect::<Vec<_>>();
            a.exam.as_ref().map(uids).map_err(Clone::clone)
        };
        prop_assert_eq!(chosen(&forwards), chosen(&backwards));
        prop_assert_eq!(&forwards.fates, &backwards.fates);
        prop_assert_eq!(forwards.fates.len(), files.len());
        prop_assert_eq!(&forwards.missing, &backwards.missing);
    }
}

#[test]
fn halvings() {
    let check = |side_min, rows, columns, offered, expected| {
        assert_eq!(
            Reduced { side_min }.halvings(rows, columns, offered),
            expected,
            "{side_min} {rows} {columns} {offered}"
        );
    };
    check(800, 3328, 2560, 5, 1);
    check(640, 3328, 2560, 5, 2);
    check(1, 3328, 2560, 5, 5);
    check(1, 3328, 2560, 1, 1);
    check(1, 3328, 2560, 0, 0);
    // No remainder.
    check(100, 3062, 2394, 5, 1);
    check(100, 3061, 2394, 5, 0);
    check(0, 4, 4, 200, 2);
}
