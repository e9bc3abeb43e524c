//! `[outbound]`: mail out.

use serde::{Deserialize, Serialize};

use super::duration::Span;

/// Mail out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// `mx`: look up each domain's mail exchangers; `smarthost`: give everything to one server.
    pub mode: Mode,
    /// `smtp://host:25` (STARTTLS when offered; required with a password), `smtps://host:465` (TLS at once),
    /// with `user:password@` before the host where the server wants it.
    pub smarthost: String,
    /// A file that holds the smarthost URL instead, so that its password is in no settings file.
    pub smarthost_file: Option<std::path::PathBuf>,
    /// PEM file of certificate authorities that may vouch for the smarthost, besides the public ones.
    pub smarthost_ca: Option<std::path::PathBuf>,
    /// Port of mail exchangers. Anything but 25 is for tests.
    pub mx_port: u16,
    /// How long a sender is kept waiting for the next hop before the message is queued and accepted.
    pub inline_deadline: Span,
    /// Waits between hand-offs; the last one repeats. Each is varied by a fifth either way.
    pub retry: Vec<Span>,
    /// When an undeliverable message is given up.
    pub expire: Span,
    /// When an undeliverable notice of our own is given up.
    pub expire_notice: Span,
    /// Connections to one site at the most.
    pub connections_per_site: usize,
    /// Messages over one connection at the most.
    pub messages_per_connection: u32,
    /// How long an unused connection is kept.
    pub keep_alive: Span,
    /// Hand-offs under way at once, in all.
    pub workers: usize,
    /// Whether mail may be delivered to private and loopback addresses (mailbox domains are chosen by users).
    pub allow_private_targets: bool,
    /// Deadlines of the phases of one hand-off.
    pub deadlines: Deadlines,
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// To the mail exchangers of each domain.
    #[default]
    Mx,
    /// To one server that takes care of the rest.
    Smarthost,
}

/// Deadlines of the phases of one hand-off (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// TCP connection.
    pub connect: Span,
    /// Greeting and EHLO.
    pub greeting: Span,
    /// TLS handshake.
    pub tls: Span,
    /// MAIL, RCPT and AUTH.
    pub command: Span,
    /// From DATA to 354.
    pub data: Span,
    /// Each block of the message.
    pub block: Span,
    /// From the final dot to its answer. Short values make duplicates.
    pub end: Span,
    /// A whole attempt up to the final dot, so that a slow next hop can't keep a worker for hours.
    pub attempt: Span,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Span::seconds(30),
            greeting: Span::seconds(60),
            tls: Span::seconds(30),
            command: Span::seconds(300),
            data: Span::seconds(120),
            block: Span::seconds(180),
            end: Span::seconds(600),
            attempt: Span::seconds(1800),
        }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        let minutes = |minutes: u64| Span::seconds(minutes * 60);
        Self {
            mode: Mode::Mx,
            smarthost: String::new(),
            smarthost_file: None,
            smarthost_ca: None,
            mx_port: 25,
            inline_deadline: Span::seconds(20),
            retry: [1, 3, 5, 10, 15, 30, 60].map(minutes).to_vec(),
            expire: Span::seconds(5 * 86_400),
            expire_notice: Span::seconds(2 * 86_400),
            connections_per_site: 20,
            messages_per_connection: 100,
            keep_alive: Span::seconds(10),
            workers: 50,
            allow_private_targets: false,
            deadlines: Deadlines::default(),
        }
    }
}
