//! Compressed frames to samples and back.
//!
//! One trait, [`Codec`]; one file or folder for each way a frame is coded; [`Format`] lists them. Nothing here knows
//! DICOM: what a data set declares comes as a [`Shape`], what the code stream says of itself goes back as a [`Header`].
//! What decodes faster than a codec, elsewhere, is an [`Accelerator`], of use once it is [`Proven`].
//!
//! Invariants:
//! - [`Codec::inspect`] allocates nothing by what a stream claims, so that the caller can hold the claim to its limits
//!   before [`Codec::decode`] sees the stream.
//! - Whatever the bytes are, a codec gives samples or a [`CodecError`]: it does not panic, does not read or write out of
//!   bounds, and allocates no more than a stated multiple of the frame's own size.
//! - A lossless code stream gives the samples that were encoded, bit for bit; nothing is stretched, scaled or windowed.
//! - The same bytes give the same samples for any number of threads.

mod accelerator;
mod agreement;
mod error;
mod frame;
mod markers;

pub mod deflated_frame;
pub mod htj2k;
pub mod jpeg2000;
pub mod jpeg_dct;
pub mod jpeg_lossless;
pub mod jpeg_ls;
pub mod jpeg_xl;
pub mod rle;

pub use accelerator::{Accelerator, Proven, Unproven};
pub use error::CodecError;
pub use frame::{Decoding, Encoding, Extent, Frame, Header, Missing, Shape};

/// How a frame is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// ITU-T T.81 process 14, all selection values.
    JpegLossless,
    /// ITU-T T.81 processes with a discrete cosine transform, 8 and 12 bits.
    JpegDct,
    /// ISO 14495-1.
    JpegLs,
    /// ISO 15444-1.
    Jpeg2000,
    /// ISO 15444-15, high-throughput JPEG 2000.
    Htj2k,
    /// ISO 18181-1.
    JpegXl,
    /// PS3.5 annex G.
    Rle,
    /// A frame of plain samples, deflated (RFC 1951; PS3.5 section A.4.13).
    DeflatedFrame,
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[
        Self::JpegLossless,
        Self::JpegDct,
        Self::JpegLs,
        Self::Jpeg2000,
        Self::Htj2k,
        Self::JpegXl,
        Self::Rle,
        Self::DeflatedFrame,
    ];

    /// The codec for it.
    pub fn codec(self) -> &'static dyn Codec {
        match self {
            Self::JpegLossless => &jpeg_lossless::JpegLossless,
            Self::JpegDct => &jpeg_dct::JpegDct,
            Self::JpegLs => &jpeg_ls::JpegLs,
            Self::Jpeg2000 => &jpeg2000::Jpeg2000,
            Self::Htj2k => &htj2k::Htj2k,
            Self::JpegXl => &jpeg_xl::JpegXl,
            Self::Rle => &rle::Rle,
            Self::DeflatedFrame => &deflated_frame::DeflatedFrame,
        }
    }
}

/// Decodes, and where it can encodes, frames of one format.
///
/// A new format is one file that implements this, and a line in [`Format`].
pub trait Codec: Sync {
    /// What it is called in messages.
    fn name(&self) -> &'static str;

    /// What the stream says of itself. Formats that say nothing (RLE, deflate) repeat what is declared.
    ///
    /// # Errors
    ///
    /// The stream is not of this format, breaks off in its header, or is of a kind that is not decoded.
    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError>;

    /// Decodes into `samples`, which has [`Shape::samples`] zeros: row by row, the samples of a pixel side by side. A
    /// sample is the low [`Shape::precision`] bits of a word; of a signed one, its two's complement within these bits,
    /// the bits above zero.
    ///
    /// `shape` is that of [`Codec::inspect`], reduced by [`Decoding::reduce`] where that is not 0.
    ///
    /// # Errors
    ///
    /// What was not decoded, and why. With [`Missing::Keep`], a stream that only breaks off is [`Extent::Part`] instead.
    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError>;

    /// Encodes a frame.
    ///
    /// # Errors
    ///
    /// [`CodecError::NoEncoder`], or the frame is not one that this format can hold.
    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        let _ = (frame, how);
        Err(CodecError::NoEncoder)
    }
}

/// Inspects and decodes in one step, allocating the samples.
///
/// `samples_max` is the most samples (rows x columns x components) that are allocated.
///
/// # Errors
///
/// Those of [`Codec::inspect`] and [`Codec::decode`]; [`CodecError::Limit`] for a stream that claims more.
pub fn decode(
    format: Format,
    stream: &[u8],
    declared: &Shape,
    how: &Decoding,
    samples_max: usize,
) -> Result<(Header, Vec<u16>, Extent), CodecError> {
    let codec = format.codec();
    let header = codec.inspect(stream, declared)?;
    let shape = header.shape.reduced(how.reduce);
    let count = shape.samples().filter(|count| *count <= samples_max);
    let count = count.ok_or(CodecError::Limit { samples_max })?;
    let mut samples = vec![0; count];
    let extent = codec.decode(stream, &shape, how, &mut samples)?;
    Ok((header, samples, extent))
}
