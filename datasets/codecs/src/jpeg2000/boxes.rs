//! The boxes of a JP2 or JPH file (ISO 15444-1 annex I, ISO 15444-15 annex D), which some senders put around a frame.
//!
//! Invariant: what is given back begins with SOC and SIZ, and its samples are the frame's, not indices into a palette.

use crate::CodecError;
use crate::jpeg2000::header::{CUT, word32};

/// SOC and SIZ.
const START: &[u8] = &[0xFF, 0x4F, 0xFF, 0x51];
/// LBox and TBox.
const BOX_HEADER_BYTES: usize = 8;

/// The contiguous code stream of a JP2 or JPH file (ISO 15444-1 I.5.4), or the stream itself.
pub(super) fn unwrapped<'a>(stream: &'a [u8], name: &'static str) -> Result<&'a [u8], CodecError> {
    const SIGNATURE: &[u8] = &[0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0D, 0x0A, 0x87, 0x0A];
    if !stream.starts_with(SIGNATURE) {
        return if stream.starts_with(START) { Ok(stream) } else { Err(CodecError::Other(name)) };
    }
    let mut rest = stream;
    while !rest.is_empty() {
        let Box { kind, body, behind } = next_box(rest)?;
        match &kind {
            b"jp2c" if body.starts_with(START) => return Ok(body),
            b"jp2c" => return Err(CodecError::Other(name)),
            b"jp2h" => refuse_palette(body)?,
            _ => {}
        }
        rest = behind;
    }
    Err(CUT)
}

/// A box, and what follows it.
struct Box<'a> {
    kind: [u8; 4],
    body: &'a [u8],
    behind: &'a [u8],
}

/// The first box. The last one, and one that breaks off, reaches to the end.
fn next_box(bytes: &[u8]) -> Result<Box<'_>, CodecError> {
    let length = word32(bytes, 0).ok_or(CUT)?;
    let kind = *bytes.get(4..).and_then(<[u8]>::first_chunk).ok_or(CUT)?;
    let (head, length) = match length {
        0 => (BOX_HEADER_BYTES, bytes.len()),
        1 => {
            let long = bytes.get(8..).and_then(<[u8]>::first_chunk).ok_or(CUT)?;
            (2 * BOX_HEADER_BYTES, usize::try_from(u64::from_be_bytes(*long)).unwrap_or(usize::MAX))
        }
        length => (BOX_HEADER_BYTES, length as usize),
    };
    if length < head {
        return Err(CodecError::Invalid("a box is shorter than its header"));
    }
    let (this, behind) = bytes.split_at(length.min(bytes.len()));
    Ok(Box { kind, body: this.get(head..).unwrap_or_default(), behind })
}

fn refuse_palette(mut header: &[u8]) -> Result<(), CodecError> {
    while !header.is_empty() {
        let Box { kind, behind, .. } = next_box(header)?;
        if &kind == b"pclr" {
            return Err(CodecError::Unsupported("a palette"));
        }
        header = behind;
    }
    Ok(())
}
