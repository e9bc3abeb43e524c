-- Users, mailboxes, domains, aliases, contacts; the queue; counters; nodes.

CREATE TABLE users (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    -- Folded; the address the user signs in with.
    email       TEXT    NOT NULL UNIQUE,
    is_admin    BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL
);

CREATE TABLE mailboxes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    user_id     BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- As the owner wrote it: the local part of a foreign address may be case-sensitive.
    address     TEXT    NOT NULL,
    address_key TEXT    NOT NULL,
    -- NULL until the owner proved to read it: nothing is forwarded before.
    verified_at BIGINT,
    is_default  BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    UNIQUE (user_id, address_key)
);

CREATE TABLE domains (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    name        TEXT    NOT NULL UNIQUE,
    -- NULL: a domain of the operator that every user may use.
    user_id     BIGINT  REFERENCES users (id) ON DELETE CASCADE,
    created_at  BIGINT  NOT NULL
);

CREATE TABLE aliases (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid             BLOB    NOT NULL UNIQUE,
    user_id          BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    domain_id        BIGINT  NOT NULL REFERENCES domains (id),
    -- Folded: our own addresses do not differ by case. Looked up at every RCPT.
    address          TEXT    NOT NULL UNIQUE,
    site             TEXT,
    state            TEXT    NOT NULL CHECK (state IN ('active', 'locked', 'paused', 'killed')),
    note             TEXT    NOT NULL,
    expires_at       BIGINT,
    max_messages     BIGINT,
    -- Counted in the same transaction that admits a message, and only where max_messages is set.
    messages_used    BIGINT  NOT NULL DEFAULT 0,
    created_at       BIGINT  NOT NULL,
    state_changed_at BIGINT  NOT NULL
);
CREATE INDEX aliases_by_user ON aliases (user_id, id);
CREATE INDEX aliases_by_site ON aliases (site, id);

-- An alias may forward to several mailboxes; each is its own delivery.
CREATE TABLE alias_mailboxes (
    alias_id    BIGINT NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    mailbox_id  BIGINT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    PRIMARY KEY (alias_id, mailbox_id)
) WITHOUT ROWID;
CREATE INDEX alias_mailboxes_by_mailbox ON alias_mailboxes (mailbox_id);

-- Addresses that were handed out once and are gone: never given to anyone else. A hash, so that removing an
-- account leaves no address behind.
CREATE TABLE retired_addresses (
    address_hash BLOB   NOT NULL PRIMARY KEY,
    retired_at   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE contacts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    alias_id    BIGINT  NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    address     TEXT    NOT NULL,
    address_key TEXT    NOT NULL,
    -- The unguessable part of the reverse address.
    token       TEXT    NOT NULL UNIQUE,
    -- NULL: the owner may write to it.
    blocked_at  BIGINT,
    created_at  BIGINT  NOT NULL,
    UNIQUE (alias_id, address_key)
);

-- A message that had to be kept: what the next hop did not take at once. Erased when its last delivery is done.
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    received_at BIGINT  NOT NULL,
    -- The sender's envelope address; NULL is the null reverse-path.
    sender      TEXT,
    -- Who handed it in: what the backscatter gate checks SPF against.
    client_ip   TEXT    NOT NULL,
    helo        TEXT    NOT NULL,
    -- The header block as it arrived, for a DSN's third part.
    header      BLOB    NOT NULL,
    body_length BIGINT  NOT NULL,
    -- Detects a torn or damaged body before it is sent.
    body_sha256 BLOB    NOT NULL,
    eight_bit   BOOLEAN NOT NULL,
    smtputf8    BOOLEAN NOT NULL
);

CREATE TABLE body_chunks (
    message_id  BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    seq         BIGINT NOT NULL,
    data        BLOB   NOT NULL,
    PRIMARY KEY (message_id, seq)
) WITHOUT ROWID;

CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    message_id      BIGINT  REFERENCES messages (id) ON DELETE SET NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('forward', 'reply', 'dsn')),
    alias_id        BIGINT  REFERENCES aliases (id) ON DELETE CASCADE,
    mailbox_id      BIGINT  REFERENCES mailboxes (id) ON DELETE SET NULL,
    -- Envelope on the wire; a NULL sender is the null reverse-path.
    sender          TEXT,
    recipient       TEXT    NOT NULL,
    -- The header block that goes out, in front of the untouched body; emptied when the delivery is done.
    header          BLOB    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'failed', 'cancelled')),
    queued_at       BIGINT  NOT NULL,
    next_attempt_at BIGINT  NOT NULL,
    -- Hand-offs begun: counted with the claim, so that one which takes the process down counts as well.
    attempts        INTEGER NOT NULL,
    expires_at      BIGINT  NOT NULL,
    -- Where its next hop is, once an attempt found out: what site_backoff is asked for.
    site            TEXT,
    -- Who is handing it off now, proven by the token, until when.
    lease_owner     TEXT,
    lease_token     BLOB,
    lease_until     BIGINT,
    -- Failed because a row or the content can't be read: content is kept until someone has looked.
    quarantined     BOOLEAN NOT NULL DEFAULT FALSE,
    -- Another mailbox of the same alias has the message: the sender is not told that this one has not.
    muted           BOOLEAN NOT NULL DEFAULT FALSE,
    -- The owner may read these; no sender ever does.
    last_code       INTEGER,
    last_status     TEXT,
    last_detail     TEXT,
    settled_at      BIGINT
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX deliveries_by_alias ON deliveries (alias_id);
CREATE INDEX deliveries_by_mailbox ON deliveries (mailbox_id);
CREATE INDEX deliveries_by_message ON deliveries (message_id);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease_owner) WHERE lease_owner IS NOT NULL;

-- Counters per alias and day (days since the epoch): all that a message which went straight through leaves.
CREATE TABLE activity (
    alias_id    BIGINT NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    day         BIGINT NOT NULL,
    forwarded   BIGINT NOT NULL,
    blocked     BIGINT NOT NULL,
    refused     BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    cancelled   BIGINT NOT NULL,
    replied     BIGINT NOT NULL,
    unproven    BIGINT NOT NULL,
    quoted      BIGINT NOT NULL,
    PRIMARY KEY (alias_id, day)
) WITHOUT ROWID;

-- A next hop that does not answer: every node waits for it together.
CREATE TABLE site_backoff (
    site        TEXT    NOT NULL PRIMARY KEY,
    until       BIGINT  NOT NULL,
    failures    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE nodes (
    id           BLOB   NOT NULL PRIMARY KEY,
    boot         BLOB   NOT NULL,
    hostname     TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    heartbeat_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Keys made at first start and shared by all nodes (VERP and loop MACs).
CREATE TABLE secrets (
    name        TEXT   NOT NULL PRIMARY KEY,
    value       BLOB   NOT NULL,
    created_at  BIGINT NOT NULL
) WITHOUT ROWID;
