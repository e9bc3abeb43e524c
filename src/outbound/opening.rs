//! From a TCP connection to a server that is ready for MAIL: greeting, EHLO, STARTTLS, AUTH (RFC 5321 §3.1, RFC 3207).
//!
//! Greeting, EHLO and STARTTLS are ours, because they decide whether what follows can be trusted; lettre gets the opened
//! stream with an answer to its own EHLO replayed. Whatever goes wrong here is the host's trouble, never the message's:
//! another host may do better, and no 5xx of this part refuses a message.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::classify::{self, Answer, End, Peer};
use super::next_hop::Target;
use super::smarthost::{Login, Security};
use super::tls::Tls;
use super::wire::Wire;
use crate::config::outbound::Deadlines;
use crate::model::{Clock, Timestamp};

/// How long a host whose TLS failed is talked to in clear.
const TLS_BROKEN: Duration = Duration::from_hours(1);
/// Hosts with broken TLS that are remembered.
const BROKEN_HOSTS: usize = 1000;

/// A connection that is ready for MAIL.
pub(super) struct Connection {
    /// lettre's side: commands and replies.
    pub(super) smtp: AsyncSmtpConnection,
    /// Our side: the message text, and what lettre does not tell.
    pub(super) wire: Wire,
    /// What the server offers.
    pub(super) offers: Offers,
    /// Who it is.
    pub(super) peer: Peer,
    /// Messages sent over it.
    pub(super) used: u32,
    /// Whether an unfinished transaction has to be reset first.
    pub(super) needs_reset: bool,
}

/// The extensions that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// RFC 2920.
    pub(super) pipelining: bool,
    /// RFC 6152.
    pub(super) eight_bit: bool,
    /// RFC 6531.
    pub(super) smtputf8: bool,
    /// RFC 1870; `Some(0)` is "no limit known".
    pub(super) size: Option<u64>,
    starttls: bool,
    auth: Vec<&'static str>,
}

impl Offers {
    /// Reads the lines of an EHLO reply after the first.
    fn parse(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "STARTTLS" => offers.starttls = true,
                "SIZE" => offers.size = Some(words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0)),
                "AUTH" => {
                    let known = |word: &str| ["PLAIN", "LOGIN"].into_iter().find(|name| name.eq_ignore_ascii_case(word));
                    offers.auth.extend(words.filter_map(known));
                    offers.auth.truncate(4);
                }
                _ => {}
            }
        }
        offers
    }
}

/// Opens connections.
pub(super) struct Opener {
    /// Our name in EHLO.
    pub(super) hostname: String,
    /// Both ways of doing TLS.
    pub(super) tls: Tls,
    /// Deadlines of the phases.
    pub(super) deadlines: Deadlines,
    /// What the smarthost wants to know of us.
    pub(super) login: Option<Login>,
    /// For the memory of broken TLS.
    pub(super) clock: Arc<dyn Clock>,
    /// Hosts whose TLS failed, and until when that is remembered.
    pub(super) broken: Mutex<HashMap<SocketAddr, Timestamp>>,
}

/// Why opening failed.
enum Trouble {
    /// For this host, for now.
    Host(End),
    /// TLS failed although nobody insists on it.
    Tls(End),
}

impl From<End> for Trouble {
    fn from(end: End) -> Self {
        Self::Host(end)
    }
}

impl Opener {
    /// Connects, greets, encrypts and logs in. A host whose TLS fails gets one more connection, in clear, where nobody
    /// insists on TLS.
    pub(super) async fn open(&self, target: &Target, security: Security) -> Result<Connection, End> {
        let clear = security == Security::Opportunistic && self.is_broken(target.address);
        match self.try_open(target, security, clear).await {
            Ok(connection) => Ok(connection),
            Err(Trouble::Host(end)) => Err(end),
            Err(Trouble::Tls(_)) => {
                self.remember_broken(target.address);
                self.try_open(target, security, true).await.map_err(|trouble| match trouble {
                    Trouble::Host(end) | Trouble::Tls(end) => end,
                })
            }
        }
    }

    async fn try_open(&self, target: &Target, security: Security, clear: bool) -> Result<Connection, Trouble> {
        let host = target.name.as_str();
        let mut wire = self.connect(target, security).await?;
        let (code, text) = within(self.deadlines.greeting.0, read_reply(&wire), host, "the connection").await?;
        if code != 220 {
            return Err(answered(code, &text, host, "the connection").into());
        }
        let mut offers = self.hello(&mut wire, host).await?;
        if offers.starttls && security != Security::Immediate && !clear {
            if let Some(encrypted) = self.start_tls(&mut wire, host, security).await? {
                wire = encrypted;
                offers = self.hello(&mut wire, host).await?;
            }
        } else if security == Security::StartTls {
            return Err(elsewhere("4.7.4", format!("{host} offers no STARTTLS, and the password is not sent in clear")).into());
        }
        let stripped = offers.starttls && !wire.is_encrypted();
        let peer = Peer { name: target.name.clone(), smarthost: target.smarthost, stripped };
        Ok(self.hand_over(wire, offers, peer).await?)
    }

    async fn connect(&self, target: &Target, security: Security) -> Result<Wire, End> {
        let host = &target.name;
        let failed = |reason: String| elsewhere("4.4.1", format!("{host} can't be connected: {reason}"));
        let stream = tokio::time::timeout(self.deadlines.connect.0, TcpStream::connect(target.address)).await;
        let stream = stream.map_err(|_| failed("no answer in time".to_owned()))?;
        let stream = stream.map_err(|error| {
            let end = failed(error.to_string());
            if is_local(&error) { end.here() } else { end }
        })?;
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        if security == Security::Immediate {
            return self.handshake(stream, host, true).await.map(Wire::tls);
        }
        Ok(Wire::plain(stream))
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        verify: bool,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, End> {
        let failed = |reason: String| elsewhere("4.7.5", format!("TLS with {host} failed: {reason}"));
        let handshake = self.tls.handshake(stream, host, verify);
        let result = tokio::time::timeout(self.deadlines.tls.0, handshake).await;
        result.map_err(|_| failed("no answer in time".to_owned()))?.map_err(|error| failed(error.to_string()))
    }

    /// EHLO, or HELO for a server that does not know it (RFC 5321 §3.2).
    async fn hello(&self, wire: &mut Wire, host: &str) -> Result<Offers, End> {
        let deadline = self.deadlines.greeting.0;
        let ehlo = format!("EHLO {}\r\n", self.hostname);
        let (code, lines) = within(deadline, ask(wire, &ehlo), host, "EHLO").await?;
        let offers = match code {
            200..=299 => Offers::parse(lines.get(1..).unwrap_or_default()),
            500 | 502 | 504 => {
                let helo = format!("HELO {}\r\n", self.hostname);
                let (code, lines) = within(deadline, ask(wire, &helo), host, "HELO").await?;
                if !(200..=299).contains(&code) {
                    return Err(answered(code, &lines, host, "HELO"));
                }
                Offers::default()
            }
            _ => return Err(answered(code, &lines, host, "EHLO")),
        };
        if wire.has_unread() {
            return Err(elsewhere("4.5.0", format!("{host} sent more than the answer to EHLO")));
        }
        Ok(offers)
    }

    /// `None`: the server would rather not, and nobody insists.
    async fn start_tls(&self, wire: &mut Wire, host: &str, security: Security) -> Result<Option<Wire>, Trouble> {
        let (code, lines) = within(self.deadlines.command.0, ask(wire, "STARTTLS\r\n"), host, "STARTTLS").await?;
        if code != 220 {
            return match security {
                Security::Opportunistic if (400..=599).contains(&code) && code != 421 && !wire.has_unread() => Ok(None),
                _ => Err(answered(code, &lines, host, "STARTTLS").into()),
            };
        }
        let Some(stream) = wire.take_plain() else {
            let detail = format!("{host} sent more than the answer to STARTTLS; someone may be meddling");
            return Err(elsewhere("4.7.0", detail).into());
        };
        match self.handshake(stream, host, security == Security::StartTls).await {
            Ok(stream) => Ok(Some(Wire::tls(stream))),
            Err(end) if security == Security::Opportunistic => Err(Trouble::Tls(end)),
            Err(end) => Err(end.into()),
        }
    }

    /// Gives the stream to lettre, which sees a greeting and an answer to its EHLO of our own making, and logs in.
    async fn hand_over(&self, wire: Wire, offers: Offers, peer: Peer) -> Result<Connection, End> {
        let deadline = self.deadlines.command.0;
        let host = peer.name.as_str();
        if offers.auth.is_empty() {
            wire.replay("220 -\r\n250 -\r\n");
        } else {
            wire.replay(&format!("220 -\r\n250--\r\n250 AUTH {}\r\n", offers.auth.join(" ")));
        }
        let name = ClientId::Domain(self.hostname.clone());
        let opened = AsyncSmtpConnection::connect_with_transport(Box::new(wire.clone()), &name);
        let opened = tokio::time::timeout(deadline, opened).await;
        let Ok(Ok(mut smtp)) = opened else {
            return Err(elsewhere("4.4.2", format!("{host} closed the connection after EHLO")));
        };
        if let Some(login) = &self.login {
            let credentials = Credentials::new(login.user.reveal().clone(), login.password.reveal().clone());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let result = tokio::time::timeout(deadline, smtp.auth(&mechanisms, &credentials)).await;
            let answer = result.map_or(Answer::Late, |result| Answer::of(result, wire.is_lost()));
            match answer {
                Answer::Reply(235, _) => {}
                Answer::Reply(code, words) => return Err(answered(code, &[words], host, "AUTH")),
                Answer::Lost | Answer::Late => return Err(elsewhere("4.7.8", format!("{host} did not answer AUTH"))),
                Answer::Garbage if offers.auth.is_empty() => {
                    return Err(elsewhere("4.7.8", format!("{host} offers neither AUTH PLAIN nor AUTH LOGIN")));
                }
                Answer::Garbage => {
                    return Err(elsewhere("4.7.8", format!("{host} answered AUTH with something that is no reply")));
                }
            }
        }
        Ok(Connection { smtp, wire, offers, peer, used: 0, needs_reset: false })
    }

    fn is_broken(&self, address: SocketAddr) -> bool {
        let broken = self.broken.lock();
        !broken.is_empty() && broken.get(&address).is_some_and(|until| self.clock.now() < *until)
    }

    fn remember_broken(&self, address: SocketAddr) {
        let now = self.clock.now();
        let mut broken = self.broken.lock();
        if broken.len() >= BROKEN_HOSTS {
            broken.retain(|_, until| now < *until);
        }
        if broken.len() < BROKEN_HOSTS {
            broken.insert(address, now.plus(TLS_BROKEN));
        }
    }
}

/// Whether a connection failed for want of something here (network, address, file descriptors): that says nothing about
/// the host, and must not make the site rest on all nodes.
fn is_local(error: &io::Error) -> bool {
    /// EMFILE and ENFILE on every system with sockets that we run on; std has no name for them.
    const NO_DESCRIPTORS: [i32; 2] = [24, 23];
    use io::ErrorKind::{AddrNotAvailable, NetworkDown, NetworkUnreachable, OutOfMemory, PermissionDenied};
    matches!(error.kind(), AddrNotAvailable | NetworkDown | NetworkUnreachable | OutOfMemory | PermissionDenied)
        || error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code))
}

fn elsewhere(status: &str, detail: String) -> End {
    End::elsewhere(classify::ours(status, detail))
}

/// A reply of the opening that is not the hoped-for one: temporary, whatever its class.
fn answered(code: u16, lines: &[String], host: &str, to: &str) -> End {
    let mut failure = classify::replied(code, &lines.join(" "), host, to);
    if let Some(rest) = failure.status.strip_prefix('5') {
        failure.status = format!("4{rest}");
    }
    End::elsewhere(failure)
}

async fn within<T>(deadline: Duration, work: impl Future<Output = io::Result<T>>, host: &str, to: &str) -> Result<T, End> {
    match tokio::time::timeout(deadline, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Err(elsewhere("4.5.0", format!("{host} answered {to} with something that is no reply")))
        }
        Ok(Err(error)) => Err(elsewhere("4.4.2", format!("{host} closed the connection at {to}: {error}"))),
        Err(_) => Err(elsewhere("4.4.2", format!("{host} did not answer {to} in time"))),
    }
}

async fn ask(wire: &mut Wire, command: &str) -> io::Result<(u16, Vec<String>)> {
    wire.send(command.as_bytes()).await?;
    read_reply(wire).await
}

/// One reply: its code, and the text of each line. The wire bounds its size.
async fn read_reply(wire: &Wire) -> io::Result<(u16, Vec<String>)> {
    let mut lines = Vec::new();
    let mut code = None;
    loop {
        let line = wire.read_line().await?;
        let (this, last, text) = split_line(&line).ok_or(io::ErrorKind::InvalidData)?;
        if *code.get_or_insert(this) != this {
            return Err(io::ErrorKind::InvalidData.into());
        }
        lines.push(text.to_owned());
        if last {
            return Ok((this, lines));
        }
    }
}

fn split_line(line: &str) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok()? } else { return None };
    match rest.strip_prefix('-') {
        Some(text) => Some((code, false, text)),
        None if rest.is_empty() || rest.starts_with(' ') => Some((code, true, rest.trim_start())),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_whatever_their_case() {
        let lines = ["pipelining", "Size 1000", "8bitmime", "auth plain XOAUTH2 login", "SMTPUTF8", "", "STARTTLS"];
        let offers = Offers::parse(&lines.map(str::to_owned));
        assert!(offers.pipelining && offers.eight_bit && offers.smtputf8 && offers.starttls);
        assert_eq!((offers.size, offers.auth.as_slice()), (Some(1000), ["PLAIN", "LOGIN"].as_slice()));
        assert_eq!(Offers::parse(&["SIZE".to_owned()]).size, Some(0));
    }

    #[test]
    fn only_what_fails_here_is_local() {
        assert!(is_local(&io::ErrorKind::NetworkUnreachable.into()));
        assert!(is_local(&io::Error::from_raw_os_error(24)));
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable, io::ErrorKind::TimedOut] {
            assert!(!is_local(&kind.into()), "{kind}");
        }
    }

    #[test]
    fn a_reply_line_has_three_digits_and_a_sign() {
        assert_eq!(split_line("250-a b"), Some((250, false, "a b")));
        assert_eq!(split_line("250"), Some((250, true, "")));
        for bad in ["", "25", "2x0 a", "250a", "+25 a", "SSH-2.0", "日本"] {
            assert_eq!(split_line(bad), None, "{bad}");
        }
    }
}
