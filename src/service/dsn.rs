//! What follows when a kept message can't be delivered: a DSN to its sender (RFC 3464), or a failure its owner sees.
//!
//! The backscatter gate lets a DSN out only to a sender whose envelope domain vouches for the client that handed the
//! message in (SPF), and never in answer to a notice. Nothing of the mailbox or its provider gets into a DSN.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::broker::Broker;
use super::notice::Telling;
use super::settle::{self, Held, NOT_KEPT_YET};
use super::signing::SigningError;
use super::{notice, returned, webhook};
use crate::model::activity::Activity;
use crate::model::alias::Alias;
use crate::model::delivery::{DeliveryKind, Failure};
use crate::model::id::uuid_v7;
use crate::policy::backscatter::{self, DsnFacts, Reason, Spf, Verdict};
use crate::sender_auth::{SpfResult, spf};
use crate::spool::Content;
use crate::storage::delivery::NewDelivery;
use crate::storage::message::NewMessage;
use crate::storage::{self, ErrorKind, alias, delivery, domain, message, muted, queue};
use crate::telemetry::metrics::NOTICES;
use crate::transform::header::{HeaderBlock, Limits};
use crate::transform::scrub::Neutral;
use crate::transform::{automatic, dsn};

/// Notices one sender gets in a day at the most.
const DAILY_CAP: u32 = 20;
/// Senders remembered for the cap; beyond it the count starts anew.
const REMEMBERED: usize = 10_000;
/// How often a delivery waits for SPF to be answered before its sender goes without a notice.
const PATIENCE: i32 = 12;

/// How many notices each sender got today, on this node.
#[derive(Debug, Default)]
pub struct DsnCounts(Mutex<(i64, HashMap<String, u32>)>);

impl DsnCounts {
    fn of(&self, sender: &str, day: i64) -> u32 {
        let counts = self.0.lock();
        if counts.0 == day { counts.1.get(sender).copied().unwrap_or(0) } else { 0 }
    }

    fn add(&self, sender: String, day: i64) {
        let mut counts = self.0.lock();
        if counts.0 != day || counts.1.len() >= REMEMBERED {
            *counts = (day, HashMap::new());
        }
        *counts.1.entry(sender).or_default() += 1;
    }
}

/// A notification: its message, its body, its row.
type Prepared = Box<(NewMessage, Bytes, NewDelivery)>;

/// What goes to the sender when a delivery is given up.
enum Notice {
    /// This notification.
    Dsn(Prepared),
    /// Nothing: the owner sees the failure.
    Nothing,
    /// It can't be known yet.
    AskAgain,
}

/// Ends a delivery that will not be made; false when it is not over yet, or another's to end.
pub async fn give_up(broker: &Broker, held: &Held, failure: &Failure) -> Result<bool, storage::Error> {
    let returned = match held.kind {
        DeliveryKind::Reply => match returned::of_queue(broker, held, failure).await {
            Err(error) if is_untellable(&error) => {
                tracing::error!(delivery.id = %held.id, %error, "a reply's owner can't be told that it failed");
                None
            }
            prepared => prepared?,
        },
        DeliveryKind::Forward | DeliveryKind::Dsn | DeliveryKind::Notice => None,
    };
    let notice = match held.kind {
        DeliveryKind::Forward => match prepare(broker, held, failure).await {
            // What can't be read can't be told of; the failure itself is recorded all the same.
            Err(error) if is_untellable(&error) => Notice::Nothing,
            prepared => prepared?,
        },
        // A reply's sender is the owner, who is told in another way. A notice that can't be delivered is never answered
        // by another one.
        DeliveryKind::Reply | DeliveryKind::Dsn | DeliveryKind::Notice => Notice::Nothing,
    };
    let notice = match notice {
        Notice::AskAgain if held.attempts < PATIENCE => {
            return settle::defer(broker, held, failure, None).await.map(|()| false);
        }
        Notice::AskAgain | Notice::Nothing => Arc::new(None),
        Notice::Dsn(notice) => Arc::new(Some(notice)),
    };
    let told = settle_failed(broker, held, failure, Arc::clone(&notice), returned).await;
    let (settled, told) = match told {
        // Who is told, or of what, makes no sense any more. The delivery is over all the same, or it would be tried for ever.
        Err(error) if is_untellable(&error) => {
            tracing::error!(delivery.id = %held.id, %error, "nobody can be told of a delivery that failed");
            (settle_failed(broker, held, failure, Arc::new(None), None).await?, false)
        }
        settled => (settled?, true),
    };
    if !settled {
        return Ok(false);
    }
    let sender = (*notice).as_ref().filter(|_| told).map(|parts| parts.2.recipient.folded());
    let now = broker.now();
    if let (Some(alias_id), DeliveryKind::Forward | DeliveryKind::Reply) = (held.alias_id, held.kind) {
        broker.ledger.count(alias_id, now, Activity::FAILED);
    }
    if let Some(sender) = sender {
        broker.dsns.add(sender, now.day());
        metrics::counter!(NOTICES).increment(1);
    }
    broker.queue.notify_one();
    Ok(true)
}

/// A row that makes no sense, or one that is gone: trying again changes nothing.
fn is_untellable(error: &storage::Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Reference)
}

/// Ends the delivery, with what is told of it in the same transaction; false when the lease was lost.
async fn settle_failed(
    broker: &Broker,
    held: &Held,
    failure: &Failure,
    dsn: Arc<Option<Prepared>>,
    returned: Option<Telling>,
) -> Result<bool, storage::Error> {
    let (id, token, failure, now) = (held.id, held.token, failure.clone(), broker.now());
    let (desk, domain, alias_id) = (broker.desk.clone(), broker.rules.domains.first().cloned(), held.alias_id);
    let written = broker.storage().write(move |tx| {
        Box::pin(async move {
            // Settled first: with a lost lease there is nothing to tell anybody.
            let settled = delivery::settle_failed(tx, id, token, &failure, now).await?;
            if let (true, Some(parts)) = (settled, (*dsn).as_ref()) {
                let (kept, body, row) = &**parts;
                let message_id = message::insert(tx, kept).await?;
                message::insert_chunk(tx, message_id, 0, body).await?;
                delivery::insert(tx, &NewDelivery { message_id, ..row.clone() }).await?;
            }
            if let (true, Some(telling), Some(domain)) = (settled, returned, domain) {
                notice::tell_in(tx, &desk, &domain, &telling).await?;
            }
            if let (true, Some(alias)) = (settled, alias_id) {
                webhook::delivery_failed(tx, &desk.chance, alias, &failure.status, now).await?;
            }
            Ok::<_, storage::Error>(settled)
        })
    });
    written.await
}

/// The DSN for a failed forward, when one may be sent.
async fn prepare(broker: &Broker, held: &Held, failure: &Failure) -> Result<Notice, storage::Error> {
    let mut tx = broker.storage().read().await?;
    let Some(row) = queue::find(&mut tx, held.id).await? else { return Ok(Notice::Nothing) };
    let Some(message_id) = row.message_id else { return Ok(Notice::Nothing) };
    if muted::is_muted(&mut tx, held.id).await? {
        return Ok(Notice::Nothing);
    }
    let Some(kept) = message::find(&mut tx, message_id).await?.map(|message| message.kept) else {
        return Ok(Notice::Nothing);
    };
    let Some(alias_id) = held.alias_id else { return Ok(Notice::Nothing) };
    let Some(alias) = alias::find(&mut tx, alias_id).await? else { return Ok(Notice::Nothing) };
    let is_own_domain = match &kept.sender {
        Some(sender) => domain::find_by_name(&mut tx, sender.domain()).await?.is_some(),
        None => false,
    };
    drop(tx);
    let limits = Limits { max_size: kept.header.len().saturating_add(2), ..broker.rules.header };
    let Ok(header) = HeaderBlock::parse(&kept.header, limits) else { return Ok(Notice::Nothing) };
    Ok(match may_notify(broker, &kept, &header, is_own_domain).await {
        Verdict::Send => match build(broker, &alias, &kept, &header, failure).await {
            Ok(notice) => notice.map_or(Notice::Nothing, Notice::Dsn),
            Err(SigningError::Storage(error)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "a delivery status notification could not be signed and has to wait");
                Notice::AskAgain
            }
        },
        Verdict::AskAgain => Notice::AskAgain,
        Verdict::Suppress(reason) => {
            tracing::debug!(?reason, "no delivery status notification is sent; the owner sees the failure");
            Notice::Nothing
        }
    })
}

async fn may_notify(broker: &Broker, kept: &NewMessage, header: &HeaderBlock, is_own_domain: bool) -> Verdict {
    let Some(sender) = &kept.sender else { return Verdict::Suppress(Reason::NullSender) };
    let spf = spf(&broker.resolver, kept.client_ip, &kept.helo, sender, broker.rules.hostname.as_str()).await;
    let marks = automatic::marks(header, &kept.header);
    backscatter::may_notify(&DsnFacts {
        sender: Some(sender),
        spf: known(spf),
        auto_submitted: marks.auto_submitted,
        list: marks.list,
        bulk: marks.bulk,
        is_own_domain: is_own_domain || broker.rules.domains.iter().any(|own| sender.domain().is_within(own)),
        sent_today: broker.dsns.of(&sender.folded(), broker.now().day()),
        daily_cap: DAILY_CAP,
    })
}

/// `sender_auth` and `policy` do not know each other; this is where they meet.
const fn known(result: SpfResult) -> Spf {
    match result {
        SpfResult::Pass => Spf::Pass,
        SpfResult::Fail => Spf::Fail,
        SpfResult::SoftFail => Spf::SoftFail,
        SpfResult::Neutral => Spf::Neutral,
        SpfResult::None => Spf::None,
        SpfResult::TempError => Spf::TempError,
        SpfResult::PermError => Spf::PermError,
    }
}

async fn build(
    broker: &Broker,
    alias: &Alias,
    kept: &NewMessage,
    header: &HeaderBlock,
    failure: &Failure,
) -> Result<Option<Prepared>, SigningError> {
    let now = broker.now();
    let Some(sender) = kept.sender.clone() else { return Ok(None) };
    let facts = dsn::DsnFacts {
        hostname: &broker.rules.hostname,
        domain: alias.address.domain(),
        sender: &sender,
        alias: &alias.address,
        reason: Neutral::of(failure),
        arrived_at: kept.received_at,
        now,
        random: broker.desk.chance.bytes(),
    };
    let report = dsn::build(&facts, header, &kept.header);
    let body = Bytes::from(report.body);
    let body_hash = broker.signing.hash(&Content::from_bytes(body.clone())).await?;
    let header = broker.signing.sign(&broker.desk, alias.address.domain(), report.header, body_hash.as_ref()).await?;
    let message = NewMessage {
        uuid: uuid_v7(now, &broker.desk.chance),
        received_at: now,
        sender: None,
        client_ip: std::net::Ipv4Addr::LOCALHOST.into(),
        helo: broker.rules.hostname.to_string(),
        header: Vec::new(),
        body_length: body.len() as u64,
        body_sha256: Sha256::digest(&body).into(),
        eight_bit: !body.is_ascii(),
        smtputf8: report.smtputf8,
    };
    let row = NewDelivery {
        uuid: uuid_v7(now, &broker.desk.chance),
        message_id: NOT_KEPT_YET,
        kind: DeliveryKind::Dsn,
        alias_id: Some(alias.id),
        mailbox_id: None,
        sender: None,
        recipient: sender,
        header: header.to_vec(),
        site: None,
        queued_at: now,
        next_attempt_at: now,
        attempts: 0,
        expires_at: now.plus(broker.rules.schedule.expire_notice),
        last_failure: None,
        held: false,
        sealed: false,
        lease: None,
    };
    Ok(Some(Box::new((message, body, row))))
}
