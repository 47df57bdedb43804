-- Times are milliseconds since 1970 UTC. Digests are SHA-256 in lower-case hexadecimal.
-- No patient identity is kept here: it stays in the objects.

CREATE TABLE study (
    study_uid    TEXT    NOT NULL PRIMARY KEY,
    received_ms  INTEGER NOT NULL,           -- its first object
    updated_ms   INTEGER NOT NULL            -- its latest new object or result
) STRICT;

CREATE INDEX study_by_received ON study (received_ms DESC, study_uid);

-- An object that was accepted. Its bytes are objects/<first two of digest>/<digest>.dcm, put there before the row.
CREATE TABLE instance (
    sop_uid              TEXT    NOT NULL PRIMARY KEY,
    study_uid            TEXT    NOT NULL REFERENCES study,
    series_uid           TEXT    NOT NULL,
    sop_class_uid        TEXT    NOT NULL,
    transfer_syntax_uid  TEXT    NOT NULL,
    modality             TEXT,
    digest               TEXT    NOT NULL,
    bytes                INTEGER NOT NULL,
    received_ms          INTEGER NOT NULL
) STRICT;

CREATE INDEX instance_by_study ON instance (study_uid, sop_uid);

-- One job a study. It is due again whenever an object arrives.
CREATE TABLE job (
    study_uid    TEXT    NOT NULL PRIMARY KEY REFERENCES study,
    state        TEXT    NOT NULL CHECK (state IN ('due', 'running', 'done')),
    due_ms       INTEGER NOT NULL,
    generation   INTEGER NOT NULL,           -- rises with every new object
    attempts     INTEGER NOT NULL            -- at this generation, those that died with the process included
) STRICT;

CREATE INDEX job_by_due ON job (state, due_ms);

-- A result. input_digest stands for the objects, the package and the recipe: the same run is never kept twice.
CREATE TABLE run (
    run_id         INTEGER NOT NULL PRIMARY KEY,
    study_uid      TEXT    NOT NULL REFERENCES study,
    input_digest   TEXT    NOT NULL,
    outcome        TEXT    NOT NULL CHECK (outcome IN ('scored', 'not-scored', 'failed')),
    instances      INTEGER NOT NULL,
    report         TEXT    NOT NULL,          -- ReportJson
    finished_ms    INTEGER NOT NULL,
    superseded_ms  INTEGER,                   -- since when a later run stands in its place
    UNIQUE (study_uid, input_digest)
) STRICT;

-- At most one result of a study is the current one.
CREATE UNIQUE INDEX run_current ON run (study_uid) WHERE superseded_ms IS NULL;
