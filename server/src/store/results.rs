//! Objects made from results: reports that went, or will go, to the PACS.
//!
//! A result that takes the place of earlier ones comes with a Key Object that rejects them (IHE IOCM), for destinations
//! that have them or may have them. Objects that no destination was given need no rejection: their deliveries are
//! cancelled.
//!
//! Invariants: a row is committed in the transaction that keeps the run it was made from, after its bytes; so are its
//! deliveries. A rejection is never superseded, and its deliveries are not cancelled by a later result: what it rejects
//! stays rejected.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, Transaction};
use time::OffsetDateTime;
use tracing::error;
use uvid_exam::{SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};

use super::{Digest, Job, Outcome, Store, StoreError, from_ms, now_ms};
use crate::config::{Charset, Destination, ObjectKind, When};
use crate::report::dicom::ResultObject;

/// What is made of a result.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// The objects.
    pub objects: Vec<ResultObject>,
    /// The operating points that flag it.
    pub flagged: Vec<String>,
}

/// An object made from a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRow {
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// Study Instance UID: that of the images.
    pub study: StudyInstanceUid,
    /// Series Instance UID.
    pub series: String,
    /// `cad-sr` and so on, as in the configuration; `rejection` for a Key Object that rejects earlier results.
    pub kind: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// When it was made.
    pub made: OffsetDateTime,
    /// Whether a later result stands in its place.
    pub superseded: bool,
}

impl Store {
    /// The objects made from a study's results, superseded ones included, in the order in which they were made.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn results(&self, study: &StudyInstanceUid) -> Result<Vec<ResultRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sop_uid, sop_class_uid, study_uid, series_uid, kind, digest, bytes, made_ms,
                    superseded_ms IS NOT NULL AS superseded
             FROM result WHERE study_uid = ? ORDER BY made_ms, sop_uid",
        );
        let rows = rows.bind(study.as_str()).fetch_all(&self.read).await?;
        rows.iter().map(result).collect()
    }

    /// Makes the bytes of objects durable. Without rows they are nobody's.
    pub(super) async fn write_objects(&self, made: &[ResultObject]) -> Result<(), StoreError> {
        for object in made {
            self.objects.put(&object.bytes).await?;
        }
        Ok(())
    }

    /// Puts the objects of a result in the place of those before, and sends them on their way. Where objects are wanted
    /// and none could be made, those before stay as they are: better an old result than none.
    pub(super) async fn replace_results(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        job: &Job,
        run_id: i64,
        outcome: Outcome,
        made: &Made,
    ) -> Result<(), StoreError> {
        if made.objects.is_empty() && !self.policy.results.objects.is_empty() {
            error!(study = %job.study, "no object of the result could be made; those of an earlier one, if there are any, stay");
            return Ok(());
        }
        self.supersede(tx, job.study.as_str()).await?;
        let rejected = serde_json::Value::from_iter(job.supersedes.iter().map(|(_, _, uid)| uid.as_str())).to_string();
        for object in &made.objects {
            sqlx::query(
                "INSERT INTO result (sop_uid, study_uid, series_uid, sop_class_uid, kind, run_id, digest, bytes, made_ms)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(object.sop_instance.as_str())
            .bind(job.study.as_str())
            .bind(object.series.as_str())
            .bind(object.sop_class.as_str())
            .bind(object.kind.name())
            .bind(run_id)
            .bind(Digest::of(&object.bytes).to_string())
            .bind(i64::try_from(object.bytes.len()).unwrap_or(i64::MAX))
            .bind(now_ms())
            .execute(&mut **tx)
            .await?;
            for destination in &self.policy.destinations {
                let wanted = if object.kind == ObjectKind::Rejection {
                    destination.reject_superseded && may_have(tx, &destination.name, &rejected).await?
                } else {
                    destination.objects.contains(&object.kind) && is_wanted(destination, outcome, &made.flagged)
                };
                if wanted {
                    deliver(tx, &object.sop_instance, &destination.name).await?;
                }
            }
            if object.kind == ObjectKind::Rejection {
                self.write_rejection(tx, &rejected).await?;
                sqlx::query("UPDATE result SET rejected_by = ? WHERE sop_uid IN (SELECT value FROM json_each(?))")
                    .bind(object.sop_instance.as_str())
                    .bind(&rejected)
                    .execute(&mut **tx)
                    .await?;
            }
        }
        Ok(())
    }

    /// Writes down which destinations are told that objects are rejected.
    async fn write_rejection(&self, tx: &mut Transaction<'static, Sqlite>, rejected: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT OR IGNORE INTO rejection (sop_uid, destination) SELECT sop_uid, destination FROM delivery
             WHERE may_have AND sop_uid IN (SELECT value FROM json_each(?))
               AND destination IN (SELECT value FROM json_each(?))",
        )
        .bind(rejected)
        .bind(self.wanting())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The destinations that want to be told of rejections, as a JSON array.
    fn wanting(&self) -> String {
        let wanting = self.policy.destinations.iter().filter(|destination| destination.reject_superseded);
        serde_json::Value::from_iter(wanting.map(|destination| destination.name.as_str())).to_string()
    }

    /// The study's results so far are no longer current. What of them has not arrived is not sent any more; what has
    /// arrived needs no commitment.
    async fn supersede(&self, tx: &mut Transaction<'static, Sqlite>, study: &str) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE delivery SET updated_ms = ?1, problem = 'a later result has taken its place',
                    state = CASE state WHEN 'pending' THEN 'cancelled' ELSE 'sent' END
             WHERE state IN ('pending', 'awaiting-commitment') AND sop_uid IN (
                SELECT sop_uid FROM result WHERE study_uid = ?2 AND superseded_ms IS NULL AND kind <> ?3)",
        )
        .bind(now_ms())
        .bind(study)
        .bind(ObjectKind::Rejection.name())
        .execute(&mut **tx)
        .await?;
        sqlx::query("UPDATE result SET superseded_ms = ? WHERE study_uid = ? AND superseded_ms IS NULL AND kind <> ?")
            .bind(now_ms())
            .bind(study)
            .bind(ObjectKind::Rejection.name())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Results of a study that destinations that want to be told have, or may have, and that are not rejected
    /// there yet: one that was not in the configuration then is told now.
    pub(super) async fn sent(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        study: &str,
    ) -> Result<Vec<(SopClassUid, SeriesInstanceUid, SopInstanceUid)>, StoreError> {
        let rows = sqlx::query(
            "SELECT sop_class_uid, series_uid, sop_uid FROM result r
             WHERE study_uid = ? AND kind <> ? AND EXISTS (
                SELECT 1 FROM delivery d WHERE d.sop_uid = r.sop_uid AND d.may_have
                   AND d.destination IN (SELECT value FROM json_each(?))
                   AND NOT EXISTS (SELECT 1 FROM rejection j
                                   WHERE j.sop_uid = d.sop_uid AND j.destination = d.destination))
             ORDER BY made_ms, sop_uid",
        );
        let rows =
            rows.bind(study).bind(ObjectKind::Rejection.name()).bind(self.wanting()).fetch_all(&mut **tx).await?;
        let uid = |_| StoreError::Invalid("UID");
        let row = |row: &SqliteRow| {
            Ok((
                row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
                row.try_get::<String, _>("series_uid")?.parse().map_err(uid)?,
                row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
            ))
        };
        rows.iter().map(row).collect()
    }
}

/// Whether the study has objects of its current result: those of an earlier one stay where none could be made since.
pub(super) async fn has_results(connection: &mut SqliteConnection, study: &str) -> Result<bool, StoreError> {
    let current = sqlx::query(
        "SELECT 1 FROM result r JOIN run ON run.run_id = r.run_id
         WHERE r.study_uid = ? AND r.superseded_ms IS NULL AND r.kind <> ? AND run.superseded_ms IS NULL",
    );
    let current = current.bind(study).bind(ObjectKind::Rejection.name());
    Ok(current.fetch_optional(connection).await?.is_some())
}

/// Whether a destination has, or may have, one of these objects, and was not told that it is rejected.
async fn may_have(tx: &mut Transaction<'static, Sqlite>, destination: &str, objects: &str) -> Result<bool, StoreError> {
    let has = sqlx::query(
        "SELECT 1 FROM delivery d WHERE destination = ? AND may_have AND sop_uid IN (SELECT value FROM json_each(?))
           AND NOT EXISTS (SELECT 1 FROM rejection j WHERE j.sop_uid = d.sop_uid AND j.destination = d.destination)",
    );
    Ok(has.bind(destination).bind(objects).fetch_optional(&mut **tx).await?.is_some())
}

async fn deliver(
    tx: &mut Transaction<'static, Sqlite>,
    sop_instance: &SopInstanceUid,
    destination: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery (sop_uid, destination, state, attempts, may_have, next_ms, made_ms, updated_ms)
         VALUES (?1, ?2, 'pending', 0, 0, ?3, ?3, ?3)",
    )
    .bind(sop_instance.as_str())
    .bind(destination)
    .bind(now_ms())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether a destination's profile takes a result. One of which every attempt failed is one without scores.
fn is_wanted(destination: &Destination, outcome: Outcome, flagged: &[String]) -> bool {
    let scored = match outcome {
        Outcome::Scored => true,
        Outcome::NotScored | Outcome::Failed => false,
    };
    match destination.when {
        When::Always => true,
        When::Scored => scored,
        When::NotScored => !scored,
        When::Flagged => match &destination.operating_point {
            Some(point) => flagged.contains(point),
            None => !flagged.is_empty(),
        },
    }
}

const CHARSETS: [Charset; 5] =
    [Charset::Windows1250, Charset::Windows1251, Charset::Utf8, Charset::Latin2, Charset::Cyrillic];

/// A character set as in the configuration and the database.
pub(super) fn charset_name(charset: Charset) -> &'static str {
    match charset {
        Charset::Windows1250 => "windows-1250",
        Charset::Windows1251 => "windows-1251",
        Charset::Utf8 => "utf-8",
        Charset::Latin2 => "iso-8859-2",
        Charset::Cyrillic => "iso-8859-5",
    }
}

/// Likewise, back.
pub(super) fn charset_named(name: &str) -> Result<Charset, StoreError> {
    let charset = CHARSETS.into_iter().find(|charset| charset_name(*charset) == name);
    charset.ok_or(StoreError::Invalid("character set"))
}

/// What an object is read in, whatever it declares, by the rule of which sender.
pub(super) fn charset(row: &SqliteRow) -> Result<Option<(SopInstanceUid, Charset, String)>, StoreError> {
    let Some(text) = row.try_get::<Option<String>, _>("charset")? else { return Ok(None) };
    let charset = charset_named(&text)?;
    let uid = row.try_get::<String, _>("sop_uid")?.parse().map_err(|_| StoreError::Invalid("UID"))?;
    Ok(Some((uid, charset, row.try_get("sender")?)))
}

fn result(row: &SqliteRow) -> Result<ResultRow, StoreError> {
    let uid = |_| StoreError::Invalid("UID");
    Ok(ResultRow {
        sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
        sop_class: row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
        study: row.try_get::<String, _>("study_uid")?.parse().map_err(uid)?,
        series: row.try_get("series_uid")?,
        kind: row.try_get("kind")?,
        digest: row.try_get::<String, _>("digest")?.parse()?,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        made: from_ms(row.try_get("made_ms")?)?,
        superseded: row.try_get("superseded")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_gets_what_its_profile_asks_for() {
        let check = |when: When, point: Option<&str>, outcome: Outcome, flagged: &[&str], expected: bool| {
            let operating_point = point.map(ToOwned::to_owned);
            let destination = Destination { when, operating_point, ..Destination::default() };
            let flagged: Vec<String> = flagged.iter().map(|f| (*f).to_owned()).collect();
            assert_eq!(is_wanted(&destination, outcome, &flagged), expected, "{when:?} {outcome:?} {flagged:?}");
        };
        for outcome in [Outcome::Scored, Outcome::NotScored, Outcome::Failed] {
            check(When::Always, None, outcome, &[], true);
            check(When::Scored, None, outcome, &[], outcome == Outcome::Scored);
            check(When::NotScored, None, outcome, &[], outcome != Outcome::Scored);
        }
        check(When::Flagged, None, Outcome::Scored, &["recall"], true);
        check(When::Flagged, None, Outcome::Scored, &[], false);
        check(When::Flagged, Some("recall"), Outcome::Scored, &["recall", "dense"], true);
        check(When::Flagged, Some("recall"), Outcome::Scored, &["dense"], false);
    }

    #[test]
    fn names_are_those_of_the_configuration() {
        for charset in CHARSETS {
            assert_eq!(serde_json::to_value(charset).unwrap(), charset_name(charset));
        }
        for kind in [ObjectKind::CadSr, ObjectKind::Sr, ObjectKind::Gsps, ObjectKind::Sc, ObjectKind::Pdf] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
