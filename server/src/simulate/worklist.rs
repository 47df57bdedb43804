//! A modality worklist of two columns.

use std::path::Path;

use anyhow::Context;

/// A requested procedure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Entry {
    /// Accession Number (0008,0050).
    pub(super) accession_number: String,
    /// Requested Procedure Priority (0040,1003): STAT, HIGH, ROUTINE, MEDIUM, LOW.
    pub(super) priority: String,
}

/// Reads a CSV file with the columns `accession_number` and `priority`.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| path.display().to_string())?;
    let entries = reader.deserialize().collect::<Result<_, _>>();
    entries.with_context(|| format!("{}: needs the columns accession_number and priority", path.display()))
}
