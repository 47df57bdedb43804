//! The stored values of one frame (PS3.5 section 8, PS3.3 C.7.6.3).
//!
//! Invariant: what comes out is `stored - lo` for every pixel, where `lo..=hi` is what Bits Stored and Pixel
//! Representation allow; bits outside Bits Stored are dropped, no LUT is applied, and there are Rows times Columns
//! values.
//!
//! Native and fragmented native frames are decoded here, code streams by [`uvid_codecs`].

use std::ops::RangeInclusive;

use dicom_dictionary_std::tags;
use uvid_codecs::{CodecError, Extent, Header, Missing, Proven};
use uvid_exam::Reduced;

use super::bits::{self, Bits};
use super::coded;
use super::element::{DataSet, Element};
use super::fragments::Frames;
use super::object::Place;
use super::record::Record;
use super::syntax::{Loss, Packing, Syntax};
use super::{Attribute, Limits, ReadError};

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

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    fn bytes(&self) -> usize {
        usize::from(self.allocated / 8)
    }
}

/// A frame of one component as it is stored, and what is known of it before it is decoded.
pub(super) struct Frame {
    /// As the data set declares it, or as the code stream has it where that says otherwise.
    pub(super) layout: Layout,
    /// Whether the code stream says that something was lost.
    pub(super) lossy: bool,
    /// What was odd.
    pub(super) notes: Vec<&'static str>,
    stored: Vec<u8>,
    form: Form,
    syntax: Syntax,
    /// Whether bits that Bits Stored leaves hold an overlay.
    overlay: bool,
}

/// What is decoded of a frame.
pub(super) struct Decoded {
    /// Each `stored - lo`.
    pub(super) values: Vec<u16>,
    /// How much of it was there.
    pub(super) extent: Extent,
    /// What was odd about the words.
    pub(super) note: Option<&'static str>,
}

enum Form {
    /// Uncompressed; whether bytes are swapped in pairs.
    Native {
        big: bool,
        swapped: bool,
    },
    Coded(Header),
}

impl Frame {
    /// The only frame of a data set. What is odd about its fragments is noted, whatever becomes of it.
    pub(super) fn only(
        data: &DataSet<'_>,
        place: &mut Place<'_>,
        syntax: &Syntax,
        layout: &Layout,
        limits: &Limits,
        record: &mut Record,
    ) -> Result<Self, ReadError> {
        let Some(element) = data.get(tags::PIXEL_DATA) else {
            return Err(data.broken.map_or(ReadError::Missing(Attribute(tags::PIXEL_DATA)), ReadError::from));
        };
        let invalid = |problem| Err(ReadError::Invalid { attribute: Attribute(tags::PIXEL_DATA), problem });
        if let Packing::Refused(why) = syntax.packing {
            return Err(ReadError::Codec { syntax: syntax.uid, why: why.to_owned() });
        }
        match (syntax.packing == Packing::Native, element.undefined) {
            (true, true) => return invalid("is encapsulated although the transfer syntax is uncompressed"),
            (false, false) => return invalid("is not encapsulated although the transfer syntax is compressed"),
            (true, false) | (false, true) => {}
        }
        element.held_to(Missing::Refuse)?;
        if syntax.packing == Packing::Native {
            // A pixel of 8 bits may lie behind the one that it is swapped with.
            let bytes = layout.pixels() * layout.bytes();
            record.notes.extend(surplus(element.len, bytes)?.map(str::to_owned));
            return Self::new(place.value(element, 0, element.len.min(bytes + 1))?, data, syntax, layout);
        }
        let frames = Frames::new(data, element, 1, syntax.packing, place, limits, Missing::Refuse)?;
        frames.notes.iter().for_each(|note| record.note(*note));
        let stream = frames.stream(0, element, place, limits)?;
        if syntax.packing == Packing::Encapsulated {
            record.notes.extend(surplus(stream.len(), layout.pixels() * layout.bytes())?.map(str::to_owned));
        }
        Self::new(stream, data, syntax, layout)
    }

    /// A frame from its bytes: of a code stream, what it says of itself is compared with what is declared.
    pub(super) fn new(
        stored: Vec<u8>,
        data: &DataSet<'_>,
        syntax: &Syntax,
        layout: &Layout,
    ) -> Result<Self, ReadError> {
        let syntax = *syntax;
        let format = match syntax.packing {
            Packing::Refused(why) => return Err(failed(&syntax, why)),
            Packing::Native | Packing::Encapsulated => {
                let big = data.encoding.big();
                let in_words = |element: &Element<'_>| element.vr == Some(*b"OW");
                let native = syntax.packing == Packing::Native;
                let swapped = native && big && data.get(tags::PIXEL_DATA).is_some_and(in_words);
                let form = Form::Native { big, swapped };
                let overlay = bits::hold_overlay(data, layout, layout.allocated);
                return Ok(Self { layout: *layout, lossy: false, notes: Vec::new(), stored, form, syntax, overlay });
            }
            Packing::Coded(format) => format,
        };
        let declared = coded::declared(format, layout, 1);
        let (header, odd) = coded::inspect(&stored, format, &declared).map_err(|error| undecoded(&syntax, &error))?;
        let (layout, mut notes) = coded::settle(&header, layout).map_err(|why| failed(&syntax, why))?;
        notes.extend(odd);
        let overlay = bits::hold_overlay(data, &layout, header.shape.precision);
        Ok(Self { layout, lossy: header.lossy, notes, stored, form: Form::Coded(header), syntax, overlay })
    }

    /// How many times it may be halved while it is decoded.
    pub(super) fn halvings(&self, reduced: Option<Reduced>) -> u8 {
        match (&self.form, reduced) {
            // A mean of words that hold two things is none of either.
            (Form::Coded(header), Some(reduced)) if !self.overlay => {
                reduced.halvings(self.layout.rows, self.layout.columns, header.reductions)
            }
            _ => 0,
        }
    }

    /// Decodes it to `stored - lo`, each side halved `reduce` times, no more than [`Frame::halvings`]. What is missing
    /// is an error, or the value 0 as it would be stored.
    pub(super) fn values(
        self,
        reduce: u8,
        missing: Missing,
        accelerator: Option<&Proven>,
    ) -> Result<Decoded, ReadError> {
        let Self { layout, stored, form, syntax, overlay, .. } = self;
        let header = match form {
            Form::Native { big, swapped } => return native(&stored, big, swapped, &layout, overlay, missing),
            Form::Coded(header) => header,
        };
        let lossy = header.lossy || reduce > 0 || coded::may_hide_loss(header.format) && syntax.loss != Loss::Never;
        let precision = header.shape.precision;
        if overlay && header.lossy {
            return Err(failed(&syntax, "an overlay lies in the bits of pixels that were compressed with loss"));
        }
        let elsewhere = accelerator.and_then(|by| coded::elsewhere(by, &stored, &header, reduce, syntax.loss));
        let samples = match elsewhere {
            Some(samples) => Ok((samples, Extent::Whole)),
            None => coded::samples(&stored, &header, reduce, missing),
        };
        let (mut samples, extent) = samples.map_err(|error| undecoded(&syntax, &error))?;
        // What was lost overshoots beside edges, and so does a small image of a wavelet.
        let clamp = lossy && !overlay;
        let bits = Bits::new(&layout, precision, clamp);
        let signed = header.shape.signed && !lossy && !overlay;
        if signed && !samples.iter().all(|sample| bits.is_extended(*sample)) {
            return Err(failed(&syntax, BEYOND));
        }
        let odd = !overlay && bits.any_odd(&samples);
        bits.apply(&mut samples);
        Ok(Decoded { values: samples, extent, note: odd.then_some(if clamp { CLAMPED } else { DROPPED }) })
    }
}

const CLAMPED: &str = "values beyond what Bits Stored (0028,0101) allows were clamped";
const DROPPED: &str = "bits outside Bits Stored (0028,0101) were not zero and are dropped";
const BEYOND: &str = "the code stream is signed and has values beyond what Bits Stored (0028,0101) allows";

/// Whether pixels that are declared to be colour are a code stream of one component.
pub(super) fn is_grey_stream(
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    syntax: &Syntax,
    limits: &Limits,
) -> Result<bool, ReadError> {
    let (Packing::Coded(format), Some(element)) = (syntax.packing, data.get(tags::PIXEL_DATA)) else {
        return Ok(false);
    };
    if !element.undefined || coded::is_plain(format) {
        return Ok(false);
    }
    let stream = match Frames::new(data, element, 1, syntax.packing, place, limits, Missing::Refuse) {
        Ok(frames) => frames.stream(0, element, place, limits)?,
        Err(error @ ReadError::Io(_)) => return Err(error),
        Err(_) => return Ok(false),
    };
    let side = |tag| usize::from(data.word(tag).unwrap_or_default());
    let declared = uvid_codecs::Shape::grey(side(tags::ROWS), side(tags::COLUMNS), 8);
    Ok(coded::inspect(&stream, format, &declared).is_ok_and(|(header, _)| header.shape.components == 1))
}

/// That a frame is not decoded.
pub(super) fn failed(syntax: &Syntax, why: &str) -> ReadError {
    ReadError::Codec { syntax: syntax.uid, why: why.to_owned() }
}

/// The same in a codec's words. A stream that breaks off is told from one that is wrong.
pub(super) fn undecoded(syntax: &Syntax, error: &CodecError) -> ReadError {
    let failed = failed(syntax, &error.to_string());
    if matches!(error, CodecError::BreaksOff(_)) { ReadError::Incomplete(Box::new(failed)) } else { failed }
}

/// That an uncompressed frame ends before its last pixel.
pub(super) fn short() -> ReadError {
    let problem = "is shorter than Rows, Columns and Bits Allocated say";
    let short = ReadError::Invalid { attribute: Attribute(tags::PIXEL_DATA), problem };
    ReadError::Incomplete(Box::new(short))
}

/// What is odd about the length of one uncompressed frame of so many bytes, which may be padded to an even one. What is
/// short is told when the pixels are wanted.
pub(super) fn surplus(len: usize, frame: usize) -> Result<Option<&'static str>, ReadError> {
    if len.saturating_sub(frame) <= frame % 2 {
        return Ok(None);
    }
    let rest = len.checked_rem(frame).unwrap_or_default();
    if rest == 0 || rest == 1 && (len - rest) % 2 == 1 {
        let problem = "holds several frames in the place of one";
        return Err(ReadError::Invalid { attribute: Attribute(tags::PIXEL_DATA), problem });
    }
    Ok(Some("Pixel Data (7FE0,0010) is longer than Rows, Columns and Bits Allocated say"))
}

/// Bytes of a frame that are turned into values at once; even, since bytes may be swapped in pairs.
const PIECE: usize = 16 << 10;

/// PS3.5 section 8.1.1 and annex D: in big endian, pixels of 8 bits in an OW are swapped in pairs.
fn native(
    bytes: &[u8],
    big: bool,
    swapped: bool,
    layout: &Layout,
    overlay: bool,
    missing: Missing,
) -> Result<Decoded, ReadError> {
    let bits = Bits::new(layout, layout.allocated, false);
    let there = bytes.len() / layout.bytes();
    let whole = there >= layout.pixels();
    if !whole && missing == Missing::Refuse {
        return Err(short());
    }
    let pixels = layout.pixels();
    let mut values: Vec<u16> = Vec::with_capacity(pixels);
    let mut odd = false;
    // A piece is done with before it leaves the cache.
    for piece in bytes[..bytes.len().min(pixels * layout.bytes() + 1)].chunks(PIECE) {
        let start = values.len();
        let room = pixels - start;
        if layout.allocated == 16 {
            let word = |b: &[u8; 2]| if big { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) };
            values.extend(piece.as_chunks::<2>().0.iter().take(room).map(word));
        } else if swapped {
            let byte = |i: usize| u16::from(piece.get(i ^ 1).copied().unwrap_or_default());
            values.extend((0..room.min(piece.len())).map(byte));
        } else {
            values.extend(piece.iter().take(room).copied().map(u16::from));
        }
        odd |= !overlay && bits.any_odd(&values[start..]);
        bits.apply(&mut values[start..]);
    }
    values.resize(pixels, bits.value(0));
    let extent = if whole { Extent::Whole } else { Extent::Part };
    Ok(Decoded { values, extent, note: odd.then_some(DROPPED) })
}
