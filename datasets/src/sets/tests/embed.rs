use crate::sets::cohort::Cohort;
use crate::sets::exclusion::Stage;
use crate::sets::lesion::Shape;
use crate::sets::testing::{folder, read};

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);
const U: Option<bool> = None;

const CLINICAL: &str =
    "empi_anon,acc_anon,study_date_anon,desc,side,asses,tissueden,path_severity,bside,RACE_DESC,age_at_study\n";
const METADATA: &str = "empi_anon,acc_anon,anon_dicom_path,ImageLateralityFinal,ViewPosition,FinalImageType,spot_mag,\
    num_roi,ROI_coords,Manufacturer\n";

fn embed(clinical: &str, metadata: &str) -> Cohort {
    let (clinical, metadata) = (format!("{CLINICAL}{clinical}"), format!("{METADATA}{metadata}"));
    let root = folder(&[
        ("tables/EMBED_OpenData_clinical_reduced.csv", clinical.as_bytes()),
        ("tables/EMBED_OpenData_metadata_reduced.csv", metadata.as_bytes()),
    ]);
    read(root.path()).unwrap()
}

/// Both breasts of exams 1, 2, ... of patient 7.
fn images(exams: u32) -> String {
    (1..=exams)
        .flat_map(|exam| {
            ["L", "R"].map(|side| format!("7,{exam},/x/cohort_1/7/{exam}/{exam}{side}.dcm,{side},CC,2D,0,0,[],GE\n"))
        })
        .collect()
}

/// Labels of the left and the right breast and of the exam, for each exam.
fn check(clinical: &str, exams: u32, expected: &[[Option<bool>; 3]]) {
    let cohort = embed(clinical, &images(exams));
    let of = |pair: &[crate::sets::Image]| [pair[0].labels.breast, pair[1].labels.breast, pair[0].labels.exam];
    assert_eq!(cohort.images.chunks(2).map(of).collect::<Vec<_>>(), expected, "{clinical}");
}

#[test]
fn labels_look_a_year_ahead() {
    // Screening, then a diagnostic exam with the pathology, then a visit a year later.
    let clinical = "7,1,2015-01-01,screen,L,A,2.0,,,White,55\n7,1,2015-01-01,screen,R,N,2.0,,,White,55\n\
        7,2,2015-01-20,diag,L,S,2.0,0,L,White,55\n7,3,2016-03-01,diag,,N,2.0,,,White,56\n";
    check(clinical, 3, &[[T, F, T], [T, F, T], [U, U, U]]);
    // Nothing found; the last exam has no follow-up.
    let healthy = "7,1,2015-01-01,screen,,N,1,,,,\n7,2,2016-01-01,screen,,N,1,4,L,,\n";
    check(healthy, 2, &[[F, F, F], [U, U, U]]);
    let early = "7,1,2015-01-01,screen,,N,1,,,,\n7,2,2015-12-31,screen,,N,1,,,,\n";
    check(early, 2, &[[U, U, U], [U, U, U]]);
    // A cancer later than a year; one whose side is not known.
    let late = "7,1,2015-01-01,screen,,N,1,,,,\n7,2,2017-01-01,diag,R,S,1,1,R,,\n";
    check(late, 2, &[[F, F, F], [U, T, T]]);
    let where_is_it = "7,1,2015-01-01,screen,B,A,1,0,,,\n7,2,2017-01-01,screen,,N,1,,,,\n";
    check(where_is_it, 2, &[[U, U, T], [U, U, U]]);
    // Another organ's cancer is neither.
    check("7,1,2015-01-01,diag,L,S,1,6,L,,\n", 1, &[[U, U, U]]);
}

#[test]
fn a_malignancy_that_was_proven_before_leaves_nothing_negative() {
    let row = |exam: u32, date: &str, asses: &str, severity: &str| {
        format!("7,{exam},{date},screen,L,{asses},1,{severity},,,\n")
    };
    let visits = |letters: [&str; 4]| {
        let days = ["2015-01-01", "2016-01-01", "2017-01-01", "2018-01-01"];
        (1..).zip(days).zip(letters).map(|((exam, day), letter)| row(exam, day, letter, "")).collect::<String>()
    };
    check(&visits(["N", "N", "N", "N"]), 4, &[[F; 3], [F; 3], [F; 3], [U; 3]]);
    check(&visits(["K", "N", "N", "N"]), 4, &[[U; 3]; 4]);
    // The exam a year before K is unknown too: nobody says when the malignancy was proven.
    check(&visits(["N", "N", "K", "N"]), 4, &[[F; 3], [U; 3], [U; 3], [U; 3]]);
    let cohort = embed(&visits(["N", "N", "K", "N"]), &images(4));
    let followed: Vec<_> = cohort.images.chunks(2).map(|pair| pair[0].outcome.map(|o| o.days_followed)).collect();
    assert_eq!(followed, [Some(365.0), Some(0.0), None, None]);
    assert!(cohort.images.iter().all(|image| image.labels.patient == T));
    // A cancer that was recorded before explains K; one that was recorded after does not.
    let explained = [row(1, "2014-01-01", "N", ""), row(2, "2015-06-01", "S", "0"), row(3, "2015-07-01", "K", "")];
    check(&explained.concat(), 3, &[[F; 3], [T, U, T], [U; 3]]);
    let late = [row(1, "2014-01-01", "N", ""), row(2, "2015-06-01", "K", ""), row(3, "2017-07-01", "S", "0")];
    check(&late.concat(), 3, &[[U; 3], [U; 3], [T, U, T]]);
}

#[test]
fn a_cancer_without_an_image_is_the_patients() {
    let patient = |clinical: &str| embed(clinical, &images(1)).images[0].labels;
    let first = "7,1,2015-01-01,screen,,N,1,,,,\n";
    let later = |letter: &str, severity: &str| format!("{first}7,2,2017-01-01,diag,R,{letter},1,{severity},R,,\n");
    assert_eq!((patient(&later("S", "1")).exam, patient(&later("S", "1")).patient), (F, T));
    assert_eq!((patient(&later("K", "")).exam, patient(&later("K", "")).patient), (U, T));
    assert_eq!((patient(&later("N", "")).exam, patient(&later("N", "")).patient), (F, F));
}

#[test]
fn outcomes_are_in_days() {
    let clinical = "7,1,2015-01-01,screen,,N,1,,,,\n7,2,2017-01-01,diag,R,S,1,1,R,,\n7,3,2018-01-01,diag,R,K,1,,,,\n";
    let cohort = embed(clinical, &images(3));
    let outcome = cohort.images[0].outcome.unwrap();
    assert_eq!((outcome.days_to_cancer, outcome.days_followed), (Some(731.0), 1096.0));
    assert_eq!(cohort.images[0].breast_outcome.unwrap().days_to_cancer, None);
    assert_eq!(cohort.images[1].breast_outcome.unwrap().days_to_cancer, Some(731.0));
    assert_eq!(cohort.images[2].outcome.unwrap().days_to_cancer, Some(0.0));
    assert_eq!(cohort.images[4].outcome, None);
    assert_eq!(cohort.images[0].covariates["birads"], "1");
    assert_eq!(cohort.images[5].covariates["birads"], "6");
    assert_eq!(cohort.images[4].covariates.get("birads"), None);
}

#[test]
fn views_that_are_none_are_left_out() {
    let metadata = "7,1,/x/cohort_2/7/1/a.dcm,L,CC,2D,,1,\"((10, 20, 30, 40),)\",GE\n\
        7,1,/x/cohort_2/7/1/b.dcm,L,CC,cview,0,0,[],GE\n7,1,/x/cohort_2/7/1/c.dcm,L,CC,2D,1.0,0,[],GE\n\
        8,1,/x/cohort_2/8/1/d.dcm,L,CC,2D,0,0,[],GE\n";
    let cohort = embed("7,1,2015-01-01,screen,,N,1,,,,\n", metadata);
    assert_eq!(cohort.images.len(), 2);
    assert_eq!(cohort.images[0].file.as_deref(), Some(std::path::Path::new("cohort_2/7/1/a.dcm")));
    assert_eq!(cohort.images[0].lesions[0].shape, Shape::Box { left: 20.0, top: 10.0, right: 40.0, bottom: 30.0 });
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.id.as_str())).collect();
    assert_eq!(out, [(Stage::Kind, "b.dcm"), (Stage::Kind, "c.dcm")]);
    // An exam that the clinical table does not have is unknown, not negative.
    assert_eq!(cohort.images[1].labels.exam, None);
}
