//! What every use case of mail works with: the database, the way out, the keys, the counts. Cheap to clone.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Desk;
use super::app_password::Logins;
use super::automatic::AutomaticCounts;
use super::domain_check::Surroundings;
use super::dsn::DsnCounts;
use super::import::gate::Gate;
use super::ledger::Ledger;
use super::mailbox_test::Bench;
use super::pausing::Doubtful;
use super::reverse::ReverseCache;
use super::schedule::Schedule;
use super::signed_name::NameKeys;
use super::signing::Signing;
use super::submit::Quota;
use super::token_memory::TokenMemory;
use crate::config::instance::Registration;
use crate::config::sender_auth::DmarcMode;
use crate::config::smtp::Network;
use crate::dns::Resolver;
use crate::model::node::Node;
use crate::model::origin::client_ip;
use crate::model::{Clock, DomainName, Reply, Timestamp};
use crate::outbound::Outbound;
use crate::spool::Budget;
use crate::storage::{self, ErrorKind, Storage};
use crate::transform::header::Limits;
use crate::transform::key::SecretKey;

/// The keys of this instance, shared by all its nodes.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Signs bounce addresses.
    pub bounce: SecretKey,
    /// Signs the trace that finds loops.
    pub trace: SecretKey,
    /// Signs the links by which owners pause or kill an alias from the inbox.
    pub link: SecretKey,
}

/// What the settings say about passing mail on.
#[derive(Debug, Clone)]
pub struct MailRules {
    /// Messages a user may send a day by submission, counted by recipient.
    pub submission_per_day: u32,
    /// Ports where users hand in mail after STARTTLS.
    pub submission_ports: Vec<u16>,
    /// Ports where they do with TLS from the first byte.
    pub submissions_ports: Vec<u16>,
    /// Our own name.
    pub hostname: DomainName,
    /// The operator's domains; the first takes mail for `<postmaster>`.
    pub domains: Vec<DomainName>,
    /// What the policy of an author's domain does.
    pub dmarc: DmarcMode,
    /// Whether forwarded copies get an ARC set.
    pub seal_arc: bool,
    /// Relays of our own: their address says nothing about a sender.
    pub trusted_networks: Vec<Network>,
    /// Proxies of our own in front of the pages: what they say of a client's address is believed.
    pub trusted_proxies: Vec<Network>,
    /// Limits of the header block.
    pub header: Limits,
    /// `Received` fields at the most.
    pub max_hops: usize,
    /// How long the sender waits for the next hop before the message is queued.
    pub inline_deadline: Duration,
    /// When deferred mail is tried again and given up.
    pub schedule: Schedule,
    /// Bytes that the encrypted forms of one message may have together.
    pub max_sealed: u64,
    /// Free space of the data folder below which nothing new is accepted.
    pub min_free_space: u64,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where our pages are seen from outside, without a slash at the end.
    pub public_url: String,
    /// Who may make an account.
    pub registration: Registration,
    /// Who sends for us, when it is not this machine.
    pub smarthost: Option<String>,
}

impl MailRules {
    /// The address of a client over HTTP: what a trusted proxy says it is, otherwise that of its connection.
    pub fn client_ip(&self, peer: Option<IpAddr>, forwarded_for: Option<&str>) -> IpAddr {
        client_ip(peer, forwarded_for, |peer| self.trusted_proxies.iter().any(|network| network.contains(peer)))
    }
}

/// Everything the mail path works with.
#[derive(Debug)]
pub struct Inner {
    /// Database, clock, chance.
    pub desk: Desk,
    /// Who imports something.
    pub imports: Gate,
    /// The way out.
    pub outbound: Outbound,
    /// Names and addresses.
    pub resolver: Resolver,
    /// Where arriving bytes are gathered.
    pub budget: Budget,
    /// Which node, which start.
    pub node: Node,
    /// The instance's keys.
    pub keys: Keys,
    /// What departing mail is signed with.
    pub signing: Signing,
    /// What the settings say.
    pub rules: MailRules,
    /// Counts not yet written.
    pub ledger: Ledger,
    /// Delivery status notifications sent to each sender today.
    pub dsns: DsnCounts,
    /// Answers of machines in the last hour.
    pub automatic: AutomaticCounts,
    /// Reverse addresses seen lately; they never change.
    pub reverse: ReverseCache,
    /// The keys that names on shared domains are signed with.
    pub name_keys: NameKeys,
    /// What was done with API tokens lately.
    pub tokens: TokenMemory,
    /// How devices log in.
    pub logins: Logins,
    /// What each user sent today.
    pub quota: Quota,
    /// Mailboxes that were refused lately.
    pub doubtful: Doubtful,
    /// Hand-offs that outlive their session.
    pub tasks: TaskTracker,
    /// Set when the disk failed: the process must stop taking mail and end.
    pub fatal: CancellationToken,
    /// Cancelled when running hand-offs must be cut off.
    pub hard: CancellationToken,
    /// Rings when a delivery may have become due.
    pub queue: Notify,
    free_space: AtomicU64,
    /// When the last sweep of this node ended; 0 before the first.
    swept_at: AtomicI64,
}

/// The broker: everything the mail path works with, cheap to clone.
#[derive(Debug, Clone)]
pub struct Broker(Arc<Inner>);

impl std::ops::Deref for Broker {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The parts a broker is made of (see [`Inner`]).
#[derive(Debug)]
#[expect(missing_docs, reason = "each is described where it is kept, in Inner")]
pub struct Parts {
    pub desk: Desk,
    pub outbound: Outbound,
    pub resolver: Resolver,
    pub budget: Budget,
    pub node: Node,
    pub keys: Keys,
    pub signing: Signing,
    pub rules: MailRules,
    pub tasks: TaskTracker,
    pub fatal: CancellationToken,
    pub hard: CancellationToken,
}

impl Broker {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let ledger = Ledger::new(parts.desk.chance.clone());
        let Parts { desk, outbound, resolver, budget, node, keys, signing, rules, tasks, fatal, hard } = parts;
        Self(Arc::new(Inner {
            desk,
            outbound,
            resolver,
            budget,
            node,
            keys,
            signing,
            rules,
            ledger,
            dsns: DsnCounts::default(),
            automatic: AutomaticCounts::default(),
            reverse: ReverseCache::default(),
            name_keys: NameKeys::default(),
            imports: Gate::default(),
            tokens: TokenMemory::default(),
            logins: Logins::default(),
            quota: Quota::default(),
            doubtful: Doubtful::default(),
            tasks,
            fatal,
            hard,
            queue: Notify::new(),
            free_space: AtomicU64::new(u64::MAX),
            swept_at: AtomicI64::new(0),
        }))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.desk.clock.now()
    }

    /// What testing a mailbox takes; `None` on an instance without a domain to write from.
    pub fn bench(&self) -> Option<Bench<'_>> {
        let domain = self.rules.domains.first()?;
        Some(Bench { desk: &self.desk, outbound: &self.outbound, signing: &self.signing, domain })
    }

    /// What a check of DNS records has to know.
    pub fn surroundings(&self) -> Surroundings {
        let (hostname, smarthost) = (self.rules.hostname.clone(), self.rules.smarthost.clone());
        Surroundings { hostname, smarthost, resolver: self.resolver.clone() }
    }

    /// The database.
    pub fn storage(&self) -> &Storage {
        &self.desk.storage
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.desk.clock
    }

    /// Measures the data folder's free space; called once a second. What the database keeps for itself after a queue was
    /// worked off is free, too: without it, a disk that was full once would stay so.
    pub async fn measure_free_space(&self) {
        let free = rustix::fs::statvfs(&self.rules.data_dir).map_or(0, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
        let reusable = match self.storage().read().await {
            Ok(mut tx) => storage::space::reusable(&mut tx).await,
            Err(error) => Err(error),
        };
        let reusable = reusable.unwrap_or_else(|error| {
            tracing::debug!(%error, "the database could not be asked for its free pages");
            0
        });
        self.free_space.store(free.saturating_add(reusable), Ordering::Relaxed);
    }

    /// The free space as it was measured last.
    pub fn free_space(&self) -> u64 {
        self.free_space.load(Ordering::Relaxed)
    }

    /// Notes that a sweep has ended.
    pub fn note_sweep(&self) {
        self.swept_at.store(self.now().as_micros(), Ordering::Relaxed);
    }

    /// When this node's last sweep ended; `None` before the first.
    pub fn last_sweep(&self) -> Option<Timestamp> {
        let micros = self.swept_at.load(Ordering::Relaxed);
        (micros != 0).then(|| Timestamp::from_micros(micros))
    }

    /// Whether there is room for another `size` bytes and the reserve.
    pub fn has_room_for(&self, size: u64) -> bool {
        self.free_space.load(Ordering::Relaxed) >= self.rules.min_free_space.saturating_add(size)
    }

    /// The reply for a client whose request met a database failure: always temporary. A failing disk stops the process,
    /// because a lost fsync can't be repeated.
    pub fn storage_failed(&self, error: &storage::Error) -> Reply {
        if error.kind() == ErrorKind::Disk {
            tracing::error!(%error, "the disk failed; stopping");
            self.fatal.cancel();
        } else {
            tracing::warn!(kind = ?error.kind(), %error, "a database operation failed");
        }
        match error.kind() {
            ErrorKind::Full => NO_ROOM,
            _ => Reply::internal_error(),
        }
    }
}

/// Not enough disk or memory.
pub const NO_ROOM: Reply = Reply::new(452, 3, 1, "Insufficient system storage, please try again later");
