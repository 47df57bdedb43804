//! A data folder's results, for reading only: beside a running server, or without one.
//!
//! Invariant: nothing is locked, swept, migrated or written; a server that uses the folder does not notice.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row, SqlitePool};
use uvid_exam::{SopInstanceUid, StudyInstanceUid};

use super::jobs::{is_of_input, object};
use super::{Digest, MIGRATIONS, ObjectStore, Outcome, Role, StoreError, input_digest};

/// A data folder that is only read.
#[derive(Debug, Clone)]
pub struct Archive {
    read: SqlitePool,
    objects: ObjectStore,
}

/// A run without its report.
#[derive(Debug, Clone)]
pub struct KeptRun {
    /// Its study.
    pub study: StudyInstanceUid,
    /// Whose it is.
    pub role: Role,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a later run stands in its place.
    pub superseded: bool,
    input_digest: String,
    id: i64,
}

/// Current runs of production and of a shadow over the same objects.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    production: i64,
    shadow: i64,
}

impl Archive {
    /// Opens a data folder.
    ///
    /// # Errors
    ///
    /// There is none, or its database has another schema than this program's.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("uvid.sqlite");
        std::fs::metadata(&path).map_err(StoreError::io(&path))?;
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let read = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let found = sqlx::query("SELECT max(version) AS version FROM _sqlx_migrations").fetch_one(&read).await?;
        let found = found.try_get::<Option<i64>, _>("version")?.unwrap_or(0);
        let known = MIGRATIONS.iter().map(|step| step.version).max().unwrap_or(0);
        if found != known {
            return Err(StoreError::Schema { folder: folder.to_owned(), found, known });
        }
        Ok(Self { read, objects: ObjectStore::at(&folder.join("objects")) })
    }

    /// The files.
    pub fn objects(&self) -> &ObjectStore {
        &self.objects
    }

    /// The runs of these studies, of all studies if none is named; superseded ones only if asked for.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn runs(&self, studies: &[StudyInstanceUid], superseded: bool) -> Result<Vec<KeptRun>, StoreError> {
        let named = serde_json::Value::from_iter(studies.iter().map(StudyInstanceUid::as_str)).to_string();
        let rows = sqlx::query(
            "SELECT run_id, study_uid, role, outcome, superseded_ms IS NOT NULL AS superseded, input_digest FROM run
             WHERE (?1 OR superseded_ms IS NULL) AND (?2 = '[]' OR study_uid IN (SELECT value FROM json_each(?2)))
             ORDER BY run_id",
        )
        .bind(superseded)
        .bind(named)
        .fetch_all(&self.read)
        .await?;
        let run = |row: &sqlx::sqlite::SqliteRow| {
            Ok(KeptRun {
                study: row.try_get::<String, _>("study_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?,
                role: row.try_get::<String, _>("role")?.parse()?,
                outcome: Outcome::parse(row.try_get("outcome")?)?,
                superseded: row.try_get("superseded")?,
                input_digest: row.try_get("input_digest")?,
                id: row.try_get("run_id")?,
            })
        };
        rows.iter().map(run).collect()
    }

    /// A run's report as JSON.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn report(&self, run: &KeptRun) -> Result<String, StoreError> {
        self.report_of(run.id).await
    }

    /// The reports of production and of the shadow as JSON.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn reports(&self, pair: Pair) -> Result<[String; 2], StoreError> {
        Ok([self.report_of(pair.production).await?, self.report_of(pair.shadow).await?])
    }

    async fn report_of(&self, run: i64) -> Result<String, StoreError> {
        let row = sqlx::query("SELECT report FROM run WHERE run_id = ?").bind(run).fetch_one(&self.read).await?;
        Ok(row.try_get("report")?)
    }

    /// The objects that a run was made from, by UID: those that give its input digest with this package and recipe.
    /// `None` if nobody wrote them down (runs of the first versions) and the study has others by now.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn objects_of(
        &self,
        run: &KeptRun,
        package: &str,
        recipe: &str,
    ) -> Result<Option<Vec<(SopInstanceUid, Digest)>>, StoreError> {
        let kept = sqlx::query("SELECT sop_uid, digest FROM run_instance WHERE run_id = ? ORDER BY sop_uid");
        let mut rows = kept.bind(run.id).fetch_all(&self.read).await?;
        if rows.is_empty() {
            let current = sqlx::query("SELECT sop_uid, digest FROM instance WHERE study_uid = ? ORDER BY sop_uid");
            rows = current.bind(run.study.as_str()).fetch_all(&self.read).await?;
        }
        let objects = rows.iter().map(object).collect::<Result<Vec<_>, _>>()?;
        let digests = objects.iter().map(|(_, digest)| *digest).collect();
        let input = input_digest(&run.study, digests, package, recipe);
        Ok(is_of_input(&run.input_digest, &input).then_some(objects))
    }

    /// The shadows that have results.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn shadows(&self) -> Result<Vec<Role>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT role FROM run WHERE role <> 'production' ORDER BY role");
        let rows = rows.fetch_all(&self.read).await?;
        rows.iter().map(|row| row.try_get::<String, _>("role")?.parse()).collect()
    }

    /// The studies of which production and a shadow have both said something, from the same objects.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn pairs(&self, shadow: &Role) -> Result<Vec<Pair>, StoreError> {
        // A study only grows, and an object never changes: as many objects are the same objects.
        let rows = sqlx::query(
            "SELECT p.run_id AS production, s.run_id AS shadow FROM run p
             JOIN run s ON s.study_uid = p.study_uid AND s.role = ? AND s.instances = p.instances
             WHERE p.role = 'production' AND p.superseded_ms IS NULL AND s.superseded_ms IS NULL
             ORDER BY p.study_uid",
        );
        let rows = rows.bind(shadow.to_string()).fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| Ok(Pair { production: row.try_get("production")?, shadow: row.try_get("shadow")? }))
            .collect()
    }
}
