//! Lossless compression of one 16-bit frame.
//!
//! Invariant: the same pixels give the same bytes everywhere: the encoders of [`uvid_codecs`] are deterministic.

use uvid_codecs::{Encoding, Frame, Shape};

use super::PhantomError;
use super::wrap::Wrap;

/// Compresses a frame, its values within the bits stored, in the transfer syntax of `wrap`; `None` for one that does not
/// compress pixels.
pub(super) fn compress(values: &[u16], wrap: &Wrap) -> Option<Result<Vec<u8>, PhantomError>> {
    let format = wrap.transfer_syntax.format()?;
    let shape = Shape::grey(wrap.rows, wrap.columns, wrap.bits_stored);
    let encoded = format.codec().encode(&Frame { shape, samples: values }, &Encoding::Lossless);
    Some(encoded.map_err(|error| PhantomError::Write(error.to_string())))
}
