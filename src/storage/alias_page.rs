//! Pages of a user's aliases with everything a list shows.
//!
//! A page is found in two steps: its keys, then what belongs to them, so that nothing is summed up for a row that is not
//! shown. The keys come from one index, whatever states are wanted: one branch for each state and for pinned or not, each
//! in order and cut to the page, then merged. A page by cursor costs the same wherever it lies; one by offset costs what
//! it skips, and so does a filter for what is rare.

use uuid::Uuid;

use crate::model::alias::AliasState;
use crate::model::id::{AliasId, DomainId, MailboxId, UserId};
use crate::model::site::Site;
use crate::model::tag::Tag;

use super::alias_details::{self, Listed};
use super::{Error, Tx, on};

/// Which aliases are wanted.
#[derive(Debug, Clone)]
pub struct PageFilter {
    /// Whose.
    pub user_id: UserId,
    /// Only those in one of these states.
    pub states: Vec<AliasState>,
    /// Only those that are pinned, or that are not.
    pub pinned: Option<bool>,
    /// Only those with this text in address, note or site, in any case.
    pub search: Option<String>,
    /// Only those for this site.
    pub site: Option<Site>,
    /// Only those that forward here.
    pub mailbox: Option<MailboxId>,
    /// Only those on this domain.
    pub domain: Option<DomainId>,
    /// Only those with this tag.
    pub tag: Option<Tag>,
}

impl PageFilter {
    /// All that a user has and did not kill.
    pub fn alive(user_id: UserId) -> Self {
        let states = vec![AliasState::Active, AliasState::Locked, AliasState::Paused];
        Self { user_id, states, pinned: None, search: None, site: None, mailbox: None, domain: None, tag: None }
    }

    /// Whatever a user has or had.
    pub fn all(user_id: UserId) -> Self {
        let mut filter = Self::alive(user_id);
        filter.states.push(AliasState::Killed);
        filter
    }

    pub(super) fn wants(&self, state: AliasState) -> bool {
        self.states.contains(&state)
    }

    /// The text as a pattern, its own wildcards taken for what they are.
    pub(super) fn pattern(&self) -> Option<String> {
        let search = self.search.as_ref()?.trim().to_lowercase();
        let escaped = search.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        (!escaped.is_empty()).then(|| format!("%{escaped}%"))
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageOrder {
    /// Pinned ones, then the others, each newest first.
    #[default]
    PinnedFirst,
    /// The same from its end: how a list with pinned ones first is read backwards.
    PinnedLast,
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
    /// By address.
    Address,
    /// By address, from the end.
    AddressReversed,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// After so many.
    Offset(u32),
    /// After the last of the page before.
    After(Cursor),
}

/// The place of an alias in every order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whether it was pinned.
    pub pinned: bool,
    /// Its key.
    pub id: AliasId,
    /// Its folded address.
    pub address: String,
}

impl Cursor {
    /// Where the page after this alias begins.
    pub fn after(listed: &Listed) -> Self {
        let alias = &listed.alias;
        Self { pinned: listed.pinned, id: alias.id, address: alias.address.folded() }
    }
}

macro_rules! filters {
    () => {
        " AND ($10 IS NULL OR a.address LIKE $10 ESCAPE '!' OR a.site LIKE $10 ESCAPE '!' OR LOWER(a.note) LIKE $10 ESCAPE '!') \
          AND ($11 IS NULL OR a.domain_id = $11) \
          AND ($12 IS NULL OR EXISTS (SELECT 1 FROM alias_mailboxes am WHERE am.alias_id = a.id AND am.mailbox_id = $12)) \
          AND ($13 IS NULL OR a.site = $13) \
          AND ($14 IS NULL OR EXISTS (SELECT 1 FROM alias_tags at WHERE at.alias_id = a.id AND at.tag = $14))"
    };
}
pub(super) use filters;

macro_rules! branch {
    ($state:literal, $pinned:literal, $after:expr, $order:expr) => {
        concat!(
            "SELECT id, pinned, address FROM (SELECT a.id, a.pinned, a.address FROM aliases a WHERE a.user_id = $1 AND ",
            $state,
            " AND ",
            $pinned,
            " AND a.",
            $after,
            filters!(),
            " ORDER BY a.",
            $order,
            " LIMIT $15) b"
        )
    };
}

/// `$pinned` and `$others` say where a page begins among the pinned ones and among the others.
macro_rules! page {
    ($pinned:literal, $others:literal, $order:literal, $merge:literal) => {
        concat!(
            "SELECT id FROM (",
            branch!("a.state = 'active' AND $2", "a.pinned = TRUE AND $6", $pinned, $order),
            " UNION ALL ",
            branch!("a.state = 'active' AND $2", "a.pinned = FALSE AND $7", $others, $order),
            " UNION ALL ",
            branch!("a.state = 'locked' AND $3", "a.pinned = TRUE AND $6", $pinned, $order),
            " UNION ALL ",
            branch!("a.state = 'locked' AND $3", "a.pinned = FALSE AND $7", $others, $order),
            " UNION ALL ",
            branch!("a.state = 'paused' AND $4", "a.pinned = TRUE AND $6", $pinned, $order),
            " UNION ALL ",
            branch!("a.state = 'paused' AND $4", "a.pinned = FALSE AND $7", $others, $order),
            " UNION ALL ",
            branch!("a.state = 'killed' AND $5", "a.pinned = TRUE AND $6", $pinned, $order),
            " UNION ALL ",
            branch!("a.state = 'killed' AND $5", "a.pinned = FALSE AND $7", $others, $order),
            ") page ORDER BY ",
            $merge,
            " LIMIT $16 OFFSET $17"
        )
    };
}

/// A page of the aliases for one site: those are few, found by the index of sites, and sorted.
macro_rules! site_page {
    ($pinned:literal, $others:literal, $merge:literal) => {
        concat!(
            "SELECT a.id FROM aliases a WHERE a.user_id = $1 AND a.site = $13 AND ((a.state = 'active' AND $2) \
             OR (a.state = 'locked' AND $3) OR (a.state = 'paused' AND $4) OR (a.state = 'killed' AND $5)) \
             AND ((a.pinned = TRUE AND $6 AND a.",
            $pinned,
            ") OR (a.pinned = FALSE AND $7 AND a.",
            $others,
            "))",
            filters!(),
            // So that the parameters have the same numbers in every statement.
            " AND $15 >= 0 ORDER BY ",
            $merge,
            " LIMIT $16 OFFSET $17"
        )
    };
}

const SITE_PINNED_FIRST: &str = site_page!("id < $8", "id < $9", "a.pinned DESC, a.id DESC");
const SITE_PINNED_LAST: &str = site_page!("id > $8", "id > $9", "a.pinned, a.id");
const SITE_NEWEST: &str = site_page!("id < $8", "id < $9", "a.id DESC");
const SITE_OLDEST: &str = site_page!("id > $8", "id > $9", "a.id");
const SITE_ADDRESS: &str = site_page!("address > $8", "address > $9", "a.address");
const SITE_ADDRESS_REVERSED: &str = site_page!("address < $8", "address < $9", "a.address DESC");
const SITE_ADDRESS_REVERSED_FIRST: &str = site_page!("address > $8", "address > $9", "a.address DESC");

const PINNED_FIRST: &str = page!("id < $8", "id < $9", "id DESC", "pinned DESC, id DESC");
const PINNED_LAST: &str = page!("id > $8", "id > $9", "id", "pinned, id");
const NEWEST: &str = page!("id < $8", "id < $9", "id DESC", "id DESC");
const OLDEST: &str = page!("id > $8", "id > $9", "id", "id");
const ADDRESS: &str = page!("address > $8", "address > $9", "address", "address");
const ADDRESS_REVERSED: &str = page!("address < $8", "address < $9", "address DESC", "address DESC");
/// No text is greater than every other in every collation, so that the first page has a statement of its own.
const ADDRESS_REVERSED_FIRST: &str = page!("address > $8", "address > $9", "address DESC", "address DESC");

/// The statement behind a page, public so that a test can ask both databases how they would run it.
pub fn statement(order: PageOrder, start: &PageStart) -> &'static str {
    match (order, start) {
        (PageOrder::PinnedFirst, _) => PINNED_FIRST,
        (PageOrder::PinnedLast, _) => PINNED_LAST,
        (PageOrder::Newest, _) => NEWEST,
        (PageOrder::Oldest, _) => OLDEST,
        (PageOrder::Address, _) => ADDRESS,
        (PageOrder::AddressReversed, PageStart::After(_)) => ADDRESS_REVERSED,
        (PageOrder::AddressReversed, PageStart::Offset(_)) => ADDRESS_REVERSED_FIRST,
    }
}

/// The same for the aliases of one site.
pub fn site_statement(order: PageOrder, start: &PageStart) -> &'static str {
    match (order, start) {
        (PageOrder::PinnedFirst, _) => SITE_PINNED_FIRST,
        (PageOrder::PinnedLast, _) => SITE_PINNED_LAST,
        (PageOrder::Newest, _) => SITE_NEWEST,
        (PageOrder::Oldest, _) => SITE_OLDEST,
        (PageOrder::Address, _) => SITE_ADDRESS,
        (PageOrder::AddressReversed, PageStart::After(_)) => SITE_ADDRESS_REVERSED,
        (PageOrder::AddressReversed, PageStart::Offset(_)) => SITE_ADDRESS_REVERSED_FIRST,
    }
}

/// One page.
pub async fn list(
    tx: &mut Tx,
    filter: &PageFilter,
    order: PageOrder,
    start: &PageStart,
    limit: u32,
) -> Result<Vec<Listed>, Error> {
    let ids = keys(tx, filter, order, start, limit).await?;
    alias_details::list(tx, &ids).await
}

async fn keys(tx: &mut Tx, filter: &PageFilter, order: PageOrder, start: &PageStart, limit: u32) -> Result<Vec<AliasId>, Error> {
    let (cursor, offset) = match start {
        PageStart::After(cursor) => (Some(cursor), 0),
        PageStart::Offset(offset) => (None, i64::from(*offset)),
    };
    // Behind an unpinned one there is no pinned one more.
    let past_pinned = order == PageOrder::PinnedFirst && cursor.is_some_and(|cursor| !cursor.pinned);
    let in_pinned = order == PageOrder::PinnedFirst && cursor.is_some_and(|cursor| cursor.pinned);
    // Read backwards, there is none that is not pinned behind one that is.
    let past_others = order == PageOrder::PinnedLast && cursor.is_some_and(|cursor| cursor.pinned);
    let text = if filter.site.is_some() { site_statement(order, start) } else { statement(order, start) };
    let reach = i64::from(limit).saturating_add(offset);
    macro_rules! ask {
        ($pinned:expr, $others:expr) => {
            on!(tx, c => sqlx::query_scalar(text)
                .bind(filter.user_id.0)
                .bind(filter.wants(AliasState::Active))
                .bind(filter.wants(AliasState::Locked))
                .bind(filter.wants(AliasState::Paused))
                .bind(filter.wants(AliasState::Killed))
                .bind(filter.pinned != Some(false) && !past_pinned)
                .bind(filter.pinned != Some(true) && !past_others)
                .bind($pinned)
                .bind($others)
                .bind(filter.pattern())
                .bind(filter.domain.map(|id| id.0))
                .bind(filter.mailbox.map(|id| id.0))
                .bind(filter.site.as_ref().map(Site::as_str))
                .bind(filter.tag.as_ref().map(Tag::as_str))
                .bind(reach)
                .bind(i64::from(limit))
                .bind(offset)
                .fetch_all(c))
        };
    }
    let ids: Vec<i64> = match order {
        PageOrder::PinnedFirst | PageOrder::Newest => {
            let before = cursor.map_or(i64::MAX, |cursor| cursor.id.0);
            ask!(before, if in_pinned { i64::MAX } else { before })
        }
        PageOrder::PinnedLast => {
            let after = cursor.map_or(i64::MIN, |cursor| cursor.id.0);
            ask!(if past_others { after } else { i64::MIN }, after)
        }
        PageOrder::Oldest => {
            let after = cursor.map_or(i64::MIN, |cursor| cursor.id.0);
            ask!(after, after)
        }
        PageOrder::Address | PageOrder::AddressReversed => {
            let from = cursor.map_or("", |cursor| cursor.address.as_str());
            ask!(from, from)
        }
    }?;
    Ok(ids.into_iter().map(AliasId).collect())
}

/// How many there are in all.
pub async fn count(tx: &mut Tx, filter: &PageFilter) -> Result<i64, Error> {
    count_up_to(tx, filter, i64::MAX).await
}

/// How many there are, or `most` when there are more: nobody waits for the exact number of a million.
pub async fn count_up_to(tx: &mut Tx, filter: &PageFilter, most: i64) -> Result<i64, Error> {
    on!(tx, c => sqlx::query_scalar(concat!(
        "SELECT COUNT(*) FROM (SELECT a.id FROM aliases a WHERE a.user_id = $1 AND ((a.state = 'active' AND $2) OR (a.state = 'locked' AND $3) \
         OR (a.state = 'paused' AND $4) OR (a.state = 'killed' AND $5)) AND ((a.pinned AND $6) OR (NOT a.pinned AND $7)) \
         AND $8 = $9",
        filters!(),
        " LIMIT $15) counted",
    ))
    .bind(filter.user_id.0)
    .bind(filter.wants(AliasState::Active))
    .bind(filter.wants(AliasState::Locked))
    .bind(filter.wants(AliasState::Paused))
    .bind(filter.wants(AliasState::Killed))
    .bind(filter.pinned != Some(false))
    .bind(filter.pinned != Some(true))
    // So that the filters have the same numbers here.
    .bind(0_i64)
    .bind(0_i64)
    .bind(filter.pattern())
    .bind(filter.domain.map(|id| id.0))
    .bind(filter.mailbox.map(|id| id.0))
    .bind(filter.site.as_ref().map(Site::as_str))
    .bind(filter.tag.as_ref().map(Tag::as_str))
    .bind(most)
    .fetch_one(c))
}

/// The key of the alias with that id for the outside, if it is this user's.
pub async fn find_key(tx: &mut Tx, user: UserId, uuid: Uuid) -> Result<Option<AliasId>, Error> {
    let id: Option<i64> = on!(tx, c => sqlx::query_scalar("SELECT id FROM aliases WHERE uuid = $1 AND user_id = $2")
        .bind(uuid).bind(user.0).fetch_optional(c))?;
    Ok(id.map(AliasId))
}

/// The newest active alias a user has for a site.
pub async fn find_for_site(tx: &mut Tx, user: UserId, site: &Site) -> Result<Option<AliasId>, Error> {
    let id: Option<i64> = on!(tx, c => sqlx::query_scalar(
        "SELECT id FROM aliases WHERE user_id = $1 AND site = $2 AND state = 'active' ORDER BY id DESC LIMIT 1",
    ).bind(user.0).bind(site.as_str()).fetch_optional(c))?;
    Ok(id.map(AliasId))
}
