//! The URL of a smarthost: `smtp://user:password@host:587` or `smtps://host:465`.

use crate::model::Private;

/// The one server that takes all mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// `smtps`: TLS before the first byte. Otherwise STARTTLS when offered.
    pub implicit_tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port; 465 for `smtps`, 25 for `smtp` unless given.
    pub port: u16,
    /// User and password, percent-decoded.
    pub login: Option<(String, Private<String>)>,
}

impl Smarthost {
    /// Reads the URL. The problem is put in words that go on after the setting's name and never show the URL, which
    /// may hold a password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (implicit_tls, rest) = match url.split_once("://") {
            Some(("smtp", rest)) => (false, rest),
            Some(("smtps", rest)) => (true, rest),
            _ => return Err("begins neither with smtp:// nor with smtps://"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The last @: passwords hold what their owners like.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').ok_or("has a user but no password")?;
            let user = percent_decode(user)?;
            if user.is_empty() || password.is_empty() {
                return Err("has an empty user or password");
            }
            Ok((user, Private::new(percent_decode(password)?)))
        });
        let (host, port) = split_port(place)?;
        let host_ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        if host.is_empty() || !host.bytes().all(host_ok) {
            return Err("has no valid host");
        }
        let port = port.unwrap_or(if implicit_tls { 465 } else { 25 });
        Ok(Self { implicit_tls, host: host.to_owned(), port, login: login.transpose()? })
    }
}

/// Host without brackets, and the port after it.
fn split_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').ok_or("has no valid port")?)),
        Some(None) => return Err("has no valid host"),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or("has no valid port"));
    Ok((host, port.transpose()?))
}

/// `%40` becomes `@` (RFC 3986 §2.1).
fn percent_decode(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "has a percent sign that is not followed by two hexadecimal digits (write %25 for the sign itself)";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or(WRONG);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).map_err(|_| WRONG)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| "has a user or password that is not UTF-8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_become_host_port_and_login() {
        let plain = Smarthost::parse("smtp://relay.example").unwrap();
        assert_eq!((plain.implicit_tls, plain.host.as_str(), plain.port), (false, "relay.example", 25));
        assert!(plain.login.is_none());
        let full = Smarthost::parse("smtps://me%40you.example:p@ss:w%25rd@[2001:db8::1]:4650/").unwrap();
        assert_eq!((full.implicit_tls, full.host.as_str(), full.port), (true, "2001:db8::1", 4650));
        let (user, password) = full.login.unwrap();
        assert_eq!((user.as_str(), password.reveal().as_str()), ("me@you.example", "p@ss:w%rd"));
        assert_eq!(Smarthost::parse("smtps://127.0.0.1").unwrap().port, 465);
    }

    #[test]
    fn what_is_no_smarthost_is_refused() {
        for url in ["", "relay.example", "http://x", "smtp://", "smtp://user@host", "smtp://h:0", "smtp://h:x", "smtp://[::1"] {
            assert!(Smarthost::parse(url).is_err(), "{url}");
        }
        assert!(Smarthost::parse("smtp://u:50%@host").unwrap_err().contains("%25"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,60}") {
            drop(Smarthost::parse(&text));
            drop(Smarthost::parse(&format!("smtp://{text}")));
        }
    }
}
