//! The one door: every way in ends here.
//!
//! [`accept_all`] takes objects whose bytes are on disk under temporary names and answers for each of them. In one
//! transaction it decides which are new, gives those their final names, writes their rows, and makes their studies'
//! jobs due, one for each model that scores here. When it returns, bytes and job survive a power cut; before, nothing of them is visible.
//!
//! Policy: the same bytes again are accepted and change nothing. *Different* bytes under a SOP Instance UID that is
//! already there are refused, because two objects may not share a UID (PS3.5 section 9) and nobody here can know which
//! of the two is the patient's; the first one stays.

use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::{Row, Sqlite, Transaction};
use uvid_datasets::dicom::{Header, ReadError};
use uvid_exam::{SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};

use super::{Digest, Policy, Role, Staged, Store, StoreError, duration_ms, now_ms};

/// An object that is on disk for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its study.
    pub study: StudyInstanceUid,
    /// Its series.
    pub series: SeriesInstanceUid,
    /// Itself.
    pub sop_instance: SopInstanceUid,
    /// What it is.
    pub sop_class: SopClassUid,
    /// Whether it is new.
    pub kept: Kept,
}

/// Whether an object changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It did: its study is due. (Also where the same bytes had been accepted before, and the disk has lost them.)
    New,
    /// The same bytes had been accepted before, and are there.
    SameAgain,
}

/// Why an object was not taken. The text holds no patient's identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not say what it is.
    #[error("{0}")]
    Unreadable(#[from] ReadError),
    /// It is larger than allowed.
    #[error("the object has more than {0} bytes")]
    TooLarge(u64),
    /// Another object has its UID.
    #[error("an object with other bytes has the same SOP Instance UID; the first one is kept")]
    Different,
    /// It was sent to the URL of another study.
    #[error("the object belongs to another study than the one that it was sent to")]
    OtherStudy,
    /// Its study has as many objects as one may have.
    #[error("its study already has {0} objects, the most that one may have")]
    StudyFull(u32),
}

impl Refused {
    /// A stable code, for the metrics among others.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(error) => error.code(),
            Self::TooLarge(_) => "file-too-large",
            Self::Different => "uid-taken",
            Self::OtherStudy => "other-study",
            Self::StudyFull(_) => "study-full",
        }
    }
}

/// A refusal with what was refused, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub because: Refused,
    /// What, if the object could be identified.
    pub object: Option<(SopClassUid, SopInstanceUid)>,
}

impl Refusal {
    fn of(header: &Header, because: Refused) -> Self {
        Self { because, object: Some((header.sop_class.clone(), header.sop_instance.clone())) }
    }
}

impl From<Refused> for Refusal {
    fn from(because: Refused) -> Self {
        Self { because, object: None }
    }
}

/// Where objects come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// By which door.
    pub door: Door,
    /// The calling AE title, by DIMSE.
    pub ae_title: Option<String>,
    /// The address of the connection.
    pub address: Option<IpAddr>,
}

/// A door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Door {
    /// Pushed to us: the study is to be scored.
    #[default]
    Push,
    /// Fetched by us as an earlier exam: it is kept for the study that wants it, and not scored by itself.
    Prior,
}

/// Takes one object from memory: [`accept_all`] for doors that have the bytes.
///
/// # Errors
///
/// The outer one if the store fails: then nothing was taken. The inner one if the object is refused.
pub async fn accept(store: &Store, bytes: &[u8]) -> Result<Result<Accepted, Refusal>, StoreError> {
    let mut upload = store.objects().begin().await?;
    upload.write(bytes).await?;
    let staged = upload.finish(store.objects(), store.policy()).await?;
    let staged = staged.map_err(|error| Refusal::from(Refused::from(error)));
    let answer = accept_all(store, vec![staged], None, &Origin::default()).await?.pop();
    answer.ok_or(StoreError::Interrupted)
}

/// Takes staged objects, all in one transaction, and answers for each in order. A refusal that was there before is
/// passed through. `addressed` is the study whose URL they were sent to, if they were sent to one; `origin` decides what
/// holds for their sender.
///
/// # Errors
///
/// The store fails: then nothing was taken.
pub async fn accept_all(
    store: &Store,
    staged: Vec<Result<Staged, Refusal>>,
    addressed: Option<&StudyInstanceUid>,
    _origin: &Origin,
) -> Result<Vec<Result<Accepted, Refusal>>, StoreError> {
    let mut tx = store.begin().await?;
    let mut answers = Vec::with_capacity(staged.len());
    let mut new: Vec<(PathBuf, Digest)> = Vec::new();
    // A staged file that is not renamed is removed when `staged` goes out of scope.
    for object in &staged {
        let answer = match object {
            Ok(object) => decide(&mut tx, store, object, addressed).await?,
            Err(refusal) => Err(refusal.clone()),
        };
        if let (Ok(object), Ok(Accepted { kept: Kept::New, .. })) = (object, &answer) {
            new.push((object.path().to_owned(), object.digest));
        }
        answers.push(answer);
    }
    let objects = store.objects().clone();
    let kept = tokio::task::spawn_blocking(move || objects.keep(&new)).await;
    kept.map_err(|_| StoreError::Interrupted)??;
    tx.commit().await?;
    store.work.notify_one();
    Ok(answers)
}

/// Decides on one object and writes its rows.
async fn decide(
    tx: &mut Transaction<'static, Sqlite>,
    store: &Store,
    object: &Staged,
    addressed: Option<&StudyInstanceUid>,
) -> Result<Result<Accepted, Refusal>, StoreError> {
    let header = &object.header;
    let accepted = |kept| Accepted {
        study: header.study.clone(),
        series: header.series.clone(),
        sop_instance: header.sop_instance.clone(),
        sop_class: header.sop_class.clone(),
        kept,
    };
    if addressed.is_some_and(|study| *study != header.study) {
        return Ok(Err(Refusal::of(header, Refused::OtherStudy)));
    }
    let found = sqlx::query("SELECT digest FROM instance WHERE sop_uid = ?")
        .bind(header.sop_instance.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(row) = found {
        let digest: Digest = row.try_get::<String, _>("digest")?.parse()?;
        if digest != object.digest {
            return Ok(Err(Refusal::of(header, Refused::Different)));
        }
        // What the disk has lost since, a resend restores.
        let kept = if store.objects().holds(&digest, object.bytes) { Kept::SameAgain } else { Kept::New };
        for role in &store.policy().roles {
            if kept == Kept::New || has_failed(tx, &header.study, role).await? {
                make_due(tx, &header.study, role, duration_ms(store.policy().quiet)).await?;
            }
        }
        return Ok(Ok(accepted(kept)));
    }
    let count: i64 = sqlx::query("SELECT count(*) AS n FROM instance WHERE study_uid = ?")
        .bind(header.study.as_str())
        .fetch_one(&mut **tx)
        .await?
        .try_get("n")?;
    let most = store.policy().study_instances_max;
    if count >= i64::from(most) {
        return Ok(Err(Refusal::of(header, Refused::StudyFull(most))));
    }
    insert(tx, object, store.policy()).await?;
    Ok(Ok(accepted(Kept::New)))
}

/// The rows of a new object: its study, itself, its study's jobs.
async fn insert(tx: &mut Transaction<'static, Sqlite>, object: &Staged, policy: &Policy) -> Result<(), StoreError> {
    let (header, now) = (&object.header, now_ms());
    let study = header.study.as_str();
    sqlx::query(
        "INSERT INTO study (study_uid, received_ms, updated_ms) VALUES (?1, ?2, ?2)
         ON CONFLICT (study_uid) DO UPDATE SET updated_ms = ?2",
    )
    .bind(study)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO instance (sop_uid, study_uid, series_uid, sop_class_uid, transfer_syntax_uid, modality, digest,
                               bytes, received_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(header.sop_instance.as_str())
    .bind(study)
    .bind(header.series.as_str())
    .bind(header.sop_class.as_str())
    .bind(header.transfer_syntax)
    .bind(header.modality.as_deref())
    .bind(object.digest.to_string())
    .bind(i64::try_from(object.bytes).unwrap_or(i64::MAX))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    super::index::put(tx, header).await?;
    for role in &policy.roles {
        make_due(tx, &header.study, role, duration_ms(policy.quiet)).await?;
    }
    Ok(())
}

/// Whether every attempt at the study as it stands has failed in this role.
async fn has_failed(
    tx: &mut Transaction<'static, Sqlite>,
    study: &StudyInstanceUid,
    role: &Role,
) -> Result<bool, StoreError> {
    let failed = sqlx::query(
        "SELECT 1 FROM run WHERE study_uid = ? AND role = ? AND superseded_ms IS NULL AND outcome = 'failed'",
    )
    .bind(study.as_str())
    .bind(role.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(failed.is_some())
}

/// Makes the study's job in a role due when nothing more has come for a while.
async fn make_due(
    tx: &mut Transaction<'static, Sqlite>,
    study: &StudyInstanceUid,
    role: &Role,
    quiet_ms: i64,
) -> Result<(), StoreError> {
    // A running job stays so; that its generation is behind makes it due again when it ends.
    sqlx::query(
        "INSERT INTO job (study_uid, role, state, due_ms, generation, attempts) VALUES (?1, ?2, 'due', ?3, 1, 0)
         ON CONFLICT (study_uid, role) DO UPDATE SET
             state = CASE state WHEN 'running' THEN 'running' ELSE 'due' END,
             due_ms = ?3, generation = generation + 1, attempts = 0",
    )
    .bind(study.as_str())
    .bind(role.to_string())
    .bind(now_ms() + quiet_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
