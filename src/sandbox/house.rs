//! Everything that runs in the sandbox: the inbox, the broker with its temporary folder, the window at its gate.
//!
//! The broker is the one that `postern serve` runs, with settings made here: all its mail goes to the inbox, and names
//! are looked up in a zone file, so that nothing leaves the machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::scene::{HIDDEN, PROVIDER, REAL_ADDRESS, Scene};
use super::{Error, gate, inbox::Inbox, journal::Journal, letters::SENDERS, page};
use crate::app::{self, Environment, Running};
use crate::config::instance::Registration;
use crate::config::outbound::Mode;
use crate::config::{Config, database::Database};
use crate::model::Address;
use crate::service::user::{self, NewUser};

/// How long the broker may take to finish what runs.
const GRACE: Duration = Duration::from_secs(3);

/// A running sandbox.
#[derive(Debug)]
pub struct House {
    scene: Scene,
    running: Running,
    inbox: Inbox,
    folder: TempDir,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl House {
    /// Starts everything; the gate listens on `smtp_port`, or on a free port. With `first_run` nobody has an account yet.
    pub async fn start(environment: &Environment, smtp_port: Option<u16>, first_run: bool) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("postern-try-")
            .tempdir()
            .map_err(Error::machine("a temporary folder can't be made"))?;
        let listen = loopback(smtp_port.unwrap_or(0));
        let listener =
            TcpListener::bind(listen).await.map_err(Error::machine(format!("the gate can't be opened on {listen}")))?;
        let gate = listener.local_addr().map_err(Error::machine("the gate has no address"))?;
        let inbox = Inbox::start(loopback(0)).map_err(Error::machine("the inbox can't be opened"))?;
        let config = settings(folder.path(), inbox.address(), first_run)?;
        let running = app::start(&config, environment).await?;
        let behind = running.smtp.first().copied().ok_or(Error::Stopped)?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let journal = Journal::new(environment.clock.clone(), &HIDDEN);
        gate::open(listener, behind, journal.clone(), &tasks, stop.clone());
        let desk = running.broker.desk.clone();
        if !first_run {
            let email = Address::parse(REAL_ADDRESS).map_err(Error::account("the owner's address is wrong"))?;
            let owner = user::add(&desk, NewUser { email, is_admin: false, verified: true }).await;
            owner.map_err(Error::account("the owner's account can't be made"))?;
        }
        let pages = format!("{}/", config.instance.public_url);
        let scene = Scene::new(desk, pages, gate, inbox.shelf().clone(), journal);
        Ok(Self { scene, running, inbox, folder, tasks, stop })
    }

    /// What the story and the page work with.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Where the first account is made, while there is none.
    pub fn setup_link(&self) -> Option<&str> {
        self.running.setup_link.as_ref().map(|link| link.reveal().as_str())
    }

    /// The temporary folder, with the broker's database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the page on `port`, or on a free one; it closes with the sandbox.
    pub async fn open_page(&self, port: Option<u16>) -> Result<SocketAddr, Error> {
        let listen = loopback(port.unwrap_or(0));
        page::serve(listen, self.scene.clone(), &self.tasks, self.stop.clone())
            .await
            .map_err(Error::machine(format!("the page can't be opened on {listen}")))
    }

    /// Resolves when the broker has failed.
    pub async fn failed(&self) {
        self.running.failed().await;
    }

    /// Stops everything and removes the temporary folder.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        self.tasks.close();
        // Conversations and pages end with the token; one that does not must not keep the folder.
        drop(tokio::time::timeout(GRACE, self.tasks.wait()).await);
        self.running.stop(GRACE).await;
        drop(self.inbox);
        self.folder.close().map_err(Error::machine("the temporary folder can't be removed"))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that was free a moment ago: links in mail name it before it is opened.
fn free_port() -> Result<u16, Error> {
    let listener = std::net::TcpListener::bind(loopback(0)).map_err(Error::machine("no port is free"))?;
    Ok(listener.local_addr().map_err(Error::machine("a port has no number"))?.port())
}

fn settings(folder: &Path, inbox: SocketAddr, first_run: bool) -> Result<Config, Error> {
    let zone_file = folder.join("names.zone");
    std::fs::write(&zone_file, zone()).map_err(Error::machine("the temporary folder can't be used"))?;
    let mut config = Config::default();
    config.instance.hostname = "postern.localhost".into();
    config.instance.domains = vec!["you.example".into()];
    folder.clone_into(&mut config.instance.data_dir);
    config.database = Database::default();
    config.http.listen = loopback(free_port()?);
    // A name, not an address: passkeys are bound to one.
    config.instance.public_url = format!("http://localhost:{}", config.http.listen.port());
    if first_run {
        config.instance.registration = Registration::Open;
    }
    config.dns.zone_file = Some(zone_file);
    config.outbound.mode = Mode::Smarthost;
    config.outbound.smarthost = format!("smtp://{inbox}");
    config.outbound.allow_private_targets = true;
    config.outbound.connections_per_site = 8;
    let smtp = &mut config.smtp;
    smtp.listen = vec![loopback(0)];
    // Nobody is trusted for where they come from: whether the owner wrote is told by SPF.
    smtp.trusted_networks = Vec::new();
    smtp.max_connections_per_client = smtp.max_connections;
    smtp.connections_per_minute = 100_000;
    smtp.recipients_per_minute = 100_000;
    smtp.unknown_recipients_per_minute = 100_000;
    // What is kept here is a few mails for a few minutes.
    smtp.min_free_space = 1_048_576;
    Ok(config)
}

/// The sites may send from this machine (SPF, RFC 7208). The owner's provider has a mail server, which alone may send for
/// it, from an address of its own.
fn zone() -> String {
    let provider = format!(
        "inbox.example. 60 IN MX 10 mx.inbox.example.\nmx.inbox.example. 60 IN A 127.0.0.1\n\
         inbox.example. 60 IN TXT \"v=spf1 ip4:{PROVIDER} -all\"\n"
    );
    let site = |domain: &str| {
        format!(
            "{domain}. 60 IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\n{domain}. 60 IN MX 10 mail.{domain}.\n\
             mail.{domain}. 60 IN TXT \"v=spf1 ip4:127.0.0.1 -all\"\nmail.{domain}. 60 IN A 127.0.0.1\n"
        )
    };
    SENDERS.iter().fold(provider, |zone, sender| zone + &site(sender.domain))
}
