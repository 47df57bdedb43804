//! What the API and `uvid outbox` see of deliveries, and what a person may do about them.
//!
//! Invariant: a person can have sent again what is current, and stop what has not arrived; nothing is forgotten.

use std::str::FromStr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;
use uvid_exam::{SopClassUid, SopInstanceUid, StudyInstanceUid};

use super::{Store, StoreError, from_ms, now_ms};

/// Where a delivery stands. The states are explained in [`crate::outbox`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryState {
    /// It is to be sent.
    Pending,
    /// The destination has taken it.
    Sent,
    /// The destination was asked to keep it.
    AwaitingCommitment,
    /// The destination has committed to keep it.
    Delivered,
    /// The destination will not take it.
    Refused,
    /// It is not sent any more.
    Cancelled,
}

impl DeliveryState {
    /// All, in the order in which they come.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Sent, Self::AwaitingCommitment, Self::Delivered, Self::Refused, Self::Cancelled];

    /// As in the database, the API and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::AwaitingCommitment => "awaiting-commitment",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(StoreError::Invalid("state of a delivery"))
    }
}

/// An object on its way to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// The object.
    pub sop_instance: SopInstanceUid,
    /// Its class.
    pub sop_class: SopClassUid,
    /// Its kind: `cad-sr` and so on.
    pub kind: String,
    /// Its study.
    pub study: StudyInstanceUid,
    /// Where it goes.
    pub destination: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Whether it waits for a destination that the configuration does not have any more.
    pub orphaned: bool,
    /// Attempts that failed since it became pending.
    pub attempts: u32,
    /// When it is tried again, or its commitment is given up; `None` at an end.
    pub next: Option<OffsetDateTime>,
    /// The Transaction UID (0008,1195) of the last request to commit.
    pub transaction: Option<String>,
    /// What went wrong the last time.
    pub problem: Option<String>,
    /// Whether a later result stands in the object's place.
    pub superseded: bool,
    /// When the delivery was made.
    pub made: OffsetDateTime,
    /// When it last changed.
    pub updated: OffsetDateTime,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// To this destination only.
    pub destination: Option<String>,
    /// Of this study only.
    pub study: Option<StudyInstanceUid>,
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// At most so many.
    pub limit: u32,
    /// After so many.
    pub offset: u32,
}

/// How many deliveries to a destination are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The destination; `None`: one that the configuration does not have any more.
    pub destination: Option<String>,
    /// The state.
    pub state: DeliveryState,
    /// How many.
    pub count: u64,
    /// When the oldest was made.
    pub oldest: OffsetDateTime,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// There is no such delivery.
    NoSuch,
    /// It makes no sense, and why.
    Not(&'static str),
}

impl Store {
    /// A page of deliveries, latest first, and how many there are on all pages.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<(u64, Vec<Delivery>), StoreError> {
        let (study, state) =
            (filter.study.as_ref().map(StudyInstanceUid::as_str), filter.state.map(DeliveryState::name));
        let mut tx = self.read.begin().await?;
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid
             WHERE (?1 IS NULL OR d.destination = ?1) AND (?2 IS NULL OR d.state = ?2)
               AND (?3 IS NULL OR r.study_uid = ?3)",
        )
        .bind(&filter.destination)
        .bind(state)
        .bind(study)
        .fetch_one(&mut *tx)
        .await?;
        let rows = sqlx::query(
            "SELECT d.*, r.sop_class_uid, r.kind, r.study_uid, r.superseded_ms IS NOT NULL AS superseded
             FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid
             WHERE (?1 IS NULL OR d.destination = ?1) AND (?2 IS NULL OR d.state = ?2)
               AND (?3 IS NULL OR r.study_uid = ?3)
             ORDER BY d.delivery_id DESC LIMIT ?4 OFFSET ?5",
        )
        .bind(&filter.destination)
        .bind(state)
        .bind(study)
        .bind(filter.limit)
        .bind(filter.offset)
        .fetch_all(&mut *tx)
        .await?;
        let page = rows.iter().map(|row| self.delivery_of(row)).collect::<Result<_, _>>()?;
        Ok((u64::try_from(total).unwrap_or(0), page))
    }

    /// One delivery.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn delivery(&self, id: i64) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query(
            "SELECT d.*, r.sop_class_uid, r.kind, r.study_uid, r.superseded_ms IS NOT NULL AS superseded
             FROM delivery d JOIN result r ON r.sop_uid = d.sop_uid WHERE d.delivery_id = ?",
        );
        let row = row.bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(|row| self.delivery_of(row)).transpose()
    }

    /// How many deliveries are where.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn standings(&self) -> Result<Vec<Standing>, StoreError> {
        let rows = sqlx::query(
            "SELECT CASE WHEN destination IN (SELECT value FROM json_each(?)) THEN destination END AS known, state,
                    count(*) AS n, min(made_ms) AS oldest
             FROM delivery GROUP BY 1, 2 ORDER BY 1, 2",
        );
        let names = serde_json::Value::from_iter(self.policy.destinations.iter().map(|d| d.name.as_str())).to_string();
        let rows = rows.bind(names).fetch_all(&self.read).await?;
        let standing = |row: &SqliteRow| {
            Ok(Standing {
                destination: row.try_get("known")?,
                state: row.try_get::<String, _>("state")?.parse()?,
                count: u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0),
                oldest: from_ms(row.try_get("oldest")?)?,
            })
        };
        rows.iter().map(standing).collect()
    }

    /// Has an object sent at once, again if it was sent before.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn resend(&self, id: i64) -> Result<Changed, StoreError> {
        let Some(delivery) = self.delivery(id).await? else { return Ok(Changed::NoSuch) };
        if delivery.superseded {
            return Ok(Changed::Not("a later result stands in the object's place"));
        }
        // In one statement, so that a result that comes meanwhile is not overlooked.
        let again = sqlx::query(
            "UPDATE delivery SET state = 'pending', attempts = 0, next_ms = ?1, problem = NULL, transaction_uid = NULL,
                    updated_ms = ?1
             WHERE delivery_id = ?2 AND (SELECT superseded_ms IS NULL FROM result r WHERE r.sop_uid = delivery.sop_uid)",
        );
        again.bind(now_ms()).bind(id).execute(&self.write).await?;
        self.hurry_outbox();
        Ok(Changed::Done)
    }

    /// Stops a delivery that has not arrived.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn cancel(&self, id: i64) -> Result<Changed, StoreError> {
        let cancelled = sqlx::query(
            "UPDATE delivery SET state = 'cancelled', updated_ms = ?, problem = 'cancelled by a person'
             WHERE delivery_id = ? AND state IN ('pending', 'awaiting-commitment', 'refused')",
        );
        let cancelled = cancelled.bind(now_ms()).bind(id).execute(&self.write).await?;
        if cancelled.rows_affected() > 0 {
            return Ok(Changed::Done);
        }
        Ok(match self.delivery(id).await?.map(|delivery| delivery.state) {
            None => Changed::NoSuch,
            Some(DeliveryState::Cancelled) => Changed::Done,
            Some(
                DeliveryState::Sent
                | DeliveryState::Delivered
                | DeliveryState::Pending
                | DeliveryState::AwaitingCommitment
                | DeliveryState::Refused,
            ) => Changed::Not("the destination has it"),
        })
    }

    fn delivery_of(&self, row: &SqliteRow) -> Result<Delivery, StoreError> {
        let uid = |_| StoreError::Invalid("UID");
        let destination: String = row.try_get("destination")?;
        let state: DeliveryState = row.try_get::<String, _>("state")?.parse()?;
        let waits = match state {
            DeliveryState::Pending | DeliveryState::AwaitingCommitment => true,
            DeliveryState::Sent | DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::Cancelled => false,
        };
        let known = self.policy.destinations.iter().any(|known| known.name == destination);
        Ok(Delivery {
            id: row.try_get("delivery_id")?,
            sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
            sop_class: row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
            kind: row.try_get("kind")?,
            study: row.try_get::<String, _>("study_uid")?.parse().map_err(uid)?,
            destination,
            state,
            orphaned: waits && !known,
            attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
            next: if waits && known { Some(from_ms(row.try_get("next_ms")?)?) } else { None },
            transaction: row.try_get("transaction_uid")?,
            problem: row.try_get("problem")?,
            superseded: row.try_get("superseded")?,
            made: from_ms(row.try_get("made_ms")?)?,
            updated: from_ms(row.try_get("updated_ms")?)?,
        })
    }
}
