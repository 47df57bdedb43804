//! Associations that we open.

use uvid_exam::{SopClassUid, SopInstanceUid};

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
    #[error("the node answered with status {status:04X}H{}", comment.as_ref().map(|c| format!(": {c}")).unwrap_or_default())]
    Status {
        /// PS3.7 annex C.
        status: u16,
        /// Error Comment (0000,0902), as far as it is printable.
        comment: Option<String>,
    },
    /// What it says makes no sense.
    #[error("the node does not keep to the protocol: {0}")]
    Protocol(String),
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
pub async fn echo(_remote: &Remote) -> Result<(), ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
}

/// Storage (PS3.4 annex B) of objects over one association: the status for each, or why it was not sent. A warning
/// (Bxxx) is a success.
///
/// # Errors
///
/// No association: nothing was sent.
pub async fn store(_remote: &Remote, _objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
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

/// Asks the node to commit to objects (PS3.4 annex J, N-ACTION). The answer may come on this association, and is then
/// returned; else it comes on one that the node opens to us.
///
/// # Errors
///
/// The node refuses.
pub async fn request_commitment(
    _remote: &Remote,
    _transaction: &str,
    _objects: &[(SopClassUid, SopInstanceUid)],
) -> Result<Option<Commitment>, ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
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
    _remote: &Remote,
    _level: &str,
    _keys: &[Attribute],
    _answers_max: usize,
) -> Result<Vec<Vec<Attribute>>, ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
}

/// Modality Worklist C-FIND by Accession Number (0008,0050): the Requested Procedure Priority (0040,1003) of each answer.
///
/// # Errors
///
/// The node refuses.
pub async fn worklist_priorities(_remote: &Remote, _accession_number: &str) -> Result<Vec<String>, ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
}

/// Study Root C-GET of a study: each object that comes is given to `take`, as a Part 10 file, and is refused if `take`
/// gives a failure status. Stops with a cancel request when `take` gives `None`. Returns how many came.
///
/// # Errors
///
/// The node refuses.
pub async fn get<F, Fut>(_remote: &Remote, _study: &str, _sop_classes: &[&str], _take: F) -> Result<usize, ScuError>
where
    F: FnMut(Vec<u8>) -> Fut + Send,
    Fut: Future<Output = Option<u16>> + Send,
{
    Err(ScuError::Unreachable("not built yet".to_owned()))
}

/// Study Root C-MOVE of a study to our own AE title: returns how many objects the node says it sent. They arrive at our
/// own port with Move Originator AE Title = ours.
///
/// # Errors
///
/// The node refuses.
pub async fn move_to_us(_remote: &Remote, _study: &str) -> Result<usize, ScuError> {
    Err(ScuError::Unreachable("not built yet".to_owned()))
}
