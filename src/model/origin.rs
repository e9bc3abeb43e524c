//! Where a request over HTTP comes from: what failed attempts are counted by.

use std::net::{IpAddr, Ipv4Addr};

/// The client's address. Behind a proxy of ours that is what the proxy says last in
/// `X-Forwarded-For`; what a client says before is its own invention.
pub fn client_ip(peer: Option<IpAddr>, forwarded_for: Option<&str>, is_proxy: impl Fn(IpAddr) -> bool) -> IpAddr {
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let said = forwarded_for.and_then(|text| text.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
    if is_proxy(peer) { said.unwrap_or(peer) } else { peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_of_ours_is_believed_and_only_its_last_word() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let ours = |peer: IpAddr| peer.is_loopback() || peer == ip("172.17.0.1");
        assert_eq!(client_ip(Some(ip("127.0.0.1")), Some("198.51.100.7, 192.0.2.1"), ours), ip("192.0.2.1"));
        assert_eq!(client_ip(Some(ip("172.17.0.1")), Some("198.51.100.7"), ours), ip("198.51.100.7"));
        assert_eq!(client_ip(Some(ip("192.0.2.9")), Some("198.51.100.7"), ours), ip("192.0.2.9"));
        assert_eq!(client_ip(Some(ip("127.0.0.1")), Some("198.51.100.7"), |_| false), ip("127.0.0.1"));
        assert_eq!(client_ip(Some(ip("::1")), Some("nonsense"), ours), ip("::1"));
        assert_eq!(client_ip(None, None, ours), ip("0.0.0.0"));
    }
}
