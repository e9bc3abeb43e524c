-- What the pages and programs still lacked.

-- When the owner first wrote to a contact themselves: a locked alias takes mail of those.
ALTER TABLE contacts ADD COLUMN written_at BIGINT;

-- What was turned away at names whose alias was taken back with its first message: their owner sees it all the same.
CREATE TABLE turned_away (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Days since the epoch.
    day     BIGINT NOT NULL,
    blocked BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (user_id, day)
) WITHOUT ROWID;

-- The letter that carries a link: it is not worth sending when the link has ended with its account.
ALTER TABLE mail_links ADD COLUMN delivery_id BIGINT;

-- Sign-ups of clients that ask for a code of six digits. One row for each address that somebody signs up with or tries
-- codes at, whether there is an account or not: a stranger must not tell the two apart.
CREATE TABLE sign_up_codes (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Folded.
    address         TEXT   NOT NULL UNIQUE,
    -- The password of the account to be made, as Argon2id hash. NULL when nobody signs up.
    password_hash   TEXT,
    -- Two people with two passwords signed up: neither becomes that of the account; the last one stands here.
    disputed        BOOLEAN NOT NULL,
    -- What the code is compared with: a keyed digest, because six digits are soon guessed from a plain one. NULL when there
    -- is no code that anybody could know.
    code_salt       BLOB,
    code_tag        BLOB,
    code_expires_at BIGINT,
    -- Wrong codes since the last one was mailed.
    tries           BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX sign_up_codes_by_expiry ON sign_up_codes (expires_at);

-- Somebody asked for one more hand-off now: it is made although the next hop rests after trouble.
ALTER TABLE deliveries ADD COLUMN asked_again BOOLEAN NOT NULL DEFAULT FALSE;
-- Why a cancelled delivery was cancelled, in a word: whoever reads of it must not be told that it was their doing when it was not.
ALTER TABLE deliveries ADD COLUMN cancelled_because TEXT;
