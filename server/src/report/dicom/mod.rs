//! A report as DICOM objects, for the PACS.

use std::collections::BTreeSet;

use time::OffsetDateTime;
use uvid_exam::{SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid};

use crate::config::{Language, ObjectKind};

/// An object made from a result, as a Part 10 file.
#[derive(Clone, PartialEq, Eq)]
pub struct ResultObject {
    /// What it is.
    pub kind: ObjectKind,
    /// The study of the images.
    pub study: StudyInstanceUid,
    /// A series of its own.
    pub series: SeriesInstanceUid,
    /// SOP Class UID.
    pub sop_class: SopClassUid,
    /// SOP Instance UID.
    pub sop_instance: SopInstanceUid,
    /// The file: Explicit VR Little Endian.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ResultObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ResultObject({:?}, {}, {} bytes)", self.kind, self.sop_instance, self.bytes.len())
    }
}

/// What is to be made of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// Which objects.
    pub kinds: BTreeSet<ObjectKind>,
    /// The language of texts in them.
    pub language: Language,
    /// The prefix of their UIDs; `None`: UUIDs under 2.25.
    pub uid_root: Option<String>,
    /// When: it goes into the objects, and into their UIDs.
    pub at: OffsetDateTime,
    /// By SOP Instance UID, what the text of an image really is, under the rule of which sender.
    pub charsets: Vec<(SopInstanceUid, crate::config::Charset, String)>,
    /// Results of the same study that this one takes the place of: the Key Object rejects them.
    pub supersedes: Vec<(SopClassUid, SeriesInstanceUid, SopInstanceUid)>,
}
