//! Reports on storage commitment that the association of the request did not bring: on one that we open, with the roles
//! reversed (PS3.4 J.3.3, PS3.7 D.3.3.4).
//!
//! Invariant: tried until the requester takes it, over restarts, less and less often; one node's silence delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::classes::{EXPLICIT_LITTLE, IMPLICIT_LITTLE, STORAGE_COMMITMENT};
use super::command::field;
use super::commitment;
use super::listen::Shared;
use super::scu::association::{Association, Proposed};
use super::scu::{Remote, ScuError};
use crate::config::seconds;
use crate::store::CommitmentRequest;

/// How often it is looked whether a report is due.
const TICK: Duration = Duration::from_secs(2);

/// Until a report is looked at again that no node of the configuration waits for.
const UNKNOWN_AFTER: Duration = Duration::from_secs(3600);

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error(transparent)]
    Node(#[from] ScuError),
    #[error("it took too long")]
    Slow,
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
    let patience = seconds(shared.config.dimse.association_seconds_max);
    let told = timeout(patience, tell(&remote, requests, shared)).await.unwrap_or(Err(ReportError::Slow));
    if let Err(error) = told {
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

/// Reports over one association.
async fn tell(remote: &Remote, requests: &[CommitmentRequest], shared: &Shared) -> Result<(), ReportError> {
    let syntaxes = [EXPLICIT_LITTLE, IMPLICIT_LITTLE];
    let proposed = [Proposed { reversed: true, ..Proposed::new(STORAGE_COMMITMENT, &syntaxes) }];
    let (mut association, context) = Association::service(remote, &proposed, "Storage Commitment").await?;
    let syntax = association.contexts().iter().find(|accepted| accepted.id == context);
    let syntax = syntax.map_or_else(|| IMPLICIT_LITTLE.to_owned(), |accepted| accepted.syntax.clone());
    for (message_id, request) in (1..).zip(requests) {
        let Some((command, data)) = commitment::event(request, message_id, &syntax, shared).await? else { continue };
        association.send(context, &command, Some(&data)).await?;
        let bytes_max = shared.config.dimse.command_bytes_max;
        let (_, status) = association.response(message_id, field::N_EVENT_REPORT, bytes_max).await?;
        commitment::answered(request, Some(status), shared).await?;
    }
    association.release().await;
    Ok(())
}
