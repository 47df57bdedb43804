//! Why a table cannot be used. Rows are counted from 1, the header not counted.

use std::path::PathBuf;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why. Not called a source: it is in the message, and would be written twice.
        why: std::io::Error,
    },
    /// It is no table of its format.
    #[error("{}: {problem}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A column that is needed is not there.
    #[error("{table}: there is no column {column:?}; there are: {}", there.join(", "))]
    NoColumn {
        /// The table.
        table: String,
        /// The column asked for.
        column: String,
        /// Those that are there.
        there: Vec<String>,
    },
    /// A value is not what its column is used for.
    #[error("{table}, row {row}, column {column:?}: {value:?} is not {expected}")]
    Value {
        /// The table.
        table: String,
        /// From 1, the header not counted.
        row: usize,
        /// The column.
        column: String,
        /// What is there.
        value: String,
        /// What would do.
        expected: &'static str,
    },
    /// Columns of different lengths, or two of one name.
    #[error("{table}: column {column:?} {problem}")]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong.
        problem: &'static str,
    },
}
