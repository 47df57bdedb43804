//! The nouns that all codecs share.

use std::num::NonZeroUsize;

use crate::Format;

/// What a frame's samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of pixels.
    pub rows: usize,
    /// Pixels in a row.
    pub columns: usize,
    /// Samples of a pixel: 1, or 3 for colour. Colour comes out as RGB where the stream codes it as a transform of RGB.
    pub components: usize,
    /// Bits of a sample, 1 to 16.
    pub precision: u16,
    /// Whether samples are signed.
    pub signed: bool,
}

impl Shape {
    /// One unsigned sample a pixel.
    pub fn grey(rows: usize, columns: usize, precision: u16) -> Self {
        Self { rows, columns, components: 1, precision, signed: false }
    }

    /// Rows times columns times components; `None` beyond the address space.
    pub fn samples(&self) -> Option<usize> {
        self.rows.checked_mul(self.columns)?.checked_mul(self.components)
    }

    /// The shape with each side halved `times` times, rounding up, as the wavelet transform does (ISO 15444-1 B.5).
    pub fn reduced(&self, times: u8) -> Self {
        let halved = |side: usize| (0..times).fold(side, |side, _| side.div_ceil(2));
        Self { rows: halved(self.rows), columns: halved(self.columns), ..*self }
    }
}

/// What a code stream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How it is coded.
    pub format: Format,
    /// Its samples, at full resolution.
    pub shape: Shape,
    /// Whether something was lost when it was made, as far as the stream can tell.
    pub lossy: bool,
    /// How many times [`Decoding::reduce`] may halve it: 0 but for wavelets.
    pub reductions: u8,
}

/// What to do with a stream that breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// It is an error.
    #[default]
    Refuse,
    /// What can be decoded is; the rest stays 0.
    Keep,
}

/// How to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoding {
    /// Threads that one frame may use. The samples do not depend on it.
    pub threads: NonZeroUsize,
    /// How many times to halve each side; never more than [`Header::reductions`].
    pub reduce: u8,
    /// What to do with a stream that breaks off.
    pub missing: Missing,
}

impl Default for Decoding {
    fn default() -> Self {
        Self { threads: NonZeroUsize::MIN, reduce: 0, missing: Missing::Refuse }
    }
}

/// How much of a frame was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Extent {
    /// All of it.
    Whole,
    /// The stream breaks off; only with [`Missing::Keep`].
    Part,
}

/// A frame to encode.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// What it is.
    pub shape: Shape,
    /// Its samples, as [`crate::Codec::decode`] gives them.
    pub samples: &'a [u16],
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Every sample comes back as it is.
    #[default]
    Lossless,
    /// Whatever the format's own measure of closeness is: the largest difference of a sample in near-lossless JPEG-LS,
    /// 100 less the quality for JPEG, the ratio of sizes for JPEG 2000.
    Lossy(u16),
}
