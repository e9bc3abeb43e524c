//! The mail of the aliases on a page at a glance: how much on each of the last days, and who wrote last.

use std::collections::HashMap;

use crate::model::Timestamp;
use crate::model::id::AliasId;

use super::alias_details::of_these;
use super::{Error, Tx, patiently};

/// The mail of one alias at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Messages forwarded by day (days since the epoch), oldest first; days without any are left out.
    pub days: Vec<(i64, i64)>,
    /// Whose message was the last (a registrable domain; empty when that was not kept), and when it came.
    pub last: Option<(String, Timestamp)>,
}

#[derive(sqlx::FromRow)]
struct DayRow {
    alias_id: i64,
    day: i64,
    forwarded: i64,
}

#[derive(sqlx::FromRow)]
struct LastRow {
    alias_id: i64,
    organisation: String,
    last_seen_at: i64,
}

/// The mail of these aliases since `from_day`; those that never had any are left out.
pub async fn list(tx: &mut Tx, ids: &[AliasId], from_day: i64) -> Result<HashMap<AliasId, Glance>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let ids = ids.as_slice();
    let mut found = HashMap::<AliasId, Glance>::new();
    let days = of_these!(
        tx,
        ids,
        DayRow,
        "SELECT alias_id, day, forwarded FROM activity WHERE alias_id",
        " AND day >= $2 AND forwarded > 0 ORDER BY day",
        from_day
    );
    for row in days {
        found.entry(AliasId(row.alias_id)).or_default().days.push((row.day, row.forwarded));
    }
    let last = of_these!(
        tx,
        ids,
        LastRow,
        "SELECT alias_id, organisation, last_seen_at FROM (SELECT alias_id, organisation, last_seen_at, ROW_NUMBER() OVER \
         (PARTITION BY alias_id ORDER BY last_seen_at DESC, organisation, proof, signer) AS place FROM sightings WHERE alias_id",
        ") seen WHERE place = 1"
    );
    for row in last {
        let last = (row.organisation, Timestamp::from_micros(row.last_seen_at));
        found.entry(AliasId(row.alias_id)).or_default().last = Some(last);
    }
    Ok(found)
}
