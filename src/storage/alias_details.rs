//! What lists show of aliases besides their rows: mailboxes and totals, asked for all aliases of a page at once.

use std::collections::HashMap;

use crate::model::activity::Activity;
use crate::model::alias::{Alias, MadeBy};
use crate::model::id::AliasId;
use crate::model::mailbox::Mailbox;
use crate::model::tag::Tag;

use super::alias::AliasRow;
use super::mailbox::MailboxRow;
use super::{Error, Tx, columns, patiently};

/// An alias as lists show it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The alias.
    pub alias: Alias,
    /// Whether its owner wants to see it first.
    pub pinned: bool,
    /// Where it forwards to, verified or not, oldest first.
    pub mailboxes: Vec<Mailbox>,
    /// The labels its owner gave it, in order.
    pub tags: Vec<Tag>,
    /// Everything it ever counted.
    pub total: Activity,
    /// The last day (since the epoch) on which anything was counted.
    pub last_day: Option<i64>,
    /// The last days of what clients show by itself.
    pub last: LastDays,
    /// How it came to be, when its first message made it.
    pub made_by: Option<MadeBy>,
}

/// The last days (since the epoch) on which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastDays {
    /// A message was forwarded.
    pub forwarded: Option<i64>,
    /// A message was blocked.
    pub blocked: Option<i64>,
    /// A reply went out.
    pub replied: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    alias: AliasRow,
    pinned: bool,
    how: Option<String>,
}

#[derive(sqlx::FromRow)]
struct OfAliasRow {
    alias_id: i64,
    #[sqlx(flatten)]
    mailbox: MailboxRow,
}

#[derive(sqlx::FromRow)]
struct TagRow {
    alias_id: i64,
    tag: String,
}

#[derive(sqlx::FromRow)]
struct SumRow {
    alias_id: i64,
    last_day: i64,
    last_forwarded: Option<i64>,
    last_blocked: Option<i64>,
    last_replied: Option<i64>,
    forwarded: i64,
    blocked: i64,
    refused: i64,
    failed: i64,
    cancelled: i64,
    replied: i64,
    unproven: i64,
    quoted: i64,
}

impl SumRow {
    fn total(&self) -> Activity {
        Activity {
            forwarded: self.forwarded,
            blocked: self.blocked,
            refused: self.refused,
            failed: self.failed,
            cancelled: self.cancelled,
            replied: self.replied,
            unproven: self.unproven,
            quoted: self.quoted,
        }
    }
}

/// Rows that belong to these keys: a list as one parameter is where the dialects part. What the tail asks for besides has
/// the numbers from $2 on.
macro_rules! of_these {
    ($tx:expr, $ids:expr, $row:ty, $head:literal, $tail:literal $(, $more:expr)*) => {{
        let postgres = concat!($head, " = ANY($1)", $tail);
        let rows: Vec<$row> = match $tx {
            Tx::Sqlite(t) => {
                sqlx::query_as(concat!($head, " IN (SELECT value FROM json_each($1))", $tail))
                    .bind(serde_json::Value::from($ids.to_vec()).to_string())
                    $(.bind($more))*
                    .fetch_all(&mut **t)
                    .await
            }
            Tx::PostgresRead(t) | Tx::Postgres(t) => {
                patiently!(t, c => sqlx::query_as(postgres).bind($ids)$(.bind($more))*.fetch_all(c))
            }
        }?;
        rows
    }};
}
pub(super) use of_these;

/// What lists show of these aliases, in their order; those that are gone are left out.
pub async fn list(tx: &mut Tx, ids: &[AliasId]) -> Result<Vec<Listed>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let ids = ids.as_slice();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let aliases = of_these!(
        tx,
        ids,
        ListedRow,
        "SELECT id, uuid, user_id, domain_id, address, site, state, note, expires_at, max_messages, messages_used, created_at, \
         state_changed_at, display_name, link_epoch, pinned, \
         (SELECT m.how FROM made_aliases m WHERE m.alias_id = aliases.id) AS how FROM aliases WHERE id",
        ""
    );
    let mailboxes = of_these!(
        tx,
        ids,
        OfAliasRow,
        "SELECT am.alias_id, m.id, m.uuid, m.user_id, m.address, m.verified_at, m.is_default, m.created_at, m.paused_at, \
         m.paused_status FROM alias_mailboxes am JOIN mailboxes m ON m.id = am.mailbox_id WHERE am.alias_id",
        " ORDER BY m.id"
    );
    let sums = of_these!(
        tx,
        ids,
        SumRow,
        "SELECT alias_id, MAX(day) AS last_day, MAX(CASE WHEN forwarded > 0 THEN day END) AS last_forwarded, \
         MAX(CASE WHEN blocked > 0 THEN day END) AS last_blocked, MAX(CASE WHEN replied > 0 THEN day END) AS last_replied, \
         CAST(SUM(forwarded) AS BIGINT) AS forwarded, \
         CAST(SUM(blocked) AS BIGINT) AS blocked, CAST(SUM(refused) AS BIGINT) AS refused, \
         CAST(SUM(failed) AS BIGINT) AS failed, CAST(SUM(cancelled) AS BIGINT) AS cancelled, \
         CAST(SUM(replied) AS BIGINT) AS replied, CAST(SUM(unproven) AS BIGINT) AS unproven, \
         CAST(SUM(quoted) AS BIGINT) AS quoted FROM activity WHERE alias_id",
        " GROUP BY alias_id"
    );
    let tags = of_these!(tx, ids, TagRow, "SELECT alias_id, tag FROM alias_tags WHERE alias_id", "");
    let mut found = HashMap::with_capacity(aliases.len());
    for row in aliases {
        let alias = Alias::try_from(row.alias)?;
        let made_by = row.how.map(|how| columns::word("made_aliases", "how", alias.id.0, &how)).transpose()?;
        let (mailboxes, total, last) = (Vec::new(), Activity::default(), LastDays::default());
        let listed = Listed { pinned: row.pinned, mailboxes, tags: Vec::new(), total, last_day: None, last, made_by, alias };
        found.insert(listed.alias.id.0, listed);
    }
    for row in mailboxes {
        if let Some(listed) = found.get_mut(&row.alias_id) {
            listed.mailboxes.push(row.mailbox.try_into()?);
        }
    }
    for row in tags {
        if let Some(listed) = found.get_mut(&row.alias_id) {
            listed.tags.push(columns::word("alias_tags", "alias_id", row.alias_id, &row.tag)?);
            listed.tags.sort_unstable();
        }
    }
    for row in sums {
        if let Some(listed) = found.get_mut(&row.alias_id) {
            listed.total = row.total();
            listed.last_day = Some(row.last_day);
            listed.last = LastDays { forwarded: row.last_forwarded, blocked: row.last_blocked, replied: row.last_replied };
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}
