//! ISO 14495-1, by CharLS.
//!
//! Invariant: CharLS sees only streams whose frame and scan headers were read here and found to be of a kind that it
//! handles, and every one of them ends in a marker. CharLS 2.4 reads beyond a stream that does not, and may then count
//! bits for ever.
//!
//! CharLS takes zeros for bits that are missing from the last code of a scan. So where a stream lost the last byte of a
//! scan and nothing else (its end marker is there), the last sample of that scan may be wrong; no other is. CharLS does
//! not say how many bits it took, so only a second decoding could tell.

mod library;

use std::borrow::Cow;

use charls_sys as charls;

use self::library::{Errc, Word, decode_into, encode, failed};
use crate::agreement::{decodes, encodes};
use crate::markers::{EOI, FrameHeader, SOS, Walk, frame_header};
use crate::{Codec, CodecError, Decoding, Encoding, Extent, Format, Frame, Header, Missing, Shape};

/// ISO 14495-1.
///
/// Lossless and near-lossless, 2 to 16 bits, one or three components in any interleave mode, preset parameters.
/// [`Encoding::Lossy`] is NEAR, the largest difference of a sample.
#[derive(Debug, Clone, Copy)]
pub struct JpegLs;

const SOF55: u8 = 0xF7;
const LSE: u8 = 0xF8;

impl Codec for JpegLs {
    fn name(&self) -> &'static str {
        "JPEG-LS"
    }

    fn inspect(&self, stream: &[u8], declared: &Shape) -> Result<Header, CodecError> {
        Ok(read(stream, declared)?.0)
    }

    fn decode(&self, stream: &[u8], shape: &Shape, how: &Decoding, samples: &mut [u16]) -> Result<Extent, CodecError> {
        let (header, planes, scan) = read(stream, shape)?;
        decodes(&header.shape, shape, samples)?;
        // In a segment before the last scan, or behind the end, the same two bytes may be anything.
        let end = stream[scan..].windows(2).position(|w| w == [0xFF, EOI]).map(|end| scan + end);
        let source = match (end, how.missing) {
            (Some(end), _) => Cow::Borrowed(&stream[..end + 2]),
            (None, Missing::Refuse) => return Err(CodecError::BreaksOff("before its end marker")),
            (None, Missing::Keep) => Cow::Owned([stream, &[0xFF, EOI]].concat()),
        };
        let result = decode(&source, shape, planes, samples);
        let extent = match (result, end) {
            (Ok(()), Some(_)) => Ok(Extent::Whole),
            (Err(errc), Some(end)) if end > scan && stream[end - 1] == 0 => {
                // CharLS wants a marker right behind the last bit; some encoders (that of NEMA's file MR1_JLSL) leave
                // a zero byte between.
                let without = [&stream[..end - 1], &[0xFF, EOI]].concat();
                let again = decode(&without, shape, planes, samples);
                again.map(|()| Extent::Whole).map_err(|_| failed(errc))
            }
            (Err(errc), Some(_)) => Err(failed(errc)),
            // An end that was put there proves nothing: it may have been taken for the last bits.
            (Ok(()), None) => Ok(Extent::Part),
            (Err(errc), None) if BROKEN_OFF.contains(&errc) => Ok(Extent::Part),
            (Err(errc), None) => Err(failed(errc)),
        }?;
        // CharLS lets a damaged scan leave the range that its own header states.
        let most = u16::MAX >> (16 - header.shape.precision);
        if samples.iter().any(|sample| *sample > most) {
            return Err(CodecError::Invalid("a JPEG-LS sample has more bits than its header says"));
        }
        Ok(extent)
    }

    fn encode(&self, frame: &Frame<'_>, how: &Encoding) -> Result<Vec<u8>, CodecError> {
        encodes(frame)?;
        let Frame { shape, samples } = frame;
        let sides = [shape.columns, shape.rows].map(u16::try_from);
        let ([Ok(columns), Ok(rows)], 2..) = (sides, shape.precision) else {
            return Err(CodecError::Unsupported("JPEG-LS of more than 65535 rows or columns, or of a single bit"));
        };
        let near = match *how {
            Encoding::Lossless => 0,
            Encoding::Lossy(near) => i32::from(near),
        };
        // ISO 14495-1 C.2.3. CharLS writes more and then refuses to read it.
        if near > (i32::from(u16::MAX >> (16 - shape.precision)) / 2).min(255) {
            return Err(CodecError::Unsupported("JPEG-LS of that NEAR"));
        }
        let info = charls::charls_frame_info {
            width: columns.into(),
            height: rows.into(),
            bits_per_sample: shape.precision.into(),
            component_count: shape.components as i32,
        };
        let interleave = match shape.components {
            1 => charls::charls_interleave_mode_none,
            _ => charls::charls_interleave_mode_sample,
        };
        if shape.precision > 8 {
            return encode(info, interleave, near, samples);
        }
        let bytes: Vec<u8> = samples.iter().map(|sample| *sample as u8).collect();
        encode(info, interleave, near, &bytes)
    }
}

/// What CharLS says where a stream ends too early.
const BROKEN_OFF: [charls::charls_jpegls_errc; 3] = [
    charls::charls_jpegls_errc_source_buffer_too_small,
    charls::charls_jpegls_errc_invalid_encoded_data,
    charls::charls_jpegls_errc_unexpected_end_of_image_marker,
];

/// How CharLS gives the samples of several components.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Planes {
    /// A plane after the other: each component has its own scan.
    Apart,
    /// The samples of a pixel side by side.
    Together,
}

/// Reads the headers of the frame (ISO 14495-1 C.2.2) and of its scans (C.2.3), and says where the last of these ends.
fn read(stream: &[u8], declared: &Shape) -> Result<(Header, Planes, usize), CodecError> {
    const CUT: CodecError = CodecError::BreaksOff("in a scan header");
    let mut walk = Walk::new(stream, "JPEG-LS")?;
    let mut frame: Option<FrameHeader> = None;
    let (mut scans, mut lossy) = (0, false);
    while let Some(segment) = walk.next()? {
        match (segment.marker, &frame) {
            (SOF55, None) => frame = Some(checked(frame_header(segment.body)?)?),
            (SOF55, Some(_)) => return Err(CodecError::Invalid("the JPEG-LS stream has several frame headers")),
            // DHT and JPG apart, these are the frames of T.81.
            (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCF, _) => return Err(CodecError::Other("JPEG-LS")),
            (LSE, _) if segment.body.first() == Some(&4) => {
                return Err(CodecError::Unsupported("JPEG-LS of more than 65535 rows or columns"));
            }
            (SOS, None) => return Err(CodecError::Invalid("the JPEG-LS stream has a scan before its frame header")),
            (SOS, Some(frame)) => {
                let count = usize::from(*segment.body.first().ok_or(CUT)?);
                let &[near, interleave, _] =
                    segment.body.get(1 + 2 * count..).and_then(<[u8]>::first_chunk::<3>).ok_or(CUT)?;
                lossy |= near > 0;
                // CharLS takes the components as they come and does not look at their names.
                let names = frame.components.iter().skip(scans).map(|(name, _)| name);
                if !names.take(count).eq(segment.body[1..].iter().step_by(2).take(count)) {
                    return Err(CodecError::Unsupported(
                        "JPEG-LS with its components in another order than it names them",
                    ));
                }
                scans += 1;
                let shape = frame.shape(declared.signed);
                let header = Header { format: Format::JpegLs, shape, lossy, reductions: 0 };
                match (count == frame.components.len(), count, interleave) {
                    (true, 1, 0) => return Ok((header, Planes::Together, walk.at)),
                    (true, 3, 1 | 2) if scans == 1 => return Ok((header, Planes::Together, walk.at)),
                    (false, 1, 0) if scans == frame.components.len() => return Ok((header, Planes::Apart, walk.at)),
                    (false, 1, 0) => walk.at = behind_scan(stream, walk.at).ok_or(CUT)?,
                    _ => return Err(CodecError::Unsupported("JPEG-LS with scans of different kinds")),
                }
            }
            _ => {}
        }
    }
    Err(CodecError::BreaksOff("before its scan"))
}

fn checked(frame: FrameHeader) -> Result<FrameHeader, CodecError> {
    if frame.columns == 0 {
        return Err(CodecError::Invalid("the JPEG-LS stream has no columns"));
    }
    if frame.rows == 0 {
        return Err(CodecError::Unsupported("JPEG-LS that tells its rows behind a scan"));
    }
    if !matches!(frame.precision, 2..=16) {
        return Err(CodecError::Invalid("the JPEG-LS stream is of fewer than 2 or more than 16 bits"));
    }
    if !matches!(frame.components.len(), 1 | 3) || frame.components.iter().any(|(_, sampling)| *sampling != 0x11) {
        return Err(CodecError::Unsupported("JPEG-LS of two or four components, or subsampled,"));
    }
    let names = frame.components.iter().map(|(name, _)| name);
    if names.clone().enumerate().any(|(index, name)| names.clone().take(index).any(|other| other == name)) {
        return Err(CodecError::Invalid("the JPEG-LS stream has two components of one name"));
    }
    Ok(frame)
}

/// The next marker behind entropy-coded bits, in which a bit 0 follows FF (ISO 14495-1 A.1), that is no RSTm.
fn behind_scan(stream: &[u8], from: usize) -> Option<usize> {
    let marker = |w: &[u8]| w[0] == 0xFF && w[1] >= 0x80 && !matches!(w[1], 0xD0..=0xD7);
    Some(from + stream.get(from..)?.windows(2).position(marker)?)
}

fn decode(source: &[u8], shape: &Shape, planes: Planes, samples: &mut [u16]) -> Result<(), Errc> {
    if planes == Planes::Apart {
        return if shape.precision > 8 {
            decode_apart(source, shape, 0_u16, samples)
        } else {
            decode_apart(source, shape, 0_u8, samples)
        };
    }
    if shape.precision > 8 {
        return decode_into(source, shape, samples);
    }
    let mut bytes = vec![0_u8; samples.len()];
    let result = decode_into(source, shape, &mut bytes);
    samples.iter_mut().zip(bytes).for_each(|(sample, byte)| *sample = byte.into());
    result
}

/// Decodes planes and puts the samples of a pixel side by side. Where the last plane breaks off, so do they.
fn decode_apart<T>(source: &[u8], shape: &Shape, zero: T, samples: &mut [u16]) -> Result<(), Errc>
where
    T: Word + Copy + Into<u16>,
{
    let pixels = shape.rows * shape.columns;
    // A later scan may name another interleave mode, and CharLS 2.4 does not look whether its lines, then as long as
    // three, still fit: the two lines that it may write too much find room.
    let mut words = vec![zero; pixels * shape.components + 2 * shape.columns];
    let result = decode_into(source, shape, &mut words);
    for (component, plane) in words.chunks_exact(pixels).take(shape.components).enumerate() {
        let places = samples.iter_mut().skip(component).step_by(shape.components);
        places.zip(plane).for_each(|(place, word)| *place = (*word).into());
    }
    result
}

#[cfg(test)]
mod tests;
