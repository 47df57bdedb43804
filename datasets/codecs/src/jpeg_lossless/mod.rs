//! JPEG lossless: ITU-T T.81 process 14, the usual syntax of mammographs (selection value 1 is DICOM's `.70`, all seven
//! its `.57`).
//!
//! Two decoders of the same scan. [`reference`] reads beside annex H, a sample at a time, and takes whatever a stream may
//! be: several components, interleaved or not, a table each. [`fast`] takes one component, as every mammogram is, and is
//! held to the reference by the tests. It goes in two steps over a block of rows that stays in the cache: [`entropy`]
//! gives differences, up to three of them and the zeros behind them by one look-up; [`predict`] adds what annex H
//! predicts. Both work modulo 2^16 (H.1.2.1), which is what makes the second step a sum over a row.
//!
//! Invariants: a stream is held to one frame header, so nothing grows after [`inspect`](crate::Codec::inspect); memory
//! is the samples and the scan once more, without its stuffing. Of a sample, what lies above the precision is dropped:
//! encoders of signed values leave the sign there.

mod encode;
mod entropy;
mod fast;
mod huffman;
mod predict;
mod reference;
mod scan;
#[cfg(test)]
mod tests;

pub use encode::{Options, encode};

use crate::agreement::decodes;
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Shape};
use scan::Stream;

/// ITU-T T.81 process 14, selection values 1 to 7, 2 to 16 bits, with point transform and restart intervals.
#[derive(Debug, Clone, Copy)]
pub struct JpegLossless;

const NAME: &str = "JPEG lossless";

impl Codec for JpegLossless {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        let stream = Stream::open(stream)?;
        let shape = stream.frame.shape(declared.signed);
        // A point transform drops low bits.
        Ok(Header { format: Format::JpegLossless, shape, lossy: stream.transform > 0, reductions: 0 })
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, out: &mut [u16]) -> Result<Extent, CodecError> {
        let mut stream = Stream::open(stream)?;
        decodes(&stream.frame.shape(shape.signed), shape, out)?;
        let frame = &stream.frame;
        let single = frame.components.len() == 1;
        let precision = frame.precision;
        let mut extent = Extent::Whole;
        let mut missing = frame.components.clone();
        while !missing.is_empty() {
            let Some(scan) = stream.scan(how.missing)? else {
                extent = Extent::Part;
                break;
            };
            let before = missing.len();
            missing.retain(|component| !scan.components.iter().any(|c| c.id == component.0));
            if before - missing.len() != scan.components.len() {
                return Err(CodecError::Invalid("the code stream has two scans of one component"));
            }
            let part = if single {
                fast::decode(&scan, shape.columns, precision, how, out)?
            } else {
                reference::decode(&scan, shape, how, out)?
            };
            if part == Extent::Part {
                extent = Extent::Part;
                break;
            }
        }
        Ok(extent)
    }

    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        match how {
            Encoding::Lossless => encode(frame, &Options::default()),
            Encoding::Lossy(_) => Err(CodecError::Unsupported("lossy encoding in JPEG lossless")),
        }
    }
}
