-- What owners decide about their mail: the name replies go out with, whom they block, what happens to suspicious mail,
-- how their mailboxes are doing and what is encrypted for them; passwords for their devices; what they were told.

-- NULL: replies and new mail go out under the bare address.
ALTER TABLE aliases ADD COLUMN display_name TEXT;
-- Grows when the alias leaves a mailbox: links in the mail that lies there are not followed any more.
ALTER TABLE aliases ADD COLUMN link_epoch INTEGER NOT NULL DEFAULT 0;

-- What happens to mail whose domain asks for quarantine (DMARC p=quarantine).
ALTER TABLE users ADD COLUMN on_quarantine TEXT NOT NULL DEFAULT 'tag' CHECK (on_quarantine IN ('tag', 'hold'));
-- Whether a reply's text has the mailbox address replaced by the alias; otherwise it is only reported.
ALTER TABLE users ADD COLUMN replace_quoted BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether mail handed in with an app password may make an alias of this domain that does not exist yet.
ALTER TABLE domains ADD COLUMN submission_creates BOOLEAN NOT NULL DEFAULT FALSE;

-- Set when its server refused it for good too often: nothing goes there until its owner tested it.
ALTER TABLE mailboxes ADD COLUMN paused_at BIGINT;
-- Why, for its owner: the enhanced status code of the last refusal.
ALTER TABLE mailboxes ADD COLUMN paused_status TEXT;

-- Messages a mailbox's own server refused because of the mailbox, as many as decide whether it is paused; forgotten
-- after a success or a week.
CREATE TABLE mailbox_refusals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id  BIGINT NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    status      TEXT   NOT NULL,
    -- Its server had taken the message and returned it later: that it takes the next one proves nothing.
    returned    BOOLEAN NOT NULL,
    refused_at  BIGINT NOT NULL
);
CREATE INDEX mailbox_refusals_by_mailbox ON mailbox_refusals (mailbox_id, refused_at);

-- Senders a user wants nothing from, at whichever alias. One correspondent of one alias is contacts.blocked_at.
CREATE TABLE blocks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB NOT NULL UNIQUE,
    user_id     BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A folded address, or a domain as "@example.com", which stands for its subdomains as well.
    sender      TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    UNIQUE (user_id, sender)
);

-- Asked at every RCPT whether an alias has any.
CREATE INDEX contacts_blocked ON contacts (alias_id) WHERE blocked_at IS NOT NULL;

-- A password for one device or program that hands in mail (SMTP AUTH).
CREATE TABLE app_passwords (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid         BLOB NOT NULL UNIQUE,
    user_id      BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    -- The first block of the password finds the row, so that one slow hash decides, not one for each device.
    selector     TEXT NOT NULL UNIQUE,
    -- Argon2id in PHC format, of the whole password.
    hash         TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX app_passwords_by_user ON app_passwords (user_id, id);

-- What is forwarded to this mailbox is encrypted with this key.
CREATE TABLE pgp_keys (
    mailbox_id   BIGINT  NOT NULL PRIMARY KEY REFERENCES mailboxes (id) ON DELETE CASCADE,
    public_key   BLOB    NOT NULL,
    fingerprint  TEXT    NOT NULL,
    -- NULL: it does not expire.
    expires_at   BIGINT,
    hide_subject BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL
) WITHOUT ROWID;

-- What a user was told last, so that the same thing is not told again and again.
CREATE TABLE notices (
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind        TEXT   NOT NULL,
    -- What it was about: a key the teller chooses.
    about       TEXT   NOT NULL,
    told_at     BIGINT NOT NULL,
    PRIMARY KEY (user_id, kind, about)
) WITHOUT ROWID;
CREATE INDEX notices_by_age ON notices (told_at);

-- Two more words: notices to users, and messages held for their owner's decision. SQLite can't change a CHECK, so the
-- table is made anew.
CREATE TABLE deliveries_0004 (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB NOT NULL UNIQUE,
    message_id      BIGINT  REFERENCES messages (id) ON DELETE SET NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('forward', 'reply', 'dsn', 'notice')),
    alias_id        BIGINT  REFERENCES aliases (id) ON DELETE CASCADE,
    mailbox_id      BIGINT  REFERENCES mailboxes (id) ON DELETE SET NULL,
    -- Envelope on the wire; a NULL sender is the null reverse-path.
    sender          TEXT,
    recipient       TEXT    NOT NULL,
    -- The header block that goes out, in front of the untouched body; emptied when the delivery is done.
    header          BLOB    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'held', 'failed', 'cancelled')),
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
    -- Whether what is kept was encrypted for its mailbox; what was not is, if the mailbox has a key by then.
    sealed          BOOLEAN NOT NULL DEFAULT FALSE,
    -- The owner may read these; no sender ever does.
    last_code       INTEGER,
    last_status     TEXT,
    last_detail     TEXT,
    settled_at      BIGINT
);
INSERT INTO deliveries_0004 (id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at, next_attempt_at, attempts, expires_at, site, lease_owner, lease_token, lease_until, quarantined, muted, sealed, last_code, last_status, last_detail, settled_at)
    SELECT id, uuid, message_id, kind, alias_id, mailbox_id, sender, recipient, header, state, queued_at, next_attempt_at, attempts, expires_at, site, lease_owner, lease_token, lease_until, quarantined, muted, FALSE, last_code, last_status, last_detail, settled_at FROM deliveries;
-- No id is given twice, whatever was deleted since: the log and the bounces that are still out name them.
DELETE FROM sqlite_sequence WHERE name = 'deliveries_0004';
INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries_0004', seq FROM sqlite_sequence WHERE name = 'deliveries';
DROP TABLE deliveries;
ALTER TABLE deliveries_0004 RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX deliveries_by_alias ON deliveries (alias_id);
CREATE INDEX deliveries_by_mailbox ON deliveries (mailbox_id);
CREATE INDEX deliveries_by_message ON deliveries (message_id);
CREATE INDEX deliveries_settled ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease_owner) WHERE lease_owner IS NOT NULL;
-- Counted for each of a user's aliases before another one is held.
CREATE INDEX deliveries_held ON deliveries (alias_id) WHERE state = 'held';
