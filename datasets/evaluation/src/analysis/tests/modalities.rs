//! Readers under modalities: which of them is the reference, and bounds of intervals.

use super::*;

/// Readings of `cases` cases by two readers; under each modality the scores of those with the outcome are raised by so much.
fn table(modalities: &[(&str, f64)], cases: usize) -> Table {
    let mut columns: [Vec<Option<String>>; 5] = Default::default();
    for (modality, raised) in modalities {
        for (reader, case) in (0..2).flat_map(|reader| (0..cases).map(move |case| (reader, case))) {
            let outcome = case % 3 == 0;
            let score = (case * 7 + reader * 3) as f64 % 11.0 + if outcome { *raised } else { 0.0 };
            let row = [
                (*modality).to_owned(),
                format!("r{reader}"),
                format!("c{case}"),
                score.to_string(),
                u8::from(outcome).to_string(),
            ];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(Some(value)));
        }
    }
    let names = ["arm", "reader", "case", "score", "cancer"];
    let columns = names.iter().zip(columns);
    let columns = columns.map(|(name, values)| Column { name: (*name).into(), values: Values::Text(values) });
    Table::new("readings", columns.collect()).unwrap()
}

fn columns(reference: Option<&str>) -> Readings {
    Readings {
        reader: "reader".into(),
        modality: "arm".into(),
        case: "case".into(),
        score: "score".into(),
        label: "cancer".into(),
        cluster: None,
        reference: reference.map(str::to_owned),
    }
}

fn section(arms: &[(&str, f64)], reference: Option<&str>) -> Result<Section, StudyError> {
    let found = modalities(&table(arms, 12), &columns(reference), &Options::default())?;
    sound(std::slice::from_ref(&found), 12);
    Ok(found)
}

#[test]
fn the_reference_is_what_is_subtracted() {
    let check = |arms: &[&str], reference: Option<&str>, how: &str, expected: &[&str]| {
        let arms: Vec<(&str, f64)> = arms.iter().enumerate().map(|(at, arm)| (*arm, at as f64)).collect();
        let found = section(&arms, reference).unwrap();
        let of = |measure: &str| -> Vec<String> {
            let mut names: Vec<String> =
                found.findings.iter().filter(|f| f.measure == measure).map(|f| f.subject.clone()).collect();
            names.dedup();
            names
        };
        assert_eq!(of("mean AUC not inferior"), expected);
        assert_eq!(of("difference of mean AUC"), expected);
        assert!(text::section(&found).replace("\n", " ").contains(how), "{}", text::section(&found));
    };
    // Whatever the alphabet says, and whatever the order of the rows.
    check(&["unaided", "AI"], Some("unaided"), "The reference is unaided, as named", &["AI - unaided"]);
    check(&["AI", "unaided"], Some("unaided"), "The reference is unaided, as named", &["AI - unaided"]);
    check(&["unaided", "AI"], None, "unaided, the modality of the table's first row", &["AI - unaided"]);
    check(&["with", "alone"], None, "with, the modality of the table's first row", &["alone - with"]);
    check(&["a", "c", "b"], Some("c"), "as named", &["a - c", "b - c", "b - a"]);
}

#[test]
fn the_difference_has_the_sign_of_the_reference() {
    let value = |reference: &str| {
        let found = section(&[("b", 0.0), ("a", 3.0)], Some(reference)).unwrap();
        found.findings.iter().find(|f| f.measure == "difference of mean AUC").unwrap().value.clone().unwrap()
    };
    assert!(value("b") > 0.0 && value("b") == -value("a"));
}

#[test]
fn an_unknown_reference_is_named_with_those_there_are() {
    let why = section(&[("b", 0.0), ("a", 1.0)], Some("c")).unwrap_err().to_string();
    assert_eq!(why, "the column \"arm\" has no value \"c\"; there are: a, b");
}

#[test]
fn a_reading_that_is_missing_or_doubled_is_named() {
    let columns = columns(None);
    let whole = table(&[("b", 0.0), ("a", 1.0)], 12);
    let check = |table: &Table, expected: &str| {
        let why = modalities(table, &columns, &Options::default()).unwrap_err().to_string();
        assert!(why.starts_with(expected), "{why}");
    };
    // The rows of an arm: 12 cases of the first reader, 12 of the second.
    let without = |row: usize| whole.filtered(&(0..48).map(|other| other != row).collect::<Vec<_>>());
    check(&without(3), "reader \"r0\" has no reading of the case \"c3\" under \"b\"");
    check(&without(47), "reader \"r1\" has no reading of the case \"c11\" under \"a\"");
    let twice = whole.columns().iter().map(|column| {
        let Values::Text(values) = &column.values else { panic!() };
        let values = values.iter().chain([&values[14]]).cloned().collect();
        Column { name: column.name.clone(), values: Values::Text(values) }
    });
    let twice = Table::new("t", twice.collect()).unwrap();
    check(&twice, "reader \"r1\" has two readings of the case \"c2\" under \"b\", in the rows 15 and 49");
}

#[test]
fn intervals_of_areas_end_at_0_and_1() {
    for raised in [6.0, 8.0, 9.0] {
        let found = section(&[("a", raised), ("b", 0.0)], None).unwrap();
        for finding in &found.findings {
            let (lowest, highest) = if finding.subject.contains(" - ") { (-1.0, 1.0) } else { (0.0, 1.0) };
            assert!(finding.interval.is_none_or(|i| i.lower >= lowest && i.upper <= highest), "{finding:?}");
        }
    }
}
