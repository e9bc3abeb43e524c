//! TLS towards the next hop: with any certificate where encryption is a bonus (RFC 7435), with a verified one where a
//! password depends on it. One crypto provider.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::smarthost::SettingError;

/// Both ways of connecting.
#[derive(Clone)]
pub(super) struct Tls {
    any: TlsConnector,
    verified: TlsConnector,
}

impl Tls {
    /// Builds both; `extra` is a PEM file of authorities to be trusted besides the public ones.
    pub(super) fn new(extra: Option<&Path>) -> Result<Self, SettingError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let wrong = |reason: String| SettingError { setting: "outbound.smarthost_ca", reason };
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = extra {
            let text = std::fs::read(path).map_err(|error| wrong(format!("{} can't be read: {error}", path.display())))?;
            let before = roots.len();
            for certificate in rustls_pemfile::certs(&mut text.as_slice()) {
                let added = certificate.map_err(|error| error.to_string()).and_then(|c| roots.add(c).map_err(|e| e.to_string()));
                added.map_err(|error| wrong(format!("{} holds a bad certificate: {error}", path.display())))?;
            }
            if roots.len() == before {
                return Err(wrong(format!("{} holds no PEM certificate", path.display())));
            }
        }
        let builder = || {
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
            builder.with_safe_default_protocol_versions().map_err(|error| wrong(error.to_string()))
        };
        let verified = builder()?.with_root_certificates(roots).with_no_client_auth();
        let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
        let any = builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { any: TlsConnector::from(Arc::new(any)), verified: TlsConnector::from(Arc::new(verified)) })
    }

    /// What a certificate is checked by.
    pub(super) fn verified_settings(&self) -> ClientConfig {
        (**self.verified.config()).clone()
    }

    /// The handshake; `verify` asks for a valid certificate for `name`.
    pub(super) async fn handshake(&self, stream: TcpStream, name: &str, verify: bool) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = if verify { &self.verified } else { &self.any };
        let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
        connector.connect(name, stream).await
    }
}

/// Takes every certificate but still checks that the peer holds its key: against a listener this is worth having,
/// against an impostor nothing is without MTA-STS or DANE.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
