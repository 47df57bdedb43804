//! What the API asks of the store. Only reads.
//!
//! Invariant: a study's state, report and runs are those of production; a shadow's come by [`Store::shadows`] alone.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;
use uvid_exam::{SopInstanceUid, StudyInstanceUid};

use super::{Because, Digest, Outcome, Role, Store, StoreError, from_ms};

/// Where a study stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyState {
    /// It will be scored, maybe again.
    Waiting,
    /// It is being scored.
    Running,
    /// Its latest run ended so.
    Done(Outcome),
}

/// A study with its current result.
#[derive(Debug, Clone)]
pub struct Study {
    /// Its UID.
    pub uid: StudyInstanceUid,
    /// Where it stands.
    pub state: StudyState,
    /// When its first object came.
    pub received: OffsetDateTime,
    /// When its latest object or result came.
    pub updated: OffsetDateTime,
    /// How many objects it has.
    pub instances: u32,
    /// When it is due, or was, and why; `None` for jobs of earlier versions.
    pub due: Option<(OffsetDateTime, Because)>,
    /// Whether it overtakes others.
    pub urgent: bool,
    /// The current result as JSON; during a new run, that of the run before.
    pub report: Option<String>,
}

/// A run, current or superseded.
#[derive(Debug, Clone)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// What it was a function of.
    pub input_digest: String,
    /// How many objects the study had then.
    pub instances: u32,
    /// When.
    pub finished: OffsetDateTime,
    /// Since when another run stands in its place.
    pub superseded: Option<OffsetDateTime>,
    /// The result as JSON.
    pub report: String,
}

/// What a shadow says of a study.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// Whose it is.
    pub role: Role,
    /// Where its job stands.
    pub state: StudyState,
    /// Whether this process has the model; otherwise a waiting job waits until one has.
    pub served: bool,
    /// Its runs, latest first.
    pub runs: Vec<Run>,
}

/// An object of a study.
#[derive(Debug, Clone)]
pub struct Instance {
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// Series Instance UID.
    pub series: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Modality.
    pub modality: Option<String>,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// When it came.
    pub received: OffsetDateTime,
}

/// Which studies to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those that stand here.
    pub state: Option<StudyState>,
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u32,
}

/// The studies with their state; `?1` filters by it if it is not null.
const STUDIES: &str = "
    SELECT * FROM (
        SELECT s.study_uid, s.received_ms, s.updated_ms, r.report, j.due_ms, j.because, j.urgent,
               (SELECT count(*) FROM instance i WHERE i.study_uid = s.study_uid) AS instances,
               CASE j.state WHEN 'due' THEN 'waiting' WHEN 'running' THEN 'running' ELSE r.outcome END AS state
        FROM study s
        JOIN job j ON j.study_uid = s.study_uid AND j.role = 'production'
        LEFT JOIN run r ON r.study_uid = s.study_uid AND r.role = 'production' AND r.superseded_ms IS NULL
    )
    WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR study_uid = ?2)
    ORDER BY received_ms DESC, study_uid LIMIT ?3 OFFSET ?4";

/// How many studies are in a state, or in all.
const COUNT: &str = "
    SELECT count(*) AS n FROM study s
    JOIN job j ON j.study_uid = s.study_uid AND j.role = 'production'
    LEFT JOIN run r ON r.study_uid = s.study_uid AND r.role = 'production' AND r.superseded_ms IS NULL
    WHERE ?1 IS NULL
       OR CASE j.state WHEN 'due' THEN 'waiting' WHEN 'running' THEN 'running' ELSE r.outcome END = ?1";

impl StudyState {
    /// As in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done(outcome) => outcome.name(),
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        Ok(match text {
            "waiting" => Self::Waiting,
            "running" => Self::Running,
            outcome => Self::Done(Outcome::parse(outcome)?),
        })
    }
}

impl Store {
    /// A page of studies, latest first, and how many there are on all pages.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn studies(&self, filter: Filter) -> Result<(u64, Vec<Study>), StoreError> {
        let state = filter.state.map(StudyState::name);
        let mut tx = self.read.begin().await?;
        let total = sqlx::query(COUNT).bind(state).fetch_one(&mut *tx).await?;
        let total = unsigned(total.try_get("n")?);
        let page = sqlx::query(STUDIES).bind(state).bind(None::<&str>).bind(filter.limit).bind(filter.offset);
        let rows = page.fetch_all(&mut *tx).await?;
        Ok((total, rows.iter().map(study).collect::<Result<_, _>>()?))
    }

    /// One study.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn study(&self, uid: &StudyInstanceUid) -> Result<Option<Study>, StoreError> {
        let query = sqlx::query(STUDIES).bind(None::<&str>).bind(uid.as_str()).bind(1_u32).bind(0_u32);
        query.fetch_optional(&self.read).await?.as_ref().map(study).transpose()
    }

    /// Its objects, by UID, and its runs, latest first.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn contents(&self, uid: &StudyInstanceUid) -> Result<(Vec<Instance>, Vec<Run>), StoreError> {
        let mut tx = self.read.begin().await?;
        let instances = instances(&mut tx, uid).await?;
        let runs = runs(&mut tx, uid, &Role::Production).await?;
        Ok((instances, runs))
    }

    /// What shadows say of a study, by name.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn shadows(&self, uid: &StudyInstanceUid) -> Result<Vec<Shadow>, StoreError> {
        let mut tx = self.read.begin().await?;
        let jobs = sqlx::query(
            "SELECT j.role, CASE j.state WHEN 'due' THEN 'waiting' WHEN 'running' THEN 'running' ELSE r.outcome END AS state
             FROM job j LEFT JOIN run r ON r.study_uid = j.study_uid AND r.role = j.role AND r.superseded_ms IS NULL
             WHERE j.study_uid = ? AND j.role <> 'production' ORDER BY j.role",
        )
        .bind(uid.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let mut shadows = Vec::new();
        for job in jobs {
            let role = job.try_get::<String, _>("role")?.parse()?;
            let runs = runs(&mut tx, uid, &role).await?;
            let served = self.serves(&role);
            shadows.push(Shadow { role, state: state(&job)?, served, runs });
        }
        Ok(shadows)
    }

    /// The bytes' digest of one object of a study.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn object(
        &self,
        study: &StudyInstanceUid,
        sop_instance: &SopInstanceUid,
    ) -> Result<Option<Digest>, StoreError> {
        let query = sqlx::query("SELECT digest FROM instance WHERE study_uid = ? AND sop_uid = ?");
        let row = query.bind(study.as_str()).bind(sop_instance.as_str()).fetch_optional(&self.read).await?;
        row.map(|row| row.try_get::<String, _>("digest")?.parse()).transpose()
    }
}

async fn instances(connection: &mut SqliteConnection, uid: &StudyInstanceUid) -> Result<Vec<Instance>, StoreError> {
    let rows = sqlx::query(
        "SELECT sop_uid, series_uid, sop_class_uid, transfer_syntax_uid, modality, digest, bytes, received_ms
         FROM instance WHERE study_uid = ? ORDER BY sop_uid",
    )
    .bind(uid.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Instance {
                sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?,
                series: row.try_get("series_uid")?,
                sop_class: row.try_get("sop_class_uid")?,
                transfer_syntax: row.try_get("transfer_syntax_uid")?,
                modality: row.try_get("modality")?,
                digest: row.try_get::<String, _>("digest")?.parse()?,
                bytes: unsigned(row.try_get("bytes")?),
                received: from_ms(row.try_get("received_ms")?)?,
            })
        })
        .collect()
}

async fn runs(connection: &mut SqliteConnection, uid: &StudyInstanceUid, role: &Role) -> Result<Vec<Run>, StoreError> {
    let rows = sqlx::query(
        "SELECT outcome, input_digest, instances, finished_ms, superseded_ms, report FROM run
         WHERE study_uid = ? AND role = ? ORDER BY run_id DESC",
    )
    .bind(uid.as_str())
    .bind(role.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(run).collect()
}

fn state(row: &SqliteRow) -> Result<StudyState, StoreError> {
    StudyState::parse(row.try_get::<Option<&str>, _>("state")?.ok_or(StoreError::Invalid("state"))?)
}

fn study(row: &SqliteRow) -> Result<Study, StoreError> {
    Ok(Study {
        uid: row.try_get::<String, _>("study_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?,
        state: state(row)?,
        received: from_ms(row.try_get("received_ms")?)?,
        updated: from_ms(row.try_get("updated_ms")?)?,
        instances: u32::try_from(row.try_get::<i64, _>("instances")?).unwrap_or(u32::MAX),
        due: match row.try_get::<Option<String>, _>("because")? {
            Some(because) => Some((from_ms(row.try_get("due_ms")?)?, because.parse()?)),
            None => None,
        },
        urgent: row.try_get("urgent")?,
        report: row.try_get("report")?,
    })
}

fn run(row: &SqliteRow) -> Result<Run, StoreError> {
    Ok(Run {
        outcome: Outcome::parse(row.try_get("outcome")?)?,
        input_digest: row.try_get("input_digest")?,
        instances: u32::try_from(row.try_get::<i64, _>("instances")?).unwrap_or(u32::MAX),
        finished: from_ms(row.try_get("finished_ms")?)?,
        superseded: row.try_get::<Option<i64>, _>("superseded_ms")?.map(from_ms).transpose()?,
        report: row.try_get("report")?,
    })
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
