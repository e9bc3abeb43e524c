-- What the pages and programs still lacked.

-- When the owner first wrote to a contact themselves: a locked alias takes mail of those.
ALTER TABLE contacts ADD COLUMN written_at BIGINT;
