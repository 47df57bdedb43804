//! TLS for DICOM (PS3.15 B.9 and B.12, by BCP 195): which certificates are shown, and which are believed.
//!
//! Invariant: TLS 1.2 and 1.3 only, with the suites of rustls, which are BCP 195's: ephemeral keys, AEAD, no renegotiation,
//! no compression. An error names the file that is at fault.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::{DimseTls, Node};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A setting that TLS needs.
    #[error("{0} is not set")]
    NotSet(&'static str),
    /// A file that cannot be read, or holds no PEM.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: PemError,
    },
    /// A file without what it should hold.
    #[error("{path} holds no {missing}")]
    Missing {
        /// Which.
        path: PathBuf,
        /// What.
        missing: &'static str,
    },
    /// A certificate that cannot be used: not with its key, for one.
    #[error("{path}: {error}")]
    Certificate {
        /// The file it is in.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// Authorities that cannot be used.
    #[error("{path}: {error}")]
    Authorities {
        /// The file they are in.
        path: PathBuf,
        /// Why.
        error: VerifierBuilderError,
    },
    /// The authorities of the operating system cannot be had.
    #[error("the system's certificates: {0}")]
    System(rustls::Error),
    /// The name that is to be on the peer's certificate is none.
    #[error("{0:?} is no host name that a certificate could have")]
    Name(String),
    /// The library refuses its own defaults.
    #[error("{0}")]
    Versions(rustls::Error),
}

/// What we show to peers that connect, and whom we believe.
///
/// # Errors
///
/// A file is not there or does not hold what it should.
pub fn server_config(tls: &DimseTls) -> Result<Arc<ServerConfig>, TlsError> {
    let (path, chain, key) = identity(tls)?.ok_or(TlsError::NotSet("dimse_tls.certificate"))?;
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Versions)?;
    let builder = match &tls.client_ca {
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities(path)?, provider());
            let verifier = verifier.build().map_err(|error| TlsError::Authorities { path: path.clone(), error })?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(chain, key);
    Ok(Arc::new(config.map_err(|error| TlsError::Certificate { path, error })?))
}

/// What we show to a node that we connect to, if it asks, and which authorities its certificate must come from.
///
/// # Errors
///
/// A file is not there or does not hold what it should.
pub fn client_config(tls: &DimseTls, node: &Node) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier: Arc<dyn ServerCertVerifier> = match &node.ca {
        Some(path) => WebPkiServerVerifier::builder_with_provider(authorities(path)?, provider())
            .build()
            .map_err(|error| TlsError::Authorities { path: path.clone(), error })?,
        None => Arc::new(rustls_platform_verifier::Verifier::new(provider()).map_err(TlsError::System)?),
    };
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Versions)?;
    // Not dangerous: either verifier checks chain, time and name.
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(Arc::new(match identity(tls)? {
        Some((path, chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| TlsError::Certificate { path, error })?
        }
        None => builder.with_no_client_auth(),
    }))
}

/// The name that a node's certificate must have.
///
/// # Errors
///
/// The text is no host name.
pub fn server_name(node: &Node) -> Result<ServerName<'static>, TlsError> {
    let name = node.server_name.as_ref().unwrap_or(&node.host);
    ServerName::try_from(name.clone()).map_err(|_| TlsError::Name(name.clone()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

type Identity = (PathBuf, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Our own certificate with its file, chain and key, if one is set.
fn identity(tls: &DimseTls) -> Result<Option<Identity>, TlsError> {
    let Some(certificate) = &tls.certificate else { return Ok(None) };
    let key = tls.key.as_ref().ok_or(TlsError::NotSet("dimse_tls.key"))?;
    let file = |error| {
        let path = key.clone();
        if matches!(error, PemError::NoItemsFound) {
            return TlsError::Missing { path, missing: "private key" };
        }
        TlsError::File { path, error }
    };
    let chain = certificates(certificate)?;
    Ok(Some((certificate.clone(), chain, PrivateKeyDer::from_pem_file(key).map_err(file)?)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |error| TlsError::File { path: path.to_owned(), error };
    let found = CertificateDer::pem_file_iter(path).map_err(file)?.collect::<Result<Vec<_>, _>>().map_err(file)?;
    if found.is_empty() {
        return Err(TlsError::Missing { path: path.to_owned(), missing: "certificate" });
    }
    Ok(found)
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Certificate { path: path.to_owned(), error })?;
    }
    Ok(Arc::new(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_at_fault() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| Some(folder.path().join(name));
        std::fs::write(folder.path().join("empty.pem"), "nothing here").expect("written");
        let check = |tls: DimseTls, expected: &str| {
            let error = server_config(&tls).expect_err("no certificate").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(DimseTls::default(), "dimse_tls.certificate is not set");
        let certificate = path("missing.pem");
        check(DimseTls { certificate, key: path("empty.pem"), ..DimseTls::default() }, "missing.pem: ");
        let certificate = path("empty.pem");
        check(
            DimseTls { certificate, key: path("empty.pem"), ..DimseTls::default() },
            "empty.pem holds no certificate",
        );
    }

    #[test]
    fn a_certificate_has_a_host_name_or_address() {
        let check = |host: &str, name: Option<&str>, valid: bool| {
            let node = Node { host: host.to_owned(), server_name: name.map(str::to_owned), ..Node::default() };
            assert_eq!(server_name(&node).is_ok(), valid, "{host:?} {name:?}");
        };
        check("pacs.example.org", None, true);
        check("10.1.2.3", None, true);
        check("10.1.2.3", Some("pacs"), true);
        check("not a host", None, false);
    }
}
