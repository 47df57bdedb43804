//! The generic layout: where its tables lie, lesions, and rows in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::sets::cohort::{Cohort, Image, Outcome};
use crate::sets::exclusion::Unit;
use crate::sets::testing::folder;
use crate::sets::{SetError, generic};

fn read(header: &str, rows: &[&str]) -> Result<Cohort, SetError> {
    let text = format!("{header}\n{}\n", rows.join("\n"));
    let root = folder(&[("cohort.csv", text.as_bytes())]);
    crate::sets::read("generic", root.path())
}

#[test]
fn names_of_columns_lie_beside_the_table() {
    let files: [(&str, &[u8]); 3] = [
        ("tables/cohort.csv", b"Woman,image,Cancer\nx,7,1\n"),
        ("tables/columns.csv", b"ours,theirs\npatient,Woman\ncancer_image,Cancer\n"),
        ("columns.csv", b"ours,theirs\npatient,Nobody\n"),
    ];
    let cohort = crate::sets::read("generic", folder(&files).path()).unwrap();
    assert_eq!((cohort.images[0].patient.as_str(), cohort.images[0].labels.image), ("x", Some(true)));
    let broken = [files[0], ("tables/columns.csv", b"ours,theirs\nx,y\n")];
    let error = crate::sets::read("generic", folder(&broken).path()).unwrap_err().to_string();
    assert_eq!(error, "tables/columns.csv, row 2, column `ours`: is no column of the generic layout");
}

/// The ids of the image's lesions, and of the findings and rows that were left out.
fn check_lesions(rows: &[&str], lesions: &[&str], repeated: &[&str]) {
    let header = "patient,image,lesion_id,lesion_kind,lesion_malignant,left,top,right,bottom";
    let cohort = read(header, rows).unwrap();
    assert_eq!(cohort.images.len(), 1);
    let ids: Vec<_> = cohort.images[0].lesions.iter().map(|lesion| lesion.id.as_str()).collect();
    assert_eq!(ids, lesions, "{rows:?}");
    let out: Vec<_> = cohort.exclusions.iter().map(|left| format!("{} {}", left.unit.name(), left.id)).collect();
    assert_eq!(out, repeated, "{rows:?}");
}

#[test]
fn a_lesion_is_listed_once_and_numbered_by_the_next_free_number() {
    let (mass, calc) = ("p,a,,mass,1,1,2,3,4", "p,a,,calcification,1,1,2,3,4");
    check_lesions(&[mass, calc, mass], &["1", "2"], &["finding cohort.csv:4"]);
    check_lesions(&[mass, "p,a,,mass,0,1,2,3,4", "p,a,,mass,,1,2,3,5"], &["1", "2", "3"], &[]);
    check_lesions(&["p,a,x,mass,,1,2,3,4", "p,a,y,mass,,1,2,3,4"], &["x"], &["finding cohort.csv:3"]);
    check_lesions(&["p,a,x,mass,,1,2,3,4", "p,a,x,mass,,1,2,3,4"], &["x"], &["finding cohort.csv:3"]);
    // Nothing says where they are: two names are two lesions.
    check_lesions(&["p,a,x,mass,,,,,", "p,a,y,mass,,,,,"], &["x", "y"], &[]);
    check_lesions(&["p,a,2,mass,,,,,", "p,a,,mass,,,,,", mass], &["2", "1", "3"], &[]);
    check_lesions(&["p,a,,mass,,,,,", "p,a,1,mass,,,,,"], &["2", "1"], &[]);
    check_lesions(&["p,a,,,,,,,", mass, "p,a,,,,,,,"], &["1"], &["row cohort.csv:4"]);
    let two = ["p,a,x,mass,,1,2,3,4", "p,a,x,mass,,5,6,7,8"];
    let error = read("patient,image,lesion_id,lesion_kind,lesion_malignant,left,top,right,bottom", &two).unwrap_err();
    assert!(error.to_string().ends_with("`lesion_id`: is that of another lesion of the image"), "{error}");
}

const TIMES: &str = "patient,exam,image,laterality,days_to_cancer,breast_days_to_cancer,days_followed,weight";

#[test]
fn outcomes_are_of_exams_and_breasts() {
    let check = |rows: &[&str], left: &str| {
        let cohort = read(TIMES, rows).unwrap();
        let reasons: Vec<_> = cohort.exclusions.iter().map(|left| left.reason.as_str()).collect();
        assert_eq!(reasons, vec![left; if left.is_empty() { 0 } else { rows.len() }], "{rows:?}");
        cohort
    };
    check(&["p,1,a,L,,10,100,1", "p,1,b,L,,,100,1"], "its rows give one breast different times to cancer or follow-up");
    check(&["p,1,a,L,20,10,100,"], "a breast has cancer when the exam has none yet");
    check(&["p,1,a,L,9,9,100,1", "p,2,b,R,,,100,5"], "its rows give the patient different weights");
    // An empty cell contradicts nothing.
    let cohort = check(&["p,1,a,L,,,100,", "p,1,b,R,,,,2"], "");
    let clear = Some(Outcome { days_to_cancer: None, days_followed: 100.0, grain_days: 1.0 });
    for image in &cohort.images {
        assert_eq!((image.outcome, image.breast_outcome, image.weight), (clear, clear, Some(2.0)));
    }
    let cohort = check(&["p,1,a,L,10,10,100,", "p,1,b,R,10,,100,", "p,1,c,L,,,,"], "");
    let days: Vec<_> = cohort.images.iter().map(|image| image.breast_outcome.map(|o| o.days_to_cancer)).collect();
    assert_eq!(days, [Some(Some(10.0)), None, Some(Some(10.0))]);
}

/// What a table says, apart from the order of its rows: of each image, of the first image of each exam, breast and patient
/// (as tables for measures take it), and what was left out.
fn content(cohort: &Cohort) -> (BTreeMap<String, String>, Vec<String>) {
    let mut units: BTreeMap<String, String> = BTreeMap::new();
    for image in &cohort.images {
        let Image { patient, exam, labels, outcome, breast_outcome, weight, covariates, .. } = image;
        let mut marks: Vec<_> =
            image.lesions.iter().map(|l| format!("{:?}{:?}{:?}", l.kind, l.malignant, l.shape)).collect();
        marks.sort();
        let all = format!("{labels:?} {outcome:?} {breast_outcome:?} {weight:?} {covariates:?} {marks:?}");
        units.insert(format!("image {}", image.image), all);
        units.entry(format!("exam {patient}/{exam}")).or_insert_with(|| format!("{:?} {outcome:?}", labels.exam));
        units.entry(format!("patient {patient}")).or_insert_with(|| format!("{:?} {weight:?}", labels.patient));
        if let Some(side) = image.laterality {
            let breast = format!("{:?} {breast_outcome:?}", labels.breast);
            units.entry(format!("breast {patient}/{exam}/{side}")).or_insert(breast);
        }
    }
    let left = cohort.exclusions.iter().map(|left| {
        // A row is named by its number, which changes.
        let id = if matches!(left.unit, Unit::Row | Unit::Finding) { "" } else { &left.id };
        format!("{:?} {:?} {id} {}", left.stage, left.unit, left.reason)
    });
    let mut left: Vec<String> = left.collect();
    left.sort();
    (units, left)
}

fn one_of(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(values)
}

/// Rows of few patients, exams and images; one in `rare` states a label, a weight or a reason to leave it out, so that some
/// tables contradict themselves in one thing only.
fn row(rare: u32, times: &'static [&'static str]) -> impl Strategy<Value = String> {
    let seldom = move |values| prop_oneof![rare => Just(""), 1 => one_of(values)];
    let labels = [1, 2, 3, 4].map(|_| seldom(&["0", "1"]));
    let lesion = one_of(&[",", ",", ",", "mass,1", "mass,0", "calcification,", "mass,"]);
    let rest = (one_of(times), seldom(&["1", "5"]), lesion, seldom(&["blurred", "motion"]));
    (0..36u8, one_of(&["L", "L", "R", "R", ""]), labels, rest).prop_map(
        |(image, side, labels, (times, weight, lesion, out))| {
            let (patient, exam) = (image % 3, image / 3 % 2);
            format!("{patient},{exam},{image},{side},{},{times},{weight},{lesion},{out}", labels.join(","))
        },
    )
}

fn rows() -> impl Strategy<Value = Vec<String>> {
    let times: [&'static [&'static str]; 3] = [
        &[",,", ",,100"],
        &[",,", "10,,100", "10,10,100", "10,20,100"],
        &[",,", ",,", ",,100", "10,10,100", ",10,100", "20,10,100"],
    ];
    let tables = (prop::sample::select(vec![4, 20, 100]), prop::sample::select(times.to_vec()));
    tables.prop_flat_map(|(rare, times)| prop::collection::vec(row(rare, times), 1..14))
}

proptest! {
    #[test]
    fn the_order_of_rows_is_of_no_matter(
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let header = "patient,exam,image,laterality,cancer_image,cancer_breast,cancer_exam,cancer_patient,days_to_cancer,\
            breast_days_to_cancer,days_followed,weight,lesion_kind,lesion_malignant,exclude";
        let names: Vec<String> = header.split(',').map(String::from).collect();
        let read = |rows: &[String]| {
            let cells = rows.iter().map(|row| row.split(',').map(String::from).collect());
            generic::from_rows("x", "", &names, cells).map(|cohort| content(&cohort))
        };
        prop_assert_eq!(read(&rows).unwrap(), read(&shuffled).unwrap());
    }
}

#[test]
fn the_earlier_breasts_cancer_is_the_exams_where_nothing_else_is_said() {
    let header = "patient,image,laterality,days_followed,breast_days_to_cancer\n";
    let cohort =
        super::readers::set(&[("cohort.csv", &format!("{header}p,a,L,100,\np,b,R,100,40\nq,c,L,100,\n"))], "generic");
    let days: Vec<_> = cohort.images.iter().map(|i| i.outcome.and_then(|outcome| outcome.days_to_cancer)).collect();
    let breasts: Vec<_> =
        cohort.images.iter().map(|i| i.breast_outcome.and_then(|outcome| outcome.days_to_cancer)).collect();
    assert_eq!(days, [Some(40.0), Some(40.0), None]);
    assert_eq!(breasts, [None, Some(40.0), None]);
    assert!(cohort.exclusions.is_empty(), "{:?}", cohort.exclusions);
}
