//! The role addresses of each of the operator's domains: postmaster (RFC 5321 §4.5.1) and abuse (RFC 2142 §4).
//!
//! They are aliases of the first administrator with a verified mailbox, so that mail to them is relayed like any other.
//! Their names are reserved, and their state does not stop mail: a role must be reachable.

use super::Desk;
use crate::model::Address;
use crate::model::DomainName;
use crate::model::id::{MailboxId, UserId, uuid_v7};
use crate::storage::alias::NewAlias;
use crate::storage::{self, Tx, alias, domain, mailbox, user};

/// Local parts that must be reachable on every domain.
const ROLES: [&str; 2] = ["postmaster", "abuse"];

/// Makes the role addresses that are missing, once somebody is there to read them. Nothing is written when none is.
pub async fn ensure(desk: &Desk, domains: &[DomainName]) -> Result<(), storage::Error> {
    if missing(&mut desk.storage.read().await?, desk, domains).await?.is_empty() {
        return Ok(());
    }
    let (desk_, domains) = (desk.clone(), domains.to_vec());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                // Asked again: another node may have made them meanwhile.
                for new in missing(tx, &desk_, &domains).await? {
                    match alias::create(tx, &new).await {
                        // Somebody's since before the domain was the operator's: the instance must run all the same.
                        Err(error) if error.is_taken() => tracing::warn!("a role address is somebody's alias already"),
                        other => drop(other?),
                    }
                }
                Ok(())
            })
        })
        .await
}

async fn missing(tx: &mut Tx, desk: &Desk, domains: &[DomainName]) -> Result<Vec<NewAlias>, storage::Error> {
    let mut missing = Vec::new();
    let Some((operator, inbox)) = find_operator(tx).await? else { return Ok(missing) };
    let now = desk.clock.now();
    for name in domains {
        let Some(domain) = domain::find_by_name(tx, name).await? else { continue };
        for role in ROLES {
            let Ok(address) = Address::from_parts(role, name.clone()) else { continue };
            if alias::find_by_address(tx, &address.folded()).await?.is_none() {
                missing.push(NewAlias {
                    uuid: uuid_v7(now, &desk.chance),
                    user_id: operator,
                    domain_id: domain.id,
                    address,
                    site: None,
                    note: "role address of this domain".into(),
                    expires_at: None,
                    max_messages: None,
                    mailboxes: vec![inbox],
                    created_at: now,
                });
            }
        }
    }
    Ok(missing)
}

/// The first administrator who has a verified mailbox, and that mailbox (the default one first).
async fn find_operator(tx: &mut Tx) -> Result<Option<(UserId, MailboxId)>, storage::Error> {
    for admin in user::list_admins(tx).await? {
        let mut mailboxes = mailbox::list(tx, admin.id).await?;
        mailboxes.retain(|mailbox| mailbox.verified_at.is_some());
        mailboxes.sort_by_key(|mailbox| !mailbox.is_default);
        if let Some(inbox) = mailboxes.first() {
            return Ok(Some((admin.id, inbox.id)));
        }
    }
    Ok(None)
}
