//! SPF, DKIM, ARC and DMARC of an arriving message.
//!
//! [`authenticate`] answers once per message; [`spf()`] alone is what a late failure asks. Everything that has to be looked
//! up is asked of our one resolver at the same time and under one deadline; what does not come in time is a temporary
//! error, which is neither a pass nor a failure. Nothing is decided here: that is `policy::author`.

mod body;
mod dmarc;
mod keys;
mod signatures;
mod spf;

use std::net::IpAddr;
use std::time::Duration;

use mail_auth::MessageAuthenticator;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use tokio::time::timeout;

pub use crate::model::authentication::SpfResult;
use crate::model::authentication::{ArcResult, Authentication, SpfCheck};
use crate::model::{Address, DomainName, Timestamp};
use crate::{dns::Resolver, spool::Content};
pub use spf::spf;

/// Deadline of the whole evaluation (RFC 7208 §4.6.4 asks for at least 20 seconds for SPF).
const DEADLINE: Duration = Duration::from_secs(20);

/// How a message came in, and who claims to have written it. Has no `Debug`: there are addresses in it.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The client's address; `None` for a relay of our own, whose address says nothing about the sender.
    pub client: Option<IpAddr>,
    /// What the client called itself.
    pub helo: &'a str,
    /// The reverse-path; `None` is the null one.
    pub sender: Option<&'a Address>,
    /// Our own name.
    pub hostname: &'a DomainName,
    /// The domain of the one author, as the strict reader of `From` found it.
    pub author: &'a DomainName,
    /// The present moment, for signatures that expire.
    pub now: Timestamp,
    /// 0 to 99, drawn for this message: a policy may be meant for a share of the messages (`pct`).
    pub draw: u8,
}

/// Finds out who sent a message. `fields` are those of its header block as they arrived, each with its name and line end;
/// `rest` is everything behind the block, the empty line included.
pub async fn authenticate(resolver: &Resolver, facts: &Facts<'_>, fields: &[&[u8]], rest: &Content) -> Authentication {
    let signed = signatures::verify(resolver, fields, rest, facts.author, facts.now);
    let (spf, signed, record) =
        tokio::join!(sender(resolver, facts), timeout(DEADLINE, signed), timeout(DEADLINE, dmarc::find(resolver, facts.author)),);
    let record = record.unwrap_or(dmarc::Found::Unknown);
    let mut spf = spf;
    // A large body on a busy disk may take too long while everything is looked up at once.
    let mut signed = signed.ok();
    let dkim = signed.as_mut().map(|(dkim, _)| dkim.as_mut_slice());
    dmarc::align(&record, facts.author, spf.as_mut(), dkim.unwrap_or_default());
    let dkim = signed.as_ref().map(|(dkim, _)| dkim.as_slice());
    let dmarc = dmarc::conclude(&record, facts.author, spf.as_ref(), dkim, facts.draw);
    let is_unread = signed.is_none();
    let (dkim, arc) = signed.unwrap_or((Vec::new(), ArcResult::TempError));
    Authentication { spf, dkim, arc, is_unread, dmarc }
}

/// SPF of the reverse-path's domain, or of the greeting where that is null.
async fn sender(resolver: &Resolver, facts: &Facts<'_>) -> Option<SpfCheck> {
    let client = facts.client?;
    let greeting;
    let (sender, is_helo) = if let Some(sender) = facts.sender {
        (sender, false)
    } else {
        greeting = Address::from_parts("postmaster", DomainName::parse(facts.helo).ok()?).ok()?;
        (&greeting, true)
    };
    let result = spf(resolver, client, facts.helo, sender, facts.hostname.as_str()).await;
    let domain = sender.domain().clone();
    let aligned = dmarc::is_aligned(&domain, facts.author, false);
    Some(SpfCheck { result, domain, is_helo, aligned })
}

/// mail-auth over our resolver. With a zone file everything comes from caches filled by us, and nothing else is asked.
fn authenticator(resolver: &Resolver) -> Option<MessageAuthenticator> {
    match resolver.network() {
        Some(network) => Some(MessageAuthenticator(network.clone())),
        // A resolver without servers: what a cache can't answer ends in an error there.
        None => MessageAuthenticator::new(ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default()).ok(),
    }
}
