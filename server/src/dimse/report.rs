//! Reports on storage commitment that the association of the request did not bring: on one that we open, with the roles
//! reversed (PS3.4 J.3.3, PS3.7 D.3.3.4).
//!
//! Invariant: tried until the requester takes it, over restarts, less and less often; one node's silence delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dicom_ul::pdu::{
    AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResultReason as Reason, RequestorRoles,
    UserVariableItem,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::classes::{EXPLICIT_LITTLE, IMPLICIT_LITTLE, STORAGE_COMMITMENT};
use super::command::{element, field};
use super::listen::Shared;
use super::message::{Assembler, Step};
use super::negotiate::{APPLICATION_CONTEXT, own_variables};
use super::scu::Remote;
use super::wire::{Incoming, Wire, WireError};
use super::{commitment, tls};
use crate::config::seconds;
use crate::store::CommitmentRequest;

/// How often it is looked whether a report is due.
const TICK: Duration = Duration::from_secs(2);

/// Until a report is looked at again that no node of the configuration waits for.
const UNKNOWN_AFTER: Duration = Duration::from_secs(3600);

/// The one presentation context.
const CONTEXT: u8 = 1;

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("it cannot be reached: {0}")]
    Connect(std::io::Error),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("it took too long")]
    Slow,
    #[error("it rejects the association")]
    Rejected,
    #[error("it accepts no presentation context for storage commitment")]
    NoContext,
    #[error("it does not keep to the protocol")]
    Protocol,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// Delivers reports until `stop`.
pub(super) async fn deliver(shared: Arc<Shared>, stop: CancellationToken) {
    let mut delivering = JoinSet::new();
    // Nodes that are being told; what becomes due for them meanwhile comes afterwards.
    let mut busy = BTreeSet::new();
    loop {
        tokio::select! {
            () = shared.reports.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            Some(ended) = delivering.join_next() => {
                match ended {
                    Ok(ae_title) => {
                        busy.remove(&ae_title);
                    }
                    // Whose it was is not known. To tell a node twice does no harm.
                    Err(_) => busy.clear(),
                }
                continue;
            }
            () = stop.cancelled() => return,
        }
        let due = match shared.store.commitment_requests_due(&busy).await {
            Ok(due) => due,
            Err(error) => {
                error!(%error, "the database does not say which reports on storage commitment are due");
                continue;
            }
        };
        let mut nodes: BTreeMap<String, Vec<CommitmentRequest>> = BTreeMap::new();
        for request in due {
            nodes.entry(request.ae_title.clone()).or_default().push(request);
        }
        for (ae_title, requests) in nodes {
            busy.insert(ae_title.clone());
            let shared = Arc::clone(&shared);
            delivering.spawn(async move {
                to_node(&ae_title, &requests, &shared).await;
                ae_title
            });
        }
    }
}

async fn to_node(ae_title: &str, requests: &[CommitmentRequest], shared: &Shared) {
    let name = shared.config.nodes.iter().find(|node| node.ae_title == ae_title).map(|node| node.name.as_str());
    let Some(remote) = name.and_then(|name| Remote::of(&shared.config, name)) else {
        warn!(
            ae_title,
            reports = requests.len(),
            "asked to commit and took no report; no node of `nodes` has this AE title"
        );
        for request in requests {
            if let Err(error) = shared.store.commitment_due_again(request, UNKNOWN_AFTER).await {
                error!(%error, "a report on storage commitment cannot be put off");
            }
        }
        return;
    };
    if let Err(error) = connect(&remote, requests, shared).await {
        warn!(ae_title, because = %error, "a report on storage commitment is tried again later");
        for request in requests {
            let after = seconds(shared.config.outbox.retry_seconds).saturating_mul(1 << request.attempts.min(16));
            let after = after.min(seconds(shared.config.outbox.retry_seconds_max));
            // One that was reported already has no row any more.
            if let Err(error) = shared.store.commitment_due_again(request, after).await {
                error!(%error, "a report on storage commitment cannot be put off");
            }
        }
    }
}

/// Opens the connection, and TLS over it.
async fn connect(remote: &Remote, requests: &[CommitmentRequest], shared: &Shared) -> Result<(), ReportError> {
    let node = &remote.node;
    let patience = seconds(node.connect_seconds_max);
    let connecting = TcpStream::connect((node.host.as_str(), node.port));
    let socket = timeout(patience, connecting).await.map_err(|_| ReportError::Slow)?.map_err(ReportError::Connect)?;
    let _ = socket.set_nodelay(true);
    let end = Instant::now() + seconds(shared.config.dimse.association_seconds_max);
    let (pdu_bytes_max, write_max) =
        (shared.config.dimse.pdu_bytes_max, seconds(shared.config.dimse.write_seconds_max));
    if !node.tls {
        return converse(Wire::new(socket, pdu_bytes_max, write_max, end), remote, requests, shared).await;
    }
    let connector = tokio_rustls::TlsConnector::from(tls::client_config(&remote.tls, node)?);
    let handshake = timeout(patience, connector.connect(tls::server_name(node)?, socket));
    let stream = handshake.await.map_err(|_| ReportError::Slow)?.map_err(ReportError::Connect)?;
    converse(Wire::new(stream, pdu_bytes_max, write_max, end), remote, requests, shared).await
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut wire: Wire<S>,
    remote: &Remote,
    requests: &[CommitmentRequest],
    shared: &Shared,
) -> Result<(), ReportError> {
    let node = &remote.node;
    let reversed = RequestorRoles { scu: false, scp: true };
    let roles = UserVariableItem::ScuScpRoleSelectionSubItem(STORAGE_COMMITMENT.to_owned(), reversed);
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: remote.calling_ae_title.clone(),
        called_ae_title: node.ae_title.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: vec![PresentationContextProposed {
            id: CONTEXT,
            abstract_syntax: STORAGE_COMMITMENT.to_owned(),
            transfer_syntaxes: vec![EXPLICIT_LITTLE.to_owned(), IMPLICIT_LITTLE.to_owned()],
        }],
        user_variables: own_variables(shared.config.dimse.pdu_bytes_max).into_iter().chain([roles]).collect(),
    };
    wire.send(&Pdu::AssociationRQ(request)).await?;
    wire.begun(seconds(node.connect_seconds_max)).await?;
    let accepted = match wire.next(seconds(node.answer_seconds_max)).await? {
        Incoming::Accept(accepted) => accepted,
        Incoming::Reject(_) => return Err(ReportError::Rejected),
        Incoming::Abort
        | Incoming::Request(_)
        | Incoming::Data(_)
        | Incoming::ReleaseRequest
        | Incoming::ReleaseResponse => return Err(ReportError::Protocol),
    };
    let context = accepted.presentation_contexts.iter().find(|c| c.id == CONTEXT && c.reason == Reason::Acceptance);
    let syntax = context.ok_or(ReportError::NoContext)?.transfer_syntax.trim_end_matches(['\0', ' ']);
    let pdu_bytes = accepted.user_variables.iter().find_map(|item| match item {
        UserVariableItem::MaxLength(bytes) => Some(*bytes),
        UserVariableItem::Unknown(..)
        | UserVariableItem::ImplementationClassUID(_)
        | UserVariableItem::ImplementationVersionName(_)
        | UserVariableItem::SopClassExtendedNegotiationSubItem(..)
        | UserVariableItem::ScuScpRoleSelectionSubItem(..)
        | UserVariableItem::UserIdentityItem(_) => None,
    });
    for (message_id, request) in (1..).zip(requests) {
        let Some((command, data)) = commitment::event(request, message_id, syntax, shared).await? else { continue };
        wire.send_message(CONTEXT, &command.encode(), Some(&data), pdu_bytes.unwrap_or(0)).await?;
        let status = answer(&mut wire, message_id, shared, seconds(node.answer_seconds_max)).await?;
        commitment::answered(request, status, shared).await?;
    }
    wire.send(&Pdu::ReleaseRQ).await?;
    let released = match wire.begun(seconds(node.connect_seconds_max)).await {
        Ok(()) => wire.next(seconds(node.connect_seconds_max)).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = released {
        debug!(%error, "the release is not answered");
    }
    wire.close().await;
    Ok(())
}

/// The status of the response to a report.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    message_id: u16,
    shared: &Shared,
    patience: Duration,
) -> Result<Option<u16>, ReportError> {
    let mut assembler = Assembler::new(shared.config.dimse.command_bytes_max);
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        wire.begun(left).await?;
        let Incoming::Data(fragments) = wire.next(left).await? else { return Err(ReportError::Protocol) };
        for fragment in fragments {
            match assembler.push(fragment).map_err(|_| ReportError::Protocol)? {
                Some(Step::Command(_, command)) => {
                    let ours = command.u16(element::RESPONDED_TO) == Some(message_id);
                    if command.u16(element::COMMAND_FIELD) != Some(field::N_EVENT_REPORT | field::RESPONSE) || !ours {
                        return Err(ReportError::Protocol);
                    }
                    // A data set of the answer (an Event Reply) has nothing that we need: the next answer comes behind it.
                    if !command.has_data_set() {
                        return Ok(command.u16(element::STATUS));
                    }
                    return Err(ReportError::Protocol);
                }
                Some(Step::Data(..)) | None => {}
            }
        }
    }
}
