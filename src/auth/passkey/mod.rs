//! Passkeys (WebAuthn Level 3): adding one and being proved by one, as ceremonies of two steps.
//!
//! A step is text in, text out: what the browser is offered and answers is the JSON of the specification, what has to be
//! remembered in between is the library's. Whoever keeps that keeps it where no browser reaches it, and takes it once.
//! A build without the Cargo feature `passkeys` begins no ceremony.

#[cfg(not(feature = "passkeys"))]
mod absent;
#[cfg(feature = "passkeys")]
mod present;

use serde_json::Value;
use url::{Host, Url};

#[cfg(not(feature = "passkeys"))]
pub use absent::{Proved, add, begin_adding, begin_naming, begin_proving, prove, prove_named, who};
#[cfg(feature = "passkeys")]
pub use present::{Proved, add, begin_adding, begin_naming, begin_proving, prove, prove_named, who};

/// Whether this build has passkeys.
pub const BUILT: bool = cfg!(feature = "passkeys");

/// Why no browser would offer passkeys here, in a sentence for whoever wants one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Built without the feature.
    #[error("This Postern was built without passkeys.")]
    LeftOut,
    /// Pages under a number.
    #[error(
        "Browsers allow passkeys only on pages that have a name. This Postern is reached by a number (an IP address). \
         Whoever runs it can change that: the setting is called public_url."
    )]
    Number,
    /// Plain HTTP.
    #[error(
        "Browsers allow passkeys only on pages that come over an encrypted connection (https). This Postern is reached over \
         plain http. Whoever runs it can change that: the setting is called public_url."
    )]
    Plain,
}

/// Why a ceremony goes no further.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// No browser would begin it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The answer does not belong to what was offered, or is not signed by the passkey.
    #[error("the answer of the passkey is not right")]
    Refused,
    /// What was kept can't be read.
    #[error("a passkey's record can't be read")]
    Damaged,
}

/// A ceremony that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// For the browser: what `navigator.credentials` takes.
    pub options: Value,
    /// To be kept here, for the second step.
    pub state: String,
}

/// A passkey that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// What the browser knows it by.
    pub credential_id: Vec<u8>,
    /// To be kept: the public half.
    pub credential: String,
}

/// Where passkeys belong: the host they are bound to and the origin pages must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the host.
    pub host: String,
    /// Scheme, host and port.
    pub origin: Url,
}

/// Where passkeys of an instance belong whose pages are seen at that address.
pub fn place(public_url: &str) -> Result<Place, Unfit> {
    if !BUILT {
        return Err(Unfit::LeftOut);
    }
    let url = Url::parse(public_url).map_err(|_| Unfit::Number)?;
    let Some(Host::Domain(host)) = url.host() else { return Err(Unfit::Number) };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if url.scheme() != "https" && !is_local {
        return Err(Unfit::Plain);
    }
    let origin = Url::parse(&url.origin().ascii_serialization()).map_err(|_| Unfit::Number)?;
    Ok(Place { host: host.to_owned(), origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "passkeys")]
    #[test]
    fn passkeys_belong_to_a_name_that_is_reached_safely() {
        let place = |url| super::place(url).map(|place| (place.host, place.origin.to_string()));
        let fit = |host: &str, origin: &str| Ok((host.to_owned(), origin.to_owned()));
        assert_eq!(place("https://postern.you.example"), fit("postern.you.example", "https://postern.you.example/"));
        assert_eq!(place("https://you.example:8443/mail"), fit("you.example", "https://you.example:8443/"));
        assert_eq!(place("http://localhost:8080"), fit("localhost", "http://localhost:8080/"));
        for url in ["http://127.0.0.1:8080", "https://[2001:db8::1]", "nonsense", "data:x"] {
            assert_eq!(place(url), Err(Unfit::Number), "{url}");
        }
        assert_eq!(place("http://postern.you.example"), Err(Unfit::Plain));
    }

    #[cfg(not(feature = "passkeys"))]
    #[test]
    fn a_build_without_passkeys_has_no_place_for_them() {
        assert_eq!(place("https://postern.you.example"), Err(Unfit::LeftOut));
    }
}
