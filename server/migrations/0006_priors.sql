-- Earlier exams of the woman of a study: that they were looked for, and what was found.
CREATE TABLE prior_search (
    study_uid    TEXT    NOT NULL PRIMARY KEY REFERENCES study,
    ended_ms     INTEGER NOT NULL,
    problem      TEXT                         -- why it is not whole, without any identity
) STRICT;

CREATE TABLE prior (
    study_uid        TEXT    NOT NULL REFERENCES study,
    prior_study_uid  TEXT    NOT NULL,
    study_date       TEXT,                    -- YYYY-MM-DD
    instances        INTEGER NOT NULL,        -- fetched
    code             TEXT    NOT NULL,        -- 'fetched', or why not
    PRIMARY KEY (study_uid, prior_study_uid)
) STRICT, WITHOUT ROWID;
