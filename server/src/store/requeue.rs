//! Studies back into the queue: after the model, its recipe or the set of shadows has changed.

use uvid_exam::{PackageId, StudyInstanceUid};

use super::{Role, Store, StoreError, now_ms};

impl Store {
    /// Makes due again, in a role, every study (or each of these) whose current result is not by this package and
    /// recipe. Returns how many they are.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn requeue(
        &self,
        role: &Role,
        package: &PackageId,
        studies: &[StudyInstanceUid],
    ) -> Result<u64, StoreError> {
        let named = serde_json::Value::from_iter(studies.iter().map(StudyInstanceUid::as_str)).to_string();
        let requeued = sqlx::query(
            "INSERT INTO job (study_uid, role, state, due_ms, generation, attempts)
             SELECT study_uid, ?1, 'due', ?2, 1, 0 FROM study s
             WHERE (?3 = '[]' OR study_uid IN (SELECT value FROM json_each(?3))) AND NOT EXISTS (
                 SELECT 1 FROM run r WHERE r.study_uid = s.study_uid AND r.role = ?1 AND r.superseded_ms IS NULL
                   AND CASE WHEN json_valid(r.report) THEN json_extract(r.report, '$.package.digest') = ?4
                                                       AND json_extract(r.report, '$.package.recipe_digest') = ?5 END)
             ON CONFLICT (study_uid, role) DO UPDATE SET
                 state = 'due', due_ms = ?2, generation = generation + 1, attempts = 0",
        )
        .bind(role.to_string())
        .bind(now_ms())
        .bind(named)
        .bind(&package.digest)
        .bind(&package.recipe_digest)
        .execute(&self.write)
        .await?;
        Ok(requeued.rows_affected())
    }
}
