-- Accounts and programs that act for them: passwords, second factors, tokens.

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
