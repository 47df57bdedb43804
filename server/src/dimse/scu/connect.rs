//! From a name and a port to a connection, over TLS if the node wants that.
//!
//! Invariant: what fails says what to look at.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::wire::Wire;
use super::{Remote, ScuError};
use crate::dimse::tls;

/// What TLS agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The node's certificate, if it can be read.
    pub certificate: Option<Certificate>,
}

/// Connects; the caller limits the time.
pub(super) async fn connect(remote: &Remote) -> Result<(Wire, Option<TlsFacts>), ScuError> {
    let node = &remote.node;
    let place = place(remote);
    let unreachable = |why: String| ScuError::Unreachable(format!("{place}: {why}"));
    let found = tokio::net::lookup_host((node.host.as_str(), node.port)).await;
    let addresses: Vec<_> = found.map_err(|_| unreachable(no_host(&node.host)))?.collect();
    if addresses.is_empty() {
        return Err(unreachable(no_host(&node.host)));
    }
    let stream = TcpStream::connect(&addresses[..]).await.map_err(|error| unreachable(refused(&error)))?;
    let _ = stream.set_nodelay(true);
    if !node.tls {
        return Ok((Wire::new(stream), None));
    }
    let config = tls::client_config(&remote.tls, node).map_err(|error| unreachable(error.to_string()))?;
    let name = tls::server_name(node).map_err(|error| unreachable(error.to_string()))?;
    let connector = TlsConnector::from(config);
    let stream = connector.connect(name, stream).await.map_err(|error| unreachable(handshake(remote, &error)))?;
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "1.2",
    };
    let certificate = session.peer_certificates().and_then(|chain| Certificate::read(chain.first()?));
    Ok((Wire::new(stream), Some(TlsFacts { version, certificate })))
}

/// Which node, for people.
pub(crate) fn place(remote: &Remote) -> String {
    let node = &remote.node;
    let at = format!("{}:{}", node.host, node.port);
    if node.name == at {
        format!("{} at {at}", node.ae_title)
    } else {
        format!("{} ({} at {at})", node.name, node.ae_title)
    }
}

fn no_host(host: &str) -> String {
    format!("the name {host:?} cannot be resolved; check it, or write the address")
}

fn refused(error: &io::Error) -> String {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::ConnectionRefused]) {
        "nothing listens there; check host and port, and that the node is running".to_owned()
    } else if is(&[io::ErrorKind::HostUnreachable, io::ErrorKind::NetworkUnreachable, io::ErrorKind::TimedOut]) {
        format!("there is no way to it ({error}); check the address, the network and the firewalls in between")
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        format!("connecting is not allowed ({error}); check the firewall here")
    } else {
        format!("no connection ({error}); check host, port and firewalls")
    }
}

/// Why TLS did not come about, or broke because of certificates.
// The list of what may go wrong is rustls'; what is not named here is said in its words.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn handshake(remote: &Remote, error: &io::Error) -> String {
    let Some(cause) = rustls_error(error) else {
        let plain = "it ends the connection during the TLS handshake; does it speak TLS on this port?";
        return format!("{plain} ({error})");
    };
    let node = &remote.node;
    let ca = node.ca.as_ref().map_or("the system's authorities".to_owned(), |ca| format!("`ca` = {}", ca.display()));
    let name = node.server_name.as_deref().unwrap_or(&node.host);
    match cause.as_ref() {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
            "its certificate does not come from {ca}; set `ca` of the node to the certificate of the authority that issued it"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => format!("its certificate is not valid today ({cause}); it needs a new one, or a clock is wrong"),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            format!(
                "its certificate is not for {name:?} ({cause}); set `server_name` of the node to a name that is on it"
            )
        }
        rustls::Error::InvalidCertificate(_) => format!("its certificate cannot be believed: {cause}"),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied,
        ) => match &remote.tls.certificate {
            Some(path) => format!(
                "it does not believe our certificate, {} ({cause}); register the authority that issued it there",
                path.display()
            ),
            None => format!("it asks for a certificate of ours ({cause}); set dimse_tls.certificate and dimse_tls.key"),
        },
        rustls::Error::InvalidMessage(_) => {
            format!("it does not speak TLS on this port ({cause}); set `tls = false`, or its TLS port")
        }
        _ => format!("no TLS: {cause}"),
    }
}

/// The error of rustls within one of a stream.
pub(super) fn rustls_error(error: &io::Error) -> Option<Arc<rustls::Error>> {
    error.get_ref()?.downcast_ref::<rustls::Error>().cloned().map(Arc::new)
}
