//! Whether every packet of a stream is there (ISO 15444-1 B.9, B.10).
//!
//! Nothing says how long a packet is but its own header, and behind the end of a tile's data the library reads zeros: "an
//! empty packet". So the stream is read again, as small as it can be made, with other bytes there, to which a stream that
//! is whole never comes.
//!
//! Invariant: of a stream that passes here, and that the library reads as it is, no packet reaches beyond its tile's data.
//! - If the first header that does has a code-block still to tell of, it reads of one in [`ONES`], whose length takes more
//!   and more bits until the library refuses it.
//! - If it has none, or has only lengths left to read, it reads [`ONE`] byte, behind which a stuffed bit is missing, or the
//!   code-block that is so long.
//! - A header that is there, with a code-block that is not, is refused in the stream as it is.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::jpeg2000::header::{Codestream, PSOT, word32};
use crate::jpeg2000::openjpeg::{Reading, image};

/// Ones, with a bit 0 stuffed behind each FF. More than the tag trees and passes of one code-block take (50 bits), and a
/// length indicator until it is above 32 bits.
const ONES: [[u8; 2]; 32] = [[0xFF, 0x7F]; 32];
const ONE: [u8; 1] = [0xFF];

/// Whether each tile has all its packets, of a stream that the library reads.
///
/// It costs two passes over the packets and two copies of the stream: 1 to 2 % of the time of a mammogram with one thread.
pub(super) fn has_every_packet(codestream: &Codestream<'_>) -> bool {
    let how = Reading { reduce: codestream.reductions, threads: NonZeroUsize::MIN, strict: true };
    let passes = |more: &[u8]| image(&extended(codestream, more), how).is_ok();
    passes(ONES.as_flattened()) && passes(&ONE)
}

/// The stream, with `more` behind the data of each tile.
fn extended(codestream: &Codestream<'_>, more: &[u8]) -> Vec<u8> {
    let bytes = codestream.all();
    let mut parts: Vec<&Range<usize>> = codestream.last_parts.iter().collect();
    parts.sort_by_key(|part| part.end);
    let mut extended = Vec::with_capacity(bytes.len() + parts.len() * more.len());
    let mut from = 0;
    for part in parts {
        let psot = extended.len() + (part.start - from) + PSOT;
        extended.extend_from_slice(&bytes[from..part.end]);
        extended.extend_from_slice(more);
        // 0 is up to EOC.
        if word32(&extended, psot).is_some_and(|length| length > 0) {
            let length = u32::try_from(part.len() + more.len()).unwrap_or(u32::MAX);
            extended[psot..psot + 4].copy_from_slice(&length.to_be_bytes());
        }
        from = part.end;
    }
    extended.extend_from_slice(&bytes[from..]);
    extended
}
