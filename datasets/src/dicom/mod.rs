//! DICOM files in, the nouns of an exam out.
//!
//! [`read_header`] answers the questions asked at the door (who, which study, which syntax) without touching a pixel;
//! [`read`] gives one [`Received`]: a mammogram with its pixels, or something that is listed and not scored.
//!
//! Invariants:
//! - No byte of a file makes this module panic, recurse without bound or allocate more than the file's own size plus
//!   what [`Limits`] allows. Values are slices of the file; nothing is allocated because a length field says so.
//! - An error, a note or a reason names attributes and says what is wrong with them. It never repeats a value that
//!   a sender could have put a name into.
//! - What the attributes say is reported as they say it. Nothing is guessed: two attributes that disagree about side,
//!   view or intent give a [`uvid_exam::Reason::Contradiction`], as do an attribute and the pixels that disagree about
//!   the chest wall. An attribute that is there twice with two values makes the file unreadable.
//! - Contradictions and notes outlive the failure to decode the pixels.
//!
//! Who does what: `part10` finds the data set in the file, `element` walks it, `charset` decodes its text, `header`
//! identifies it, `kind` says what it is, `view` which breast from where, `fragments` finds the frame, `coded`,
//! `pixels` and `bits` decode it, `orientation` turns it upright, `voi` reads and applies what the file offers for display, and
//! `image` puts a [`uvid_exam::Mammogram`] together. [`Object`] is what holds a file open.
//!
//! Why not `dicom-object` for the reading. Measured with 0.10.1: 200 000 nested sequences (4 MB) overflow its stack
//! and abort the process; an element that claims 4 GiB in a file of 1 KiB takes 4.2 GB of memory and 5 s to fail;
//! a file without (0002,0000) is refused; and every value is copied. Its text codecs are used, and its writer makes the
//! files of the tests.

mod attributes;
mod bits;
mod bytes;
mod catalog;
mod charset;
mod coded;
mod colour;
mod element;
mod error;
mod fragments;
pub mod frame;
mod header;
mod image;
mod implicit;
mod intake;
mod kind;
pub mod listing;
mod object;
mod orientation;
mod part10;
mod pixels;
mod record;
mod reference;
mod source;
mod syntax;
mod view;
pub mod voi;

use uvid_exam::Received;

pub use attributes::{read_attributes, read_items, split_file};
pub use bytes::ReadSeek;
pub use catalog::Catalog;
pub use charset::charset_for;
pub use error::{Attribute, Offset, Place, ReadError};
pub use header::Header;
pub use implicit::to_implicit;
pub use intake::{AccessionNumber, HeaderView, Intake};
pub use object::Object;
pub use reference::{Bare, PixelsSeen, declared_charset};
pub use source::{Code, Repair, Source, SourcePatient, SourceStudy, SourceTable};
pub use syntax::decoded_syntaxes;
pub use uvid_codecs::{Extent, Missing};

/// What decodes pixels elsewhere than on this processor, and what that has to do with.
pub mod accelerator {
    pub use uvid_codecs::{Accelerator, Format, Proven, Shape, Unproven};
}

/// What one file may cost. A file or a frame beyond is refused; of nesting, items, elements and text, what is beyond
/// is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file. Default 4 GiB: a tomosynthesis object may have 2.
    pub file_bytes_max: usize,
    /// Bytes of a deflated data set (PS3.5 A.5) once inflated. Default 1 GiB.
    pub inflated_bytes_max: usize,
    /// Bytes of a data set without the values of its Pixel Data, which are held in memory. Default 1 GiB: secondary
    /// captures may keep images in private attributes.
    pub header_bytes_max: usize,
    /// Fragments of encapsulated pixels; each is 16 bytes of memory. Default 1 048 576.
    pub fragments_max: usize,
    /// Bytes of one frame as it is stored. Default 1 GiB.
    pub frame_bytes_max: usize,
    /// Rows times Columns. Default 100 million; the largest mammograms have 30.
    pub frame_pixels_max: usize,
    /// Sequences within sequences. Default 16.
    pub sequence_depth_max: usize,
    /// Items of one sequence that are looked at. Default 64: no sequence that is read has more than a few.
    pub sequence_items_max: usize,
    /// Elements of one data set or item; it counts as broken behind them. Default 20 000.
    pub elements_max: usize,
    /// Bytes of a text value; a longer one counts as absent. Default 64 KiB.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 4 << 30,
            inflated_bytes_max: 1 << 30,
            header_bytes_max: 1 << 30,
            fragments_max: 1 << 20,
            frame_bytes_max: 1 << 30,
            frame_pixels_max: 100_000_000,
            sequence_depth_max: 16,
            sequence_items_max: 64,
            elements_max: 20_000,
            text_bytes_max: 64 << 10,
        }
    }
}

/// Reads what identifies a file. No pixel is decoded.
///
/// # Errors
///
/// [`ReadError::NotDicom`], [`ReadError::TooLarge`], [`ReadError::TransferSyntax`], and [`ReadError::Missing`] or
/// [`ReadError::Uid`] for one of the four UIDs; [`ReadError::Invalid`] for an attribute that occurs twice with
/// different values. A data set that breaks off after the UIDs is no error here.
pub fn read_header(bytes: &[u8], limits: &Limits) -> Result<Header, ReadError> {
    Object::of(bytes, limits)?.header(None)
}

/// The same, its text in the set that it really is in, whatever it declares: by a rule about its sender.
///
/// # Errors
///
/// Those of [`read_header`].
pub fn read_header_as(bytes: &[u8], limits: &Limits, repair: Repair) -> Result<Header, ReadError> {
    Object::of(bytes, limits)?.header(Some(repair))
}

/// Reads what objects made from a file repeat of it. No pixel is decoded.
///
/// # Errors
///
/// Those of [`read_header`].
pub fn read_source(bytes: &[u8], limits: &Limits, repair: Option<Repair>) -> Result<Source, ReadError> {
    Object::of(bytes, limits)?.describe(repair)
}

/// Reads a file whole: [`Object::read`].
///
/// # Errors
///
/// Those of [`read_header`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Received, ReadError> {
    Object::of(bytes, limits)?.read()
}

#[cfg(test)]
mod tests;
