//! PS3.5 annex G: run lengths of bytes, a segment for each byte of a pixel.
//!
//! Invariant: exactly as many samples come out as the frame has, and a segment that holds more is of another frame. A
//! pixel comes out when all of its bytes are there; none is made of some of them. Memory does not depend on the stream:
//! 4 KiB a segment.

use crate::agreement::{decodes, encodes};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Missing, Shape};

/// PS3.5 annex G.
///
/// Samples of one or two bytes, one or three components. The stream says how many segments it has and nothing else:
/// from that comes [`Shape::precision`], 8 or 16, whatever is declared.
#[derive(Debug, Clone, Copy)]
pub struct Rle;

/// Sixteen numbers of 32 bits (PS3.5 section G.5).
const HEADER_BYTES: usize = 64;
/// Three components of two bytes.
const SEGMENTS_MAX: usize = 6;
/// Bytes of a segment that are unpacked before samples are put together.
const TILE_BYTES: usize = 4 << 10;
/// The most that one code of PackBits stands for (PS3.5 section G.3.1).
const CODE_BYTES_MAX: usize = 128;

impl Codec for Rle {
    fn name(&self) -> &'static str {
        "RLE"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        let (_, bytes) = segments(stream, declared.components)?;
        let shape = Shape { precision: 8 * bytes as u16, ..*declared };
        Ok(Header { format: Format::Rle, shape, lossy: false, reductions: 0 })
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        let (mut unpackers, bytes) = segments(stream, shape.components)?;
        decodes(&Shape { precision: 8 * bytes as u16, ..*shape }, shape, samples)?;
        let mut tiles = vec![0; unpackers.len() * TILE_BYTES];
        for pixels in samples.chunks_mut(TILE_BYTES * shape.components) {
            let wanted = pixels.len() / shape.components;
            let mut whole = wanted;
            for (unpacker, tile) in unpackers.iter_mut().zip(tiles.chunks_exact_mut(TILE_BYTES)) {
                let count = unpacker.fill(&mut tile[..wanted]);
                if count < wanted && !unpacker.last {
                    return Err(CodecError::Invalid("an RLE segment is too short"));
                }
                whole = whole.min(count);
            }
            put_together(&tiles, bytes, shape.components, &mut pixels[..whole * shape.components]);
            if whole < wanted {
                return match how.missing {
                    Missing::Refuse => Err(CodecError::BreaksOff("in an RLE segment")),
                    Missing::Keep => Ok(Extent::Part),
                };
            }
        }
        if unpackers.iter().any(|unpacker| !unpacker.is_used_up()) {
            return Err(CodecError::Invalid("an RLE segment is longer than the frame"));
        }
        Ok(Extent::Whole)
    }

    /// Lossless; a byte a sample up to 8 bits, two above.
    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        let Frame { shape, samples } = frame;
        if *how != Encoding::Lossless {
            return Err(CodecError::Unsupported("lossy RLE"));
        }
        encodes(frame)?;
        let bytes = usize::from(shape.precision.div_ceil(8));
        let mut header = [0_u32; HEADER_BYTES / 4];
        header[0] = (shape.components * bytes) as u32;
        let mut out = vec![0; HEADER_BYTES];
        let mut row_bytes = Vec::with_capacity(shape.columns);
        for segment in 0..shape.components * bytes {
            let start = u32::try_from(out.len());
            header[segment + 1] = start.map_err(|_| CodecError::Unsupported("RLE beyond 4 GiB"))?;
            let (component, shift) = (segment / bytes, 8 * (bytes - 1 - segment % bytes));
            for row in samples.chunks_exact(shape.columns * shape.components) {
                row_bytes.clear();
                row_bytes.extend(row.iter().skip(component).step_by(shape.components).map(|s| (s >> shift) as u8));
                pack(&row_bytes, &mut out);
            }
            // PS3.5 section G.3.1: a segment has an even number of bytes.
            out.resize(out.len().next_multiple_of(2), 0);
        }
        for (place, number) in out.as_chunks_mut::<4>().0.iter_mut().zip(header) {
            *place = number.to_le_bytes();
        }
        Ok(out)
    }
}

/// The segments of a frame, and how many bytes a sample has.
fn segments(stream: &[u8], components: usize) -> Result<(Vec<Unpacker<'_>>, usize), CodecError> {
    const OUTSIDE: CodecError = CodecError::Invalid("an RLE segment lies outside of the frame");
    let header = stream.get(..HEADER_BYTES).ok_or(CodecError::BreaksOff("in the RLE header"))?;
    let mut numbers = header.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b) as usize);
    let count = numbers.next().unwrap_or_default();
    let bytes = [1, 2].into_iter().find(|bytes| components.checked_mul(*bytes) == Some(count));
    let (Some(bytes), 1..=SEGMENTS_MAX) = (bytes, count) else {
        return Err(CodecError::Invalid("the number of RLE segments is not that of the bytes of a pixel"));
    };
    let starts: Vec<usize> = numbers.take(count).collect();
    if starts.first() < Some(&HEADER_BYTES) || !starts.is_sorted() {
        return Err(OUTSIDE);
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unpackers = starts.iter().zip(ends).enumerate().map(|(index, (&start, end))| Unpacker {
        input: stream.get(start.min(stream.len())..end.min(stream.len())).unwrap_or_default(),
        code: Code::Literal(0),
        // What lies behind the end of the stream is missing, not malformed.
        last: index + 1 == count || end > stream.len(),
    });
    Ok((unpackers.collect(), bytes))
}

/// Bytes, the most significant first, to samples with the components of a pixel side by side.
fn put_together(tiles: &[u8], bytes: usize, components: usize, samples: &mut [u16]) {
    for (component, tiles) in tiles.chunks_exact(bytes * TILE_BYTES).enumerate() {
        let (high, low) = tiles.split_at((bytes - 1) * TILE_BYTES);
        let pairs = high.iter().zip(low);
        let word = |(&high, &low)| u16::from_be_bytes([high, low]);
        // Steps of 1 apart, because only these become vectors.
        match (bytes, components) {
            (1, 1) => samples.iter_mut().zip(low).for_each(|(sample, &low)| *sample = low.into()),
            (_, 1) => samples.iter_mut().zip(pairs).for_each(|(sample, pair)| *sample = word(pair)),
            (_, _) => {
                let places = samples.iter_mut().skip(component).step_by(components);
                match bytes {
                    1 => places.zip(low).for_each(|(sample, &low)| *sample = low.into()),
                    _ => places.zip(pairs).for_each(|(sample, pair)| *sample = word(pair)),
                }
            }
        }
    }
}

/// What is left of the code that the last tile ended in.
#[derive(Clone, Copy)]
enum Code {
    Literal(usize),
    Run(usize, u8),
}

/// A segment on its way to bytes (PS3.5 section G.3.2).
struct Unpacker<'a> {
    input: &'a [u8],
    code: Code,
    /// Whether the stream ends with it.
    last: bool,
}

impl Unpacker<'_> {
    /// Fills `out` from its start and says how far; less than all of it is where the segment ends.
    fn fill(&mut self, out: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = &mut out[at..];
            match self.code {
                Code::Literal(count) => {
                    let count = count.min(rest.len());
                    let there = count.min(self.input.len());
                    rest[..there].copy_from_slice(&self.input[..there]);
                    self.input = &self.input[there..];
                    at += there;
                    if there < count {
                        return at;
                    }
                    self.code = shortened(self.code, count);
                }
                Code::Run(count, byte) => {
                    let count = count.min(rest.len());
                    rest[..count].fill(byte);
                    at += count;
                    self.code = shortened(self.code, count);
                }
            }
            if at == out.len() {
                return at;
            }
            self.code = match *self.input {
                [] => return at,
                [count @ 0..=127, ..] => Code::Literal(usize::from(count) + 1),
                [128, ..] => Code::Literal(0),
                [_] => return at,
                [count, byte, ..] => Code::Run(257 - usize::from(count), byte),
            };
            let length = if matches!(self.code, Code::Run(..)) { 2 } else { 1 };
            self.input = &self.input[length..];
        }
    }

    /// Whether nothing is left but codes that stand for no byte and the zero that makes the length of a segment even
    /// (PS3.5 section G.3.1).
    fn is_used_up(&self) -> bool {
        let codes = self.input.iter().position(|code| *code != 128).unwrap_or(self.input.len());
        matches!(self.code, Code::Literal(0) | Code::Run(0, _)) && matches!(self.input[codes..], [] | [0])
    }
}

fn shortened(code: Code, by: usize) -> Code {
    match code {
        Code::Literal(count) => Code::Literal(count - by),
        Code::Run(count, byte) => Code::Run(count - by, byte),
    }
}

/// Packs a row, which no code reaches beyond (PS3.5 section G.3.1). Costs at most a byte in 128.
fn pack(mut row: &[u8], out: &mut Vec<u8>) {
    while let Some(&first) = row.first() {
        let near = &row[..row.len().min(CODE_BYTES_MAX)];
        let run = near.iter().take_while(|byte| **byte == first).count();
        let count = if run >= 2 {
            out.extend([(257 - run) as u8, first]);
            run
        } else {
            // Up to the next run of three: breaking off for two gains nothing.
            let literal = near.windows(3).position(|w| w[0] == w[1] && w[1] == w[2]).unwrap_or(near.len());
            out.push((literal - 1) as u8);
            out.extend(&near[..literal]);
            literal
        };
        row = &row[count..];
    }
}

#[cfg(test)]
mod tests;
