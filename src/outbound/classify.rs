//! What an answer of the next hop, or its absence, means for the message (RFC 5321 §4.2.1, RFC 3463).
//!
//! The rule behind every line: only a reply of class 2 to the final dot is a delivery, only a reply of class 5 that is
//! about this message is a refusal, and everything else may be tried again. A reply that is about us (our login, our
//! right to relay, our missing encryption) is never the sender's fault, whatever its class.

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;

use super::Outcome;
use crate::model::Private;
use crate::model::delivery::Failure;

/// Octets of the next hop's words that are kept.
const WORDS: usize = 500;

/// Where in the dialogue an answer was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// RSET before a transaction.
    Reset,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// While the message is being sent.
    Content,
    /// After the final dot.
    Dot,
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Reset => "RSET",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the message text",
            Self::Dot => "the final dot",
        }
    }
}

/// Who answers: what an answer means depends on it.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its name, for reports.
    pub(super) name: String,
    /// Whether the operator chose it: then what it thinks of our login is our configuration, not the message.
    pub(super) smarthost: bool,
    /// Whether it offered TLS and is talked to in clear all the same.
    pub(super) stripped: bool,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    /// A reply.
    Reply(u16, String),
    /// The connection was closed or broke.
    Lost,
    /// Not a reply: unparsable, too long.
    Garbage,
    /// Nothing within the deadline.
    Late,
}

impl Answer {
    /// Sorts what lettre made of it. `lost` is what the wire below knows.
    pub(super) fn of(result: Result<Response, Error>, lost: bool) -> Self {
        match result {
            Ok(response) => Self::Reply(response.code().into(), String::new()),
            Err(error) => match error.status() {
                Some(code) => Self::Reply(code.into(), words(&error)),
                None if lost => Self::Lost,
                None => Self::Garbage,
            },
        }
    }
}

/// The next hop's own words, which lettre keeps as the source of the error.
fn words(error: &Error) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    text.chars().take(WORDS).collect()
}

/// How one try at one host ended.
#[derive(Debug)]
pub(super) struct End {
    /// The outcome, if no other host is tried.
    pub(super) outcome: Outcome,
    /// Whether another host may be tried: nothing of the message can have been taken by this one.
    pub(super) next_host: bool,
    /// Whether the trouble is the site's, not the message's.
    pub(super) trouble: bool,
    /// Whether the connection can carry another message.
    pub(super) reusable: bool,
    /// Whether nothing outside this machine had a word in it: no host was reached and no name server with authority
    /// answered. Such an end says nothing about the next hop.
    pub(super) local: bool,
    /// Whether it was not even begun, for a rest of the site or want of a connection: what was answered before says more.
    pub(super) put_off: bool,
    /// Whether a refusal was the answer to RCPT, and the recipient's own server's: a smarthost speaks for it only when it
    /// says in so many words that there is no such mailbox.
    pub(super) recipient: bool,
}

impl End {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, next_host: false, trouble: false, reusable: false, local: false, put_off: false, recipient: false }
    }

    /// The message is with the next hop.
    pub(super) fn delivered() -> Self {
        Self { reusable: true, ..Self::of(Outcome::Delivered) }
    }

    /// Refused for good.
    pub(super) fn refused(failure: Failure) -> Self {
        Self::of(Outcome::Refused(failure))
    }

    /// Not now.
    pub(super) fn deferred(failure: Failure) -> Self {
        Self::of(Outcome::Deferred(failure))
    }

    /// Taken back before the final dot.
    pub(super) fn withdrawn() -> Self {
        Self { local: true, ..Self::of(Outcome::Withdrawn) }
    }

    /// The same, found out on this machine.
    pub(super) fn here(self) -> Self {
        Self { local: true, trouble: false, ..self }
    }

    /// The same, not even begun.
    pub(super) fn put_off(self) -> Self {
        Self { put_off: true, ..self.here() }
    }

    /// Whether a host answered for the message, so that its site is known to work.
    pub(super) fn is_answered(&self) -> bool {
        match &self.outcome {
            Outcome::Delivered => true,
            Outcome::Refused(failure) | Outcome::Deferred(failure) => failure.code.is_some() && !self.trouble,
            Outcome::Withdrawn => false,
        }
    }

    /// Not from this host, for a reason that has nothing to do with the message.
    pub(super) fn elsewhere(failure: Failure) -> Self {
        Self { next_host: true, trouble: true, ..Self::deferred(failure) }
    }
}

/// A failure that is our own finding, without a reply.
pub(super) fn ours(status: &str, detail: impl Into<String>) -> Failure {
    Failure { code: None, status: status.to_owned(), detail: Private::new(detail.into()) }
}

/// The failure that a reply is. The enhanced code counts only where its class agrees with the basic code.
pub(super) fn replied(code: u16, words: &str, host: &str, to: &str) -> Failure {
    let class = code / 100;
    let status = enhanced(words, class).unwrap_or_else(|| format!("{}.0.0", if class == 5 { 5 } else { 4 }));
    Failure { code: Some(code), status, detail: Private::new(format!("{host} answered {to} with {code} {words}")) }
}

fn enhanced(words: &str, class: u16) -> Option<String> {
    let word = words.split_ascii_whitespace().next()?;
    let mut parts = word.split('.');
    let number = |part: Option<&str>| part.filter(|p| p.len() <= 3).and_then(|p| p.parse::<u16>().ok());
    let found = (number(parts.next())?, number(parts.next())?, number(parts.next())?);
    (found.0 == class && parts.next().is_none()).then(|| format!("{}.{}.{}", found.0, found.1, found.2))
}

/// The end that an answer other than the hoped-for one means.
pub(super) fn end(answer: Answer, phase: Phase, peer: &Peer) -> End {
    let to = phase.name();
    let host = peer.name.as_str();
    let before_mail = matches!(phase, Phase::Reset | Phase::Mail);
    // Nothing of the text was sent: no other host can make a second copy.
    let before_text = before_mail || matches!(phase, Phase::Rcpt | Phase::Data);
    match answer {
        Answer::Reply(421, words) => {
            End { next_host: phase != Phase::Dot, trouble: true, ..End::deferred(replied(421, &words, host, to)) }
        }
        // RFC 5321 §4.5.3.1.10: 552 to RCPT means "too many recipients" and is to be read as 452.
        Answer::Reply(552, words) if phase == Phase::Rcpt => {
            let failure = Failure { status: "4.5.3".to_owned(), ..replied(552, &words, host, to) };
            End { reusable: true, ..End::deferred(failure) }
        }
        // Nobody refuses RSET; whatever is wrong with this connection, a new one will not have it.
        Answer::Reply(code @ 400..=599, words) if phase == Phase::Reset => {
            End { next_host: true, ..End::deferred(replied(code, &words, host, to)) }
        }
        Answer::Reply(code @ 500..=599, words) if before_text && concerns_us(code, &words, phase, peer) => {
            let failure = Failure { status: "4.7.0".to_owned(), ..replied(code, &words, host, to) };
            // Without permission to relay other recipients may be fine, and users choose the recipients.
            let trouble = peer.smarthost && is_login_fault(code, &words);
            End { next_host: peer.stripped, trouble, reusable: true, ..End::deferred(failure) }
        }
        Answer::Reply(code @ 500..=599, words) => {
            let failure = replied(code, &words, host, to);
            let recipient = phase == Phase::Rcpt && (!peer.smarthost || failure.status == "5.1.1");
            End { reusable: true, recipient, ..End::refused(failure) }
        }
        Answer::Reply(code @ 400..=499, words) => End { reusable: true, ..End::deferred(replied(code, &words, host, to)) },
        Answer::Reply(code, _) => End::deferred(Failure {
            code: Some(code),
            ..ours("4.5.0", format!("{host} answered {to} with {code}, which is no answer to it{}", doubt(phase)))
        }),
        Answer::Lost => End {
            next_host: before_text,
            trouble: before_mail,
            ..End::deferred(ours("4.4.2", format!("{host} closed the connection at {to}{}", doubt(phase))))
        },
        Answer::Garbage => {
            End::deferred(ours("4.5.0", format!("{host} answered {to} with something that is no reply{}", doubt(phase))))
        }
        // Patience is spent once, not once for each host.
        Answer::Late => End {
            next_host: before_mail,
            trouble: before_mail,
            ..End::deferred(ours("4.4.2", format!("{host} did not answer {to} in time{}", doubt(phase))))
        },
    }
}

/// Whether a reply of class 5 is about our configuration and not about the message.
fn concerns_us(code: u16, words: &str, phase: Phase, peer: &Peer) -> bool {
    if peer.smarthost {
        return is_login_fault(code, words) || (phase == Phase::Rcpt && mentions_relaying(words));
    }
    // TLS failed with this host a moment ago; that must not bounce mail which it takes over TLS only.
    peer.stripped
        && (matches!(code, 530 | 538) || enhanced(words, 5).is_some_and(|status| status == "5.7.10" || status == "5.7.11"))
}

/// RFC 4954 §4, §6: login missing, refused, too weak, expired, or only over TLS.
fn is_login_fault(code: u16, words: &str) -> bool {
    const STATUS: [&str; 6] = ["5.7.8", "5.7.9", "5.7.11", "5.7.12", "5.7.13", "5.7.14"];
    matches!(code, 530 | 534 | 535 | 538) || enhanced(words, 5).is_some_and(|status| STATUS.contains(&status.as_str()))
}

/// "Relay access denied", "Unable to relay", "relaying denied", qmail's "rcpthosts": no code of its own exists for it.
fn mentions_relaying(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("relay") || words.contains("rcpthosts")
}

/// After the dot only the next hop knows; this makes a second copy explainable.
const fn doubt(phase: Phase) -> &'static str {
    match phase {
        Phase::Dot => "; unknown whether delivered",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(smarthost: bool, stripped: bool) -> Peer {
        Peer { name: "h".to_owned(), smarthost, stripped }
    }

    fn class(code: u16, phase: Phase) -> (bool, String) {
        match end(Answer::Reply(code, "5.7.1 no".to_owned()), phase, &peer(true, false)).outcome {
            Outcome::Refused(failure) => (true, failure.status),
            Outcome::Deferred(failure) => (false, failure.status),
            Outcome::Delivered | Outcome::Withdrawn => unreachable!("end() classes answers only"),
        }
    }

    #[test]
    fn the_basic_code_rules_and_only_class_5_refuses() {
        assert_eq!(class(550, Phase::Rcpt), (true, "5.7.1".into()));
        assert_eq!(class(450, Phase::Rcpt), (false, "4.0.0".into()), "a disagreeing enhanced code is dropped");
        assert_eq!(class(552, Phase::Rcpt), (false, "4.5.3".into()));
        assert_eq!(class(552, Phase::Dot), (true, "5.7.1".into()));
        for phase in [Phase::Reset, Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Dot] {
            for code in [250, 334, 354, 421, 451] {
                assert!(!class(code, phase).0, "{code} at {phase:?}");
            }
        }
    }

    #[test]
    fn a_smarthost_speaks_for_the_recipient_only_with_the_code_of_a_missing_mailbox() {
        let recipient =
            |words: &str, phase, smarthost| end(Answer::Reply(550, words.to_owned()), phase, &peer(smarthost, false)).recipient;
        assert!(recipient("5.1.1 gone", Phase::Rcpt, true));
        for words in ["no such user", "5.2.1 disabled", "5.1.10 gone", "5.1.6 moved", ""] {
            assert!(!recipient(words, Phase::Rcpt, true), "{words}");
            assert!(recipient(words, Phase::Rcpt, false), "{words}");
        }
        assert!(!recipient("5.1.1 gone", Phase::Dot, false));
    }

    #[test]
    fn after_the_dot_no_other_host_is_tried_and_the_doubt_is_said() {
        for answer in [Answer::Lost, Answer::Late, Answer::Garbage, Answer::Reply(354, String::new())] {
            let end = end(answer, Phase::Dot, &peer(false, false));
            assert!(!end.next_host);
            let Outcome::Deferred(failure) = end.outcome else { unreachable!("it is deferred") };
            assert!(failure.detail.reveal().contains("unknown whether delivered"));
        }
        assert!(!super::end(Answer::Reply(421, String::new()), Phase::Dot, &peer(false, false)).next_host);
    }

    #[test]
    fn what_is_said_about_us_defers_and_what_is_said_about_the_message_refuses() {
        let refuses = |code, words: &str, phase, peer: Peer| {
            let end = end(Answer::Reply(code, words.to_owned()), phase, &peer);
            assert!(end.reusable);
            (matches!(end.outcome, Outcome::Refused(_)), end.trouble)
        };
        let (smarthost, stranger, stripped) = (peer(true, false), peer(false, false), peer(false, true));
        for phase in [Phase::Mail, Phase::Rcpt, Phase::Data] {
            for (code, words) in [(530, ""), (534, "x"), (535, "5.7.8 no"), (538, "x"), (550, "5.7.8 no"), (554, "5.7.14 no")] {
                assert_eq!(refuses(code, words, phase, smarthost.clone()), (false, true), "{code} {words} at {phase:?}");
                assert_eq!(refuses(code, words, Phase::Dot, smarthost.clone()), (true, false), "{code} at the dot");
            }
            assert_eq!(refuses(530, "5.7.0 Must issue STARTTLS", phase, stranger.clone()), (true, false));
            assert_eq!(refuses(530, "5.7.0 Must issue STARTTLS", phase, stripped.clone()), (false, false));
        }
        assert_eq!(refuses(554, "5.7.1 <a@b>: Relay access denied", Phase::Rcpt, smarthost.clone()), (false, false));
        assert_eq!(refuses(554, "5.7.1 <a@b>: Relay access denied", Phase::Rcpt, stranger), (true, false));
        assert_eq!(refuses(550, "5.1.1 no such user", Phase::Rcpt, smarthost), (true, false));
        assert_eq!(refuses(550, "5.1.1 no such user", Phase::Rcpt, stripped), (true, false));
    }
}
