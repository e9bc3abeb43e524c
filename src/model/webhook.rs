//! A webhook: where a user wants to be told by HTTP of what happens, in the form of Standard Webhooks 1.0.0.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};
use uuid::Uuid;

use super::id::{UserId, WebhookEventId, WebhookId};
use super::words::{UnknownWord, words};
use super::{Private, Timestamp};

/// What somebody can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum EventKind {
    /// An alias was made, by whatever way.
    #[serde(rename = "alias.created")]
    AliasCreated,
    /// Mail to an alias was refused because of its state or because its sender is blocked; counted, told once a second at most,
    /// of all aliases together.
    #[serde(rename = "mail.blocked")]
    MailBlocked,
    /// A message that was accepted could not be delivered.
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
    /// The user asked whether it works.
    #[serde(rename = "webhook.test")]
    Test,
}

words!(EventKind {
    AliasCreated = "alias.created",
    MailBlocked = "mail.blocked",
    DeliveryFailed = "delivery.failed",
    Test = "webhook.test"
});

impl EventKind {
    /// What one can ask to be told of.
    pub const CHOICES: [Self; 3] = [Self::AliasCreated, Self::MailBlocked, Self::DeliveryFailed];
}

/// The events a webhook is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKinds(Vec<EventKind>);

impl EventKinds {
    /// These, each once; all that can be asked for when there are none.
    pub fn new(mut kinds: Vec<EventKind>) -> Self {
        kinds.retain(|kind| EventKind::CHOICES.contains(kind));
        if kinds.is_empty() {
            kinds.extend(EventKind::CHOICES);
        }
        kinds.sort_unstable();
        kinds.dedup();
        Self(kinds)
    }

    /// Whether this is one of them.
    pub fn contains(&self, kind: EventKind) -> bool {
        self.0.contains(&kind)
    }

    /// Each of them.
    pub fn as_slice(&self) -> &[EventKind] {
        &self.0
    }
}

impl fmt::Display for EventKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|kind| kind.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl FromStr for EventKinds {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        text.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self::new)
    }
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Row key.
    pub id: WebhookId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Who is told.
    pub user_id: UserId,
    /// Where.
    pub url: Private<String>,
    /// Signs what is sent.
    pub secret: Private<Vec<u8>>,
    /// Of what.
    pub events: EventKinds,
    /// When it was made.
    pub created_at: Timestamp,
    /// Set while nothing is sent because it failed too long, or came with an import.
    pub paused_at: Option<Timestamp>,
    /// How the last attempt ended, in a few words.
    pub last_status: Option<String>,
    /// When that was.
    pub last_at: Option<Timestamp>,
    /// Attempts in a row that failed.
    pub failures: i32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
}

/// An event on its way to one webhook.
#[derive(Debug, Clone)]
pub struct WebhookEvent {
    /// Row key.
    pub id: WebhookEventId,
    /// Id for the receiver: the same one at every attempt.
    pub uuid: Uuid,
    /// Where it goes.
    pub webhook_id: WebhookId,
    /// JSON.
    pub payload: String,
    /// Attempts that failed.
    pub attempts: i32,
    /// When it happened.
    pub created_at: Timestamp,
}

/// Why a text is no address of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("write a whole address, like https://you.example/hook")]
    Form,
    /// Everybody on the way could read it.
    #[error("it must begin with https://, or others could read along")]
    Plain,
    /// Login in the URL: it would stand in lists and logs.
    #[error("it must not hold a user name or a password; the signature tells that it is us")]
    Login,
    /// Endless.
    #[error("it is longer than 1000 characters")]
    Length,
}

/// Reads the address of a webhook. Plain HTTP is for the inside of one's own network: only where `private` targets are allowed.
pub fn parse_url(text: &str, private: bool) -> Result<Url, UrlError> {
    if text.len() > 1000 {
        return Err(UrlError::Length);
    }
    let url = Url::parse(text.trim()).map_err(|_| UrlError::Form)?;
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        "http" => return Err(UrlError::Plain),
        _ => return Err(UrlError::Form),
    }
    if url.host().is_none() {
        return Err(UrlError::Form);
    }
    if !url.username().is_empty() || url.password().is_some() { Err(UrlError::Login) } else { Ok(url) }
}

/// The address a URL names without a look-up.
pub fn literal_ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_webhook_s_address_is_https_and_holds_no_login() {
        assert!(parse_url(" https://you.example/hook?x=1 ", false).is_ok());
        assert_eq!(parse_url("http://you.example/", false), Err(UrlError::Plain));
        assert!(parse_url("http://127.0.0.1:1/", true).is_ok());
        assert_eq!(parse_url("https://me:secret@you.example/", false), Err(UrlError::Login));
        for wrong in ["", "you.example", "ftp://you.example/", "data:text/plain,x", "https://"] {
            assert_eq!(parse_url(wrong, true), Err(UrlError::Form), "{wrong}");
        }
        assert_eq!(parse_url(&format!("https://you.example/{}", "x".repeat(1000)), true), Err(UrlError::Length));
    }

    #[test]
    fn no_word_means_all_that_can_be_asked_for() {
        assert_eq!(EventKinds::new(vec![]).to_string(), "alias.created mail.blocked delivery.failed");
        assert_eq!("mail.blocked webhook.test".parse::<EventKinds>().unwrap().to_string(), "mail.blocked");
        assert!("mail.lost".parse::<EventKinds>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in "\\PC{0,60}") {
            let secure = parse_url(&text, false);
            prop_assert!(secure.is_err() || parse_url(&text, true) == secure);
        }
    }
}
