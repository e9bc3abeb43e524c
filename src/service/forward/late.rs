//! What was kept in clear for a mailbox that has a PGP key by the time it is handed off: the key was set while the message
//! waited or was held, or the mailbox was moved to one that has a key. It is encrypted now, or waits; it never goes in clear.
//!
//! What lies in the database stays as it was accepted, and each hand-off encrypts it anew.

use super::seal::{self, For, SealError, Sealed, Sealer};
use crate::model::alias::Alias;
use crate::model::delivery::DeliveryKind;
use crate::model::mailbox::Mailbox;
use crate::model::pgp_key::PgpKey;
use crate::service::broker::Broker;
use crate::spool::{CollectError, Content};
use crate::storage::delivery::ClaimedDelivery;
use crate::storage::{self, Tx, alias, mailbox, pgp_key};
use crate::transform::header::HeaderBlock;
use crate::transform::openpgp::entity;

/// The key that a kept message has to be encrypted to, and whose it is.
#[derive(Debug)]
pub struct LateKey {
    alias: Alias,
    mailbox: Mailbox,
    key: PgpKey,
}

/// The key of the mailbox a message goes to, if it was kept in clear and there is one now.
pub async fn key(tx: &mut Tx, claimed: &ClaimedDelivery) -> Result<Option<LateKey>, storage::Error> {
    let delivery = &claimed.delivery;
    let (DeliveryKind::Forward, false, Some(mailbox_id)) = (delivery.kind, claimed.sealed, delivery.mailbox_id) else {
        return Ok(None);
    };
    let Some(key) = pgp_key::find(tx, mailbox_id).await? else { return Ok(None) };
    let alias = match delivery.alias_id {
        Some(id) => alias::find(tx, id).await?,
        None => None,
    };
    let gone = |column| storage::Error::corrupt("deliveries", column, delivery.id.0);
    Ok(Some(LateKey {
        alias: alias.ok_or_else(|| gone("alias_id"))?,
        mailbox: mailbox::find(tx, mailbox_id).await?.ok_or_else(|| gone("mailbox_id"))?,
        key,
    }))
}

/// Encrypts and signs a kept message; `None` when its sender encrypted it, so that it goes as it is.
pub async fn seal(broker: &Broker, late: &LateKey, header: &[u8], body: &Content) -> Result<Option<Sealed>, SealError> {
    let header = unsigned(header)?;
    let text = seal::text(body).await.map_err(CollectError::Io)?;
    let block = HeaderBlock::parse(header, seal::limits(header)).map_err(|_| SealError::Header)?;
    if entity::is_encrypted(&block, header, &text) {
        return Ok(None);
    }
    let whom = For { alias: &late.alias, mailbox: &late.mailbox, key: &late.key };
    match Sealer::new(broker).seal(broker, &whom, header, body, true).await {
        Ok(sealed) => Ok(Some(sealed)),
        Err(error) => {
            seal::tell(broker, &whom, &error).await;
            Err(error)
        }
    }
}

/// The block without our signatures over the clear text: they are its first fields, and no block begins with somebody
/// else's.
fn unsigned(header: &[u8]) -> Result<&[u8], SealError> {
    let block = HeaderBlock::parse(header, seal::limits(header)).map_err(|_| SealError::Header)?;
    let ours = block.fields().iter().take_while(|field| field.is(header, "DKIM-Signature"));
    let length = ours.map(|field| field.raw(header).len()).sum();
    header.get(length..).ok_or(SealError::Header)
}
