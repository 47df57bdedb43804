//! Sockets and associations: counted, each a task of its own.
//!
//! ```text
//! INFO uvid_server::dimse::listen: association ended ae_title="MG1" address=10.1.2.3 outcome="released" stored=4 refused=0
//! ```
//!
//! Invariant: what one association does (waiting, misbehaving, a panic of ours) ends that one and no other. Connections
//! beyond the limits are told so, up to as many again; those beyond that are closed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dicom_ul::pdu::{AbortRQServiceProviderReason as AbortReason, Pdu};
use metrics::{counter, gauge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::association::{Association, Peer};
use super::negotiate::{No, negotiate};
use super::notice::{Notice, Steps};
use super::report;
use super::scu::Commitment;
use super::tls::{TlsError, server_config};
use super::wire::{Incoming, Wire, WireError};
use crate::config::{Config, seconds};
use crate::metrics as names;
use crate::store::Store;

/// The wait after the operating system gave no connection (too many open files, for one).
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// Where what peers tell us goes.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// Their answers to our requests for storage commitment.
    pub committed: mpsc::Sender<Commitment>,
    /// That studies are complete.
    pub notices: mpsc::Sender<Notice>,
}

/// Why the node does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address.
    #[error("cannot listen on {address} for DICOM (another server? set {key}): {error}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// The setting.
        key: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// The certificate.
    #[error("DICOM TLS: {0}")]
    Tls(#[from] TlsError),
}

/// What all associations share.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) outlets: Outlets,
    /// Performed procedure steps in progress.
    pub(super) steps: Mutex<Steps>,
    /// Wakes the delivery of reports on commitment.
    pub(super) reports: Notify,
    crowd: Mutex<Crowd>,
}

/// A port.
struct Port {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// The DICOM node: its ports are open, connections wait.
pub struct Scp {
    ports: Vec<Port>,
    shared: Arc<Shared>,
}

impl Scp {
    /// Opens the ports that are configured: the plain one if `dimse.enabled`, the one of TLS if it has an address.
    ///
    /// # Errors
    ///
    /// An address or a certificate cannot be used.
    pub async fn bind(config: Config, store: Store, outlets: Outlets) -> Result<Self, BindError> {
        let mut ports = Vec::new();
        if config.dimse.enabled {
            ports.push(bind(config.dimse.listen, "dimse.listen", None).await?);
        }
        if let Some(address) = config.dimse_tls.listen {
            let tls = TlsAcceptor::from(server_config(&config.dimse_tls)?);
            ports.push(bind(address, "dimse_tls.listen", Some(tls)).await?);
        }
        let (steps, reports, crowd) = Default::default();
        Ok(Self { ports, shared: Arc::new(Shared { config, store, outlets, steps, reports, crowd }) })
    }

    /// The open ports, and whether each speaks TLS.
    pub fn ports(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.ports.iter().map(|port| (port.address, port.tls.is_some()))
    }

    /// Serves until `stop`, then gives associations `http.shutdown_seconds_max` to end the message they are at.
    pub async fn serve(self, stop: CancellationToken) {
        let Self { ports, shared } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(report::deliver(Arc::clone(&shared), stop.clone()));
        for port in ports {
            tasks.spawn(accept(port, Arc::clone(&shared), stop.clone()));
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn bind(address: SocketAddr, key: &'static str, tls: Option<TlsAcceptor>) -> Result<Port, BindError> {
    let failed = |error| BindError::Address { address, key, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Port { listener, address, tls })
}

/// Takes connections.
async fn accept(port: Port, shared: Arc<Shared>, stop: CancellationToken) {
    let Port { listener, tls, .. } = port;
    let mut associations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = associations.join_next() => {
                note(ended);
                continue;
            }
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, address)) => {
                let address = address.ip().to_canonical();
                match Place::take(&shared, address) {
                    Some(place) => {
                        associations.spawn(connection(socket, tls.clone(), place, stop.clone()));
                    }
                    None => count("closed-too-many"),
                }
            }
            Err(error) => {
                warn!(%error, "no DICOM connection could be taken");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    let rest = async {
        while let Some(ended) = associations.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(seconds(shared.config.http.shutdown_seconds_max), rest).await.is_err() {
        warn!(associations = associations.len(), "associations that took too long are cut off");
    }
}

fn note(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        error!("an association panicked; the others go on");
        count("panicked");
    }
}

fn count(outcome: &'static str) {
    counter!(names::DIMSE_ASSOCIATIONS, "outcome" => outcome).increment(1);
}

/// One connection, from its first byte to its last.
async fn connection(socket: TcpStream, tls: Option<TlsAcceptor>, place: Place, stop: CancellationToken) {
    // Answers are small and whole; waiting for more only delays them.
    let _ = socket.set_nodelay(true);
    let until = Instant::now() + seconds(place.shared.config.dimse.request_seconds_max);
    let Some(acceptor) = tls else { return associate(socket, until, place, stop).await };
    let handshake = tokio::select! {
        handshake = timeout_at(until, acceptor.accept(socket)) => handshake,
        () = stop.cancelled() => return,
    };
    match handshake {
        Ok(Ok(stream)) => associate(stream, until, place, stop).await,
        Ok(Err(error)) => {
            warn!(address = %place.address, %error, "no TLS");
            count("no-tls");
        }
        Err(_) => count("no-tls"),
    }
}

/// The request, its answer, and the association.
async fn associate<S>(stream: S, until: Instant, place: Place, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (shared, dimse) = (Arc::clone(&place.shared), &place.shared.config.dimse);
    let end = Instant::now() + seconds(dimse.association_seconds_max);
    let mut wire = Wire::new(stream, dimse.pdu_bytes_max, seconds(dimse.write_seconds_max), end);
    let asking = async {
        wire.begun(until.saturating_duration_since(Instant::now())).await?;
        wire.next(until.saturating_duration_since(Instant::now())).await
    };
    let asked = tokio::select! {
        asked = asking => asked,
        () = stop.cancelled() => return count("stopped"),
    };
    let abort = match asked {
        Ok(Incoming::Request(request)) => match negotiate(&request, place.address, &shared.config, place.full) {
            Ok(agreed) => {
                let peer = Peer { ae_title: request.calling_ae_title.clone(), address: place.address };
                debug!(ae_title = peer.ae_title, address = %peer.address, contexts = agreed.contexts.len(), "association");
                if let Err(error) = wire.send(&Pdu::AssociationAC(agreed.answer.clone())).await {
                    debug!(%error, "the association's acceptance is not taken");
                    return count("broken");
                }
                let (outcome, tally) = Association::new(wire, agreed, peer.clone(), &shared).run(&stop).await;
                let (stored, refused) = (tally.stored, tally.refused);
                info!(ae_title = peer.ae_title, address = %peer.address, outcome, stored, refused, "association ended");
                return count(outcome);
            }
            Err(No::Rejected(rejection, code)) => {
                let (ae_title, called) = (&request.calling_ae_title, &request.called_ae_title);
                warn!(ae_title, called, address = %place.address, because = code, "association rejected");
                if wire.send(&Pdu::AssociationRJ(rejection)).await.is_ok() {
                    wire.close().await;
                }
                return count(code);
            }
            Err(No::Invalid) => AbortReason::InvalidPduParameter,
        },
        Ok(Incoming::Abort) => return count("aborted"),
        Ok(
            Incoming::Accept(_)
            | Incoming::Reject(_)
            | Incoming::Data(_)
            | Incoming::ReleaseRequest
            | Incoming::ReleaseResponse,
        ) => AbortReason::UnexpectedPdu,
        Err(WireError::Unrecognized(_)) => AbortReason::UnrecognizedPdu,
        Err(WireError::TooLong(_) | WireError::Invalid) => AbortReason::InvalidPduParameter,
        Err(WireError::Slow) => AbortReason::ReasonNotSpecified,
        // Whoever only looks whether the port is open says nothing.
        Err(WireError::Closed | WireError::BreaksOff | WireError::Io(_) | WireError::Stuck) => {
            return count("no-request");
        }
    };
    warn!(address = %place.address, "a connection that requests no association is closed");
    wire.abort(abort).await;
    count("no-request");
}

/// Connections by address.
#[derive(Default)]
struct Crowd {
    by_address: HashMap<IpAddr, usize>,
    associations: usize,
    /// Those that are only told that there are too many.
    over: usize,
}

/// A connection's place; given back when it is dropped.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
    /// It may only be told that there are too many.
    full: bool,
}

impl Place {
    fn take(shared: &Arc<Shared>, address: IpAddr) -> Option<Self> {
        let dimse = &shared.config.dimse;
        // A thread that panicked with the lock held left the numbers whole.
        let mut crowd = shared.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let here = crowd.by_address.get(&address).copied().unwrap_or(0);
        let full = crowd.associations >= dimse.associations_max || here >= dimse.associations_per_address_max;
        if full {
            if crowd.over >= dimse.associations_max {
                return None;
            }
            crowd.over += 1;
        } else {
            crowd.associations += 1;
            crowd.by_address.insert(address, here + 1);
        }
        gauge!(names::DIMSE_OPEN).set(crowd.associations as f64);
        Some(Self { shared: Arc::clone(shared), address, full })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut crowd = self.shared.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        if self.full {
            crowd.over = crowd.over.saturating_sub(1);
            return;
        }
        crowd.associations = crowd.associations.saturating_sub(1);
        let left = crowd.by_address.get(&self.address).map_or(0, |here| here.saturating_sub(1));
        if left == 0 {
            crowd.by_address.remove(&self.address);
        } else {
            crowd.by_address.insert(self.address, left);
        }
        gauge!(names::DIMSE_OPEN).set(crowd.associations as f64);
    }
}
