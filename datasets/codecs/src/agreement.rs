//! What every codec asks of its caller before it touches samples.

use crate::{CodecError, Frame, Shape};

/// That a frame is decoded as what its stream says, into as many samples as that has.
pub(crate) fn decodes(stream: &Shape, shape: &Shape, samples: &[u16]) -> Result<(), CodecError> {
    if stream != shape || shape.samples() != Some(samples.len()) || samples.is_empty() {
        return Err(CodecError::Invalid("the frame is not of the shape that its stream tells"));
    }
    Ok(())
}

/// That a frame has the samples of its shape, 1 or 3 a pixel, of 1 to 16 bits, and nothing above these bits.
pub(crate) fn encodes(frame: &Frame<'_>) -> Result<(), CodecError> {
    let Frame { shape, samples } = frame;
    if !matches!(shape.precision, 1..=16) {
        return Err(CodecError::Unsupported("a precision other than 1 to 16 bits"));
    }
    if !matches!(shape.components, 1 | 3) {
        return Err(CodecError::Unsupported("a number of components other than 1 and 3"));
    }
    if shape.samples() != Some(samples.len()) || samples.is_empty() {
        return Err(CodecError::Invalid("the frame has another number of samples than its shape"));
    }
    let above = u16::MAX.checked_shl(shape.precision.into()).unwrap_or(0);
    if samples.iter().any(|s| s & above != 0) {
        return Err(CodecError::Invalid("a sample has more bits than the precision"));
    }
    Ok(())
}
