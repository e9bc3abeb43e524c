//! The DNS records a domain needs, beside those that are published now, and what is wrong with those.
//!
//! SPF is not compared as text: the live policy is evaluated for the addresses this instance sends from, the way a
//! receiver does it. A name that can't be looked up now is `unknown`, never `missing`. What is wrong is said in words for
//! people who see such records for the first time, with the record as it should be.

use serde::Serialize;

use super::Desk;
use super::dkim_key::{self, KeyError};
use crate::dns::{DnsError, Mx, Resolver};
use crate::model::dkim_key::{DkimKey, KeyState};
use crate::model::domain::DomainClaim;
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

/// The records of a domain that is not proven yet, the proof first. Its keys are made after that.
pub async fn of_claim(around: &Surroundings, claim: &DomainClaim) -> Vec<Record> {
    let name = &claim.name;
    vec![ownership(around, claim).await, mx(around, name).await, sender_policy(around, name).await, dmarc(around, name).await]
}

/// The record that proves whose a domain is. It may stand at the domain itself or, where that has no room for it (a CNAME),
/// at `_postern` below it.
pub async fn ownership(around: &Surroundings, claim: &DomainClaim) -> Record {
    let value = claim.record();
    let (apex, below) = (claim.name.to_string(), format!("_postern.{}", claim.name));
    let (at_apex, at_below) = tokio::join!(around.resolver.txt(&apex), around.resolver.txt(&below));
    let is_temporary = [&at_apex, &at_below].iter().any(|answer| matches!(answer, Err(DnsError::Temporary)));
    let texts = at_apex.unwrap_or_default().into_iter().chain(at_below.unwrap_or_default());
    let texts = texts.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    let live: Vec<String> = texts.filter(|text| text.to_ascii_lowercase().starts_with("postern-domain=")).collect();
    let (status, note) = if live.contains(&value) {
        (Status::Ok, None)
    } else if is_temporary {
        (Status::Unknown, Some(NOT_NOW.to_owned()))
    } else if live.is_empty() {
        (Status::Missing, Some(format!("it may stand at {below}. instead; a new record can take an hour to be seen")))
    } else {
        (Status::Wrong, Some("it holds another value, perhaps of another account; replace it with this one".to_owned()))
    };
    txt(apex, value, "shows that the domain is yours", (live, status, note))
}

/// Nobody's fault, and no reason to change anything.
const NOT_NOW: &str = "it could not be asked now; try again in a few minutes";

fn mx_text(mx: &Mx) -> String {
    let exchange = mx.exchange.as_ref().map_or_else(String::new, ToString::to_string);
    format!("{} {exchange}.", mx.preference)
}

async fn mx(around: &Surroundings, name: &DomainName) -> Record {
    let value = format!("10 {}.", around.hostname);
    let finding = match around.resolver.mx(name).await {
        Err(error) => absent(error),
        Ok(live) => {
            let (status, note) = exchangers(around, &live);
            (live.iter().map(mx_text).collect(), status, note)
        }
    };
    record(format!("{name}."), "MX", value.clone(), value, "mail for its aliases comes here", finding)
}

/// Whether mail comes here, and before it goes anywhere else.
fn exchangers(around: &Surroundings, live: &[Mx]) -> (Status, Option<String>) {
    let is_ours = |mx: &&Mx| mx.exchange.as_ref() == Some(&around.hostname);
    let names = |of: &mut dyn Iterator<Item = &Mx>| {
        let names: Vec<String> = of.filter_map(|mx| mx.exchange.as_ref()).map(ToString::to_string).collect();
        names.join(", ")
    };
    let Some(ours) = live.iter().filter(is_ours).map(|mx| mx.preference).min() else {
        let note = if live.iter().all(|mx| mx.exchange.is_none()) {
            "it says that the domain takes no mail at all; replace it with this record".to_owned()
        } else {
            let there = names(&mut live.iter());
            format!("mail for its aliases goes elsewhere, to {there}; replace that with this record")
        };
        return (Status::Wrong, Some(note));
    };
    let before = names(&mut live.iter().filter(|mx| !is_ours(mx) && mx.preference <= ours));
    if !before.is_empty() {
        let note = format!(
            "{before} is asked before {} or as often; give ours the lowest number, or remove the others",
            around.hostname
        );
        return (Status::Wrong, Some(note));
    }
    let others = live.iter().any(|mx| !is_ours(&mx));
    (Status::Ok, others.then(|| "other servers take its mail, too; they have to pass it on".to_owned()))
}

async fn sender_policy(around: &Surroundings, name: &DomainName) -> Record {
    let ours = match &around.smarthost {
        None => "mx".to_owned(),
        Some(host) => format!("a:{host}"),
    };
    let mut value = format!("v=spf1 {ours} -all");
    let finding = match policies(around, name.as_str(), "v=spf1").await {
        Err(finding) => finding,
        Ok(live) => {
            let (status, note) = match &around.smarthost {
                None => evaluate(around, name).await,
                Some(_) => (Status::Ok, Some("the smarthost's operator says what it has to hold".to_owned())),
            };
            if let (Status::Wrong, [one]) = (status, live.as_slice())
                && note.as_deref() != Some(BROKEN_POLICY)
            {
                // Whoever else may send for the domain goes on to.
                value = with_mechanism(one, &ours, &around.hostname).unwrap_or(value);
            }
            (live, status, note)
        }
    };
    txt(name.to_string(), value, "who may send for it (SPF)", finding)
}

const BROKEN_POLICY: &str = "it can't be understood, or asks for more than ten look-ups: receivers ignore it";

/// A policy that lets us send as well: ours comes first, for the first match decides (RFC 7208 §4.6.2). Where it is there
/// and does not mean us, our host is named.
fn with_mechanism(policy: &str, ours: &str, hostname: &DomainName) -> Option<String> {
    let mut terms = policy.split_ascii_whitespace();
    let version = terms.next().filter(|version| version.eq_ignore_ascii_case("v=spf1"))?;
    let rest: Vec<&str> = terms.collect();
    let host = format!("a:{hostname}");
    let ours = if rest.iter().any(|term| term.trim_start_matches('+').eq_ignore_ascii_case(ours)) { &host } else { ours };
    let whole = format!("{version} {ours} {}", rest.join(" "));
    let is_plain = whole.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (is_plain && whole.len() <= 450).then(|| whole.trim_end().to_owned())
}

/// What receivers find when this machine sends.
async fn evaluate(around: &Surroundings, name: &DomainName) -> (Status, Option<String>) {
    let hostname = &around.hostname;
    let addresses = match around.resolver.addresses(hostname).await {
        Ok(addresses) => addresses,
        Err(DnsError::Temporary) => {
            return (Status::Unknown, Some(format!("{hostname} could not be asked now; try again in a few minutes")));
        }
        Err(_) => return (Status::Unknown, Some(format!("{hostname} has no address to check it with"))),
    };
    let Ok(sender) = Address::from_parts("postmaster", name.clone()) else { return (Status::Unknown, None) };
    for address in addresses {
        let result = spf(&around.resolver, address, hostname.as_str(), &sender, hostname.as_str()).await;
        match result {
            SpfResult::Pass => {}
            SpfResult::TempError => return (Status::Unknown, Some(NOT_NOW.to_owned())),
            SpfResult::PermError => {
                return (Status::Wrong, Some(BROKEN_POLICY.to_owned()));
            }
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
                [one] if tag(one, "p").is_some_and(|key| key.is_empty()) => {
                    (Status::Wrong, Some("it says that the key is withdrawn; replace it with this record".to_owned()))
                }
                [_] => (Status::Wrong, Some("it holds another key, so our signatures look forged; replace it".to_owned())),
                _ => (Status::Wrong, Some("there must be one record, its strings in order; remove the others".to_owned())),
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
                Some("none") => (
                    Status::Ok,
                    Some("the policy p=none only watches; raise it to quarantine once the other records are ok".to_owned()),
                ),
                _ => (Status::Wrong, Some("it has no policy (p=), so receivers ignore it".to_owned())),
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
        several => {
            let note = format!("there are {several} such records, and receivers then follow none; put what they say into one");
            Err((live, Status::Wrong, Some(note)))
        }
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
        DnsError::Temporary => (Vec::new(), Status::Unknown, Some(NOT_NOW.to_owned())),
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

    #[test]
    fn a_policy_of_others_keeps_what_it_says() {
        let host = DomainName::parse("mail.you.example").unwrap();
        let ours = |policy: &str| with_mechanism(policy, "mx", &host);
        assert_eq!(ours("v=spf1 include:_spf.x.example ~all").unwrap(), "v=spf1 mx include:_spf.x.example ~all");
        assert_eq!(ours("v=spf1  +mx -all").unwrap(), "v=spf1 a:mail.you.example +mx -all");
        assert_eq!(ours("v=spf1").unwrap(), "v=spf1 mx");
        assert_eq!(ours("v=spf2 mx"), None);
        assert_eq!(ours(&format!("v=spf1 {}", "a".repeat(500))), None);
    }

    proptest! {
        #[test]
        fn any_text_has_tags_or_none(text in "\\PC{0,80}", name in "[a-z]{1,2}") {
            tag(&text, &name);
            is_version(&text, &name);
        }
    }
}
