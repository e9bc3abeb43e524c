//! Sightings: who wrote to an alias.

use crate::model::Timestamp;
use crate::model::id::AliasId;
use crate::model::sighting::{Seen, SightingKey};

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct SightingRow {
    organisation: String,
    proof: String,
    signer: String,
    first_seen_at: i64,
    last_seen_at: i64,
    messages: i64,
}

/// Adds what was seen. Sightings of an alias that is gone are dropped.
pub async fn add(tx: &mut Tx, seen: &[(SightingKey, Seen)]) -> Result<(), Error> {
    for (key, seen) in seen {
        changed!(
            tx,
            sqlx::query(
                "INSERT INTO sightings (alias_id, organisation, proof, signer, first_seen_at, last_seen_at, messages) \
                 SELECT a.id, $2, $3, $4, $5, $6, $7 FROM aliases a WHERE a.id = $1 \
                 ON CONFLICT (alias_id, organisation, proof, signer) DO UPDATE SET \
                 first_seen_at = CASE WHEN excluded.first_seen_at < sightings.first_seen_at \
                 THEN excluded.first_seen_at ELSE sightings.first_seen_at END, \
                 last_seen_at = CASE WHEN excluded.last_seen_at > sightings.last_seen_at \
                 THEN excluded.last_seen_at ELSE sightings.last_seen_at END, \
                 messages = sightings.messages + excluded.messages"
            )
            .bind(key.alias_id.0)
            .bind(&key.organisation)
            .bind(key.proof.as_str())
            .bind(&key.signer)
            .bind(seen.first.as_micros())
            .bind(seen.last.as_micros())
            .bind(seen.messages)
        )?;
    }
    Ok(())
}

/// Who wrote to an alias: the last first, so many at the most.
pub async fn of_alias(tx: &mut Tx, alias_id: AliasId, limit: u32) -> Result<Vec<(SightingKey, Seen)>, Error> {
    let rows: Vec<SightingRow> = on!(tx, c => sqlx::query_as(
        "SELECT organisation, proof, signer, first_seen_at, last_seen_at, messages FROM sightings \
         WHERE alias_id = $1 ORDER BY last_seen_at DESC, organisation, proof, signer LIMIT $2",
    ).bind(alias_id.0).bind(i64::from(limit)).fetch_all(c))?;
    let read = |row: SightingRow| {
        let proof = columns::word("sightings", "proof", alias_id.0, &row.proof)?;
        let key = SightingKey { alias_id, organisation: row.organisation, proof, signer: row.signer };
        let (first, last) = (Timestamp::from_micros(row.first_seen_at), Timestamp::from_micros(row.last_seen_at));
        Ok((key, Seen { first, last, messages: row.messages }))
    };
    rows.into_iter().map(read).collect()
}
