//! A site: the registrable domain (public suffix list) an alias was issued for.
//!
//! Input is forgiving: a URL, a host, a sub-domain or an address pasted from anywhere becomes the registrable domain.

use std::fmt;

use super::DomainName;

/// The registrable domain an alias was issued for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site(DomainName);

/// The text names no site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a site: give a web address or a domain, for example shop.example.com")]
pub struct SiteError;

impl Site {
    /// Reads a URL (`https://user@shop.lg.com:8443/x?y#z`), a host (`www.lg.com.`) or an address (`news@lg.com`).
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        let text = text.trim();
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(
            host,
            |(host, port)| {
                if port.bytes().all(|b| b.is_ascii_digit()) { host } else { authority }
            },
        );
        let host = host.strip_suffix('.').unwrap_or(host);
        let name = DomainName::parse(host).map_err(|_| SiteError)?;
        Self::of(&name).ok_or(SiteError)
    }

    /// The registrable domain of a host; `None` for a bare public suffix or a single label.
    pub fn of(host: &DomainName) -> Option<Self> {
        let registrable = psl::domain_str(host.as_str())?;
        registrable.contains('.').then(|| DomainName::parse(registrable).ok())?.map(Self)
    }

    /// From a column. The public suffix list may have changed since: a stored site stays what it was.
    pub fn from_stored(name: DomainName) -> Self {
        Self(name)
    }

    /// The domain name.
    pub fn domain(&self) -> &DomainName {
        &self.0
    }

    /// As stored and shown.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The first label (`lg` of `lg.com`), from which `site` names are made.
    pub fn label(&self) -> &str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn input_is_forgiving() {
        for (text, site) in [
            ("https://www.lg.com/uk/promo?x=a@b.com", "lg.com"),
            ("  LG.com ", "lg.com"),
            ("http://me:pw@shop.example.co.uk:8443/", "example.co.uk"),
            ("news@mail.lg.com", "lg.com"),
            ("lg.com.", "lg.com"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("a.b.github.io", "b.github.io"),
        ] {
            assert_eq!(Site::parse(text).unwrap().as_str(), site, "{text}");
        }
    }

    #[test]
    fn what_names_no_site_is_refused() {
        for text in ["", "   ", "com", "co.uk", "localhost", "http://", "127.0.0.1", "https://[::1]/", "a b.com"] {
            assert_eq!(Site::parse(text), Err(SiteError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,60}") {
            if let Ok(site) = Site::parse(&text) {
                prop_assert_eq!(Site::parse(site.as_str()).unwrap(), site);
            }
        }
    }
}
