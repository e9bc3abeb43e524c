//! Contacts: who corresponds with an alias, and the tokens of their reverse addresses.

use uuid::Uuid;

use crate::model::alias::Alias;
use crate::model::contact::{Contact, ReverseToken};
use crate::model::id::{AliasId, ContactId, UserId};
use crate::model::{Address, Timestamp};

use super::alias::AliasRow;
use super::{Error, Tx, changed, columns, on, patiently};

#[derive(sqlx::FromRow)]
#[expect(clippy::struct_field_names, reason = "read in one row with an alias, whose columns have these names without the prefix")]
struct ContactRow {
    contact_id: i64,
    contact_uuid: Uuid,
    contact_alias_id: i64,
    contact_address: String,
    contact_token: String,
    contact_created_at: i64,
    contact_blocked_at: Option<i64>,
}

impl TryFrom<ContactRow> for Contact {
    type Error = Error;
    fn try_from(row: ContactRow) -> Result<Self, Error> {
        Ok(Self {
            id: ContactId(row.contact_id),
            uuid: row.contact_uuid,
            alias_id: AliasId(row.contact_alias_id),
            address: columns::address("contacts", "address", row.contact_id, &row.contact_address)?,
            token: ReverseToken::from_stored(row.contact_token),
            is_blocked: row.contact_blocked_at.is_some(),
            created_at: Timestamp::from_micros(row.contact_created_at),
        })
    }
}

#[derive(sqlx::FromRow)]
struct ContactAndAliasRow {
    #[sqlx(flatten)]
    contact: ContactRow,
    #[sqlx(flatten)]
    alias: AliasRow,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id AS contact_id, c.uuid AS contact_uuid, c.alias_id AS contact_alias_id, \
             c.address AS contact_address, c.token AS contact_token, c.created_at AS contact_created_at, \
             c.blocked_at AS contact_blocked_at FROM contacts c WHERE c.",
            $rest
        )
    };
}

/// The contact with that key.
pub async fn find(tx: &mut Tx, id: ContactId) -> Result<Option<Contact>, Error> {
    let row: Option<ContactRow> = on!(tx, c => sqlx::query_as(select!("id = $1")).bind(id.0).fetch_optional(c))?;
    row.map(Contact::try_from).transpose()
}

/// The contact with that id for the outside, if it is one of this user's, with its alias.
pub async fn find_owned(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<Option<(Contact, Alias)>, Error> {
    let row: Option<ContactAndAliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT c.id AS contact_id, c.uuid AS contact_uuid, c.alias_id AS contact_alias_id, c.address AS contact_address, \
         c.token AS contact_token, c.created_at AS contact_created_at, c.blocked_at AS contact_blocked_at, \
         a.id, a.uuid, a.user_id, a.domain_id, a.address, a.site, a.state, a.note, a.expires_at, a.max_messages, \
         a.messages_used, a.created_at, a.state_changed_at, a.display_name, a.link_epoch \
         FROM contacts c JOIN aliases a ON a.id = c.alias_id WHERE c.uuid = $1 AND a.user_id = $2",
    ).bind(uuid).bind(user.0).fetch_optional(c))?;
    row.map(|row| Ok((row.contact.try_into()?, row.alias.try_into()?))).transpose()
}

/// The contact of an alias with that id for the outside.
pub async fn find_by_uuid(tx: &mut Tx, alias: AliasId, uuid: Uuid) -> Result<Option<Contact>, Error> {
    let row: Option<ContactRow> = on!(tx, c => sqlx::query_as(select!("alias_id = $1 AND c.uuid = $2"))
        .bind(alias.0).bind(uuid).fetch_optional(c))?;
    row.map(Contact::try_from).transpose()
}

/// The contacts of an alias among these folded addresses, in no particular order.
pub async fn find_many(tx: &mut Tx, alias: AliasId, addresses: &[String]) -> Result<Vec<Contact>, Error> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    // A list as one parameter is where the dialects part.
    let postgres = select!("alias_id = $1 AND c.address_key = ANY($2)");
    let rows: Vec<ContactRow> = match tx {
        Tx::Sqlite(t) => {
            let list = serde_json::Value::from(addresses.to_vec()).to_string();
            sqlx::query_as(select!("alias_id = $1 AND c.address_key IN (SELECT value FROM json_each($2))"))
                .bind(alias.0)
                .bind(list)
                .fetch_all(&mut **t)
                .await
        }
        Tx::PostgresRead(t) | Tx::Postgres(t) => {
            patiently!(t, c => sqlx::query_as(postgres).bind(alias.0).bind(addresses).fetch_all(c))
        }
    }?;
    rows.into_iter().map(Contact::try_from).collect()
}

/// The contact of an alias with that address, made now with `token` and `uuid` if there was none. Safe when two
/// messages of a new sender arrive at once: both get the same contact.
pub async fn get_or_create(
    tx: &mut Tx,
    alias: AliasId,
    address: &Address,
    token: &ReverseToken,
    uuid: Uuid,
    now: Timestamp,
) -> Result<Contact, Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO contacts (uuid, alias_id, address, address_key, token, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (alias_id, address_key) DO NOTHING"
        )
        .bind(uuid)
        .bind(alias.0)
        .bind(address.to_string())
        .bind(address.folded())
        .bind(token.as_str())
        .bind(now.as_micros())
    )?;
    let row: ContactRow = on!(tx, c => sqlx::query_as(select!("alias_id = $1 AND c.address_key = $2")).bind(alias.0).bind(address.folded()).fetch_one(c))?;
    row.try_into()
}

/// The contact a reverse address stands for, with its alias.
pub async fn find_by_token(tx: &mut Tx, token: &ReverseToken) -> Result<Option<(Contact, Alias)>, Error> {
    let row: Option<ContactAndAliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT c.id AS contact_id, c.uuid AS contact_uuid, c.alias_id AS contact_alias_id, c.address AS contact_address, \
         c.token AS contact_token, c.created_at AS contact_created_at, c.blocked_at AS contact_blocked_at, \
         a.id, a.uuid, a.user_id, a.domain_id, a.address, a.site, a.state, a.note, a.expires_at, a.max_messages, \
         a.messages_used, a.created_at, a.state_changed_at, a.display_name, a.link_epoch \
         FROM contacts c JOIN aliases a ON a.id = c.alias_id WHERE c.token = $1",
    ).bind(token.as_str()).fetch_optional(c))?;
    row.map(|row| Ok((row.contact.try_into()?, row.alias.try_into()?))).transpose()
}

/// The contacts of an alias among these tokens, in no particular order.
pub async fn find_by_tokens(tx: &mut Tx, alias: AliasId, tokens: &[ReverseToken]) -> Result<Vec<Contact>, Error> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let tokens: Vec<&str> = tokens.iter().map(ReverseToken::as_str).collect();
    let postgres = select!("alias_id = $1 AND c.token = ANY($2)");
    let rows: Vec<ContactRow> = match tx {
        Tx::Sqlite(t) => {
            let list = serde_json::Value::from(tokens).to_string();
            sqlx::query_as(select!("alias_id = $1 AND c.token IN (SELECT value FROM json_each($2))"))
                .bind(alias.0)
                .bind(list)
                .fetch_all(&mut **t)
                .await
        }
        Tx::PostgresRead(t) | Tx::Postgres(t) => sqlx::query_as(postgres).bind(alias.0).bind(&tokens).fetch_all(&mut **t).await,
    }?;
    rows.into_iter().map(Contact::try_from).collect()
}

/// One page of an alias's contacts, oldest first, after that one. Hidden ones are left out.
pub async fn list(tx: &mut Tx, alias: AliasId, after: Option<ContactId>, limit: u32) -> Result<Vec<Contact>, Error> {
    let rows: Vec<ContactRow> = on!(tx, c => sqlx::query_as(select!("alias_id = $1 AND c.id > $2 AND c.hidden_at IS NULL ORDER BY c.id LIMIT $3"))
        .bind(alias.0).bind(after.map_or(i64::MIN, |id| id.0)).bind(i64::from(limit)).fetch_all(c))?;
    rows.into_iter().map(Contact::try_from).collect()
}

/// The contacts a user blocked at one of their aliases, with the alias, oldest first.
pub async fn list_blocked(tx: &mut Tx, user: UserId) -> Result<Vec<(Contact, Alias)>, Error> {
    let rows: Vec<ContactAndAliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT c.id AS contact_id, c.uuid AS contact_uuid, c.alias_id AS contact_alias_id, c.address AS contact_address, \
         c.token AS contact_token, c.created_at AS contact_created_at, c.blocked_at AS contact_blocked_at, \
         a.id, a.uuid, a.user_id, a.domain_id, a.address, a.site, a.state, a.note, a.expires_at, a.max_messages, \
         a.messages_used, a.created_at, a.state_changed_at, a.display_name, a.link_epoch \
         FROM aliases a JOIN contacts c ON c.alias_id = a.id \
         WHERE a.user_id = $1 AND c.blocked_at IS NOT NULL ORDER BY c.blocked_at, c.id",
    ).bind(user.0).fetch_all(c))?;
    rows.into_iter().map(|row| Ok((row.contact.try_into()?, row.alias.try_into()?))).collect()
}

/// Blocks a contact (`Some`: since when), or lets it be written to again.
pub async fn set_blocked(tx: &mut Tx, id: ContactId, at: Option<Timestamp>) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE contacts SET blocked_at = $2 WHERE id = $1").bind(id.0).bind(at.map(Timestamp::as_micros)))
        .map(drop)
}

/// One page of an alias's contacts, newest first, after so many. Hidden ones are left out.
pub async fn page(tx: &mut Tx, alias: AliasId, offset: u32, limit: u32) -> Result<Vec<Contact>, Error> {
    let rows: Vec<ContactRow> = on!(tx, c => sqlx::query_as(
        select!("alias_id = $1 AND c.hidden_at IS NULL ORDER BY c.id DESC LIMIT $2 OFFSET $3"),
    ).bind(alias.0).bind(i64::from(limit)).bind(i64::from(offset)).fetch_all(c))?;
    rows.into_iter().map(Contact::try_from).collect()
}

/// Takes a contact out of the list (`Some`: since when), or puts it back.
pub async fn set_hidden(tx: &mut Tx, id: ContactId, at: Option<Timestamp>) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE contacts SET hidden_at = $2 WHERE id = $1").bind(id.0).bind(at.map(Timestamp::as_micros)))
        .map(drop)
}

/// Whether the owner wrote to this address from the alias themselves.
pub async fn is_written_to(tx: &mut Tx, alias: AliasId, address: &str) -> Result<bool, Error> {
    const QUERY: &str = "SELECT id FROM contacts WHERE alias_id = $1 AND address_key = $2 AND written_at IS NOT NULL";
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(QUERY).bind(alias.0).bind(address).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Whether the owner never wrote to a contact themselves.
pub async fn is_unwritten(tx: &mut Tx, id: ContactId) -> Result<bool, Error> {
    const QUERY: &str = "SELECT id FROM contacts WHERE id = $1 AND written_at IS NULL";
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(QUERY).bind(id.0).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Notes that the owner wrote to a contact; the first time stays.
pub async fn note_written(tx: &mut Tx, id: ContactId, now: Timestamp) -> Result<(), Error> {
    let text = "UPDATE contacts SET written_at = $2 WHERE id = $1 AND written_at IS NULL";
    changed!(tx, sqlx::query(text).bind(id.0).bind(now.as_micros())).map(drop)
}
