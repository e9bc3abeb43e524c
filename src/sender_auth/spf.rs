//! May this client use this sender's domain? (RFC 7208), evaluated by mail-auth over our one resolver.
//!
//! On the network mail-auth gets the resolver itself, cache included. With a zone file it is fed through its cache
//! traits; those can't say that a name has no address in the one place where `exists:` looks, so a policy with
//! `exists:` then ends in `TempError`. Nothing fails open.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::spf::{Mechanism, Spf};
use mail_auth::{DnsError as Fault, DnssecStatus, Error, MX, Parameters, RecordSet, ResolverCache, Txt};

use crate::dns::{DnsError, Resolver};
use crate::model::authentication::SpfResult;
use crate::model::{Address, DomainName};

impl From<mail_auth::SpfResult> for SpfResult {
    fn from(result: mail_auth::SpfResult) -> Self {
        match result {
            mail_auth::SpfResult::Pass => Self::Pass,
            mail_auth::SpfResult::Fail => Self::Fail,
            mail_auth::SpfResult::SoftFail => Self::SoftFail,
            mail_auth::SpfResult::Neutral => Self::Neutral,
            mail_auth::SpfResult::None => Self::None,
            mail_auth::SpfResult::TempError => Self::TempError,
            mail_auth::SpfResult::PermError => Self::PermError,
        }
    }
}

/// Evaluates the policy of the sender's domain for a client.
pub async fn spf(resolver: &Resolver, client: IpAddr, helo: &str, sender: &Address, our_hostname: &str) -> SpfResult {
    let client = client.to_canonical();
    let domain = sender.domain();
    let sender = sender.to_string();
    let parameters = SpfParameters::verify_mail_from(client, helo, our_hostname, &sender);
    let work = async {
        let Some(authenticator) = super::authenticator(resolver) else { return SpfResult::TempError };
        let output = if resolver.network().is_some() {
            authenticator.verify_spf(parameters).await
        } else {
            let records = Records { resolver, client };
            let parameters = Parameters::new(parameters)
                .with_txt_cache(&records)
                .with_mx_cache(&records)
                .with_ipv4_cache(&records)
                .with_ipv6_cache(&records)
                .with_ptr_cache(&records);
            authenticator.verify_spf(parameters).await
        };
        match output.result().into() {
            SpfResult::Pass => passed(resolver, domain).await,
            result => result,
        }
    };
    tokio::time::timeout(super::DEADLINE, work).await.unwrap_or(SpfResult::TempError)
}

/// A pass, unless the domain has several records: then none of them counts (RFC 7208 §4.5), while mail-auth takes the
/// first. Asked last, when the records are in the resolver's cache.
async fn passed(resolver: &Resolver, domain: &DomainName) -> SpfResult {
    match resolver.txt(domain.as_str()).await {
        Ok(texts) if texts.iter().filter(|text| is_record(text)).count() > 1 => SpfResult::PermError,
        Ok(_) | Err(DnsError::NoSuchName | DnsError::NoData) => SpfResult::Pass,
        Err(DnsError::Temporary) => SpfResult::TempError,
    }
}

fn is_record(text: &[u8]) -> bool {
    let (version, rest) = text.split_at(text.len().min(6));
    version.eq_ignore_ascii_case(b"v=spf1") && rest.first().is_none_or(|byte| *byte == b' ')
}

/// The zone file in the shape of mail-auth's caches.
struct Records<'a> {
    resolver: &'a Resolver,
    client: IpAddr,
}

impl Records<'_> {
    /// A zone file answers without waiting; anything else has no answer here.
    fn at_once<T>(lookup: impl Future<Output = Result<T, DnsError>>) -> Result<T, DnsError> {
        lookup.now_or_never().unwrap_or(Err(DnsError::Temporary))
    }

    /// Facts become a set, empty for "there is none"; a temporary fault becomes a miss, which ends in an error.
    fn set<T>(answer: Result<Vec<T>, DnsError>) -> Option<RecordSet<T>> {
        let records = match answer {
            Ok(records) => records,
            Err(DnsError::NoSuchName | DnsError::NoData) => Vec::new(),
            Err(DnsError::Temporary) => return None,
        };
        Some(RecordSet { rrset: records.into(), dnssec_status: DnssecStatus::Indeterminate })
    }

    fn policy(&self, name: &str) -> Result<Spf, Error> {
        let texts = Self::at_once(self.resolver.txt(name)).map_err(|error| match error {
            DnsError::NoSuchName | DnsError::NoData => Error::Dns(Fault::RecordNotFound(ResponseCode::NXDomain)),
            DnsError::Temporary => Error::Dns(Fault::Resolver("temporary".to_owned())),
        })?;
        let mut result = Err(Error::Dns(Fault::InvalidRecordType));
        for text in &texts {
            result = Spf::parse(text);
            if result.is_ok() {
                break;
            }
        }
        let policy = result?;
        if policy.directives.iter().any(|directive| matches!(directive.mechanism, Mechanism::Exists { .. })) {
            return Err(Error::Dns(Fault::Resolver("exists: can't be evaluated with a zone file".to_owned())));
        }
        Ok(policy)
    }
}

impl ResolverCache<Box<str>, Txt> for Records<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt> {
        Some(self.policy(&text_of(name)).map_or_else(Txt::Error, |policy| Txt::Spf(Arc::new(policy))))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<Txt> {
        None
    }

    fn insert(&self, _key: Box<str>, _value: Txt, _until: Instant) {}
}

impl ResolverCache<Box<str>, RecordSet<MX>> for Records<'_> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<MX>> {
        let found = match DomainName::parse(text_of(name).trim_end_matches('.')) {
            Ok(domain) => Self::at_once(self.resolver.mx(&domain)),
            Err(_) => Err(DnsError::NoSuchName),
        };
        let record = |mx: crate::dns::Mx| {
            let exchange = mx.exchange.map_or_else(|| ".".into(), |host| format!("{host}.").into_boxed_str());
            MX { preference: mx.preference, exchanges: vec![exchange].into_boxed_slice() }
        };
        Self::set(found.map(|records| records.into_iter().map(record).collect()))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<RecordSet<MX>> {
        None
    }

    fn insert(&self, _key: Box<str>, _value: RecordSet<MX>, _until: Instant) {}
}

impl ResolverCache<IpAddr, RecordSet<Box<str>>> for Records<'_> {
    /// mail-auth asks for the client's address only.
    fn get<Q: Hash + Eq + ?Sized>(&self, _address: &Q) -> Option<RecordSet<Box<str>>> {
        let found = Self::at_once(self.resolver.reverse(self.client));
        Self::set(found.map(|names| names.into_iter().map(|name| format!("{name}.").into_boxed_str()).collect()))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _address: &Q) -> Option<RecordSet<Box<str>>> {
        None
    }

    fn insert(&self, _key: IpAddr, _value: RecordSet<Box<str>>, _until: Instant) {}
}

macro_rules! addresses {
    ($kind:ty, $lookup:ident) => {
        impl ResolverCache<Box<str>, RecordSet<$kind>> for Records<'_> {
            fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<RecordSet<$kind>> {
                Self::set(Self::at_once(self.resolver.$lookup(&text_of(name))))
            }

            fn remove<Q: Hash + Eq + ?Sized>(&self, _name: &Q) -> Option<RecordSet<$kind>> {
                None
            }

            fn insert(&self, _key: Box<str>, _value: RecordSet<$kind>, _until: Instant) {}
        }
    };
}

addresses!(std::net::Ipv4Addr, ipv4);
addresses!(std::net::Ipv6Addr, ipv6);

/// The text behind a key of which only its hashing is known: a string hashes its bytes and then one 0xff, a byte that
/// no UTF-8 text holds (a test below keeps watch).
pub(super) fn text_of<Q: Hash + ?Sized>(key: &Q) -> String {
    struct Bytes(Vec<u8>);
    impl Hasher for Bytes {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut bytes = Bytes(Vec::new());
    key.hash(&mut bytes);
    bytes.0.retain(|byte| *byte != 0xff);
    String::from_utf8_lossy(&bytes.0).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_told_from_other_texts() {
        for text in ["v=spf1", "v=spf1 -all", "V=SPF1  a"] {
            assert!(is_record(text.as_bytes()), "{text}");
        }
        for text in ["", "v=spf", "v=spf10 -all", "v=spf2.0/pra -all", " v=spf1 -all", "google-site-verification=v=spf1"] {
            assert!(!is_record(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_string_is_found_again_in_what_it_hashes() {
        for text in ["", "x.example.", "bücher.example."] {
            assert_eq!(text_of(text), text);
            assert_eq!(text_of(&Box::<str>::from(text)), text);
        }
    }
}
