//! How objects get to a destination.

use std::future::Future;
use std::time::Duration;

use uvid_exam::{SopClassUid, SopInstanceUid};

use crate::config::{Config, Destination};
use crate::dicomweb::client::{self, StowFailure, Web, WebError};
use crate::dimse::scu::{self, Commitment, Remote, ScuError, ToStore};

/// How long the association of a request to commit stays open for its answer. Most nodes answer on one of their own, and
/// nothing else goes to the destination meanwhile.
const COMMITMENT_PATIENCE: Duration = Duration::from_secs(2);

/// How objects get to a destination.
pub trait Deliver: Send + Sync + 'static {
    /// Sends objects together: what the destination says of each, in order. An error: no byte of any of them left.
    fn store(&self, objects: &[ToStore]) -> impl Future<Output = Result<Vec<Result<u16, ScuError>>, ScuError>> + Send;

    /// Asks the destination to commit to objects. `None`: the answer comes later, by another way.
    fn commit(
        &self,
        transaction: &str,
        objects: &[(SopClassUid, SopInstanceUid)],
    ) -> impl Future<Output = Result<Option<Commitment>, ScuError>> + Send;
}

/// A refusal by STOW-RS as the status of a C-STORE: PS3.18 table I.2-2 has the same codes.
fn status(failure: StowFailure) -> Result<u16, ScuError> {
    match failure {
        StowFailure::Reason { code: 0 } => Ok(0xC000),
        StowFailure::Reason { code } => Ok(code),
        StowFailure::NotMentioned => Err(ScuError::Unreachable(failure.to_string())),
    }
}

fn by_web(error: WebError) -> ScuError {
    if error.is_temporary() { ScuError::Unreachable(error.to_string()) } else { ScuError::Rejected(error.to_string()) }
}

/// The ways that there are.
#[derive(Debug, Clone)]
pub enum Channel {
    /// C-STORE and Storage Commitment.
    Node(Box<Remote>),
    /// STOW-RS.
    Web(Box<Web>),
}

impl Channel {
    /// The way to a destination.
    ///
    /// # Errors
    ///
    /// It has neither a node of the configuration nor a url, or a file that it names cannot be read.
    pub fn of(config: &Config, destination: &Destination) -> Result<Self, WebError> {
        let node = destination.node.as_ref().and_then(|node| Remote::of(config, node));
        match (node, Web::of_destination(destination)) {
            (Some(remote), _) => Ok(Self::Node(Box::new(remote))),
            (None, Some(web)) => Ok(Self::Web(Box::new(web?))),
            (None, None) => Err(WebError::Setup("it has neither a node that is configured nor a url".to_owned())),
        }
    }
}

impl Deliver for Channel {
    async fn store(&self, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
        match self {
            Self::Node(remote) => scu::store(remote, objects).await,
            Self::Web(web) => {
                match client::stow(web, objects).await {
                    Ok(said) => Ok(said.into_iter().map(|said| said.map_or_else(status, |()| Ok(0))).collect()),
                    Err(error @ WebError::Setup(_)) => Err(by_web(error)),
                    // Whether the server has them is not known.
                    Err(error) => Ok(objects.iter().map(|_| Err(by_web(error.clone()))).collect()),
                }
            }
        }
    }

    async fn commit(
        &self,
        transaction: &str,
        objects: &[(SopClassUid, SopInstanceUid)],
    ) -> Result<Option<Commitment>, ScuError> {
        match self {
            Self::Node(remote) => scu::request_commitment(remote, transaction, objects, COMMITMENT_PATIENCE).await,
            // `config` refuses such a destination.
            Self::Web(_) => Err(ScuError::NoContext("Storage Commitment over the web".to_owned())),
        }
    }
}
