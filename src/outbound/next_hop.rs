//! Where a recipient's mail goes: the smarthost, or the mail exchangers of the domain (RFC 5321 §5.1, RFC 7505).
//!
//! DNS that fails defers; DNS that answers "no such domain" or "no mail here" refuses. Addresses that may not be reached
//! defer too: a resolver that hands out private addresses for an hour must not bounce the mail of that hour.

use std::net::SocketAddr;
use std::sync::Arc;

use rand::seq::SliceRandom;

use super::Route;
use super::classify::{self, End};
use super::reach;
use super::smarthost::{Host, Security, Smarthost};
use crate::dns::{DnsError, Mx, Resolver};
use crate::model::{Chance, DomainName};

/// Mail exchangers looked at; more is an attack on our patience.
const EXCHANGERS: usize = 20;
/// Addresses tried for one hand-off.
pub(super) const ADDRESSES: usize = 5;

/// The hosts that may take a message, best first.
#[derive(Debug)]
pub(super) struct Plan {
    /// The group of hosts, as one name.
    pub(super) site: Arc<str>,
    /// In the order in which to try them.
    pub(super) hosts: Vec<Host>,
    /// Port of all of them.
    pub(super) port: u16,
    /// How connections are protected.
    pub(super) security: Security,
    /// Whether private addresses are fine.
    pub(super) private: bool,
    /// Whether the operator chose this site.
    pub(super) smarthost: bool,
}

/// One address to connect to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Address and port.
    pub(super) address: SocketAddr,
    /// The name of the host, for the certificate and for reports.
    pub(super) name: String,
    /// Whether the operator chose it.
    pub(super) smarthost: bool,
}

impl Plan {
    /// The plan for a recipient's domain.
    pub(super) async fn of(route: &Route, resolver: &Resolver, chance: &Chance, domain: &DomainName) -> Result<Self, End> {
        match route {
            Route::Smarthost { smarthost, site } => Ok(Self::smarthost(smarthost, site)),
            Route::Exchangers { port, private, own_name } => {
                let hosts = exchangers(resolver, chance, domain, own_name.as_ref()).await?;
                let mut names: Vec<&str> = hosts.iter().map(DomainName::as_str).collect();
                names.sort_unstable();
                let site = names.join(",").into();
                let hosts = hosts.into_iter().map(Host::Name).collect();
                Ok(Self { site, hosts, port: *port, security: Security::Opportunistic, private: *private, smarthost: false })
            }
        }
    }

    fn smarthost(smarthost: &Smarthost, site: &Arc<str>) -> Self {
        Self {
            site: Arc::clone(site),
            hosts: vec![smarthost.host.clone()],
            port: smarthost.port,
            security: smarthost.security,
            // The operator named it; it is often on the same machine.
            private: true,
            smarthost: true,
        }
    }

    /// The addresses of one host that may be reached.
    pub(super) async fn targets(&self, host: &Host, resolver: &Resolver) -> Result<Vec<Target>, End> {
        let name = host.name();
        let found = match host {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => resolver.addresses(name).await.map_err(|error| match error {
                DnsError::Temporary => elsewhere("4.4.3", format!("the addresses of {name} can't be looked up now")).here(),
                DnsError::NoSuchName | DnsError::NoData => {
                    elsewhere("4.4.4", format!("the mail exchanger {name} has no address"))
                }
            })?,
        };
        let allowed = found.into_iter().filter(|ip| self.private || reach::is_public(*ip));
        let targets: Vec<Target> = allowed
            .map(|ip| Target { address: SocketAddr::new(ip, self.port), name: name.clone(), smarthost: self.smarthost })
            .collect();
        if targets.is_empty() {
            return Err(elsewhere(
                "4.4.4",
                format!("the addresses of {name} are private or reserved, mail is not delivered there"),
            ));
        }
        Ok(targets)
    }
}

/// Not from this host, though nothing is known against the site as such.
fn elsewhere(status: &str, detail: String) -> End {
    End { trouble: false, ..End::elsewhere(classify::ours(status, detail)) }
}

fn refused(status: &str, detail: String) -> End {
    End::refused(classify::ours(status, detail))
}

/// The exchangers of a domain, best first, equals shuffled, none of them us or behind us.
async fn exchangers(
    resolver: &Resolver,
    chance: &Chance,
    domain: &DomainName,
    own_name: Option<&DomainName>,
) -> Result<Vec<DomainName>, End> {
    let mut records = match resolver.mx(domain).await {
        Ok(records) => records,
        // RFC 5321 §5.1: without MX records the domain is its own exchanger.
        Err(DnsError::NoData) => vec![Mx { preference: 0, exchange: Some(domain.clone()) }],
        Err(DnsError::NoSuchName) => return Err(refused("5.1.2", format!("the domain {domain} does not exist"))),
        Err(DnsError::Temporary) => {
            let detail = format!("the mail exchangers of {domain} can't be looked up now");
            // Nobody with authority answered; it may be our resolver or our network as well.
            return Err(End::deferred(classify::ours("4.4.3", detail)).here());
        }
    };
    chance.with(|rng| records.shuffle(rng));
    records.sort_by_key(|record| record.preference);
    let null = records.iter().any(|record| record.exchange.is_none());
    let own = records.iter().filter(|record| record.exchange.as_ref() == own_name && own_name.is_some());
    let limit = own.map(|record| record.preference).min();
    let before_us = records.into_iter().filter(|record| limit.is_none_or(|limit| record.preference < limit));
    let hosts: Vec<DomainName> = before_us.filter_map(|record| record.exchange).take(EXCHANGERS).collect();
    match (hosts.is_empty(), limit.is_some(), null) {
        (false, _, _) => Ok(hosts),
        (true, true, _) => Err(refused("5.4.6", format!("the best mail exchanger of {domain} is this server"))),
        (true, false, true) => Err(refused("5.1.10", format!("the domain {domain} accepts no mail"))),
        (true, false, false) => {
            let detail = format!("the mail exchangers of {domain} are not valid host names");
            Err(End::deferred(classify::ours("4.4.4", detail)))
        }
    }
}
