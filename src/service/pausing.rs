//! Mailboxes whose own servers refuse them: remembered, paused when it goes on (`policy::mailbox`), tested
//! (once a day by itself: `probing`) and resumed.
//!
//! While a mailbox is paused nothing is handed off to it: what waits stays in the queue, and mail for an alias that has
//! no other mailbox is put off at RCPT. Its owner is told at another mailbox if there is one, in any case when it
//! works again, and sees it everywhere mailboxes are shown.

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

use super::broker::Broker;
use super::notice::{self, Telling};
use crate::model::id::MailboxId;
use crate::model::mailbox::{Mailbox, Pause};
use crate::model::notice::NoticeKind;
use crate::model::{Address, DomainName, Severity};
use crate::outbound::{Outcome, Report};
use crate::policy::mailbox::{REFUSALS, Verdict, WITHIN, refused as judge};
use crate::storage::refusal::NewRefusal;
use crate::storage::{self, Tx, mailbox, refusal};
use crate::transform::notice::Letter;

/// Mailboxes with refusals that a success disproves: only for these a delivery costs a write. What other nodes have
/// written is read with every heartbeat.
#[derive(Debug, Default)]
pub struct Doubtful(Mutex<HashSet<MailboxId>>);

/// Reads what other nodes found out.
pub async fn refresh(broker: &Broker) -> Result<(), storage::Error> {
    let found = refusal::doubtful(&mut broker.storage().read().await?).await?;
    broker.doubtful.0.lock().extend(found);
    Ok(())
}

/// Forgets refusals that are too old to count.
pub async fn forget(broker: &Broker) -> Result<u64, storage::Error> {
    let before = broker.now().minus(WITHIN);
    broker.storage().write(move |tx| Box::pin(async move { refusal::forget(tx, before).await })).await
}

/// A mailbox was refused by its own server.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub mailbox_id: MailboxId,
    /// The address that was refused: the mailbox may have been moved to another one meanwhile.
    pub address: Address,
    /// The enhanced status code.
    pub status: String,
    /// Whether the server had taken the message and returned it.
    pub returned: bool,
}

/// A hand-off to a mailbox ended: is that a sign of life, or of the opposite? Written in the background.
pub(super) fn note(broker: &Broker, mailbox_id: Option<MailboxId>, address: &Address, report: &Report) {
    let Some(mailbox_id) = mailbox_id else { return };
    match &report.outcome {
        Outcome::Delivered => delivered(broker, Some(mailbox_id)),
        Outcome::Refused(failure)
            if report.recipient_refused && Severity::of(&failure.status, failure.detail.reveal()) == Severity::Hard =>
        {
            let background = broker.clone();
            let refusal = Refused { mailbox_id, address: address.clone(), status: failure.status.clone(), returned: false };
            broker.tasks.spawn(async move { refused(&background, refusal).await });
        }
        Outcome::Refused(_) | Outcome::Deferred(_) | Outcome::Withdrawn => {}
    }
}

/// The mailbox's server took a message.
pub(super) fn delivered(broker: &Broker, mailbox_id: Option<MailboxId>) {
    let Some(id) = mailbox_id.filter(|id| broker.doubtful.0.lock().remove(id)) else { return };
    let background = broker.clone();
    broker.tasks.spawn(async move {
        let write = background.storage().write(move |tx| Box::pin(async move { refusal::disprove(tx, id).await }));
        if let Err(error) = write.await {
            drop(background.storage_failed(&error));
            // The next success tries again.
            background.doubtful.0.lock().insert(id);
        }
    });
}

/// The mailbox's server says that there is no such mailbox.
pub(super) async fn refused(broker: &Broker, refusal: Refused) {
    let Refused { mailbox_id, address, status, returned } = refusal;
    let new = NewRefusal { mailbox_id, status, returned, at: broker.now() };
    let (desk, domain, url) = (broker.desk.clone(), broker.rules.domains.first().cloned(), broker.rules.public_url.clone());
    let write = broker
        .storage()
        .write(move |tx| Box::pin(async move { write(tx, &desk, (domain.as_ref(), &url), &address, &new).await }));
    match write.await {
        Ok(told) => {
            if !returned {
                broker.doubtful.0.lock().insert(mailbox_id);
            }
            if told {
                broker.queue.notify_one();
            }
        }
        // One refusal that is not counted changes little; the next one will be.
        Err(error) => drop(broker.storage_failed(&error)),
    }
}

/// Whether somebody was told.
async fn write(
    tx: &mut Tx,
    desk: &super::Desk,
    (domain, url): (Option<&DomainName>, &str),
    address: &Address,
    new: &NewRefusal,
) -> Result<bool, storage::Error> {
    let counts = |mailbox: &Mailbox| mailbox.paused.is_none() && mailbox.address.folded() == address.folded();
    let Some(mailbox) = mailbox::find(tx, new.mailbox_id).await?.filter(counts) else { return Ok(false) };
    let earlier = refusal::since(tx, mailbox.id, new.at.minus(WITHIN)).await?;
    match judge(&earlier, new.at) {
        Verdict::Known => return Ok(false),
        Verdict::Remember => return refusal::insert(tx, new).await.map(|()| false),
        Verdict::Pause => {}
    }
    // Two mailboxes of one user must not be paused, and tell of each other, at the same time. Before anything else is
    // locked, as whoever moves a mailbox does.
    storage::user::lock(tx, mailbox.user_id).await?;
    refusal::insert(tx, new).await?;
    if !mailbox::pause(tx, mailbox.id, &new.status, new.at).await? {
        return Ok(false);
    }
    tracing::warn!(mailbox.id = %mailbox.uuid, status = new.status, "a mailbox is paused: its own server refuses it");
    match domain {
        Some(domain) => notice::tell_in(tx, desk, domain, &telling(&mailbox, new, url)).await,
        None => Ok(false),
    }
}

fn telling(mailbox: &Mailbox, refusal: &NewRefusal, url: &str) -> Telling {
    Telling {
        user_id: mailbox.user_id,
        kind: NoticeKind::MailboxPaused,
        about: mailbox.uuid.to_string(),
        // It happens once, and only a test that went well lets it happen again.
        quiet_for: Duration::ZERO,
        letter: paused_letter(&mailbox.address, &refusal.status, &page_of(mailbox.uuid, url)),
        except: Some(mailbox.id),
    }
}

/// The page of a mailbox, as one opens it from a letter.
pub(super) fn page_of(mailbox: Uuid, url: &str) -> String {
    format!("{url}/mailboxes/{mailbox}")
}

/// `status`: of the last refusal. `page`: of the mailbox.
pub(super) fn paused_letter(address: &Address, status: &str, page: &str) -> Letter {
    Letter {
        subject: "One of your mailboxes is paused".into(),
        paragraphs: vec![
            format!(
                "The server of {address} says that there is no such mailbox. It did so for {REFUSALS} messages within a \
                 week, the last time with status {status}. Nothing is sent there until it takes mail again, which is \
                 tested once a day."
            ),
            "Mail to aliases that forward only there is put off: its senders keep trying for a while, usually for some \
             days. Aliases that forward to other mailboxes as well go on with those."
                .into(),
            "When the mailbox works again, you need not wait for that: test it on its page. As soon as its server \
              takes the test message, what waits is delivered. When it is gone for good, give a new address on the same \
             page: the mailbox moves there with all its aliases."
                .into(),
        ],
        action: Some(("Test or move this mailbox".into(), page.to_owned())),
    }
}

/// Lets mail go to a mailbox again, makes due what waits for it, and tells its owner, who may have had no other mailbox to
/// be told at when it was paused: whether it was paused, and how many are due.
pub(super) async fn resume(desk: &super::Desk, domain: &DomainName, id: MailboxId) -> Result<(bool, u64), storage::Error> {
    let (desk_, domain, now) = (desk.clone(), domain.clone(), desk.clock.now());
    let write = desk.storage.write(move |tx| {
        Box::pin(async move {
            let before = mailbox::find(tx, id).await?;
            if !mailbox::resume(tx, id).await? {
                return Ok((false, 0));
            }
            let due = storage::queue::make_due_of_mailbox(tx, id, now).await?;
            if let Some((mailbox, pause)) = before.as_ref().and_then(|mailbox| Some((mailbox, mailbox.paused.as_ref()?))) {
                notice::tell_in(tx, &desk_, &domain, &resumed(mailbox, pause)).await?;
            }
            Ok::<_, storage::Error>((true, due))
        })
    });
    write.await
}

fn resumed(mailbox: &Mailbox, pause: &Pause) -> Telling {
    Telling {
        user_id: mailbox.user_id,
        kind: NoticeKind::MailboxResumed,
        about: mailbox.uuid.to_string(),
        quiet_for: Duration::ZERO,
        letter: resumed_letter(&mailbox.address, pause),
        except: None,
    }
}

/// After a pause that ends now.
pub(super) fn resumed_letter(address: &Address, pause: &Pause) -> Letter {
    let (status, since) = (&pause.status, pause.at.to_rfc5322());
    Letter {
        subject: "One of your mailboxes takes mail again".into(),
        paragraphs: vec![
            format!(
                "The server of {address} said that there is no such mailbox ({REFUSALS} messages within a week, the last \
                 time with status {status}), so nothing was sent there since {since}. Now it has taken a test message: \
                 forwarding goes on, and what waited is on its way."
            ),
            "Meanwhile mail to aliases that forward only there was put off. Senders try again for some days; one who \
             gave up was told so by their own server."
                .into(),
        ],
        action: None,
    }
}
