-- Requests to commit to objects (PS3.4 annex J) that are not answered yet.
CREATE TABLE commitment_request (
    request_id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: a report may still wait for it
    ae_title         TEXT    NOT NULL,           -- who asked
    transaction_uid  TEXT    NOT NULL,
    received_ms      INTEGER NOT NULL,
    due_ms           INTEGER NOT NULL,           -- when it is to be answered, or the answer to be tried again
    attempts         INTEGER NOT NULL,
    UNIQUE (ae_title, transaction_uid)
) STRICT;

CREATE INDEX commitment_request_by_due ON commitment_request (due_ms);

-- What a request asks for, in its order.
CREATE TABLE commitment_instance (
    request_id     INTEGER NOT NULL REFERENCES commitment_request ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    sop_class_uid  TEXT    NOT NULL,
    sop_uid        TEXT    NOT NULL,
    PRIMARY KEY (request_id, position)
) STRICT;
