//! Sightings: who wrote to an alias.
//!
//! Strangers write these rows, so an alias has a bounded number of them: who finds no room is counted among the others, whose
//! organisation is empty.

use std::collections::BTreeMap;

use crate::model::Timestamp;
use crate::model::id::{AliasId, UserId};
use crate::model::sighting::{Proof, Seen, SightingKey};

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

impl SightingRow {
    fn read(self, alias_id: AliasId) -> Result<(SightingKey, Seen), Error> {
        let proof = columns::word("sightings", "proof", alias_id.0, &self.proof)?;
        let key = SightingKey { alias_id, organisation: self.organisation, proof, signer: self.signer };
        let (first, last) = (Timestamp::from_micros(self.first_seen_at), Timestamp::from_micros(self.last_seen_at));
        Ok((key, Seen { first, last, messages: self.messages }))
    }
}

/// From how many rows of an alias on nobody new is entered whom nothing proves: their names cost nothing.
const UNPROVEN: i64 = 200;
/// The same for those who are proven: each needs a domain of its own, which costs something, but not much.
const PROVEN: i64 = 1000;

/// Adds what was seen. Sightings of an alias that is gone are dropped. In the order of their keys, and those that find no
/// room after all others in theirs: so two that add never wait for each other's rows.
pub async fn add(tx: &mut Tx, seen: &[(SightingKey, Seen)]) -> Result<(), Error> {
    let mut others = BTreeMap::<SightingKey, Seen>::new();
    for (key, seen) in seen {
        if has_room(tx, key).await? {
            add_one(tx, key, *seen).await?;
        } else {
            let key = SightingKey { organisation: String::new(), signer: String::new(), ..key.clone() };
            others.entry(key).and_modify(|known| known.add(*seen)).or_insert(*seen);
        }
    }
    for (key, seen) in &others {
        add_one(tx, key, *seen).await?;
    }
    Ok(())
}

/// Whether the row is there already or may be made.
async fn has_room(tx: &mut Tx, key: &SightingKey) -> Result<bool, Error> {
    let (rows, known): (i64, i64) = on!(tx, c => sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM sightings s WHERE s.alias_id = $1), (SELECT COUNT(*) FROM sightings k \
         WHERE k.alias_id = $1 AND k.organisation = $2 AND k.proof = $3 AND k.signer = $4)",
    ).bind(key.alias_id.0).bind(&key.organisation).bind(key.proof.as_str()).bind(&key.signer).fetch_one(c))?;
    let most = match key.proof {
        Proof::Dkim | Proof::Spf => PROVEN,
        Proof::None | Proof::Unasked => UNPROVEN,
    };
    Ok(known > 0 || rows < most)
}

async fn add_one(tx: &mut Tx, key: &SightingKey, seen: Seen) -> Result<(), Error> {
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
    )
    .map(drop)
}

/// Forgets who wrote one message, unproven, and nothing since that moment. How many.
pub async fn forget_single(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    changed!(
        tx,
        sqlx::query("DELETE FROM sightings WHERE messages = 1 AND proof IN ('none', 'unasked') AND last_seen_at < $1")
            .bind(before.as_micros())
    )
}

/// When an organisation first wrote to an alias and was proven to be that one, if it ever was.
pub async fn first_proven(tx: &mut Tx, alias_id: AliasId, organisation: &str) -> Result<Option<Timestamp>, Error> {
    let first: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT MIN(first_seen_at) FROM sightings WHERE alias_id = $1 AND organisation = $2 AND proof IN ('dkim', 'spf')",
    ).bind(alias_id.0).bind(organisation).fetch_one(c))?;
    Ok(first.map(Timestamp::from_micros))
}

/// Who wrote to an alias: the last first, so many at the most.
pub async fn of_alias(tx: &mut Tx, alias_id: AliasId, limit: u32) -> Result<Vec<(SightingKey, Seen)>, Error> {
    let rows: Vec<SightingRow> = on!(tx, c => sqlx::query_as(
        "SELECT organisation, proof, signer, first_seen_at, last_seen_at, messages FROM sightings \
         WHERE alias_id = $1 ORDER BY last_seen_at DESC, organisation, proof, signer LIMIT $2",
    ).bind(alias_id.0).bind(i64::from(limit)).fetch_all(c))?;
    rows.into_iter().map(|row| row.read(alias_id)).collect()
}

#[derive(sqlx::FromRow)]
struct NewcomerRow {
    alias_id: i64,
    #[sqlx(flatten)]
    sighting: SightingRow,
}

/// Who wrote to one of a user's aliases for the first time since that moment: the newest first, so many at the most.
pub async fn newcomers(tx: &mut Tx, user: UserId, since: Timestamp, limit: u32) -> Result<Vec<(SightingKey, Seen)>, Error> {
    let rows: Vec<NewcomerRow> = on!(tx, c => sqlx::query_as(
        "SELECT s.alias_id, s.organisation, s.proof, s.signer, s.first_seen_at, s.last_seen_at, s.messages \
         FROM sightings s JOIN aliases a ON a.id = s.alias_id \
         WHERE a.user_id = $1 AND s.first_seen_at >= $2 AND s.organisation <> '' \
         ORDER BY s.first_seen_at DESC, s.alias_id, s.organisation, s.proof, s.signer LIMIT $3",
    ).bind(user.0).bind(since.as_micros()).bind(i64::from(limit)).fetch_all(c))?;
    rows.into_iter().map(|row| row.sighting.read(AliasId(row.alias_id))).collect()
}
