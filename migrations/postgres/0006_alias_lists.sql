-- Lists of aliases: pages of a user with a million aliases are read from an index, in the order they are shown in.

-- Pinned ones first, or newest or oldest first, for each state by itself.
CREATE INDEX aliases_by_pin ON aliases (user_id, state, pinned, id);
-- In the order of their addresses.
CREATE INDEX aliases_by_name ON aliases (user_id, state, pinned, address);
-- Which one has this user for this site?
CREATE INDEX aliases_by_user_site ON aliases (user_id, site, id) WHERE site IS NOT NULL;

-- Set when the owner took it out of the list. Its reverse address lives on: every node may remember it, and letters in the
-- owner's mailbox have it.
ALTER TABLE contacts ADD COLUMN hidden_at BIGINT;

-- What phones let their users choose; a user without a row has the defaults.
CREATE TABLE client_settings (
    user_id      BIGINT  NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- How names are drawn when nothing is said.
    generator    TEXT    NOT NULL CHECK (generator IN ('word', 'uuid')),
    -- Where aliases are made when nothing is said; NULL is the instance's first. May be gone.
    domain       TEXT,
    -- The rest is kept for the clients alone.
    notification BOOLEAN NOT NULL,
    sender       TEXT    NOT NULL,
    suffix       TEXT    NOT NULL
);
