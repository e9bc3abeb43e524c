//! The DNS records a domain needs, beside those that are published now, and what is wrong with those.
//!
//! SPF is not compared as text: the live policy is evaluated for the addresses this instance sends from, the way a
//! receiver does it. A name that can't be looked up now is `unknown`, never `missing`.

use serde::Serialize;

use super::Desk;
use super::dkim_key::{self, KeyError};
use crate::dns::{DnsError, Mx, Resolver};
use crate::model::dkim_key::{DkimKey, KeyState};
use crate::model::{Address, DomainName};
use crate::sender_auth::{SpfResult, spf};
use crate::transform::dkim;

/// How mail leaves this instance.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Our name.
    pub hostname: DomainName,
    /// Who sends for us, when it is not this machine.
    pub smarthost: Option<String>,
    /// Looks names up.
    pub resolver: Resolver,
}

/// How a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Published and right.
    Ok,
    /// Not published.
    Missing,
    /// Published, but it says something else.
    Wrong,
    /// Nobody could say.
    Unknown,
}

impl Status {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// One record that should be there.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// Fully qualified, with the dot at the end.
    pub name: String,
    /// `MX` or `TXT`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What to publish, in one piece.
    pub value: String,
    /// The same as it stands in a zone file: a TXT record in strings of 255 octets at the most.
    pub data: String,
    /// What it is for.
    pub purpose: &'static str,
    /// What is published now.
    pub live: Vec<String>,
    /// How it stands.
    pub status: Status,
    /// What is wrong, or worth knowing.
    pub note: Option<String>,
}

/// What was found: published values, how they stand, and why.
type Finding = (Vec<String>, Status, Option<String>);

/// All records a domain needs. Keys that are missing are not made here.
pub async fn check(desk: &Desk, around: &Surroundings, name: &DomainName) -> Result<Vec<Record>, KeyError> {
    let keys = dkim_key::list(desk, name).await?;
    let mut records = vec![mx(around, name).await, sender_policy(around, name).await];
    for key in &keys {
        records.push(public_key(around, key).await);
    }
    records.push(dmarc(around, name).await);
    Ok(records)
}

fn mx_text(mx: &Mx) -> String {
    let exchange = mx.exchange.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{} {exchange}.", mx.preference)
}

async fn mx(around: &Surroundings, name: &DomainName) -> Record {
    let value = format!("10 {}.", around.hostname);
    let finding = match around.resolver.mx(name).await {
        Err(error) => absent(error),
        Ok(live) => {
            let ours = live.iter().filter(|mx| mx.exchange.as_ref() == Some(&around.hostname)).count();
            let (status, note) = match (ours, live.len()) {
                (0, _) => (Status::Wrong, Some("mail for its aliases goes elsewhere".to_owned())),
                (ours, all) if ours < all => {
                    (Status::Ok, Some("other servers take its mail, too; they have to pass it on".to_owned()))
                }
                _ => (Status::Ok, None),
            };
            (live.iter().map(mx_text).collect(), status, note)
        }
    };
    record(format!("{name}."), "MX", value.clone(), value, "mail for its aliases comes here", finding)
}

async fn sender_policy(around: &Surroundings, name: &DomainName) -> Record {
    let value = match &around.smarthost {
        None => "v=spf1 mx -all".to_owned(),
        Some(host) => format!("v=spf1 a:{host} -all"),
    };
    let finding = match policies(around, name.as_str(), "v=spf1").await {
        Err(finding) => finding,
        Ok(live) => {
            let (status, note) = match &around.smarthost {
                None => evaluate(around, name).await,
                Some(_) => (Status::Ok, Some("the smarthost's operator says what it has to hold".to_owned())),
            };
            (live, status, note)
        }
    };
    txt(name.to_string(), value, "who may send for it (SPF)", finding)
}

/// What receivers find when this machine sends.
async fn evaluate(around: &Surroundings, name: &DomainName) -> (Status, Option<String>) {
    let hostname = &around.hostname;
    let addresses = match around.resolver.addresses(hostname).await {
        Ok(addresses) => addresses,
        Err(DnsError::Temporary) => return (Status::Unknown, Some(format!("{hostname} can't be looked up now"))),
        Err(_) => return (Status::Unknown, Some(format!("{hostname} has no address to check it with"))),
    };
    let Ok(sender) = Address::from_parts("postmaster", name.clone()) else { return (Status::Unknown, None) };
    for address in addresses {
        let result = spf(&around.resolver, address, hostname.as_str(), &sender, hostname.as_str()).await;
        match result {
            SpfResult::Pass => {}
            SpfResult::TempError => return (Status::Unknown, Some("it can't be evaluated now".to_owned())),
            SpfResult::PermError => return (Status::Wrong, Some("it can't be understood".to_owned())),
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral | SpfResult::None => {
                return (Status::Wrong, Some(format!("it does not let {address} send ({hostname})")));
            }
        }
    }
    (Status::Ok, None)
}

async fn public_key(around: &Surroundings, key: &DkimKey) -> Record {
    let value = dkim_key::record(key);
    let purpose = match key.state {
        KeyState::Active => "checks our signatures (DKIM)",
        KeyState::Next => "will check our signatures once it is activated (DKIM)",
        KeyState::Retired => "checks signatures made before the last rotation (DKIM)",
    };
    let finding = match around.resolver.txt(&key.record_name()).await {
        Err(error) => absent(error),
        Ok(texts) => {
            let live: Vec<String> = texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
            let is_ours = |text: &String| {
                tag(text, "p") == tag(&value, "p") && tag(text, "k").unwrap_or_else(|| "rsa".to_owned()) == key.algorithm.as_str()
            };
            let (status, note) = match live.as_slice() {
                [one] if is_ours(one) => (Status::Ok, None),
                [_] => (Status::Wrong, Some("it holds another key".to_owned())),
                _ => (Status::Wrong, Some("there must be one record, its strings in order".to_owned())),
            };
            (live, status, note)
        }
    };
    txt(key.record_name(), value, purpose, finding)
}

async fn dmarc(around: &Surroundings, name: &DomainName) -> Record {
    let at = format!("_dmarc.{name}");
    let finding = match policies(around, &at, "v=DMARC1").await {
        Err(finding) => finding,
        Ok(live) => {
            let policy = live.first().and_then(|text| tag(text, "p")).map(|policy| policy.to_ascii_lowercase());
            let (status, note) = match policy.as_deref() {
                Some("quarantine" | "reject") => (Status::Ok, None),
                Some("none") => {
                    (Status::Ok, Some("it only watches; raise it to quarantine once the other records are ok".to_owned()))
                }
                _ => (Status::Wrong, Some("it has no policy (p=)".to_owned())),
            };
            (live, status, note)
        }
    };
    txt(at, "v=DMARC1; p=quarantine".to_owned(), "what to do with mail that only claims to be from it (DMARC)", finding)
}

/// The one policy of a kind that a name may have; anything else is a finding.
async fn policies(around: &Surroundings, name: &str, version: &str) -> Result<Vec<String>, Finding> {
    let texts = around.resolver.txt(name).await.map_err(absent)?;
    let texts = texts.iter().map(|text| String::from_utf8_lossy(text).into_owned());
    let live: Vec<String> = texts.filter(|text| is_version(text, version)).collect();
    match live.len() {
        0 => Err((live, Status::Missing, None)),
        1 => Ok(live),
        _ => Err((live, Status::Wrong, Some("there may be only one".to_owned()))),
    }
}

fn is_version(text: &str, version: &str) -> bool {
    text.split([' ', ';']).next().is_some_and(|first| first.trim().eq_ignore_ascii_case(version))
}

/// The value of a tag in `a=b; c=d`, without white space.
fn tag(text: &str, name: &str) -> Option<String> {
    text.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == name).then(|| value.chars().filter(|c| !c.is_whitespace()).collect())
    })
}

fn absent(error: DnsError) -> Finding {
    match error {
        DnsError::NoSuchName | DnsError::NoData => (Vec::new(), Status::Missing, None),
        DnsError::Temporary => (Vec::new(), Status::Unknown, Some("it can't be looked up now".to_owned())),
    }
}

fn txt(name: String, value: String, purpose: &'static str, finding: Finding) -> Record {
    let data = dkim::zone_data(&value);
    record(format!("{name}."), "TXT", value, data, purpose, finding)
}

fn record(name: String, kind: &'static str, value: String, data: String, purpose: &'static str, finding: Finding) -> Record {
    let (live, status, note) = finding;
    Record { name, kind, value, data, purpose, live, status, note }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_read_with_white_space_anywhere() {
        let text = "v=DKIM1; k = rsa ;p=AB CD\t==";
        assert_eq!(tag(text, "p").unwrap(), "ABCD==");
        assert_eq!(tag(text, "k").unwrap(), "rsa");
        assert_eq!(tag(text, "x"), None);
        assert!(is_version("v=spf1 mx", "v=spf1") && is_version("v=DMARC1;p=none", "v=DMARC1"));
        assert!(!is_version("v=spf10 mx", "v=spf1") && !is_version("", "v=spf1"));
    }

    proptest! {
        #[test]
        fn any_text_has_tags_or_none(text in "\\PC{0,80}", name in "[a-z]{1,2}") {
            tag(&text, &name);
            is_version(&text, &name);
        }
    }
}
