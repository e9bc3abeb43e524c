//! Reading a kept message back, under the same budget as arriving ones, and proving that it is what was accepted.

use bytes::Bytes;

use crate::model::DomainName;
use crate::model::delivery::DeliveryKind;
use crate::outbound::HandOff;
use crate::service::broker::Broker;
use crate::service::forward::{SealError, Sealed, late};
use crate::service::signing::SigningError;
use crate::spool::{CollectError, Content};
use crate::storage::delivery::ClaimedDelivery;
use crate::storage::message::{self, BodyError, Message};
use crate::storage::{self, ErrorKind, Tx, alias};

/// What a signed header block begins with.
const SIGNATURE: &[u8] = b"DKIM-Signature:";

/// Why a kept message can't be handed off now.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The database did not answer.
    #[error("the kept message could not be read")]
    Storage(#[source] storage::Error),
    /// Its row or its body makes no sense to the database or to us: nothing is known about the content, which is kept.
    #[error("the kept message can't be read")]
    Unreadable(#[source] storage::Error),
    /// Length or hash are not those that were accepted, or it is gone.
    #[error("the kept message is damaged")]
    Damaged,
    /// The budget for messages under way is used up.
    #[error("too many messages are under way")]
    NoRoom(#[from] CollectError),
    /// A notice, or what was held, can't be signed now.
    #[error("the kept message could not be signed")]
    Unsigned(#[from] SigningError),
    /// Its mailbox has a key that it can't be encrypted to now.
    #[error("the kept message could not be encrypted")]
    Unsealed(#[source] SealError),
}

impl From<SealError> for LoadError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Collect(error) => Self::NoRoom(error),
            error => Self::Unsealed(error),
        }
    }
}

impl From<storage::Error> for LoadError {
    fn from(error: storage::Error) -> Self {
        if error.kind() == ErrorKind::Corrupt { Self::Unreadable(error) } else { Self::Storage(error) }
    }
}

impl From<BodyError> for LoadError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Damaged => Self::Damaged,
            BodyError::Storage(error) => error.into(),
            BodyError::Collect(error) => Self::NoRoom(error),
        }
    }
}

/// The hand-off of a claimed delivery.
pub(super) async fn hand_off(broker: &Broker, claimed: &ClaimedDelivery) -> Result<HandOff, LoadError> {
    let mut tx = broker.storage().read().await?;
    let message_id = claimed.delivery.message_id.ok_or(LoadError::Damaged)?;
    let message = message::find(&mut tx, message_id).await?.ok_or(LoadError::Damaged)?;
    let late = late::key(&mut tx, claimed).await?;
    let body = message::read_body(&mut tx, &message, broker.budget.collector()).await?;
    if let Some(late) = late {
        drop(tx);
        if let Some(Sealed { header, body, .. }) = late::seal(broker, &late, &claimed.header, &body).await? {
            // An encrypted body is ASCII.
            let eight_bit = message.kept.eight_bit && !header.is_ascii();
            return Ok(finished(claimed, &message, header, body, eight_bit));
        }
        tx = broker.storage().read().await?;
    }
    let header = match signer(broker, &mut tx, claimed, &message).await? {
        Some(domain) => {
            let hash = broker.signing.hash(&body).await?;
            broker.signing.sign(&broker.desk, &domain, claimed.header.clone(), hash.as_ref()).await?
        }
        None => Bytes::from(claimed.header.clone()),
    };
    Ok(finished(claimed, &message, header, body, message.kept.eight_bit))
}

fn finished(claimed: &ClaimedDelivery, message: &Message, header: Bytes, body: Content, eight_bit: bool) -> HandOff {
    let delivery = &claimed.delivery;
    HandOff {
        sender: delivery.sender.clone(),
        recipient: delivery.recipient.clone(),
        smtputf8: message.kept.smtputf8 && !header.is_ascii() || !delivery.recipient.is_ascii(),
        header,
        body,
        eight_bit,
        permit: None,
        insists: claimed.asked_again,
    }
}

/// Whose signature is still missing. Notices can be put into the queue by anybody with a database, and a forward that was
/// held may have waited for longer than a signature lasts; everything else was signed when it was made. Our signature is
/// always the first field of a block, and no block begins with somebody else's.
async fn signer(
    broker: &Broker,
    tx: &mut Tx,
    claimed: &ClaimedDelivery,
    message: &Message,
) -> Result<Option<DomainName>, storage::Error> {
    let is_signed = claimed.header.get(..SIGNATURE.len()).is_some_and(|start| start.eq_ignore_ascii_case(SIGNATURE));
    match (claimed.delivery.kind, claimed.delivery.alias_id) {
        (DeliveryKind::Notice, _) => {
            // A notice names the domain it is written from as its client; one that left the settings signs nothing.
            let written_from = DomainName::parse(&message.kept.helo).ok().filter(|name| broker.rules.domains.contains(name));
            Ok(written_from.or_else(|| broker.rules.domains.first().cloned()))
        }
        (DeliveryKind::Forward, Some(id)) if !is_signed => {
            Ok(alias::find(tx, id).await?.map(|alias| alias.address.domain().clone()))
        }
        _ => Ok(None),
    }
}
