//! Which subgroup each row is of.

use std::cmp::Ordering;

use super::{Study, StudyError};
use crate::table::{Table, TableError};

/// The subgroup of rows without a value.
const NOT_STATED: &str = "not stated";
/// The subgroup of rows whose breasts are of several.
const DIFFERS: &str = "differs";

impl Study {
    /// The subgroup of every row by a column: its value, or `not stated`. `age:50,70` divides numbers at 50 and at 70; several
    /// numbers of a row (`12.3+13.1`, where breasts differ) are of the subgroup of all of them, or `differs`.
    ///
    /// # Errors
    ///
    /// The column is not there, or holds no numbers where it is to be divided.
    pub fn labels(&self, column: &str) -> Result<Vec<String>, StudyError> {
        let Some((name, cuts)) = column.split_once(':').filter(|_| !self.table.has(column)) else {
            let values = self.table.texts(column)?.into_iter();
            return Ok(values.map(|value| value.unwrap_or_else(|| NOT_STATED.to_owned())).collect());
        };
        let cuts = cuts.split(',').map(|cut| cut.trim().parse::<f64>().ok().filter(|cut| cut.is_finite()));
        let cuts = cuts
            .collect::<Option<Vec<f64>>>()
            .filter(|cuts| cuts.is_sorted())
            .ok_or(StudyError::Nothing("numbers that rise after the colon of --subgroup"))?;
        let label = |values: Vec<f64>| {
            let mut places: Vec<usize> =
                values.iter().map(|value| cuts.partition_point(|cut| *cut <= *value)).collect();
            places.dedup();
            match places.as_slice() {
                [] => NOT_STATED.to_owned(),
                [at] => match (at.checked_sub(1).map(|below| cuts[below]), cuts.get(*at)) {
                    (None, Some(above)) => format!("below {above}"),
                    (Some(below), Some(above)) => format!("{below} to below {above}"),
                    (Some(below), None) => format!("{below} and above"),
                    (None, None) => NOT_STATED.to_owned(),
                },
                [_, _, ..] => DIFFERS.to_owned(),
            }
        };
        Ok(numbers(&self.table, name)?.into_iter().map(label).collect())
    }

    /// The rows of each subgroup by a column, in the order of their texts.
    ///
    /// # Errors
    ///
    /// As [`Study::labels`].
    pub fn strata(&self, column: &str) -> Result<Vec<(String, Vec<bool>)>, StudyError> {
        let values = self.labels(column)?;
        let mut names: Vec<&String> = values.iter().collect();
        names.sort_by(|a, b| in_order(a, b));
        names.dedup();
        Ok(names.iter().map(|name| ((*name).clone(), values.iter().map(|value| value == *name).collect())).collect())
    }
}

/// The numbers of each row: none, one, or several with a plus between them.
fn numbers(table: &Table, name: &str) -> Result<Vec<Vec<f64>>, TableError> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let of_row = |(row, text): (usize, Option<String>)| {
        let Some(text) = text else { return Ok(Vec::new()) };
        let numbers = number(&text).map(|one| vec![one]).or_else(|| text.split('+').map(number).collect());
        numbers.ok_or_else(|| TableError::Value {
            table: table.name().to_owned(),
            row: row + 1,
            column: name.to_owned(),
            value: text,
            expected: "a finite number",
        })
    };
    table.texts(name)?.into_iter().enumerate().map(of_row).collect()
}

/// The order of subgroups: by the number that their label begins with, then by the text, what is not stated last.
pub(super) fn in_order(a: &str, b: &str) -> Ordering {
    let rank = |label: &str| match label.strip_prefix("below ").map(str::parse::<f64>) {
        Some(Ok(_)) => (0, f64::NEG_INFINITY),
        Some(Err(_)) | None => match label.split(' ').next().unwrap_or_default().parse::<f64>() {
            Ok(number) => (0, number),
            Err(_) => (1 + u8::from(label == NOT_STATED), 0.0),
        },
    };
    let ((of_a, first), (of_b, second)) = (rank(a), rank(b));
    of_a.cmp(&of_b).then(first.total_cmp(&second)).then(a.cmp(b))
}
