//! No bytes make a reader panic, and what it says names the table.

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
            // A row an image: what is not in the cohort is among the exclusions.
            if ["rsna-2022", "screening640", "csaw-cc", "mirai"].contains(&reader.name) {
                assert_eq!((cohort.images.len() + cohort.exclusions.len()) as u64, rows);
            }
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

    #[test]
    fn a_broken_workbook_is_an_error(noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut book = workbook(&[&["Patient ID", "File Name"], &["removed", "7"]]);
        for (at, byte) in noise {
            // Rows and columns of cells stay small: see the module of workbooks about the memory that they ask for.
            let place = at.index(1536);
            book[place] = byte;
        }
        let root = folder(&[("INbreast.xls", book.as_slice())]);
        let error = crate::sets::read("inbreast", root.path()).unwrap_err();
        prop_assert!(names_its_place(&error), "{}", error);
    }
}
