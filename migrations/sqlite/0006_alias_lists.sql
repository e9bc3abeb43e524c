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
