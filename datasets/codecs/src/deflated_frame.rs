//! A frame of plain samples, deflated (RFC 1951; PS3.5 section A.4.13).
//!
//! A sample is a byte or two, the low one first, and two where it has more than 8 bits; those of a pixel lie side by
//! side. The stream says nothing of itself: the shape is the declared one, and bits above its precision are dropped, as
//! those of plain samples are (an old overlay's, or copies of the sign).
//!
//! Invariant: no more is inflated than two bytes a sample.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use crate::agreement::{decodes, encodes};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Missing, Shape};

/// A frame of plain samples, deflated (RFC 1951; PS3.5 section A.4.13).
#[derive(Debug, Clone, Copy)]
pub struct DeflatedFrame;

/// Of zlib's levels, the one that it takes by itself.
const LEVEL: u8 = 6;

impl Codec for DeflatedFrame {
    fn name(&self) -> &'static str {
        "deflated frame"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        if stream.is_empty() {
            return Err(CodecError::BreaksOff("at its start"));
        }
        if !matches!(declared.precision, 1..=16) || declared.samples().is_none_or(|samples| samples == 0) {
            return Err(CodecError::Invalid("the declared frame has no samples of 1 to 16 bits"));
        }
        Ok(Header { format: Format::DeflatedFrame, shape: *declared, lossy: false, reductions: 0 })
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        decodes(&self.inspect(stream, shape)?.shape, shape, samples)?;
        // Room for two bytes a sample: what stands in a word may be of 8 bits or fewer.
        let mut frame = vec![0; 2 * samples.len()];
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, inflated) = decompress(&mut DecompressorOxide::new(), stream, &mut frame, 0, flags);
        // PS3.5 section A.4.13: what follows the last block is a byte that makes the length even.
        if status == TINFLStatus::Done && !matches!(stream.get(read..), Some([] | [0])) {
            return Err(CodecError::Invalid("the deflated frame has bytes behind its end"));
        }
        let (words, frame) = (inflated == frame.len(), &frame[..inflated]);
        // A frame of odd length may have been padded before it was deflated.
        let bytes = shape.precision <= 8 && [samples.len(), samples.len().next_multiple_of(2)].contains(&inflated);
        let mask = u16::MAX >> (16 - shape.precision);
        match (status, how.missing) {
            (TINFLStatus::Done, _) if words => put_words(frame, mask, samples),
            (TINFLStatus::Done, _) if bytes => put_bytes(frame, mask, samples),
            (TINFLStatus::Done, _) => return Err(CodecError::Invalid("the deflated frame is too short")),
            (TINFLStatus::HasMoreOutput, _) => return Err(CodecError::Invalid("the deflated frame is too long")),
            // Of 8 bits and fewer, only the length tells how they were stored.
            (TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress, Missing::Keep)
                if shape.precision > 8 =>
            {
                put_words(frame, mask, samples);
                return Ok(Extent::Part);
            }
            (TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress, _) => {
                return Err(CodecError::BreaksOff("before the end of its last block"));
            }
            _ => return Err(CodecError::Invalid("the frame is not deflated")),
        }
        Ok(Extent::Whole)
    }

    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        encodes(frame)?;
        if *how != Encoding::Lossless {
            return Err(CodecError::Unsupported("a lossy deflated frame"));
        }
        let mut stream = if frame.shape.precision > 8 {
            compress_to_vec(&frame.samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<_>>(), LEVEL)
        } else {
            compress_to_vec(&frame.samples.iter().map(|s| *s as u8).collect::<Vec<_>>(), LEVEL)
        };
        // PS3.5 section A.4.13: a fragment has an even number of bytes.
        stream.resize(stream.len().next_multiple_of(2), 0);
        Ok(stream)
    }
}

fn put_words(frame: &[u8], mask: u16, samples: &mut [u16]) {
    let words = frame.as_chunks::<2>().0;
    samples.iter_mut().zip(words).for_each(|(sample, word)| *sample = u16::from_le_bytes(*word) & mask);
}

fn put_bytes(frame: &[u8], mask: u16, samples: &mut [u16]) {
    samples.iter_mut().zip(frame).for_each(|(sample, byte)| *sample = u16::from(*byte) & mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_the_end() {
        let check = |behind: &[u8], expected: Result<Extent, CodecError>| {
            for precision in [8, 16] {
                let shape = Shape::grey(3, 5, precision);
                let plain = vec![7; 15 * usize::from(precision / 8)];
                let stream = [&compress_to_vec(&plain, LEVEL), behind].concat();
                for missing in [Missing::Refuse, Missing::Keep] {
                    let how = Decoding { missing, ..Decoding::default() };
                    let got =
                        crate::decode(Format::DeflatedFrame, &stream, &shape, &how, 15).map(|(.., extent)| extent);
                    assert_eq!(got, expected, "{behind:?} {precision} {missing:?}");
                }
            }
        };
        let behind = Err(CodecError::Invalid("the deflated frame has bytes behind its end"));
        check(&[], Ok(Extent::Whole));
        check(&[0], Ok(Extent::Whole));
        check(&[7], behind.clone());
        check(&[0, 0], behind.clone());
        check(&[7; 1000], behind);
    }
}
