//! Objects that came under the SOP Instance UID of another one.
//!
//! Two objects may not share a UID (PS3.5 section 9), and nobody here can know which of the two is the patient's: the
//! first one stays, the other one is refused. But it may be the only copy of an image, so its bytes are kept apart, for
//! a person to look at.
//!
//! Invariant: nothing in quarantine is scored, sent or served; it never holds more than `store.quarantine_bytes_max`
//! bytes and `store.quarantine_objects_max` objects.

use sqlx::{Row, Sqlite, Transaction};
use time::OffsetDateTime;
use uvid_exam::{SopInstanceUid, StudyInstanceUid};

use super::senders::Rule;
use super::{Digest, Origin, Staged, Store, StoreError, from_ms, now_ms};

/// An object in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The SOP Instance UID that another object had first.
    pub sop_instance: SopInstanceUid,
    /// The study that it says it is of.
    pub study: StudyInstanceUid,
    /// SHA-256 of its bytes; the file is `quarantine/<first two>/<digest>.dcm`.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// The entry of `senders` that matched.
    pub sender: Option<String>,
    /// The calling AE title.
    pub ae_title: Option<String>,
    /// How often it came.
    pub times: u64,
    /// When first.
    pub first: OffsetDateTime,
    /// When last.
    pub last: OffsetDateTime,
}

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apart {
    /// They are kept.
    Kept,
    /// They were there already.
    Again,
    /// There is no room for them.
    Full,
}

impl Apart {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Again => "again",
            Self::Full => "full",
        }
    }
}

impl Store {
    /// Writes down that an object is to be kept apart; the caller moves the file of one that is [`Apart::Kept`] before
    /// it commits.
    pub(super) async fn quarantine(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        object: &Staged,
        origin: &Origin,
        rule: &Rule,
    ) -> Result<Apart, StoreError> {
        let (now, sop_instance) = (now_ms(), object.header.sop_instance.as_str());
        let again =
            sqlx::query("UPDATE quarantine SET times = times + 1, last_ms = ? WHERE sop_uid = ? AND digest = ?")
                .bind(now)
                .bind(sop_instance)
                .bind(object.digest.to_string())
                .execute(&mut **tx)
                .await?;
        if again.rows_affected() > 0 {
            let there = self.quarantine.holds(&object.digest, object.bytes);
            return Ok(if there { Apart::Again } else { Apart::Kept });
        }
        let held = sqlx::query("SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes FROM quarantine");
        let held = held.fetch_one(&mut **tx).await?;
        let (n, bytes): (i64, i64) = (held.try_get("n")?, held.try_get("bytes")?);
        let (n, bytes) = (u64::try_from(n).unwrap_or(0), u64::try_from(bytes).unwrap_or(0));
        if n >= self.policy.quarantine_objects_max
            || bytes.saturating_add(object.bytes) > self.policy.quarantine_bytes_max
        {
            return Ok(Apart::Full);
        }
        sqlx::query(
            "INSERT INTO quarantine (sop_uid, digest, study_uid, sender, ae_title, bytes, times, first_ms, last_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7)",
        )
        .bind(sop_instance)
        .bind(object.digest.to_string())
        .bind(object.header.study.as_str())
        .bind(&rule.name)
        .bind(&origin.ae_title)
        .bind(i64::try_from(object.bytes).unwrap_or(i64::MAX))
        .bind(now)
        .execute(&mut **tx)
        .await?;
        Ok(Apart::Kept)
    }

    /// What is in quarantine, latest first, and how much it is in all.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn quarantined(&self, limit: u32, offset: u32) -> Result<(u64, Vec<Quarantined>), StoreError> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM quarantine").fetch_one(&self.read).await?;
        let rows = sqlx::query("SELECT * FROM quarantine ORDER BY last_ms DESC, sop_uid, digest LIMIT ? OFFSET ?");
        let rows = rows.bind(limit).bind(offset).fetch_all(&self.read).await?;
        let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
        let uid = |_| StoreError::Invalid("UID");
        let quarantined = rows.iter().map(|row| {
            Ok(Quarantined {
                sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
                study: row.try_get::<String, _>("study_uid")?.parse().map_err(uid)?,
                digest: row.try_get::<String, _>("digest")?.parse()?,
                bytes: unsigned(row.try_get("bytes")?),
                sender: row.try_get("sender")?,
                ae_title: row.try_get("ae_title")?,
                times: unsigned(row.try_get("times")?),
                first: from_ms(row.try_get("first_ms")?)?,
                last: from_ms(row.try_get("last_ms")?)?,
            })
        });
        Ok((unsigned(total), quarantined.collect::<Result<_, StoreError>>()?))
    }
}
