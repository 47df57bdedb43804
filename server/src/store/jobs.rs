//! The durable queue: one job for each study and role.
//!
//! ```text
//! due --claim--> running --finish--> done      (due again if an object arrived meanwhile)
//!                   |---retry/abandon/crash--> due
//! ```
//!
//! Invariants: a result and the end of its job are one transaction; the same run (same objects, package and recipe) is
//! kept once in its role, with the objects that it was made from, and one that says something else supersedes it; of the
//! runs of a study in a role at most one is not superseded; no shadow's job is taken while a production job is due; urgent
//! studies overtake, and none that is not waits for more than one of them once it has waited long enough.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uvid_exam::{PackageId, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};
use uvid_model::{BACKEND, Site};

use super::results::charset;
use super::{Because, Digest, Role, Store, StoreError, duration_ms, now_ms};
use crate::config::Charset;

/// A study to be scored, and the objects that it had when the job was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The study.
    pub study: StudyInstanceUid,
    /// Who is to score it.
    pub role: Role,
    /// Its objects, by SOP Instance UID.
    pub objects: Vec<(SopInstanceUid, Digest)>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Why it was due; `None` for jobs of earlier versions.
    pub because: Option<Because>,
    /// Whether it has overtaken others.
    pub urgent: bool,
    /// What the text of an object really is, under the rule of which sender, where that was set when it came.
    pub charsets: Vec<(SopInstanceUid, Charset, String)>,
    /// Results of the study that destinations have, or may have, and that no Key Object has rejected yet.
    pub supersedes: Vec<(SopClassUid, SeriesInstanceUid, SopInstanceUid)>,
    pub(super) generation: i64,
}

impl Job {
    /// What stands for everything that decides the report: [`input_digest`] by a package, and [`computation`] with what
    /// the site has set, as `<one>.<the other>`. Runs of the first versions have the former alone.
    pub fn input_digest(&self, package: &PackageId, site: &Site) -> String {
        let objects = self.objects.iter().map(|(_, digest)| *digest).collect();
        let input = input_digest(&self.study, objects, &package.digest, &package.recipe_digest);
        format!("{input}.{}", computation(site))
    }
}

/// Rises whenever this program computes another report from the same objects, package and recipe on the same backend.
const COMPUTATION: u32 = 1;

/// SHA-256 that stands for how this program computes: its revision, the backend, and what the site has set with who did
/// it and why, as the report says.
pub fn computation(site: &Site) -> String {
    let site = serde_json::to_string(site).unwrap_or_default();
    hex(&Sha256::digest(format!("{COMPUTATION}\n{BACKEND}\n{site}")))
}

/// SHA-256 that stands for the study, its objects (in any order), the package and the recipe.
pub fn input_digest(study: &StudyInstanceUid, mut objects: Vec<Digest>, package: &str, recipe: &str) -> String {
    objects.sort();
    let mut hash = Sha256::new();
    for line in [study.as_str(), package, recipe] {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    objects.iter().for_each(|digest| hash.update(digest.as_bytes()));
    hex(&hash.finalize())
}

/// Whether a run's input digest is of this [`input_digest`], by whatever computation.
pub(super) fn is_of_input(run: &str, input: &str) -> bool {
    run.split(['.', REPLACED]).next() == Some(input)
}

/// Before its number, behind the input digest of a run that another one with the same input has replaced.
pub(super) const REPLACED: char = '~';

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With scores.
    Scored,
    /// With the reasons why there are none.
    NotScored,
    /// Not at all: every attempt failed.
    Failed,
}

impl Outcome {
    /// As in the database, the API and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::NotScored => "not-scored",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Scored, Self::NotScored, Self::Failed];
        all.into_iter().find(|o| o.name() == text).ok_or(StoreError::Invalid("outcome"))
    }
}

/// How many of the jobs that this process serves are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// Production jobs due now or soon.
    pub waiting: u64,
    /// Production jobs being scored.
    pub running: u64,
    /// Shadows' jobs due now or soon.
    pub shadows_waiting: u64,
    /// Shadows' jobs being scored.
    pub shadows_running: u64,
}

/// Whether a job waits for earlier exams: its study was not looked for yet (see `priors`), and ?6 milliseconds since it
/// was due are not over.
macro_rules! waits_for_priors {
    () => {
        "(?6 IS NOT NULL AND role = 'production' AND due_ms + ?6 > ?1
          AND NOT EXISTS (SELECT 1 FROM prior_search p WHERE p.study_uid = job.study_uid))"
    };
}

/// A job that is due later than this after its quiet time was made so by a clock that has been set back since.
const CLOCK_MS_MAX: i64 = 3_600_000;

impl Store {
    /// Returns the jobs of a dead process to the queue.
    pub(super) async fn recover(&self) -> Result<(), StoreError> {
        let latest = now_ms() + duration_ms(self.policy.senders.quiet_max());
        // A clock that was set back must not leave a job waiting for years.
        sqlx::query("UPDATE job SET state = 'due', due_ms = min(due_ms, ?) WHERE state IN ('running', 'due')")
            .bind(latest)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Takes the job that has been due the longest, if any is, and counts the attempt; one that is urgent before one that
    /// is not. A job that has been due for [`super::Policy::urgent_wait`] goes next after one urgent one. Shadows' jobs
    /// are taken only while no production job is due; one that becomes due waits for the one exam that a shadow is at,
    /// and for no more.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn claim(&self) -> Result<Option<Job>, StoreError> {
        let mut tx = self.begin().await?;
        let claimed = sqlx::query(concat!(
            "UPDATE job SET state = 'running', attempts = attempts + 1, claimed_ms = ?1
             WHERE (study_uid, role) = (
                 SELECT study_uid, role FROM job
                 WHERE state = 'due' AND (due_ms <= ?1 OR due_ms > ?2) AND role IN (SELECT value FROM json_each(?3))
                   AND NOT ",
            waits_for_priors!(),
            " AND (role = 'production' OR NOT EXISTS (
                        SELECT 1 FROM job
                        WHERE state = 'due' AND role = 'production' AND (due_ms <= ?1 OR due_ms > ?2) AND NOT ",
            waits_for_priors!(),
            "))
                 ORDER BY role <> 'production',
                          CASE WHEN ?4 AND NOT urgent AND due_ms <= ?5 THEN 0 WHEN urgent THEN 1 ELSE 2 END,
                          due_ms, study_uid, role LIMIT 1)
             RETURNING study_uid, role, generation, attempts, because, urgent"
        ))
        .bind(now_ms())
        .bind(now_ms() + duration_ms(self.policy.senders.quiet_max()) + CLOCK_MS_MAX)
        .bind(self.served())
        .bind(self.last_urgent.load(Ordering::Relaxed))
        .bind(now_ms() - duration_ms(self.policy.urgent_wait))
        .bind(self.policy.priors_wait.map(duration_ms))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = claimed else { return Ok(None) };
        let study: String = row.try_get("study_uid")?;
        let role: Role = row.try_get::<String, _>("role")?.parse()?;
        let objects = sqlx::query(
            "SELECT sop_uid, digest, charset, coalesce(sender, '') AS sender FROM instance
             WHERE study_uid = ? ORDER BY sop_uid",
        );
        let objects = objects.bind(&study).fetch_all(&mut *tx).await?;
        // From here on until the job ends, nothing more of the study leaves: what was sent by now is all there is.
        let supersedes = if role == Role::Production { self.sent(&mut tx, &study).await? } else { Vec::new() };
        let charsets = objects.iter().map(charset).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let because: Option<String> = row.try_get("because")?;
        let job = Job {
            study: study.parse().map_err(|_| StoreError::Invalid("UID"))?,
            role,
            because: because.map(|because| because.parse()).transpose()?,
            urgent: row.try_get("urgent")?,
            charsets,
            supersedes,
            objects: objects.iter().map(object).collect::<Result<_, _>>()?,
            attempt: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            generation: row.try_get("generation")?,
        };
        tx.commit().await?;
        self.last_urgent.store(job.urgent, Ordering::Relaxed);
        Ok(Some(job))
    }

    /// Time until the next job can be taken; `None` if none waits.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        let next = sqlx::query(concat!(
            "SELECT min(due_ms + CASE WHEN ",
            waits_for_priors!(),
            " THEN ?6 ELSE 0 END) AS due
             FROM job WHERE state = 'due' AND role IN (SELECT value FROM json_each(?3))"
        ));
        let next = next.bind(now_ms()).bind(None::<i64>).bind(self.served()).bind(None::<i64>).bind(None::<i64>);
        let row = next.bind(self.policy.priors_wait.map(duration_ms)).fetch_one(&self.read).await?;
        let due: Option<i64> = row.try_get("due")?;
        Ok(due.map(|due| Duration::from_millis(u64::try_from(due - now_ms()).unwrap_or(0))))
    }

    /// Returns a job to the queue after an attempt that failed.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn retry(&self, job: &Job, after: Duration) -> Result<(), StoreError> {
        sqlx::query("UPDATE job SET state = 'due', due_ms = ? WHERE study_uid = ? AND role = ? AND state = 'running'")
            .bind(now_ms() + duration_ms(after))
            .bind(job.study.as_str())
            .bind(job.role.to_string())
            .execute(&self.write)
            .await?;
        self.wake_outbox();
        Ok(())
    }

    /// Returns a job to the queue because the server stops: the attempt does not count.
    ///
    /// # Errors
    ///
    /// The database fails; the next start returns it, and counts the attempt.
    pub async fn abandon(&self, job: &Job) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE job SET state = 'due', attempts = max(attempts - 1, 0)
             WHERE study_uid = ? AND role = ? AND state = 'running'",
        )
        .bind(job.study.as_str())
        .bind(job.role.to_string())
        .execute(&self.write)
        .await?;
        self.wake_outbox();
        Ok(())
    }

    /// How many jobs wait and run.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn queue(&self) -> Result<Queue, StoreError> {
        let rows = sqlx::query(
            "SELECT role = 'production' AS production, state, count(*) AS n
             FROM job WHERE state IN ('due', 'running') AND role IN (SELECT value FROM json_each(?)) GROUP BY 1, 2",
        );
        let mut queue = Queue::default();
        for row in rows.bind(self.roles()).fetch_all(&self.read).await? {
            let count = match (row.try_get("production")?, row.try_get("state")?) {
                (true, "due") => &mut queue.waiting,
                (true, _) => &mut queue.running,
                (false, "due") => &mut queue.shadows_waiting,
                (false, _) => &mut queue.shadows_running,
            };
            *count = u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0);
        }
        Ok(queue)
    }

    /// The roles of the policy, as a JSON array.
    fn roles(&self) -> String {
        serde_json::Value::from_iter(self.policy.roles.iter().map(ToString::to_string)).to_string()
    }

    /// Those that are not set aside, as a JSON array.
    fn served(&self) -> String {
        let served = self.policy.roles.iter().filter(|role| self.serves(role));
        serde_json::Value::from_iter(served.map(ToString::to_string)).to_string()
    }
}

/// A row's object.
pub(super) fn object(row: &SqliteRow) -> Result<(SopInstanceUid, Digest), StoreError> {
    let uid = row.try_get::<String, _>("sop_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?;
    Ok((uid, row.try_get::<String, _>("digest")?.parse()?))
}
