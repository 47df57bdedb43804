//! Objects made from results: reports that went, or will go, to the PACS.
//!
//! Invariant: a row is committed in the transaction that keeps the run it was made from, after its bytes.

use sqlx::Row;
use time::OffsetDateTime;
use uvid_exam::{SopClassUid, SopInstanceUid, StudyInstanceUid};

use super::{Digest, Store, StoreError, from_ms};

/// An object made from a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// Study Instance UID: that of the images.
    pub study: StudyInstanceUid,
    /// Series Instance UID.
    pub series: String,
    /// `cad-sr` and so on, as in the configuration; `rejection` for a Key Object that rejects earlier results.
    pub kind: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// When it was made.
    pub made: OffsetDateTime,
    /// Whether a later result stands in its place.
    pub superseded: bool,
}

impl Store {
    /// The objects made from a study's results, superseded ones included, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn results(&self, study: &StudyInstanceUid) -> Result<Vec<ResultRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sop_uid, sop_class_uid, study_uid, series_uid, kind, digest, bytes, made_ms,
                    superseded_ms IS NOT NULL AS superseded
             FROM result WHERE study_uid = ? ORDER BY made_ms, sop_uid",
        );
        let rows = rows.bind(study.as_str()).fetch_all(&self.read).await?;
        rows.iter().map(result).collect()
    }
}

fn result(row: &sqlx::sqlite::SqliteRow) -> Result<ResultRow, StoreError> {
    let uid = |_| StoreError::Invalid("UID");
    Ok(ResultRow {
        sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
        sop_class: row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
        study: row.try_get::<String, _>("study_uid")?.parse().map_err(uid)?,
        series: row.try_get("series_uid")?,
        kind: row.try_get("kind")?,
        digest: row.try_get::<String, _>("digest")?.parse()?,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        made: from_ms(row.try_get("made_ms")?)?,
        superseded: row.try_get("superseded")?,
    })
}
