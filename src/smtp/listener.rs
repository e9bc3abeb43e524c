//! The door: accepts connections, turns away what is too much, and starts a session for each of the others.
//!
//! Clients that can't be let in are told so with 421 (RFC 5321 §3.8), never met with silence. When the process runs out
//! of file handles, accepting pauses instead of spinning.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::gate::Gate;
use super::limits::Limits;
use super::replies;
use super::session::Session;
use super::tls::{Tls, TlsError};
use super::wire::turn_away;
use crate::config;
use crate::model::Clock;
use crate::telemetry::metrics::SMTP_CONNECTIONS;

/// Pause after the first accept that failed; doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// Connections the kernel may hold until we accept them.
const BACKLOG: i32 = 1024;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// Mail from other servers (port 25). Nobody logs in.
    Exchange,
    /// Mail of users who log in, after STARTTLS (RFC 6409; port 587).
    Submission,
    /// The same with TLS from the first byte (RFC 8314; port 465).
    Submissions,
}

/// How many connections there may be at once, and how many more.
struct Room {
    size: usize,
    free: Arc<Semaphore>,
}

impl Room {
    fn new(size: usize) -> Self {
        Self { size, free: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))) }
    }
}

/// What all sessions share.
pub(super) struct Shared<G> {
    pub(super) settings: config::smtp::Smtp,
    pub(super) hostname: String,
    pub(super) gate: Arc<G>,
    pub(super) tls: Option<Tls>,
    /// One permit per connection of other servers.
    connections: Room,
    /// One per connection of users.
    submission_connections: Room,
    limits: Arc<Limits>,
}

impl<G> Shared<G> {
    fn room(&self, entrance: Entrance) -> &Room {
        match entrance {
            Entrance::Exchange => &self.connections,
            Entrance::Submission | Entrance::Submissions => &self.submission_connections,
        }
    }

    /// Whether few more connections can be let in there.
    pub(super) fn is_scarce(&self, entrance: Entrance) -> bool {
        let room = self.room(entrance);
        room.free.available_permits() < room.size / 5
    }
}

/// The SMTP server. Clones share limits and certificate, so that several listeners are one door.
pub struct Door<G> {
    shared: Arc<Shared<G>>,
    tasks: TaskTracker,
}

impl<G> Clone for Door<G> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tasks: self.tasks.clone() }
    }
}

impl<G: Gate> Door<G> {
    /// A door that greets as `hostname`. Reads the certificate, if the settings name one.
    pub fn new(
        settings: &config::smtp::Smtp,
        hostname: &str,
        gate: Arc<G>,
        clock: Arc<dyn Clock>,
        tasks: TaskTracker,
    ) -> Result<Self, TlsError> {
        let shared = Shared {
            settings: settings.clone(),
            hostname: hostname.to_owned(),
            gate,
            tls: Tls::open(settings, Arc::clone(&clock))?,
            connections: Room::new(settings.max_connections),
            submission_connections: Room::new(settings.max_submission_connections),
            limits: Limits::new(settings, clock),
        };
        Ok(Self { shared: Arc::new(shared), tasks })
    }

    /// Accepts connections until `soft` is cancelled. Sessions then answer 421 before their next command; a message being
    /// received is finished first. They are tasks of the tracker given to [`Door::new`]; `hard` ends them where they are.
    pub async fn run(self, listener: TcpListener, soft: CancellationToken, hard: CancellationToken) {
        self.run_as(Entrance::Exchange, listener, soft, hard).await;
    }

    /// The same for a listener with another use. Without a certificate nobody can log in there.
    pub async fn run_as(self, entrance: Entrance, listener: TcpListener, soft: CancellationToken, hard: CancellationToken) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                () = soft.cancelled() => return,
                () = hard.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = SHORTEST_PAUSE;
                    self.admit(entrance, stream, peer, &soft, &hard);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::error!(error = %error, "a connection can't be accepted, waiting");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn admit(&self, entrance: Entrance, stream: TcpStream, peer: SocketAddr, soft: &CancellationToken, hard: &CancellationToken) {
        let ip = peer.ip().to_canonical();
        let permit = Arc::clone(&self.shared.room(entrance).free).try_acquire_owned().ok();
        let (Some(permit), Some(slot)) = (permit, self.shared.limits.admit(ip)) else {
            metrics::counter!(SMTP_CONNECTIONS, "result" => "turned_away").increment(1);
            turn_away(&stream, &replies::TOO_MANY_CONNECTIONS);
            return;
        };
        metrics::counter!(SMTP_CONNECTIONS, "result" => "accepted").increment(1);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "the connection is gone already");
            return;
        }
        let session = Session::new(Arc::clone(&self.shared), entrance, stream, ip, slot, permit, soft.clone());
        let hard = hard.clone();
        let task = async move {
            tokio::select! {
                biased;
                () = hard.cancelled() => {}
                () = session.run() => {}
            }
        };
        self.tasks.spawn(task.instrument(tracing::info_span!("smtp.session")));
    }
}

/// Binds an address for [`Door::run`]. An IPv6 address takes IPv6 only, so that `0.0.0.0:25` and `[::]:25` go together
/// on every system.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Without it a restart would have to wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Errors of one connection that ended before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Reply, Timestamp};
    use crate::smtp::gate::{Client, MailFrom};
    use crate::spool::{Budget, Content};

    struct Nobody(Budget);

    impl Gate for Nobody {
        type Recipient = ();
        async fn sender(&self, _: &Client, _: &MailFrom) -> Result<(), Reply> {
            Err(Reply::internal_error())
        }
        async fn recipient(&self, _: &Client, _: &MailFrom, _: Option<&Address>) -> Result<(), Reply> {
            // A gate keeps a lot across its waits; none of that may count for an idle session.
            let large = [0_u8; 64 * 1024];
            tokio::task::yield_now().await;
            if large.iter().any(|&b| b != 0) { Ok(()) } else { Err(Reply::internal_error()) }
        }
        async fn message(&self, _: &Client, _: &MailFrom, _: Vec<()>, _: Content) -> Reply {
            Reply::internal_error()
        }
        fn budget(&self) -> &Budget {
            &self.0
        }
    }

    #[derive(Debug)]
    struct Standing;

    impl Clock for Standing {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }
    }

    fn door(settings: &config::smtp::Smtp) -> Door<Nobody> {
        let gate = Arc::new(Nobody(Budget::new(1 << 20, 1 << 20, 1 << 20, std::path::Path::new("."))));
        Door::new(settings, "mx.example", gate, Arc::new(Standing), TaskTracker::new()).unwrap()
    }

    #[tokio::test]
    async fn an_idle_session_is_small() {
        let door = door(&config::smtp::Smtp::default());
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let ip = [127, 0, 0, 1].into();
        let slot = door.shared.limits.admit(ip).unwrap();
        let permit = Arc::clone(&door.shared.connections.free).try_acquire_owned().unwrap();
        let session =
            Session::new(Arc::clone(&door.shared), Entrance::Exchange, stream, ip, slot, permit, CancellationToken::new());
        let size = std::mem::size_of_val(&session.run());
        assert!(size < 4096, "{size} bytes");
    }

    #[tokio::test]
    async fn silence_is_shorter_when_connections_get_scarce() {
        let door = door(&config::smtp::Smtp { max_connections: 10, ..config::smtp::Smtp::default() });
        assert_eq!(door.shared.patience(Entrance::Exchange), Duration::from_mins(5));
        let _taken = Arc::clone(&door.shared.connections.free).try_acquire_many_owned(9).unwrap();
        assert_eq!(door.shared.patience(Entrance::Exchange), Duration::from_mins(1));
        assert_eq!(door.shared.patience(Entrance::Submission), Duration::from_mins(5), "users have room of their own");
    }

    #[tokio::test]
    async fn a_flood_from_other_servers_locks_no_user_out() {
        use tokio::io::AsyncReadExt;

        let door =
            door(&config::smtp::Smtp { max_connections: 1, max_submission_connections: 1, ..config::smtp::Smtp::default() });
        let hard = CancellationToken::new();
        let mut addresses = Vec::new();
        for entrance in [Entrance::Exchange, Entrance::Submission] {
            let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
            addresses.push(listener.local_addr().unwrap());
            door.tasks.spawn(door.clone().run_as(entrance, listener, CancellationToken::new(), hard.clone()));
        }
        let mut kept = Vec::new();
        for address in addresses {
            for expected in [b"220", b"421"] {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut code = [0; 3];
                stream.read_exact(&mut code).await.unwrap();
                assert_eq!(&code, expected);
                kept.push(stream);
            }
        }
        hard.cancel();
    }

    #[tokio::test]
    async fn both_families_listen_on_one_port() {
        let v4 = bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = v4.local_addr().unwrap().port();
        bind(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port))).unwrap();
    }
}
