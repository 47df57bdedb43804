//! ISO 15444-1.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ISO 15444-1.
#[derive(Debug, Clone, Copy)]
pub struct Jpeg2000;

impl Codec for Jpeg2000 {
    fn name(&self) -> &'static str {
        "JPEG 2000"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("JPEG 2000"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("JPEG 2000"))
    }
}
