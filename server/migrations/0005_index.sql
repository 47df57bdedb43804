-- What QIDO-RS searches and lists, in Unicode, from the headers of objects received and made.
-- Patients are named here, and in no other table: the data folder is for its owner alone (mode 0700), as the objects
-- in it demand anyway. A row can be made again from the object's file; those that are missing are, when the server
-- starts. Dates are YYYYMMDD, times HHMMSS.FFFFFF as far as they are known.

CREATE TABLE study_index (
    study_uid                   TEXT NOT NULL PRIMARY KEY,
    study_date                  TEXT,
    study_time                  TEXT,
    accession_number            TEXT,
    referring_physician         TEXT,
    referring_physician_folded  TEXT,           -- JSON: the component groups of the name, folded
    patient_name                TEXT,
    patient_name_folded         TEXT,           -- likewise
    patient_id                  TEXT,
    patient_id_issuer           TEXT,
    patient_birth_date          TEXT,
    patient_sex                 TEXT,
    study_id                    TEXT,
    study_description           TEXT
) STRICT;

CREATE INDEX study_index_by_date ON study_index (study_date DESC, study_time DESC, study_uid);
CREATE INDEX study_index_by_patient ON study_index (patient_id);
CREATE INDEX study_index_by_accession ON study_index (accession_number);

CREATE TABLE series_index (
    study_uid           TEXT    NOT NULL,
    series_uid          TEXT    NOT NULL,
    modality            TEXT,
    series_number       INTEGER,
    series_description  TEXT,
    performed_date      TEXT,
    performed_time      TEXT,
    PRIMARY KEY (study_uid, series_uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance_index (
    sop_uid           TEXT    NOT NULL PRIMARY KEY,
    study_uid         TEXT    NOT NULL,
    series_uid        TEXT    NOT NULL,
    sop_class_uid     TEXT    NOT NULL,
    instance_number   INTEGER,
    image_rows        INTEGER,
    image_columns     INTEGER,
    bits_allocated    INTEGER,
    frames            INTEGER,
    content_date      TEXT,
    content_time      TEXT
) STRICT;

CREATE INDEX instance_index_by_series ON instance_index (study_uid, series_uid, sop_uid);

-- Results that a later one replaced are kept, and not listed.
CREATE VIEW listed AS
SELECT instance_index.* FROM instance_index
WHERE NOT EXISTS (SELECT 1 FROM result WHERE result.sop_uid = instance_index.sop_uid AND result.superseded_ms IS NOT NULL);
