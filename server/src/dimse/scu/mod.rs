//! Associations that we open: PS3.4's services as functions, each an association of its own.
//!
//! `connect` gets a connection, `wire` speaks PDUs and messages on it, `association` agrees on contexts; `storage`,
//! `commitment`, `query` and `retrieve` are the services, `probe` looks at a node for people.
//!
//! Invariants: every step ends within `connect_seconds_max` or `answer_seconds_max` of the node; nothing that a node
//! sends is held beyond a limit; an error says what to look at, and names AE titles, addresses, UIDs and statuses, never
//! what a data set held. A future that is dropped closes its connection.

mod accepted;
pub(crate) mod association;
mod certificate;
pub(crate) mod commitment;
mod connect;
pub(crate) mod identifier;
mod probe;
pub(crate) mod query;
pub(crate) mod retrieve;
pub(crate) mod storage;
pub(crate) mod wire;

pub use certificate::Certificate;
pub use commitment::read_report;
pub use connect::TlsFacts;
pub(crate) use connect::place;
pub use probe::{Probe, probe};

use std::time::Duration;

use uvid_exam::{SopClassUid, SopInstanceUid};

use super::command::{Command, element};
use crate::config::{DimseTls, Node};

/// A node that we open associations to, with what we call ourselves and show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// Where it is.
    pub node: Node,
    /// Our AE title towards it.
    pub calling_ae_title: String,
    /// Our own certificate, for nodes that ask for one.
    pub tls: DimseTls,
}

impl Remote {
    /// The node of this name in the configuration.
    pub fn of(config: &crate::config::Config, name: &str) -> Option<Self> {
        let node = config.nodes.iter().find(|node| node.name == name)?.clone();
        let calling_ae_title = node.calling_ae_title.clone().unwrap_or_else(|| config.dimse.ae_title.clone());
        Some(Self { node, calling_ae_title, tls: config.dimse_tls.clone() })
    }
}

/// Why a node did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScuError {
    /// It could not be reached, or the connection broke: worth trying again. What to look at is in the text.
    #[error("{0}")]
    Unreachable(String),
    /// It rejected the association, or aborts.
    #[error("{0}")]
    Rejected(String),
    /// It takes none of what we offered.
    #[error("the node accepts no presentation context for {0}")]
    NoContext(String),
    /// It answered with a failure.
    #[error("the node answered with status {status:04X}H")]
    Status {
        /// PS3.7 annex C.
        status: u16,
        /// Error Comment (0000,0902).
        comment: Option<Comment>,
    },
    /// What it says makes no sense.
    #[error("the node does not keep to the protocol: {0}")]
    Protocol(String),
}

impl ScuError {
    /// For the person who asked, with what the node says to its status: for no log and no database.
    pub fn explained(&self) -> String {
        match self {
            Self::Status { comment: Some(comment), .. } => format!("{self}: {}", comment.reveal()),
            Self::Status { comment: None, .. }
            | Self::Unreachable(_)
            | Self::Rejected(_)
            | Self::NoContext(_)
            | Self::Protocol(_) => self.to_string(),
        }
    }
}

/// Error Comment (0000,0902), as far as it is printable. A node may write anything into it, a patient's name as well: it
/// is shown to the person who asked, and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Comment(String);

impl Comment {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Comment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Comment(..)")
    }
}

/// An object to be stored.
#[derive(Clone)]
pub struct ToStore {
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// Part 10 file.
    pub bytes: Vec<u8>,
}

/// Verification (PS3.4 annex A).
///
/// # Errors
///
/// The node does not answer with success.
pub async fn echo(remote: &Remote) -> Result<(), ScuError> {
    probe::echo(remote).await
}

/// Storage (PS3.4 annex B) of objects over one association: the status of success or warning (Bxxx) for each, or why the
/// node does not have it: [`ScuError::Status`] if it refused it, [`ScuError::Unreachable`] if the connection broke before
/// it answered. Nothing is sent twice. An object in its own transfer syntax; where the node takes an uncompressed one in
/// Implicit VR Little Endian only, in that.
///
/// # Errors
///
/// No association: nothing was sent.
pub async fn store(remote: &Remote, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
    storage::store(remote, objects).await
}

/// What a node says of a request to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// Transaction UID (0008,1195).
    pub transaction: String,
    /// What it keeps.
    pub committed: Vec<SopInstanceUid>,
    /// What it does not, with Failure Reason (0008,1197).
    pub failed: Vec<(SopInstanceUid, u16)>,
}

/// Asks the node to commit to objects (PS3.4 annex J, N-ACTION). The answer may come on this association within
/// `patience`, and is then returned; else it comes on one that the node opens to us.
///
/// # Errors
///
/// The node refuses.
pub async fn request_commitment(
    remote: &Remote,
    transaction: &str,
    objects: &[(SopClassUid, SopInstanceUid)],
    patience: Duration,
) -> Result<Option<Commitment>, ScuError> {
    commitment::request(remote, transaction, objects, patience).await
}

/// A query's key or an answer's value: an attribute with text, in Unicode.
pub type Attribute = (dicom_core::Tag, String);

/// Study Root C-FIND at a level (`STUDY`, `SERIES`, `IMAGE`): the answers, at most `answers_max`. Keys and answers are
/// Unicode; the character set is taken care of.
///
/// # Errors
///
/// The node refuses.
pub async fn find(
    remote: &Remote,
    level: &str,
    keys: &[Attribute],
    answers_max: usize,
) -> Result<Vec<Vec<Attribute>>, ScuError> {
    query::find(remote, level, keys, answers_max).await
}

/// Modality Worklist C-FIND by Accession Number (0008,0050): the Requested Procedure Priority (0040,1003) of each answer.
///
/// # Errors
///
/// The node refuses.
pub async fn worklist_priorities(remote: &Remote, accession_number: &str) -> Result<Vec<String>, ScuError> {
    query::worklist_priorities(remote, accession_number).await
}

/// Study Root C-GET of a study: each object that comes is given to `take`, as a Part 10 file, and is refused if `take`
/// gives a failure status. Stops with a cancel request when `take` gives `None`. Returns how many came.
///
/// # Errors
///
/// The node refuses.
pub async fn get<F, Fut>(remote: &Remote, study: &str, sop_classes: &[&str], take: F) -> Result<usize, ScuError>
where
    F: FnMut(Vec<u8>) -> Fut + Send,
    Fut: Future<Output = Option<u16>> + Send,
{
    retrieve::get(remote, study, sop_classes, take).await
}

/// Study Root C-MOVE of a study to our own AE title: returns how many objects the node says it sent. They arrive at our
/// own port with Move Originator AE Title = ours.
///
/// # Errors
///
/// The node refuses.
pub async fn move_to_us(remote: &Remote, study: &str) -> Result<usize, ScuError> {
    retrieve::move_to_us(remote, study).await
}

/// A failure status with what the node says to it, as far as it is printable.
fn status_error(status: u16, command: &Command) -> ScuError {
    let printable = |text: &str| text.chars().filter(|c| (' '..='~').contains(c)).take(64).collect::<String>();
    let comment = command.text(element::ERROR_COMMENT).map(printable).filter(|text| !text.trim().is_empty());
    ScuError::Status { status, comment: comment.map(Comment) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_shown_to_people_only() {
        let command = Command::default().with_text(element::ERROR_COMMENT, "PETROVIC^ANA");
        let error = status_error(0xA700, &command);
        assert!(!format!("{error} {error:?}").contains("PETROVIC"), "{error:?}");
        assert_eq!(error.explained(), "the node answered with status A700H: PETROVIC^ANA");
    }

    /// Tasks may call these: their futures can go to another thread.
    #[allow(dead_code)]
    fn futures_are_send(remote: &Remote) {
        fn send<T: Send>(_: T) {}
        send(echo(remote));
        send(store(remote, &[]));
        send(request_commitment(remote, "", &[], Duration::ZERO));
        send(find(remote, "STUDY", &[], 1));
        send(worklist_priorities(remote, ""));
        send(get(remote, "", &[], async |_| Some(0)));
        send(move_to_us(remote, ""));
    }
}
