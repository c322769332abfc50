-- Version 4: what people and programs are told, so that nothing is lost or told twice.

-- How far the log was looked through. `since_ms`: what was recorded before is nobody's business.
CREATE TABLE notify_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;

-- What each recipient was told of a subject last, or is about to be; JSON.
CREATE TABLE notify_told (
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (recipient, subject)
) STRICT, WITHOUT ROWID;

-- What waits to be put into a message; JSON.
CREATE TABLE notify_held (
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (recipient, subject)
) STRICT, WITHOUT ROWID;

-- Messages: on their way, sent, or given up. `body` is JSON, the same at each attempt.
CREATE TABLE notification (
    id TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    fault TEXT,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX notification_due ON notification (next_ms) WHERE state = 'pending';
CREATE INDEX notification_recipient ON notification (recipient, created_ms);
CREATE INDEX notification_age ON notification (state, created_ms);

-- Telephone numbers and addresses that editors sent citizens to.
CREATE TABLE notify_seen (contact TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Webhooks that want no more, with a hash of the address at which they said so.
CREATE TABLE notify_closed (recipient TEXT PRIMARY KEY, address TEXT NOT NULL) STRICT, WITHOUT ROWID;
