-- Keys departing mail is signed with (RFC 6376), for each domain and algorithm. Made by us, never imported: the private
-- half leaves this table only to sign.
CREATE TABLE dkim_keys (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    domain_id        BIGINT  NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    -- The name its public half is published under: SELECTOR._domainkey.DOMAIN.
    selector         TEXT    NOT NULL,
    algorithm        TEXT    NOT NULL CHECK (algorithm IN ('rsa', 'ed25519')),
    -- PKCS#8. NULL once retired: a key that signs no more is kept only to say which record may go.
    private_key      BLOB,
    -- As published: SubjectPublicKeyInfo for RSA, the 32 bytes for Ed25519 (RFC 8463).
    public_key       BLOB    NOT NULL,
    -- next: published, not used yet; active: signs; retired: signs no more, published until its last signatures expired.
    state            TEXT    NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    created_at       BIGINT  NOT NULL,
    state_changed_at BIGINT  NOT NULL,
    UNIQUE (domain_id, selector)
);
-- Nodes that start at once make one key, not one each.
CREATE UNIQUE INDEX dkim_keys_one_active ON dkim_keys (domain_id, algorithm) WHERE state = 'active';
CREATE UNIQUE INDEX dkim_keys_one_next ON dkim_keys (domain_id, algorithm) WHERE state = 'next';
