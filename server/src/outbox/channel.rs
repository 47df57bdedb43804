//! How objects get to a destination.

use std::future::Future;

use uvid_exam::{SopClassUid, SopInstanceUid};

use crate::config::{Config, Destination};
use crate::dimse::scu::{self, Commitment, Remote, ScuError, ToStore};

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

/// The ways that there are.
#[derive(Debug, Clone)]
pub enum Channel {
    /// C-STORE and Storage Commitment.
    Node(Box<Remote>),
    /// STOW-RS.
    Web(Box<Destination>),
}

impl Channel {
    /// The way to a destination; `None` if its node is not in the configuration.
    pub fn of(config: &Config, destination: &Destination) -> Option<Self> {
        match &destination.node {
            Some(node) => Remote::of(config, node).map(Box::new).map(Self::Node),
            None => Some(Self::Web(Box::new(destination.clone()))),
        }
    }
}

impl Deliver for Channel {
    async fn store(&self, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
        match self {
            Self::Node(remote) => scu::store(remote, objects).await,
            // Here `dicomweb::client::stow` goes.
            Self::Web(_) => Err(ScuError::Unreachable("STOW-RS is not connected yet".to_owned())),
        }
    }

    async fn commit(
        &self,
        transaction: &str,
        objects: &[(SopClassUid, SopInstanceUid)],
    ) -> Result<Option<Commitment>, ScuError> {
        match self {
            Self::Node(remote) => scu::request_commitment(remote, transaction, objects).await,
            // `config` refuses such a destination.
            Self::Web(_) => Err(ScuError::NoContext("Storage Commitment over the web".to_owned())),
        }
    }
}
