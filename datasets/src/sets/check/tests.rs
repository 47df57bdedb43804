use std::path::Path;

use uvid_exam::Laterality;

use super::{Checks, Finding};
use crate::sets::cohort::{Cohort, Image, Labels, Outcome, Reference};
use crate::sets::exclusion::{Exclusion, Stage, Unit};
use crate::sets::lesion::{Lesion, LesionKind, Shape};
use crate::sets::testing::{folder, image};

/// A cohort that has nothing wrong: two exams of one patient, one of another, four images.
fn clean() -> Cohort {
    let mut cohort = Cohort::new("test", Reference::Stated);
    for (patient, exam, name, side) in [
        ("p", "1", "a_L_CC", Laterality::Left),
        ("p", "1", "b_R_CC", Laterality::Right),
        ("p", "2", "c_L_CC", Laterality::Left),
        ("q", "1", "d_L_CC", Laterality::Left),
    ] {
        let mut made = image(patient, exam, name);
        made.laterality = Some(side);
        made.file = Some(format!("images/{name}.dcm").into());
        made.labels = Labels { image: Some(false), breast: Some(false), exam: Some(false), patient: Some(false) };
        made.note("age", "50");
        made.note("split", "train");
        made.size = Some([100, 80]);
        made.outcome = Some(Outcome { days_to_cancer: None, days_followed: 400.0, grain_days: 1.0 });
        cohort.images.push(made);
    }
    cohort
}

fn codes(cohort: &Cohort) -> Vec<(&'static str, Vec<String>)> {
    let found = cohort.check(Path::new("nowhere"), Checks::default()).unwrap();
    found.into_iter().map(|finding| (finding.code, finding.ids)).collect()
}

fn check(change: impl Fn(&mut Cohort), code: &str, ids: &[&str]) {
    let mut cohort = clean();
    change(&mut cohort);
    let found = codes(&cohort);
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    assert!(found.iter().any(|(is, of)| *is == code && *of == ids), "{code} is not in {found:?}");
}

fn mark(image: &mut Image, malignant: Option<bool>, shape: Shape) {
    image.lesions.push(Lesion { id: "1".into(), kind: LesionKind::Mass, malignant, shape });
}

#[test]
fn a_clean_cohort_has_no_findings() {
    assert_eq!(codes(&clean()), []);
}

#[test]
fn each_fault_of_a_table_is_found() {
    let left_out = |cohort: &mut Cohort| {
        let (stage, unit) = (Stage::Contradiction, Unit::Image);
        cohort.exclusions.push(Exclusion { stage, unit, id: "x".into(), reason: "why".into() });
    };
    check(left_out, "contradiction", &["x"]);
    check(|c| c.images[1].image = "a_L_CC".into(), "image-twice", &["a_L_CC"]);
    check(|c| c.images[2].note("split", "test"), "patient-in-two-splits", &["p"]);
    check(
        |c| {
            c.images[3].patient = "p".into();
            c.images[3].labels.breast = None;
        },
        "breast-of-two-labels",
        &["p/1/L"],
    );
    check(|c| c.images[0].labels.image = Some(true), "labels-not-closed", &["a_L_CC"]);
    check(|c| mark(&mut c.images[0], Some(true), Shape::None), "lesion-on-negative", &["a_L_CC"]);
    let at = |left, top, right, bottom| Shape::Box { left, top, right, bottom };
    check(move |c| mark(&mut c.images[0], None, at(9.0, 1.0, 5.0, 4.0)), "box-inverted", &["a_L_CC"]);
    check(move |c| mark(&mut c.images[0], None, at(9.0, 1.0, 81.0, 4.0)), "shape-outside", &["a_L_CC"]);
    check(move |c| mark(&mut c.images[0], None, at(f64::NAN, 1.0, 8.0, 4.0)), "box-inverted", &["a_L_CC"]);
    check(|c| mark(&mut c.images[1], None, Shape::Outline(vec![(101.0, 2.0)])), "shape-outside", &["b_R_CC"]);
    check(|c| c.images[3].laterality = Some(Laterality::Right), "laterality-in-name", &["d_L_CC"]);
    check(|c| c.images[1].note("age", "51"), "age-varies", &["p/1"]);
    check(
        |c| {
            c.images[2].covariates.insert("age".into(), "95".into());
        },
        "age-varies",
        &["p"],
    );
    check(
        |c| {
            c.images[3].covariates.insert("age".into(), "17".into());
        },
        "age-odd",
        &["d_L_CC"],
    );
    let outcome =
        |to: Option<f64>, followed| Some(Outcome { days_to_cancer: to, days_followed: followed, grain_days: 1.0 });
    check(|c| c.images[3].outcome = outcome(Some(9.0), 8.0), "followed-too-short", &["d_L_CC"]);
    check(|c| c.images[3].breast_outcome = outcome(Some(-9.0), 8.0), "outcome-odd", &["d_L_CC"]);
    check(|c| c.images[1].outcome = outcome(None, 401.0), "outcome-odd", &["p/1"]);
    check(|c| c.images[3].weight = Some(0.0), "weight-odd", &["d_L_CC"]);
    check(|c| c.images[1].weight = Some(2.0), "weight-odd", &["p"]);
    // A cancer of the breast that the exam has later, or not at all; images of one breast that differ.
    check(|c| c.images[3].breast_outcome = outcome(Some(9.0), 400.0), "outcome-odd", &["d_L_CC"]);
    check(
        move |c| {
            c.images[3].outcome = outcome(Some(10.0), 400.0);
            c.images[3].breast_outcome = outcome(Some(9.0), 400.0);
        },
        "outcome-odd",
        &["d_L_CC"],
    );
    check(
        move |c| {
            c.images[1].laterality = Some(Laterality::Left);
            c.images[1].breast_outcome = outcome(None, 400.0);
        },
        "outcome-odd",
        &["p/1/L"],
    );
    check(
        |c| {
            for image in &mut c.images[..3] {
                (image.labels.exam, image.labels.patient) = (Some(true), Some(true));
            }
        },
        "labels-not-closed",
        &["p/1"],
    );
}

#[test]
fn what_is_right_is_no_fault() {
    let right = |change: &dyn Fn(&mut Cohort)| {
        let mut cohort = clean();
        change(&mut cohort);
        assert_eq!(codes(&cohort), []);
    };
    // A box to the last row and column; a name with both sides; a benign lesion on a negative breast.
    right(&|c| mark(&mut c.images[0], Some(false), Shape::Box { left: 0.0, top: 0.0, right: 80.0, bottom: 100.0 }));
    right(&|c| c.images[0].file = Some("LEFT/x_R.dcm".into()));
    right(&|c| c.images[0].file = Some("RIGHTLY/x.dcm".into()));
    // An image without a split is in none.
    right(&|c| drop(c.images[0].covariates.remove("split")));
    right(&|c| c.images[0].note("split", ""));
}

fn on_disk(files: &[(&str, &[u8])], digests: bool) -> Vec<Finding> {
    clean().check(folder(files).path(), Checks { files: true, digests }).unwrap()
}

#[test]
fn files_are_missed_shared_strayed_and_copied() {
    let all: Vec<(&str, &[u8])> = vec![
        ("images/a_L_CC.dcm", b"a"),
        ("images/b_R_CC.dcm", b"b"),
        ("images/c_L_CC.dcm", b"c"),
        ("images/d_L_CC.dcm", b"d"),
    ];
    assert_eq!(on_disk(&all, true), []);
    let ids = |found: Vec<Finding>| found.into_iter().map(|f| (f.code, f.ids.join(","))).collect::<Vec<_>>();
    assert_eq!(ids(on_disk(&all[..3], true)), [("missing-file", "d_L_CC".to_owned())]);
    let mut copied = all.clone();
    copied[3].1 = b"a";
    assert_eq!(ids(on_disk(&copied, true)), [("same-content", "a_L_CC = d_L_CC".to_owned())]);
    assert_eq!(on_disk(&copied, false), []);
    let mut stray = all.clone();
    stray.extend([("images/e.dcm", &b"e"[..]), ("notes.txt", b"t")]);
    assert_eq!(ids(on_disk(&stray, false)), [("unlisted-file", "images/e.dcm".to_owned())]);
    let mut cohort = clean();
    cohort.images[2].file = Some("images/a_L_CC.dcm".into());
    let root = folder(&all);
    let found = cohort.check(root.path(), Checks { files: true, digests: false }).unwrap();
    assert_eq!(ids(found)[0], ("same-file", "a_L_CC = c_L_CC".to_owned()));
}
