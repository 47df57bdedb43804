//! ITU-T T.81 processes with a discrete cosine transform, 8 and 12 bits.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ITU-T T.81 processes with a discrete cosine transform, 8 and 12 bits.
#[derive(Debug, Clone, Copy)]
pub struct JpegDct;

impl Codec for JpegDct {
    fn name(&self) -> &'static str {
        "JPEG"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("JPEG"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("JPEG"))
    }
}
