//! What comes back to a bounce address (VERP): a server took a message from us and returned it later.
//!
//! The owner sees it as a failure of the alias, and is told when it was their own message. The report itself goes nowhere:
//! that of a forward names the mailbox, and that of a reply is written by a stranger. One that says that the mailbox is
//! gone counts against it (`pausing`), unless it was said of an address that the mailbox had before.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::broker::Broker;
use super::forward::units::bounces_for;
use super::pausing::Refused;
use super::returned::Returned;
use super::{Desk, notice, pausing};
use crate::model::activity::Activity;
use crate::model::delivery::{DeliveryKind, Failure};
use crate::model::id::MailboxId;
use crate::model::{Address, DomainName, Private, Reply, Severity, Timestamp};
use crate::spool::Content;
use crate::storage::delivery::NewFailure;
use crate::storage::{self, Tx, alias, contact, delivery, mailbox};
use crate::transform::report::{self, Failed, Report};
use crate::transform::verp::{BounceToken, SentTo};

const RECORDED: Reply = Reply::new(250, 0, 0, "Ok, report recorded");
const NOTHING_TO_RECORD: Reply = Reply::new(250, 0, 0, "Ok, nothing has failed");
const NOT_A_REPORT: Reply = Reply::new(550, 7, 1, "This address takes reports of failed deliveries only");
/// A report says what it has to say near its beginning; the returned message behind it does not matter.
const REPORT_START: usize = 256 * 1024;

/// Records a delivery report for each of the verified tokens (RFC 3464 knows one, but nothing keeps a server from several).
pub async fn record_all(broker: &Broker, tokens: &[BounceToken], content: &Content) -> Reply {
    let Ok(start) = content.read(0, REPORT_START).await else { return Reply::internal_error() };
    let failed = match report::read(&start) {
        Report::Failed(failed) => failed,
        // On its way still, or arrived: its sender need not hear of that, and a refusal would come back to nobody.
        Report::Progress => return NOTHING_TO_RECORD,
        // Refused: whoever wrote it answers machines, and shall not be told that it was read.
        Report::Automatic => return NOT_A_REPORT,
    };
    let mut answer = crate::policy::recipient::NO_SUCH_ADDRESS;
    for token in tokens {
        match record(broker, token, &failed).await {
            Ok(true) => answer = RECORDED,
            // Alias or mailbox are gone: nobody is left to be told.
            Ok(false) => {}
            Err(error) => return broker.storage_failed(&error),
        }
    }
    answer
}

async fn record(broker: &Broker, token: &BounceToken, failed: &Failed) -> Result<bool, storage::Error> {
    let now = broker.now();
    let record = Record {
        uuid: id_of(token),
        token: *token,
        sent_at: token.expires_at.minus(bounces_for(broker)),
        failed: failed.clone(),
        at: now,
        desk: broker.desk.clone(),
        domain: broker.rules.domains.first().cloned(),
        url: broker.rules.public_url.clone(),
    };
    let written = broker.storage().write(move |tx| Box::pin(async move { record.write(tx).await }));
    let recipient = match written.await {
        Ok(Some(recipient)) => recipient,
        Ok(None) => return Ok(false),
        // The same report once more: one message fails once.
        Err(error) if error.is_taken() => return Ok(true),
        Err(error) => return Err(error),
    };
    broker.ledger.count(token.alias_id, now, Activity::FAILED);
    broker.queue.notify_one();
    if let (SentTo::Mailbox(id), Some(said)) = (token.sent_to, failed.about(&recipient))
        && said.severity == Severity::Hard
    {
        pausing::refused(broker, Refused { mailbox_id: id, address: recipient, status: said.status.clone(), returned: true })
            .await;
    }
    Ok(true)
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

/// One failure to be written, with the notice about it.
#[derive(Debug, Clone)]
struct Record {
    uuid: Uuid,
    token: BounceToken,
    sent_at: Timestamp,
    failed: Failed,
    at: Timestamp,
    desk: Desk,
    domain: Option<DomainName>,
    url: String,
}

impl Record {
    /// The recipient of the message that came back; `None` when there is nobody left to be told.
    async fn write(&self, tx: &mut Tx) -> Result<Option<Address>, storage::Error> {
        let Some(alias) = alias::find(tx, self.token.alias_id).await? else { return Ok(None) };
        let Some((kind, mailbox_id, recipient)) = find_recipient(tx, self.token.sent_to).await? else { return Ok(None) };
        let said = self.failed.shown(&recipient);
        let detail = match said.words.as_str() {
            "" => "the recipient's server accepted the message and returned it later".to_owned(),
            words => format!("the recipient's server accepted the message and returned it later: {words}"),
        };
        let failure = Failure { code: None, status: said.status.clone(), detail: Private::new(detail) };
        let new = NewFailure {
            uuid: self.uuid,
            kind,
            alias_id: Some(alias.id),
            mailbox_id,
            sender: None,
            recipient: recipient.clone(),
            failure,
            at: self.at,
        };
        delivery::insert_failed(tx, &new).await?;
        if let (SentTo::Contact(_), Some(domain)) = (self.token.sent_to, &self.domain) {
            let failure = Failure { detail: Private::new(said.words.clone()), ..new.failure };
            let returned = Returned {
                about: self.uuid.to_string(),
                alias: &alias,
                contact: &recipient,
                // Kept to the hour in the token, so to the day here.
                date: self.sent_at.to_rfc3339().chars().take(10).collect(),
                failure: &failure,
                url: &self.url,
            };
            notice::tell_in(tx, &self.desk, domain, &returned.telling()).await?;
        }
        Ok(Some(recipient))
    }
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
