//! Who has the outcome: a column of yes and no, or a choice of a column's values.
//!
//! `density:C,D` is the outcome that the column `density` is C or D, ASCII letters large or small. A table of exams writes
//! values that differ between breasts, and lists, with a plus, `C+D`: it is an outcome where all of them are chosen, none where none of
//! them is, and not known where only some are. A value that was chosen and that no row has is an error.

use super::StudyError;
use crate::table::{Table, TableError};

/// Values that an error lists.
const LISTED_MAX: usize = 20;
/// Values that an error about a column that is no outcome lists.
const HINTED_MAX: usize = 5;

/// Whether each row has the outcome.
pub(super) struct Outcome {
    /// `None` where it is not known.
    pub(super) of_rows: Vec<Option<bool>>,
    /// Where it is not known because only some of a row's values are chosen.
    pub(super) mixed: Vec<bool>,
    /// Why it is not known there.
    pub(super) reason: String,
}

/// The outcome of every row of a table.
pub(super) fn outcome(table: &Table, label: &str) -> Result<Outcome, StudyError> {
    let Some((name, chosen)) = label.split_once(':').filter(|(name, _)| !table.has(label) && table.has(name)) else {
        let of_rows = table.booleans(label).map_err(|why| with_values(table, label, why))?;
        return Ok(Outcome { mixed: vec![false; of_rows.len()], of_rows, reason: String::new() });
    };
    let chosen: Vec<&str> = chosen.split(',').map(str::trim).collect();
    let texts = table.texts(name)?;
    let mut there: Vec<&str> = texts.iter().flatten().flat_map(|text| parts(text, &chosen)).collect();
    there.sort_unstable();
    there.dedup();
    if let Some(missing) = chosen.iter().find(|value| !there.iter().any(|other| other.eq_ignore_ascii_case(value))) {
        return Err(StudyError::no_value(name, missing, &there[..there.len().min(LISTED_MAX)]));
    }
    let is_chosen = |value: &&str| chosen.iter().any(|other| other.eq_ignore_ascii_case(value));
    let found = texts.iter().map(|text| {
        let parts = parts(text.as_ref()?, &chosen);
        Some((parts.iter().any(is_chosen), parts.iter().all(is_chosen)))
    });
    let found: Vec<Option<(bool, bool)>> = found.collect();
    Ok(Outcome {
        of_rows: found.iter().map(|row| row.and_then(|(any, all)| (any == all).then_some(all))).collect(),
        mixed: found.iter().map(|row| row.is_some_and(|(any, all)| any != all)).collect(),
        reason: format!("{name} has several values, of which only some are chosen"),
    })
}

/// What is no outcome may be a value that is to be named as one: the error lists some.
fn with_values(table: &Table, label: &str, why: TableError) -> StudyError {
    let TableError::Value { table: name, row, column, value, .. } = why else { return why.into() };
    let mut there: Vec<String> = table.texts(label).unwrap_or_default().into_iter().flatten().collect();
    there.sort_unstable();
    there.dedup();
    if there.len() > HINTED_MAX {
        there.truncate(HINTED_MAX);
        there.push("…".to_owned());
    }
    StudyError::NoOutcome { table: name, row, column, value, there }
}

/// The values of a cell: those between pluses, or the cell where it is chosen as a whole. A plus that another one or nothing
/// follows is part of the value before it: `ER++ER-` is `ER+` and `ER-`.
fn parts<'a>(text: &'a str, chosen: &[&str]) -> Vec<&'a str> {
    let text = text.trim();
    if chosen.iter().any(|value| value.eq_ignore_ascii_case(text)) {
        return vec![text];
    }
    let between = |(at, sign): &(usize, char)| {
        *sign == '+' && *at > 0 && !matches!(text[at + 1..].chars().next(), None | Some('+'))
    };
    let mut values = Vec::new();
    let mut from = 0;
    for (at, _) in text.char_indices().filter(between) {
        values.push(text[from..at].trim());
        from = at + 1;
    }
    values.push(text[from..].trim());
    values
}
