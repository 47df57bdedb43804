//! ISO 15444-1, by OpenJPEG 2.5.3 (crate `openjpeg-sys`, compiled in).
//!
//! Invariants:
//! - A stream reaches the library only as a bare code stream whose headers this module has read and held to limits.
//! - With [`Missing::Refuse`] a stream that is cut anywhere before the end of EOC, or whose tile-parts end before a packet
//!   that its headers promise, is an error: the library alone takes many such streams for whole ones.
//! - The samples do not depend on the number of threads: each code-block and each line of the transform is computed by one
//!   thread, in integers or in the same order of floats.
//!
//! With [`Missing::Keep`] the wavelet coefficients that are missing are 0, so that what a tile lacks shows as blur, or as
//! the middle of the range; a tile of which nothing came stays 0. So does the whole frame where the stream breaks off and
//! the library does not read what came of it, whatever its reason. Where only packets break off, in tile-parts that are as
//! long as they say, that is an error: a header that is cut reads as one that is wrong. Of HTJ2K this is most such streams.
//!
//! Packet headers apart from their packets (PPM, PPT) are refused, as nobody is known to send them and their end is not
//! seen.
//!
//! OpenJPEG is compiled with its assertions: one that fails aborts the process, which is better than to go on.
//!
//! Memory, beyond stream and samples: 4.5 to 6.5 bytes a sample (measured: 3328 x 2560 of 12 bits, one tile and tiles of
//! 64 x 64, a mammogram and noise); 31 with code-blocks of 4 x 4, the smallest. A precinct adds some 1.5 KiB, of which
//! there are at most 65,536.
//!
//! OpenJPEG was measured against hayro-jpeg2000 0.5.0 and j2k-native 0.11.3, both in safe Rust, on that mammogram, one
//! thread: 538, 606 and 779 ms without loss, and only the first and last use more threads.

mod boxes;
mod coding;
mod ending;
mod grid;
mod header;
mod openjpeg;
mod plain;
#[cfg(test)]
pub(crate) mod tests;

use std::num::NonZeroUsize;

pub(crate) use plain::plain;

use crate::agreement::{decodes, encodes};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Missing, Shape};

/// ISO 15444-1.
#[derive(Debug, Clone, Copy)]
pub struct Jpeg2000;

impl Codec for Jpeg2000 {
    fn name(&self) -> &'static str {
        "JPEG 2000"
    }

    fn inspect(&self, stream: &[u8], _: &Shape) -> Result<Header, CodecError> {
        inspect(stream, Format::Jpeg2000)
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        decode(stream, Format::Jpeg2000, shape, how, samples)
    }

    /// With [`Encoding::Lossy`] the ratio is that of the frame's size, at its precision, to the stream's. Noise of one bit is
    /// more than the library can code without loss: it is refused.
    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        encodes(frame)?;
        if *how == Encoding::Lossy(0) {
            return Err(CodecError::Invalid("a ratio of sizes is at least 1"));
        }
        let stream = openjpeg::encode(frame, how)?;
        if *how == Encoding::Lossless && frame.shape.precision < VERIFIED_BELOW {
            verify(&stream, frame)?;
        }
        Ok(stream)
    }
}

/// OpenJPEG leaves two guard bits. The 5-3 transform stays within them but for its rounding, which counts where samples
/// have so few bits: one-bit noise comes back changed.
const VERIFIED_BELOW: u16 = 8;

/// Refuses a stream that does not give the frame back.
fn verify(stream: &[u8], frame: &Frame<'_>) -> Result<(), CodecError> {
    let mut back = vec![0; frame.samples.len()];
    match Jpeg2000.decode(stream, &frame.shape, &Decoding::default(), &mut back)? {
        Extent::Whole if back == frame.samples => Ok(()),
        Extent::Whole | Extent::Part => Err(CodecError::Library("OpenJPEG does not give the frame back".to_owned())),
    }
}

/// The headers of a stream of one of the two formats.
fn read(stream: &[u8], format: Format) -> Result<header::Codestream<'_>, CodecError> {
    let name = format.codec().name();
    let codestream = header::read(stream, name)?;
    if codestream.high_throughput != (format == Format::Htj2k) {
        return Err(CodecError::Other(name));
    }
    Ok(codestream)
}

/// [`Codec::inspect`] for JPEG 2000 and HTJ2K.
pub(crate) fn inspect(stream: &[u8], format: Format) -> Result<Header, CodecError> {
    let header::Codestream { shape, lossy, reductions, .. } = read(stream, format)?;
    Ok(Header { format, shape, lossy, reductions })
}

/// [`Codec::decode`] for JPEG 2000 and HTJ2K.
pub(crate) fn decode(
    stream: &[u8],
    format: Format,
    shape: &Shape,
    how: &Decoding,
    samples: &mut [u16],
) -> Result<Extent, CodecError> {
    let codestream = read(stream, format)?;
    if how.reduce > codestream.reductions {
        return Err(CodecError::Unsupported("a resolution that the code stream does not have"));
    }
    decodes(&codestream.shape.reduced(how.reduce), shape, samples)?;
    let threads = if codestream.high_throughput { how.threads.max(HIGH_THROUGHPUT_MIN) } else { how.threads };
    let mut run = |bytes: &[u8], strict| {
        openjpeg::decode(bytes, openjpeg::Reading { reduce: how.reduce, threads, strict }, shape, samples)
    };
    match (codestream.breaks_off, how.missing) {
        (None, missing) => match (run(codestream.all(), true), missing) {
            (Ok(()), _) if ending::has_every_packet(&codestream) => Ok(Extent::Whole),
            (Ok(()), Missing::Refuse) => Err(CodecError::BreaksOff("before its last packet")),
            (Ok(()), Missing::Keep) => Ok(Extent::Part),
            (Err(error), Missing::Refuse) => Err(error),
            // Only the length of a packet is not held against it.
            (Err(error), Missing::Keep) => run(codestream.all(), false).map(|()| Extent::Part).map_err(|_| error),
        },
        (Some(place), Missing::Refuse) => Err(CodecError::BreaksOff(place)),
        (Some(_), Missing::Keep) => {
            // A cut within a packet's header can be too much for the library.
            let _ = codestream.parts().any(|bytes| run(&bytes, false).is_ok());
            Ok(Extent::Part)
        }
    }
}

/// OpenJPEG reads a code-block of ISO 15444-15 where it lies if it has one thread, and else from an aligned copy; how far it
/// looks for illegal bytes in it depends on the alignment (`mel_init` in its `ht_dec.c`). With two threads or more every
/// caller has the same streams refused.
const HIGH_THROUGHPUT_MIN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Decomposition levels to encode with: 5, as is usual, or what leaves the smallest side a sample.
pub(crate) fn levels(shape: &Shape) -> u8 {
    const LEVELS: u32 = 5;
    // At most LEVELS.
    shape.rows.min(shape.columns).checked_ilog2().unwrap_or(0).min(LEVELS) as u8
}

/// What a sample stands for.
pub(crate) fn value(sample: u16, shape: &Shape) -> i32 {
    let value = i32::from(sample);
    if shape.signed && sample >> (shape.precision - 1) == 1 { value - (1 << shape.precision) } else { value }
}
