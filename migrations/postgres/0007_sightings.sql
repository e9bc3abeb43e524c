-- Who wrote to an alias, and how far that was proven: what it is told by when an alias has leaked.

CREATE TABLE sightings (
    alias_id      BIGINT NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    -- The registrable domain of the author (From); empty for all who found no room (an alias has a bounded number of rows).
    organisation  TEXT   NOT NULL,
    -- What proved it: an aligned signature, an aligned client, nothing; or nobody asked.
    proof         TEXT   NOT NULL CHECK (proof IN ('dkim', 'spf', 'none', 'unasked')),
    -- The registrable domain of whoever signed it with success, the author's own first; empty when nobody did.
    signer        TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    messages      BIGINT NOT NULL,
    PRIMARY KEY (alias_id, organisation, proof, signer)
);
-- The sweep forgets those that nothing proves.
CREATE INDEX sightings_single ON sightings (last_seen_at) WHERE messages = 1;
