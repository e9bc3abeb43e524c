//! A whole instance under test: its own database, a clock moved by hand, a scripted next hop, real sockets.
//!
//! ```ignore
//! each_driver(async |database| {
//!     let app = TestApp::start(&database).await;
//!     let alias = app.alias("shop").await;
//!     assert_eq!(app.send("news@lg.example", &alias, MESSAGE).await, "250 2.0.0 Ok, message accepted");
//!     app.finish().await;
//! }).await;
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postern::app::{Environment, Running, start};
use postern::config::Config;
use postern::config::duration::Span;
use postern::config::outbound::Mode;
use postern::model::alias::{Alias, AliasState};
use postern::model::dkim_key::Algorithm;
use postern::model::id::{MailboxId, UserId};
use postern::model::{Address, Chance, Clock};
use postern::storage::alias::NewAlias;
use postern::storage::mailbox::NewMailbox;
use postern::storage::queue::{self, DeliveryFilter};
use postern::storage::user::NewUser;
use postern::storage::{self, Options, Storage};
use rand::rngs::StdRng;

use super::client::Client;
use super::database::{Database, HandClock, address};
use super::sink::{Script, Sink};

/// The mailbox nothing may betray.
pub const MAILBOX: &str = "jane.roe@mailbox-provider.example";
/// The domain aliases live on.
pub const DOMAIN: &str = "you.example";

/// A running instance and its surroundings.
pub struct TestApp {
    pub running: Running,
    pub sink: Sink,
    pub clock: Arc<HandClock>,
    pub user: UserId,
    pub mailbox: MailboxId,
    pub config: Config,
    folder: tempfile::TempDir,
}

/// One more node of an instance.
pub struct Node {
    pub running: Running,
    _folder: tempfile::TempDir,
}

/// Settings for tests: everything on loopback, short waits, the sink as smarthost.
fn settings(folder: &std::path::Path, options: &Options, sink: SocketAddr) -> Config {
    let mut config = Config::default();
    config.instance.hostname = "gate.you.example".into();
    config.instance.domains = vec![DOMAIN.into()];
    config.instance.data_dir = folder.into();
    config.database.url = match options {
        Options::Sqlite(path) => format!("sqlite:{}", path.display()),
        Options::Postgres { url, .. } => url.reveal().clone(),
    };
    config.database.connections = 4;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    config.smtp.listen = vec![any_port];
    config.smtp.trusted_networks = vec!["127.0.0.0/8".parse().unwrap()];
    config.smtp.min_free_space = 0;
    // A zone without names: nothing is asked of the machine's resolver.
    let zone = folder.join("empty.zone");
    std::fs::write(&zone, "").unwrap();
    config.dns.zone_file = Some(zone);
    config.http.listen = any_port;
    config.outbound.mode = Mode::Smarthost;
    config.outbound.smarthost = format!("smtp://{sink}");
    // One connection, one message: a script set in between holds for the next one.
    config.outbound.messages_per_connection = 1;
    // An RSA key takes a good part of a second to make; the tests of signing ask for one.
    config.dkim.algorithms = vec![Algorithm::Ed25519];
    config.outbound.inline_deadline = Span(Duration::from_millis(700));
    config
}

impl TestApp {
    /// An instance with a polite next hop, one user and one verified mailbox.
    pub async fn start(database: &Database) -> Self {
        Self::with(database, |_| {}).await
    }

    /// The same with other settings.
    pub async fn with(database: &Database, adjust: impl FnOnce(&mut Config)) -> Self {
        let sink = Sink::start().await;
        let folder = tempfile::tempdir().unwrap();
        let mut config = settings(folder.path(), &database.options, sink.address());
        adjust(&mut config);
        let clock = Arc::new(HandClock::new());
        let running = start(&config, &environment(&clock)).await.unwrap();
        let (user, mailbox) = user(running.broker.storage(), &*clock, MAILBOX).await;
        Self { running, sink, clock, user, mailbox, config, folder }
    }

    /// Stops in order and starts again on the same data.
    pub async fn restart(self) -> Self {
        let Self { running, sink, clock, user, mailbox, config, folder } = self;
        running.stop(Duration::from_secs(10)).await;
        let running = start(&config, &environment(&clock)).await.unwrap();
        Self { running, sink, clock, user, mailbox, config, folder }
    }

    /// A second node beside this one, on the same database; it is stopped by whoever asked for it.
    pub async fn another_node(&self) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let mut config = self.config.clone();
        config.instance.data_dir = folder.path().into();
        Node { running: start(&config, &environment(&self.clock)).await.unwrap(), _folder: folder }
    }

    pub fn storage(&self) -> &Storage {
        self.running.broker.storage()
    }

    /// An active alias `name@you.example` with the one mailbox.
    pub async fn alias(&self, name: &str) -> Alias {
        self.alias_to(name, vec![self.mailbox], |_| {}).await
    }

    /// An alias with other mailboxes or limits.
    pub async fn alias_to(&self, name: &str, mailboxes: Vec<MailboxId>, adjust: impl FnOnce(&mut NewAlias)) -> Alias {
        let now = self.clock.now();
        let domain = self.read(async |tx| storage::domain::find_by_name(tx, &DOMAIN.parse().unwrap()).await).await.unwrap();
        let mut new = NewAlias {
            uuid: uuid::Uuid::from_u128(rand::random()),
            user_id: self.user,
            domain_id: domain.id,
            address: address(&format!("{name}@{DOMAIN}")),
            site: None,
            note: String::new(),
            expires_at: None,
            max_messages: None,
            mailboxes,
            created_at: now,
        };
        adjust(&mut new);
        self.storage().write(move |tx| Box::pin(async move { storage::alias::create(tx, &new).await })).await.unwrap()
    }

    /// One more verified mailbox of the user.
    pub async fn mailbox(&self, text: &str) -> MailboxId {
        mailbox(self.storage(), &*self.clock, self.user, text, false).await
    }

    /// Changes an alias's state, as the owner would: a kill cancels what waits.
    pub async fn set_state(&self, alias: &Alias, state: AliasState) {
        let (id, now) = (alias.id, self.clock.now());
        let write = self.storage().write(move |tx| {
            Box::pin(async move {
                assert!(storage::alias::set_state(tx, id, state, now).await?);
                if state == AliasState::Killed {
                    storage::delivery::cancel_waiting_of_alias(tx, id, now).await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        write.await.unwrap();
    }

    /// A read of the database.
    pub async fn read<T>(&self, read: impl AsyncFnOnce(&mut storage::Tx) -> Result<T, storage::Error>) -> T {
        read(&mut self.storage().read().await.unwrap()).await.unwrap()
    }

    /// What is in the queue, in all states.
    pub async fn queue(&self) -> Vec<postern::model::delivery::Delivery> {
        let filter = DeliveryFilter { user_id: None, alias_id: None, state: None, before: None, limit: 1000 };
        self.read(async |tx| queue::list(tx, &filter).await).await
    }

    /// A client that said EHLO.
    pub async fn client(&self) -> Client {
        Client::greeted(self.running.smtp[0]).await
    }

    /// Sends one message over a connection of its own; the reply to the final dot, or the first refusal.
    pub async fn send(&self, sender: &str, alias: &Alias, data: &str) -> String {
        self.send_to(sender, &[&alias.address], data).await
    }

    /// The same to several recipients.
    pub async fn send_to(&self, sender: &str, recipients: &[&Address], data: &str) -> String {
        let mut client = self.client().await;
        let mut lines = vec![format!("MAIL FROM:<{sender}>")];
        lines.extend(recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
        lines.push("DATA".into());
        for line in lines {
            client.send(format!("{line}\r\n")).await;
            let reply = client.read_reply().await.unwrap();
            if !reply.starts_with(['2', '3']) {
                return reply.trim_end().to_owned();
            }
        }
        client.send(format!("{data}.\r\n")).await;
        client.read_reply().await.unwrap().trim_end().to_owned()
    }

    /// Moves the clock and hands off everything that is due by then.
    pub async fn deliver_after(&self, wait: Duration) -> usize {
        self.clock.advance(wait);
        self.running.queue.deliver_due().await.unwrap()
    }

    /// The next hop behaves like this from now on.
    pub fn next_hop(&self, script: Script) {
        self.sink.follow(script);
    }

    /// Waits until no delivery is waiting and unleased work has ended.
    pub async fn wait_until(&self, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while !holds(self).await {
            assert!(tokio::time::Instant::now() < until, "waited in vain; queue: {:#?}", self.queue().await);
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The instance's counts of an alias, written ones and fresh ones.
    pub async fn activity(&self, alias: &Alias) -> postern::model::activity::Activity {
        self.running.broker.ledger.flush(self.storage()).await.unwrap();
        self.read(async |tx| storage::activity::total(tx, alias.id).await).await
    }

    /// Ends the test: no mail may wait, nothing kept may be left over.
    pub async fn finish(self) {
        // A letter of ours may be on its way at this very moment.
        self.wait_until(async |app| app.read(async |tx| queue::counts(tx).await).await.waiting == 0).await;
        self.running.stop(Duration::from_secs(10)).await;
    }
}

fn environment(clock: &Arc<HandClock>) -> Environment {
    // Every start draws other tokens and boot ids, as in life; the names of a test do not depend on them.
    Environment {
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        chance: Chance::new(rand::make_rng::<StdRng>()),
        follow_database: false,
    }
}

/// A user with one verified default mailbox.
pub async fn user(storage: &Storage, clock: &dyn Clock, email: &str) -> (UserId, MailboxId) {
    let new =
        NewUser { uuid: uuid::Uuid::from_u128(rand::random()), email: address(email), is_admin: false, created_at: clock.now() };
    let user = storage.write(move |tx| Box::pin(async move { storage::user::create(tx, &new).await })).await.unwrap();
    (user.id, mailbox(storage, clock, user.id, email, true).await)
}

async fn mailbox(storage: &Storage, clock: &dyn Clock, user_id: UserId, text: &str, is_default: bool) -> MailboxId {
    let new = NewMailbox {
        uuid: uuid::Uuid::from_u128(rand::random()),
        user_id,
        address: address(text),
        verified_at: Some(clock.now()),
        is_default,
        created_at: clock.now(),
    };
    storage.write(move |tx| Box::pin(async move { storage::mailbox::create(tx, &new).await })).await.unwrap().id
}
