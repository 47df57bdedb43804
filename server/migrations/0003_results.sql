-- Objects made from results. Their bytes are in objects/ like those of received objects.
CREATE TABLE result (
    sop_uid        TEXT    NOT NULL PRIMARY KEY,
    study_uid      TEXT    NOT NULL REFERENCES study,
    series_uid     TEXT    NOT NULL,
    sop_class_uid  TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    run_id         INTEGER NOT NULL REFERENCES run,
    digest         TEXT    NOT NULL,
    bytes          INTEGER NOT NULL,
    made_ms        INTEGER NOT NULL,
    superseded_ms  INTEGER                    -- since when a later result stands in its place
) STRICT;

CREATE INDEX result_by_study ON result (study_uid, sop_uid);
