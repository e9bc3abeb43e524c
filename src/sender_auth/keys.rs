//! The public keys of all signatures of a message (RFC 6376 §3.6), looked up at once and handed to mail-auth as its
//! cache. What is not in here is "not found": mail-auth never asks the network on its own.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::{DnsError as Fault, Error, ResolverCache, Txt};

use super::spf::text_of;
use crate::dns::{DnsError, Resolver};

/// A key record above this size is no key.
const LARGEST: usize = 8192;

/// Keys by their name in the DNS.
pub(super) struct Keys(HashMap<String, Txt>);

impl Keys {
    /// Asks for all names at the same time.
    pub(super) async fn look_up(resolver: &Resolver, names: BTreeSet<String>) -> Self {
        let ask = |name: String| async move {
            let key = match resolver.txt(&name).await {
                Ok(texts) => parse(&texts),
                Err(DnsError::NoSuchName | DnsError::NoData) => not_found(),
                Err(DnsError::Temporary) => Txt::Error(Error::Dns(Fault::Resolver("temporary".to_owned()))),
            };
            (name, key)
        };
        Self(join_all(names.into_iter().map(ask)).await.into_iter().collect())
    }
}

/// The first record that is a key, or why there is none.
fn parse(texts: &[Vec<u8>]) -> Txt {
    let mut found = not_found();
    for text in texts.iter().filter(|text| text.len() <= LARGEST) {
        match DomainKey::parse(text) {
            Ok(key) => return Txt::DomainKey(Arc::new(key)),
            Err(error) => found = Txt::Error(error),
        }
    }
    found
}

fn not_found() -> Txt {
    Txt::Error(Error::Dns(Fault::RecordNotFound(ResponseCode::NXDomain)))
}

impl ResolverCache<Box<str>, Txt> for Keys {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt> {
        Some(self.0.get(&text_of(name)).cloned().unwrap_or_else(not_found))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<Txt> {
        None
    }

    fn insert(&self, _key: Box<str>, _value: Txt, _until: Instant) {}
}
