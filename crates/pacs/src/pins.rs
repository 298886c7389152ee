//! Pinned keys: a server that shows another public key gets no connection, whoever vouches for its certificate.
//!
//! A pin is what RFC 7469 2.4 calls one: the SHA-256 of the SubjectPublicKeyInfo, in base64. It comes on top of the check of
//! the certificate, never in its place.

use crate::{NetError, tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use medsight_record::node::Tls;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// As [`tls::client`]; where there are pins, only for a server that shows one of the keys.
///
/// # Errors
/// [`NetError::Certificate`], [`NetError::Settings`] for a pin that is none.
pub fn client_pinned(tls: Option<&Tls>, pins: &[String]) -> Result<ClientConfig, NetError> {
    let mut config = tls::client(tls)?;
    if pins.is_empty() {
        return Ok(config);
    }
    let read = |pin: &String| STANDARD.decode(pin).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let keys = pins.iter().map(read).collect::<Option<Vec<_>>>();
    let keys =
        keys.ok_or_else(|| NetError::Settings("a pinned key that is no SHA-256 in base64".to_owned()))?;
    let inner: Arc<dyn ServerCertVerifier> = match tls.and_then(|tls| tls.authorities.as_deref()) {
        Some(file) => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(tls::authorities(file)?), tls::provider())
                .build()
                .map_err(|why| tls::bad(file, why))?
        }
        None => Arc::new(
            rustls_platform_verifier::Verifier::new(tls::provider())
                .map_err(|why| NetError::Certificate { file: "TLS".into(), why: why.to_string() })?,
        ),
    };
    config.dangerous().set_certificate_verifier(Arc::new(Pinned { inner, keys }));
    Ok(config)
}

/// Asks the usual verifier first.
#[derive(Debug)]
struct Pinned {
    inner: Arc<dyn ServerCertVerifier>,
    keys: Vec<[u8; 32]>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let hash = ring::digest::digest(&ring::digest::SHA256, key.as_ref());
        if self.keys.iter().any(|known| known == hash.as_ref()) {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
