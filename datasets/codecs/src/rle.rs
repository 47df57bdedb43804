//! PS3.5 annex G.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// PS3.5 annex G.
#[derive(Debug, Clone, Copy)]
pub struct Rle;

impl Codec for Rle {
    fn name(&self) -> &'static str {
        "RLE"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("RLE"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("RLE"))
    }
}
