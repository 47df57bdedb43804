//! Studies back into the queue: after the model, its recipe or the set of shadows has changed, or a result is in doubt.

use uvid_exam::{PackageId, StudyInstanceUid};
use uvid_model::Site;

use super::{Role, Store, StoreError, computation, now_ms};

/// Which studies go back into the queue.
#[derive(Debug, Clone, Copy)]
pub enum Due<'a> {
    /// Those whose current result is not by this package and recipe, computed with what this site has set, and those
    /// that failed. Runs of the first versions do not say how they were computed: package and recipe decide.
    Unless(&'a PackageId, &'a Site),
    /// All.
    All,
}

/// A study `s` whose current result in role ?1 is not by package ?2 and recipe ?3, computed as ?4 says, or failed.
macro_rules! outdated {
    () => {
        "NOT EXISTS (
            SELECT 1 FROM run r WHERE r.study_uid = s.study_uid AND r.role = ?1 AND r.superseded_ms IS NULL
              AND r.outcome <> 'failed'
              AND (instr(r.input_digest, '.') = 0 OR instr(r.input_digest, '.' || ?4) > 0)
              AND CASE WHEN json_valid(r.report) THEN json_extract(r.report, '$.package.digest') = ?2
                                                  AND json_extract(r.report, '$.package.recipe_digest') = ?3 END)"
    };
}

impl Store {
    /// How many studies have a current result that [`Due::Unless`] would make again.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn outdated(&self, role: &Role, package: &PackageId, site: &Site) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(concat!(
            "SELECT count(*) FROM study s WHERE ",
            outdated!(),
            " AND EXISTS (SELECT 1 FROM run r WHERE r.study_uid = s.study_uid AND r.role = ?1
                          AND r.superseded_ms IS NULL)"
        ))
        .bind(role.to_string())
        .bind(&package.digest)
        .bind(&package.recipe_digest)
        .bind(computation(site))
        .fetch_one(&self.read)
        .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Makes due again, in a role, studies (or such of these). Returns how many they are.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn requeue(&self, role: &Role, due: Due<'_>, studies: &[StudyInstanceUid]) -> Result<u64, StoreError> {
        let named = serde_json::Value::from_iter(studies.iter().map(StudyInstanceUid::as_str)).to_string();
        let (all, package, recipe, computation) = match due {
            Due::All => (true, "", "", String::new()),
            Due::Unless(id, site) => (false, id.digest.as_str(), id.recipe_digest.as_str(), computation(site)),
        };
        let requeued = sqlx::query(concat!(
            "INSERT INTO job (study_uid, role, state, due_ms, generation, attempts, because)
             SELECT study_uid, ?1, 'due', ?5, 1, 0, 'asked' FROM study s
             WHERE s.pushed_ms IS NOT NULL AND (?6 = '[]' OR study_uid IN (SELECT value FROM json_each(?6))) AND (?7 OR ",
            outdated!(),
            ") ON CONFLICT (study_uid, role) DO UPDATE SET
                 state = 'due', due_ms = ?5, generation = generation + 1, attempts = 0, because = 'asked'"
        ))
        .bind(role.to_string())
        .bind(package)
        .bind(recipe)
        .bind(computation)
        .bind(now_ms())
        .bind(named)
        .bind(all)
        .execute(&self.write)
        .await?;
        Ok(requeued.rows_affected())
    }
}
