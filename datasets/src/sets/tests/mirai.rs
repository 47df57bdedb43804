use std::path::PathBuf;

use super::readers::set;
use crate::sets::cohort::{Cohort, Outcome};
use crate::sets::exclusion::Stage;
use crate::sets::files::{Files, Found};
use crate::sets::testing::{folder, read};
use crate::sets::{Checks, covariate};

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);
const U: Option<bool> = None;

const HEADER: &str =
    "patient_id,exam_id,laterality,view,file_path,years_to_cancer,years_to_last_followup,split_group\n";

#[test]
fn mirai_counts_years() {
    let text = "\u{feff}patient_id,exam_id,laterality,view,file_path,years_to_cancer,years_to_last_followup,split_group\n\
        1,0,R,MLO,/data/a/1_MLO_R.png,0,10,train\n1,0,R,MLO,/data/a/1_MLO_R2.png,0,10,train\n\
        2,0,L,CC,/data/a/2_CC_L.png,3,10,test\n3,0,L,CC,/data/a/3_CC_L.png,100,0,test\n\
        4,0,L,CC,/data/a/4_CC_L.png,100,5,test\n4,0,R,CC,/data/a/4_CC_R.png,100,4,test\n";
    let cohort = set(&[("mirai_metadata.csv", text)], "mirai");
    let names: Vec<_> = cohort.images.iter().map(|image| image.image.as_str()).collect();
    assert_eq!(names, ["1/0/R MLO", "1/0/R MLO/2", "2/0/L CC", "3/0/L CC"]);
    let exams: Vec<_> = cohort.images.iter().map(|image| image.labels.exam).collect();
    assert_eq!(exams, [T, T, F, U]);
    let patients: Vec<_> = cohort.images.iter().map(|image| image.labels.patient).collect();
    assert_eq!(patients, [T, T, T, U]);
    let outcome = |to, followed| Some(Outcome { days_to_cancer: to, days_followed: followed, grain_days: 365.25 });
    assert_eq!(cohort.images[2].outcome, outcome(Some(1095.75), 3652.5));
    assert_eq!(cohort.images[3].outcome, outcome(None, 0.0));
    assert_eq!(cohort.exclusions.iter().filter(|e| e.stage == Stage::Contradiction).count(), 2);
}

#[test]
fn a_row_that_comes_again_is_no_second_image() {
    let text = "1,0,L,CC,a/1.png,100,5,train\n1,0,L,CC,a/1.png,100,5,train\n1,0,L,CC,a/2.png,100,5,train\n\
        2,0,L,CC,a/3.png,100,5,train\n2,0,L,CC,a/3.png,100,5,test\n\
        3,0,L,CC,a/4.png,100,5,train\n3,0,L,CC,a/4.png,100,4,train\n";
    let cohort = set(&[("mirai_metadata.csv", &format!("{HEADER}{text}"))], "mirai");
    let names: Vec<_> = cohort.images.iter().map(|image| image.image.as_str()).collect();
    assert_eq!(names, ["1/0/L CC", "1/0/L CC/2", "2/0/L CC"]);
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.id.as_str())).collect();
    let duplicate = |id| (Stage::Duplicate, id);
    let torn = |id| (Stage::Contradiction, id);
    let rows = ["mirai_metadata.csv:3", "mirai_metadata.csv:6"].map(duplicate);
    assert_eq!(out, [&rows[..], &["3/0/L CC", "3/0/L CC/2"].map(torn)].concat());
    // The second row of patient 2 still says that she is in two splits.
    assert_eq!(cohort.images[2].covariates[covariate::SPLIT], "test+train");
}

/// The files of patients' images, `patient path` each, on a disk with these files.
fn check(rows: &[&str], disk: &[&str], expected: &[&[&str]]) {
    let row = |row: &&str| {
        let (patient, path) = row.split_once(' ').unwrap();
        format!("{patient},0,L,CC,{path},100,5,train\n")
    };
    let text = format!("{HEADER}{}", rows.iter().map(row).collect::<String>());
    let mut all: Vec<(&str, &[u8])> = disk.iter().map(|path| (*path, &b""[..])).collect();
    all.push(("metadata.csv", text.as_bytes()));
    let root = folder(&all);
    let (cohort, files) = (read(root.path()).unwrap(), Files::scan(root.path()).unwrap());
    let found = cohort.images.iter().map(|image| match files.find(image) {
        Found::One(path) => vec![path.to_owned()],
        Found::Several(paths) => paths.into_iter().map(PathBuf::from).collect(),
        Found::Nothing => Vec::new(),
    });
    let expected: Vec<Vec<PathBuf>> = expected.iter().map(|paths| paths.iter().map(PathBuf::from).collect()).collect();
    assert_eq!(found.collect::<Vec<_>>(), expected, "{rows:?} {disk:?}");
}

#[test]
fn a_path_of_another_machine_leads_to_no_other_patient() {
    let (one, two) = ("P1/L_CC.png", "P2/L_CC.png");
    check(&["1 /data/P1/L_CC.png"], &[two], &[&[]]);
    check(&["1 /data/P1/L_CC.png"], &[one, two], &[&[one]]);
    check(&["1 /data/P1/L_CC.png"], &["x/P1/L_CC.png", two], &[&["x/P1/L_CC.png"]]);
    let both = ["1 /data/P1/L_CC.png", "2 /data/P2/L_CC.png"];
    check(&both, &[two], &[&[], &[two]]);
    check(&both, &[one, two], &[&[one], &[two]]);
    // The table's other image is of another name: the folder still says whose it is.
    check(&["1 /data/P1/L_CC.png", "3 /data/P3/R_CC.png"], &[two], &[&[], &[]]);
    check(&["1 /data/P1/2019/L_CC.png", "3 /data/P3/L_CC.png"], &["P2/2019/L_CC.png"], &[&[], &[]]);
    // Where a folder holds several patients, the files' names say whose they are.
    let flat = ["1 /data/all/1_L_CC.png", "2 /data/all/2_L_CC.png"];
    check(&flat, &["images/1_L_CC.png", "2_L_CC.png"], &[&["images/1_L_CC.png"], &["2_L_CC.png"]]);
    // But not where they come again in another folder.
    let twice = ["1 /a/x/1.png", "2 /a/x/2.png", "3 /a/y/1.png", "4 /a/y/3.png"];
    check(&twice, &["1.png", "2.png"], &[&[], &["2.png"], &[], &[]]);
    check(&twice, &["z/x/1.png", "1.png"], &[&["z/x/1.png"], &[], &[], &[]]);
}

#[test]
fn an_absolute_path_may_lead_to_the_root() {
    let root = folder(&[("1.png", b"")]);
    let path = root.path().join("1.png").display().to_string();
    std::fs::write(root.path().join("metadata.csv"), format!("{HEADER}1,0,L,CC,{path},100,5,train\n")).unwrap();
    let cohort: Cohort = read(root.path()).unwrap();
    assert_eq!(cohort.check(root.path(), Checks { files: true, digests: false }).unwrap(), []);
}
