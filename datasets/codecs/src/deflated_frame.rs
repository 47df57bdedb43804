//! A frame of plain samples, deflated (RFC 1951; PS3.5 section A.4.13).

use crate::{Codec, CodecError, Decoding, Extent, Header, Shape};

/// A frame of plain samples, deflated (RFC 1951; PS3.5 section A.4.13).
#[derive(Debug, Clone, Copy)]
pub struct DeflatedFrame;

impl Codec for DeflatedFrame {
    fn name(&self) -> &'static str {
        "deflated frame"
    }

    fn inspect(&self, _: &[u8], _: &Shape) -> Result<Header, CodecError> {
        Err(CodecError::Unsupported("deflated frame"))
    }

    fn decode(&self, _: &[u8], _: &Shape, _: &Decoding, _: &mut [u16]) -> Result<Extent, CodecError> {
        Err(CodecError::Unsupported("deflated frame"))
    }
}
