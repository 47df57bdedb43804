-- Whether an object was only fetched, as part of an earlier exam: one that is pushed takes its place.
ALTER TABLE instance ADD COLUMN fetched INTEGER NOT NULL DEFAULT 0;
UPDATE instance SET fetched = 1 WHERE study_uid IN (SELECT study_uid FROM study WHERE pushed_ms IS NULL);

-- When the job was last taken: while it runs, what was received before counts as scored.
ALTER TABLE job ADD COLUMN claimed_ms INTEGER;

-- Which destinations were told, or are to be told, that an object is rejected. One that is not in the configuration
-- when an object is rejected is told with a later result; result.rejected_by is the last Key Object that says so.
CREATE TABLE rejection (
    sop_uid      TEXT  NOT NULL REFERENCES result,
    destination  TEXT  NOT NULL,
    PRIMARY KEY (sop_uid, destination)
) STRICT, WITHOUT ROWID;

INSERT INTO rejection (sop_uid, destination)
SELECT r.sop_uid, d.destination FROM result r JOIN delivery d ON d.sop_uid = r.rejected_by;

DROP INDEX study_unasked;
CREATE INDEX study_unasked ON study (received_ms) WHERE NOT worklist_asked AND pushed_ms IS NOT NULL;
