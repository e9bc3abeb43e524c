//! A command line becomes a [`Command`], or a refusal with its reason (RFC 5321 §4.1.1).
//!
//! smtp-proto tells the verbs apart. MAIL and RCPT are read in `path.rs`: its reader drops the quotes of a local part
//! (so `"a"b@d` passes), lets `SIZE` wrap around above 64 bits and takes a parameter twice.

use smtp_proto::{Error, Request};

use super::path::{self, Path};
use super::replies;
use crate::model::{Private, Reply};
use crate::smtp::gate::MailFrom;

/// What a client asks for.
#[derive(Debug, Clone)]
pub enum Command {
    /// EHLO, with the name.
    Ehlo(String),
    /// HELO, with the name.
    Helo(String),
    /// MAIL FROM, and whether it has the parameter AUTH.
    Mail(MailFrom, bool),
    /// RCPT TO.
    Rcpt(Path),
    /// DATA.
    Data,
    /// RSET.
    Rset,
    /// NOOP, with or without text.
    Noop,
    /// QUIT.
    Quit,
    /// VRFY of anything.
    Vrfy,
    /// HELP about anything.
    Help,
    /// STARTTLS.
    StartTls,
    /// AUTH, with the mechanism and what may follow it.
    Auth(Private<String>),
    /// BDAT: not announced, but its chunk follows without waiting.
    Bdat,
    /// A verb Postern knows and does not offer.
    NotImplemented,
}

impl Command {
    /// Reads one line, CRLF included. The refusal counts as an error of the client.
    pub fn parse(line: &str) -> Result<Self, Reply> {
        let text = line.trim_end_matches(['\r', '\n']);
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        if verb.eq_ignore_ascii_case("MAIL") {
            return path::parse_mail(rest).map(|(mail, auth)| Self::Mail(mail, auth));
        }
        if verb.eq_ignore_ascii_case("RCPT") {
            return path::parse_rcpt(rest).map(Self::Rcpt);
        }
        if verb.eq_ignore_ascii_case("AUTH") {
            return Ok(Self::Auth(Private::new(rest.trim().to_owned())));
        }
        let alone = |command| if rest.trim().is_empty() { Ok(command) } else { Err(replies::BAD_ARGUMENTS) };
        match Request::parse(&mut line.as_bytes().iter()) {
            Ok(Request::Ehlo { host }) => name(&host).map(Self::Ehlo),
            Ok(Request::Helo { host }) => name(&host).map(Self::Helo),
            Ok(Request::Data) => alone(Self::Data),
            Ok(Request::Rset) => alone(Self::Rset),
            Ok(Request::Quit) => alone(Self::Quit),
            Ok(Request::StartTls) => alone(Self::StartTls),
            Ok(Request::Noop { .. }) => Ok(Self::Noop),
            Ok(Request::Vrfy { .. }) => Ok(Self::Vrfy),
            Ok(Request::Help { .. }) => Ok(Self::Help),
            Ok(Request::Bdat { .. }) => Ok(Self::Bdat),
            Ok(
                Request::Lhlo { .. } | Request::Expn { .. } | Request::Etrn { .. } | Request::Atrn { .. } | Request::Burl { .. },
            ) => Ok(Self::NotImplemented),
            // Only with blanks in front of the verb: not what a mail server sends.
            Ok(Request::Mail { .. } | Request::Rcpt { .. } | Request::Auth { .. }) | Err(Error::UnknownCommand) => {
                Err(replies::UNKNOWN_COMMAND)
            }
            // A verb we know with arguments it can't have: those we don't offer stay "not implemented".
            Err(_) if ["EXPN", "ETRN", "ATRN", "BURL", "LHLO"].iter().any(|known| verb.eq_ignore_ascii_case(known)) => {
                Ok(Self::NotImplemented)
            }
            Err(_) if verb.eq_ignore_ascii_case("BDAT") => Ok(Self::Bdat),
            Err(_) if verb.eq_ignore_ascii_case("EHLO") || verb.eq_ignore_ascii_case("HELO") => Err(replies::BAD_NAME),
            Err(_) => Err(replies::BAD_ARGUMENTS),
        }
    }
}

/// A name that may stand in `Received` as it is: the characters of host names and address literals.
fn name(host: &str) -> Result<String, Reply> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if host.is_empty() || host.len() > 255 || !host.bytes().all(fine) { Err(replies::BAD_NAME) } else { Ok(host.to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(line: &str) -> u16 {
        Command::parse(&format!("{line}\r\n")).err().map_or(0, |reply| reply.code())
    }

    #[test]
    fn verbs_are_known_in_any_case() {
        for line in [
            "ehlo x",
            "EhLo [127.0.0.1]",
            "HELO [IPv6:::1]",
            "noop",
            "NOOP hello there",
            "help",
            "HELP MAIL",
            "vrfy x",
            "quit",
            "rset ",
        ] {
            assert_eq!(code(line), 0, "{line}");
        }
        for line in ["EXPN list", "ETRN x", "BURL x", "LHLO x", "ATRN"] {
            assert!(matches!(Command::parse(&format!("{line}\r\n")), Ok(Command::NotImplemented)), "{line}");
        }
        for line in ["AUTH PLAIN x", "auth", "AUTH  LOGIN"] {
            assert!(matches!(Command::parse(&format!("{line}\r\n")), Ok(Command::Auth(_))), "{line}");
        }
        for line in [
            "",
            "X",
            "MAILFROM:<a@b.org>",
            "STARTTLSX",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 25",
            "XCLIENT ADDR=1.2.3.4",
            " MAIL FROM:<>",
            "EHLO:x",
        ] {
            assert_eq!(code(line), 500, "{line}");
        }
    }

    #[test]
    fn wrong_arguments_are_501() {
        for line in ["DATA now", "QUIT x", "RSET x", "STARTTLS x", "EHLO", "HELO", "VRFY"] {
            assert_eq!(code(line), 501, "{line}");
        }
    }

    #[test]
    fn names_that_could_not_stand_in_a_header_are_refused() {
        for name in ["<script>", "a(b", "a\"b", "ä.example", "a;b", "a,b", "a=b", &"x".repeat(256), "a%0d%0ab"] {
            assert_eq!(code(&format!("EHLO {name}")), 501, "{name}");
        }
        for name in ["a_b.local", "[::ffff:127.0.0.1]", "localhost", &"x".repeat(255)] {
            assert_eq!(code(&format!("EHLO {name}")), 0, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_a_command_or_a_refusal(line in "[A-Za-z:<>@. \"\\\\=-]{0,60}", verb in "(MAIL FROM:|RCPT TO:|EHLO |)?") {
            if let Err(reply) = Command::parse(&format!("{verb}{line}\r\n")) {
                prop_assert!(reply.is_permanent());
            }
        }

        #[test]
        fn any_text_is_a_command_or_a_refusal(line in "\\PC{0,80}") {
            if let Err(reply) = Command::parse(&format!("{line}\r\n")) {
                prop_assert!(reply.is_permanent());
            }
        }
    }
}
