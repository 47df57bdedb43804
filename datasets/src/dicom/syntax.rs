//! The transfer syntaxes (PS3.5 annex A, PS3.6 table A-1).
//!
//! Invariant: what a syntax says about loss is no more than it says; a code stream may say more.

use dicom_dictionary_std::tags;
use uvid_codecs::Format;

use super::ReadError;
use super::element::Encoding;

/// How the pixels are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As they are (PS3.5 section 8.1).
    Native,
    /// As they are, in fragments (PS3.5 section A.4.11).
    Encapsulated,
    /// In fragments, each frame a code stream (PS3.5 section 8.2, annex G).
    Coded(Format),
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
const JPEG: Packing = Packing::Coded(Format::JpegDct);
const LOSSLESS: Packing = Packing::Coded(Format::JpegLossless);
const LS: Packing = Packing::Coded(Format::JpegLs);
const WAVELETS: Packing = Packing::Coded(Format::Jpeg2000);
const HIGH_THROUGHPUT: Packing = Packing::Coded(Format::Htj2k);
const XL: Packing = Packing::Coded(Format::JpegXl);
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
    syntax("1.2.840.10008.1.2.5", Packing::Coded(Format::Rle), Loss::Never),
    syntax("1.2.840.10008.1.2.4.50", JPEG, Loss::Always),
    syntax("1.2.840.10008.1.2.4.51", JPEG, Loss::Always),
    syntax("1.2.840.10008.1.2.4.57", LOSSLESS, Loss::Never),
    syntax("1.2.840.10008.1.2.4.70", LOSSLESS, Loss::Never),
    syntax("1.2.840.10008.1.2.4.80", LS, Loss::Never),
    syntax("1.2.840.10008.1.2.4.81", LS, Loss::Possible),
    syntax("1.2.840.10008.1.2.4.90", WAVELETS, Loss::Never),
    syntax("1.2.840.10008.1.2.4.91", WAVELETS, Loss::Possible),
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
    syntax("1.2.840.10008.1.2.4.201", HIGH_THROUGHPUT, Loss::Never),
    syntax("1.2.840.10008.1.2.4.202", HIGH_THROUGHPUT, Loss::Never),
    syntax("1.2.840.10008.1.2.4.203", HIGH_THROUGHPUT, Loss::Possible),
    syntax("1.2.840.10008.1.2.8.1", Packing::Coded(Format::DeflatedFrame), Loss::Never),
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
