//! What is to be done for a destination, and what came of it: the rows behind [`crate::outbox`].
//!
//! Invariants: that a destination may have an object is on disk before the first byte leaves, and so is the Transaction
//! UID of a request to commit; while a study is being scored, its objects wait, so that what a new result rejects is
//! known before it is made; what a later result has superseded is never sent again.

use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::{Digest, Store, StoreError, duration_ms, now_ms};
use crate::config::{Destination, seconds};
use crate::dimse::scu::Commitment;

/// An object to be sent, or to be committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Attempts that failed so far.
    pub attempts: u32,
    id: i64,
    /// Whether the destination may have had it before this attempt.
    had: bool,
}

/// What is to be done for a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// These are to be sent.
    Send(Vec<Outgoing>),
    /// These were sent, and the destination is to be asked to keep them.
    Commit {
        /// Transaction UID (0008,1195).
        transaction: String,
        /// Which.
        objects: Vec<Outgoing>,
    },
    /// Nothing; `None`: until there is news.
    Wait(Option<Duration>),
}

/// What came of sending one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The destination has it.
    Taken,
    /// Not now: it is tried again.
    NotNow(String),
    /// Never.
    Refused(String),
    /// No byte of it left.
    NotSent(String),
}

/// Without a time at which something is to be done.
const NEVER_MS: i64 = i64::MAX;

/// Failure Reasons (PS3.3 C.14.1.1) that sending again does not change: the class is not committed to, or is not that of
/// the instance.
const NEVER_COMMITTED: [u16; 2] = [0x0122, 0x0119];

impl Store {
    /// What waited for a time may be done at once: whoever starts a server again wants to see it work.
    pub(super) async fn recover_deliveries(&self) -> Result<(), StoreError> {
        let now = now_ms();
        sqlx::query("UPDATE delivery SET next_ms = min(next_ms, ?) WHERE state = 'pending'")
            .bind(now)
            .execute(&self.write)
            .await?;
        // A clock that was set back must not leave a commitment awaited for years.
        let latest = now.saturating_add(duration_ms(seconds(self.policy.outbox.commitment_seconds_max)));
        sqlx::query("UPDATE delivery SET next_ms = min(next_ms, ?) WHERE state = 'awaiting-commitment'")
            .bind(latest)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// What is to be done for a destination now. Whoever takes an errand says what came of it.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn errand(&self, destination: &Destination) -> Result<Errand, StoreError> {
        let (name, now) = (destination.name.as_str(), now_ms());
        let mut tx = self.begin().await?;
        // The Transaction UID stays: an answer that is late still counts.
        let late = sqlx::query(
            "UPDATE delivery SET state = 'pending', attempts = attempts + 1, next_ms = ?1, updated_ms = ?1,
                    problem = 'no answer to the request to commit; it is sent again'
             WHERE destination = ?2 AND state = 'awaiting-commitment' AND next_ms <= ?1",
        );
        late.bind(now).bind(name).execute(&mut *tx).await?;
        let errand = match self.to_commit(&mut tx, name, now).await? {
            Some(errand) => errand,
            None => match self.to_send(&mut tx, name, now).await? {
                objects if objects.is_empty() => {
                    let next: Option<i64> = sqlx::query_scalar(
                        "SELECT min(next_ms) FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid
                         WHERE destination = ? AND state IN ('pending', 'sent', 'awaiting-commitment') AND next_ms < ?
                           AND (state = 'awaiting-commitment'
                            OR state = 'sent' AND r.superseded_ms IS NULL
                            OR state = 'pending' AND r.superseded_ms IS NULL AND NOT EXISTS (SELECT 1 FROM job j
                                WHERE j.study_uid = r.study_uid AND j.role = 'production' AND j.state = 'running'))",
                    )
                    .bind(name)
                    .bind(NEVER_MS)
                    .fetch_one(&mut *tx)
                    .await?;
                    Errand::Wait(next.map(|next| Duration::from_millis(u64::try_from(next - now).unwrap_or(0))))
                }
                objects => Errand::Send(objects),
            },
        };
        tx.commit().await?;
        Ok(errand)
    }

    async fn to_commit(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        destination: &str,
        now: i64,
    ) -> Result<Option<Errand>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.delivery_id, d.attempts, d.may_have, r.sop_class_uid, r.sop_uid, r.digest
             FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid
             WHERE d.destination = ? AND d.state = 'sent' AND d.next_ms <= ? AND r.superseded_ms IS NULL
             ORDER BY d.delivery_id LIMIT ?",
        );
        let rows = rows.bind(destination).bind(now).bind(self.batch()).fetch_all(&mut **tx).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let objects = rows.iter().map(outgoing).collect::<Result<Vec<_>, _>>()?;
        let transaction = transaction_uid()?;
        sqlx::query(
            "UPDATE delivery SET state = 'awaiting-commitment', transaction_uid = ?, next_ms = ?, updated_ms = ?
             WHERE delivery_id IN (SELECT value FROM json_each(?))",
        )
        .bind(&transaction)
        .bind(now.saturating_add(duration_ms(seconds(self.policy.outbox.commitment_seconds_max))))
        .bind(now)
        .bind(ids(&objects))
        .execute(&mut **tx)
        .await?;
        Ok(Some(Errand::Commit { transaction, objects }))
    }

    async fn to_send(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        destination: &str,
        now: i64,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.delivery_id, d.attempts, d.may_have, r.sop_class_uid, r.sop_uid, r.digest
             FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid
             WHERE d.destination = ? AND d.state = 'pending' AND d.next_ms <= ? AND r.superseded_ms IS NULL
               AND NOT EXISTS (SELECT 1 FROM job j WHERE j.study_uid = r.study_uid AND j.role = 'production'
                                                     AND j.state = 'running')
             ORDER BY d.delivery_id LIMIT ?",
        );
        let rows = rows.bind(destination).bind(now).bind(self.batch()).fetch_all(&mut **tx).await?;
        let objects = rows.iter().map(outgoing).collect::<Result<Vec<_>, _>>()?;
        sqlx::query("UPDATE delivery SET may_have = 1 WHERE delivery_id IN (SELECT value FROM json_each(?))")
            .bind(ids(&objects))
            .execute(&mut **tx)
            .await?;
        Ok(objects)
    }

    /// Writes down what came of sending. What is to be tried again is so after the time that `wait` gives for the number
    /// of attempts that have failed.
    ///
    /// # Errors
    ///
    /// The database fails: then the objects are sent again.
    pub async fn sent_were(
        &self,
        destination: &Destination,
        said: &[(Outgoing, Said)],
        wait: impl Fn(u32) -> Duration,
    ) -> Result<(), StoreError> {
        let (mut tx, now) = (self.begin().await?, now_ms());
        let later = |object: &Outgoing| now.saturating_add(duration_ms(wait(object.attempts.saturating_add(1))));
        for (object, said) in said {
            let query = match said {
                // What was cancelled meanwhile has arrived all the same.
                Said::Taken => sqlx::query(
                    "UPDATE delivery SET state = 'sent', attempts = 0, problem = NULL, next_ms = ?1, updated_ms = ?2
                     WHERE delivery_id = ?3 AND state IN ('pending', 'cancelled')",
                )
                .bind(if destination.commitment { now } else { NEVER_MS })
                .bind(now)
                .bind(object.id),
                Said::NotNow(problem) => sqlx::query(
                    "UPDATE delivery SET attempts = attempts + 1, next_ms = ?1, updated_ms = ?2, problem = ?4
                     WHERE delivery_id = ?3 AND state = 'pending'",
                )
                .bind(later(object))
                .bind(now)
                .bind(object.id)
                .bind(problem),
                Said::NotSent(problem) => sqlx::query(
                    "UPDATE delivery SET may_have = ?5, problem = CASE state WHEN 'pending' THEN ?4 ELSE problem END,
                            attempts = attempts + (state = 'pending'), updated_ms = ?2,
                            next_ms = CASE state WHEN 'pending' THEN ?1 ELSE next_ms END
                     WHERE delivery_id = ?3",
                )
                .bind(later(object))
                .bind(now)
                .bind(object.id)
                .bind(problem)
                .bind(object.had),
                Said::Refused(problem) => sqlx::query(
                    "UPDATE delivery SET may_have = ?4, problem = ?3, updated_ms = ?1,
                            state = CASE state WHEN 'pending' THEN 'refused' ELSE state END
                     WHERE delivery_id = ?2",
                )
                .bind(now)
                .bind(object.id)
                .bind(problem)
                .bind(object.had),
            };
            query.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// A request to commit could not be made: it is made again.
    ///
    /// # Errors
    ///
    /// The database fails: then the objects are sent again when the time for the answer is over.
    pub async fn not_asked(&self, transaction: &str, problem: &str, after: Duration) -> Result<(), StoreError> {
        let now = now_ms();
        sqlx::query(
            "UPDATE delivery SET state = 'sent', attempts = attempts + 1, next_ms = ?, updated_ms = ?, problem = ?
             WHERE transaction_uid = ? AND state = 'awaiting-commitment'",
        )
        .bind(now.saturating_add(duration_ms(after)))
        .bind(now)
        .bind(problem)
        .bind(transaction)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Takes a node's answer to a request to commit. What it does not keep is sent again after a while, unless it never
    /// will, or a later result has taken its place. An answer to nothing that was asked changes nothing. Returns how many deliveries it was about.
    ///
    /// # Errors
    ///
    /// The database fails: then the objects are sent again when the time for the answer is over.
    pub async fn committed(&self, commitment: &Commitment, wait: impl Fn(u32) -> Duration) -> Result<u64, StoreError> {
        let (mut tx, now) = (self.begin().await?, now_ms());
        let mut about = 0;
        for sop_instance in &commitment.committed {
            let kept = sqlx::query(
                "UPDATE delivery SET state = 'delivered', attempts = 0, problem = NULL, updated_ms = ?
                 WHERE transaction_uid = ? AND sop_uid = ? AND state IN ('awaiting-commitment', 'sent', 'pending')",
            );
            let kept = kept.bind(now).bind(&commitment.transaction).bind(sop_instance.as_str());
            about += kept.execute(&mut *tx).await?.rows_affected();
        }
        for (sop_instance, reason) in &commitment.failed {
            let attempts: Option<i64> =
                sqlx::query_scalar("SELECT attempts FROM delivery WHERE transaction_uid = ? AND sop_uid = ?")
                    .bind(&commitment.transaction)
                    .bind(sop_instance.as_str())
                    .fetch_optional(&mut *tx)
                    .await?;
            let attempts = u32::try_from(attempts.unwrap_or(0)).unwrap_or(u32::MAX).saturating_add(1);
            let state = if NEVER_COMMITTED.contains(reason) { "refused" } else { "pending" };
            let failed = sqlx::query(
                "UPDATE delivery SET state = ?, attempts = attempts + 1, next_ms = ?, updated_ms = ?, problem = ?
                 WHERE transaction_uid = ? AND sop_uid = ? AND state IN ('awaiting-commitment', 'sent')
                   AND (SELECT superseded_ms IS NULL FROM result r WHERE r.sop_uid = delivery.sop_uid)",
            )
            .bind(state)
            .bind(now.saturating_add(duration_ms(wait(attempts))))
            .bind(now)
            .bind(format!("the node does not commit to it: Failure Reason {reason:04X}H"))
            .bind(&commitment.transaction)
            .bind(sop_instance.as_str());
            about += failed.execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        self.wake_outbox();
        Ok(about)
    }

    fn batch(&self) -> i64 {
        i64::try_from(self.policy.outbox.batch_max).unwrap_or(i64::MAX)
    }
}

fn ids(objects: &[Outgoing]) -> String {
    serde_json::Value::from_iter(objects.iter().map(|object| object.id)).to_string()
}

fn outgoing(row: &SqliteRow) -> Result<Outgoing, StoreError> {
    let uid = |_| StoreError::Invalid("UID");
    Ok(Outgoing {
        sop_class: row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
        sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
        digest: row.try_get::<String, _>("digest")?.parse()?,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        id: row.try_get("delivery_id")?,
        had: row.try_get("may_have")?,
    })
}

/// A UUID as a UID (PS3.5 section B.2): random, so that nobody can guess which answer is waited for.
fn transaction_uid() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Invalid("random number"))?;
    // Version 4, variant 1 (RFC 9562).
    let value = u128::from_be_bytes(bytes) & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    Ok(format!("2.25.{value}"))
}
