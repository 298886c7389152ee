//! TLS as PS3.15 B.12 (BCP 195 of RFC 8996 and 9325) asks for it: 1.2 or 1.3, forward secrecy, AES-GCM.
//!
//! One configuration for DIMSE and DICOMweb. Nothing here turns the check of a certificate off.

use crate::NetError;
use medsight_record::node::Tls;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{CipherSuite, ClientConfig, RootCertStore, ServerConfig};
use rustls_platform_verifier::BuilderVerifierExt;
use std::path::Path;
use std::sync::Arc;

/// RFC 9325 4.2 recommends these four for TLS 1.2; all of TLS 1.3's stay.
const TLS_12: [CipherSuite; 4] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some() || TLS_12.contains(&suite.suite()));
    Arc::new(provider)
}

/// For connections that we open. `None`: the authorities of the platform and no certificate of ours.
///
/// # Errors
/// [`NetError::Certificate`].
pub fn client(tls: Option<&Tls>) -> Result<ClientConfig, NetError> {
    let wrong = |why: rustls::Error| NetError::Certificate { file: "TLS".into(), why: why.to_string() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(wrong)?;
    let builder = match tls.and_then(|tls| tls.authorities.as_deref()) {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder.with_platform_verifier().map_err(wrong)?,
    };
    match tls.and_then(|tls| Some((tls.certificate.as_deref()?, tls.key.as_deref()))) {
        Some((certificate, key)) => builder
            .with_client_auth_cert(chain(certificate)?, private_key(certificate, key)?)
            .map_err(|why| bad(certificate, why)),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// For the listener. A peer without a certificate of the named authorities gets no connection.
pub(crate) fn server(tls: &Tls) -> Result<ServerConfig, NetError> {
    let wrong = |why: rustls::Error| NetError::Certificate { file: "TLS".into(), why: why.to_string() };
    let (Some(certificate), Some(authorities_file)) = (&tls.certificate, &tls.authorities) else {
        let why = "a listener with TLS needs its certificate and the authorities of its peers";
        return Err(NetError::Settings(why.to_owned()));
    };
    let roots = Arc::new(authorities(authorities_file)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|why| bad(authorities_file, why))?;
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(certificate)?, private_key(certificate, tls.key.as_deref())?)
        .map_err(|why| bad(certificate, why))
}

pub(crate) fn authorities(file: &Path) -> Result<RootCertStore, NetError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots.add(certificate).map_err(|why| bad(file, why))?;
    }
    Ok(roots)
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let found = CertificateDer::pem_file_iter(file).map_err(|why| bad(file, why))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|why| bad(file, why))?;
    if found.is_empty() { Err(bad(file, "there is no certificate in it")) } else { Ok(found) }
}

/// The key, which may stand in the file of the certificate.
fn private_key(certificate: &Path, key: Option<&Path>) -> Result<PrivateKeyDer<'static>, NetError> {
    let file = key.unwrap_or(certificate);
    PrivateKeyDer::from_pem_file(file).map_err(|why| bad(file, why))
}

pub(crate) fn bad(file: &Path, why: impl std::fmt::Display) -> NetError {
    NetError::Certificate { file: file.display().to_string(), why: why.to_string() }
}
