//! Notices: what this instance itself writes to a user, as text and as HTML (RFC 2046 §5.1.4), marked as made by a
//! machine (RFC 3834 §5) and sent from the null reverse-path, so that none is ever answered by another.
//!
//! The words come from the use case; this file knows how they become a message that looks the same in every mail client.

use data_encoding::HEXLOWER;
use lettre::message::header::ContentType;
use lettre::message::{MultiPart, SinglePart};

use crate::model::{Address, DomainName, Timestamp};

/// What a user is told. Plain text throughout; nothing in it is read as markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject; ASCII, because it is ours.
    pub subject: String,
    /// The paragraphs, in order.
    pub paragraphs: Vec<String>,
    /// What to press, and where it leads.
    pub action: Option<(String, String)>,
}

impl Letter {
    /// The words as plain text.
    pub fn text(&self) -> String {
        let mut parts = self.paragraphs.clone();
        parts.extend(self.action.as_ref().map(|(label, link)| format!("{label}:\r\n{link}")));
        parts.push(format!("-- \r\n{FOOT}\r\n"));
        parts.join("\r\n\r\n")
    }

    /// The same words as a page.
    pub fn html(&self) -> String {
        let paragraphs = self.paragraphs.iter();
        let paragraphs = paragraphs.map(|text| format!("<p style=\"white-space:pre-wrap\">{}</p>\r\n", escaped(text)));
        let action = self.action.iter();
        let action = action.map(|(label, link)| {
            format!("<p style=\"margin:1.5em 0\"><a style=\"{BUTTON}\" href=\"{}\">{}</a></p>\r\n", escaped(link), escaped(label))
        });
        let (title, inner) = (escaped(&self.subject), paragraphs.chain(action).collect::<String>());
        format!(
            "<!doctype html>\r\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"color-scheme\" content=\"light dark\">\r\n<title>{title}</title></head>\r\n\
             <body style=\"font-family:sans-serif;line-height:1.5;max-width:36em;margin:1em auto;padding:0 1em\">\r\n\
             {inner}<p style=\"font-size:smaller;opacity:.75\">{FOOT}</p>\r\n</body></html>\r\n"
        )
    }
}

/// Where a letter goes and comes from.
#[derive(Debug, Clone)]
pub struct NoticeFacts<'a> {
    /// The instance's first domain.
    pub domain: &'a DomainName,
    /// The mailbox.
    pub to: &'a Address,
    /// Now.
    pub now: Timestamp,
    /// For the Message-ID and the boundary.
    pub random: [u8; 16],
}

/// A notice, in the two halves a hand-off takes.
#[derive(Clone)]
pub struct Notice {
    /// The header block: whole lines, without the empty line.
    pub header: Vec<u8>,
    /// The rest, from the empty line on.
    pub body: Vec<u8>,
}

/// Makes the message.
pub fn build(facts: &NoticeFacts, letter: &Letter) -> Notice {
    let random = HEXLOWER.encode(&facts.random);
    let parts = MultiPart::alternative()
        .boundary(format!("=_{random}"))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(letter.text()))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(letter.html()));
    let formatted = parts.formatted();
    let end = formatted.windows(4).position(|window| window == b"\r\n\r\n").map_or(formatted.len(), |at| at + 2);
    let (content_type, body) = formatted.split_at_checked(end).unwrap_or((&formatted, b""));
    let fields = [
        ("From", format!("Postern <postern@{}>", facts.domain)),
        ("To", format!("<{}>", facts.to)),
        ("Subject", one_line(&letter.subject)),
        ("Date", facts.now.to_rfc5322()),
        ("Message-ID", format!("<notice.{random}@{}>", facts.domain)),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
    ];
    let mut header = fields.map(|(name, value)| format!("{name}: {value}\r\n")).concat().into_bytes();
    header.extend_from_slice(content_type);
    Notice { header, body: body.to_vec() }
}

/// A subject as one line of visible ASCII: whatever else got into it can't become another field.
fn one_line(subject: &str) -> String {
    subject.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

const FOOT: &str = "Written by your Postern instance. Answers to this message are not read.";

/// Dark on light or light on dark, the contrast stays: both colours are said.
const BUTTON: &str = "display:inline-block;padding:.6em 1.2em;border-radius:8px;background:#1d6f5f;color:#fff;\
                      text-decoration:none;font-weight:bold";

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(letter: &Letter) -> (String, String) {
        let facts = NoticeFacts {
            domain: &DomainName::parse("you.example").unwrap(),
            to: &Address::parse("ann@home.example").unwrap(),
            now: Timestamp::from_micros(1_700_000_000_000_000),
            random: [7; 16],
        };
        let Notice { header, body } = build(&facts, letter);
        (String::from_utf8(header).unwrap(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_letter_becomes_text_and_html_that_say_the_same() {
        let letter = Letter {
            subject: "Your mailbox is paused".into(),
            paragraphs: vec!["Its server said <no>.".into()],
            action: Some(("Test it".into(), "https://you.example/t?a=1&b=2".into())),
        };
        let (header, body) = sample(&letter);
        assert!(header.contains("Subject: Your mailbox is paused\r\n"), "{header}");
        assert!(header.contains("Auto-Submitted: auto-generated\r\n"), "{header}");
        assert!(header.ends_with("\r\n") && body.starts_with("\r\n"), "{header}{body}");
        assert!(body.contains("Its server said <no>.") && body.contains("Its server said &lt;no&gt;."), "{body}");
        assert!(body.contains("https://you.example/t?a=3D1&amp;b=3D2"), "{body}");
    }

    #[test]
    fn whatever_is_in_a_letter_is_text_in_both_halves() {
        let hostile = "</p><script>alert(1)</script><img src=x onerror='y'> \"&amp; =3D ä 🦊\r\n--=_0707\r\n.\r\n";
        let letter = Letter {
            subject: "x".into(),
            paragraphs: vec![hostile.into(), "long ".repeat(600), "x".repeat(3000)],
            action: Some(("\"><script>".into(), "https://you.example/?a=\"><script>".into())),
        };
        let (header, body) = sample(&letter);
        let bytes = format!("{header}{body}");
        assert!(bytes.split("\r\n").all(|line| line.len() <= 998 && line.is_ascii()), "{bytes}");
        assert!(!bytes.replace("\r\n", "").contains(['\r', '\n']), "bare line ends");
        let parsed = mail_parser::MessageParser::new().parse(bytes.as_bytes()).unwrap();
        assert_eq!((parsed.parts.len(), parsed.text_body.len(), parsed.html_body.len()), (3, 1, 1));
        let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
        assert!(text.contains("</p><script>alert(1)</script>") && text.contains("ä 🦊"), "{text}");
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert_eq!((html.matches("<a ").count(), html.matches("href=").count()), (1, 1), "{html}");
        for remote in ["src=\"", "url(", "<link", "@import"] {
            assert!(!html.contains(remote), "{remote}: {html}");
        }
        let field = |name: &str| header.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!((field("Auto-Submitted: auto-generated"), field("Date: "), field("Message-ID: <notice.")), (1, 1, 1));
    }

    #[test]
    fn a_subject_never_becomes_another_field() {
        let letter = Letter { subject: "a\r\nBcc: x@y.example".into(), paragraphs: vec![], action: None };
        let (header, _) = sample(&letter);
        assert!(header.contains("Subject: a??Bcc: x@y.example\r\n"), "{header}");
    }
}
