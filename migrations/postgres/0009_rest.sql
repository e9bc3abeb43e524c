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
);

-- The letter that carries a link: it is not worth sending when the link has ended with its account.
ALTER TABLE mail_links ADD COLUMN delivery_id BIGINT;
