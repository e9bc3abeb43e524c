//! From settings to parts: database, keys, resolver, way out, broker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::SystemClock;
use super::node::Identity;
use super::{StartError, clock::SharedClock};
use crate::config::Config;
use crate::config::check::Checked;
use crate::config::database::Location;
use crate::dns::Resolver;
use crate::model::mailbox::Mailbox;
use crate::model::node::Node;
use crate::model::{Chance, Clock, DomainName, Timestamp};
use crate::outbound::Outbound;
use crate::service::broker::{Broker, Keys, MailRules, Parts};
use crate::service::dkim_key::KeyError;
use crate::service::domain_check::Surroundings;
use crate::service::mailbox_test::{self, Bench, TestError, Tested};
use crate::service::schedule::Schedule;
use crate::service::signing::Signing;
use crate::service::{Desk, domain, role};
use crate::spool::Budget;
use crate::storage::{self, Storage, secret};
use crate::transform::header::Limits;
use crate::transform::key::SecretKey;

/// Where time and chance come from.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub chance: Chance,
    /// Whether the clock follows a shared database's, so that all nodes agree; off where the clock is moved by hand.
    pub follow_database: bool,
}

impl Environment {
    /// The machine's clock and a generator seeded by the operating system.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), chance: Chance::new(rand::make_rng::<StdRng>()), follow_database: true }
    }
}

/// Opens the database for account work: what a command of the command line needs.
pub async fn open_desk(config: &Config, environment: &Environment, tasks: &TaskTracker) -> Result<Desk, StartError> {
    let checked = config.check()?;
    let storage = open_storage(&checked, None, tasks).await?;
    let writes_from = checked.domains.first().cloned();
    let desk = Desk { storage, clock: Arc::clone(&environment.clock), chance: environment.chance.clone(), writes_from };
    enter_domains(&desk, &checked.domains).await?;
    Ok(desk)
}

/// What a check of DNS records has to know.
pub fn surroundings(config: &Config) -> Result<Surroundings, StartError> {
    let checked = config.check()?;
    let smarthost = checked.smarthost.map(|smarthost| smarthost.host);
    Ok(Surroundings { hostname: checked.hostname, smarthost, resolver: open_resolver(config)? })
}

/// Tests a mailbox without a running instance: with a way out of its own, which is closed again.
pub async fn test_mailbox(
    config: &Config,
    environment: &Environment,
    desk: &Desk,
    mailbox: &Mailbox,
) -> Result<Result<Tested, TestError>, StartError> {
    let checked = config.check()?;
    let Some(domain) = checked.domains.first() else {
        return Err(StartError::new("instance.domains is empty: there is no domain to write from", "set instance.domains"));
    };
    let tasks = TaskTracker::new();
    let outbound = open_outbound(config, &checked, environment, Arc::clone(&environment.clock), &tasks)?;
    let signing = open_signing(config);
    let bench = Bench { desk, outbound: &outbound, signing: &signing, domain };
    let tested = mailbox_test::test(&bench, mailbox).await;
    outbound.close();
    tasks.close();
    tasks.wait().await;
    Ok(tested)
}

fn open_signing(config: &Config) -> Signing {
    Signing::new(config.dkim.in_use(), config.outbound.expire.0.max(config.outbound.expire_notice.0))
}

fn open_outbound(
    config: &Config,
    checked: &Checked,
    environment: &Environment,
    clock: Arc<dyn Clock>,
    tasks: &TaskTracker,
) -> Result<Outbound, StartError> {
    let hostname = checked.hostname.as_str();
    let resolver = open_resolver(config)?;
    Outbound::new(&config.outbound, hostname, resolver, environment.chance.clone(), clock, tasks.clone()).map_err(|error| {
        StartError::new(error.to_string(), "write for example smarthost = \"smtp://user:password@mail.example:587\"")
    })
}

fn open_resolver(config: &Config) -> Result<Resolver, StartError> {
    Resolver::open(&config.dns)
        .map_err(|error| StartError::new(error.to_string(), "set dns.resolver to \"system\" or to ip:port"))
}

/// Enters the operator's domains, and their role addresses once somebody is there to read them.
pub(super) async fn enter_domains(desk: &Desk, domains: &[DomainName]) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| {
        StartError::new(
            format!("instance.domains could not be entered: {error}"),
            "choose another domain, or have its owner remove it",
        )
    };
    domain::ensure_instance_domains(desk, domains).await.map_err(|error| failed(&error))?;
    role::ensure(desk, domains).await.map_err(|error| failed(&error))
}

/// Makes the keys mail is signed with that are missing, and loads them all.
pub(super) async fn make_keys(broker: &Broker) -> Result<(), StartError> {
    broker.signing.keep_up(&broker.desk).await.map_err(|error| match error {
        KeyError::Storage(error) => StartError::database(&error),
        other => StartError::new(other.to_string(), "see the message; without keys mail could not be signed"),
    })
}

/// `own` is the node this is going to be; `None` for a command that is none.
async fn open_storage(checked: &Checked, own: Option<&Node>, tasks: &TaskTracker) -> Result<Storage, StartError> {
    let options = match &checked.database {
        Location::Sqlite(path) => storage::Options::Sqlite(path.clone()),
        Location::Postgres { url, connections } => storage::Options::Postgres { url: url.clone(), connections: *connections },
    };
    Storage::open_as(&options, own, tasks).await.map_err(|error| StartError::database(&error))
}

/// Tokens and trackers of one running instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Controls {
    /// Stop accepting and claiming.
    pub soft: CancellationToken,
    /// Cut off what runs.
    pub hard: CancellationToken,
    /// Something that must not fail has failed.
    pub fatal: CancellationToken,
    /// Sessions, hand-offs, loops.
    pub work: TaskTracker,
    /// The database's writer; ends after everything else.
    pub writer: TaskTracker,
}

/// Builds the broker.
pub(super) async fn broker(
    config: &Config,
    checked: &Checked,
    environment: &Environment,
    identity: &Identity,
    controls: &Controls,
) -> Result<(Broker, Option<SharedClock>), StartError> {
    let storage = open_storage(checked, Some(&identity.node), &controls.writer).await?;
    let shared = if storage.is_shared() && environment.follow_database {
        Some(SharedClock::new(database_time(&storage).await.map_err(|error| StartError::database(&error))?))
    } else {
        None
    };
    let clock: Arc<dyn Clock> = match &shared {
        Some(shared) => Arc::new(shared.clone()),
        None => Arc::clone(&environment.clock),
    };
    let chance = environment.chance.clone();
    let keys = keys(&storage, &chance, &*clock).await.map_err(|error| StartError::database(&error))?;
    let resolver = open_resolver(config)?;
    let outbound = open_outbound(config, checked, environment, Arc::clone(&clock), &controls.work)?;
    let broker = Broker::new(Parts {
        desk: Desk { storage, clock, chance, writes_from: checked.domains.first().cloned() },
        outbound,
        resolver,
        budget: budget(config),
        node: identity.node.clone(),
        keys,
        signing: open_signing(config),
        rules: rules(config, checked),
        tasks: controls.work.clone(),
        fatal: controls.fatal.clone(),
        hard: controls.hard.clone(),
    });
    Ok((broker, shared))
}

async fn database_time(storage: &Storage) -> Result<Timestamp, storage::Error> {
    storage::clock::now(&mut storage.read().await?).await
}

fn budget(config: &Config) -> Budget {
    let smtp = &config.smtp;
    Budget::new(smtp.memory_budget, smtp.spill_budget, smtp.spill_above, &config.instance.data_dir)
}

fn rules(config: &Config, checked: &Checked) -> MailRules {
    let outbound = &config.outbound;
    let waits: Vec<Duration> = outbound.retry.iter().map(|span| span.0).collect();
    MailRules {
        submission_per_day: config.smtp.submission_per_day,
        submission_ports: config.smtp.submission.iter().map(SocketAddr::port).collect(),
        submissions_ports: config.smtp.submissions.iter().map(SocketAddr::port).collect(),
        hostname: checked.hostname.clone(),
        domains: checked.domains.clone(),
        dmarc: config.sender_auth.dmarc,
        seal_arc: config.sender_auth.seal_arc,
        trusted_networks: config.smtp.trusted_networks.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        header: Limits { max_size: config.smtp.max_header_size, max_fields: config.smtp.max_header_fields, ..Limits::default() },
        max_hops: config.smtp.max_hops,
        inline_deadline: outbound.inline_deadline.0,
        schedule: Schedule::new(waits, outbound.expire.0, outbound.expire_notice.0),
        max_sealed: config.smtp.max_message_size.saturating_mul(8),
        min_free_space: config.smtp.min_free_space,
        data_dir: config.instance.data_dir.clone(),
        public_url: config.instance.public_url.trim_end_matches('/').to_owned(),
        registration: config.instance.registration,
        smarthost: checked.smarthost.as_ref().map(|smarthost| smarthost.host.clone()),
    }
}

/// The instance's keys: made at the first start, the same for all nodes ever after.
async fn keys(storage: &Storage, chance: &Chance, clock: &dyn Clock) -> Result<Keys, storage::Error> {
    let now = clock.now();
    let fresh: [[u8; 32]; 3] = [chance.bytes(), chance.bytes(), chance.bytes()];
    let kept = storage.write(move |tx| {
        Box::pin(async move {
            let [bounce, trace, link] = fresh;
            Ok::<_, storage::Error>([
                secret::get_or_create(tx, "bounce", &bounce, now).await?,
                secret::get_or_create(tx, "trace", &trace, now).await?,
                secret::get_or_create(tx, "link", &link, now).await?,
            ])
        })
    });
    let [bounce, trace, link] = kept.await?;
    Ok(Keys { bounce: SecretKey::new(bounce), trace: SecretKey::new(trace), link: SecretKey::new(link) })
}
