//! Which studies still have to be asked priors for, and what came of it.
//!
//! Invariant: a study is asked for once; a search that failed leaves its problem, not a study that waits for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Row;
use time::Date;
use uvid_exam::StudyInstanceUid;

use super::{Store, StoreError, now_ms};

/// For how long an archive may go on sending a study after we stopped to wait for it.
const LINGERS: Duration = Duration::from_secs(600);

/// Studies that an archive was asked to send to our own port (C-MOVE); the time: when that was over.
pub(super) type Expected = HashMap<StudyInstanceUid, Option<Instant>>;

/// A study is being fetched by C-MOVE until this is dropped.
#[derive(Debug)]
pub struct Expecting {
    study: StudyInstanceUid,
    expected: Arc<Mutex<Expected>>,
}

impl Drop for Expecting {
    fn drop(&mut self) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = expected.get_mut(&self.study) {
            *over = Some(Instant::now());
        }
    }
}

fn lingers(over: &Option<Instant>) -> bool {
    over.is_none_or(|over| over.elapsed() < LINGERS)
}

/// An earlier exam, or one that was found to be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorRow {
    /// Its study.
    pub study: StudyInstanceUid,
    /// Study Date.
    pub date: Option<Date>,
    /// How many of its objects were fetched.
    pub instances: usize,
    /// `fetched`, or why it is no prior.
    pub code: &'static str,
}

impl Store {
    /// Says that an archive is being asked to send a study to our own port: what of it comes in our name is a prior.
    pub fn expect(&self, study: &StudyInstanceUid) -> Expecting {
        // A thread that panicked with the lock held left the map whole.
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.retain(|_, over| lingers(over));
        expected.insert(study.clone(), None);
        Expecting { study: study.clone(), expected: Arc::clone(&self.expected) }
    }

    /// Whether an archive was asked to send a study to our own port, a short while ago at most.
    pub fn expects(&self, study: &StudyInstanceUid) -> bool {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.get(study).is_some_and(lingers)
    }

    /// A study whose production job waits and for which nobody has asked yet, in the order in which they are
    /// scored: urgent ones first.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn next_without_priors(&self) -> Result<Option<StudyInstanceUid>, StoreError> {
        let next: Option<String> = sqlx::query_scalar(
            "SELECT j.study_uid FROM job j
             WHERE j.role = 'production' AND j.state = 'due'
               AND NOT EXISTS (SELECT 1 FROM prior_search p WHERE p.study_uid = j.study_uid)
             ORDER BY j.urgent DESC, j.due_ms, j.study_uid LIMIT 1",
        )
        .fetch_optional(&self.read)
        .await?;
        next.map(|uid| uid.parse().map_err(|_| StoreError::Invalid("UID"))).transpose()
    }

    /// Keeps what a search came to; the study waits for it no longer.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn priors_searched(
        &self,
        study: &StudyInstanceUid,
        found: &[PriorRow],
        problem: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT OR REPLACE INTO prior_search (study_uid, ended_ms, problem) VALUES (?, ?, ?)")
            .bind(study.as_str())
            .bind(now_ms())
            .bind(problem)
            .execute(&mut *tx)
            .await?;
        for prior in found {
            sqlx::query(
                "INSERT OR REPLACE INTO prior (study_uid, prior_study_uid, study_date, instances, code)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(study.as_str())
            .bind(prior.study.as_str())
            .bind(prior.date.map(|date| date.to_string()))
            .bind(i64::try_from(prior.instances).unwrap_or(i64::MAX))
            .bind(prior.code)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        self.work.notify_one();
        Ok(())
    }

    /// What is known of a study's priors: whether they were looked for, what kept the search from being whole, and what
    /// was found as (study, date, objects fetched, code).
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn priors(&self, study: &StudyInstanceUid) -> Result<Option<Priors>, StoreError> {
        let search = sqlx::query("SELECT problem FROM prior_search WHERE study_uid = ?");
        let Some(search) = search.bind(study.as_str()).fetch_optional(&self.read).await? else { return Ok(None) };
        let rows = sqlx::query(
            "SELECT prior_study_uid, study_date, instances, code FROM prior WHERE study_uid = ?
             ORDER BY study_date DESC, prior_study_uid",
        );
        let mut found = Vec::new();
        for row in rows.bind(study.as_str()).fetch_all(&self.read).await? {
            found.push(Prior {
                study: row.try_get("prior_study_uid")?,
                date: row.try_get("study_date")?,
                instances: u32::try_from(row.try_get::<i64, _>("instances")?).unwrap_or(u32::MAX),
                code: row.try_get("code")?,
            });
        }
        Ok(Some(Priors { problem: search.try_get("problem")?, found }))
    }
}

/// What came of a search for priors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priors {
    /// Why it is not whole.
    pub problem: Option<String>,
    /// What the archive knows of this patient, latest first.
    pub found: Vec<Prior>,
}

/// One exam that the archive knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prior {
    /// Study Instance UID.
    pub study: String,
    /// `YYYY-MM-DD`.
    pub date: Option<String>,
    /// Objects fetched.
    pub instances: u32,
    /// `fetched`, or why it is no prior.
    pub code: String,
}
