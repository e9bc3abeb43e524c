//! A sample of every letter this instance writes, with made-up facts: the words are those of the use cases, so whoever
//! changes a letter sees here how it will look, without making the thing happen that it tells of.

use super::security;
use crate::model::delivery::Failure;
use crate::model::mail_link::Purpose;
use crate::model::mailbox::Pause;
use crate::model::notice::NoticeKind;
use crate::model::{Address, Private, Timestamp};
use crate::service::mailbox_test::Why;
use crate::service::{account, account_letter, forward, hold, letters, mailbox_test, pausing, pgp_key, reply, returned};
use crate::transform::notice::Letter;

const URL: &str = "https://postern.you.example";
const SECRET: &str = "made-up-secret-k3v9q2x7";
/// Of a mailbox or an alias.
const UUID: &str = "0198f2c4-7a1e-7000-8000-00000000002a";
const FINGERPRINT: &str = "0123456789ABCDEF0123456789ABCDEF01234567";
/// 1 September 2026, in the morning.
const THEN: Timestamp = Timestamp::from_micros(1_788_249_600_000_000);

/// What a letter tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Something that happened to mail, told once for each thing.
    Notice(NoticeKind),
    /// A link that proves who reads the mailbox.
    Link(Purpose),
    /// A code that does.
    Code,
    /// A change of an account or a mailbox.
    Change,
}

/// A letter as somebody might get it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When it is written, in a few words.
    pub name: &'static str,
    /// What it tells of.
    pub about: About,
    /// The letter.
    pub letter: Letter,
}

/// One sample or more of every letter.
pub fn all() -> Vec<Sample> {
    let mut samples = accounts();
    samples.extend(sign_in());
    samples.extend(mailboxes());
    samples.extend(messages());
    samples
}

fn accounts() -> Vec<Sample> {
    let (link, change) = (About::Link, About::Change);
    vec![
        sample("Somebody signs up", link(Purpose::SignUp), account_letter::sign_up(URL, SECRET)),
        sample("Somebody signs up in an app", About::Code, account_letter::sign_up_code(URL, &Private::new("042917".into()))),
        sample("An app signed up twice", link(Purpose::ResetPassword), account_letter::choose_password(URL, SECRET)),
        sample("Somebody signs up who has an account", change, account_letter::has_account(URL)),
        sample("Somebody forgot their password", link(Purpose::ResetPassword), account_letter::reset(URL, SECRET)),
        sample("A password was set by a mailed link", change, account_letter::password_changed(URL)),
        sample("A password was changed by somebody signed in", change, account::password_letter(URL, true)),
        sample("A password was changed by a program", change, account::password_letter(URL, false)),
        sample("Somebody guesses at the second factor", About::Notice(NoticeKind::CodesWrong), account_letter::codes_wrong(URL)),
        sample("The address that signs in was changed", change, account::email_letter(&mailbox())),
    ]
}

fn sign_in() -> Vec<Sample> {
    let change = About::Change;
    vec![
        sample("Codes are asked for from now on", change, security::codes_on()),
        sample("Codes are not asked for any more", change, security::codes_off()),
        sample("The operator takes the second step away", change, security::factors_taken()),
        sample("A recovery code is used", change, security::recovery_code_used(9)),
        sample("The last recovery code is used", change, security::recovery_code_used(0)),
        sample("Recovery codes are made anew", change, security::recovery_codes_renewed()),
        sample("A passkey is added", change, security::passkey_added("My phone")),
        sample("A passkey is removed", change, security::passkey_removed("My phone")),
        sample("A key is made", change, security::key_made("Bitwarden on my phone")),
        sample("A password for a mail program is made", change, security::app_password_made("Thunderbird")),
    ]
}

fn mailboxes() -> Vec<Sample> {
    let (old, new) = (mailbox(), address("ann@new-home.example"));
    let link = format!("{URL}/verify/{SECRET}");
    let verify = About::Link(Purpose::VerifyMailbox);
    let pause = Pause { at: THEN, status: "5.1.1".into() };
    let tested = About::Notice(NoticeKind::MailboxTested);
    let page = format!("{URL}/mailboxes/{UUID}");
    vec![
        sample("A mailbox is added", verify, letters::verify_mailbox(&new, &link)),
        sample("The default mailbox is told of another one", About::Change, letters::mailbox_added(&new, URL)),
        sample("The mailbox that is about to be left is told", About::Change, letters::mailbox_moves(&old, &new, URL, true)),
        sample("The mailbox that was left is told", About::Change, letters::mailbox_moved(&old, &new, Some(URL), true)),
        sample(
            "A mailbox is paused",
            About::Notice(NoticeKind::MailboxPaused),
            pausing::paused_letter(&old, &pause.status, &page),
        ),
        sample("A mailbox takes mail again", About::Notice(NoticeKind::MailboxResumed), pausing::resumed_letter(&old, &pause)),
        sample("Somebody tests a mailbox", tested, mailbox_test::letter(Why::Asked)),
        sample("Somebody sets up this instance and tests it", tested, mailbox_test::letter(Why::SetUp)),
        sample("A paused mailbox is tested once a day", tested, mailbox_test::letter(Why::Paused)),
        sample(
            "A PGP key expires soon",
            About::Notice(NoticeKind::KeyExpires),
            pgp_key::expiry_letter(&old, FINGERPRINT, THEN, &page),
        ),
        sample(
            "A message could not be encrypted",
            About::Notice(NoticeKind::EncryptionFailed),
            forward::seal::letter(&old, FINGERPRINT, "the key has expired", &page),
        ),
    ]
}

fn messages() -> Vec<Sample> {
    let (alias, contact) = (address("bookworm.k3v9@you.example"), address("orders@bookworm.example"));
    let date = THEN.to_rfc5322();
    let bounced = |status: &str, detail: &str| {
        let failure = Failure { code: None, status: status.into(), detail: Private::new(detail.to_owned()) };
        returned::letter(&alias, &contact, &date, &failure, URL)
    };
    let (about_bounce, about_hold) = (About::Notice(NoticeKind::ReplyBounced), About::Notice(NoticeKind::MessageHeld));
    vec![
        sample(
            "An answer was not the owner's, or seemed so",
            About::Notice(NoticeKind::ReplyRefused),
            reply::attempt::letter(&alias, &format!("{URL}/aliases/{UUID}")),
        ),
        sample("An answer came back", about_bounce, bounced("5.1.1", "550 5.1.1 <orders@bookworm.example> user unknown")),
        sample("An answer was given up", about_bounce, bounced("4.4.1", "")),
        sample("A message is held", about_hold, hold::letter(&alias, URL)),
        sample("No more messages can be held", about_hold, hold::full_letter(URL)),
    ]
}

fn sample(name: &'static str, about: About, letter: Letter) -> Sample {
    Sample { name, about, letter }
}

fn mailbox() -> Address {
    address("ann@home.example")
}

fn address(text: &'static str) -> Address {
    Address::parse(text).expect("the addresses in this file are addresses")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mail_parser::decoders::html::html_to_text;
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;
    use crate::model::DomainName;
    use crate::transform::notice::{NoticeFacts, build};

    fn built(letter: &Letter) -> Vec<u8> {
        let (domain, to) = (DomainName::parse("you.example").unwrap(), mailbox());
        let built = build(&NoticeFacts { domain: &domain, to: &to, now: THEN, random: [7; 16] }, letter);
        [built.header, built.body].concat()
    }

    fn words(text: &str) -> Vec<&str> {
        text.split_whitespace().collect()
    }

    /// The kind after it: a new kind does not compile until it is put into the row, and then needs a sample.
    const fn after(kind: NoticeKind) -> Option<NoticeKind> {
        use NoticeKind as K;
        match kind {
            K::ReplyRefused => Some(K::ReplyBounced),
            K::ReplyBounced => Some(K::MailboxPaused),
            K::MailboxPaused => Some(K::MailboxResumed),
            K::MailboxResumed => Some(K::MailboxTested),
            K::MailboxTested => Some(K::EncryptionFailed),
            K::EncryptionFailed => Some(K::KeyExpires),
            K::KeyExpires => Some(K::MessageHeld),
            K::MessageHeld => Some(K::CodesWrong),
            K::CodesWrong => None,
        }
    }

    const fn next(purpose: Purpose) -> Option<Purpose> {
        match purpose {
            Purpose::SignUp => Some(Purpose::ResetPassword),
            Purpose::ResetPassword => Some(Purpose::VerifyMailbox),
            Purpose::VerifyMailbox => None,
        }
    }

    #[test]
    fn every_kind_of_notice_and_every_mailed_link_has_a_sample() {
        let told: Vec<_> = all().iter().map(|sample| sample.about).collect();
        for kind in std::iter::successors(Some(NoticeKind::ReplyRefused), |kind| after(*kind)) {
            assert!(told.contains(&About::Notice(kind)), "{kind:?}");
        }
        for purpose in std::iter::successors(Some(Purpose::SignUp), |purpose| next(*purpose)) {
            assert!(told.contains(&About::Link(purpose)), "{purpose:?}");
        }
        let names: HashSet<_> = all().iter().map(|sample| sample.name).collect();
        assert_eq!(names.len(), all().len(), "every sample has a name of its own");
    }

    #[test]
    fn every_letter_is_a_mail_of_two_parts_that_say_the_same_words() {
        for Sample { name, letter, .. } in all() {
            let bytes = built(&letter);
            let mail = MessageParser::new().parse(&bytes).unwrap();
            let kind = mail.content_type().unwrap();
            assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("alternative")), "{name}");
            assert_eq!((mail.parts.len(), mail.text_body.len(), mail.html_body.len()), (3, 1, 1), "{name}");
            assert_eq!(mail.subject(), Some(letter.subject.as_str()), "{name}");
            let (mut text, html) = (mail.body_text(0).unwrap().into_owned(), mail.body_html(0).unwrap());
            if let Some((label, link)) = &letter.action {
                let said = format!("{label}:\r\n{link}");
                assert!(text.contains(&said) && html.contains(&format!("href=\"{link}\"")), "{name}: {text}{html}");
                text = text.replace(&said, label);
            }
            let text = text.replace("-- \r\n", "");
            assert!(words(&text).len() > 20, "{name}: {text}");
            assert_eq!(words(&text), words(&html_to_text(&html)), "{name}");
        }
    }

    #[test]
    fn letters_name_pages_by_their_whole_address_and_no_commands() {
        for Sample { name, letter, .. } in all() {
            let text = letter.paragraphs.join(" ");
            assert!(!text.contains('`') && !text.contains("postern mailbox") && !text.contains("--"), "{name}: {text}");
            assert!(letter.action.is_none_or(|(_, link)| link.starts_with(&format!("{URL}/"))), "{name}");
        }
    }

    #[test]
    fn no_line_of_a_letter_is_longer_than_a_mail_may_have_it() {
        for Sample { name, letter, .. } in all() {
            let bytes = built(&letter);
            assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998), "{name}");
            assert!(letter.subject.len() <= 70 && letter.subject.is_ascii(), "{name}: {}", letter.subject);
        }
    }
}
