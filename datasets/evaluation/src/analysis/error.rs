//! Why a table cannot be analysed. Rows are counted from 1.

use uvid_metrics::Undefined;

use super::finding::reason;
use crate::table::TableError;

/// Why a table cannot be analysed so.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// No row is left.
    #[error("{table}: no row is left: {why}")]
    NoRow {
        /// The table.
        table: String,
        /// What was left out.
        why: String,
    },
    /// What is asked for is not defined for these rows.
    #[error("{}", reason(.0))]
    Undefined(Undefined),
    /// A mark on an image that is not among the images: counted, it would be false; left out, it would be none.
    #[error("{model}: a mark on the image {image:?}, which is not among the images")]
    MarkElsewhere {
        /// Whose mark.
        model: String,
        /// The image.
        image: String,
    },
    /// A column of text was named as the outcome.
    #[error(
        "{table}, row {row}, column {column:?}: {value:?} is not 1 or 0, true or false, yes or no; name the values that are the outcome, as \
         --label {column}:{value}; there are: {}",
        there.join(", ")
    )]
    NoOutcome {
        /// The table.
        table: String,
        /// From 1, the header not counted.
        row: usize,
        /// The column.
        column: String,
        /// What is there.
        value: String,
        /// The first values of the column.
        there: Vec<String>,
    },
    /// A reader did not read a case that others read, or not under each modality.
    #[error(
        "reader {reader:?} has no reading of the case {case:?} under {modality:?}: each reader must read each case once under each modality"
    )]
    NoReading {
        /// Who.
        reader: String,
        /// With what.
        modality: String,
        /// What.
        case: String,
    },
    /// A reader read a case more than once under one modality.
    #[error(
        "reader {reader:?} has two readings of the case {case:?} under {modality:?}, in the rows {} and {}: each reader must read each case \
         once under each modality",
        rows[0],
        rows[1]
    )]
    TwoReadings {
        /// Who.
        reader: String,
        /// With what.
        modality: String,
        /// What.
        case: String,
        /// From 1, the header not counted.
        rows: [usize; 2],
    },
    /// A value was named that the column does not have.
    #[error("the column {column:?} has no value {value:?}; there are: {}", there.join(", "))]
    NoValue {
        /// The column.
        column: String,
        /// What was named.
        value: String,
        /// What is there, or the first of it.
        there: Vec<String>,
    },
    /// Nothing to analyse was named.
    #[error("name at least one column with {0}")]
    Nothing(&'static str),
}

impl From<Undefined> for StudyError {
    fn from(why: Undefined) -> Self {
        Self::Undefined(why)
    }
}

impl StudyError {
    pub(super) fn no_value(column: &str, value: &str, there: &[&str]) -> Self {
        let there = there.iter().map(|text| (*text).to_owned()).collect();
        Self::NoValue { column: column.to_owned(), value: value.to_owned(), there }
    }
}
