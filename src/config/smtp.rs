//! `[smtp]`: mail in. Everything a stranger can make us do has a limit and a deadline; they all stand here.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::duration::Span;

/// Mail in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smtp {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Addresses where users hand in mail after STARTTLS (RFC 6409; port 587). They need the certificate.
    pub submission: Vec<SocketAddr>,
    /// The same with TLS from the first byte (RFC 8314; port 465).
    pub submissions: Vec<SocketAddr>,
    /// Messages a user may hand in a day, counted once for each recipient, on each node.
    pub submission_per_day: u32,
    /// Certificate chain (PEM). With it and the key, STARTTLS is offered; both are read again when they change.
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Largest message, in bytes, as announced with SIZE. The default takes an attachment of 25 MB, which grows by a third.
    pub max_message_size: u64,
    /// Largest header block, in bytes.
    pub max_header_size: usize,
    /// Header fields at the most.
    pub max_header_fields: usize,
    /// `Received` fields at the most: more is a loop.
    pub max_hops: usize,
    /// Recipients of one message at the most.
    pub max_recipients: usize,
    /// Longest command line, in bytes. AUTH and its answers may have 12288 at the least (RFC 4954).
    pub max_command_line: usize,
    /// Messages over one connection at the most.
    pub max_messages: u32,
    /// Wrong commands before the connection is closed; from the tenth on each answer is delayed.
    pub max_errors: u32,
    /// Connections at once from other servers, in all.
    pub max_connections: usize,
    /// Connections at once where users hand in mail, in all: a flood from other servers locks no user out.
    pub max_submission_connections: usize,
    /// Connections at once from one IPv4 address or IPv6 /64. This and the limits per minute are counted by each node.
    pub max_connections_per_client: usize,
    /// New connections a minute from one client.
    pub connections_per_minute: u32,
    /// RCPT commands a minute from one client.
    pub recipients_per_minute: u32,
    /// Unknown recipients a minute from one client before its answers are delayed and then refused with 450.
    pub unknown_recipients_per_minute: u32,
    /// Clients the limits per client and per connection do not hold for (an own Postfix in front).
    pub trusted_networks: Vec<Network>,
    /// How long a client may be silent between commands.
    pub command_timeout: Span,
    /// How long a client may be silent inside DATA.
    pub data_timeout: Span,
    /// How long a session may take in all.
    pub session_timeout: Span,
    /// How long a TLS handshake may take.
    pub tls_timeout: Span,
    /// Messages above this size go to an unlinked temporary file instead of memory, in bytes.
    pub spill_above: usize,
    /// Memory for messages under way, in all, in bytes; beyond it 452.
    pub memory_budget: u64,
    /// Temporary disk for messages under way, in all, in bytes; beyond it 452.
    pub spill_budget: u64,
    /// MAIL is answered 452 while the data folder has less free space than this, in bytes.
    pub min_free_space: u64,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 25))],
            submission: Vec::new(),
            submissions: Vec::new(),
            submission_per_day: 500,
            tls_cert: None,
            tls_key: None,
            max_message_size: 36_700_160,
            max_header_size: 262_144,
            max_header_fields: 1000,
            max_hops: 50,
            max_recipients: 100,
            max_command_line: 2048,
            max_messages: 100,
            max_errors: 20,
            max_connections: 1000,
            max_submission_connections: 200,
            max_connections_per_client: 20,
            connections_per_minute: 60,
            recipients_per_minute: 300,
            unknown_recipients_per_minute: 20,
            trusted_networks: Vec::new(),
            command_timeout: Span::seconds(300),
            data_timeout: Span::seconds(300),
            session_timeout: Span::seconds(900),
            tls_timeout: Span::seconds(30),
            spill_above: 1_048_576,
            memory_budget: 268_435_456,
            spill_budget: 4_294_967_296,
            min_free_space: 134_217_728,
        }
    }
}

/// A network: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `ip` is in it; IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip.to_canonical() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
            IpAddr::V6(v6) => (v6.to_bits(), false),
        };
        let (ours, ours_v4) = bits(self.address);
        let (theirs, theirs_v4) = bits(ip);
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        ours_v4 == theirs_v4 && ours & mask == theirs & mask
    }
}

impl std::str::FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is not a network; write for example \"192.0.2.0/24\"");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.prefix))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let network: Network = "192.0.2.0/24".parse().unwrap();
        assert!(network.contains("192.0.2.77".parse().unwrap()));
        assert!(network.contains("::ffff:192.0.2.77".parse().unwrap()));
        assert!(!network.contains("192.0.3.1".parse().unwrap()));
        let everything: Network = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("8.8.8.8".parse().unwrap()) && !everything.contains("::1".parse().unwrap()));
        assert!("::1".parse::<Network>().unwrap().contains("::1".parse().unwrap()));
        assert!("1.2.3.4/33".parse::<Network>().is_err());
    }
}
