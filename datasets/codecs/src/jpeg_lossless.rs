//! ITU-T T.81 process 14, all selection values.

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// ITU-T T.81 process 14, all selection values.
#[derive(Debug, Clone, Copy)]
pub struct JpegLossless;

impl Codec for JpegLossless {
    fn name(&self) -> &'static str {
        "JPEG lossless"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("JPEG lossless"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("JPEG lossless"))
    }
}
