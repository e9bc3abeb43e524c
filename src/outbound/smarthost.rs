//! The smarthost's URL: `smtp://host`, `smtps://user:password@host:465`, credentials percent-encoded (RFC 3986 §3.2.1).

use std::net::IpAddr;

use crate::config::outbound::Outbound;
use crate::model::{DomainName, Private};

/// A setting of `[outbound]` can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct SettingError {
    /// The setting by its full name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// A host as given: by name or by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// To be looked up.
    Name(DomainName),
    /// As it is.
    Ip(IpAddr),
}

impl Host {
    /// As shown and as the certificate must say.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Name(name) => name.to_string(),
            Self::Ip(ip) => ip.to_string(),
        }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name.as_str() == "localhost",
            Self::Ip(ip) => ip.is_loopback(),
        }
    }
}

/// User name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The user name.
    pub(super) user: Private<String>,
    /// The password.
    pub(super) password: Private<String>,
}

/// How the connection to a host is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// STARTTLS when offered, with any certificate; in clear if that fails.
    Opportunistic,
    /// STARTTLS with a valid certificate, or no mail.
    StartTls,
    /// TLS at once, with a valid certificate.
    Immediate,
}

/// The one server that gets everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Smarthost {
    /// Where it is.
    pub(super) host: Host,
    /// Its port.
    pub(super) port: u16,
    /// How the connection is protected.
    pub(super) security: Security,
    /// What it wants to know of us.
    pub(super) login: Option<Login>,
}

impl Smarthost {
    /// Reads the URL from the settings or the file they name.
    pub(super) fn read(settings: &Outbound) -> Result<Self, SettingError> {
        let (setting, text) = match &settings.smarthost_file {
            Some(path) => {
                let setting = "outbound.smarthost_file";
                let read = std::fs::read_to_string(path);
                let reason = |error| SettingError { setting, reason: format!("{} can't be read: {error}", path.display()) };
                (setting, read.map_err(reason)?)
            }
            None => ("outbound.smarthost", settings.smarthost.clone()),
        };
        // The URL may hold a password, so the reason never repeats it.
        Self::parse(text.trim()).map_err(|reason| SettingError { setting, reason: reason.to_owned() })
    }

    fn parse(url: &str) -> Result<Self, &'static str> {
        const FORM: &str = "not of the form smtp://host:25 or smtps://user:password@host:465";
        let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
        let immediate = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err("the scheme must be smtp or smtps"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err("nothing may follow the host and port");
        }
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(parse_login(login)?), place),
            None => (None, rest),
        };
        let (host, port) = parse_place(place)?;
        let security = match (immediate, &login) {
            (true, _) => Security::Immediate,
            (false, Some(_)) if !host.is_loopback() => Security::StartTls,
            (false, _) => Security::Opportunistic,
        };
        Ok(Self { host, port: port.unwrap_or(if immediate { 465 } else { 25 }), security, login })
    }
}

fn parse_login(text: &str) -> Result<Login, &'static str> {
    let (user, password) = text.split_once(':').ok_or("a user name needs a password: user:password@host")?;
    let decode = |part: &str| percent_decode(part).filter(|value| !value.is_empty() && !value.contains(char::is_control));
    let user = decode(user).ok_or("the user name is empty or not percent-encoded UTF-8")?;
    let password = decode(password).ok_or("the password is empty or not percent-encoded UTF-8")?;
    Ok(Login { user: Private::new(user), password: Private::new(password) })
}

fn parse_place(place: &str) -> Result<(Host, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (ip, rest) = rest.split_once(']').ok_or("the IPv6 address has no closing bracket")?;
        let ip: std::net::Ipv6Addr = ip.parse().map_err(|_| "the address in brackets is no IPv6 address")?;
        let port =
            if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or("what follows the bracket is no port")?) };
        (Host::Ip(IpAddr::V6(ip)), port)
    } else {
        let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
        let host = match host.parse() {
            Ok(ip) => Host::Ip(IpAddr::V4(ip)),
            Err(_) => Host::Name(DomainName::parse(host).map_err(|_| "the host is no valid name or address")?),
        };
        (host, port)
    };
    let port = port.map(|text| text.parse().ok().filter(|port| *port > 0).ok_or("the port is no number from 1 to 65535"));
    Ok((host, port.transpose()?))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (pair, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_a_smarthost() {
        let plain = Smarthost::parse("smtp://Relay.example/").unwrap();
        assert_eq!((plain.host.name().as_str(), plain.port, plain.security), ("relay.example", 25, Security::Opportunistic));
        let full = Smarthost::parse("smtps://me%40x.example:p%3A%25@relay.example:4650").unwrap();
        let login = full.login.unwrap();
        assert_eq!((login.user.reveal().as_str(), login.password.reveal().as_str()), ("me@x.example", "p:%"));
        assert_eq!((full.port, full.security), (4650, Security::Immediate));
        assert_eq!(Smarthost::parse("smtp://u:p@relay.example:587").unwrap().security, Security::StartTls);
        assert_eq!(Smarthost::parse("smtp://u:p@127.0.0.1:587").unwrap().security, Security::Opportunistic);
        assert_eq!(Smarthost::parse("smtp://[::1]:2525").unwrap().host.name(), "::1");
        assert_eq!(Smarthost::parse("smtps://relay.example").unwrap().port, 465);
    }

    #[test]
    fn a_bad_smarthost_names_its_setting_and_hides_its_password() {
        for url in [
            "",
            "relay.example",
            "http://x",
            "smtp://",
            "smtp://u@h",
            "smtp://:p@h",
            "smtp://h:0",
            "smtp://h:x",
            "smtp://h/x",
            "smtp://[::1",
            "smtp://u:%zz@h",
            "smtp://u:secret%0d@h",
            "smtp://u:secret@-bad-",
        ] {
            let error = Smarthost::read(&Outbound { smarthost: url.to_owned(), ..Outbound::default() }).unwrap_err().to_string();
            assert!(
                error.starts_with("outbound.smarthost: ") && !error.contains("secret") && !error.contains('\n'),
                "{url}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_smarthost_or_an_error(text in "\\PC{0,40}") {
            drop(Smarthost::parse(&text));
            drop(Smarthost::parse(&format!("smtp://{text}")));
        }
    }
}
