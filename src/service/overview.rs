//! What a user has, counted: for lists of mailboxes and domains, and for the figures of an account.

use std::collections::HashMap;

use super::Desk;
use super::alias_page::PageFilter;
use crate::model::activity::Activity;
use crate::model::id::{DomainId, MailboxId, UserId};
use crate::storage::{self, alias_change, alias_count, alias_page};

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
