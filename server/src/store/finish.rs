//! The end of a job: its result is kept, and what was made of it goes on its way.
//!
//! Invariants: the bytes of what was made are on disk before the transaction that speaks of them; a result that is no
//! news leaves everything as it was, deliveries included.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::jobs::REPLACED;
use super::results::has_results;
use super::{Job, Made, Outcome, Role, Store, StoreError, now_ms};
use crate::report::json::without_times;

impl Store {
    /// Keeps a result of which nothing is made: [`Self::finish_with`].
    ///
    /// # Errors
    ///
    /// The database fails: then neither is done.
    pub async fn finish(
        &self,
        job: &Job,
        input_digest: &str,
        outcome: Outcome,
        report: &str,
    ) -> Result<(), StoreError> {
        self.finish_with(job, input_digest, outcome, report, &Made::default()).await
    }

    /// Keeps a result with what was made of it, and ends its job, in one transaction. A result with the input digest of one that is kept is that one
    /// if it says the same, but for its times; else it supersedes it, unless it is but a failure.
    ///
    /// The objects made of a result that is news take the place of those made before; those of a result that is not are
    /// dropped.
    ///
    /// # Errors
    ///
    /// The disk or the database fails: then nothing is done.
    pub async fn finish_with(
        &self,
        job: &Job,
        input_digest: &str,
        outcome: Outcome,
        report: &str,
        made: &Made,
    ) -> Result<(), StoreError> {
        let (study, role, now) = (job.study.as_str(), job.role.to_string(), now_ms());
        // Before the transaction: nobody waits while the disk is busy. Within it they are only looked for.
        let mut before = self.read.acquire().await?;
        let same = same_run(&mut before, job, input_digest).await?;
        if job.role == Role::Production
            && (is_news(same.as_ref(), outcome, report)? || lacks_objects(&mut before, study, outcome).await?)
        {
            self.write_objects(&made.objects).await?;
        }
        drop(before);
        let mut tx = self.begin().await?;
        let same = same_run(&mut tx, job, input_digest).await?;
        let news = is_news(same.as_ref(), outcome, report)?;
        if let Some(row) = same
            && outcome != Outcome::Failed
            && Outcome::parse(row.try_get("outcome")?)? != Outcome::Failed
            && !says_the_same(row.try_get("report")?, report)
        {
            // A name of its own makes room for the new one; what it was made from can still be told.
            sqlx::query("UPDATE run SET input_digest = input_digest || ? || run_id WHERE run_id = ?")
                .bind(REPLACED.to_string())
                .bind(row.try_get::<i64, _>("run_id")?)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "UPDATE run SET superseded_ms = ?
             WHERE study_uid = ? AND role = ? AND superseded_ms IS NULL AND input_digest <> ?",
        )
        .bind(now)
        .bind(study)
        .bind(&role)
        .bind(input_digest)
        .execute(&mut *tx)
        .await?;
        let kept = sqlx::query(
            "INSERT INTO run (study_uid, role, input_digest, outcome, instances, report, finished_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (study_uid, role, input_digest) DO UPDATE SET superseded_ms = NULL,
                 report = CASE outcome WHEN 'failed' THEN excluded.report ELSE report END,
                 finished_ms = CASE outcome WHEN 'failed' THEN excluded.finished_ms ELSE finished_ms END,
                 outcome = CASE outcome WHEN 'failed' THEN excluded.outcome ELSE outcome END
             RETURNING run_id",
        )
        .bind(study)
        .bind(&role)
        .bind(input_digest)
        .bind(outcome.name())
        .bind(i64::try_from(job.objects.len()).unwrap_or(i64::MAX))
        .bind(report)
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
        let run_id: i64 = kept.try_get("run_id")?;
        for (sop_instance, digest) in &job.objects {
            // The same run again was made from the same objects.
            sqlx::query("INSERT OR IGNORE INTO run_instance (run_id, sop_uid, digest) VALUES (?, ?, ?)")
                .bind(run_id)
                .bind(sop_instance.as_str())
                .bind(digest.to_string())
                .execute(&mut *tx)
                .await?;
        }
        // What a shadow says is no news of the study.
        if job.role == Role::Production {
            let updated = sqlx::query("UPDATE study SET updated_ms = ? WHERE study_uid = ?");
            updated.bind(now).bind(study).execute(&mut *tx).await?;
            if news || lacks_objects(&mut tx, study, outcome).await? {
                self.write_objects(&made.objects).await?;
                self.replace_results(&mut tx, job, run_id, outcome, made).await?;
            }
        }
        sqlx::query(
            "UPDATE job SET state = CASE generation WHEN ?1 THEN 'done' ELSE 'due' END, attempts = 0
             WHERE study_uid = ?2 AND role = ?3 AND state = 'running'",
        )
        .bind(job.generation)
        .bind(study)
        .bind(&role)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.wake_outbox();
        Ok(())
    }
}

/// The run of a job's study and role with this input digest.
async fn same_run(
    connection: &mut SqliteConnection,
    job: &Job,
    input_digest: &str,
) -> Result<Option<SqliteRow>, StoreError> {
    let same = sqlx::query(
        "SELECT run_id, outcome, report, superseded_ms IS NULL AS current FROM run
         WHERE study_uid = ? AND role = ? AND input_digest = ?",
    );
    let same = same.bind(job.study.as_str()).bind(job.role.to_string()).bind(input_digest);
    Ok(same.fetch_optional(connection).await?)
}

/// Whether a result is another one than the current one. A failure is not where the same run has succeeded before.
fn is_news(same: Option<&SqliteRow>, outcome: Outcome, report: &str) -> Result<bool, StoreError> {
    let Some(row) = same else { return Ok(true) };
    let succeeded = Outcome::parse(row.try_get("outcome")?)? != Outcome::Failed;
    let stays = outcome == Outcome::Failed && succeeded || says_the_same(row.try_get("report")?, report);
    Ok(!(row.try_get::<bool, _>("current")? && stays))
}

/// Whether a result has no objects, of one that was kept before any were made, say.
async fn lacks_objects(connection: &mut SqliteConnection, study: &str, outcome: Outcome) -> Result<bool, StoreError> {
    Ok(outcome != Outcome::Failed && !has_results(connection, study).await?)
}

/// Whether two reports are one, but for how long they took.
fn says_the_same(kept: &str, new: &str) -> bool {
    // As text: to `==`, 0.0 and -0.0 would be one number.
    let text = |report: &str| without_times(report).map_or_else(|| report.to_owned(), |value| value.to_string());
    text(kept) == text(new)
}
