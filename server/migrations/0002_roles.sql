-- Several models score the same study: jobs and runs get a role, 'production' or 'shadow:<package name>'.
-- SQLite changes no key of a table in place: both are made anew with their rows.

CREATE TABLE job_by_role (
    study_uid    TEXT    NOT NULL REFERENCES study,
    role         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('due', 'running', 'done')),
    due_ms       INTEGER NOT NULL,
    generation   INTEGER NOT NULL,           -- rises with every new object
    attempts     INTEGER NOT NULL,           -- at this generation, those that died with the process included
    PRIMARY KEY (study_uid, role)
) STRICT;

INSERT INTO job_by_role (study_uid, role, state, due_ms, generation, attempts)
SELECT study_uid, 'production', state, due_ms, generation, attempts FROM job;

DROP TABLE job;
ALTER TABLE job_by_role RENAME TO job;
CREATE INDEX job_by_due ON job (state, role, due_ms);

-- The role belongs to the key, too: a shadow that becomes production has the same inputs.
CREATE TABLE run_by_role (
    run_id         INTEGER NOT NULL PRIMARY KEY,
    study_uid      TEXT    NOT NULL REFERENCES study,
    role           TEXT    NOT NULL,
    input_digest   TEXT    NOT NULL,
    outcome        TEXT    NOT NULL CHECK (outcome IN ('scored', 'not-scored', 'failed')),
    instances      INTEGER NOT NULL,
    report         TEXT    NOT NULL,          -- ReportJson
    finished_ms    INTEGER NOT NULL,
    superseded_ms  INTEGER,                   -- since when a later run stands in its place
    UNIQUE (study_uid, role, input_digest)
) STRICT;

INSERT INTO run_by_role (run_id, study_uid, role, input_digest, outcome, instances, report, finished_ms, superseded_ms)
SELECT run_id, study_uid, 'production', input_digest, outcome, instances, report, finished_ms, superseded_ms FROM run;

DROP TABLE run;
ALTER TABLE run_by_role RENAME TO run;

-- At most one result of a study is the current one in a role.
CREATE UNIQUE INDEX run_current ON run (study_uid, role) WHERE superseded_ms IS NULL;

-- Which objects a run was made from, so that it can be made again. Runs from before this table have no rows here.
CREATE TABLE run_instance (
    run_id   INTEGER NOT NULL REFERENCES run,
    sop_uid  TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    PRIMARY KEY (run_id, sop_uid)
) STRICT, WITHOUT ROWID;
