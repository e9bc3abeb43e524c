//! Conversations with the SMTP door over real sockets, one scenario per file. The gate behind it records what arrives.

mod addresses;
mod basics;
mod certificate;
mod disconnect;
mod limits;
mod lines;
mod noise;
mod pipelining;
mod shutdown;
mod size;
mod smuggling;
mod starttls;
mod strangers;
mod submission;
mod timeouts;
mod transactions;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use postern::config::smtp::Smtp;
use postern::model::id::{AppPasswordId, UserId};
use postern::model::{Address, Clock, Reply, Timestamp};
use postern::smtp::Door;
use postern::smtp::Entrance;
use postern::smtp::gate::{Client as Peer, Gate, Login, MailFrom};
use postern::spool::{Budget, Content};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A message as the gate got it.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub peer: Peer,
    pub mail: MailFrom,
    pub recipients: Vec<String>,
    pub content: Vec<u8>,
}

/// A gate that knows every recipient but `unknown…@`, refuses the senders `refused@` and `closing@`, and keeps all messages.
#[derive(Debug)]
pub struct Recorder {
    arrived: Mutex<Vec<Arrived>>,
    asked: Mutex<Vec<String>>,
    budget: Budget,
    /// When set, the gate waits for it before it answers the end of data.
    hold: Mutex<Option<CancellationToken>>,
    _folder: TempDir,
}

impl Recorder {
    fn new(settings: &Smtp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(settings.memory_budget, settings.spill_budget, settings.spill_above, folder.path());
        Self { arrived: Mutex::default(), asked: Mutex::default(), budget, hold: Mutex::default(), _folder: folder }
    }
}

impl Gate for Recorder {
    type Recipient = String;

    async fn sender(&self, _: &Peer, mail: &MailFrom) -> Result<(), Reply> {
        match mail.sender.as_ref().map(Address::local) {
            Some("refused") => Err(Reply::new(452, 3, 1, "No room")),
            Some("closing") => Err(Reply::new(421, 3, 2, "Not now\r\n250 injected \u{fc}")),
            _ => Ok(()),
        }
    }

    async fn recipient(&self, _: &Peer, _: &MailFrom, address: Option<&Address>) -> Result<String, Reply> {
        let name = address.map_or("postmaster".into(), ToString::to_string);
        self.asked.lock().push(name.clone());
        if name.starts_with("unknown") { Err(Reply::new(550, 1, 1, "No such address")) } else { Ok(name) }
    }

    async fn message(&self, peer: &Peer, mail: &MailFrom, recipients: Vec<String>, content: Content) -> Reply {
        let hold = self.hold.lock().clone();
        if let Some(hold) = hold {
            hold.cancelled().await;
        }
        let content = content.read_all().await.unwrap().to_vec();
        self.arrived.lock().push(Arrived { peer: peer.clone(), mail: mail.clone(), recipients, content });
        Reply::new(250, 0, 0, "Message accepted")
    }

    async fn login(&self, _: &Peer, name: &str, password: &str) -> Result<Login, Reply> {
        self.asked.lock().push(format!("{name}:{password}"));
        match (name, password) {
            ("ann@inbox.example", "sesame") => Ok(Login { user_id: UserId(1), app_password: AppPasswordId(2) }),
            ("busy@inbox.example", _) => Err(Reply::new(454, 7, 0, "Later")),
            _ => Err(Reply::new(535, 7, 8, "No")),
        }
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// A clock that moves when told.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// A door on a port of its own.
pub struct TestDoor {
    pub address: SocketAddr,
    pub gate: Arc<Recorder>,
    pub clock: Arc<HandClock>,
    pub tasks: TaskTracker,
    pub soft: CancellationToken,
    pub hard: CancellationToken,
}

impl TestDoor {
    /// With the default settings, but limits per client that don't get into a test's way.
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings of the test's own.
    pub async fn with(change: impl FnOnce(&mut Smtp)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, change)
    }

    /// On a listener that exists already.
    pub fn on(listener: TcpListener, change: impl FnOnce(&mut Smtp)) -> Self {
        Self::on_as(Entrance::Exchange, listener, change)
    }

    /// For users, with a self-signed certificate from this folder.
    pub async fn for_users(entrance: Entrance, folder: &Path) -> (Self, rustls::RootCertStore) {
        let roots = write_certificate(folder);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self::on_as(entrance, listener, |settings| {
            settings.tls_cert = Some(folder.join("cert.pem"));
            settings.tls_key = Some(folder.join("key.pem"));
        });
        (door, roots)
    }

    fn on_as(entrance: Entrance, listener: TcpListener, change: impl FnOnce(&mut Smtp)) -> Self {
        let mut settings = Smtp {
            max_connections_per_client: 10_000,
            connections_per_minute: 100_000,
            recipients_per_minute: 1_000_000,
            ..Smtp::default()
        };
        change(&mut settings);
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Recorder::new(&settings));
        let clock = Arc::new(HandClock(AtomicI64::new(1_700_000_000_000_000)));
        let (tasks, soft, hard) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let door = Door::new(&settings, "mx.example", Arc::clone(&gate), time, tasks.clone()).unwrap();
        tasks.spawn(door.run_as(entrance, listener, soft.clone(), hard.clone()));
        Self { address, gate, clock, tasks, soft, hard }
    }

    /// All messages so far.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.gate.arrived.lock().clone()
    }

    /// The one message that arrived.
    pub fn the_message(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.into_iter().next().unwrap()
    }

    /// Waits until no session is left.
    pub async fn all_sessions_end(&self) {
        self.wait(|door| door.tasks.len() <= usize::from(!door.soft.is_cancelled())).await;
    }

    /// Waits for a condition.
    pub async fn wait(&self, condition: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the condition comes true");
    }
}

impl Drop for TestDoor {
    fn drop(&mut self) {
        self.hard.cancel();
    }
}

/// A self-signed certificate for `mx.example` in two files.
pub fn write_certificate(folder: &Path) -> rustls::RootCertStore {
    let issued = rcgen::generate_simple_self_signed(vec!["mx.example".into()]).unwrap();
    std::fs::write(folder.join("cert.pem"), issued.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    roots
}
