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
    code_salt       BLOB ,
    code_tag        BLOB ,
    code_expires_at BIGINT,
    -- Wrong codes since the last one was mailed.
    tries           BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX sign_up_codes_by_expiry ON sign_up_codes (expires_at);
