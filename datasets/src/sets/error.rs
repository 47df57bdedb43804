//! What is wrong with a set's tables. Cells are never repeated: they may name a patient.

use std::path::PathBuf;

/// Why a set cannot be read. Rows count from 1, the header being row 1. In a CSV file lines that are wholly empty do not
/// count, so a spreadsheet shows a row that stands below such lines that much further down.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// No reader has this name.
    #[error("there is no reader named `{name}`; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The folder's tables are those of no set.
    #[error("{} holds the tables of no set that is known", root.display())]
    Unrecognised {
        /// The folder.
        root: PathBuf,
    },
    /// The folder's tables are those of several sets.
    #[error("{} holds the tables of several sets: {sets}; say which one is meant", root.display())]
    Ambiguous {
        /// The folder.
        root: PathBuf,
        /// Their names.
        sets: String,
    },
    /// A table is not where the set has it.
    #[error("{} is not in {}", file, root.display())]
    Missing {
        /// Its name, or its names.
        file: String,
        /// Where it was looked for.
        root: PathBuf,
    },
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Read {
        /// The file, relative to the root.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not of its format.
    #[error("{file}, row {row}: {problem}")]
    Format {
        /// The file, relative to the root.
        file: String,
        /// The row, 0 where it is the whole file.
        row: u64,
        /// What is wrong.
        problem: String,
    },
    /// A column is missing, or is there twice.
    #[error("{file}, row 1, column `{column}`: {problem}")]
    Column {
        /// The file, relative to the root.
        file: String,
        /// The column.
        column: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A cell holds what its column cannot mean.
    #[error("{file}, row {row}, column `{column}`: {problem}")]
    Value {
        /// The file, relative to the root.
        file: String,
        /// The row.
        row: u64,
        /// The column.
        column: String,
        /// What was expected.
        problem: String,
    },
}
