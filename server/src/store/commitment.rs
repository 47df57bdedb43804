//! Requests of others that we commit to what they sent (Storage Commitment, PS3.4 annex J).
//!
//! Invariant: a request that was answered with success is on disk until its requester has taken the report, or
//! [`KEPT`] has passed. What is committed is there, row and bytes, at the moment when the report is made. A request that
//! was taken is gone: nothing is reported of it again, and its number is never another's.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::{Digest, Store, StoreError, duration_ms, now_ms};

/// For how long a report is tried to be delivered.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Requests that may wait for their report; further ones are refused.
const WAITING_MAX: i64 = 10_000;

/// Of these, requests of one AE title.
const WAITING_OF_ONE_MAX: i64 = 1000;

/// Requests looked at in one go.
const BATCH: i64 = 100;

/// Failure Reason (0008,1197): processing failure.
pub const PROCESSING_FAILURE: u16 = 0x0110;
/// Failure Reason (0008,1197): no such object instance.
pub const NO_SUCH_OBJECT: u16 = 0x0112;
/// Failure Reason (0008,1197): class-instance conflict.
pub const CLASS_INSTANCE_CONFLICT: u16 = 0x0119;

/// An object as a peer refers to it.
pub type Reference = (SopClassUid, SopInstanceUid);

/// A request whose report is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitmentRequest {
    /// Its row.
    pub id: i64,
    /// Who asked.
    pub ae_title: String,
    /// Transaction UID (0008,1195).
    pub transaction: String,
    /// Reports that were tried so far.
    pub attempts: u32,
}

/// What we commit to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// What is kept.
    pub committed: Vec<Reference>,
    /// What is not, with Failure Reason (0008,1197).
    pub failed: Vec<(Reference, u16)>,
}

impl Store {
    /// Keeps a request, whose report is due after a while; one with the same Transaction UID takes the place of the
    /// earlier one. `None`: too many wait.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn keep_commitment_request(
        &self,
        ae_title: &str,
        transaction: &str,
        objects: &[Reference],
        due_after: Duration,
    ) -> Result<Option<CommitmentRequest>, StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM commitment_request WHERE ae_title = ? AND transaction_uid = ?")
            .bind(ae_title)
            .bind(transaction)
            .execute(&mut *tx)
            .await?;
        let waiting = sqlx::query(
            "SELECT count(*) AS everyone, count(*) FILTER (WHERE ae_title = ?) AS one FROM commitment_request",
        );
        let waiting = waiting.bind(ae_title).fetch_one(&mut *tx).await?;
        let (everyone, one): (i64, i64) = (waiting.try_get("everyone")?, waiting.try_get("one")?);
        if everyone >= WAITING_MAX || one >= WAITING_OF_ONE_MAX {
            return Ok(None);
        }
        let now = now_ms();
        let id = sqlx::query(
            "INSERT INTO commitment_request (ae_title, transaction_uid, received_ms, due_ms, attempts)
             VALUES (?, ?, ?, ?, 0) RETURNING request_id",
        )
        .bind(ae_title)
        .bind(transaction)
        .bind(now)
        .bind(now + duration_ms(due_after))
        .fetch_one(&mut *tx)
        .await?
        .try_get("request_id")?;
        let objects: Vec<_> = objects.iter().map(|(class, instance)| [class.as_str(), instance.as_str()]).collect();
        sqlx::query(
            "INSERT INTO commitment_instance (request_id, position, sop_class_uid, sop_uid)
             SELECT ?, key, json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)",
        )
        .bind(id)
        .bind(serde_json::json!(objects).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let (ae_title, transaction) = (ae_title.to_owned(), transaction.to_owned());
        Ok(Some(CommitmentRequest { id, ae_title, transaction, attempts: 0 }))
    }

    /// The requests whose reports are due, the longest due first, but for those of some AE titles. Those too old are
    /// dropped.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn commitment_requests_due(&self, but: &BTreeSet<String>) -> Result<Vec<CommitmentRequest>, StoreError> {
        let now = now_ms();
        let dropped = sqlx::query("DELETE FROM commitment_request WHERE received_ms < ?")
            .bind(now - duration_ms(KEPT))
            .execute(&self.write)
            .await?
            .rows_affected();
        if dropped > 0 {
            tracing::warn!(requests = dropped, "reports on storage commitment that nobody took in a week are given up");
        }
        let rows = sqlx::query(
            "SELECT request_id, ae_title, transaction_uid, attempts FROM commitment_request
             WHERE due_ms <= ? AND ae_title NOT IN (SELECT value FROM json_each(?)) ORDER BY due_ms LIMIT ?",
        )
        .bind(now)
        .bind(serde_json::json!(but).to_string())
        .bind(BATCH)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(request).collect()
    }

    /// What we commit to of a request, now: nothing at all of one that is gone. Not to an object whose requester also
    /// sent other bytes under its UID: which are meant, a person has to say.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn commit(&self, request: &CommitmentRequest) -> Result<Committed, StoreError> {
        let rows = sqlx::query(
            "SELECT asked.sop_class_uid AS asked_class, asked.sop_uid AS sop_uid,
                    coalesce(instance.sop_class_uid, result.sop_class_uid) AS class,
                    coalesce(instance.digest, result.digest) AS digest, coalesce(instance.bytes, result.bytes) AS bytes,
                    EXISTS (SELECT 1 FROM quarantine
                            WHERE quarantine.sop_uid = asked.sop_uid AND quarantine.ae_title = ?2) AS apart
             FROM commitment_request AS request JOIN commitment_instance AS asked USING (request_id)
             LEFT JOIN instance ON instance.sop_uid = asked.sop_uid
             LEFT JOIN result ON result.sop_uid = asked.sop_uid
             WHERE request_id = ?1 AND request.ae_title = ?2 AND request.transaction_uid = ?3 ORDER BY asked.position",
        )
        .bind(request.id)
        .bind(&request.ae_title)
        .bind(&request.transaction)
        .fetch_all(&self.read)
        .await?;
        let asked = rows.iter().map(asked).collect::<Result<Vec<_>, _>>()?;
        let objects = self.objects.clone();
        let look = move || {
            let mut outcome = Committed::default();
            for Asked { reference, apart, found } in asked {
                match found {
                    _ if apart => outcome.failed.push((reference, PROCESSING_FAILURE)),
                    Some((class, ..)) if class != reference.0.as_str() => {
                        outcome.failed.push((reference, CLASS_INSTANCE_CONFLICT));
                    }
                    Some((_, digest, bytes)) if objects.holds(&digest, bytes) => outcome.committed.push(reference),
                    Some(_) | None => outcome.failed.push((reference, NO_SUCH_OBJECT)),
                }
            }
            outcome
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| StoreError::Interrupted)
    }

    /// The report was taken: the request is done.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn commitment_reported(&self, request: &CommitmentRequest) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM commitment_request WHERE request_id = ? AND ae_title = ? AND transaction_uid = ?")
            .bind(request.id)
            .bind(&request.ae_title)
            .bind(&request.transaction)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// A report is being tried, or was not taken: it is due again after a while. `false`: it was taken meanwhile, or
    /// given up, and there is nothing to report any more.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn commitment_due_again(&self, request: &CommitmentRequest, after: Duration) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE commitment_request SET due_ms = ?, attempts = attempts + 1
             WHERE request_id = ? AND ae_title = ? AND transaction_uid = ?",
        )
        .bind(now_ms() + duration_ms(after))
        .bind(request.id)
        .bind(&request.ae_title)
        .bind(&request.transaction)
        .execute(&self.write)
        .await?;
        Ok(updated.rows_affected() > 0)
    }
}

fn request(row: &SqliteRow) -> Result<CommitmentRequest, StoreError> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(CommitmentRequest {
        id: row.try_get("request_id")?,
        ae_title: row.try_get("ae_title")?,
        transaction: row.try_get("transaction_uid")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    })
}

/// An object that was asked about.
struct Asked {
    reference: Reference,
    /// Whether the requester sent other bytes under its UID.
    apart: bool,
    /// Class, digest and bytes of what is there.
    found: Option<(String, Digest, u64)>,
}

fn asked(row: &SqliteRow) -> Result<Asked, StoreError> {
    let uid = |column: &str| Ok::<String, StoreError>(row.try_get(column)?);
    let class = uid("asked_class")?.parse().map_err(|_| StoreError::Invalid("SOP Class UID"))?;
    let instance = uid("sop_uid")?.parse().map_err(|_| StoreError::Invalid("SOP Instance UID"))?;
    let found = match row.try_get::<Option<String>, _>("digest")? {
        Some(digest) => {
            let bytes: i64 = row.try_get("bytes")?;
            Some((uid("class")?, digest.parse()?, u64::try_from(bytes).unwrap_or(0)))
        }
        None => None,
    };
    Ok(Asked { reference: (class, instance), apart: row.try_get("apart")?, found })
}
