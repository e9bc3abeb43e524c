//! The public keys of all signatures of a message (RFC 6376 §3.6), looked up at once and handed to mail-auth as its
//! cache. What is not in here is "not found": mail-auth never asks the network on its own.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dkim::DkimError;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::{DnsError as Fault, Error, ResolverCache, Txt};

use super::spf::text_of;
use crate::dns::{DnsError, Resolver};

/// A key record above this size is no key.
const LARGEST: usize = 8192;

/// Keys by their name in the DNS.
pub(super) struct Keys {
    found: HashMap<String, Txt>,
    /// Names of those under test (`t=y`).
    testing: BTreeSet<String>,
}

impl Keys {
    /// Asks for all names at the same time.
    pub(super) async fn look_up(resolver: &Resolver, names: BTreeSet<String>) -> Self {
        let ask = |name: String| async move {
            let (key, is_testing) = match resolver.txt(&name).await {
                Ok(texts) => parse(&texts),
                Err(DnsError::NoSuchName | DnsError::NoData) => (not_found(), false),
                Err(DnsError::Temporary) => (Txt::Error(Error::Dns(Fault::Resolver("temporary".to_owned()))), false),
            };
            (name, key, is_testing)
        };
        let mut keys = Self { found: HashMap::new(), testing: BTreeSet::new() };
        for (name, key, is_testing) in join_all(names.into_iter().map(ask)).await {
            if is_testing {
                keys.testing.insert(name.clone());
            }
            keys.found.insert(name, key);
        }
        keys
    }

    /// Whether the key of that name is under test.
    pub(super) fn is_testing(&self, name: &str) -> bool {
        self.testing.contains(name)
    }
}

/// The first record that is a key for what we verify, or why there is none; and whether it is under test.
fn parse(texts: &[Vec<u8>]) -> (Txt, bool) {
    let mut found = not_found();
    for text in texts.iter().filter(|text| text.len() <= LARGEST) {
        if !allows(text, b"s", &["*", "email"]) || !allows(text, b"h", &["sha256"]) {
            // mail-auth reads these restrictions and does not keep them.
            found = Txt::Error(Error::Dkim(DkimError::UnsupportedKeyType));
            continue;
        }
        match DomainKey::parse(text) {
            Ok(key) => return (Txt::DomainKey(Arc::new(key)), values(text, b"t").any(|flag| flag == "y")),
            Err(error) => found = Txt::Error(error),
        }
    }
    (found, false)
}

/// The values, separated by colons, of all tags of a name; none when there is no such tag.
fn values<'t>(text: &'t [u8], name: &'t [u8]) -> impl Iterator<Item = String> + 't {
    let tags = text.split(|byte| *byte == b';').filter_map(move |tag| {
        let (tag, value) = tag.split_at(tag.iter().position(|byte| *byte == b'=')?);
        (tag.trim_ascii().eq_ignore_ascii_case(name)).then(|| value.get(1..).unwrap_or_default())
    });
    let values = tags.flat_map(|value| value.split(|byte| *byte == b':'));
    values.map(|value| String::from_utf8_lossy(value.trim_ascii()).to_ascii_lowercase()).filter(|value| !value.is_empty())
}

/// Whether the key may be used for one of these, or does not say for what.
fn allows(text: &[u8], name: &[u8], wanted: &[&str]) -> bool {
    let mut values = values(text, name).peekable();
    values.peek().is_none() || values.any(|value| wanted.contains(&value.as_str()))
}

fn not_found() -> Txt {
    Txt::Error(Error::Dns(Fault::RecordNotFound(ResponseCode::NXDomain)))
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt> {
        Some(self.found.get(&text_of(name)).cloned().unwrap_or_else(not_found))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<Txt> {
        None
    }

    fn insert(&self, _key: Box<str>, _value: Txt, _until: Instant) {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn restrictions_are_read_as_lists() {
        for (text, expected) in [
            ("v=DKIM1; p=x", true),
            ("s=*; p=x", true),
            ("s = tlsrpt : Email ; p=x", true),
            ("s=; p=x", true),
            ("s=tlsrpt; p=x", false),
            ("p=x; s=other:tlsrpt", false),
        ] {
            assert_eq!(allows(text.as_bytes(), b"s", &["*", "email"]), expected, "{text}");
        }
        assert_eq!(values(b"t=s: Y;h=sha1", b"t").collect::<Vec<_>>(), ["s", "y"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (parse(std::slice::from_ref(&text)), values(&text, b"t").count());
        }
    }
}
