//! Aliases by the hundred: one statement for a whole list, whatever is to be done with it. The list is one JSON
//! parameter, because there the dialects part the least.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use crate::model::id::{AliasId, DomainId, MailboxId, UserId};

use super::alias::hash;
use super::{Error, ErrorKind, Tx, changed, patiently};

/// The row of an alias that comes from elsewhere. Times are microseconds.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are the columns of `aliases`")]
pub struct AliasCopy {
    #[serde(serialize_with = "hexadecimal")]
    pub uuid: Uuid,
    pub user_id: UserId,
    pub domain_id: i64,
    pub address: String,
    pub site: Option<String>,
    pub state: &'static str,
    pub note: String,
    pub expires_at: Option<i64>,
    pub max_messages: Option<i64>,
    pub messages_used: i64,
    pub created_at: i64,
    pub state_changed_at: i64,
    pub display_name: Option<String>,
    pub pinned: bool,
}

/// The row of a contact that comes from elsewhere.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are the columns of `contacts`")]
pub struct ContactCopy {
    #[serde(serialize_with = "hexadecimal")]
    pub uuid: Uuid,
    pub alias_id: AliasId,
    pub address: String,
    pub address_key: String,
    pub token: String,
    pub blocked_at: Option<i64>,
    pub hidden_at: Option<i64>,
    pub written_at: Option<i64>,
    pub created_at: i64,
}

/// The row that says that an alias was made by its first message.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are the columns of `made_aliases`")]
pub struct MadeCopy {
    pub alias_id: AliasId,
    pub domain_id: DomainId,
    pub how: &'static str,
    pub day: i64,
    pub kept_at: i64,
}

/// The row of a day's counters.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are the columns of `activity`")]
pub struct DayCopy {
    pub alias_id: AliasId,
    pub day: i64,
    #[serde(flatten)]
    pub counts: crate::model::activity::Activity,
}

/// The row of a sighting.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "they are the columns of `sightings`")]
pub struct SightingCopy {
    pub alias_id: AliasId,
    pub organisation: String,
    pub proof: &'static str,
    pub signer: String,
    pub first_seen_at: i64,
    pub last_seen_at: i64,
    pub messages: i64,
}

fn hexadecimal<S: serde::Serializer>(uuid: &Uuid, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&uuid.simple())
}

fn list<T: Serialize>(rows: &[T]) -> Result<String, Error> {
    serde_json::to_string(rows).map_err(|error| Error::new(ErrorKind::Other, format!("a list can't be written: {error}")))
}

/// A statement in two dialects that reads one list, its answer as tuples.
macro_rules! rows_of {
    ($tx:expr, $list:expr, $sqlite:expr, $postgres:expr) => {
        match $tx {
            Tx::Sqlite(t) => sqlx::query_as($sqlite).bind($list).fetch_all(&mut **t).await,
            Tx::PostgresRead(t) | Tx::Postgres(t) => {
                patiently!(t, c => sqlx::query_as($postgres).bind($list).fetch_all(c))
            }
        }
        .map_err(Error::from)
    };
}

/// A statement in two dialects that writes one list.
macro_rules! written {
    ($tx:expr, $list:expr, $sqlite:expr, $postgres:expr) => {{
        let (list, postgres) = ($list, matches!($tx, Tx::Postgres(_) | Tx::PostgresRead(_)));
        let text = if postgres { $postgres } else { $sqlite };
        changed!($tx, sqlx::query(text).bind(&list))
    }};
}

/// Makes these aliases, in their order; the keys of those that were made, by address. An address that is there stays what
/// it was.
pub async fn insert(tx: &mut Tx, rows: &[AliasCopy]) -> Result<HashMap<String, AliasId>, Error> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let made: Vec<(i64, String)> = rows_of!(
        tx,
        list(rows)?,
        "INSERT INTO aliases (uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, pinned) \
         SELECT unhex(value->>'uuid'), value->>'user_id', value->>'domain_id', value->>'address', \
         value->>'site', value->>'state', value->>'note', value->>'expires_at', value->>'max_messages', \
         value->>'messages_used', value->>'created_at', value->>'state_changed_at', value->>'display_name', \
         value->>'pinned' FROM json_each($1) WHERE TRUE ORDER BY key ON CONFLICT (address) DO NOTHING RETURNING id, address",
        "INSERT INTO aliases (uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, pinned) \
         SELECT (r.value->>'uuid')::uuid, (r.value->>'user_id')::bigint, (r.value->>'domain_id')::bigint, \
         r.value->>'address', r.value->>'site', r.value->>'state', r.value->>'note', (r.value->>'expires_at')::bigint, \
         (r.value->>'max_messages')::bigint, (r.value->>'messages_used')::bigint, (r.value->>'created_at')::bigint, \
         (r.value->>'state_changed_at')::bigint, r.value->>'display_name', (r.value->>'pinned')::boolean \
         FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS r (value, place) ORDER BY r.place \
         ON CONFLICT (address) DO NOTHING RETURNING id, address"
    )?;
    Ok(made.into_iter().map(|(id, address)| (address, AliasId(id))).collect())
}

/// Who has those of these folded addresses that somebody has.
pub async fn owners(tx: &mut Tx, addresses: &[&str]) -> Result<HashMap<String, UserId>, Error> {
    let found: Vec<(String, i64)> = rows_of!(
        tx,
        list(addresses)?,
        "SELECT address, user_id FROM aliases WHERE address IN (SELECT value FROM json_each($1))",
        "SELECT address, user_id FROM aliases WHERE address IN (SELECT jsonb_array_elements_text($1::text::jsonb))"
    )?;
    Ok(found.into_iter().map(|(address, user)| (address, UserId(user))).collect())
}

/// Those of these folded addresses that were handed out once and are gone.
pub async fn retired<'a>(tx: &mut Tx, addresses: &[&'a str]) -> Result<HashSet<&'a str>, Error> {
    let hashes: HashMap<Vec<u8>, &str> = addresses.iter().map(|address| (hash(address), *address)).collect();
    let texts: Vec<String> = hashes.keys().map(|hash| data_encoding::HEXLOWER.encode(hash)).collect();
    let found: Vec<(Vec<u8>,)> = rows_of!(
        tx,
        list(&texts)?,
        "SELECT address_hash FROM retired_addresses WHERE address_hash IN (SELECT unhex(value) FROM json_each($1))",
        "SELECT address_hash FROM retired_addresses \
         WHERE address_hash IN (SELECT decode(value, 'hex') FROM jsonb_array_elements_text($1::text::jsonb) AS r (value))"
    )?;
    Ok(found.iter().filter_map(|(hash,)| hashes.get(hash).copied()).collect())
}

/// Those of these ids for the outside that an alias has.
pub async fn used_uuids(tx: &mut Tx, uuids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let texts: Vec<String> = uuids.iter().map(|uuid| uuid.simple().to_string()).collect();
    let found: Vec<(Uuid,)> = rows_of!(
        tx,
        list(&texts)?,
        "SELECT uuid FROM aliases WHERE uuid IN (SELECT unhex(value) FROM json_each($1))",
        "SELECT uuid FROM aliases WHERE uuid IN (SELECT value::uuid FROM jsonb_array_elements_text($1::text::jsonb) AS r (value))"
    )?;
    Ok(found.into_iter().map(|(uuid,)| uuid).collect())
}

/// Those of these tokens that a contact has.
pub async fn used_tokens(tx: &mut Tx, tokens: &[&str]) -> Result<HashSet<String>, Error> {
    if tokens.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<(String,)> = rows_of!(
        tx,
        list(tokens)?,
        "SELECT token FROM contacts WHERE token IN (SELECT value FROM json_each($1))",
        "SELECT token FROM contacts WHERE token IN (SELECT jsonb_array_elements_text($1::text::jsonb))"
    )?;
    Ok(found.into_iter().map(|(token,)| token).collect())
}

#[derive(Serialize)]
struct OfUser<'a> {
    user_id: UserId,
    site: &'a str,
}

/// Those of these sites that a user has an alias for.
pub async fn sites_in_use(tx: &mut Tx, user_id: UserId, sites: &[&str]) -> Result<HashSet<String>, Error> {
    let asked: Vec<OfUser<'_>> = sites.iter().map(|site| OfUser { user_id, site }).collect();
    let found: Vec<(String,)> = rows_of!(
        tx,
        list(&asked)?,
        "SELECT DISTINCT a.site FROM json_each($1) r JOIN aliases a \
         ON a.user_id = r.value->>'user_id' AND a.site = r.value->>'site'",
        "SELECT DISTINCT a.site FROM jsonb_array_elements($1::text::jsonb) AS r (value) JOIN aliases a \
         ON a.user_id = (r.value->>'user_id')::bigint AND a.site = r.value->>'site'"
    )?;
    Ok(found.into_iter().map(|(site,)| site).collect())
}

/// Takes aliases back that were made in this transaction.
pub async fn take_back(tx: &mut Tx, ids: &[AliasId]) -> Result<(), Error> {
    written!(
        tx,
        list(ids)?,
        "DELETE FROM aliases WHERE id IN (SELECT value FROM json_each($1))",
        "DELETE FROM aliases WHERE id IN (SELECT value::bigint FROM jsonb_array_elements_text($1::text::jsonb) AS r (value))"
    )
    .map(drop)
}

#[derive(Serialize)]
struct Link {
    alias_id: AliasId,
    mailbox_id: MailboxId,
}

/// Says where aliases forward to.
pub async fn link(tx: &mut Tx, links: &[(AliasId, MailboxId)]) -> Result<(), Error> {
    let links: Vec<Link> =
        links.iter().map(|(alias_id, mailbox_id)| Link { alias_id: *alias_id, mailbox_id: *mailbox_id }).collect();
    written!(
        tx,
        list(&links)?,
        "INSERT INTO alias_mailboxes (alias_id, mailbox_id) SELECT value->>'alias_id', value->>'mailbox_id' \
         FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
        "INSERT INTO alias_mailboxes (alias_id, mailbox_id) SELECT (r.value->>'alias_id')::bigint, \
         (r.value->>'mailbox_id')::bigint FROM jsonb_array_elements($1::text::jsonb) AS r (value) ON CONFLICT DO NOTHING"
    )
    .map(drop)
}

#[derive(Serialize)]
struct Label<'a> {
    alias_id: AliasId,
    tag: &'a str,
    user_id: UserId,
}

/// Gives aliases their labels.
pub async fn tag(tx: &mut Tx, user_id: UserId, tags: &[(AliasId, String)]) -> Result<(), Error> {
    if tags.is_empty() {
        return Ok(());
    }
    let tags: Vec<Label<'_>> = tags.iter().map(|(alias_id, tag)| Label { alias_id: *alias_id, tag, user_id }).collect();
    written!(
        tx,
        list(&tags)?,
        "INSERT INTO alias_tags (alias_id, tag, user_id) SELECT value->>'alias_id', value->>'tag', value->>'user_id' \
         FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
        "INSERT INTO alias_tags (alias_id, tag, user_id) SELECT (r.value->>'alias_id')::bigint, r.value->>'tag', \
         (r.value->>'user_id')::bigint FROM jsonb_array_elements($1::text::jsonb) AS r (value) ON CONFLICT DO NOTHING"
    )
    .map(drop)
}

/// Gives aliases their contacts, in their order; how many. A token that is in use stays with whom it stands for.
pub async fn add_contacts(tx: &mut Tx, rows: &[ContactCopy]) -> Result<u64, Error> {
    if rows.is_empty() {
        return Ok(0);
    }
    written!(
        tx,
        list(rows)?,
        "INSERT INTO contacts (uuid, alias_id, address, address_key, token, blocked_at, hidden_at, written_at, created_at) \
         SELECT unhex(value->>'uuid'), value->>'alias_id', value->>'address', value->>'address_key', \
         value->>'token', value->>'blocked_at', value->>'hidden_at', value->>'written_at', value->>'created_at' \
         FROM json_each($1) WHERE TRUE ORDER BY key ON CONFLICT DO NOTHING",
        "INSERT INTO contacts (uuid, alias_id, address, address_key, token, blocked_at, hidden_at, written_at, created_at) \
         SELECT (r.value->>'uuid')::uuid, (r.value->>'alias_id')::bigint, r.value->>'address', r.value->>'address_key', \
         r.value->>'token', (r.value->>'blocked_at')::bigint, (r.value->>'hidden_at')::bigint, \
         (r.value->>'written_at')::bigint, (r.value->>'created_at')::bigint FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS r (value, place) \
         ORDER BY r.place ON CONFLICT DO NOTHING"
    )
}

/// Notes of aliases that their first message made them.
pub async fn add_made(tx: &mut Tx, rows: &[MadeCopy]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    written!(
        tx,
        list(rows)?,
        "INSERT INTO made_aliases (alias_id, domain_id, how, day, kept_at) \
         SELECT value->>'alias_id', value->>'domain_id', value->>'how', value->>'day', value->>'kept_at' \
         FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
        "INSERT INTO made_aliases (alias_id, domain_id, how, day, kept_at) \
         SELECT r.alias_id, r.domain_id, r.how, r.day, r.kept_at FROM jsonb_to_recordset($1::text::jsonb) \
         AS r (alias_id bigint, domain_id bigint, how text, day bigint, kept_at bigint) ON CONFLICT DO NOTHING"
    )
    .map(drop)
}

/// Gives aliases the counters of their days.
pub async fn add_activity(tx: &mut Tx, rows: &[DayCopy]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    written!(
        tx,
        list(rows)?,
        "INSERT INTO activity (alias_id, day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted) \
         SELECT value->>'alias_id', value->>'day', value->>'forwarded', value->>'blocked', value->>'refused', \
         value->>'failed', value->>'cancelled', value->>'replied', value->>'unproven', value->>'quoted' \
         FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
        "INSERT INTO activity (alias_id, day, forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted) \
         SELECT r.alias_id, r.day, r.forwarded, r.blocked, r.refused, r.failed, r.cancelled, r.replied, r.unproven, r.quoted \
         FROM jsonb_to_recordset($1::text::jsonb) AS r (alias_id bigint, day bigint, forwarded bigint, blocked bigint, \
         refused bigint, failed bigint, cancelled bigint, replied bigint, unproven bigint, quoted bigint) \
         ON CONFLICT DO NOTHING"
    )
    .map(drop)
}

/// Gives aliases their sightings.
pub async fn add_sightings(tx: &mut Tx, rows: &[SightingCopy]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    written!(
        tx,
        list(rows)?,
        "INSERT INTO sightings (alias_id, organisation, proof, signer, first_seen_at, last_seen_at, messages) \
         SELECT value->>'alias_id', value->>'organisation', value->>'proof', value->>'signer', value->>'first_seen_at', \
         value->>'last_seen_at', value->>'messages' FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
        "INSERT INTO sightings (alias_id, organisation, proof, signer, first_seen_at, last_seen_at, messages) \
         SELECT r.alias_id, r.organisation, r.proof, r.signer, r.first_seen_at, r.last_seen_at, r.messages \
         FROM jsonb_to_recordset($1::text::jsonb) AS r (alias_id bigint, organisation text, proof text, signer text, \
         first_seen_at bigint, last_seen_at bigint, messages bigint) ON CONFLICT DO NOTHING"
    )
    .map(drop)
}
