//! ISO 15444-15, high-throughput JPEG 2000.
//!
//! Invariants: those of [`crate::jpeg2000`], whose headers, limits and decoder these are.
//!
//! There is no encoder: OpenJPEG has none, and that of `openjph-core` 0.1.0, the one in Rust that builds with our
//! toolchain, wrote colour and one-bit frames that neither OpenJPH nor OpenJPEG gives back as they were.

#[cfg(test)]
mod tests;

use crate::{Codec, CodecError, Decoding, Extent, Format, Header, Shape, jpeg2000};

/// ISO 15444-15, high-throughput JPEG 2000.
#[derive(Debug, Clone, Copy)]
pub struct Htj2k;

impl Codec for Htj2k {
    fn name(&self) -> &'static str {
        "HTJ2K"
    }

    fn inspect(&self, stream: &[u8], _: &Shape) -> Result<Header, CodecError> {
        jpeg2000::inspect(stream, Format::Htj2k)
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        jpeg2000::decode(stream, Format::Htj2k, shape, how, samples)
    }
}
