-- Version 1 of the store. Later versions are appended to `MIGRATIONS` in schema.rs, never edited
-- in here: a store in the field has been made by exactly this text.
PRAGMA application_id = 0x5475726d;

CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- The log. `source` is the core that decided (0: this one), `source_seq` its own count.
CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    source INTEGER NOT NULL,
    source_seq INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_source ON event (source, source_seq);
-- Each start asks for these, however long the log is.
CREATE INDEX event_skipped ON event (position) WHERE kind = 'skipped';

-- Keyed by position, because a skipped adoption frees its version for the next one.
CREATE TABLE catalogue (
    adopted_position INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Who an interval or a result is about: ids are names and may move, uids stay.
CREATE TABLE entity (
    uid INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    retired_position INTEGER
) STRICT;
CREATE UNIQUE INDEX entity_name ON entity (kind, id) WHERE retired_position IS NULL;
CREATE INDEX entity_former ON entity (kind, id);

CREATE TABLE interval (
    id INTEGER PRIMARY KEY,
    subject_uid INTEGER NOT NULL,
    organisation_uid INTEGER,
    vantage_uid INTEGER,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER,
    state TEXT NOT NULL,
    evidence TEXT NOT NULL,
    reason TEXT,
    from_position INTEGER NOT NULL
) STRICT;
CREATE INDEX interval_subject ON interval (subject_uid, from_ms);

-- `tail_batch`: results up to and with this batch are in the state for certain.
CREATE TABLE checkpoint (
    position INTEGER PRIMARY KEY,
    format INTEGER NOT NULL,
    catalogue_version INTEGER NOT NULL,
    tail_batch INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Single results, all of a commit in one blob (codec.rs).
CREATE TABLE tail (batch INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
