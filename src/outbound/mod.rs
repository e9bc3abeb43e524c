//! One hand-off: next hop, connection, SMTP transaction over lettre, class of the answer (RFC 5321 §3.3, §4.2.1, §5.1).
//!
//! A hand-off carries one message to one recipient, so that no answer is ever partial.

mod body;
mod classify;
mod encode;
mod next_hop;
mod opening;
mod pool;
pub mod post;
mod reach;
mod sites;
mod smarthost;
mod tls;
mod transaction;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::config::outbound::{Deadlines, Mode, Outbound as Settings};
use crate::dns::Resolver;
use crate::model::delivery::Failure;
use crate::model::{Address, Chance, Clock, DomainName, Timestamp};
use crate::spool::Content;
use crate::telemetry::metrics::{HANDOFF_SECONDS, HANDOFFS};
use body::Body;
use classify::End;
use encode::Envelope;
use next_hop::{ADDRESSES, Plan, Target};
use opening::Opener;
use pool::{Lease, Pool};
use post::Poster;
use sites::Sites;
pub use smarthost::SettingError;
use smarthost::Smarthost;
use tls::Tls;
use transaction::Parcel;

/// Asks whether a message may still be sent; `false` takes it back. Asked when the next hop waits for MAIL, and again
/// before the text leaves if that took a while. Its answer is waited for with an open connection, so it must be quick.
pub type Permit = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// One message for one recipient. `Debug` shows its size only.
#[derive(Clone)]
pub struct HandOff {
    /// Envelope sender; `None` is the null reverse-path.
    pub sender: Option<Address>,
    /// Envelope recipient.
    pub recipient: Address,
    /// The header block: whole lines, each ending in CRLF, without the empty line.
    pub header: Bytes,
    /// Everything from the empty line on (empty if the message has no body), untouched.
    pub body: Content,
    /// Whether the sender said `BODY=8BITMIME`. It is passed on to a next hop that offers it; whether the next hop
    /// *must* offer it is for the bytes to decide, since many senders say so of pure ASCII.
    pub eight_bit: bool,
    /// Whether an address or a header field needs SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// The last word of whoever may take the message back; `None` if nobody may.
    pub permit: Option<Permit>,
    /// Whether it is tried even if its site rests: somebody asked for it.
    pub insists: bool,
}

impl fmt::Debug for HandOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandOff([private], {} octets)", body::size(self))
    }
}

/// How a hand-off ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop answered the final dot with 2xx: it has the message.
    Delivered,
    /// The next hop refuses it for good.
    Refused(Failure),
    /// Not now. Also every answer that leaves it open whether the message was taken.
    Deferred(Failure),
    /// The permit was refused before the final dot: the next hop has nothing. What that means the asker knows.
    Withdrawn,
}

impl Outcome {
    /// The word in metrics.
    const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused(_) => "refused",
            Self::Deferred(_) => "deferred",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The outcome and where it happened.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The site (group of mail exchangers, or the smarthost) that was tried, once it was known.
    pub site: Option<String>,
    /// Whether the site as a whole is in trouble (no connection, 421), so that others should not try it for a while.
    pub site_in_trouble: bool,
    /// Whether anyone else had a say: a next hop was connected (or did not take the connection), or the name servers of
    /// the domain answered. `false` for what was found out on this machine: no permit, a resting site, no free
    /// connection, no network, no answer from any name server. Such an end is no sign that the message can't be
    /// delivered.
    pub attempted: bool,
    /// Whether it was not even begun, because its site rests or all connections to it are busy.
    pub put_off: bool,
    /// Whether it was the recipient that its server refused for good (its answer to RCPT), and not the message. Of what a
    /// smarthost says, only an explicit 5.1.1.
    pub recipient_refused: bool,
}

/// Hands messages to their next hop. Cheap to clone; all clones share connections and the memory of sites in trouble.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    route: Route,
    resolver: Resolver,
    chance: Chance,
    deadlines: Deadlines,
    opener: Opener,
    pool: Arc<Pool>,
    sites: Sites,
    poster: Poster,
}

/// How a next hop is found.
enum Route {
    /// Everything goes to one server.
    Smarthost { smarthost: Smarthost, site: Arc<str> },
    /// To the mail exchangers of each domain.
    Exchangers { port: u16, private: bool, own_name: Option<DomainName> },
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound")
    }
}

impl Outbound {
    /// Checks the settings and builds everything; connects nowhere. `hostname` is our name in EHLO.
    pub fn new(
        settings: &Settings,
        hostname: &str,
        resolver: Resolver,
        chance: Chance,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Result<Self, SettingError> {
        let (route, login) = match settings.mode {
            Mode::Smarthost => {
                let mut smarthost = Smarthost::read(settings)?;
                let site = format!("{}:{}", smarthost.host.name(), smarthost.port).into();
                let login = smarthost.login.take();
                (Route::Smarthost { smarthost, site }, login)
            }
            Mode::Mx => {
                let (port, private) = (settings.mx_port, settings.allow_private_targets);
                (Route::Exchangers { port, private, own_name: DomainName::parse(hostname).ok() }, None)
            }
        };
        let tls = Tls::new(settings.smarthost_ca.as_deref())?;
        let poster = Poster::new(tls.verified_settings(), resolver.clone(), settings.allow_private_targets)
            .map_err(|error| SettingError { setting: "outbound", reason: format!("no HTTP client can be made: {error}") })?;
        let deadlines = settings.deadlines.clone();
        let opener = Opener {
            hostname: hostname.to_owned(),
            tls,
            deadlines: deadlines.clone(),
            login,
            clock: Arc::clone(&clock),
            broken: Mutex::new(HashMap::new()),
        };
        let (per_site, per_connection) = (settings.connections_per_site, settings.messages_per_connection);
        let pool = Arc::new(Pool::new(per_site, per_connection, settings.keep_alive.0, tasks));
        Ok(Self(Arc::new(Inner { route, resolver, chance, deadlines, opener, pool, sites: Sites::new(clock), poster })))
    }

    /// Tries once to give one message to the next hop.
    ///
    /// Dropping the future closes its connection; if the final dot was out, the message may have been taken.
    pub async fn hand_off(&self, hand_off: &HandOff) -> Report {
        let began = std::time::Instant::now();
        let mut report = Report {
            outcome: Outcome::Delivered,
            site: None,
            site_in_trouble: false,
            attempted: false,
            put_off: false,
            recipient_refused: false,
        };
        let end = self.0.hand_off(hand_off, &mut report.site).await.unwrap_or_else(|end| end);
        report.outcome = end.outcome;
        report.site_in_trouble = end.trouble;
        report.attempted = !end.local;
        report.put_off = end.put_off;
        report.recipient_refused = end.recipient;
        metrics::histogram!(HANDOFF_SECONDS).record(began.elapsed().as_secs_f64());
        metrics::counter!(HANDOFFS, "outcome" => report.outcome.word()).increment(1);
        report
    }

    /// Until when a site (as named in a report) rests after trouble; `None` if it may be tried.
    pub fn rest_until(&self, site: &str) -> Option<Timestamp> {
        self.0.sites.rest_until(site)
    }

    /// Takes over the shared list of rests, site and end of its rest, as it is now.
    ///
    /// A site that was in the list and no longer is rests no more, even if the trouble was ours: somebody ended its rest.
    /// Our own rests that no list has shown yet stay.
    pub fn load(&self, rests: impl IntoIterator<Item = (String, Timestamp)>) {
        self.0.sites.load(rests);
    }

    /// The rests this node saw that no loaded list has shown yet: to be written to the shared list.
    pub fn rests_to_share(&self) -> Vec<(String, Timestamp)> {
        self.0.sites.unshared()
    }

    /// The sites whose rest a success has ended since the last call: to be struck off the shared list, before it is
    /// loaded again.
    pub fn take_recovered(&self) -> Vec<String> {
        self.0.sites.take_recovered()
    }

    /// The rest of a site stands in the shared list now: who strikes it off there ends it here with the next [`Self::load`].
    pub fn note_shared(&self, site: &str) {
        self.0.sites.note_shared(site);
    }

    /// Ends the rest of a site, whoever saw it.
    pub fn clear_rest(&self, site: &str) {
        self.0.sites.clear(site);
    }

    /// Ends all rests this node knows of, whoever saw them.
    pub fn clear_rests(&self) {
        self.0.sites.clear_all();
    }

    /// What posts to the addresses that users chose.
    pub fn poster(&self) -> &Poster {
        &self.0.poster
    }

    /// Says good-bye on all idle connections and keeps none from now on; for the shutdown, before waiting for the tasks.
    pub fn close(&self) {
        self.0.pool.close();
    }
}

impl Inner {
    async fn hand_off(&self, hand_off: &HandOff, name: &mut Option<String>) -> Result<End, End> {
        let envelope = Envelope::encode(hand_off)?;
        let plan = Plan::of(&self.route, &self.resolver, &self.chance, hand_off.recipient.domain()).await?;
        *name = Some(plan.site.to_string());
        if !hand_off.insists && self.sites.rest_until(&plan.site).is_some() {
            let detail = "the server was in trouble a moment ago and is not tried for a while";
            return Err(End::deferred(classify::ours("4.4.1", detail)).put_off());
        }
        let body = Body::prepare(hand_off).await?;
        let Some(lease) = self.pool.lease(&plan.site, self.deadlines.connect.0).await else {
            let detail = "all connections to the server stayed busy";
            return Err(End::deferred(classify::ours("4.4.5", detail)).put_off());
        };
        let parcel = Parcel {
            envelope: &envelope,
            body: &body,
            size: body::size(hand_off),
            declared_eight_bit: hand_off.eight_bit,
            permit: hand_off.permit.as_ref(),
            until: Instant::now() + self.deadlines.attempt.0,
        };
        let end = self.reuse_or_connect(&plan, &lease, &parcel).await;
        if end.trouble {
            self.sites.failed(&plan.site);
        } else if end.is_answered() {
            self.sites.succeeded(&plan.site);
        }
        Ok(end)
    }

    async fn reuse_or_connect(&self, plan: &Plan, lease: &Lease, parcel: &Parcel<'_>) -> End {
        if let Some(mut connection) = lease.idle() {
            let end = transaction::run(&mut connection, parcel, &self.deadlines).await;
            lease.put_down(connection, &end);
            // A server may close or say 421 while a connection is idle; nothing was lost and a new one will tell,
            // also whether the site is in trouble.
            if !end.next_host {
                return end;
            }
        }
        self.connect(plan, lease, parcel).await
    }

    /// Tries host after host until one answers for the message.
    async fn connect(&self, plan: &Plan, lease: &Lease, parcel: &Parcel<'_>) -> End {
        let mut last: Option<End> = None;
        let mut unreachable = None;
        let mut tried = 0;
        let (mut old_internet, mut new_internet) = (false, false);
        for host in &plan.hosts {
            let targets = match plan.targets(host, &self.resolver).await {
                Ok(targets) => targets,
                Err(end) => {
                    last = Some(graver(last, end));
                    continue;
                }
            };
            for target in &targets {
                if tried >= ADDRESSES {
                    break;
                }
                old_internet |= target.address.is_ipv4();
                new_internet |= target.address.is_ipv6();
                let end = self.try_target(target, plan, lease, parcel).await;
                if !end.next_host {
                    return end;
                }
                if end.local {
                    // An address out of reach of this machine costs no time. It uses up no turn of the others, and what
                    // they say counts: without IPv6 half of all addresses are out of reach, every time.
                    unreachable = Some(end);
                    continue;
                }
                tried += 1;
                last = Some(graver(last, end));
            }
            if tried >= ADDRESSES {
                break;
            }
        }
        let end = last.or(unreachable).unwrap_or_else(|| End::deferred(classify::ours("4.4.4", "the server has no host")));
        // A site that has nothing but IPv6, without a route for it, is as good as dead, and its mail must come to an end.
        End { local: end.local && (old_internet || !new_internet), ..end }
    }

    async fn try_target(&self, target: &Target, plan: &Plan, lease: &Lease, parcel: &Parcel<'_>) -> End {
        let opened = tokio::time::timeout_at(parcel.until, self.opener.open(target, plan.security)).await;
        let mut connection = match opened {
            Ok(Ok(connection)) => connection,
            Ok(Err(end)) => return end,
            Err(_) => return too_long(),
        };
        let end = transaction::run(&mut connection, parcel, &self.deadlines).await;
        lease.put_down(connection, &end);
        end
    }
}

fn too_long() -> End {
    End { trouble: true, ..End::deferred(classify::ours("4.4.2", "the attempt took too long and was given up")) }
}

/// What to report when no host took the message. A host that lacks an extension refuses for good only if no other
/// host was out of reach: that one might have had it.
fn graver(earlier: Option<End>, later: End) -> End {
    let local = later.local && earlier.as_ref().is_none_or(|earlier| earlier.local);
    let end = match earlier {
        Some(earlier) if matches!(later.outcome, Outcome::Refused(_)) && matches!(earlier.outcome, Outcome::Deferred(_)) => {
            earlier
        }
        Some(earlier) if earlier.trouble && !later.trouble && matches!(later.outcome, Outcome::Deferred(_)) => earlier,
        _ => later,
    };
    End { local, ..end }
}
