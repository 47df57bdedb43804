//! Why a file cannot be read.
//!
//! Invariant: the text names attributes, offsets, sizes and transfer syntaxes. It holds no other value of the file.

use std::fmt;

use dicom_core::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;
use uvid_exam::InvalidUid;

/// An attribute, printed as keyword and tag: `Rows (0028,0010)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute(pub Tag);

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tag(group, element) = self.0;
        match StandardDataDictionary.by_tag(self.0) {
            Some(entry) => write!(f, "{} ({group:04X},{element:04X})", entry.alias()),
            None => write!(f, "({group:04X},{element:04X})"),
        }
    }
}

/// A place in a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// Bytes from the start of the file.
    File(usize),
    /// Bytes from the start of a deflated data set, once inflated.
    Inflated(usize),
}

impl Offset {
    pub(super) fn plus(self, bytes: usize) -> Self {
        match self {
            Self::File(at) => Self::File(at + bytes),
            Self::Inflated(at) => Self::Inflated(at + bytes),
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(at) => write!(f, "byte {at}"),
            Self::Inflated(at) => write!(f, "byte {at} of the inflated data set"),
        }
    }
}

/// A place among the attributes of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the first.
    Start,
    /// Within the value of this one.
    In(Tag),
    /// Behind this one, the last that is whole.
    After(Tag),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (preposition, tag) = match self {
            Self::Start => return f.write_str("at its start"),
            Self::In(tag) => ("in", *tag),
            Self::After(tag) => ("after", *tag),
        };
        // In a broken data set, what looks like a tag may be part of a name.
        match StandardDataDictionary.by_tag(tag) {
            Some(_) => write!(f, "{preposition} {}", Attribute(tag)),
            None => write!(f, "{preposition} an attribute that is not in PS3.6"),
        }
    }
}

/// Why a file cannot be read. The caller adds the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than [`super::Limits`] allows.
    #[error("the file has {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// Bytes of the file, or bytes inflated so far.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A data set has more bytes beside its pixels than [`super::Limits`] allows.
    #[error("the data set has {bytes} bytes beside its pixels, {bytes_max} are allowed")]
    LongHeader {
        /// Bytes of the data set without Pixel Data.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// What the file is read from failed: nothing is said about the file.
    #[error("the file cannot be read: {0}")]
    Io(std::io::ErrorKind),
    /// Neither a PS3.10 file nor a data set without a preamble.
    #[error("the file is not DICOM")]
    NotDicom,
    /// The Transfer Syntax UID (0002,0010) is none of PS3.6.
    #[error("the transfer syntax {0} is unknown")]
    TransferSyntax(String),
    /// An attribute that is needed is absent or empty.
    #[error("{0} is missing")]
    Missing(Attribute),
    /// A unique identifier is none.
    #[error("{attribute} {why}")]
    Uid {
        /// Which.
        attribute: Attribute,
        /// What is wrong with it.
        why: InvalidUid,
    },
    /// An attribute has a value that it must not or that we cannot work with.
    #[error("{attribute} {problem}")]
    Invalid {
        /// Which.
        attribute: Attribute,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An attribute asks for more than [`super::Limits`] allows.
    #[error("{attribute} asks for {value}, {max} are allowed")]
    Limit {
        /// Which.
        attribute: Attribute,
        /// What it asks for.
        value: usize,
        /// The limit.
        max: usize,
    },
    /// The data set ends in the middle of something, or is no data set from here on.
    #[error("the data set is broken at {offset}, {place}: {problem}")]
    Broken {
        /// Where, in bytes.
        offset: Offset,
        /// Where, by attribute.
        place: Place,
        /// What was met.
        problem: &'static str,
    },
    /// The pixels break off. What the file has of them may be looked at, and nothing else.
    #[error("{0}")]
    Incomplete(Box<ReadError>),
    /// A transfer syntax that is known and cannot be decoded here.
    #[error("pixels in transfer syntax {syntax} cannot be decoded: {why}")]
    Codec {
        /// Its UID.
        syntax: &'static str,
        /// Why not.
        why: String,
    },
}

impl ReadError {
    /// A stable machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::LongHeader { .. } => "file-too-large",
            Self::Io(_) => "file-not-readable",
            Self::NotDicom => "not-dicom",
            Self::TransferSyntax(_) => "transfer-syntax-unknown",
            Self::Missing(_) => "attribute-missing",
            Self::Uid { .. } => "uid-invalid",
            Self::Invalid { .. } => "attribute-invalid",
            Self::Limit { .. } => "limit-exceeded",
            Self::Broken { .. } => "data-set-broken",
            Self::Incomplete(_) => "pixels-incomplete",
            Self::Codec { .. } => "pixels-not-decodable",
        }
    }
}
