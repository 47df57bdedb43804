-- What happens between "bytes accepted" and "the destination has the result". Times are milliseconds since 1970 UTC.

-- Since when the study is one to be scored; null while all of it was fetched as somebody's earlier exam.
ALTER TABLE study ADD COLUMN pushed_ms INTEGER;
UPDATE study SET pushed_ms = received_ms;
-- Whether the modality worklist was asked how urgent it is. Studies from before are not asked about.
ALTER TABLE study ADD COLUMN worklist_asked INTEGER NOT NULL DEFAULT 0;
UPDATE study SET worklist_asked = 1;
CREATE INDEX study_unasked ON study (received_ms) WHERE NOT worklist_asked;

-- By whom an object was sent, and the character set that this sender's files are read in whatever they declare.
ALTER TABLE instance ADD COLUMN sender TEXT;
ALTER TABLE instance ADD COLUMN ae_title TEXT;
ALTER TABLE instance ADD COLUMN charset TEXT;
-- The standard view that it shows by its header: L-CC, L-MLO, R-CC, R-MLO. All three are null where it shows none.
ALTER TABLE instance ADD COLUMN slot TEXT;
ALTER TABLE instance ADD COLUMN intent TEXT;
ALTER TABLE instance ADD COLUMN acquisition TEXT;

-- Why the study is due when it is (four-views, notice, quiet, hard-limit, asked), and whether it overtakes.
ALTER TABLE job ADD COLUMN because TEXT;
ALTER TABLE job ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;

-- Instances that an MPPS or an Instance Availability Notification has announced; the study may not be here yet.
CREATE TABLE announced (
    study_uid     TEXT    NOT NULL,
    sop_uid       TEXT    NOT NULL,
    announced_ms  INTEGER NOT NULL,
    PRIMARY KEY (study_uid, sop_uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX announced_by_time ON announced (announced_ms);

-- Objects that came under the SOP Instance UID of another one. Their bytes are in quarantine/, as in objects/.
CREATE TABLE quarantine (
    sop_uid    TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    study_uid  TEXT    NOT NULL,
    sender     TEXT,
    ae_title   TEXT,
    bytes      INTEGER NOT NULL,
    times      INTEGER NOT NULL,          -- how often it came
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    PRIMARY KEY (sop_uid, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (last_ms DESC);

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
    superseded_ms  INTEGER,                   -- since when a later result stands in its place
    rejected_by    TEXT REFERENCES result     -- the Key Object that tells destinations so
) STRICT;

CREATE INDEX result_by_study ON result (study_uid, sop_uid);

-- A result on its way to a destination. The states are those of server/src/outbox/mod.rs.
CREATE TABLE delivery (
    delivery_id      INTEGER NOT NULL PRIMARY KEY,
    sop_uid          TEXT    NOT NULL REFERENCES result,
    destination      TEXT    NOT NULL,       -- its name in the configuration, which may have lost it since
    state            TEXT    NOT NULL CHECK (state IN
                     ('pending', 'sent', 'awaiting-commitment', 'delivered', 'refused', 'cancelled')),
    attempts         INTEGER NOT NULL,       -- those that failed since it became pending
    may_have         INTEGER NOT NULL,       -- whether the destination has the object, or may have it
    next_ms          INTEGER NOT NULL,       -- when something is to be done about it; without meaning at an end
    transaction_uid  TEXT,                   -- of the request to commit, kept before it is made
    problem          TEXT,                   -- what went wrong the last time
    made_ms          INTEGER NOT NULL,
    updated_ms       INTEGER NOT NULL,
    UNIQUE (sop_uid, destination)
) STRICT;

CREATE INDEX delivery_by_due ON delivery (destination, state, next_ms);
CREATE INDEX delivery_by_transaction ON delivery (transaction_uid) WHERE transaction_uid IS NOT NULL;
