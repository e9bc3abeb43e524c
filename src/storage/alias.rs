//! Aliases. [`find_route`] is what every RCPT asks; it is one statement on a unique index.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::alias::{Alias, AliasState};
use crate::model::alias_name;
use crate::model::id::{AliasId, DomainId, MailboxId, UserId};
use crate::model::mailbox::Mailbox;
use crate::model::site::Site;
use crate::model::{Address, Timestamp};

use super::mailbox::MailboxRow;
use super::{Error, ErrorKind, Tx, changed, columns, delivery, message, on};

/// The text of [`find_route`], public so that a test can ask both databases how they would run it.
pub const FIND_ROUTE: &str = "SELECT a.id, a.uuid, a.user_id, a.domain_id, a.address, a.site, a.state, a.note, a.expires_at, \
     a.max_messages, a.messages_used, a.created_at, a.state_changed_at, a.display_name, a.link_epoch, \
     m.id AS mailbox_id, m.uuid AS mailbox_uuid, m.user_id AS mailbox_user_id, m.address AS mailbox_address, \
     m.verified_at AS mailbox_verified_at, m.is_default AS mailbox_is_default, m.created_at AS mailbox_created_at, \
     m.paused_at AS mailbox_paused_at, m.paused_status AS mailbox_paused_status, k.expires_at AS key_expires_at, \
     EXISTS (SELECT 1 FROM made_aliases f WHERE f.alias_id = a.id AND f.kept_at IS NULL) AS is_provisional, \
     (EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = a.user_id) \
     OR EXISTS (SELECT 1 FROM contacts c WHERE c.alias_id = a.id AND c.blocked_at IS NOT NULL)) AS has_blocks \
     FROM aliases a \
     LEFT JOIN alias_mailboxes am ON am.alias_id = a.id \
     LEFT JOIN mailboxes m ON m.id = am.mailbox_id \
     LEFT JOIN pgp_keys k ON k.mailbox_id = m.id \
     WHERE a.address = $1 \
     ORDER BY m.id";

/// Where mail for an alias goes.
#[derive(Debug, Clone)]
pub struct Route {
    /// The alias, whatever its state.
    pub alias: Alias,
    /// Its mailboxes that take mail now (verified, not paused), oldest first.
    pub mailboxes: Vec<Mailbox>,
    /// How many of its mailboxes are not verified and so take nothing yet.
    pub unverified: usize,
    /// Whether its owner blocked anybody, here or everywhere: only then is it worth asking whom.
    pub has_blocks: bool,
    /// How many are verified, but paused: their server refused them too often.
    pub paused: usize,
    /// When the first PGP key of those mailboxes expires, if one does: nothing goes there in clear.
    pub key_expires_at: Option<Timestamp>,
    /// Whether its first message made it and none is known to have been taken: it may be taken back any moment.
    pub is_provisional: bool,
}

/// What a new alias is made of.
#[derive(Debug, Clone)]
pub struct NewAlias {
    /// Id for the outside.
    pub uuid: Uuid,
    /// The owner.
    pub user_id: UserId,
    /// The domain of `address`.
    pub domain_id: DomainId,
    /// The address.
    pub address: Address,
    /// The site it is for.
    pub site: Option<Site>,
    /// The owner's note.
    pub note: String,
    /// When it dies by itself.
    pub expires_at: Option<Timestamp>,
    /// After how many messages it dies by itself.
    pub max_messages: Option<i64>,
    /// Where it forwards to.
    pub mailboxes: Vec<MailboxId>,
    /// Now.
    pub created_at: Timestamp,
}

/// Which aliases to list, newest first.
#[derive(Debug, Clone)]
pub struct AliasFilter {
    /// Whose.
    pub user_id: UserId,
    /// Only those for this site.
    pub site: Option<Site>,
    /// Only those in this state.
    pub state: Option<AliasState>,
    /// Only those older than this one: the last of the page before.
    pub before: Option<AliasId>,
    /// How many at the most.
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
pub(super) struct AliasRow {
    id: i64,
    uuid: Uuid,
    user_id: i64,
    domain_id: i64,
    address: String,
    site: Option<String>,
    state: String,
    note: String,
    expires_at: Option<i64>,
    max_messages: Option<i64>,
    messages_used: i64,
    created_at: i64,
    state_changed_at: i64,
    display_name: Option<String>,
    link_epoch: i32,
}

impl TryFrom<AliasRow> for Alias {
    type Error = Error;
    fn try_from(row: AliasRow) -> Result<Self, Error> {
        let site = row.site.map(|text| columns::domain("aliases", "site", row.id, &text)).transpose()?;
        Ok(Self {
            id: AliasId(row.id),
            uuid: row.uuid,
            user_id: UserId(row.user_id),
            domain_id: DomainId(row.domain_id),
            address: columns::folded("aliases", "address", row.id, &row.address)?,
            site: site.map(Site::from_stored),
            state: columns::word("aliases", "state", row.id, &row.state)?,
            note: row.note,
            expires_at: columns::optional_time(row.expires_at),
            max_messages: row.max_messages,
            messages_used: row.messages_used,
            created_at: Timestamp::from_micros(row.created_at),
            state_changed_at: Timestamp::from_micros(row.state_changed_at),
            display_name: row.display_name,
            link_epoch: row.link_epoch,
        })
    }
}

#[derive(sqlx::FromRow)]
struct RouteRow {
    #[sqlx(flatten)]
    alias: AliasRow,
    mailbox_id: Option<i64>,
    mailbox_uuid: Option<Uuid>,
    mailbox_user_id: Option<i64>,
    mailbox_address: Option<String>,
    mailbox_verified_at: Option<i64>,
    mailbox_is_default: Option<bool>,
    mailbox_created_at: Option<i64>,
    mailbox_paused_at: Option<i64>,
    mailbox_paused_status: Option<String>,
    has_blocks: bool,
    key_expires_at: Option<i64>,
    is_provisional: bool,
}

impl RouteRow {
    /// The outer join leaves all of these empty or none.
    fn mailbox(&self) -> Option<MailboxRow> {
        Some(MailboxRow {
            id: self.mailbox_id?,
            uuid: self.mailbox_uuid?,
            user_id: self.mailbox_user_id?,
            address: self.mailbox_address.clone()?,
            verified_at: self.mailbox_verified_at,
            is_default: self.mailbox_is_default?,
            created_at: self.mailbox_created_at?,
            paused_at: self.mailbox_paused_at,
            paused_status: self.mailbox_paused_status.clone(),
        })
    }
}

/// The alias of that folded address with its mailboxes, in one statement.
pub async fn find_route(tx: &mut Tx, address: &str) -> Result<Option<Route>, Error> {
    let rows: Vec<RouteRow> = on!(tx, c => sqlx::query_as(FIND_ROUTE).bind(address).fetch_all(c))?;
    let mut mailboxes = Vec::with_capacity(rows.len());
    for row in rows.iter().filter_map(RouteRow::mailbox) {
        mailboxes.push(Mailbox::try_from(row)?);
    }
    let takes_mail = |row: &&RouteRow| row.mailbox_verified_at.is_some() && row.mailbox_paused_at.is_none();
    let key_expires_at = rows.iter().filter(takes_mail).filter_map(|row| row.key_expires_at).min().map(Timestamp::from_micros);
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let all = mailboxes.len();
    mailboxes.retain(|mailbox| mailbox.verified_at.is_some());
    let verified = mailboxes.len();
    mailboxes.retain(|mailbox| mailbox.paused.is_none());
    let (unverified, paused) = (all - verified, verified - mailboxes.len());
    let (has_blocks, is_provisional) = (row.has_blocks, row.is_provisional);
    Ok(Some(Route { alias: row.alias.try_into()?, unverified, paused, has_blocks, mailboxes, key_expires_at, is_provisional }))
}

/// The alias with that key.
pub async fn find(tx: &mut Tx, id: AliasId) -> Result<Option<Alias>, Error> {
    let row: Option<AliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, link_epoch FROM aliases WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(Alias::try_from).transpose()
}

/// The alias of that folded address.
pub async fn find_by_address(tx: &mut Tx, address: &str) -> Result<Option<Alias>, Error> {
    let row: Option<AliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, link_epoch FROM aliases WHERE address = $1",
    ).bind(address).fetch_optional(c))?;
    row.map(Alias::try_from).transpose()
}

/// One page of a user's aliases, newest first.
pub async fn list(tx: &mut Tx, filter: &AliasFilter) -> Result<Vec<Alias>, Error> {
    let rows: Vec<AliasRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, \
         created_at, state_changed_at, display_name, link_epoch FROM aliases \
         WHERE user_id = $1 AND ($2 IS NULL OR site = $2) AND ($3 IS NULL OR state = $3) AND id < $4 \
         ORDER BY id DESC LIMIT $5",
    )
    .bind(filter.user_id.0)
    .bind(filter.site.as_ref().map(Site::as_str))
    .bind(filter.state.map(AliasState::as_str))
    .bind(filter.before.map_or(i64::MAX, |id| id.0))
    .bind(i64::from(filter.limit))
    .fetch_all(c))?;
    rows.into_iter().map(Alias::try_from).collect()
}

/// Makes an active alias. [`ErrorKind::Taken`] when the address exists or ever existed; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewAlias) -> Result<Alias, Error> {
    let address = new.address.folded();
    let row: Option<AliasRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO aliases (uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, created_at, \
         state_changed_at) VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, $9, $9) \
         ON CONFLICT (address) DO NOTHING RETURNING id, uuid, user_id, domain_id, address, site, state, note, expires_at, \
         max_messages, messages_used, created_at, state_changed_at, display_name, link_epoch",
    )
    .bind(new.uuid)
    .bind(new.user_id.0)
    .bind(new.domain_id.0)
    .bind(&address)
    .bind(new.site.as_ref().map(Site::as_str))
    .bind(&new.note)
    .bind(new.expires_at.map(Timestamp::as_micros))
    .bind(new.max_messages)
    .bind(new.created_at.as_micros())
    .fetch_optional(c))?;
    let taken = || Error::new(ErrorKind::Taken, "the address is taken");
    let alias = Alias::try_from(row.ok_or_else(taken)?)?;
    // Asked after the insert: one that is retired at the same moment has then left its hash.
    let (first, others) = match new.mailboxes.split_first() {
        Some((first, others)) => (add_unless_retired(tx, alias.id, *first, &address).await?, others),
        None => (!is_retired(tx, &address).await?, &[][..]),
    };
    if !first {
        changed!(tx, sqlx::query("DELETE FROM aliases WHERE id = $1").bind(alias.id.0))?;
        return Err(taken());
    }
    for mailbox in others {
        add_mailbox(tx, alias.id, *mailbox).await?;
    }
    Ok(alias)
}

/// Adds the first mailbox to a new alias, unless its address was handed out once and is gone: one question instead of two.
async fn add_unless_retired(tx: &mut Tx, id: AliasId, mailbox: MailboxId, address: &str) -> Result<bool, Error> {
    let added = changed!(
        tx,
        sqlx::query(
            "INSERT INTO alias_mailboxes (alias_id, mailbox_id) SELECT $1, $2 \
             WHERE NOT EXISTS (SELECT 1 FROM retired_addresses r WHERE r.address_hash = $3)"
        )
        .bind(id.0)
        .bind(mailbox.0)
        .bind(hash(address))
    )?;
    Ok(added == 1)
}

/// Adds a mailbox to an alias; nothing happens when it is there already.
pub async fn add_mailbox(tx: &mut Tx, id: AliasId, mailbox: MailboxId) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("INSERT INTO alias_mailboxes (alias_id, mailbox_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.0)
            .bind(mailbox.0)
    )
    .map(drop)
}

/// Changes the state; false when there is no such alias or it was in that state already.
pub async fn set_state(tx: &mut Tx, id: AliasId, state: AliasState, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE aliases SET state = $2, state_changed_at = $3 WHERE id = $1 AND state <> $2")
            .bind(id.0)
            .bind(state.as_str())
            .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// Changes the name replies go out with and the owner's note.
pub async fn set_texts(tx: &mut Tx, id: AliasId, display_name: Option<&str>, note: &str) -> Result<(), Error> {
    let text = "UPDATE aliases SET display_name = $2, note = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(display_name).bind(note)).map(drop)
}

/// Changes the state if it is `from` at that moment: between a look and a change somebody else may have killed it.
pub async fn replace_state(tx: &mut Tx, id: AliasId, from: AliasState, to: AliasState, now: Timestamp) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query("UPDATE aliases SET state = $3, state_changed_at = $4 WHERE id = $1 AND state = $2")
            .bind(id.0)
            .bind(from.as_str())
            .bind(to.as_str())
            .bind(now.as_micros())
    )?;
    Ok(changed == 1)
}

/// The state, held fast: on PostgreSQL nobody changes it before this transaction ends. Whoever puts a delivery into the
/// queue asks this first, so that a kill either is seen here or cancels that delivery.
pub async fn hold_state(tx: &mut Tx, id: AliasId) -> Result<Option<AliasState>, Error> {
    let text = match tx {
        Tx::Postgres(_) => "SELECT state FROM aliases WHERE id = $1 FOR SHARE",
        // SQLite has one writer.
        Tx::Sqlite(_) | Tx::PostgresRead(_) => "SELECT state FROM aliases WHERE id = $1",
    };
    let state: Option<String> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_optional(c))?;
    state.map(|state| columns::word("aliases", "state", id.0, &state)).transpose()
}

/// Keeps everybody else from changing an alias, or from giving it anything, before this transaction ends; false when it is
/// gone. What is asked after this, in a statement of its own, still holds when the transaction ends.
pub async fn lock(tx: &mut Tx, id: AliasId) -> Result<bool, Error> {
    let text = match tx {
        Tx::Postgres(_) => "SELECT id FROM aliases WHERE id = $1 FOR UPDATE",
        // SQLite has one writer.
        Tx::Sqlite(_) | Tx::PostgresRead(_) => "SELECT id FROM aliases WHERE id = $1",
    };
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(text).bind(id.0).fetch_optional(c))?;
    Ok(found.is_some())
}

/// Counts one accepted message; false when the alias has none left (or is gone). Never counts past the maximum.
pub async fn count_message(tx: &mut Tx, id: AliasId) -> Result<bool, Error> {
    let changed = changed!(
        tx,
        sqlx::query(
            "UPDATE aliases SET messages_used = messages_used + 1 \
             WHERE id = $1 AND (max_messages IS NULL OR messages_used < max_messages)"
        )
        .bind(id.0)
    )?;
    Ok(changed == 1)
}

/// Gives one counted message back: it was not accepted after all.
pub async fn uncount_message(tx: &mut Tx, id: AliasId) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query("UPDATE aliases SET messages_used = messages_used - 1 WHERE id = $1 AND messages_used > 0").bind(id.0)
    )
    .map(drop)
}

/// Whether mail ever came to an alias or left by it, or it is prepared for any.
pub async fn is_used(tx: &mut Tx, id: AliasId) -> Result<bool, Error> {
    on!(tx, c => sqlx::query_scalar(
        "SELECT (EXISTS (SELECT 1 FROM activity t WHERE t.alias_id = $1) OR EXISTS (SELECT 1 FROM sightings s WHERE s.alias_id = $1) \
         OR EXISTS (SELECT 1 FROM deliveries d WHERE d.alias_id = $1) OR EXISTS (SELECT 1 FROM contacts c WHERE c.alias_id = $1) \
         OR EXISTS (SELECT 1 FROM aliases a WHERE a.id = $1 AND a.messages_used > 0)) AS used",
    ).bind(id.0).fetch_one(c))
}

/// Removes an alias as if it had never been made: its address may be given out again.
pub async fn unmake(tx: &mut Tx, id: AliasId) -> Result<(), Error> {
    changed!(tx, sqlx::query("DELETE FROM aliases WHERE id = $1").bind(id.0)).map(drop)
}

/// Removes an alias with its deliveries and contacts; its address is never given to anyone again. Role addresses belong
/// to their domain: the next administrator gets them.
pub async fn retire(tx: &mut Tx, alias: &Alias, now: Timestamp) -> Result<(), Error> {
    if !alias_name::is_role(alias.address.local()) {
        changed!(
            tx,
            sqlx::query("INSERT INTO retired_addresses (address_hash, retired_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(hash(&alias.address.folded()))
                .bind(now.as_micros())
        )?;
    }
    let messages = delivery::messages_of_alias(tx, alias.id).await?;
    changed!(tx, sqlx::query("DELETE FROM aliases WHERE id = $1").bind(alias.id.0))?;
    for id in messages {
        message::erase_if_done(tx, id).await?;
    }
    Ok(())
}

/// Whether that folded address was handed out once and is gone.
pub async fn is_retired(tx: &mut Tx, address: &str) -> Result<bool, Error> {
    let found: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT retired_at FROM retired_addresses WHERE address_hash = $1",
    ).bind(hash(address)).fetch_optional(c))?;
    Ok(found.is_some())
}

pub(super) fn hash(address: &str) -> Vec<u8> {
    Sha256::digest(address).to_vec()
}
