//! The door: accepts connections, turns away what is too much, and starts a session for each of the others.
//!
//! Clients that can't be let in are told so with 421 (RFC 5321 §3.8), never met with silence. When the process runs out
//! of file handles, accepting pauses instead of spinning.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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

/// Pause after the first accept that failed; doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What all sessions share.
pub(super) struct Shared<G> {
    pub(super) settings: config::smtp::Smtp,
    pub(super) hostname: String,
    pub(super) gate: Arc<G>,
    pub(super) tls: Option<Tls>,
    /// One permit per connection in all.
    pub(super) connections: Arc<Semaphore>,
    limits: Arc<Limits>,
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
            connections: Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS))),
            limits: Limits::new(settings, clock),
        };
        Ok(Self { shared: Arc::new(shared), tasks })
    }

    /// Accepts connections until `soft` is cancelled. Sessions then answer 421 before their next command; a message being
    /// received is finished first. They are tasks of the tracker given to [`Door::new`]; `hard` ends them where they are.
    pub async fn run(self, listener: TcpListener, soft: CancellationToken, hard: CancellationToken) {
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
                    self.admit(stream, peer, &soft, &hard);
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

    fn admit(&self, stream: TcpStream, peer: SocketAddr, soft: &CancellationToken, hard: &CancellationToken) {
        let ip = peer.ip().to_canonical();
        let permit = Arc::clone(&self.shared.connections).try_acquire_owned().ok();
        let (Some(permit), Some(slot)) = (permit, self.shared.limits.admit(ip)) else {
            metrics::counter!("postern_smtp_connections_total", "outcome" => "turned_away").increment(1);
            turn_away(&stream, &replies::TOO_MANY_CONNECTIONS);
            return;
        };
        metrics::counter!("postern_smtp_connections_total", "outcome" => "accepted").increment(1);
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "the connection is gone already");
            return;
        }
        let session = Session::new(Arc::clone(&self.shared), stream, ip, slot, permit, soft.clone());
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

/// Errors of one connection that ended before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
