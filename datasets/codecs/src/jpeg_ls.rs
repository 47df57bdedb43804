//! ISO 14495-1.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ISO 14495-1.
#[derive(Debug, Clone, Copy)]
pub struct JpegLs;

impl Codec for JpegLs {
    fn name(&self) -> &'static str {
        "JPEG-LS"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("JPEG-LS"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("JPEG-LS"))
    }
}
