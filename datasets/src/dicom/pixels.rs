//! The stored values of one frame (PS3.5 section 8, PS3.3 C.7.6.3).
//!
//! Invariant: what comes out is `stored - lo` for every pixel, where `lo..=hi` is what Bits Stored and Pixel
//! Representation allow; bits outside Bits Stored are dropped, no LUT is applied, and there are Rows times Columns
//! values.
//!
//! Native, fragmented native and RLE frames are decoded here; JPEG, JPEG-LS and JPEG 2000 by the decoders registered
//! with dicom-rs. Those refuse a frame of 16 MiB and more that is compressed more than 64 times, as a legal mammogram
//! of an empty field is. Since the size of the frame is checked here against [`Limits`] and against the code stream,
//! the code stream is handed to them with zeros behind its end, which decoders do not read, to pass that guard.
//! A panic in a decoder becomes an error.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_dictionary_std::tags;
use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::codestream::{Coded, Process, jpeg, jpeg2000};
use super::element::{DataSet, Element};
use super::fragments::Frames;
use super::object::Place;
use super::part10::{Loss, Packing, Syntax};
use super::record::Record;
use super::{Attribute, Limits, ReadError, rle};

/// How a pixel is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Rows (0028,0010), above 0.
    pub(super) rows: usize,
    /// Columns (0028,0011), above 0.
    pub(super) columns: usize,
    /// Bits Allocated (0028,0100): 8 or 16.
    pub(super) allocated: u16,
    /// Bits Stored (0028,0101): 1 to Bits Allocated.
    pub(super) stored: u16,
    /// High Bit (0028,0102): Bits Stored - 1 to Bits Allocated - 1.
    pub(super) high: u16,
    /// Pixel Representation (0028,0103) is 1.
    pub(super) signed: bool,
}

impl Layout {
    /// Reads and checks the Image Pixel Module's description of a monochrome frame.
    pub(super) fn new(data: &DataSet<'_>, limits: &Limits) -> Result<Self, ReadError> {
        let word = |tag| data.word(tag).ok_or(ReadError::Missing(Attribute(tag)));
        let invalid = |tag, problem| Err(ReadError::Invalid { attribute: Attribute(tag), problem });
        let rows = usize::from(word(tags::ROWS)?);
        let columns = usize::from(word(tags::COLUMNS)?);
        if rows == 0 {
            return invalid(tags::ROWS, "is 0");
        }
        if columns == 0 {
            return invalid(tags::COLUMNS, "is 0");
        }
        if rows * columns > limits.frame_pixels_max {
            let attribute = Attribute(tags::ROWS);
            return Err(ReadError::Limit { attribute, value: rows * columns, max: limits.frame_pixels_max });
        }
        if data.word(tags::SAMPLES_PER_PIXEL).is_some_and(|n| n != 1) {
            return invalid(tags::SAMPLES_PER_PIXEL, "is not 1");
        }
        let allocated = word(tags::BITS_ALLOCATED)?;
        if allocated != 8 && allocated != 16 {
            return invalid(tags::BITS_ALLOCATED, "is neither 8 nor 16");
        }
        let stored = word(tags::BITS_STORED)?;
        if !(1..=allocated).contains(&stored) {
            return invalid(tags::BITS_STORED, "does not fit Bits Allocated (0028,0100)");
        }
        let high = data.word(tags::HIGH_BIT).unwrap_or(stored - 1);
        if !(stored - 1..allocated).contains(&high) {
            return invalid(tags::HIGH_BIT, "does not fit Bits Stored (0028,0101) and Bits Allocated (0028,0100)");
        }
        let signed = match word(tags::PIXEL_REPRESENTATION)? {
            0 => false,
            1 => true,
            _ => return invalid(tags::PIXEL_REPRESENTATION, "is neither 0 nor 1"),
        };
        Ok(Self { rows, columns, allocated, stored, high, signed })
    }

    /// The stored values that the file declares possible.
    pub(super) fn range(&self) -> RangeInclusive<i32> {
        let span = 1_i32 << self.stored;
        if self.signed { -span / 2..=span / 2 - 1 } else { 0..=span - 1 }
    }

    fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    fn bytes(&self) -> usize {
        usize::from(self.allocated / 8)
    }
}

/// Decodes the only frame of a data set to `stored - lo`; what is odd about its fragments is noted.
pub(super) fn decode(
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    syntax: &Syntax,
    layout: &Layout,
    limits: &Limits,
    record: &mut Record,
) -> Result<Vec<u16>, ReadError> {
    let Some(element) = data.get(tags::PIXEL_DATA) else {
        return Err(data.broken.map_or(ReadError::Missing(Attribute(tags::PIXEL_DATA)), ReadError::from));
    };
    let invalid = |problem| ReadError::Invalid { attribute: Attribute(tags::PIXEL_DATA), problem };
    if let Packing::Refused(why) = syntax.packing {
        return Err(ReadError::Codec { syntax: syntax.uid, why: why.to_owned() });
    }
    match (syntax.packing == Packing::Native, element.undefined) {
        (true, true) => return Err(invalid("is encapsulated although the transfer syntax is uncompressed")),
        (false, false) => return Err(invalid("is not encapsulated although the transfer syntax is compressed")),
        (true, false) | (false, true) => {}
    }
    if syntax.packing == Packing::Native {
        // A pixel of 8 bits may lie behind the one that it is swapped with.
        let bytes = place.value(element, 0, element.len.min(layout.pixels() * layout.bytes() + 1))?;
        return native(&bytes, Some(element), data, layout).map_err(invalid);
    }
    let frames = Frames::new(data, element, 1, place, limits)?;
    frames.notes.iter().for_each(|note| record.note(*note));
    let stream = frames.stream(0, element, place, limits)?;
    decode_stream(stream, data, syntax, layout)
}

/// Decodes one frame of encapsulated pixels from its fragments, put together, to `stored - lo`.
pub(super) fn decode_stream(
    stream: Vec<u8>,
    data: &DataSet<'_>,
    syntax: &Syntax,
    layout: &Layout,
) -> Result<Vec<u16>, ReadError> {
    let codec = |why: &str| ReadError::Codec { syntax: syntax.uid, why: why.to_owned() };
    match syntax.packing {
        Packing::Refused(why) => Err(codec(why)),
        Packing::Native | Packing::Encapsulated => native(&stream, None, data, layout)
            .map_err(|problem| ReadError::Invalid { attribute: Attribute(tags::PIXEL_DATA), problem }),
        Packing::Rle => {
            let words = rle::decode(&stream, layout.pixels(), layout.bytes()).map_err(codec)?;
            Ok(convert(words.into_iter(), layout, layout.allocated, false))
        }
        Packing::JpegBaseline | Packing::JpegLossless | Packing::JpegLs | Packing::Jpeg2000 => {
            coded(stream, syntax, layout)
        }
    }
}

/// PS3.5 section 8.1.1 and annex D: in big endian, pixels of 8 bits in an OW are swapped in pairs.
fn native(
    bytes: &[u8],
    element: Option<&Element<'_>>,
    data: &DataSet<'_>,
    layout: &Layout,
) -> Result<Vec<u16>, &'static str> {
    let short = "is shorter than Rows, Columns and Bits Allocated say";
    let encoding = data.encoding;
    if layout.allocated == 16 {
        let bytes = bytes.get(..layout.pixels() * 2).ok_or(short)?;
        let words = bytes.as_chunks::<2>().0.iter().map(|b| encoding.u16(*b));
        return Ok(convert(words, layout, 16, false));
    }
    let frame = bytes.get(..layout.pixels()).ok_or(short)?;
    if encoding.big() && element.is_some_and(|e| e.vr == Some(*b"OW")) {
        let swapped = (0..frame.len()).map(|i| u16::from(bytes.get(i ^ 1).copied().unwrap_or_default()));
        return Ok(convert(swapped, layout, 8, false));
    }
    Ok(convert(frame.iter().map(|&b| u16::from(b)), layout, 8, false))
}

/// Words to `stored - lo`. `precision` is how many bits of a word were coded. Where something may have been lost,
/// values that overshot are clamped; elsewhere, what is outside Bits Stored is another's (an overlay) and dropped.
fn convert(words: impl Iterator<Item = u16>, layout: &Layout, precision: u16, clamp: bool) -> Vec<u16> {
    let (lo, hi) = layout.range().into_inner();
    let shift = if precision > layout.high { layout.high + 1 - layout.stored } else { 0 };
    let kept = if clamp { precision - shift } else { (precision - shift).min(layout.stored) };
    let mask = u16::MAX >> (16 - kept);
    let sign = if layout.signed { 1 << (kept - 1) } else { 0 };
    words
        .map(|word| {
            let bits = i32::from((word >> shift) & mask);
            let stored = (bits ^ sign) - sign;
            // Within 0..=65535: lo..=hi spans at most 16 bits.
            (stored.clamp(lo, hi) - lo) as u16
        })
        .collect()
}

/// JPEG, JPEG-LS and JPEG 2000.
fn coded(mut stream: Vec<u8>, syntax: &Syntax, layout: &Layout) -> Result<Vec<u16>, ReadError> {
    let codec = |why: &str| ReadError::Codec { syntax: syntax.uid, why: why.to_owned() };
    let header = if syntax.packing == Packing::Jpeg2000 { jpeg2000(&stream) } else { jpeg(&stream) };
    let header = header.map_err(codec)?;
    agrees(&header, syntax, layout).map_err(codec)?;

    // See the module's documentation: the guard of dicom-rs looks at the length of the stream.
    const GUARD_RATIO: usize = 64;
    let bytes = if header.precision <= 8 { 1 } else { 2 };
    let guarded = layout.pixels() * bytes / GUARD_RATIO + 1;
    if stream.len() < guarded {
        stream.resize(guarded, 0);
    }
    let mut frame = Frame { layout: *layout, allocated: bytes as u16 * 8, uid: syntax.uid, stream };
    let decoded = frame.decode().or_else(|why| {
        let repaired = header.process == Process::Ls && drop_zero_before_end(&mut frame.stream);
        if repaired { frame.decode() } else { Err(why) }
    });
    let decoded = decoded.map_err(|why| codec(&why))?;
    if decoded.len() != layout.pixels() * bytes {
        return Err(codec("the decoder gave another number of pixels"));
    }
    let clamp = syntax.loss != Loss::Never;
    if bytes == 1 {
        return Ok(convert(decoded.into_iter().map(u16::from), layout, header.precision, clamp));
    }
    let words = decoded.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
    Ok(convert(words, layout, header.precision, clamp))
}

/// CharLS wants the marker that ends a JPEG-LS stream right behind the last bit; some encoders (that of NEMA's file
/// MR1_JLSL) leave a zero byte between. Takes it out, and says whether there was one.
fn drop_zero_before_end(stream: &mut Vec<u8>) -> bool {
    match stream.windows(3).rposition(|w| w == [0, 0xFF, 0xD9]) {
        Some(at) => {
            stream.remove(at);
            true
        }
        None => false,
    }
}

/// Whether a code stream is what transfer syntax and data set say.
fn agrees(header: &Coded, syntax: &Syntax, layout: &Layout) -> Result<(), &'static str> {
    let process = match syntax.packing {
        Packing::JpegBaseline => Some(Process::Dct),
        Packing::JpegLossless => Some(Process::Lossless),
        Packing::JpegLs => Some(Process::Ls),
        Packing::Jpeg2000 => Some(Process::Wavelet),
        Packing::Native | Packing::Encapsulated | Packing::Rle | Packing::Refused(_) => None,
    };
    if process != Some(header.process) {
        return Err("the code stream is of another process than the transfer syntax");
    }
    if (header.rows, header.columns) != (layout.rows, layout.columns) {
        return Err("the code stream has other dimensions than Rows (0028,0010) and Columns (0028,0011)");
    }
    if header.components != 1 {
        return Err("the code stream has several components");
    }
    let precision_max = if header.process == Process::Dct { 8 } else { layout.allocated };
    if !(2..=precision_max).contains(&header.precision) {
        return Err("the code stream's precision does not fit Bits Allocated (0028,0100) or the transfer syntax");
    }
    if header.signed && !layout.signed {
        return Err("the code stream is signed, Pixel Representation (0028,0103) is not");
    }
    Ok(())
}

/// A frame as dicom-rs wants it.
struct Frame {
    layout: Layout,
    /// Bits of a decoded sample, by the code stream's precision.
    allocated: u16,
    uid: &'static str,
    stream: Vec<u8>,
}

impl Frame {
    fn decode(&self) -> Result<Vec<u8>, String> {
        let syntax = TransferSyntaxRegistry.get(self.uid);
        let Some(Codec::EncapsulatedPixelData(Some(reader), _)) = syntax.map(|s| s.codec()) else {
            return Err("this build has no decoder for it".to_owned());
        };
        let mut decoded = Vec::new();
        // The vector is dropped if the decoder panics, and nothing else is shared with it.
        match catch_unwind(AssertUnwindSafe(|| reader.decode_frame(self, 0, &mut decoded))) {
            Ok(Ok(())) => Ok(decoded),
            Ok(Err(error)) => Err(because(&error)),
            Err(_) => Err("the decoder panicked".to_owned()),
        }
    }
}

/// An error with its causes; decoders speak of markers and sizes only.
fn because(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl PixelDataObject for Frame {
    fn transfer_syntax_uid(&self) -> &str {
        self.uid
    }

    fn rows(&self) -> Option<u16> {
        self.layout.rows.try_into().ok()
    }

    fn cols(&self) -> Option<u16> {
        self.layout.columns.try_into().ok()
    }

    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }

    fn bits_allocated(&self) -> Option<u16> {
        Some(self.allocated)
    }

    fn bits_stored(&self) -> Option<u16> {
        Some(self.layout.stored)
    }

    fn photometric_interpretation(&self) -> Option<&str> {
        Some("MONOCHROME2")
    }

    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }

    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }

    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(&self.stream))
    }

    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        None
    }

    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        let fragments = std::iter::once(self.stream.clone()).collect();
        Some(RawPixelData { fragments, offset_table: std::iter::empty().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(stored: u16, high: u16, signed: bool) -> Layout {
        let allocated = if high < 8 { 8 } else { 16 };
        Layout { rows: 1, columns: 1, allocated, stored, high, signed }
    }

    #[test]
    fn bits() {
        let check = |word: u16, layout: Layout, precision, clamp, stored: i32| {
            let pixel = convert(std::iter::once(word), &layout, precision, clamp)[0];
            assert_eq!(i32::from(pixel) + layout.range().start(), stored, "{word:#x} {layout:?}");
        };
        // An overlay above the stored bits, values left-aligned, a sign bit below the top.
        check(0xF123, layout(12, 11, false), 16, false, 0x123);
        check(0x123F, layout(12, 15, false), 16, false, 0x123);
        check(0xF800, layout(12, 11, true), 16, false, -2048);
        check(0x0FFF, layout(12, 11, true), 16, false, -1);
        check(0x8000, layout(16, 15, true), 16, false, -32768);
        check(0x80, layout(8, 7, true), 8, false, -128);
        // A code stream of fewer bits than Bits Stored has its own sign bit.
        check(0x3FF, layout(12, 11, true), 10, false, -1);
        check(0x3FF, layout(12, 11, false), 10, false, 0x3FF);
        check(0x123, layout(12, 15, false), 12, false, 0x123);
        // A lossy code stream may overshoot.
        check(0x1001, layout(12, 11, false), 16, true, 0xFFF);
        check(0x7FFF, layout(12, 11, true), 16, true, 2047);
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(
            stored in 1_u16..=16, up in 0_u16..16, signed: bool, inverted: bool, value: u16, around: u16,
        ) {
            let high = (stored - 1 + up).min(15);
            let layout = layout(stored, high, signed);
            let shift = high + 1 - stored;
            let mask = u16::MAX >> (16 - stored);
            let container = if layout.allocated == 8 { 0xFF } else { 0xFFFF };
            let word = (((value & mask) << shift) | (around & !(mask << shift))) & container;
            let (lo, hi) = layout.range().into_inner();
            let expected = if signed && value & mask & (1 << (stored - 1)) != 0 {
                i32::from(value & mask) - (1 << stored)
            } else {
                i32::from(value & mask)
            };
            let pixel = convert(std::iter::once(word), &layout, layout.allocated, false)[0];
            let span = (hi - lo) as u16;
            let pixel = if inverted { span - pixel } else { pixel };
            let pixels = uvid_exam::Pixels::new(1, 1, lo..=hi, inverted, vec![pixel]).expect("valid");
            prop_assert_eq!(pixels.stored(pixel), expected);
        }
    }
}
