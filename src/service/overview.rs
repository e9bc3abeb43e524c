//! What a user has, counted: for lists of mailboxes and domains, and for the figures of an account.

use std::collections::HashMap;

use super::Desk;
use super::alias_page::PageFilter;
use crate::model::activity::Activity;
use crate::model::alias::AliasState;
use crate::model::id::{DomainId, MailboxId, UserId};
use crate::storage::{self, activity, alias_change, alias_count, alias_page};

/// The figures of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Aliases that are not killed.
    pub aliases: i64,
    /// What all aliases ever forwarded, blocked and replied.
    pub total: Activity,
}

/// The figures of a user's account.
pub async fn figures(desk: &Desk, user: UserId) -> Result<Figures, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let aliases = alias_page::count(tx, &PageFilter::alive(user)).await?;
    Ok(Figures { aliases, total: alias_change::total_of_user(tx, user).await? })
}

/// How many aliases forward to each mailbox; none for those that are not named.
pub async fn aliases_by_mailbox(desk: &Desk, user: UserId) -> Result<HashMap<MailboxId, i64>, storage::Error> {
    alias_count::by_mailbox(&mut desk.storage.read().await?, user).await
}

/// How many aliases a user has on each domain; none for those that are not named.
pub async fn aliases_by_domain(desk: &Desk, user: UserId) -> Result<HashMap<DomainId, i64>, storage::Error> {
    alias_count::by_domain(&mut desk.storage.read().await?, user).await
}

/// How many aliases of which state a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCounts {
    /// Active and locked ones: they take mail.
    pub active: i64,
    /// Paused ones.
    pub paused: i64,
    /// Killed ones.
    pub killed: i64,
    /// Those that are pinned and not killed.
    pub pinned: i64,
}

/// A user's aliases by state.
pub async fn state_counts(desk: &Desk, user: UserId) -> Result<StateCounts, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let of = |states: &[AliasState]| PageFilter { states: states.to_vec(), ..PageFilter::alive(user) };
    let pinned = PageFilter { pinned: Some(true), ..PageFilter::alive(user) };
    Ok(StateCounts {
        active: alias_page::count(tx, &of(&[AliasState::Active, AliasState::Locked])).await?,
        paused: alias_page::count(tx, &of(&[AliasState::Paused])).await?,
        killed: alias_page::count(tx, &of(&[AliasState::Killed])).await?,
        pinned: alias_page::count(tx, &pinned).await?,
    })
}

/// What all aliases of a user counted on each of the last days, the oldest first and today last.
pub async fn last_days(desk: &Desk, user: UserId, days: u16) -> Result<Vec<(i64, Activity)>, storage::Error> {
    let today = desk.clock.now().day();
    let first = today - i64::from(days) + 1;
    let counted: HashMap<i64, Activity> =
        activity::of_user(&mut desk.storage.read().await?, user, first).await?.into_iter().collect();
    Ok((first..=today).map(|day| (day, counted.get(&day).copied().unwrap_or_default())).collect())
}
