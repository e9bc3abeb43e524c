//! One HTTP POST to an address that a user chose: no redirects, no proxy, a short deadline, little read of the answer, and
//! never to the inside of the operator's network unless that is allowed (RFC 6890).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::reach::is_public;
use crate::dns::Resolver;
use crate::model::DomainName;
use crate::model::webhook::literal_ip;

/// From the connection to the answer's status.
const DEADLINE: Duration = Duration::from_secs(15);

/// Why nothing was posted, or was not taken; says nothing of the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The host has no public address.
    #[error("the host has no address on the public Internet")]
    Private,
    /// Everybody on the way could read along.
    #[error("the address does not begin with https://")]
    Plain,
    /// No connection, no valid certificate, or no answer in time.
    #[error("{0}")]
    Unreachable(&'static str),
    /// Another answer than 2xx.
    #[error("HTTP {0}")]
    Status(u16),
}

/// Posts; clones share the connections.
#[derive(Debug, Clone)]
pub struct Poster {
    client: reqwest::Client,
    private: bool,
}

impl Poster {
    /// With `private`, addresses inside the network may be posted to.
    pub(super) fn new(tls: rustls::ClientConfig, resolver: Resolver, private: bool) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .pool_max_idle_per_host(1)
            .user_agent(concat!("Postern/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Public { resolver, private }))
            .build()?;
        Ok(Self { client, private })
    }

    /// Whether addresses inside the network may be posted to.
    pub fn may_be_private(&self) -> bool {
        self.private
    }

    /// Posts JSON; `Ok` means that it was taken.
    pub async fn post(&self, url: &Url, fields: &[(&'static str, String)], body: String) -> Result<(), PostError> {
        // What came in by another way than a form was never asked about.
        if url.scheme() != "https" && !(self.private && url.scheme() == "http") {
            return Err(PostError::Plain);
        }
        // An address that is written out is looked up by nobody.
        if literal_ip(url).is_some_and(|ip| !self.private && !is_public(ip)) {
            return Err(PostError::Private);
        }
        let mut request = self.client.post(url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(|error| PostError::Unreachable(reason(&error)))?;
        if answer.status().is_success() { Ok(()) } else { Err(PostError::Status(answer.status().as_u16())) }
    }
}

/// In our words: the library's own hold the address.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection, or no valid certificate"
    } else {
        "the connection broke off"
    }
}

/// Looks names up where everything else is looked up, and leaves out what must not be reached. The client connects to what
/// is given here and to nothing else, so that a second look-up can't answer differently.
struct Public {
    resolver: Resolver,
    private: bool,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, private) = (self.resolver.clone(), self.private);
        Box::pin(async move {
            let host = DomainName::parse(name.as_str())?;
            let found = resolver.addresses(&host).await?;
            let fit: Vec<SocketAddr> =
                found.into_iter().filter(|ip| private || is_public(*ip)).map(|ip| SocketAddr::new(ip, 0)).collect();
            if fit.is_empty() {
                return Err(PostError::Private.into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}
