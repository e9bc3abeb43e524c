-- What people need to use the instance by themselves: sign-ins, second factors, links in mail, invitations, moves of a
-- mailbox, domains of their own, labels, answers kept for clients that ask twice, webhooks.

-- A browser that signed in.
CREATE TABLE sessions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid          BLOB    NOT NULL UNIQUE,
    user_id       BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of what the cookie holds.
    hash          BLOB    NOT NULL UNIQUE,
    -- Only the password was right so far: nothing is open until the second factor is, too.
    needs_factor  BOOLEAN NOT NULL,
    created_at    BIGINT  NOT NULL,
    -- To the minute.
    last_seen_at  BIGINT  NOT NULL,
    -- When its user last proved who they are: dangerous acts ask for that again.
    confirmed_at  BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    -- For the list of sign-ins: what the browser said it is, where it came from.
    user_agent    TEXT    NOT NULL,
    client_ip     TEXT    NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- What stands in for the second factor when the phone is lost; each works once.
CREATE TABLE recovery_codes (
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256: a code is random enough.
    hash        BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;

-- Passkeys (WebAuthn).
CREATE TABLE passkeys (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid          BLOB   NOT NULL UNIQUE,
    user_id       BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    credential_id BLOB   NOT NULL UNIQUE,
    -- The library's own JSON: public key and counter.
    credential    TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id, id);

-- A ceremony between its two requests, which may meet two nodes.
CREATE TABLE passkey_ceremonies (
    -- SHA-256 of what the browser holds.
    hash        BLOB   NOT NULL PRIMARY KEY,
    -- NULL: the passkey will say who it is.
    user_id     BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- The library's own JSON.
    state       TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX passkey_ceremonies_by_expiry ON passkey_ceremonies (expires_at);

-- Links that were mailed to prove that somebody reads an address.
CREATE TABLE mail_links (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of what the link holds.
    hash        BLOB   NOT NULL UNIQUE,
    purpose     TEXT   NOT NULL CHECK (purpose IN ('sign-up', 'reset-password', 'verify-mailbox')),
    -- Where it was sent, folded.
    address     TEXT   NOT NULL,
    -- NULL for a sign-up: there is no user yet.
    user_id     BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- A link outlives its mailbox, dead: whoever adds and removes one again and again is still counted.
    mailbox_id  BIGINT REFERENCES mailboxes (id) ON DELETE SET NULL,
    -- The invitation a sign-up came by.
    invite_id   BIGINT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX mail_links_by_address ON mail_links (address, created_at);
CREATE INDEX mail_links_by_expiry ON mail_links (expires_at);
CREATE INDEX mail_links_by_user ON mail_links (user_id, created_at);
CREATE INDEX mail_links_by_mailbox ON mail_links (mailbox_id);

-- Invitations to make an account; used ones stay for the list.
CREATE TABLE invites (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB   NOT NULL UNIQUE,
    -- SHA-256 of what the link holds.
    hash        BLOB   NOT NULL UNIQUE,
    note        TEXT   NOT NULL,
    created_by  BIGINT REFERENCES users (id) ON DELETE SET NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT,
    used_by     BIGINT REFERENCES users (id) ON DELETE SET NULL
);

-- The mailbox that this one takes the place of once it is verified; both work until then.
ALTER TABLE mailboxes ADD COLUMN replaces_id BIGINT REFERENCES mailboxes (id) ON DELETE SET NULL;
-- Whether the address its user signs in with follows then.
ALTER TABLE mailboxes ADD COLUMN moves_sign_in BOOLEAN NOT NULL DEFAULT FALSE;
-- Of two moves of one mailbox at once, one is refused.
CREATE UNIQUE INDEX mailboxes_by_replaced ON mailboxes (replaces_id) WHERE replaces_id IS NOT NULL;

-- Signs names that are made without network: users who do not make any have none.
ALTER TABLE users ADD COLUMN name_key BLOB;

-- Domains that users say are theirs and did not prove yet. Nothing else looks here: a claim takes no mail, holds no alias and is
-- in nobody's way. Whoever proves a domain gets the row in domains.
CREATE TABLE domain_claims (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB   NOT NULL UNIQUE,
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    -- What the TXT record has to hold: drawn for this claim.
    proof       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (user_id, name)
);
CREATE INDEX domain_claims_by_name ON domain_claims (name);

-- Since when it is known whose a domain is: its proof was seen, or the operator said so.
ALTER TABLE domains ADD COLUMN proven_at BIGINT;
UPDATE domains SET proven_at = created_at;
-- What happens to mail for a name that was never made.
ALTER TABLE domains ADD COLUMN catch_all TEXT NOT NULL DEFAULT 'off' CHECK (catch_all IN ('off', 'on', 'pattern'));
-- Names that are made at the first message when catch_all says pattern: * stands for any run of characters.
ALTER TABLE domains ADD COLUMN catch_all_pattern TEXT;
-- Aliases that nobody made: their first message did. Counted by day, so that a guesser of names fills nobody's list.
CREATE TABLE made_aliases (
    alias_id    BIGINT NOT NULL PRIMARY KEY REFERENCES aliases (id) ON DELETE CASCADE,
    domain_id   BIGINT NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    how         TEXT   NOT NULL CHECK (how IN ('catch-all', 'signed')),
    -- Days since the epoch.
    day         BIGINT NOT NULL,
    -- Set before a message to it is taken; until then whoever made it takes it back when its message is refused.
    kept_at     BIGINT
) WITHOUT ROWID;
CREATE INDEX made_aliases_by_day ON made_aliases (how, day, domain_id);

-- Labels the owner gave an alias.
CREATE TABLE alias_tags (
    alias_id    BIGINT NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    tag         TEXT   NOT NULL,
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (alias_id, tag)
) WITHOUT ROWID;
CREATE INDEX alias_tags_by_tag ON alias_tags (user_id, tag, alias_id);

-- What a client was answered, for when it asks the same thing again because it never heard.
CREATE TABLE idempotency_keys (
    user_id      BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key          TEXT    NOT NULL,
    -- SHA-256 of method, path and body: another request under the same key is a mistake.
    request_hash BLOB    NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    created_at   BIGINT  NOT NULL,
    PRIMARY KEY (user_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Where a user wants to be told by HTTP of what happens.
CREATE TABLE webhooks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        BLOB    NOT NULL UNIQUE,
    user_id     BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url         TEXT    NOT NULL,
    -- Signs what is sent.
    secret      BLOB    NOT NULL,
    -- Words, one space between.
    events      TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    -- Nothing is posted before: it waits after a failure, or somebody posts just now.
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    -- In a row, and since when.
    failures      INTEGER NOT NULL DEFAULT 0,
    failing_since BIGINT,
    -- Set when it failed too long, or came with an import: nothing is sent until its user turns it on again.
    paused_at   BIGINT,
    last_status TEXT,
    last_at     BIGINT
);
CREATE INDEX webhooks_by_user ON webhooks (user_id, id);

-- Events on their way; gone when they arrived or were given up.
CREATE TABLE webhook_events (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            BLOB    NOT NULL UNIQUE,
    webhook_id      BIGINT  NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event           TEXT    NOT NULL,
    payload         TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    next_attempt_at BIGINT  NOT NULL,
    attempts        INTEGER NOT NULL
);
CREATE INDEX webhook_events_by_webhook ON webhook_events (webhook_id, next_attempt_at, id);

-- A file that somebody wants to bring in, from the look at what would happen until it is done; one for each user.
CREATE TABLE uploads (
    user_id     BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Which service it comes from.
    source      TEXT   NOT NULL,
    -- Where aliases are made whose domain is not here; NULL: nowhere.
    remap       TEXT,
    content     BLOB   NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX uploads_by_age ON uploads (created_at);

-- What a program made by its token ends with that token: whoever got hold of it keeps nothing.
ALTER TABLE api_tokens ADD COLUMN made_by BIGINT REFERENCES api_tokens (id) ON DELETE CASCADE;
CREATE INDEX api_tokens_by_maker ON api_tokens (made_by);
ALTER TABLE app_passwords ADD COLUMN made_by BIGINT REFERENCES api_tokens (id) ON DELETE CASCADE;
CREATE INDEX app_passwords_by_maker ON app_passwords (made_by);
