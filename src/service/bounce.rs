//! What comes back to a bounce address (VERP): a server took a message from us and returned it later.
//!
//! The owner sees it as a failure of the alias. The report itself goes nowhere: that of a forward names the mailbox, and
//! that of a reply is written by a stranger.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::broker::Broker;
use crate::model::activity::Activity;
use crate::model::delivery::{DeliveryKind, Failure};
use crate::model::id::MailboxId;
use crate::model::{Address, Private, Reply};
use crate::spool::Content;
use crate::storage::delivery::NewFailure;
use crate::storage::{self, Tx, alias, contact, delivery, mailbox};
use crate::transform::report::{self, Report};
use crate::transform::verp::{BounceToken, SentTo};

const RECORDED: Reply = Reply::new(250, 0, 0, "Ok, report recorded");
const NOT_A_FAILURE: Reply = Reply::new(550, 7, 1, "This address takes reports of failed deliveries only");
/// A report says what it has to say near its beginning; the returned message behind it does not matter.
const REPORT_START: usize = 256 * 1024;

/// Records a delivery report for each of the verified tokens (RFC 3464 knows one, but nothing keeps a server from several).
pub async fn record_all(broker: &Broker, tokens: &[BounceToken], content: &Content) -> Reply {
    let Ok(start) = content.read(0, REPORT_START).await else { return Reply::internal_error() };
    let status = match report::read(&start) {
        Report::Failed(status) => status,
        Report::Automatic => return NOT_A_FAILURE,
    };
    let mut answer = crate::policy::recipient::NO_SUCH_ADDRESS;
    for token in tokens {
        match write(broker, token, status.clone()).await {
            Ok(true) => {
                broker.ledger.count(token.alias_id, broker.now(), Activity::FAILED);
                answer = RECORDED;
            }
            // The same report once more: one message fails once.
            Err(error) if error.is_taken() => answer = RECORDED,
            // Alias or mailbox are gone: nobody is left to be told.
            Ok(false) => {}
            Err(error) => return broker.storage_failed(&error),
        }
    }
    answer
}

/// The id of the failure a token stands for: the same for the same message.
fn id_of(token: &BounceToken) -> Uuid {
    let (kind, id) = match token.sent_to {
        SentTo::Mailbox(id) => (0_u8, id.0),
        SentTo::Contact(id) => (1, id.0),
    };
    let mut hash = Sha256::new();
    hash.update([kind]);
    for part in [token.alias_id.0, id, token.expires_at.as_micros(), i64::from(token.nonce)] {
        hash.update(part.to_be_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_first_chunk::<16>().unwrap_or_else(|| unreachable!("16 of 32 octets"));
    uuid::Builder::from_random_bytes(*first).into_uuid()
}

async fn write(broker: &Broker, token: &BounceToken, status: String) -> Result<bool, storage::Error> {
    let (alias_id, sent_to, now) = (token.alias_id, token.sent_to, broker.now());
    let uuid = id_of(token);
    broker
        .storage()
        .write(move |tx| {
            Box::pin(async move {
                let Some(_alias) = alias::find(tx, alias_id).await? else { return Ok(false) };
                let Some((kind, mailbox_id, recipient)) = find_recipient(tx, sent_to).await? else { return Ok(false) };
                let failure = NewFailure {
                    uuid,
                    kind,
                    alias_id: Some(alias_id),
                    mailbox_id,
                    sender: None,
                    recipient,
                    failure: Failure {
                        code: None,
                        status,
                        detail: Private::new("the recipient's server accepted the message and returned it later".into()),
                    },
                    at: now,
                };
                delivery::insert_failed(tx, &failure).await.map(|_| true)
            })
        })
        .await
}

/// What had been sent, and to whom; `None` when mailbox or contact are gone.
async fn find_recipient(
    tx: &mut Tx,
    sent_to: SentTo,
) -> Result<Option<(DeliveryKind, Option<MailboxId>, Address)>, storage::Error> {
    Ok(match sent_to {
        SentTo::Mailbox(id) => mailbox::find(tx, id).await?.map(|mailbox| (DeliveryKind::Forward, Some(id), mailbox.address)),
        SentTo::Contact(id) => contact::find(tx, id).await?.map(|contact| (DeliveryKind::Reply, None, contact.address)),
    })
}
