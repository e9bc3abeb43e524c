-- Accounts and programs that act for them: passwords, second factors, sessions, tokens, links sent by mail, and what
-- repeated requests were answered.

-- Argon2id in PHC format; NULL until a password was set.
ALTER TABLE users ADD COLUMN password_hash TEXT;
-- Shared secret of the time-based codes (RFC 6238); NULL without a second factor.
ALTER TABLE users ADD COLUMN totp_secret BLOB;
-- NULL until the first code proved that the secret arrived.
ALTER TABLE users ADD COLUMN totp_confirmed_at BIGINT;
-- The last time step that was used: a code works once.
ALTER TABLE users ADD COLUMN totp_last_step BIGINT;

-- What clients show first.
ALTER TABLE aliases ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE;

-- What a program needs to act for a user.
CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid         BLOB NOT NULL UNIQUE,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    -- SHA-256: the token itself is random enough to need no slow hash.
    hash         BLOB NOT NULL UNIQUE,
    -- Words, one space between.
    scopes       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    -- To the hour.
    last_used_at BIGINT
);
CREATE INDEX api_tokens_by_user ON api_tokens (user_id, id);

-- A signed-in browser.
CREATE TABLE sessions (
    -- SHA-256 of the cookie.
    hash         BLOB NOT NULL PRIMARY KEY,
    uuid         BLOB NOT NULL UNIQUE,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- What the browser calls itself, for the list of sessions.
    agent        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    -- When the password (and second factor) was last given: dangerous acts ask again.
    proven_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- What stands in for the second factor when the device is lost; each works once.
CREATE TABLE recovery_codes (
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash        BLOB NOT NULL,
    used_at     BIGINT,
    PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;

-- Links sent by mail: each proves once that its reader reads a mailbox.
CREATE TABLE mail_links (
    -- SHA-256 of what the link ends in.
    hash        BLOB NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL CHECK (kind IN ('verify-mailbox', 'reset-password', 'invite')),
    user_id     BIGINT REFERENCES users (id) ON DELETE CASCADE,
    mailbox_id  BIGINT REFERENCES mailboxes (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX mail_links_by_end ON mail_links (expires_at);

-- The answer to a create that may be asked for again (Idempotency-Key).
CREATE TABLE idempotency_keys (
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key         TEXT   NOT NULL,
    -- SHA-256 of the request: the same key with another request is a mistake.
    request     BLOB NOT NULL,
    alias_id    BIGINT REFERENCES aliases (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
