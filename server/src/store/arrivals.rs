//! What has come of a study, and what it makes due: the rows behind [`super::completion`].

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};
use tracing::warn;
use uvid_datasets::dicom::HeaderView;
use uvid_exam::{Acquisition, Intent, Slot, SopInstanceUid, StudyInstanceUid};

use super::completion::{Arrival, Because, Patience, due};
use super::{Role, Store, StoreError, now_ms};

/// Announcements are forgotten after a day: what has not come by then will not.
const ANNOUNCED_MS_MAX: i64 = 86_400_000;

/// Announced instances that are remembered, of all studies.
const ANNOUNCED_MAX: i64 = 200_000;

/// Studies that objects make due.
pub(super) type News = BTreeMap<StudyInstanceUid, New>;

/// What is new of a study.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct New {
    /// Whether it is urgent.
    pub(super) urgent: bool,
    /// Whether there is another object to score; if not, a resend gives roles in which all attempts failed another try.
    pub(super) objects: bool,
}

impl Store {
    /// Takes a notice (MPPS completed, Instance Availability Notification) of what a study has. Once all of it is here,
    /// the study is due at once; a notice never makes it wait.
    ///
    /// Instances beyond `store.study_instances_max` are not remembered, nor is any while 200 000 are.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn announce(&self, study: &StudyInstanceUid, instances: &[SopInstanceUid]) -> Result<(), StoreError> {
        let (mut tx, now) = (self.begin().await?, now_ms());
        let forget = sqlx::query("DELETE FROM announced WHERE announced_ms < ?").bind(now - ANNOUNCED_MS_MAX);
        forget.execute(&mut *tx).await?;
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM announced").fetch_one(&mut *tx).await?;
        if known >= ANNOUNCED_MAX {
            warn!(%study, "too many announced instances are outstanding; this notice is not remembered");
            return Ok(());
        }
        for instance in instances.iter().take(self.policy.study_instances_max as usize) {
            sqlx::query("INSERT OR REPLACE INTO announced (study_uid, sop_uid, announced_ms) VALUES (?, ?, ?)")
                .bind(study.as_str())
                .bind(instance.as_str())
                .bind(now)
                .execute(&mut *tx)
                .await?;
        }
        let (arrivals, missing) = arrivals(&mut tx, study).await?;
        if missing == 0 && arrivals.iter().any(|arrival| arrival.announced && !arrival.scored) {
            sqlx::query("UPDATE job SET due_ms = min(due_ms, ?), because = ? WHERE study_uid = ? AND state = 'due'")
                .bind(now)
                .bind(Because::Notice.name())
                .bind(study.as_str())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.work.notify_one();
        Ok(())
    }

    /// Makes studies due in every role, by what has come of them.
    pub(super) async fn make_due(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        news: &News,
        patience: &Patience,
    ) -> Result<(), StoreError> {
        for (study, New { urgent, objects }) in news {
            let (arrivals, missing) = arrivals(tx, study).await?;
            let (due_ms, because) = due(&arrivals, missing, self.policy.exam.as_ref(), patience, now_ms());
            for role in &self.policy.roles {
                if !objects && !has_failed(tx, study, role).await? {
                    continue;
                }
                // A running job stays so; that its generation is behind makes it due again when it ends.
                sqlx::query(
                    "INSERT INTO job (study_uid, role, state, due_ms, generation, attempts, because, urgent)
                     VALUES (?1, ?2, 'due', ?3, 1, 0, ?4, ?5)
                     ON CONFLICT (study_uid, role) DO UPDATE SET
                         state = CASE state WHEN 'running' THEN 'running' ELSE 'due' END,
                         due_ms = ?3, generation = generation + 1, attempts = 0, because = ?4,
                         urgent = max(urgent, ?5)",
                )
                .bind(study.as_str())
                .bind(role.to_string())
                .bind(due_ms)
                .bind(because.name())
                .bind(urgent)
                .execute(&mut **tx)
                .await?;
            }
        }
        Ok(())
    }
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

/// The objects of a study, and how many of those announced are not there. An object that was here as an earlier exam
/// counts from when its study was pushed. What a running job has counts as scored.
async fn arrivals(
    tx: &mut Transaction<'static, Sqlite>,
    study: &StudyInstanceUid,
) -> Result<(Vec<Arrival>, usize), StoreError> {
    let rows = sqlx::query(
        "SELECT max(i.received_ms, coalesce(s.pushed_ms, 0)) AS at_ms, i.slot, i.intent, i.acquisition,
                a.sop_uid IS NOT NULL AS announced,
                EXISTS (SELECT 1 FROM run r JOIN run_instance m ON m.run_id = r.run_id
                        WHERE r.study_uid = i.study_uid AND r.role = 'production' AND r.superseded_ms IS NULL
                          AND m.sop_uid = i.sop_uid AND m.digest = i.digest)
                OR EXISTS (SELECT 1 FROM job j WHERE j.study_uid = i.study_uid AND j.role = 'production'
                           AND j.state = 'running' AND i.received_ms <= j.claimed_ms) AS scored
         FROM instance i JOIN study s ON s.study_uid = i.study_uid
         LEFT JOIN announced a ON a.study_uid = i.study_uid AND a.sop_uid = i.sop_uid
         WHERE i.study_uid = ?",
    );
    let rows = rows.bind(study.as_str()).fetch_all(&mut **tx).await?;
    let missing: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM announced a WHERE a.study_uid = ?
         AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.sop_uid = a.sop_uid)",
    )
    .bind(study.as_str())
    .fetch_one(&mut **tx)
    .await?;
    let arrivals = rows.iter().map(arrival).collect::<Result<_, _>>()?;
    Ok((arrivals, usize::try_from(missing).unwrap_or(0)))
}

fn arrival(row: &SqliteRow) -> Result<Arrival, StoreError> {
    let (slot, intent): (Option<String>, Option<String>) = (row.try_get("slot")?, row.try_get("intent")?);
    let acquisition: Option<String> = row.try_get("acquisition")?;
    let view = match (slot, intent, acquisition) {
        (Some(slot), Some(intent), Some(acquisition)) => Some(read_view(&slot, &intent, &acquisition)?),
        _ => None,
    };
    Ok(Arrival {
        at_ms: row.try_get("at_ms")?,
        scored: row.try_get("scored")?,
        announced: row.try_get("announced")?,
        view,
    })
}

const ACQUISITIONS: [Acquisition; 4] =
    [Acquisition::Ffdm, Acquisition::Synthetic2d, Acquisition::Tomosynthesis, Acquisition::ScreenFilm];

/// Slot, intent and acquisition, as columns of `instance`.
pub(super) fn write_view(view: &HeaderView) -> [String; 3] {
    [view.slot.to_string(), view.intent.to_string(), view.acquisition.to_string()]
}

fn read_view(slot: &str, intent: &str, acquisition: &str) -> Result<HeaderView, StoreError> {
    let invalid = StoreError::Invalid("view");
    let slot = Slot::ALL.into_iter().find(|known| known.to_string() == slot);
    let intent = [Intent::ForPresentation, Intent::ForProcessing].into_iter().find(|known| known.to_string() == intent);
    let acquisition = ACQUISITIONS.into_iter().find(|known| known.to_string() == acquisition);
    match (slot, intent, acquisition) {
        (Some(slot), Some(intent), Some(acquisition)) => Ok(HeaderView { slot, intent, acquisition }),
        _ => Err(invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_reads_back_as_it_was_written() {
        for slot in Slot::ALL {
            for intent in [Intent::ForPresentation, Intent::ForProcessing] {
                for acquisition in ACQUISITIONS {
                    let view = HeaderView { slot, intent, acquisition };
                    let [a, b, c] = write_view(&view);
                    assert_eq!(read_view(&a, &b, &c).ok(), Some(view));
                }
            }
        }
        assert!(read_view("L-CC", "for presentation", "film").is_err());
    }
}
