//! The certificate for STARTTLS (RFC 3207): TLS 1.2 or newer, no client certificates, no early data.
//!
//! A renewed certificate is taken up without a restart: the files are looked at when a handshake begins, at most once in
//! a few seconds. One that can't be used is logged once, and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config;
use crate::model::{Clock, Timestamp};

/// How long the files are not looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why TLS can't be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two settings without the other.
    #[error("smtp.tls_cert and smtp.tls_key must be set together; {0} is missing")]
    Half(&'static str),
    /// The certificate file.
    #[error("smtp.tls_cert: {path} holds no certificate chain that can be read: {reason}", path = .0.display(), reason = .1)]
    Certificate(PathBuf, String),
    /// The key file.
    #[error("smtp.tls_key: {path} holds no private key that can be read: {reason}", path = .0.display(), reason = .1)]
    Key(PathBuf, String),
    /// Both can be read and do not go together.
    #[error("smtp.tls_cert and smtp.tls_key can't be used together: {0}")]
    Pair(rustls::Error),
}

/// What tells a changed file from the one that was read: modification time and length of both.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate in use, and where it came from.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
    clock: Arc<dyn Clock>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    looked: Timestamp,
}

impl Tls {
    /// Reads the files the settings name; `None` when they name none.
    pub fn open(settings: &config::smtp::Smtp, clock: Arc<dyn Clock>) -> Result<Option<Self>, TlsError> {
        let (certificate, key) = match (&settings.tls_cert, &settings.tls_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(TlsError::Half("smtp.tls_key")),
            (None, Some(_)) => return Err(TlsError::Half("smtp.tls_cert")),
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        };
        let stamp = stamp(&certificate, &key);
        let config = load(&certificate, &key)?;
        let current = Mutex::new(Current { config, stamp, looked: clock.now() });
        Ok(Some(Self { certificate, key, current, clock }))
    }

    /// The acceptor for the next handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        let now = self.clock.now();
        let mut current = self.current.lock();
        if now < current.looked || now.since(current.looked) >= LOOK_AGAIN {
            current.looked = now;
            self.look(&mut current);
        }
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    fn look(&self, current: &mut Current) {
        let found = stamp(&self.certificate, &self.key);
        if found == current.stamp {
            return;
        }
        // Also when it fails: the same broken files are not read and logged again and again.
        current.stamp = found;
        match load(&self.certificate, &self.key) {
            Ok(config) => {
                current.config = config;
                tracing::info!("the certificate changed and is in use");
            }
            Err(error) => tracing::error!(error = %error, "the changed certificate can't be used, the old one stays"),
        }
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| std::fs::metadata(path).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len()))))
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong_certificate = |reason: String| TlsError::Certificate(certificate.to_owned(), reason);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong_certificate("no certificate in it".into()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Key(key.to_owned(), error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    Ok(Arc::new(config))
}
