use std::path::Path;

use uvid_exam::{Laterality, View};

use crate::sets::cohort::{Cohort, Image, Misplaced, Projection, Reference};
use crate::sets::exclusion::{Stage, Unit};
use crate::sets::lesion::{LesionKind, Shape};
use crate::sets::testing::{folder, read, workbook};
use crate::sets::{SetError, covariate, generic, recognise, screening640};

const L: Option<Laterality> = Some(Laterality::Left);
const R: Option<Laterality> = Some(Laterality::Right);
const CC: Option<Projection> = Some(Projection::View(View::CranioCaudal));

pub(super) fn set(files: &[(&str, &str)], name: &str) -> Cohort {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(file, text)| (*file, text.as_bytes())).collect();
    let root = folder(&files);
    assert_eq!(recognise(root.path()).unwrap().name, name);
    read(root.path()).unwrap()
}

fn labels(image: &Image) -> [Option<bool>; 4] {
    [image.labels.image, image.labels.breast, image.labels.exam, image.labels.patient]
}

fn note<'a>(image: &'a Image, name: &str) -> Option<&'a str> {
    image.covariates.get(name).map(String::as_str)
}

const T: Option<bool> = Some(true);
const F: Option<bool> = Some(false);
const U: Option<bool> = None;

#[test]
fn cbis_merges_abnormalities_into_films() {
    let mass = "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,\
        mass margins,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\n\
        P_9,3,LEFT,CC,1,mass,OVAL,CIRCUMSCRIBED,3,BENIGN,4,Mass-Training_P_9_LEFT_CC/1.1/1.2/000000.dcm,\
        Mass-Training_P_9_LEFT_CC_1/1.3/1.4/000001.dcm,\"Mass-Training_P_9_LEFT_CC_1/1.3/1.4/000000.dcm\n\"\n\
        P_9,3,LEFT,CC,2,mass,OVAL,CIRCUMSCRIBED,4,BENIGN_WITHOUT_CALLBACK,4,Mass-Training_P_9_LEFT_CC/1.1/1.2/000000.dcm,\
        Mass-Training_P_9_LEFT_CC_2/1.7/1.8/000000.dcm,\"Mass-Training_P_9_LEFT_CC_2/1.5/1.6/000000.dcm\n\"\n\
        P_9,3,LEFT,MLO,1,mass,OVAL,CIRCUMSCRIBED,3,BENIGN,4,Mass-Training_P_9_LEFT_MLO/1.7/1.8/000000.dcm,\
        Mass-Training_P_9_LEFT_MLO_1/1.9/1.10/000001.dcm,\"Mass-Training_P_9_LEFT_MLO_1/1.9/1.10/000000.dcm\n\"\n";
    let calc = "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,calc type,\
        calc distribution,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path\n\
        P_9,3,LEFT,CC,1,calcification,PLEOMORPHIC,CLUSTERED,5,MALIGNANT,4,Calc-Test_P_9_LEFT_CC/2.1/2.2/000000.dcm,\
        \"Calc-Test_P_9_LEFT_CC_1/2.3/2.4/000001.dcm\n\",Calc-Test_P_9_LEFT_CC_1/2.3/2.4/000000.dcm\n";
    let header = |table: &'static str| table.split_inclusive('\n').next().unwrap();
    let mut files = vec![
        ("mass_case_description_train_set.csv", mass),
        ("calc_case_description_test_set.csv", calc),
        ("mass_case_description_test_set.csv", header(mass)),
        ("calc_case_description_train_set.csv", header(calc)),
    ];
    let cohort = set(&files, "cbis-ddsm");
    assert_eq!(cohort.images.len(), 3);
    let first = &cohort.images[0];
    assert_eq!((first.image.as_str(), first.laterality, &first.view), ("Mass-Training_P_9_LEFT_CC", L, &CC));
    assert_eq!(first.lesions.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(), ["mass 1", "mass 2"]);
    assert_eq!(note(first, covariate::BIRADS), Some("3+4"));
    assert_eq!(note(first, covariate::DENSITY), Some("C"));
    // The film is positive through its calcifications, which the other table lists.
    assert_eq!(labels(first), [T, T, T, T]);
    assert_eq!(labels(&cohort.images[1]), [F, T, T, T]);
    let Shape::MaskFile { candidates, series } = &first.lesions[0].shape else { panic!("no mask") };
    assert!(candidates.contains(&"Mass-Training_P_9_LEFT_CC_1/1.3/1.4/000001.dcm".into()), "both candidates");
    assert_eq!(series.len(), 1);
    let Shape::MaskFile { series, .. } = &first.lesions[1].shape else { panic!("no mask") };
    assert_eq!(series.iter().map(|s| s.series.as_str()).collect::<Vec<_>>(), ["1.6", "1.8"], "both series");
    let found = cohort.check(Path::new(""), Default::default()).unwrap();
    assert_eq!(found.iter().map(|f| (f.code, f.ids.len())).collect::<Vec<_>>(), [("patient-in-two-splits", 1)]);
    // A table that is not there may list a cancer in any film.
    files.pop();
    let partial = set(&files, "cbis-ddsm");
    assert_eq!([labels(&partial.images[0]), labels(&partial.images[1])], [[T, T, T, T], [U, T, T, T]]);
}

#[test]
fn vindr_has_a_proxy_and_boxes() {
    let breasts = "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density,split\n\
        s,e,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,training\n\
        s,e,i2,L,MLO,3518,2800,BI-RADS 4,DENSITY C,training\n\
        s,e,i3,R,CC,3518,2800,BI-RADS 2,DENSITY C,training\n";
    let findings = "study_id,series_id,image_id,laterality,view_position,height,width,breast_birads,breast_density,\
        finding_categories,finding_birads,xmin,ymin,xmax,ymax,split\n\
        s,e,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,\"['Mass', 'Suspicious Calcification']\",BI-RADS 4,1.5,2,30,40,training\n\
        s,e,i3,R,CC,3518,2800,BI-RADS 2,DENSITY C,['No Finding'],,,,,,training\n\
        s,e,i9,R,CC,3518,2800,BI-RADS 2,DENSITY C,['No Finding'],,,,,,training\n\
        s,e,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,['Mass'],BI-RADS 4,1.5,2,30,40,training\n\
        s,e,i1,L,CC,3518,2800,BI-RADS 4,DENSITY C,['Mass'],BI-RADS 3,1.5,2,30,40,training\n";
    let cohort =
        set(&[("breast-level_annotations.csv", breasts), ("finding_annotations.csv", findings)], "vindr-mammo");
    assert_eq!(cohort.reference, Reference::Proxy);
    assert_eq!(labels(&cohort.images[0]), [T, T, T, T]);
    assert_eq!(labels(&cohort.images[1]), [U, T, T, T]);
    assert_eq!(labels(&cohort.images[2]), [F, F, T, T]);
    let lesions = &cohort.images[0].lesions;
    assert_eq!((&lesions[0].kind, &lesions[1].kind), (&LesionKind::Mass, &LesionKind::Calcification));
    assert_eq!(lesions[0].shape, Shape::Box { left: 1.5, top: 2.0, right: 30.0, bottom: 40.0 });
    // The mass is listed twice; a mass of another category in its box is another.
    assert_eq!(
        lesions.iter().map(|l| (l.id.as_str(), l.malignant)).collect::<Vec<_>>(),
        [("1", T), ("2", T), ("3", F)]
    );
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.unit, e.id.as_str())).collect();
    assert_eq!(
        out,
        [
            (Stage::Record, Unit::Finding, "finding_annotations.csv:4"),
            (Stage::Duplicate, Unit::Finding, "finding_annotations.csv:5"),
        ]
    );
    assert_eq!(note(&cohort.images[0], covariate::SPLIT), Some("train"));
}

const RSNA: &str = "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,\
    machine_id,difficult_negative_case\n";

#[test]
fn rsna_labels_breasts_and_does_not_guess() {
    let rows = "2,10,1,L,CC,61.0,1,1,1,0.0,0,B,21,False\n\
        2,10,2,L,MLO,61.0,1,1,1,0.0,0,B,21,False\n\
        2,10,3,R,CC,61.0,0,0,0,,0,B,21,True\n\
        1,11,4,L,CC,,0,0,0,,0,,21,False\n\
        1,12,5,L,CC,50,0,0,0,,0,,21,False\n\
        1,12,6,L,AT,50,1,0,0,,0,,21,False\n";
    let cohort = set(&[("train.csv", &format!("\u{feff}{RSNA}{rows}"))], "rsna-2022");
    assert_eq!(cohort.images.len(), 4);
    assert_eq!(labels(&cohort.images[0]), [U, T, T, T]);
    assert_eq!(labels(&cohort.images[2]), [F, F, T, T]);
    assert_eq!(labels(&cohort.images[3]), [F, F, F, F]);
    assert_eq!(note(&cohort.images[2], covariate::DIFFICULT), Some("yes"));
    assert_eq!(note(&cohort.images[3], covariate::AGE), None);
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.id.as_str())).collect();
    assert_eq!(out, [(Stage::Contradiction, "5"), (Stage::Contradiction, "6")]);
    assert_eq!(cohort.tables[0].sha256.len(), 64);
    let summary = cohort.summary();
    assert_eq!((summary.total.breasts.positive, summary.total.breasts.negative), (1, 2));
    assert_eq!(summary.total.patients.all(), 2);
    assert_eq!((summary.rows, summary.excluded[0].count), (6, 2));
}

fn inbreast_xml() -> String {
    "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Images</key><array><dict><key>ROIs</key><array><dict>\
     <key>Name</key><string>Mass</string><key>Point_px</key><array><string>(7, 5)</string></array></dict></array>\
     </dict></array></dict></plist>"
        .to_owned()
}

#[test]
fn inbreast_is_read_from_its_workbook() {
    let header = [
        "Patient ID",
        "Patient age",
        "Laterality",
        "View",
        "Acquisition date",
        "File Name",
        "ACR",
        "Bi-Rads",
        "Mass ",
        "Micros",
        "Distortion",
        "Asymmetry",
        "Findings Notes (in Portuguese)",
    ];
    let rows: [&[&str]; 5] = [
        &header,
        &["removed", "removed", "R", "CC", "201001", "10000004", "2", "4a", "X", "", "", "", "nota"],
        &["removed", "removed", "L", "CC", "201001", "10000005", "2", "1", "", "", "", "", ""],
        &["removed", "removed", "L", "CC", "201001", "10000006", "2", "1", "", "", "", "", ""],
        &["X: present"],
    ];
    let (book, xml) = (workbook(&rows), inbreast_xml());
    let root = folder(&[
        ("INbreast.xls", &book),
        ("AllDICOMs/10000004_abcd_MG_R_CC_ANON.dcm", b""),
        ("AllDICOMs/10000005_abcd_MG_L_CC_ANON.dcm", b""),
        ("AllXML/10000004.xml", xml.as_bytes()),
    ]);
    let cohort = read(root.path()).unwrap();
    assert_eq!((cohort.set.as_str(), cohort.reference), ("inbreast", Reference::Proxy));
    assert_eq!(cohort.images.len(), 2);
    let first = &cohort.images[0];
    assert_eq!((first.patient.as_str(), first.exam.as_str(), first.image.as_str()), ("abcd", "201001", "10000004"));
    assert_eq!(labels(first), [T, T, T, T]);
    assert_eq!(labels(&cohort.images[1]), [F, F, T, T]);
    assert_eq!(first.lesions[0].shape, Shape::Outline(vec![(5.0, 7.0)]));
    assert_eq!((note(first, covariate::BIRADS), note(first, covariate::LESION)), (Some("4a"), Some("mass")));
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.id.as_str())).collect();
    assert_eq!(out, [(Stage::Identity, "10000006"), (Stage::Record, "INbreast.xls:5")]);
    assert_eq!(
        cohort.check(root.path(), crate::sets::Checks { files: true, digests: true }).unwrap()[0].code,
        "same-content"
    );
}

#[test]
fn cmmd_waits_for_the_files_to_say_the_side() {
    let breasts = "ID1,LeftRight,Age,number,abnormality,classification,subtype\n\
        D1-1,R,44,2,both,Malignant,Luminal A\nD1-1,L,44,2,mass,Benign,\nD2-2,L,51,2,mass,Benign,\nD2-3,L,51,2,mass,Benign,\n\
        D2-4,L,51,2,mass,Benign,\n";
    let series = "serie_id,Data Description URI,Subject ID,Study UID,Study Date,Modality,SOP Class UID,Number of Images\n\
        1.2.11111,x,D1-1,1.3.11111,07-18-2010,MG,1,4\n1.2.22222,x,D2-2,1.3.22222,07-18-2010,MG,1,4\n\
        1.2.33333,x,D2-3,1.3.33333,07-18-2010,MG,1,2\n";
    let mut cohort = set(&[("cmmd_annotations.csv", breasts), ("cmmd_meta.csv", series)], "cmmd");
    assert_eq!((cohort.images.len(), cohort.sides.len(), cohort.exclusions.len()), (10, 4, 1));
    assert_eq!(labels(&cohort.images[0]), [U, U, T, T]);
    assert_eq!(labels(&cohort.images[4]), [U, U, U, U]);
    assert_eq!(labels(&cohort.images[8])[2..], [F, F]);
    let place = "CMMD/D1-1/07-18-2010-NA-NA-11111/1.000000-NA-11111/1-1.dcm";
    assert_eq!(cohort.images[0].file.as_deref(), Some(Path::new(place)));
    cohort.place(0, Laterality::Right, View::CranioCaudal).unwrap();
    cohort.place(1, Laterality::Left, View::CranioCaudal).unwrap();
    cohort.close();
    assert_eq!((labels(&cohort.images[0]), labels(&cohort.images[1])), ([U, T, T, T], [F, F, T, T]));
    assert_eq!(note(&cohort.images[0], covariate::SUBTYPE), Some("Luminal A"));
    assert_eq!(cohort.place(0, Laterality::Left, View::CranioCaudal), Err(Misplaced::Laterality));
    assert_eq!(cohort.place(0, Laterality::Right, View::MedioLateralOblique), Err(Misplaced::View));
    assert_eq!(cohort.place(99, Laterality::Right, View::MedioLateralOblique), Err(Misplaced::NoImage));
    let outside = |from: &str, to: &str, column: &str| {
        let series = series.replacen(from, to, 1);
        let root = folder(&[("cmmd_annotations.csv", breasts.as_bytes()), ("cmmd_meta.csv", series.as_bytes())]);
        let message = format!("cmmd_meta.csv, row 2, column `{column}`: is no name of a folder");
        assert_eq!(read(root.path()).unwrap_err().to_string(), message);
    };
    outside("D1-1", "/etc", "Subject ID");
    outside("1.3.11111", "1.3./../..", "Study UID");
    outside("1.2.11111", "1.2.1/111", "serie_id");
    outside("07-18-2010", "../07", "Study Date");
}

#[test]
fn a_breast_stays_open_until_all_images_have_a_side() {
    let table = "patient,exam,image,laterality,view,cancer_image,cancer_breast\n\
        p,1,negative,L,CC,0,\np,1,loose,,,1,\nq,1,a,,,,1\nq,1,b,R,CC,,0\n";
    let mut cohort = set(&[("cohort.csv", table)], "generic");
    assert_eq!(labels(&cohort.images[0]), [F, U, T, T], "the other image may be of this breast");
    assert_eq!(labels(&cohort.images[2])[1], U);
    cohort.place(1, Laterality::Left, View::MedioLateralOblique).unwrap();
    cohort.place(2, Laterality::Left, View::CranioCaudal).unwrap();
    cohort.close();
    assert_eq!((labels(&cohort.images[0]), labels(&cohort.images[1])), ([F, T, T, T], [T, T, T, T]));
    assert_eq!((labels(&cohort.images[2])[1], labels(&cohort.images[3])[1]), (T, F));
}

#[test]
fn csaw_cc_looks_two_years_ahead() {
    let text = "anon_patientid,exam_year,imagelaterality,viewposition,x_case,x_cancer_laterality,x_type,x_age,rad_timing,\
        rad_recall,dicom_manufacturer,libra_percentdensity,anon_filename\n\
        1,2010,Left,CC,1,Left,3,1,3,0,Hologic,22.5,1_20990909_L_CC_1.dcm\n\
        1,2012,Left,CC,1,Left,3,1,2,0,Hologic,22.5,1_20990909_L_CC_2.dcm\n\
        1,2012,Right,CC,1,Left,3,1,2,0,Hologic,22.5,1_20990909_R_CC_2.dcm\n\
        2,2012,Right,CC,0,,,2,,,Hologic,22.5,2_20990909_R_CC_1.dcm\n\
        3,2012,Right,CC,1,,,2,1,1,Hologic,22.5,3_20990909_R_CC_1.dcm\n\
        4,2010,Right,CC,1,Right,2,2,3,0,Hologic,22.5,4_20990909_R_CC_1.dcm\n\
        5,2010,Left,CC,0,,,2,,,Hologic,22.5,5_20990909_L_CC_1.dcm\n\
        5,2012,Left,CC,1,Left,2,2,1,1,Hologic,22.5,5_20990909_L_CC_2.dcm\n";
    let cohort = set(&[("CSAW-CC_breast_cancer_screening_data.csv", text)], "csaw-cc");
    let all: Vec<_> = cohort.images.iter().map(labels).collect();
    assert_eq!(all, [[F, F, F, T], [U, T, T, T], [F, F, T, T], [F, F, F, F], [U, U, T, T], [F, F, F, T]]);
    // Whether a woman is a case is the same in all of her rows.
    assert_eq!(cohort.exclusions.iter().filter(|e| e.stage == Stage::Contradiction).count(), 2);
    assert_eq!(note(&cohort.images[1], covariate::TIMING), Some("interval"));
    assert_eq!(note(&cohort.images[3], covariate::AGE), Some("over 55"));
    assert_eq!((cohort.images[1].laterality, cohort.images[2].laterality), (L, R));
}

#[test]
fn generic_tables_have_lesions_weights_and_other_names() {
    let text = "patient,exam,image,laterality,view,file,height,width,cancer_breast,days_to_cancer,days_followed,weight,\
        reference,exclude,density,lesion_kind,lesion_malignant,left,top,right,bottom,mask\n\
        p,1,a,L,CC,x/a.png,100,80,1,20,20,2.5,pathology,,2,mass,1,1,2,3,4,\n\
        p,1,a,L,CC,x/a.png,100,80,1,20,20,2.5,pathology,,2,calcification,0,,,,,m.png\n\
        p,1,b,R,CC,x/b.png,100,80,0,20,20,2.5,pathology,,2,,,,,,,\n\
        p,1,b,R,CC,x/b.png,100,80,0,20,20,2.5,pathology,,2,,,,,,,\n\
        q,1,c,R,CC,x/c.png,100,80,0,,,1,pathology,motion,2,,,,,,,\n\
        q,1,d,R,CC,x/d.png,100,80,0,,,1,pathology,,2,mass,,,,,,\n\
        q,1,d,R,CC,x/d.png,100,80,0,,,1,pathology,,3,mass,,,,,,\n";
    let cohort = set(&[("cohort.csv", text)], "generic");
    assert_eq!(cohort.reference, Reference::Pathology);
    assert_eq!(cohort.images.len(), 2);
    let first = &cohort.images[0];
    assert_eq!((first.weight, note(first, covariate::DENSITY), first.size), (Some(2.5), Some("B"), Some([100, 80])));
    assert_eq!(first.lesions.iter().map(|l| (l.id.as_str(), l.malignant)).collect::<Vec<_>>(), [("1", T), ("2", F)]);
    assert_eq!(first.outcome.unwrap().days_to_cancer, Some(20.0));
    assert_eq!(first.breast_outcome, None);
    let out: Vec<_> = cohort.exclusions.iter().map(|e| (e.stage, e.id.as_str(), e.reason.as_str())).collect();
    assert_eq!(
        out,
        [
            (Stage::Duplicate, "cohort.csv:5", "an earlier row lists its image"),
            (Stage::Unusable, "c", "motion"),
            (Stage::Contradiction, "d", "its rows differ in more than the lesion"),
        ]
    );
    let root = folder(&[
        ("cohort.csv", b"Study;Woman;Cancer\n7;x;1\n" as &[u8]),
        ("columns.csv", b"ours,theirs\nimage,study\npatient,Woman\ncancer_image,Cancer\n"),
    ]);
    let renamed = crate::sets::read("generic", root.path()).unwrap();
    assert_eq!((renamed.images[0].image.as_str(), labels(&renamed.images[0])), ("7", [T, U, T, T]));
}

#[test]
fn screening640_leaves_blank_images_out() {
    let text = "file,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,\
        site_id,fold,blank\n905_6.jpg,905,6,L,MLO,70.0,0,0,0,0.0,0,,21,2,2,0\n905_7.jpg,905,7,R,CC,70.0,0,0,0,,0,,21,2,2,1\n";
    let cohort = set(&[("labels.csv", text)], "screening640");
    assert_eq!((cohort.images.len(), cohort.exclusions[0].stage), (1, Stage::Unusable));
    assert_eq!(note(&cohort.images[0], covariate::SPLIT), Some("2"));
    assert_eq!(screening640::READER.tables.len(), 1);
}

#[test]
fn errors_name_file_row_and_column() {
    let check = |text: &str, message: &str| {
        let root = folder(&[("train.csv", text.as_bytes())]);
        assert_eq!(crate::sets::read("rsna-2022", root.path()).unwrap_err().to_string(), message);
    };
    let row = "2,10,1,L,CC,61.0,1,1,1,0.0,0,B,21,False\n";
    check(&RSNA.replace("cancer", "cancers"), "train.csv, row 1, column `cancer`: is missing");
    check(&format!("age,{RSNA}"), "train.csv, row 1, column `age`: is there twice");
    check(
        &format!("{RSNA}{row}2,10,1,X,CC,61,1,1,1,,0,B,21,0\n"),
        "train.csv, row 3, column `laterality`: is neither left nor right",
    );
    check(&format!("{RSNA}{row}2,,1,L,CC,61,1,1,1,,0,B,21,0\n"), "train.csv, row 3, column `patient_id`: is empty");
    check(&format!("{RSNA}{row}2,10,1,L\n"), "train.csv, row 3: has 4 columns where the header has 14");
    check(&format!("{RSNA}{}", row.replace("61.0", "inf")), "train.csv, row 2, column `age`: is no number");
    check(&format!("{RSNA}{}", row.replace("10,1", "10,../1")), "train.csv, row 2, column `image_id`: is no file name");
    // Empty lines do not count.
    check(&format!("{RSNA}\n\n{}", row.replace("61.0", "inf")), "train.csv, row 2, column `age`: is no number");
    // A quote that is not closed would swallow the rows below it, in a column that is used or not.
    let broken = "has a line break inside a cell; a quote may not be closed";
    check(&format!("{RSNA}{row}{}{row}{row}", row.replace("False", "\"False")), &format!("train.csv, row 3: {broken}"));
    let more = |end: &str| format!("{},{end}\n", row.trim_end());
    check(&format!("{},notes\n{}{row}", RSNA.trim_end(), more("\"a")), &format!("train.csv, row 2: {broken}"));
    check(&format!("{},\"notes\n{}", RSNA.trim_end(), more("a")), &format!("train.csv, row 1: {broken}"));
    let nowhere = folder(&[]);
    assert!(matches!(recognise(nowhere.path()), Err(SetError::Unrecognised { .. })));
    assert!(matches!(crate::sets::read("rsna-2022", nowhere.path()), Err(SetError::Missing { .. })));
    assert!(matches!(crate::sets::read("x", nowhere.path()), Err(SetError::Unknown { .. })));
    let two = folder(&[("train.csv", RSNA.as_bytes()), ("cohort.csv", b"patient,image\n")]);
    assert!(matches!(recognise(two.path()), Err(SetError::Ambiguous { .. })));
}

#[test]
fn rows_from_elsewhere_are_read_too() {
    let header = ["patient", "image", "age"].map(String::from);
    let rows = vec![vec!["p".to_owned(), "a".to_owned(), "old".to_owned()], vec!["p".to_owned()]];
    let cohort = generic::from_rows("x.parquet", "00", &header, rows[..1].to_vec()).unwrap();
    assert_eq!((cohort.images.len(), cohort.tables[0].rows), (1, 1));
    let error = generic::from_rows("x.parquet", "00", &header, rows).unwrap_err().to_string();
    assert_eq!(error, "x.parquet, row 3, column `image`: is empty");
}
