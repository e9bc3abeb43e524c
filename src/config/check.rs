//! Whether the settings make sense together. Every complaint is one line: the setting, what is wrong, what to write.

use std::net::SocketAddr;

use crate::model::DomainName;
use crate::model::dkim_key::Algorithm;

use super::database::Location;
use super::duration::Span;
use super::outbound::Mode;
use super::sender_auth::DmarcMode;
use super::smarthost::Smarthost;
use super::{Config, ConfigError};

/// Clients wait ten minutes for the answer to the final dot (RFC 5321 §4.5.3.2.6); half of that is safe.
const LONGEST_INLINE_DEADLINE: Span = Span::seconds(300);

/// What was checked, as types that can't be wrong.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The name the instance greets with.
    pub hostname: DomainName,
    /// Domains every user may make aliases on; at least one.
    pub domains: Vec<DomainName>,
    /// Where the database is.
    pub database: Location,
    /// Who takes all mail, in mode `smarthost`.
    pub smarthost: Option<Smarthost>,
}

impl Config {
    /// Checks all settings; the first complaint is the error.
    pub fn check(&self) -> Result<Checked, ConfigError> {
        let hostname = self.hostname()?;
        let domains = self.domains()?;
        self.public_url()?;
        let database = self.database_location()?;
        self.inbound()?;
        self.inbound_limits()?;
        let smarthost = self.smarthost()?;
        self.outbound_limits()?;
        self.signing()?;
        self.arc()?;
        self.resolver()?;
        Ok(Checked { hostname, domains, database, smarthost })
    }

    fn hostname(&self) -> Result<DomainName, ConfigError> {
        let remedy = "write for example hostname = \"mail.you.example\"";
        if self.instance.hostname.is_empty() {
            return Err(ConfigError::new("instance.hostname is not set", remedy));
        }
        DomainName::parse(&self.instance.hostname)
            .map_err(|_| ConfigError::new(format!("instance.hostname = {:?} is not a host name", self.instance.hostname), remedy))
    }

    fn domains(&self) -> Result<Vec<DomainName>, ConfigError> {
        let remedy = "write for example domains = [\"you.example\"]";
        if self.instance.domains.is_empty() {
            return Err(ConfigError::new("instance.domains is empty", remedy));
        }
        let parse = |text: &String| {
            DomainName::parse(text)
                .map_err(|_| ConfigError::new(format!("instance.domains: {text:?} is not a domain name"), remedy))
        };
        self.instance.domains.iter().map(parse).collect()
    }

    fn signing(&self) -> Result<(), ConfigError> {
        if self.dkim.sign && self.dkim.algorithms.is_empty() {
            return Err(ConfigError::new(
                "dkim.algorithms is empty",
                "write algorithms = [\"rsa\", \"ed25519\"] or sign = false",
            ));
        }
        Ok(())
    }

    /// A set says what was found out, and RFC 8617 knows one algorithm that everybody checks.
    fn arc(&self) -> Result<(), ConfigError> {
        if !self.sender_auth.seal_arc {
            return Ok(());
        }
        if self.sender_auth.dmarc == DmarcMode::Off {
            return Err(ConfigError::new(
                "sender_auth.seal_arc is true and sender_auth.dmarc is \"off\": nothing is found out that could be sealed",
                "write dmarc = \"tag\" or \"enforce\", or seal_arc = false",
            ));
        }
        if !self.dkim.in_use().contains(&Algorithm::Rsa) {
            return Err(ConfigError::new(
                "sender_auth.seal_arc is true and no mail is signed with RSA, whose key seals",
                "write sign = true and algorithms = [\"rsa\", \"ed25519\"] in [dkim], or seal_arc = false",
            ));
        }
        Ok(())
    }

    fn public_url(&self) -> Result<(), ConfigError> {
        let url = &self.instance.public_url;
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if host.is_some_and(|host| !host.is_empty() && !host.ends_with('/')) {
            return Ok(());
        }
        Err(ConfigError::new(
            format!("instance.public_url = {url:?} is not a web address without a slash at the end"),
            "write for example public_url = \"https://postern.you.example\"",
        ))
    }

    fn inbound(&self) -> Result<(), ConfigError> {
        if self.smtp.listen.is_empty() {
            return Err(ConfigError::new("smtp.listen is empty", "write for example listen = [\"0.0.0.0:25\"]"));
        }
        match (&self.smtp.tls_cert, &self.smtp.tls_key) {
            (Some(_), None) => Err(ConfigError::new("smtp.tls_cert is set and smtp.tls_key is not", "set both or none")),
            (None, Some(_)) => Err(ConfigError::new("smtp.tls_key is set and smtp.tls_cert is not", "set both or none")),
            (None, None) if !self.smtp.submission.is_empty() => Err(no_certificate("smtp.submission")),
            (None, None) if !self.smtp.submissions.is_empty() => Err(no_certificate("smtp.submissions")),
            _ => Ok(()),
        }
    }

    fn inbound_limits(&self) -> Result<(), ConfigError> {
        let smtp = &self.smtp;
        let size = |number: usize| number as u64;
        numbers(&[
            ("smtp.max_message_size", smtp.max_message_size),
            ("smtp.max_header_size", size(smtp.max_header_size)),
            ("smtp.max_header_fields", size(smtp.max_header_fields)),
            ("smtp.max_hops", size(smtp.max_hops)),
            ("smtp.max_recipients", size(smtp.max_recipients)),
            ("smtp.max_messages", smtp.max_messages.into()),
            ("smtp.max_errors", smtp.max_errors.into()),
            ("smtp.max_connections", size(smtp.max_connections)),
            ("smtp.max_submission_connections", size(smtp.max_submission_connections)),
            ("smtp.max_connections_per_client", size(smtp.max_connections_per_client)),
            ("smtp.connections_per_minute", smtp.connections_per_minute.into()),
            ("smtp.recipients_per_minute", smtp.recipients_per_minute.into()),
            ("smtp.submission_per_day", smtp.submission_per_day.into()),
            ("smtp.unknown_recipients_per_minute", smtp.unknown_recipients_per_minute.into()),
            ("database.connections", self.database.connections.into()),
        ])?;
        spans(&[
            ("smtp.command_timeout", smtp.command_timeout),
            ("smtp.data_timeout", smtp.data_timeout),
            ("smtp.session_timeout", smtp.session_timeout),
            ("smtp.tls_timeout", smtp.tls_timeout),
        ])?;
        at_least("smtp.max_command_line", size(smtp.max_command_line), "the 512 octets of RFC 5321", 512)?;
        at_least("smtp.memory_budget", smtp.memory_budget, "smtp.spill_above", size(smtp.spill_above))?;
        at_least("smtp.spill_budget", smtp.spill_budget, "smtp.max_message_size", smtp.max_message_size)
    }

    fn smarthost(&self) -> Result<Option<Smarthost>, ConfigError> {
        let remedy = "write for example smarthost = \"smtp://user:password@relay.example:587\"";
        match (self.outbound.mode, self.outbound.smarthost.as_str()) {
            (Mode::Mx, "") => Ok(None),
            (Mode::Mx, _) => Err(ConfigError::new(
                "outbound.smarthost is set and outbound.mode is \"mx\"",
                "write mode = \"smarthost\", or remove the smarthost",
            )),
            (Mode::Smarthost, "") => {
                Err(ConfigError::new("outbound.smarthost is not set and outbound.mode is \"smarthost\"", remedy))
            }
            (Mode::Smarthost, url) => Smarthost::parse(url)
                .map(Some)
                .map_err(|problem| ConfigError::new(format!("outbound.smarthost {problem}"), remedy)),
        }
    }

    fn outbound_limits(&self) -> Result<(), ConfigError> {
        let outbound = &self.outbound;
        numbers(&[
            ("outbound.mx_port", outbound.mx_port.into()),
            ("outbound.connections_per_site", outbound.connections_per_site as u64),
            ("outbound.messages_per_connection", outbound.messages_per_connection.into()),
            ("outbound.workers", outbound.workers as u64),
        ])?;
        let deadlines = &outbound.deadlines;
        spans(&[
            ("outbound.inline_deadline", outbound.inline_deadline),
            ("outbound.expire", outbound.expire),
            ("outbound.expire_notice", outbound.expire_notice),
            ("outbound.deadlines.connect", deadlines.connect),
            ("outbound.deadlines.greeting", deadlines.greeting),
            ("outbound.deadlines.tls", deadlines.tls),
            ("outbound.deadlines.command", deadlines.command),
            ("outbound.deadlines.data", deadlines.data),
            ("outbound.deadlines.block", deadlines.block),
            ("outbound.deadlines.end", deadlines.end),
        ])?;
        if outbound.inline_deadline >= LONGEST_INLINE_DEADLINE {
            return Err(ConfigError::new(
                "outbound.inline_deadline is 5 minutes or more: senders give up and send again",
                "write for example inline_deadline = \"20s\"",
            ));
        }
        if outbound.retry.is_empty() {
            return Err(ConfigError::new("outbound.retry is empty", "write for example retry = [\"1m\", \"5m\", \"1h\"]"));
        }
        outbound.retry.iter().try_for_each(|wait| spans(&[("outbound.retry", *wait)]))
    }

    fn resolver(&self) -> Result<(), ConfigError> {
        let resolver = &self.dns.resolver;
        if resolver == "system" || resolver.parse::<SocketAddr>().is_ok() {
            return Ok(());
        }
        Err(ConfigError::new(
            format!("dns.resolver = {resolver:?} is neither \"system\" nor an address with a port"),
            "write for example resolver = \"127.0.0.1:53\"",
        ))
    }
}

/// Passwords cross no network in the clear.
fn no_certificate(setting: &str) -> ConfigError {
    ConfigError::new(
        format!("{setting} is set and smtp.tls_cert is not"),
        "set smtp.tls_cert and smtp.tls_key: devices log in over TLS only",
    )
}

fn numbers(settings: &[(&str, u64)]) -> Result<(), ConfigError> {
    match settings.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(ConfigError::new(
            format!("{name} is 0"),
            "write at least 1, or leave it out for the default in deploy/example.toml",
        )),
        None => Ok(()),
    }
}

fn spans(settings: &[(&str, Span)]) -> Result<(), ConfigError> {
    match settings.iter().find(|(_, value)| value.0.is_zero()) {
        Some((name, _)) => Err(ConfigError::new(
            format!("{name} is no time at all"),
            "write for example \"30s\", or leave it out for the default in deploy/example.toml",
        )),
        None => Ok(()),
    }
}

fn at_least(name: &str, value: u64, floor_name: &str, floor: u64) -> Result<(), ConfigError> {
    if value >= floor {
        return Ok(());
    }
    Err(ConfigError::new(format!("{name} = {value} is less than {floor_name}"), format!("write {floor} or more")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sender_auth::SenderAuth;

    fn sound() -> Config {
        let mut config = Config::default();
        config.instance.hostname = "mail.you.example".into();
        config.instance.domains = vec!["you.example".into(), "Bücher.example".into()];
        config
    }

    /// The complaint about settings changed like this.
    fn complaint(change: impl FnOnce(&mut Config)) -> String {
        let mut config = sound();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn defaults_need_only_a_host_name_and_a_domain() {
        let checked = sound().check().unwrap();
        assert_eq!(checked.hostname.as_str(), "mail.you.example");
        assert_eq!(checked.domains[1].as_str(), "xn--bcher-kva.example");
        assert!(checked.smarthost.is_none());
    }

    #[test]
    fn every_complaint_is_one_line_that_names_the_setting_and_the_remedy() {
        assert_eq!(
            complaint(|c| c.instance.hostname.clear()),
            "instance.hostname is not set; write for example hostname = \"mail.you.example\""
        );
        type Change = fn(&mut Config);
        let changes: [(&str, Change); 24] = [
            ("instance.hostname", |c| c.instance.hostname = "mail you".into()),
            ("instance.domains", |c| c.instance.domains.clear()),
            ("instance.domains", |c| c.instance.domains.push("192.0.2.1".into())),
            ("instance.public_url", |c| c.instance.public_url = "postern.example".into()),
            ("instance.public_url", |c| c.instance.public_url = "https://postern.example/".into()),
            ("database.url", |c| c.database.url = "mysql://x".into()),
            ("database.connections", |c| c.database.connections = 0),
            ("smtp.listen", |c| c.smtp.listen.clear()),
            ("smtp.tls_cert", |c| c.smtp.tls_cert = Some("cert.pem".into())),
            ("smtp.submission", |c| c.smtp.submission.push("0.0.0.0:587".parse().unwrap())),
            ("smtp.submissions", |c| c.smtp.submissions.push("0.0.0.0:465".parse().unwrap())),
            ("smtp.max_recipients", |c| c.smtp.max_recipients = 0),
            ("smtp.max_command_line", |c| c.smtp.max_command_line = 80),
            ("smtp.spill_budget", |c| c.smtp.spill_budget = 1),
            ("outbound.smarthost", |c| c.outbound.mode = Mode::Smarthost),
            ("outbound.smarthost", |c| c.outbound.smarthost = "smtp://relay.example".into()),
            ("outbound.inline_deadline", |c| c.outbound.inline_deadline = Span::seconds(300)),
            ("outbound.retry", |c| c.outbound.retry.clear()),
            ("outbound.deadlines.end", |c| c.outbound.deadlines.end = Span::seconds(0)),
            ("dkim.algorithms", |c| c.dkim.algorithms.clear()),
            ("sender_auth.seal_arc", |c| c.sender_auth = SenderAuth { seal_arc: true, dmarc: DmarcMode::Off }),
            ("sender_auth.seal_arc", |c| (c.sender_auth.seal_arc, c.dkim.sign) = (true, false)),
            ("sender_auth.seal_arc", |c| {
                (c.sender_auth.seal_arc, c.dkim.algorithms) = (true, vec![Algorithm::Ed25519]);
            }),
            ("dns.resolver", |c| c.dns.resolver = "127.0.0.1".into()),
        ];
        for (setting, change) in changes {
            let line = complaint(change);
            assert!(line.starts_with(setting), "{setting}: {line}");
            assert!(line.contains("; ") && !line.contains('\n'), "{line}");
        }
    }
}
