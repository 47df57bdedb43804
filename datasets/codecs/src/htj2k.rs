//! ISO 15444-15, high-throughput JPEG 2000.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ISO 15444-15, high-throughput JPEG 2000.
#[derive(Debug, Clone, Copy)]
pub struct Htj2k;

impl Codec for Htj2k {
    fn name(&self) -> &'static str {
        "HTJ2K"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("HTJ2K"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("HTJ2K"))
    }
}
