//! One cached resolver for everything; a zone file in tests and the sandbox (RFC 1035, RFC 2308).
//!
//! Callers get three kinds of "no": the name does not exist, it has no such records, or nobody could say. Only the
//! first two are facts; the third must never become a rejection.

mod zone;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as AnswerError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::config::dns::Dns;
use crate::model::DomainName;
use zone::Zone;

/// Deadline of one query, whatever the resolver does inside.
const QUERY: Duration = Duration::from_secs(5);

/// How long one server may take, so that the second one still has its turn.
const SERVER: Duration = Duration::from_secs(2);

/// Why a lookup gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// NXDOMAIN: the name does not exist.
    #[error("the name does not exist")]
    NoSuchName,
    /// NODATA: the name exists, without records of this type.
    #[error("the name has no such records")]
    NoData,
    /// SERVFAIL, time-out, no server: nobody could say.
    #[error("the name can't be looked up now")]
    Temporary,
}

/// A setting of `[dns]` can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct OpenError {
    /// The setting by its full name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The mail exchanger; `None` is the root, which as the only record says "no mail here" (RFC 7505).
    pub exchange: Option<DomainName>,
}

/// The resolver, cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Resolver(Arc<Source>);

#[expect(clippy::large_enum_variant, reason = "one value per process")]
enum Source {
    Network(TokioResolver),
    Zone(Zone),
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match *self.0 {
            Source::Network(_) => "Resolver(network)",
            Source::Zone(_) => "Resolver(zone file)",
        })
    }
}

impl Resolver {
    /// Opens what the settings name: the zone file if there is one, else the system's or the given resolver.
    pub fn open(settings: &Dns) -> Result<Self, OpenError> {
        if let Some(path) = &settings.zone_file {
            let zone = Zone::read(path).map_err(|reason| OpenError { setting: "dns.zone_file", reason })?;
            return Ok(Self(Arc::new(Source::Zone(zone))));
        }
        let failed = |reason: String| OpenError { setting: "dns.resolver", reason };
        let mut builder = if settings.resolver == "system" {
            TokioResolver::builder_tokio()
                .map_err(|error| failed(format!("the system's resolver configuration can't be read: {error}")))?
        } else {
            let server: SocketAddr = settings.resolver.parse().map_err(|_| {
                failed(format!("{:?} is neither \"system\" nor an address like \"192.0.2.53:53\"", settings.resolver))
            })?;
            TokioResolver::builder_with_config(single(server), TokioRuntimeProvider::default())
        };
        builder.options_mut().timeout = SERVER;
        let resolver = builder.build().map_err(|error| failed(error.to_string()))?;
        Ok(Self(Arc::new(Source::Network(resolver))))
    }

    /// The resolver behind, for a library that brings its own queries; `None` with a zone file.
    pub fn network(&self) -> Option<&TokioResolver> {
        match &*self.0 {
            Source::Network(resolver) => Some(resolver),
            Source::Zone(_) => None,
        }
    }

    /// The MX records of a domain, in no particular order. Records that name no valid host are left out.
    pub async fn mx(&self, domain: &DomainName) -> Result<Vec<Mx>, DnsError> {
        let records = self.lookup(&absolute(domain.as_str())?, RecordType::MX).await?;
        Ok(records.iter().filter_map(mx_of).collect())
    }

    /// The IPv4 and IPv6 addresses of a host, the families alternating, so that a short list holds both.
    pub async fn addresses(&self, host: &DomainName) -> Result<Vec<IpAddr>, DnsError> {
        if host.as_str() == "localhost" {
            // RFC 6761 §6.3: this name is never asked of a server.
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        }
        let (four, six) = tokio::join!(self.ipv4(host.as_str()), self.ipv6(host.as_str()));
        if let (Err(first), Err(second)) = (&four, &six) {
            return Err(if [first, second].contains(&&DnsError::Temporary) { DnsError::Temporary } else { *first });
        }
        let mut four = four.unwrap_or_default().into_iter();
        let mut six = six.unwrap_or_default().into_iter();
        let mut all = Vec::with_capacity(four.len() + six.len());
        while four.len() + six.len() > 0 {
            all.extend(four.next().map(IpAddr::V4));
            all.extend(six.next().map(IpAddr::V6));
        }
        Ok(all)
    }

    /// The A records of a name as it stands in a policy (which may be no valid host name).
    pub async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, DnsError> {
        let records = self.lookup(&absolute(name)?, RecordType::A).await?;
        Ok(records.iter().filter_map(|data| if let RData::A(address) = data { Some(address.0) } else { None }).collect())
    }

    /// The AAAA records of a name as it stands in a policy (which may be no valid host name).
    pub async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, DnsError> {
        let records = self.lookup(&absolute(name)?, RecordType::AAAA).await?;
        Ok(records.iter().filter_map(|data| if let RData::AAAA(address) = data { Some(address.0) } else { None }).collect())
    }

    /// The TXT records of a name, each with its strings joined (RFC 7208 §3.3).
    pub async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
        let records = self.lookup(&absolute(name)?, RecordType::TXT).await?;
        Ok(records
            .iter()
            .filter_map(|data| if let RData::TXT(txt) = data { Some(txt.txt_data.concat()) } else { None })
            .collect())
    }

    /// The names an address claims to have (PTR records), unverified.
    pub async fn reverse(&self, ip: IpAddr) -> Result<Vec<DomainName>, DnsError> {
        let records = self.lookup(&Name::from(ip), RecordType::PTR).await?;
        let name = |data: &RData| if let RData::PTR(name) = data { host_of(&name.0) } else { None };
        Ok(records.iter().filter_map(name).collect())
    }

    async fn lookup(&self, name: &Name, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        match &*self.0 {
            Source::Zone(zone) => zone.lookup(name, kind),
            Source::Network(resolver) => {
                let answer = tokio::time::timeout(QUERY, resolver.lookup(name.clone(), kind)).await;
                let lookup = answer.map_err(|_| DnsError::Temporary)?.map_err(|error| meaning(&error))?;
                let records = lookup.answers().iter().map(|record| &record.data);
                let found: Vec<RData> = records.filter(|data| data.record_type() == kind).cloned().collect();
                if found.is_empty() { Err(DnsError::NoData) } else { Ok(found) }
            }
        }
    }
}

fn single(server: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, connections.to_vec())])
}

/// A fully qualified name, so that the search list of the system never adds anything.
fn absolute(name: &str) -> Result<Name, DnsError> {
    let mut name = Name::from_str_relaxed(name).map_err(|_| DnsError::NoSuchName)?;
    name.set_fqdn(true);
    Ok(name)
}

fn host_of(name: &Name) -> Option<DomainName> {
    let text = name.to_ascii();
    DomainName::parse(text.strip_suffix('.').unwrap_or(&text)).ok()
}

fn mx_of(data: &RData) -> Option<Mx> {
    let RData::MX(mx) = data else { return None };
    let exchange = if mx.exchange.is_root() { None } else { Some(host_of(&mx.exchange)?) };
    Some(Mx { preference: mx.preference, exchange })
}

/// Only a clean NXDOMAIN or NODATA is a fact.
fn meaning(error: &NetError) -> DnsError {
    match error {
        NetError::Dns(AnswerError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => DnsError::NoSuchName,
            ResponseCode::NoError => DnsError::NoData,
            _ => DnsError::Temporary,
        },
        _ => DnsError::Temporary,
    }
}
