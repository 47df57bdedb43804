//! Studies that overtake.

use sqlx::Row;
use uvid_exam::StudyInstanceUid;

use super::{Digest, Store, StoreError};

impl Store {
    /// Makes a study urgent: its jobs are taken before those of studies that are not. A job that runs goes on.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn set_urgent(&self, study: &StudyInstanceUid) -> Result<(), StoreError> {
        let urgent = sqlx::query("UPDATE job SET urgent = 1 WHERE study_uid = ?").bind(study.as_str());
        urgent.execute(&self.write).await?;
        Ok(())
    }

    /// The study that has waited longest to be asked about, with one of its objects.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn unasked(&self) -> Result<Option<(StudyInstanceUid, Digest)>, StoreError> {
        let row = sqlx::query(
            "SELECT s.study_uid, (SELECT i.digest FROM instance i WHERE i.study_uid = s.study_uid
                                  ORDER BY i.received_ms LIMIT 1) AS digest
             FROM study s WHERE NOT s.worklist_asked AND s.pushed_ms IS NOT NULL
               AND EXISTS (SELECT 1 FROM instance i WHERE i.study_uid = s.study_uid)
             ORDER BY s.received_ms LIMIT 1",
        );
        let Some(row) = row.fetch_optional(&self.read).await? else { return Ok(None) };
        let study = row.try_get::<String, _>("study_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?;
        Ok(Some((study, row.try_get::<String, _>("digest")?.parse()?)))
    }

    /// Writes down that a study was asked about.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn asked(&self, study: &StudyInstanceUid) -> Result<(), StoreError> {
        let asked = sqlx::query("UPDATE study SET worklist_asked = 1 WHERE study_uid = ?").bind(study.as_str());
        asked.execute(&self.write).await?;
        Ok(())
    }

    /// Resolves when a study may have to be asked about.
    pub async fn asking(&self) {
        self.asking.notified().await;
    }
}
