//! A PACS that misbehaves on purpose: for tests, and for trying a site out before the real one is there.
//!
//! It keeps what it is sent in a folder (or in memory), commits to it, finds and gives it (Study Root C-FIND, C-GET,
//! C-MOVE), answers a worklist query for priorities, and pushes a folder to a node. Every misbehaviour is an option,
//! drawn from a seed, and told on standard output, one JSON object a line.
//!
//! Invariants: no line holds anything of a patient: UIDs, AE titles, addresses, statuses, counts; a file name is made of
//! a UID that was checked. It is a tool for a test network: it believes whoever connects.

mod acceptor;
mod event;
mod folder;
mod mischief;
mod node;
mod push;
mod query;
mod requests;
mod worklist;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub(crate) use mischief::shuffle;
pub use push::{Push, push};

use crate::config::Node;
use crate::dimse::scu::Remote;
use event::tell;
use folder::Folder;
use mischief::Mischief;

/// Associations at once.
const ASSOCIATIONS_MAX: usize = 64;

/// The wait after the operating system gave no connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// What a simulated PACS does wrong. Rates are from 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct Misbehaviour {
    /// What chance is drawn from.
    pub seed: u64,
    /// C-STOREs after which the connection is cut instead of answered; of half of them the object is kept.
    pub drop_rate: f64,
    /// C-STOREs refused with A700 (out of resources).
    pub refuse_rate: f64,
    /// Associations rejected as transient, local limit exceeded.
    pub reject_associations_rate: f64,
    /// Milliseconds before every answer.
    pub delay_ms: u64,
    /// Whether only Implicit VR Little Endian is accepted.
    pub only_implicit: bool,
    /// Whether names in answers to queries are in Windows-1251 and labelled ISO_IR 100.
    pub wrong_charset: bool,
    /// Whether Storage Commitment is answered with success and never reported on.
    pub no_commit: bool,
    /// Seconds until commitment is reported, on an association of its own to the AE title that asked.
    pub late_commit_seconds: f64,
    /// Objects reported as not kept.
    pub commit_fail_rate: f64,
}

/// A simulated PACS.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and port.
    pub listen: SocketAddr,
    /// Its AE title; any called AE title is accepted.
    pub ae_title: String,
    /// Where objects are kept; `None`: in memory.
    pub store: Option<PathBuf>,
    /// Where other AE titles are, for C-MOVE and late reports of commitment.
    pub peers: Vec<Node>,
    /// Accession numbers with their Requested Procedure Priority, CSV.
    pub worklist: Option<PathBuf>,
    /// What it does wrong.
    pub misbehaviour: Misbehaviour,
}

/// A running one.
struct Pacs {
    options: Options,
    folder: Mutex<Folder>,
    worklist: Vec<worklist::Entry>,
    mischief: Mischief,
}

impl Pacs {
    /// The node of an AE title.
    fn peer(&self, ae_title: &str) -> Option<Remote> {
        let node = self.options.peers.iter().find(|node| node.ae_title == ae_title)?.clone();
        Some(Remote { node, calling_ae_title: self.options.ae_title.clone(), tls: crate::config::DimseTls::default() })
    }

    fn folder(&self) -> std::sync::MutexGuard<'_, Folder> {
        // What a panicking task left is an index whose entries are whole.
        self.folder.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Serves until the process is told to stop. The first line on standard output says where.
///
/// # Errors
///
/// The port or the folder cannot be had.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    let folder = Folder::open(options.store.clone())?;
    let worklist = options.worklist.as_deref().map(worklist::read).transpose()?.unwrap_or_default();
    let listener = TcpListener::bind(options.listen).await.with_context(|| options.listen.to_string())?;
    let address = listener.local_addr()?;
    let objects = folder.objects().len();
    tell(
        "listening",
        &serde_json::json!({
            "address": address.to_string(), "ae_title": options.ae_title, "objects": objects, "seed": options.misbehaviour.seed,
        }),
    );
    let mischief = Mischief::new(options.misbehaviour.seed);
    let pacs = Arc::new(Pacs { options, folder: Mutex::new(folder), worklist, mischief });
    let places = Arc::new(Semaphore::new(ASSOCIATIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for one: it passes.
                tell("no-connection", &serde_json::json!({ "why": error.to_string() }));
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let pacs = Arc::clone(&pacs);
        tokio::spawn(async move {
            node::serve(&pacs, stream, from).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests;
