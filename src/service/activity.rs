//! What happened lately at all aliases of a user together.

use std::collections::HashMap;
use std::time::Duration;

use super::Desk;
use super::failed_delivery::{Failed, with_names};
use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::id::{AliasId, UserId};
use crate::model::sighting::{Seen, SightingKey};
use crate::storage::{self, Tx, activity, alias, sighting, undelivered};

/// Aliases, senders and failures shown at the most.
const SHOWN: u32 = 10;

/// What happened lately.
#[derive(Debug, Clone)]
pub struct Recent {
    /// What was counted on each day (since the epoch), the oldest first and today last.
    pub days: Vec<(i64, Activity)>,
    /// All of it together.
    pub total: Activity,
    /// The aliases with most mail in that time.
    pub busiest: Vec<(Alias, Activity)>,
    /// Who wrote for the first time in that time, the newest first.
    pub newcomers: Vec<(Alias, SightingKey, Seen)>,
    /// What was not delivered, or not yet; the newest first.
    pub undelivered: Vec<Failed>,
    /// Messages that wait, and those that are held; nothing else counts them yet.
    pub pending: (i64, i64),
}

/// What happened in the last days, today included.
pub async fn recent(desk: &Desk, user: UserId, days: u16) -> Result<Recent, storage::Error> {
    let now = desk.clock.now();
    let first = now.day() - i64::from(days) + 1;
    let tx = &mut desk.storage.read().await?;
    let days_ = filled(first, now.day(), activity::of_user(tx, user, first).await?);
    let mut total = Activity::default();
    for (_, counts) in &days_ {
        total.add(*counts);
    }
    let mut known = HashMap::new();
    let mut busiest = Vec::new();
    for (id, counts) in activity::busiest(tx, user, first, SHOWN).await? {
        busiest.extend(named(tx, &mut known, id).await?.map(|alias| (alias, counts)));
    }
    let since = now.minus(Duration::from_hours(24 * u64::from(days)));
    let mut newcomers = Vec::new();
    for (key, seen) in sighting::newcomers(tx, user, since, SHOWN).await? {
        newcomers.extend(named(tx, &mut known, key.alias_id).await?.map(|alias| (alias, key, seen)));
    }
    let filter = undelivered::Filter { user_id: user, alias_id: None, state: None, before: None, limit: SHOWN };
    let page = undelivered::list(tx, &filter).await?;
    let pending = undelivered::pending(tx, user, None).await?;
    Ok(Recent { days: days_, total, busiest, newcomers, undelivered: with_names(tx, user, page).await?, pending })
}

/// Every day from the first to the last, those without mail as well.
pub(super) fn filled(first: i64, last: i64, counted: Vec<(i64, Activity)>) -> Vec<(i64, Activity)> {
    let counted: HashMap<i64, Activity> = counted.into_iter().collect();
    (first..=last).map(|day| (day, counted.get(&day).copied().unwrap_or_default())).collect()
}

async fn named(tx: &mut Tx, known: &mut HashMap<AliasId, Option<Alias>>, id: AliasId) -> Result<Option<Alias>, storage::Error> {
    if let Some(found) = known.get(&id) {
        return Ok(found.clone());
    }
    let found = alias::find(tx, id).await?;
    known.insert(id, found.clone());
    Ok(found)
}
