-- The ids replies go out with, and the ids the owner's mail client gave them: so that threads hold on both sides while
-- neither side sees the other's. Rows are dropped when threads have long gone cold.

CREATE TABLE message_ids (
    alias_id    BIGINT NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    -- Made of the other one by a keyed digest, so one index answers both ways.
    ours        TEXT   NOT NULL,
    theirs      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (alias_id, ours)
);
CREATE INDEX message_ids_by_age ON message_ids (created_at);
