-- Version 3: single results per check and day, for charts.

-- `key` is the UTC day (since 1970) times 2^32 plus the check's uid: one integer, by which the days
-- stand one after the other. `body` is that day's results (chunk.rs).
CREATE TABLE chunk (
    key INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    check_uid INTEGER AS (key & 4294967295) VIRTUAL,
    from_ms INTEGER AS ((key >> 32) * 86400000) VIRTUAL
) STRICT;

-- How far the folding of `tail` into `chunk` has come, while one is under way (fold.rs): of the
-- batches up to and with `through_batch`, what belongs to chunks up to and with `after_key` is in
-- these already and no longer counts where it still stands in `tail`.
CREATE TABLE fold (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    through_batch INTEGER NOT NULL,
    after_key INTEGER NOT NULL
) STRICT;

-- The pictures that catalogues name, each once: a catalogue's body holds the names alone.
CREATE TABLE logo (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- Until when the public was not to know of a component: what it did before is never told.
ALTER TABLE entity ADD COLUMN internal_until_ms INTEGER NOT NULL DEFAULT 0;

-- Whose check it is or was, by uid, so that its results are found when names have moved.
ALTER TABLE entity ADD COLUMN component_uid INTEGER;
CREATE INDEX entity_component ON entity (component_uid) WHERE component_uid IS NOT NULL;
UPDATE entity SET component_uid = (
    SELECT whole.uid FROM entity AS whole
    WHERE whole.kind = 'component' AND whole.retired_position IS NULL
      AND whole.id = substr(entity.id, 1, instr(entity.id, '/') - 1))
WHERE kind = 'check' AND retired_position IS NULL;
