//! From the bytes of a file to its data set (PS3.10 section 7, PS3.5 annex A).
//!
//! Accepted, most regular first: a preamble and `DICM`; `DICM` without a preamble; file meta information without
//! either; a bare data set. File meta information needs no group length. A data set that is in implicit VR although
//! its transfer syntax says explicit, or the reverse, is read as what it is. Each of these leaves a note.
//!
//! Invariant: an open file has a known transfer syntax, and its data set is not larger than the limits allow.

use std::borrow::Cow;
use std::io::Read;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::element::{DataSet, Encoding, Walk, is_vr};
use super::{Limits, Offset, Place, ReadError};

/// How the pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As they are (PS3.5 section 8.1).
    Native,
    /// As they are, in fragments (PS3.5 section A.4.11).
    Encapsulated,
    /// PS3.5 annex G.
    Rle,
    /// JPEG process 1.
    JpegBaseline,
    /// JPEG process 14.
    JpegLossless,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 part 1, or its high-throughput form of part 15, which OpenJPEG decodes alike.
    Jpeg2000,
    /// Not decoded, for this reason.
    Refused(&'static str),
}

/// A transfer syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Its UID.
    pub(super) uid: &'static str,
    pub(super) encoding: Encoding,
    pub(super) packing: Packing,
    /// Whether something is always, or may be, lost.
    pub(super) loss: Loss,
}

/// What a transfer syntax says about loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing is lost.
    Never,
    /// The code stream may be either; Lossy Image Compression (0028,2110) tells.
    Possible,
    /// Always.
    Always,
}

const fn syntax(uid: &'static str, packing: Packing, loss: Loss) -> Syntax {
    Syntax { uid, encoding: Encoding::ExplicitLittle, packing, loss }
}

const VIDEO: Packing = Packing::Refused("it is a video");
const XL: Packing = Packing::Refused("the JPEG XL decoder at hand stretches the values");
pub(super) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// The transfer syntaxes of PS3.6 table A-1 that a file may come in.
const SYNTAXES: &[Syntax] = &[
    Syntax {
        uid: "1.2.840.10008.1.2",
        encoding: Encoding::ImplicitLittle,
        packing: Packing::Native,
        loss: Loss::Never,
    },
    syntax("1.2.840.10008.1.2.1", Packing::Native, Loss::Never),
    Syntax { uid: "1.2.840.10008.1.2.2", encoding: Encoding::ExplicitBig, packing: Packing::Native, loss: Loss::Never },
    syntax("1.2.840.10008.1.2.1.98", Packing::Encapsulated, Loss::Never),
    syntax(DEFLATED, Packing::Native, Loss::Never),
    syntax("1.2.840.10008.1.2.5", Packing::Rle, Loss::Never),
    syntax("1.2.840.10008.1.2.4.50", Packing::JpegBaseline, Loss::Always),
    syntax(
        "1.2.840.10008.1.2.4.51",
        Packing::Refused("there is no decoder for JPEG extended with 12 bits"),
        Loss::Always,
    ),
    syntax("1.2.840.10008.1.2.4.57", Packing::JpegLossless, Loss::Never),
    syntax("1.2.840.10008.1.2.4.70", Packing::JpegLossless, Loss::Never),
    syntax("1.2.840.10008.1.2.4.80", Packing::JpegLs, Loss::Never),
    syntax("1.2.840.10008.1.2.4.81", Packing::JpegLs, Loss::Possible),
    syntax("1.2.840.10008.1.2.4.90", Packing::Jpeg2000, Loss::Never),
    syntax("1.2.840.10008.1.2.4.91", Packing::Jpeg2000, Loss::Possible),
    syntax("1.2.840.10008.1.2.4.92", Packing::Refused("it is JPEG 2000 part 2"), Loss::Never),
    syntax("1.2.840.10008.1.2.4.93", Packing::Refused("it is JPEG 2000 part 2"), Loss::Possible),
    syntax("1.2.840.10008.1.2.4.100", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.101", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.102", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.103", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.104", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.105", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.106", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.107", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.108", VIDEO, Loss::Always),
    syntax("1.2.840.10008.1.2.4.110", XL, Loss::Never),
    syntax("1.2.840.10008.1.2.4.111", XL, Loss::Always),
    syntax("1.2.840.10008.1.2.4.112", XL, Loss::Possible),
    syntax("1.2.840.10008.1.2.4.201", Packing::Jpeg2000, Loss::Never),
    syntax("1.2.840.10008.1.2.4.202", Packing::Jpeg2000, Loss::Never),
    syntax("1.2.840.10008.1.2.4.203", Packing::Jpeg2000, Loss::Possible),
];

/// The UIDs of the transfer syntaxes whose pixels are decoded, in the order of PS3.6 table A-1 as far as it has one.
pub fn decoded_syntaxes() -> impl Iterator<Item = &'static str> {
    SYNTAXES.iter().filter(|syntax| !matches!(syntax.packing, Packing::Refused(_))).map(|syntax| syntax.uid)
}

/// How elements are written in a transfer syntax that does not deflate them.
pub(super) fn undeflated(uid: &str) -> Result<Encoding, ReadError> {
    match known(uid)? {
        Syntax { uid: DEFLATED, .. } => Err(ReadError::TransferSyntax(DEFLATED.to_owned())),
        Syntax { encoding, .. } => Ok(encoding),
    }
}

/// An opened file.
pub(super) struct File<'a> {
    pub(super) syntax: Syntax,
    /// Oddities of the container.
    pub(super) notes: Vec<String>,
    /// How the data set really is written.
    pub(super) encoding: Encoding,
    pub(super) data: Cow<'a, [u8]>,
    /// Where the data set starts.
    pub(super) origin: Offset,
}

impl File<'_> {
    /// The data set, as far as it can be read.
    pub(super) fn data_set(&self, limits: &Limits) -> DataSet<'_> {
        DataSet::parse(&self.data, self.origin, self.encoding, limits)
    }
}

/// Finds transfer syntax and data set.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<File<'a>, ReadError> {
    let mut notes = Vec::new();
    let (syntax, data) = split(bytes, limits, &mut notes)?;
    let start = Offset::File(bytes.len() - data.len());
    let broken = |problem| ReadError::Broken { offset: start, place: Place::Start, problem };
    let (data, origin) = if syntax.uid == DEFLATED {
        let (inflated, whole) = inflate(data, limits)?;
        if inflated.is_empty() && !whole {
            return Err(broken("the deflated data set cannot be inflated"));
        }
        if !whole {
            notes.push("the deflated data set breaks off".to_owned());
        }
        (Cow::Owned(inflated), Offset::Inflated(0))
    } else {
        (Cow::Borrowed(data), start)
    };
    let encoding = actual(&data, syntax.encoding);
    if encoding != syntax.encoding {
        notes.push("the data set is not written as its transfer syntax says".to_owned());
    }
    Ok(File { syntax, notes, encoding, data, origin })
}

/// The transfer syntax, and the bytes behind the file meta information.
pub(super) fn split<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    notes: &mut Vec<String>,
) -> Result<(Syntax, &'a [u8]), ReadError> {
    if bytes.len() > limits.file_bytes_max {
        return Err(ReadError::TooLarge { bytes: bytes.len(), bytes_max: limits.file_bytes_max });
    }
    let rest = if bytes.get(128..132) == Some(b"DICM") {
        &bytes[132..]
    } else if let Some(rest) = bytes.strip_prefix(b"DICM") {
        notes.push("the file has no preamble".to_owned());
        rest
    } else if bytes.first_chunk::<4>().is_some_and(|b| matches!(b, [2 | 8, 0, _, _] | [0, 8, 0, _])) {
        notes.push("the file has no preamble and no DICM prefix".to_owned());
        bytes
    } else {
        return Err(ReadError::NotDicom);
    };
    let (uid, data) = meta(rest);
    let Some(first) = data.first_chunk::<6>() else {
        let offset = Offset::File(bytes.len() - data.len());
        return Err(ReadError::Broken { offset, place: Place::Start, problem: "there is no data set" });
    };
    let syntax = match uid {
        Some(uid) => known(&uid)?,
        None => {
            notes.push("the file does not state its transfer syntax".to_owned());
            known(guess(first))?
        }
    };
    Ok((syntax, data))
}

/// The Transfer Syntax UID and what follows the file meta information (PS3.10 section 7.1). The group length
/// (0002,0000) is not relied upon: the group ends where the next one begins.
fn meta(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let mut walk = Walk::new(bytes, Offset::File(0), Encoding::ExplicitLittle, 1);
    let mut uid = None;
    loop {
        let rest = &bytes[walk.at..];
        if !rest.starts_with(&[2, 0]) {
            return (uid, rest);
        }
        match walk.element(0) {
            Ok(Some((Tag(0x0002, 0x0010), element))) => {
                let text = String::from_utf8_lossy(element.bytes);
                uid = Some(text.trim_matches(['\0', ' ']).to_owned()).filter(|uid| !uid.is_empty());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return (uid, &[]),
        }
    }
}

pub(super) fn known(uid: &str) -> Result<Syntax, ReadError> {
    if let Some(syntax) = SYNTAXES.iter().find(|s| s.uid == uid) {
        return Ok(*syntax);
    }
    if uid.len() > 64 || !uid.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let attribute = super::Attribute(tags::TRANSFER_SYNTAX_UID);
        return Err(ReadError::Invalid { attribute, problem: "is not a unique identifier" });
    }
    Err(ReadError::TransferSyntax(uid.to_owned()))
}

/// The transfer syntax of a bare data set: its first element, of group 0008 or so, tells byte order and VR.
fn guess(first: &[u8; 6]) -> &'static str {
    let vr = is_vr([first[4], first[5]]);
    match (first[0], vr) {
        (0, true) => "1.2.840.10008.1.2.2",
        (_, true) => "1.2.840.10008.1.2.1",
        (_, false) => "1.2.840.10008.1.2",
    }
}

/// Explicit or implicit, by the first element: no first element is so long that its length reads as a VR.
pub(super) fn actual(data: &[u8], declared: Encoding) -> Encoding {
    let Some(first) = data.first_chunk::<6>() else { return declared };
    match (declared, is_vr([first[4], first[5]])) {
        (Encoding::ExplicitBig, _) => Encoding::ExplicitBig,
        (Encoding::ImplicitLittle | Encoding::ExplicitLittle, true) => Encoding::ExplicitLittle,
        (Encoding::ImplicitLittle | Encoding::ExplicitLittle, false) => Encoding::ImplicitLittle,
    }
}

/// PS3.5 A.5: the inflated data set, and whether it is whole. What was inflated before an error is kept.
pub(super) fn inflate(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, bool), ReadError> {
    let unknown = || ReadError::TransferSyntax(DEFLATED.to_owned());
    let registered = TransferSyntaxRegistry.get(DEFLATED).ok_or_else(unknown)?;
    let Codec::Dataset(Some(adapter)) = registered.codec() else { return Err(unknown()) };
    let bytes_max = limits.inflated_bytes_max;
    let mut data = Vec::new();
    let reader = adapter.adapt_reader(Box::new(bytes));
    let outcome = reader.take(bytes_max as u64 + 1).read_to_end(&mut data);
    if data.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes: data.len(), bytes_max });
    }
    Ok((data, outcome.is_ok()))
}
