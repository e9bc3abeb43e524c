//! What a stranger may know of a next hop's refusal: a class, a status from a short list, a sentence of ours.
//!
//! The next hop is the owner's mail provider. Its words name the mailbox, its host, its policy links; none of that may leave
//! (promise 2). So nothing is cut out of its answer: the answer is looked up, and what is not on the list is generic.
//! Where reply code and enhanced status disagree, the code rules (RFC 3463 §2 makes the status a refinement of it).

use crate::model::Reply;
use crate::model::delivery::Failure;

/// A refusal in our own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neutral {
    code: u16,
    subject: u16,
    detail: u16,
    sentence: &'static str,
}

/// Status (subject, detail), the codes to say it with (temporary, permanent), and the sentence.
type Known = ((u16, u16), (u16, u16), &'static str);

const KNOWN: &[Known] = &[
    ((2, 2), (452, 552), "Mailbox full"),
    ((2, 3), (452, 552), "The message is too large for the recipient"),
    ((3, 4), (452, 552), "The message is too large for the recipient"),
    ((6, 3), (451, 554), "The recipient's mail system cannot take 8-bit content"),
    ((6, 7), (451, 553), "The recipient's mail system cannot take internationalised addresses"),
    ((7, 1), (450, 550), "The recipient's mail system refused the message by its policy"),
];

const REFUSED: Neutral =
    Neutral { code: 550, subject: 0, detail: 0, sentence: "The recipient's mail system refused the message" };
const NOT_NOW: Neutral =
    Neutral { code: 451, subject: 0, detail: 0, sentence: "The recipient's mail system does not take the message now" };
const TOO_OLD: Neutral = Neutral { code: 451, subject: 4, detail: 7, sentence: "The message could not be delivered in time" };

impl Neutral {
    /// Reduces a failure. Temporary or permanent follows the reply code, and our own status where there was none; what
    /// is neither counts as temporary.
    pub fn of(failure: &Failure) -> Self {
        let status = parse_status(&failure.status);
        let status_class = status.map(|(class, ..)| class);
        let class = failure.code.map_or(status_class, |code| Some(code / 100));
        let is_permanent = class == Some(5);
        let known = KNOWN
            .iter()
            .find(|(known, ..)| class == status_class && status.is_some_and(|(_, subject, detail)| *known == (subject, detail)));
        match known {
            Some((status, codes, sentence)) => {
                let code = if is_permanent { codes.1 } else { codes.0 };
                Self { code, subject: status.0, detail: status.1, sentence }
            }
            None if is_permanent => REFUSED,
            None => NOT_NOW,
        }
    }

    /// The answer in the SMTP dialogue.
    pub const fn reply(&self) -> Reply {
        Reply::new(self.code, self.subject, self.detail, self.sentence)
    }

    /// What to say once we gave up: a failure that was only temporary has become one of time (RFC 3463 §3.5, X.4.7).
    pub const fn given_up(self) -> Self {
        if self.code / 100 == 5 { self } else { TOO_OLD }
    }

    /// The enhanced status code as text.
    pub fn status(&self) -> String {
        format!("{}.{}.{}", self.code / 100, self.subject, self.detail)
    }

    /// The sentence for people.
    pub const fn sentence(&self) -> &'static str {
        self.sentence
    }
}

fn parse_status(text: &str) -> Option<(u16, u16, u16)> {
    let mut parts = text.split('.').map(str::parse::<u16>);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(class)), Some(Ok(subject)), Some(Ok(detail)), None) => Some((class, subject, detail)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Private;

    fn neutral(code: Option<u16>, status: &str) -> String {
        Neutral::of(&Failure { code, status: status.into(), detail: Private::new("words".into()) }).reply().to_string()
    }

    #[test]
    fn what_is_on_the_list_is_kept_in_our_words() {
        assert_eq!(neutral(Some(552), "5.2.2"), "552 5.2.2 Mailbox full");
        assert_eq!(neutral(Some(550), "5.2.2"), "552 5.2.2 Mailbox full");
        assert_eq!(neutral(Some(452), "4.2.2"), "452 4.2.2 Mailbox full");
        assert_eq!(neutral(None, "5.6.7"), "553 5.6.7 The recipient's mail system cannot take internationalised addresses");
    }

    #[test]
    fn everything_else_is_generic() {
        for status in ["5.1.1", "5.2.1", "5.7.26", "", "5", "5.2.2.2", "a.b.c", "5.2.2 ann@inbox.example"] {
            assert_eq!(neutral(Some(550), status), "550 5.0.0 The recipient's mail system refused the message");
        }
        assert!(neutral(Some(421), "4.3.2").starts_with("451 4.0.0 "));
        assert!(neutral(None, "rubbish").starts_with("451 4.0.0 "));
    }

    #[test]
    fn the_code_rules_over_the_status() {
        assert!(neutral(Some(450), "5.2.2").starts_with("451 4.0.0 "));
        assert!(neutral(Some(550), "4.2.2").starts_with("550 5.0.0 "));
        assert!(neutral(Some(354), "5.2.2").starts_with("451 4.0.0 "));
    }

    #[test]
    fn giving_up_turns_a_delay_into_too_late() {
        let failure = Failure { code: Some(450), status: "4.2.2".into(), detail: Private::default() };
        assert_eq!(Neutral::of(&failure).given_up().status(), "4.4.7");
        let failure = Failure { code: Some(552), ..failure };
        assert_eq!(Neutral::of(&failure).given_up().status(), "5.0.0");
    }

    proptest! {
        #[test]
        fn no_reply_names_the_mailbox(
            code in proptest::option::of(0u16..1000), status in ".{0,20}", words in ".{0,40}",
            local in "[a-z]{4,12}[0-9]{2}", domain in "[a-z]{2,10}[0-9]\\.(com|example)")
        {
            let mailbox = format!("{local}@{domain}");
            for status in [status.clone(), format!("5.2.2 <{mailbox}>"), mailbox.clone(), "5.1.1".into()] {
                let failure = Failure { code, status, detail: Private::new(format!("{words} {mailbox}")) };
                let neutral = Neutral::of(&failure);
                for text in [neutral.reply().to_string(), neutral.given_up().status(), neutral.given_up().sentence().into()] {
                    prop_assert!(!text.contains(&local) && !text.contains(&domain));
                }
            }
        }

        #[test]
        fn the_class_is_never_changed(code in 400u16..600, status in "[245]\\.[0-9]\\.[0-9]{1,2}") {
            let failure = Failure { code: Some(code), status, detail: Private::default() };
            prop_assert_eq!(Neutral::of(&failure).reply().code() / 100, code / 100);
        }
    }
}
