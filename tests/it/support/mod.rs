//! The harness: what tests of several folders share.

pub mod app;
pub mod browser;
pub mod client;
pub mod database;
pub mod dkim;
#[cfg(feature = "pgp")]
pub mod gpg;
pub mod http;
pub mod log;
#[cfg(feature = "passkeys")]
pub mod passkey;
pub mod signer;
pub mod sink;
pub mod totp;
