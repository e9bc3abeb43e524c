//! Pages of a user's aliases in the orders that clients of addy.io ask for: by counts, by days, by state.
//!
//! No index has these orders: a page costs what all of the user's aliases cost. Lists that are looked at all day take
//! their pages from [`super::alias_page`].

use crate::model::alias::AliasState;
use crate::model::id::AliasId;
use crate::model::site::Site;
use crate::model::tag::Tag;

use super::alias_details::{self, Listed};
use super::alias_page::{PageFilter, filters};
use super::{Error, Tx, on};

/// By what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// The address, which begins with its local part.
    Address,
    /// The name of the domain.
    Domain,
    /// Messages forwarded.
    Forwarded,
    /// Messages blocked.
    Blocked,
    /// Replies.
    Replied,
    /// The last day on which a message was forwarded.
    LastForwarded,
    /// The last day on which a message was blocked.
    LastBlocked,
    /// The last day of a reply.
    LastReplied,
    /// The last day on which anything happened.
    LastUsed,
    /// Whether it takes mail.
    Active,
    /// When it was made.
    Created,
    /// When its state changed.
    Changed,
    /// When it was killed; the others together.
    Killed,
}

macro_rules! sorted {
    ($key:expr, $direction:literal) => {
        concat!(
            "SELECT a.id FROM aliases a WHERE a.user_id = $1 AND ((a.state = 'active' AND $2) OR (a.state = 'locked' AND $3) \
             OR (a.state = 'paused' AND $4) OR (a.state = 'killed' AND $5)) \
             AND ((a.pinned = TRUE AND $6) OR (a.pinned = FALSE AND $7))",
            filters!(),
            " ORDER BY a.pinned DESC, ",
            $key,
            $direction,
            ", a.id DESC LIMIT $8 OFFSET $9"
        )
    };
}

macro_rules! sum {
    ($column:literal) => {
        concat!("(SELECT COALESCE(SUM(s.", $column, "), 0) FROM activity s WHERE s.alias_id = a.id)")
    };
}

macro_rules! last {
    ($condition:literal) => {
        concat!("(SELECT COALESCE(MAX(s.day), 0) FROM activity s WHERE s.alias_id = a.id AND ", $condition, ")")
    };
}

macro_rules! both {
    ($descending:expr, $key:expr) => {
        if $descending { sorted!($key, " DESC") } else { sorted!($key, "") }
    };
}

fn statement(key: SortKey, descending: bool) -> &'static str {
    match key {
        SortKey::Address => both!(descending, "a.address"),
        SortKey::Domain => both!(descending, "(SELECT d.name FROM domains d WHERE d.id = a.domain_id)"),
        SortKey::Forwarded => both!(descending, sum!("forwarded")),
        SortKey::Blocked => both!(descending, sum!("blocked")),
        SortKey::Replied => both!(descending, sum!("replied")),
        SortKey::LastForwarded => both!(descending, last!("s.forwarded > 0")),
        SortKey::LastBlocked => both!(descending, last!("s.blocked > 0")),
        SortKey::LastReplied => both!(descending, last!("s.replied > 0")),
        SortKey::LastUsed => both!(descending, last!("s.forwarded + s.blocked + s.replied > 0")),
        SortKey::Active => both!(descending, "CASE WHEN a.state IN ('active', 'locked') THEN 1 ELSE 0 END"),
        // Keys rise with time, and no two are the same.
        SortKey::Created => both!(descending, "a.id"),
        SortKey::Changed => both!(descending, "a.state_changed_at"),
        SortKey::Killed => both!(descending, "CASE WHEN a.state = 'killed' THEN a.state_changed_at ELSE 0 END"),
    }
}

/// One page; pinned ones come first in every order, and what is equal by newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &PageFilter,
    (key, descending): (SortKey, bool),
    offset: u32,
    limit: u32,
) -> Result<Vec<Listed>, Error> {
    let ids: Vec<i64> = on!(tx, c => sqlx::query_scalar(statement(key, descending))
        .bind(filter.user_id.0)
        .bind(filter.wants(AliasState::Active))
        .bind(filter.wants(AliasState::Locked))
        .bind(filter.wants(AliasState::Paused))
        .bind(filter.wants(AliasState::Killed))
        .bind(filter.pinned != Some(false))
        .bind(filter.pinned != Some(true))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .bind(filter.pattern())
        .bind(filter.domain.map(|id| id.0))
        .bind(filter.mailbox.map(|id| id.0))
        .bind(filter.site.as_ref().map(Site::as_str))
        .bind(filter.tag.as_ref().map(Tag::as_str))
        .fetch_all(c))?;
    let ids: Vec<AliasId> = ids.into_iter().map(AliasId).collect();
    alias_details::list(tx, &ids).await
}
