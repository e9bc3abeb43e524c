//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

/// Where a request comes from, for the count of failed attempts. Behind a proxy on this machine that is what the proxy
/// says last; what a client says before is its own invention.
#[derive(Debug, Clone, Copy)]
pub struct Origin(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let said = parts.headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let said = said.and_then(|text| text.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
        Ok(Self(if peer.is_loopback() { said.unwrap_or(peer) } else { peer }))
    }
}
