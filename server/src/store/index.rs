//! The index that QIDO-RS searches.
//!
//! Invariants: a received object's row is committed with the object; a result's is put in before the next search. A study
//! that was only fetched as somebody's earlier exam is neither found nor located: it leaves by no door. A
//! value that a client chose reaches SQL as a bound parameter alone; what is put together as text are the constants of
//! [`KEYS`]. What a study or series is said to be is what its first object said, completed by those after it.

use std::io::Read;
use std::sync::atomic::Ordering;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};
use uvid_datasets::dicom::{self, Catalog, Header, Repair};
use uvid_exam::{SopClassUid, SopInstanceUid, StudyInstanceUid, fold};

use super::results::charset_named;
use super::{Digest, Store, StoreError};

/// Objects that one step of [`Store::fill_index`] reads.
const FILL_STEP: i64 = 64;

/// What a search lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// An attribute of the index.
#[derive(Debug)]
pub struct Key {
    /// Its tag.
    pub tag: Tag,
    /// Its Value Representation.
    pub vr: VR,
    /// What it is an attribute of.
    pub level: Level,
    /// Table alias (`s`, `e`, `i`) and column.
    column: &'static str,
}

const fn key(tag: Tag, vr: VR, level: Level, column: &'static str) -> Key {
    Key { tag, vr, level, column }
}

/// Every attribute that can be matched and is listed, in the order of the tags at each level.
pub const KEYS: &[Key] = &[
    key(tags::STUDY_DATE, VR::DA, Level::Study, "s.study_date"),
    key(tags::STUDY_TIME, VR::TM, Level::Study, "s.study_time"),
    key(tags::ACCESSION_NUMBER, VR::SH, Level::Study, "s.accession_number"),
    key(tags::REFERRING_PHYSICIAN_NAME, VR::PN, Level::Study, "s.referring_physician"),
    key(tags::STUDY_DESCRIPTION, VR::LO, Level::Study, "s.study_description"),
    key(tags::PATIENT_NAME, VR::PN, Level::Study, "s.patient_name"),
    key(tags::PATIENT_ID, VR::LO, Level::Study, "s.patient_id"),
    key(tags::ISSUER_OF_PATIENT_ID, VR::LO, Level::Study, "s.patient_id_issuer"),
    key(tags::PATIENT_BIRTH_DATE, VR::DA, Level::Study, "s.patient_birth_date"),
    key(tags::PATIENT_SEX, VR::CS, Level::Study, "s.patient_sex"),
    key(tags::STUDY_INSTANCE_UID, VR::UI, Level::Study, "s.study_uid"),
    key(tags::STUDY_ID, VR::SH, Level::Study, "s.study_id"),
    key(tags::MODALITY, VR::CS, Level::Series, "e.modality"),
    key(tags::SERIES_DESCRIPTION, VR::LO, Level::Series, "e.series_description"),
    key(tags::SERIES_INSTANCE_UID, VR::UI, Level::Series, "e.series_uid"),
    key(tags::SERIES_NUMBER, VR::IS, Level::Series, "e.series_number"),
    key(tags::PERFORMED_PROCEDURE_STEP_START_DATE, VR::DA, Level::Series, "e.performed_date"),
    key(tags::PERFORMED_PROCEDURE_STEP_START_TIME, VR::TM, Level::Series, "e.performed_time"),
    key(tags::SOP_CLASS_UID, VR::UI, Level::Instance, "i.sop_class_uid"),
    key(tags::SOP_INSTANCE_UID, VR::UI, Level::Instance, "i.sop_uid"),
    key(tags::CONTENT_DATE, VR::DA, Level::Instance, "i.content_date"),
    key(tags::CONTENT_TIME, VR::TM, Level::Instance, "i.content_time"),
    key(tags::INSTANCE_NUMBER, VR::IS, Level::Instance, "i.instance_number"),
    key(tags::NUMBER_OF_FRAMES, VR::IS, Level::Instance, "i.frames"),
    key(tags::ROWS, VR::US, Level::Instance, "i.image_rows"),
    key(tags::COLUMNS, VR::US, Level::Instance, "i.image_columns"),
    key(tags::BITS_ALLOCATED, VR::US, Level::Instance, "i.bits_allocated"),
];

/// Columns that a catalogue fills, by table, with the UIDs before them. `folded` ones follow the name that they fold.
const STUDY_COLUMNS: &[(&str, Tag, bool)] = &[
    ("study_date", tags::STUDY_DATE, false),
    ("study_time", tags::STUDY_TIME, false),
    ("accession_number", tags::ACCESSION_NUMBER, false),
    ("referring_physician", tags::REFERRING_PHYSICIAN_NAME, false),
    ("referring_physician_folded", tags::REFERRING_PHYSICIAN_NAME, true),
    ("patient_name", tags::PATIENT_NAME, false),
    ("patient_name_folded", tags::PATIENT_NAME, true),
    ("patient_id", tags::PATIENT_ID, false),
    ("patient_id_issuer", tags::ISSUER_OF_PATIENT_ID, false),
    ("patient_birth_date", tags::PATIENT_BIRTH_DATE, false),
    ("patient_sex", tags::PATIENT_SEX, false),
    ("study_id", tags::STUDY_ID, false),
    ("study_description", tags::STUDY_DESCRIPTION, false),
];
const SERIES_COLUMNS: &[(&str, Tag, bool)] = &[
    ("modality", tags::MODALITY, false),
    ("series_number", tags::SERIES_NUMBER, false),
    ("series_description", tags::SERIES_DESCRIPTION, false),
    ("performed_date", tags::PERFORMED_PROCEDURE_STEP_START_DATE, false),
    ("performed_time", tags::PERFORMED_PROCEDURE_STEP_START_TIME, false),
];
const INSTANCE_COLUMNS: &[(&str, Tag, bool)] = &[
    ("instance_number", tags::INSTANCE_NUMBER, false),
    ("image_rows", tags::ROWS, false),
    ("image_columns", tags::COLUMNS, false),
    ("bits_allocated", tags::BITS_ALLOCATED, false),
    ("frames", tags::NUMBER_OF_FRAMES, false),
    ("content_date", tags::CONTENT_DATE, false),
    ("content_time", tags::CONTENT_TIME, false),
];

/// What a key's value must be. Values are those of PS3.4 C.2.2.2, parsed.
#[derive(Clone, PartialEq, Eq)]
pub enum Match {
    /// One of these (UIDs).
    One(Vec<String>),
    /// Fits one of these patterns with `*` and `?`; upper and lower case differ.
    Patterns(Vec<String>),
    /// A name that folds to something that fits this pattern, which is folded.
    Name(String),
    /// Between two dates or times, or two beginnings of them, both included.
    Range(Option<String>, Option<String>),
    /// This number.
    Number(i64),
}

/// What is searched.
#[derive(Clone)]
pub struct Search {
    /// What is listed.
    pub level: Level,
    /// Conditions; all must hold. A key is of this level or of one above it.
    pub conditions: Vec<(&'static Key, Match)>,
    /// Modalities in Study (0008,0061): some series of the study fits one of these patterns.
    pub modalities: Vec<String>,
    /// At most so many.
    pub limit: u32,
    /// Behind so many.
    pub offset: u32,
}

/// What was found. It names patients: no `Debug`.
#[derive(Clone, Default)]
pub struct Found {
    /// Values by key, in the order of [`KEYS`]; those of levels below that of the search are absent.
    pub values: Vec<(&'static Key, Option<String>)>,
    /// Of a study: the modalities of its series.
    pub modalities: Vec<String>,
    /// Of a study: its series.
    pub series: i64,
    /// Of a study or a series: its instances.
    pub instances: i64,
}

/// A page of what was found.
pub struct Page {
    /// In order: latest studies first, then by number.
    pub found: Vec<Found>,
    /// How many there are behind the page.
    pub remaining: i64,
}

/// An object that can be retrieved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Series Instance UID.
    pub series: String,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// What its text is read in whatever it declares, by the rule for its sender.
    pub repair: Option<Repair>,
    /// The name of the entry of `senders` by which it was accepted, if one matched.
    pub sender: Option<String>,
}

impl Store {
    /// Searches the index.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        self.fill_from("result").await?;
        let mut query = QueryBuilder::new("SELECT ");
        let listed: Vec<&'static Key> = KEYS.iter().filter(|key| key.level <= search.level).collect();
        for key in &listed {
            query.push(format_args!("CAST({} AS TEXT), ", key.column));
        }
        query.push(match search.level {
            Level::Study => {
                "(SELECT json_group_array(DISTINCT m.modality) FROM series_index m
                  WHERE m.study_uid = s.study_uid AND m.modality IS NOT NULL AND EXISTS (SELECT 1 FROM listed l
                      WHERE l.study_uid = m.study_uid AND l.series_uid = m.series_uid)) AS modalities,
                 (SELECT count(DISTINCT l.series_uid) FROM listed l WHERE l.study_uid = s.study_uid) AS series,
                 (SELECT count(*) FROM listed l WHERE l.study_uid = s.study_uid) AS instances"
            }
            Level::Series => {
                "'[]' AS modalities, 0 AS series, (SELECT count(*) FROM listed l
                  WHERE l.study_uid = e.study_uid AND l.series_uid = e.series_uid) AS instances"
            }
            Level::Instance => "'[]' AS modalities, 0 AS series, 0 AS instances",
        });
        from(&mut query, search);
        query.push(match search.level {
            Level::Study => " ORDER BY s.study_date DESC, s.study_time DESC, s.study_uid",
            Level::Series => {
                " ORDER BY s.study_date DESC, s.study_time DESC, s.study_uid, e.series_number, e.series_uid"
            }
            Level::Instance => {
                " ORDER BY s.study_date DESC, s.study_time DESC, s.study_uid, e.series_number, e.series_uid,
                  i.instance_number, i.sop_uid"
            }
        });
        query.push(" LIMIT ").push_bind(i64::from(search.limit));
        query.push(" OFFSET ").push_bind(i64::from(search.offset));
        let rows = query.build().fetch_all(&self.searches).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let values = listed.iter().enumerate().map(|(at, key)| Ok((*key, row.try_get::<Option<String>, _>(at)?)));
            let modalities = serde_json::from_str(row.try_get("modalities")?);
            found.push(Found {
                values: values.collect::<Result<_, sqlx::Error>>()?,
                modalities: modalities.map_err(|_| StoreError::Invalid("modality"))?,
                series: row.try_get("series")?,
                instances: row.try_get("instances")?,
            });
        }
        let seen = i64::from(search.offset) + i64::try_from(found.len()).unwrap_or(i64::MAX);
        let full = found.len() >= search.limit as usize;
        let mut remaining = 0;
        if full || (found.is_empty() && search.offset > 0) {
            let mut count = QueryBuilder::new("SELECT count(*) AS n");
            from(&mut count, search);
            let all: i64 = count.build().fetch_one(&self.searches).await?.try_get("n")?;
            remaining = (all - seen).max(0);
        }
        Ok(Page { found, remaining })
    }

    /// The objects of a study, a series or a single one, results included. Results that were replaced are there only
    /// where they are asked for by name. Nothing of a study that was only fetched as an earlier exam.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn located(
        &self,
        study: &StudyInstanceUid,
        series: Option<&str>,
        instance: Option<&str>,
    ) -> Result<Vec<Located>, StoreError> {
        let rows = sqlx::query(
            "WITH pushed AS (SELECT study_uid FROM study WHERE study_uid = ?1 AND pushed_ms IS NOT NULL)
             SELECT series_uid, sop_uid, sop_class_uid, transfer_syntax_uid, digest, bytes, charset, sender
             FROM instance
             WHERE study_uid IN pushed AND (?2 IS NULL OR series_uid = ?2) AND (?3 IS NULL OR sop_uid = ?3)
             UNION ALL
             SELECT series_uid, sop_uid, sop_class_uid, '1.2.840.10008.1.2.1', digest, bytes, NULL, NULL FROM result
             WHERE study_uid IN pushed AND (?2 IS NULL OR series_uid = ?2)
                 AND (sop_uid = ?3 OR (?3 IS NULL AND superseded_ms IS NULL))
             ORDER BY series_uid, sop_uid",
        );
        let rows = rows.bind(study.as_str()).bind(series).bind(instance).fetch_all(&self.read).await?;
        let uid = |_| StoreError::Invalid("UID");
        let located = rows.iter().map(|row| {
            Ok(Located {
                series: row.try_get("series_uid")?,
                sop_instance: row.try_get::<String, _>("sop_uid")?.parse().map_err(uid)?,
                sop_class: row.try_get::<String, _>("sop_class_uid")?.parse().map_err(uid)?,
                transfer_syntax: row.try_get("transfer_syntax_uid")?,
                digest: row.try_get::<String, _>("digest")?.parse()?,
                bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
                repair: repair(row.try_get("charset")?)?,
                sender: row.try_get("sender")?,
            })
        });
        located.collect()
    }

    /// Indexes what has no row yet, a few objects at a time, so that it can be stopped at any moment. For objects from
    /// before there was an index: afterwards it finds nothing to do. An object that cannot be read is left out, and
    /// tried again at the next start.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn fill_index(&self) -> Result<(), StoreError> {
        let (received, made) = (self.fill_from("instance").await?, self.fill_from("result").await?);
        if received + made > 0 {
            tracing::info!(received, made, "indexed for searches");
        }
        Ok(())
    }

    /// The rows of `instance` or `result` behind those that this process has seen. Returns how many it indexed.
    async fn fill_from(&self, table: &'static str) -> Result<u64, StoreError> {
        let cursor = if table == "result" { &self.indexed.1 } else { &self.indexed.0 };
        let mut indexed = 0;
        loop {
            let after = cursor.load(Ordering::Acquire);
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT o.rowid AS at, digest, x.sop_uid IS NOT NULL AS there, ");
            query.push(if table == "instance" { "charset" } else { "NULL AS charset" });
            query
                .push(" FROM ")
                .push(table)
                .push(" o LEFT JOIN instance_index x ON x.sop_uid = o.sop_uid WHERE o.rowid > ");
            query.push_bind(after).push(" ORDER BY o.rowid LIMIT ").push_bind(FILL_STEP);
            let rows = query.build().fetch_all(&self.read).await?;
            let Some(last) = rows.last() else { return Ok(indexed) };
            let last: i64 = last.try_get("at")?;
            for row in &rows {
                if row.try_get::<bool, _>("there")? {
                    continue;
                }
                let digest: Digest = row.try_get::<String, _>("digest")?.parse()?;
                let repair = repair(row.try_get("charset")?)?;
                match self.header_of(digest, repair).await {
                    Ok(header) => {
                        let mut tx = self.begin().await?;
                        put(&mut tx, &header).await?;
                        tx.commit().await?;
                        indexed += 1;
                    }
                    Err(error) => {
                        tracing::warn!(%digest, %error, "an object cannot be read and is not found by searches")
                    }
                }
            }
            cursor.fetch_max(last, Ordering::AcqRel);
        }
    }

    /// What a stored object says of itself, by its first `store.header_bytes_max` bytes, or by its whole data set if
    /// those do not do. Its text is read by the rule for its sender, if there is one.
    pub(crate) async fn header_of(&self, digest: Digest, repair: Option<Repair>) -> Result<Header, StoreError> {
        let (path, policy) = (self.objects.path(&digest), std::sync::Arc::clone(&self.policy));
        let objects = self.objects.clone();
        let read = move || {
            let mut first = Vec::new();
            let file = std::fs::File::open(&path).map_err(StoreError::io(&path))?;
            file.take(policy.header_bytes_max).read_to_end(&mut first).map_err(StoreError::io(&path))?;
            let header = |bytes: &[u8]| match repair {
                Some(repair) => dicom::read_header_as(bytes, &policy.dicom, repair),
                None => dicom::read_header(bytes, &policy.dicom),
            };
            match header(&first) {
                Ok(header) => Ok(header),
                Err(_) => {
                    let object = dicom::Object::open(objects.open_whole(&digest)?, &policy.dicom);
                    object.and_then(|object| object.header(repair)).map_err(|_| StoreError::Invalid("object"))
                }
            }
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Interrupted)?
    }
}

/// What an object's text is read in, from its row.
fn repair(charset: Option<String>) -> Result<Option<Repair>, StoreError> {
    charset.map(|name| charset_named(&name).map(Repair::from)).transpose()
}

/// The tables and conditions of a search.
fn from(query: &mut QueryBuilder<Sqlite>, search: &Search) {
    query.push(match search.level {
        Level::Study => " FROM study_index s WHERE EXISTS (SELECT 1 FROM listed l WHERE l.study_uid = s.study_uid)",
        // CROSS JOIN: studies first, by an index, in the order in which they are listed, and no further than the page.
        Level::Series => {
            " FROM study_index s CROSS JOIN series_index e ON e.study_uid = s.study_uid
              WHERE EXISTS (SELECT 1 FROM listed l WHERE l.study_uid = e.study_uid AND l.series_uid = e.series_uid)"
        }
        Level::Instance if search.conditions.iter().any(|(key, _)| key.tag == tags::SOP_INSTANCE_UID) => {
            " FROM listed i CROSS JOIN series_index e ON e.study_uid = i.study_uid AND e.series_uid = i.series_uid
              CROSS JOIN study_index s ON s.study_uid = i.study_uid WHERE 1"
        }
        Level::Instance => {
            " FROM study_index s CROSS JOIN series_index e ON e.study_uid = s.study_uid
              CROSS JOIN listed i ON i.study_uid = e.study_uid AND i.series_uid = e.series_uid WHERE 1"
        }
    });
    query.push(" AND EXISTS (SELECT 1 FROM study t WHERE t.study_uid = s.study_uid AND t.pushed_ms IS NOT NULL)");
    for (key, wanted) in &search.conditions {
        query.push(" AND ");
        condition(query, key.column, key.vr, wanted);
    }
    if !search.modalities.is_empty() {
        query.push(
            " AND EXISTS (SELECT 1 FROM series_index m WHERE m.study_uid = s.study_uid
                AND EXISTS (SELECT 1 FROM listed l WHERE l.study_uid = m.study_uid AND l.series_uid = m.series_uid) AND ",
        );
        condition(query, "m.modality", VR::CS, &Match::Patterns(search.modalities.clone()));
        query.push(")");
    }
}

fn condition(query: &mut QueryBuilder<Sqlite>, column: &'static str, vr: VR, wanted: &Match) {
    match wanted {
        Match::One(values) => one_of(query, column, values),
        // What has no wildcard is an equality, which an index answers.
        Match::Patterns(patterns) if !patterns.iter().any(|pattern| pattern.contains(['*', '?'])) => {
            one_of(query, column, patterns);
        }
        Match::Patterns(patterns) => {
            query.push("(0");
            for pattern in patterns {
                // Wildcards of DICOM and of GLOB are the same but for brackets.
                query.push(" OR ").push(column).push(" GLOB ").push_bind(pattern.replace('[', "[[]"));
            }
            query.push(")");
        }
        Match::Name(pattern) => {
            let pattern = pattern.replace('[', "[[]");
            query.push("EXISTS (SELECT 1 FROM json_each(").push(column).push("_folded) WHERE value GLOB ");
            query.push_bind(pattern).push(")");
        }
        Match::Range(from, to) => {
            // A time that is known to the minute is the minute's first moment; a bound that is, its first or last.
            let (value, first, last) = if vr == VR::TM {
                let value = format!("substr({column} || substr('000000.000000', length({column}) + 1), 1, 13)");
                (value, "000000.000000", "595959.999999")
            } else {
                (column.to_owned(), "", "")
            };
            let padded = |text: &str, pad: &str| format!("{text}{}", pad.get(text.len()..).unwrap_or_default());
            query.push("(").push(column).push(" IS NOT NULL");
            if let Some(from) = from {
                query.push(" AND ").push(&value).push(" >= ").push_bind(padded(from, first));
            }
            if let Some(to) = to {
                query.push(" AND ").push(&value).push(" <= ").push_bind(padded(to, last));
            }
            query.push(")");
        }
        Match::Number(number) => {
            query.push(column).push(" = ").push_bind(*number);
        }
    }
}

fn one_of(query: &mut QueryBuilder<Sqlite>, column: &'static str, values: &[String]) {
    query.push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value.clone());
    }
    query.push(")");
}

/// Indexes an object, in the transaction that keeps it. What is there already stays.
pub(super) async fn put(tx: &mut Transaction<'static, Sqlite>, header: &Header) -> Result<(), StoreError> {
    let (study, series) = (header.study.as_str(), header.series.as_str());
    let catalog = &header.catalog;
    insert(tx, "study_index", &[("study_uid", study)], STUDY_COLUMNS, catalog, "(study_uid)").await?;
    let uids = [("study_uid", study), ("series_uid", series)];
    insert(tx, "series_index", &uids, SERIES_COLUMNS, catalog, "(study_uid, series_uid)").await?;
    let uids = [
        ("sop_uid", header.sop_instance.as_str()),
        ("study_uid", study),
        ("series_uid", series),
        ("sop_class_uid", header.sop_class.as_str()),
    ];
    insert(tx, "instance_index", &uids, INSTANCE_COLUMNS, catalog, "(sop_uid)").await
}

async fn insert(
    tx: &mut Transaction<'static, Sqlite>,
    table: &'static str,
    uids: &[(&'static str, &str)],
    columns: &'static [(&'static str, Tag, bool)],
    catalog: &Catalog,
    key: &'static str,
) -> Result<(), StoreError> {
    let names: Vec<&str> = uids.iter().map(|(name, _)| *name).chain(columns.iter().map(|(name, ..)| *name)).collect();
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO ");
    query.push(table).push(" (").push(names.join(", ")).push(") VALUES (");
    let mut values = query.separated(", ");
    for (_, uid) in uids {
        values.push_bind((*uid).to_owned());
    }
    for (_, tag, folded) in columns {
        let text = catalog.reveal(*tag);
        match (tag, folded) {
            (_, true) => values.push_bind(text.map(groups)),
            (&tags::SERIES_NUMBER | &tags::INSTANCE_NUMBER | &tags::NUMBER_OF_FRAMES, _)
            | (&tags::ROWS | &tags::COLUMNS | &tags::BITS_ALLOCATED, _) => {
                values.push_bind(text.and_then(|text| text.parse::<i64>().ok()))
            }
            (_, false) => values.push_bind(text.map(str::to_owned)),
        };
    }
    query.push(") ON CONFLICT ").push(key).push(" DO UPDATE SET ");
    let mut sets = query.separated(", ");
    for (name, ..) in columns {
        sets.push(format_args!("{name} = coalesce({name}, excluded.{name})"));
    }
    query.build().execute(&mut **tx).await?;
    Ok(())
}

/// The component groups of a name (PS3.5 section 6.2), folded, as JSON.
fn groups(name: &str) -> String {
    let groups: Vec<String> = name.split('=').map(fold).filter(|group| !group.is_empty()).collect();
    serde_json::Value::from(groups).to_string()
}
