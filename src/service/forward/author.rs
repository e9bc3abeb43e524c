//! Who wrote this message? Asked once per message, before anything is rewritten.

use tokio::time::Instant;

use crate::config::sender_auth::DmarcMode;
use crate::model::activity::Activity;
use crate::model::authentication::{Authentication, DkimResult, DkimSignature, DmarcResult, SpfResult, Warning};
use crate::model::envelope::{Client, MailFrom};
use crate::model::{DomainName, Reply};
use crate::policy;
use crate::policy::author::AuthorFacts;
use crate::sender_auth::{self, Facts};
use crate::service::broker::Broker;
use crate::spool::Content;
use crate::storage::alias::Route;
use crate::telemetry::metrics::{SENDER_AUTH, SENDER_AUTH_SECONDS};
use crate::transform::header::HeaderBlock;
use crate::transform::{authentication_results, mailboxes};

/// What was found out about the sender of a message that may pass.
pub(in crate::service) struct Known {
    /// The facts, for whoever has to know more than the verdict.
    pub authentication: Authentication,
    /// The fields that tell the owner.
    pub fields: String,
    /// What its owner is warned of.
    pub warning: Option<Warning>,
}

impl Known {
    /// Whether a good signature covers how to leave the list (RFC 8058 §4).
    pub fn covers_unsubscribe(&self) -> bool {
        let covers = |signature: &DkimSignature, name: &str| signature.covers.iter().any(|covered| covered == name);
        self.authentication.dkim.iter().any(|signature| {
            signature.result == DkimResult::Pass
                && covers(signature, "list-unsubscribe")
                && covers(signature, "list-unsubscribe-post")
        })
    }
}

/// Finds out who sent the message, and whether it may pass; `None` when the operator does not want to know.
pub(super) async fn check(
    broker: &Broker,
    client: &Client,
    mail: &MailFrom,
    header: &HeaderBlock,
    start: &[u8],
    content: &Content,
) -> Result<Option<Known>, Reply> {
    let author = mailboxes::author(header, start).map_err(policy::header::refusal)?;
    let rules = &broker.rules;
    let enforce = match rules.dmarc {
        DmarcMode::Off => return Ok(None),
        DmarcMode::Tag => false,
        DmarcMode::Enforce => true,
    };
    let is_relayed = is_relayed(broker, client);
    let began = Instant::now();
    let authentication = ask(broker, client, mail, author.address.domain(), header, start, content).await;
    let verdict = policy::author::check_author(AuthorFacts { dmarc: &authentication.dmarc, enforce, is_relayed });
    metrics::histogram!(SENDER_AUTH_SECONDS).record(began.elapsed().as_secs_f64());
    note(&authentication, &verdict);
    let warning = verdict?;
    let fields = authentication_results::fields(&rules.hostname, &authentication, warning);
    Ok(Some(Known { authentication, fields, warning }))
}

/// Whether a relay of our own handed the message in.
fn is_relayed(broker: &Broker, client: &Client) -> bool {
    broker.rules.trusted_networks.iter().any(|network| network.contains(client.ip))
}

/// Finds out what the domain of a message's author has to say of it, whatever follows from that.
pub(in crate::service) async fn ask(
    broker: &Broker,
    client: &Client,
    mail: &MailFrom,
    author: &DomainName,
    header: &HeaderBlock,
    start: &[u8],
    content: &Content,
) -> Authentication {
    let facts = Facts {
        client: (!is_relayed(broker, client)).then_some(client.ip),
        helo: &client.helo,
        sender: mail.sender.as_ref(),
        hostname: &broker.rules.hostname,
        author,
        now: broker.now(),
        draw: broker.desk.chance.with(|rng| u8::try_from(rng.next_u32() % 100).unwrap_or_default()),
    };
    let fields: Vec<&[u8]> = header.fields().iter().map(|field| field.raw(start)).collect();
    let rest = content.from_offset(header.body_offset() as u64);
    sender_auth::authenticate(&broker.resolver, &facts, &fields, &rest).await
}

/// Whether the author's domain vouches for the message, and whether a fault may be why it does not. `accepts` says which
/// signatures that pass count.
///
/// A domain with a DMARC policy is taken at its word (alignment may be strict, which the identifiers know); one without
/// is vouched for by any aligned pass; of one whose policy can't be read now, only the very domain counts. A greeting
/// proves nothing, even when the reverse-path is null: it names a host, not who sends from it.
pub(in crate::service) fn vouch(found: &Authentication, accepts: impl Fn(&DkimSignature) -> bool) -> (bool, bool) {
    let is_unknown = found.dmarc.result == DmarcResult::TempError && found.dmarc.published.is_none();
    let sent = |result| found.spf.iter().filter(move |spf| spf.aligned && !spf.is_helo && spf.result == result);
    let signed = |result| found.dkim.iter().filter(move |one| one.aligned && one.result == result);
    let by_client = sent(SpfResult::Pass).map(|spf| &spf.domain);
    let by_key = signed(DkimResult::Pass).filter(|one| accepts(one)).map(|one| &one.domain);
    let vouching: Vec<&DomainName> = by_client.chain(by_key).collect();
    let is_proven = vouching.iter().any(|domain| !is_unknown || **domain == found.dmarc.domain);
    let has_fault =
        found.is_unread || signed(DkimResult::TempError).next().is_some() || sent(SpfResult::TempError).next().is_some();
    (is_proven, has_fault || is_unknown && !vouching.is_empty())
}

/// The reply to a message that may not pass; the owners of its aliases see that something was kept out.
pub(super) fn refused(broker: &Broker, routes: &[Route], reply: Reply) -> Reply {
    for route in routes.iter().filter(|_| reply.is_permanent()) {
        broker.ledger.count(route.alias.id, broker.now(), Activity::BLOCKED);
    }
    reply
}

fn note(found: &Authentication, verdict: &Result<Option<Warning>, Reply>) {
    let dmarc = match found.dmarc.result {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail => "fail",
        DmarcResult::None => "none",
        DmarcResult::TempError => "temperror",
        DmarcResult::PermError => "permerror",
    };
    let verdict = match verdict {
        Ok(None) => "delivered",
        Ok(Some(_)) => "warned",
        Err(reply) if reply.is_permanent() => "refused",
        Err(_) => "put_off",
    };
    metrics::counter!(SENDER_AUTH, "dmarc" => dmarc, "verdict" => verdict).increment(1);
    let signatures = found.dkim.len();
    let verified = found.dkim.iter().filter(|one| one.result == DkimResult::Pass).count();
    tracing::debug!(dmarc, verdict, spf = ?found.spf.as_ref().map(|spf| spf.result), signatures, verified, "the sender was checked");
}
