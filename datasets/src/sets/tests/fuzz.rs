//! No bytes make a reader panic, and what it says names the table.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::sets::testing::{folder, workbook};
use crate::sets::{SetError, readers};

/// A table of one reader: its header, and cells that are nearly right.
fn table(columns: &[crate::sets::Column]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let (header, width) = (names.join(","), names.len());
    let cell = prop_oneof![
        Just(String::new()),
        Just("1".to_owned()),
        Just("0".to_owned()),
        Just("L".to_owned()),
        Just("CC".to_owned()),
        Just("['Mass']".to_owned()),
        Just("2015-01-01".to_owned()),
        Just("a/b/c/000000.dcm".to_owned()),
        "[ -~]{0,6}".prop_map(|text| text.replace(['"', ',', ';'], "")),
    ];
    let row = prop::collection::vec(cell, width).prop_map(|cells| cells.join(","));
    prop::collection::vec(row, 0..5).prop_map(move |rows| format!("{header}\n{}\n", rows.join("\n")).into_bytes())
}

/// The places that an error names.
fn names_its_place(error: &SetError) -> bool {
    match error {
        SetError::Value { file, row, column, .. } => !file.is_empty() && *row > 1 && !column.is_empty(),
        SetError::Column { file, column, .. } => !file.is_empty() && !column.is_empty(),
        SetError::Format { file, .. } | SetError::Read { file, .. } | SetError::Missing { file, .. } => {
            !file.is_empty()
        }
        SetError::Unknown { .. } | SetError::Unrecognised { .. } | SetError::Ambiguous { .. } => false,
    }
}

fn check(reader: &crate::sets::Reader, tables: &[Vec<u8>]) {
    let named = reader.tables.iter().zip(tables);
    let files: Vec<(&str, &[u8])> = named.map(|(table, bytes)| (table.names[0], bytes.as_slice())).collect();
    let root = folder(&files);
    let _ = crate::sets::recognise(root.path());
    match reader.read(root.path()) {
        Ok(cohort) => {
            let rows: u64 = cohort.summary().rows;
            assert!(cohort.images.len() as u64 <= rows.saturating_mul(1000));
            assert!(cohort.check(root.path(), crate::sets::Checks { files: true, digests: true }).is_ok());
        }
        Err(error) => assert!(names_its_place(&error), "{error}"),
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for reader in readers() {
            check(reader, &vec![bytes.clone(); reader.tables.len()]);
        }
    }

    #[test]
    fn broken_headers_and_cells_are_an_error(which in 0..10usize, noise in prop::collection::vec(any::<u8>(), 0..6), at in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let reader = &readers()[which];
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            ProptestConfig::default(),
            proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::XorShift, &[seed.to_le_bytes(), seed.to_be_bytes()].concat()),
        );
        let mut tables: Vec<Vec<u8>> = Vec::new();
        for expected in reader.tables {
            let tree = table(expected.columns).new_tree(&mut runner).unwrap();
            tables.push(proptest::strategy::ValueTree::current(&tree));
        }
        check(reader, &tables);
        let place = at.index(tables[0].len() + 1);
        tables[0].splice(place..place, noise);
        check(reader, &tables);
    }

    /// A row an image: what is not in the cohort is among the exclusions, once.
    #[test]
    fn rows_that_are_right_are_images_or_exclusions(tables in rows_of(&ROW_AN_IMAGE)) {
        for (name, text, rows) in tables {
            let reader = readers().iter().find(|reader| reader.name == name).unwrap();
            let root = folder(&[(reader.tables[0].names[0], text.as_bytes())]);
            let cohort = reader.read(root.path()).unwrap();
            prop_assert_eq!(cohort.images.len() + cohort.exclusions.len(), rows, "{}", text);
            let names: BTreeSet<&str> = cohort.images.iter().map(|image| image.image.as_str()).collect();
            prop_assert_eq!(names.len(), cohort.images.len());
        }
    }

    #[test]
    fn a_broken_workbook_is_read_or_an_error(
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut book = workbook(&BOOK);
        for (at, byte) in noise {
            // Rows and columns of cells stay small: see the module of workbooks about the memory that they ask for.
            let place = at.index(1536);
            book[place] = byte;
        }
        if let Some(end) = end {
            book.truncate(end.index(book.len()));
        }
        let root = folder(&[("INbreast.xls", book.as_slice())]);
        match crate::sets::read("inbreast", root.path()) {
            // It may still be whole: not every byte means something.
            Ok(cohort) => prop_assert!(cohort.images.len() <= 2),
            Err(error) => prop_assert!(names_its_place(&error), "{}", error),
        }
    }
}

const BOOK: [&[&str]; 3] = [
    &[
        "Patient ID",
        "Patient age",
        "Laterality",
        "View",
        "Acquisition date",
        "File Name",
        "ACR",
        "Bi-Rads",
        "Mass",
        "Micros",
        "Distortion",
        "Asymmetry",
    ],
    &["1", "50", "R", "CC", "201001", "10000004", "2", "4a", "X"],
    &["1", "50", "L", "CC", "201001", "10000005", "2", "1"],
];

#[test]
fn the_unbroken_workbook_is_read() {
    let root = folder(&[("INbreast.xls", workbook(&BOOK).as_slice())]);
    let cohort = crate::sets::read("inbreast", root.path()).unwrap();
    assert_eq!((cohort.images.len(), cohort.exclusions.len()), (2, 0));
    assert_eq!(cohort.images[0].labels.image, Some(true));
}

/// Readers of tables that list each image in one row, with rows that are right for them: `#` is a number that names the
/// image or repeats another's, and of the words between bars one is taken.
const ROW_AN_IMAGE: [(&str, &str, &str); 4] = [
    (
        "rsna-2022",
        "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,\
         difficult_negative_case",
        "2,1|2|3,#,L|R,CC|MLO|AT,61.0|,1|0|0,1|0,1|0,0.0|1|,0|1,A|B|,21,False|True",
    ),
    (
        "screening640",
        "file,patient_id,image_id,laterality,view,age,cancer,biopsy,invasive,BIRADS,implant,density,machine_id,site_id,\
         fold,blank",
        "#.jpg,1|2|3,#,L|R,CC|MLO,70.0|,1|0|0,0|1,0|1,0.0|2|,0,B|,21,2,0|1,0|0|1",
    ),
    (
        "csaw-cc",
        "anon_patientid,exam_year,imagelaterality,viewposition,x_case,x_cancer_laterality,x_type,x_age,rad_timing,\
         rad_recall,dicom_manufacturer,libra_percentdensity,anon_filename",
        "1|2|3,2010|2012,Left|Right,CC|MLO,1,Left|Right|,3|,1|2,1|2|3,0|1,Hologic,22.5|,#.dcm",
    ),
    (
        "mirai",
        "patient_id,exam_id,laterality,view,file_path,years_to_cancer,years_to_last_followup,split_group",
        "1|2|3,0|1,L|R,CC|MLO,/data/#.png,0|3|100|100,10|10|2,train|test",
    ),
];

type Right = (&'static str, String, usize);

/// For each reader its name, a table, and the number of its rows.
fn rows_of(readers: &'static [(&'static str, &'static str, &'static str)]) -> impl Strategy<Value = Vec<Right>> {
    let table = |&(name, header, pattern): &(&'static str, &'static str, &'static str)| {
        let cells: Vec<Vec<&str>> = pattern.split(',').map(|cell| cell.split('|').collect()).collect();
        let row = (0..12u8, cells.into_iter().map(prop::sample::select).collect::<Vec<_>>());
        let row = row.prop_map(|(number, cells)| cells.join(",").replace('#', &number.to_string()));
        prop::collection::vec(row, 0..12)
            .prop_map(move |rows| (name, format!("{header}\n{}\n", rows.join("\n")), rows.len()))
    };
    readers.iter().map(table).collect::<Vec<_>>()
}
