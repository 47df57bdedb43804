//! The one door: every way in ends here.
//!
//! [`accept_all`] takes objects whose bytes are on disk under temporary names and answers for each of them. In one
//! transaction it decides which are new, gives those their final names, writes their rows, and makes their studies'
//! jobs due, one for each model that scores here. When it returns, bytes and job survive a power cut; before, nothing of them is visible.
//!
//! Policy: the same bytes again are accepted and change nothing. *Different* bytes under a SOP Instance UID that is
//! already there are refused and kept apart (see [`super::quarantine`]), unless the one that is there was only fetched as
//! part of an earlier exam, or the disk has lost it: then they take its place. What is fetched never changes what is
//! there, and adds nothing to a study that was pushed. Our own results, sent back by a PACS that
//! forwards what it gets, are accepted and dropped: to score a study again because its score has come would never end.

use std::net::IpAddr;
use std::path::PathBuf;

use metrics::counter;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use tracing::{info, warn};
use uvid_datasets::dicom::{Header, ReadError};
use uvid_exam::{SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};

use super::arrivals::{New, News, write_view};
use super::looked::Looked;
use super::quarantine::Apart;
use super::results::charset_name;
use super::senders::Rule;
use super::{Digest, Staged, Store, StoreError, now_ms};
use crate::metrics as names;

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
    /// It did: its study is due. (Also where it had been accepted before and the disk has lost it, or where it takes the
    /// place of one that was only fetched.)
    New,
    /// The same bytes had been accepted before, and are there; or it is a result of ours that was sent back; or it was
    /// fetched, and its study has objects that were sent.
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
    accept_from(store, bytes, &Origin::default()).await
}

/// The same, from whom.
///
/// # Errors
///
/// As [`accept`].
pub async fn accept_from(
    store: &Store,
    bytes: &[u8],
    origin: &Origin,
) -> Result<Result<Accepted, Refusal>, StoreError> {
    let mut upload = store.objects().begin().await?;
    upload.write(bytes).await?;
    let staged = upload.finish(store.objects(), store.policy()).await?;
    let staged = staged.map_err(|error| Refusal::from(Refused::from(error)));
    let answer = accept_all(store, vec![staged], None, origin).await?.pop();
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
    origin: &Origin,
) -> Result<Vec<Result<Accepted, Refusal>>, StoreError> {
    let rule = store.policy().senders.rule(origin);
    let mut looked = Vec::with_capacity(staged.len());
    for object in &staged {
        looked.push(match object {
            Ok(object) => Looked::at(store, object, origin, &rule).await?,
            Err(_) => Looked::default(),
        });
    }
    let mut taking =
        Taking { tx: store.begin().await?, store, origin, rule, files: vec![], apart: vec![], news: News::new() };
    let mut answers = Vec::with_capacity(staged.len());
    // A staged file that is not renamed is removed when `staged` goes out of scope.
    for (object, looked) in staged.iter().zip(&looked) {
        answers.push(match object {
            Ok(object) => taking.decide(object, looked, addressed).await?,
            Err(refusal) => Err(refusal.clone()),
        });
    }
    let Taking { mut tx, rule, files, apart, news, .. } = taking;
    store.make_due(&mut tx, &news, &rule.patience).await?;
    let (objects, quarantine) = (store.objects().clone(), store.quarantine.clone());
    let kept = tokio::task::spawn_blocking(move || objects.keep(&files).and_then(|()| quarantine.keep(&apart))).await;
    kept.map_err(|_| StoreError::Interrupted)??;
    tx.commit().await?;
    store.work.notify_one();
    store.asking.notify_one();
    Ok(answers)
}

/// Objects of one sender on their way in.
struct Taking<'a> {
    tx: Transaction<'static, Sqlite>,
    store: &'a Store,
    origin: &'a Origin,
    rule: Rule,
    /// Files that get their final names.
    files: Vec<(PathBuf, Digest)>,
    /// Files that go into quarantine.
    apart: Vec<(PathBuf, Digest)>,
    /// Studies that are due.
    news: News,
}

impl Taking<'_> {
    /// Decides on one object and writes its rows.
    async fn decide(
        &mut self,
        object: &Staged,
        looked: &Looked,
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
        if self.is_ours(header).await? {
            return Ok(Ok(accepted(Kept::SameAgain)));
        }
        let known =
            sqlx::query("SELECT digest, bytes, study_uid, sop_class_uid, fetched FROM instance WHERE sop_uid = ?");
        if let Some(row) = known.bind(header.sop_instance.as_str()).fetch_optional(&mut *self.tx).await? {
            let decided = self.decide_known(object, looked, &row).await?;
            return Ok(decided.map(accepted).map_err(|because| Refusal::of(header, because)));
        }
        if self.origin.door == Door::Prior && self.is_pushed(header).await? {
            return Ok(Ok(accepted(Kept::SameAgain)));
        }
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM instance WHERE study_uid = ?")
            .bind(header.study.as_str())
            .fetch_one(&mut *self.tx)
            .await?;
        let most = self.store.policy().study_instances_max;
        if count >= i64::from(most) {
            return Ok(Err(Refusal::of(header, Refused::StudyFull(most))));
        }
        self.keep(object, looked).await?;
        Ok(Ok(accepted(Kept::New)))
    }

    /// Decides on an object whose UID is known.
    async fn decide_known(
        &mut self,
        object: &Staged,
        looked: &Looked,
        row: &SqliteRow,
    ) -> Result<Result<Kept, Refused>, StoreError> {
        let header = &object.header;
        let digest: Digest = row.try_get::<String, _>("digest")?.parse()?;
        let bytes = u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0);
        // What came before it in the same request gets its name when all of them are decided on.
        let incoming = self.files.iter().any(|(_, kept)| *kept == digest);
        let there = incoming || self.store.objects().holds(&digest, bytes);
        if digest == object.digest {
            // What the disk has lost since, a resend restores.
            if !there {
                self.files.push((object.path().to_owned(), object.digest));
            }
            let first = self.push(header).await?;
            self.tell(header, first || !there);
            return Ok(Ok(if there { Kept::SameAgain } else { Kept::New }));
        }
        // What was sent here stays; what was fetched before is as good.
        if self.origin.door == Door::Prior {
            return Ok(Ok(Kept::SameAgain));
        }
        if there && looked.is_same(self.store, &digest, object).await {
            let first = self.push(header).await?;
            self.tell(header, first);
            return Ok(Ok(Kept::SameAgain));
        }
        let same_study = row.try_get::<String, _>("study_uid")? == header.study.as_str();
        let same_class = row.try_get::<String, _>("sop_class_uid")? == header.sop_class.as_str();
        if same_study && (row.try_get("fetched")? || !there && same_class) {
            let (study, sop_instance) = (&header.study, &header.sop_instance);
            info!(%study, %sop_instance, lost = !there, "an object takes the place of one that was fetched or lost");
            self.keep(object, looked).await?;
            return Ok(Ok(Kept::New));
        }
        self.keep_apart(object).await?;
        Ok(Err(Refused::Different))
    }

    /// Keeps an object, whose study is due for it unless it was only fetched.
    async fn keep(&mut self, object: &Staged, looked: &Looked) -> Result<(), StoreError> {
        self.write(object, looked).await?;
        self.push(&object.header).await?;
        self.tell(&object.header, true);
        self.files.push((object.path().to_owned(), object.digest));
        Ok(())
    }

    /// Whether the study is one to be scored.
    async fn is_pushed(&mut self, header: &Header) -> Result<bool, StoreError> {
        let pushed = sqlx::query("SELECT 1 FROM study WHERE study_uid = ? AND pushed_ms IS NOT NULL");
        Ok(pushed.bind(header.study.as_str()).fetch_optional(&mut *self.tx).await?.is_some())
    }

    /// Whether an object is one that we have made of a result. A PACS may have changed its bytes.
    async fn is_ours(&mut self, header: &Header) -> Result<bool, StoreError> {
        let ours = sqlx::query("SELECT 1 FROM result WHERE sop_uid = ?").bind(header.sop_instance.as_str());
        Ok(ours.fetch_optional(&mut *self.tx).await?.is_some())
    }

    async fn keep_apart(&mut self, object: &Staged) -> Result<(), StoreError> {
        let apart = self.store.quarantine(&mut self.tx, object, self.origin, &self.rule).await?;
        if apart == Apart::Kept {
            self.apart.push((object.path().to_owned(), object.digest));
        }
        counter!(names::QUARANTINED, "result" => apart.name()).increment(1);
        let (study, sop_instance, ae_title) =
            (&object.header.study, &object.header.sop_instance, &self.origin.ae_title);
        warn!(%study, %sop_instance, sender = self.rule.name, ae_title, bytes = object.bytes, apart = apart.name(),
              "other bytes came under the UID of an object that is here; the first one stays");
        Ok(())
    }

    /// The rows of an object: its study and itself.
    async fn write(&mut self, object: &Staged, looked: &Looked) -> Result<(), StoreError> {
        let (header, now) = (&object.header, now_ms());
        let study = header.study.as_str();
        sqlx::query(
            "INSERT INTO study (study_uid, received_ms, updated_ms, worklist_asked) VALUES (?1, ?2, ?2, ?3)
             ON CONFLICT (study_uid) DO UPDATE SET updated_ms = ?2",
        )
        .bind(study)
        .bind(now)
        .bind(!self.store.policy().worklist)
        .execute(&mut *self.tx)
        .await?;
        let [slot, intent, acquisition] =
            header.intake.view.as_ref().map(write_view).map_or([None, None, None], |view| view.map(Some));
        sqlx::query(
            "INSERT INTO instance (sop_uid, study_uid, series_uid, sop_class_uid, transfer_syntax_uid, modality, digest,
                                   bytes, received_ms, sender, ae_title, charset, slot, intent, acquisition, fetched)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (sop_uid) DO UPDATE SET
                 series_uid = excluded.series_uid, sop_class_uid = excluded.sop_class_uid,
                 transfer_syntax_uid = excluded.transfer_syntax_uid, modality = excluded.modality,
                 digest = excluded.digest, bytes = excluded.bytes, received_ms = excluded.received_ms,
                 sender = excluded.sender, ae_title = excluded.ae_title, charset = excluded.charset,
                 slot = excluded.slot, intent = excluded.intent, acquisition = excluded.acquisition,
                 fetched = excluded.fetched",
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
        .bind(&self.rule.name)
        .bind(&self.origin.ae_title)
        .bind(self.rule.charset.map(charset_name))
        .bind(slot)
        .bind(intent)
        .bind(acquisition)
        .bind(self.origin.door == Door::Prior)
        .execute(&mut *self.tx)
        .await?;
        // Nothing of another object that had the UID stays listed.
        let unlisted = sqlx::query("DELETE FROM instance_index WHERE sop_uid = ?");
        unlisted.bind(header.sop_instance.as_str()).execute(&mut *self.tx).await?;
        super::index::put(&mut self.tx, looked.read_as.as_ref().unwrap_or(header)).await
    }

    /// Writes down that the study was pushed, if it was; true if only now.
    async fn push(&mut self, header: &Header) -> Result<bool, StoreError> {
        if self.origin.door == Door::Prior {
            return Ok(false);
        }
        // From now on what holds for its sender holds for the object.
        sqlx::query(
            "UPDATE instance SET fetched = 0, sender = ?, ae_title = ?, charset = ? WHERE sop_uid = ? AND fetched",
        )
        .bind(&self.rule.name)
        .bind(&self.origin.ae_title)
        .bind(self.rule.charset.map(charset_name))
        .bind(header.sop_instance.as_str())
        .execute(&mut *self.tx)
        .await?;
        let pushed = sqlx::query("UPDATE study SET pushed_ms = ? WHERE study_uid = ? AND pushed_ms IS NULL");
        let pushed = pushed.bind(now_ms()).bind(header.study.as_str()).execute(&mut *self.tx).await?;
        Ok(pushed.rows_affected() > 0)
    }

    /// The study is due, unless it was only fetched; `objects` says whether it has another one to score.
    fn tell(&mut self, header: &Header, objects: bool) {
        if self.origin.door == Door::Push {
            let texts = &self.store.policy().urgent_texts;
            let urgent = self.rule.urgent || texts.iter().any(|text| header.intake.mentions(text));
            let new = self.news.entry(header.study.clone()).or_default();
            *new = New { urgent: new.urgent || urgent, objects: new.objects || objects };
        }
    }
}
