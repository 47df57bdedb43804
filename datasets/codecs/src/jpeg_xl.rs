//! ISO 18181-1.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ISO 18181-1.
#[derive(Debug, Clone, Copy)]
pub struct JpegXl;

impl Codec for JpegXl {
    fn name(&self) -> &'static str {
        "JPEG XL"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("JPEG XL"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("JPEG XL"))
    }
}
