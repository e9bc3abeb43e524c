//! Our `Received` field (RFC 5321 §4.4, RFC 3848): who handed us the message, how, when.
//!
//! It is made from what a stranger said, so every word of it is reduced to harmless ASCII and cut. It has no `for`
//! clause: behind us that would be the hidden mailbox.

use std::net::IpAddr;

use crate::model::{DomainName, Timestamp};

/// How a message came in.
#[derive(Debug, Clone)]
pub struct ReceivedFacts {
    /// Address of the client.
    pub client_ip: IpAddr,
    /// What it called itself.
    pub helo: String,
    /// Whether it said EHLO.
    pub esmtp: bool,
    /// Whether it said SMTPUTF8 (RFC 6531 §4.3).
    pub smtputf8: bool,
    /// TLS version and cipher suite.
    pub tls: Option<(String, String)>,
    /// Our own name.
    pub hostname: DomainName,
    /// A short id of the transaction, as in our log.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
}

/// The field, folded, with its CRLF.
pub fn field(facts: &ReceivedFacts) -> String {
    let ip = match facts.client_ip.to_canonical() {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    };
    let tls = match &facts.tls {
        Some((version, cipher)) => format!("\r\n\t(using {} with {})", word(version, 20), word(cipher, 60)),
        None => String::new(),
    };
    format!(
        "Received: from {} ({ip})\r\n\tby {} with {}{tls}\r\n\tid {}; {}\r\n",
        word(&facts.helo, 255),
        facts.hostname,
        protocol(facts),
        word(&facts.id, 64),
        facts.at.to_rfc5322(),
    )
}

fn protocol(facts: &ReceivedFacts) -> &'static str {
    match (facts.smtputf8, facts.esmtp, facts.tls.is_some()) {
        (true, _, true) => "UTF8SMTPS",
        (true, _, false) => "UTF8SMTP",
        (false, true, true) => "ESMTPS",
        (false, true, false) => "ESMTP",
        (false, false, _) => "SMTP",
    }
}

/// Letters, digits and what names, address literals and cipher suites need; anything else becomes `?`.
fn word(text: &str, length: usize) -> String {
    let word: String =
        text.chars().take(length).map(|c| if c.is_ascii_alphanumeric() || "-._:[]".contains(c) { c } else { '?' }).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> ReceivedFacts {
        ReceivedFacts {
            client_ip: "192.0.2.7".parse().unwrap(),
            helo: "mx.lg.com".into(),
            esmtp: true,
            smtputf8: false,
            tls: None,
            hostname: DomainName::parse("mx.you.example").unwrap(),
            id: "k3f9".into(),
            at: Timestamp::from_micros(1_700_000_000_000_000),
        }
    }

    #[test]
    fn it_says_who_how_and_when() {
        assert_eq!(
            field(&facts()),
            "Received: from mx.lg.com ([192.0.2.7])\r\n\tby mx.you.example with ESMTP\r\n\tid k3f9; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        );
        let tls = Some(("TLSv1_3".into(), "TLS13_AES_256_GCM_SHA384".into()));
        let secure = ReceivedFacts { tls, client_ip: "2001:db8::1".parse().unwrap(), ..facts() };
        assert!(
            field(&secure).contains("([IPv6:2001:db8::1])\r\n\tby mx.you.example with ESMTPS\r\n\t(using TLSv1_3 with TLS13")
        );
        assert!(field(&ReceivedFacts { esmtp: false, ..facts() }).contains(" with SMTP\r\n"));
        assert!(field(&ReceivedFacts { client_ip: "::ffff:192.0.2.7".parse().unwrap(), ..facts() }).contains("([192.0.2.7])"));
    }

    proptest! {
        #[test]
        fn no_greeting_breaks_out_of_its_word(helo in any::<String>()) {
            let field = field(&ReceivedFacts { helo, ..facts() });
            prop_assert!(field.is_ascii() && field.len() < 500);
            prop_assert_eq!(field.matches("\r\n").count(), 3);
            prop_assert_eq!(field.matches('(').count(), 1);
            prop_assert_eq!(field.matches(')').count(), 1);
            prop_assert_eq!(field.matches([';', '<', '"', '\\', '\0']).count(), 1);
        }
    }
}
