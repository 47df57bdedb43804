//! Outcomes and subgroups from columns of values.

use super::*;

fn text(name: &str, values: &[Option<&str>]) -> Column {
    Column { name: name.into(), values: Values::Text(values.iter().map(|value| value.map(str::to_owned)).collect()) }
}

/// A study whose outcome is a choice of values of the column `v`; scores rise from 0.
fn study(values: &[Option<&str>], label: &str) -> Result<Study, StudyError> {
    let scores = Values::Number((0..values.len()).map(|row| Some(row as f64)).collect());
    let table = Table::new("t", vec![text("v", values), Column { name: "s".into(), values: scores }]).unwrap();
    Study::new(&table, &Roles { label: label.into(), scores: vec!["s".into()], ..Roles::default() })
}

#[test]
fn an_outcome_may_be_a_choice_of_values() {
    let check = |values: &[Option<&str>], label: &str, positive: &[bool], left_out: &[(&str, usize)]| {
        let study = study(values, label).unwrap();
        assert_eq!(study.positive, positive, "{label}");
        let left_out: Vec<(String, usize)> = left_out.iter().map(|(why, rows)| ((*why).to_owned(), *rows)).collect();
        assert_eq!(study.left_out, left_out);
    };
    check(&[Some("C"), None, Some("A"), Some("D")], "v:C,D", &[true, false, true], &[("no outcome (v:C,D)", 1)]);
    let both = [("v has several values, of which only some are chosen", 2)];
    check(&[Some("ER+"), Some("ER-"), Some("ER++ER-"), Some("ER-+ER+")], "v:ER+", &[true, false], &both);
    // Breasts that differ: all, none, some.
    check(
        &[Some("C+D"), Some("A+B"), Some("B+C")],
        "v:C,D",
        &[true, false],
        &[("v has several values, of which only some are chosen", 1)],
    );
    check(
        &[Some("1+5"), None, Some("5"), Some("4 + 5")],
        "v:4,5",
        &[true, true],
        &[("v has several values, of which only some are chosen", 1), ("no outcome (v:4,5)", 1)],
    );
    check(&[Some("4a"), Some("2"), Some("4A+4a")], "v:4A", &[true, false, true], &[]);
    check(&[Some("er+"), Some("er")], "v:ER+", &[true, false], &[]);
}

#[test]
fn a_column_of_text_is_answered_with_its_values() {
    let why = |values: &[Option<&str>]| study(values, "v").unwrap_err().to_string();
    let of = why(&[Some("1"), Some("C"), None, Some("A"), Some("C")]);
    assert!(of.starts_with("t, row 2, column \"v\": \"C\" is not 1 or 0"), "{of}");
    assert!(of.ends_with("--label v:C; there are: 1, A, C"), "{of}");
    assert!(why(&["f", "e", "d", "c", "b", "a"].map(Some)).ends_with("there are: a, b, c, d, e, …"));
}

#[test]
fn a_value_that_no_row_has_is_an_error() {
    let why = study(&[Some("A"), Some("B+A")], "v:B,C").unwrap_err().to_string();
    assert_eq!(why, "the column \"v\" has no value \"C\"; there are: A, B");
}

#[test]
fn several_numbers_of_a_row_are_of_one_subgroup_or_differ() {
    let cells = ["12.3+13.1", "9.9+10", "30", "1e+1", "8"].map(Some);
    let table = Table::new(
        "t",
        vec![
            text("percent", &[&cells[..], &[None]].concat()),
            text("s", &[Some("1"); 6]),
            text("o", &["1", "0", "1", "0", "1", "0"].map(Some)),
        ],
    );
    let table = table.unwrap();
    let roles = |subgroups: &[&str]| Roles {
        label: "o".into(),
        scores: vec!["s".into()],
        subgroups: subgroups.iter().map(|name| (*name).to_owned()).collect(),
        ..Roles::default()
    };
    let study = Study::new(&table, &roles(&[])).unwrap();
    assert_eq!(
        study.labels("percent:10,25").unwrap(),
        ["10 to below 25", "differs", "25 and above", "10 to below 25", "below 10", "not stated"]
    );
    let names: Vec<String> = study.strata("percent:10,25").unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["below 10", "10 to below 25", "25 and above", "differs", "not stated"]);
    // A column that is not there, or holds no numbers, is an error whatever is analysed.
    for wrong in ["none", "none:1", "percent:x"] {
        assert!(Study::new(&table, &roles(&[wrong])).is_err(), "{wrong}");
    }
}
