//! Who hands a message in, and the envelope it comes in (RFC 5321 §2.3.1).

use std::net::IpAddr;

use super::Address;
use super::app_password::Login;

/// Who is talking to us.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its address, IPv4-mapped ones unmapped.
    pub ip: IpAddr,
    /// The name it gave with HELO or EHLO: printable ASCII, at most 255 octets.
    pub helo: String,
    /// Whether it greeted with EHLO.
    pub esmtp: bool,
    /// TLS version and cipher suite, once STARTTLS succeeded.
    pub tls: Option<(String, String)>,
    /// Who it acts for, once AUTH succeeded.
    pub login: Option<Login>,
}

/// What MAIL said.
#[derive(Debug, Clone)]
pub struct MailFrom {
    /// The reverse-path; `None` is the null one.
    pub sender: Option<Address>,
    /// SIZE, when given.
    pub size: Option<u64>,
    /// BODY=8BITMIME.
    pub eight_bit: bool,
    /// SMTPUTF8.
    pub smtputf8: bool,
}
