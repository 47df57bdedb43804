//! No CUDA: the same type, of which there are no values.

use super::{DecodeFault, NoDecoder, Plane};

/// A decoder on one GPU.
pub enum Jpeg2000 {}

impl Jpeg2000 {
    /// Opens the library on a GPU.
    ///
    /// # Errors
    ///
    /// [`NoDecoder::NotBuilt`].
    pub fn open(_ordinal: usize) -> Result<Self, NoDecoder> {
        Err(NoDecoder::NotBuilt)
    }

    /// The library's version.
    pub fn version(&self) -> &str {
        match *self {}
    }

    /// Decodes a bare code stream.
    ///
    /// # Errors
    ///
    /// None: there is no such value.
    pub fn decode(&mut self, _codestream: &[u8], _expected: Plane) -> Result<Vec<u16>, DecodeFault> {
        match *self {}
    }
}
