//! Single frames of any object that has pixels: as the file has them, uncompressed, or to be looked at.
//!
//! Invariant: a frame costs its own size and no more, however many there are; what cannot be given exactly is refused
//! with the reason.

use dicom_dictionary_std::tags;
use uvid_codecs::Format;
use uvid_exam::{SopInstanceUid, Window};

use super::element::DataSet;
use super::fragments::Frames;
use super::image::{self, Look};
use super::object::Place;
use super::part10::File;
use super::pixels::{Decoded, Frame, Layout, failed, short, surplus, undecoded};
use super::record::Record;
use super::syntax::{Packing, Syntax};
use super::{Attribute, Extent, Limits, Missing, Object, ReadError, coded, colour};

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The object has no pixels.
    #[error("the object has no pixels")]
    NoPixels,
    /// It has fewer frames.
    #[error("the object has {0} frames")]
    NoSuchFrame(usize),
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// It could be read, and is of a form that is not converted.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// How a frame is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the file has it: compressed if it is.
    Stored,
    /// Uncompressed, little endian.
    Native,
}

/// A picture with 8 bits a sample, row-major, larger = brighter.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub samples: usize,
    /// Rows times columns times samples.
    pub bytes: Vec<u8>,
    /// Whether nothing is missing.
    pub whole: bool,
}

/// Whether pixels in a transfer syntax of PS3.6 table A-1 are compressed.
pub fn is_compressed(syntax: &str) -> bool {
    ![
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.1.98",
    ]
    .contains(&syntax)
}

impl Object<'_> {
    /// How many frames it has: 0 without pixels.
    pub fn frames(&self) -> usize {
        let data = self.file.data_set(&self.limits);
        if data.get(tags::PIXEL_DATA).is_some() { count(&data) } else { 0 }
    }

    /// Frame `number`, from 1.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be given in this form.
    pub fn frame(&mut self, number: usize, form: Form) -> Result<Vec<u8>, FrameError> {
        let Self { file, place, limits } = self;
        let data = file.data_set(limits);
        let stored = stored(file, &data, place, limits, number, Missing::Refuse)?;
        match (file.syntax.packing, form) {
            (Packing::Native | Packing::Encapsulated, _) => Ok(little_endian(file, &data, stored)),
            (_, Form::Stored) => Ok(stored),
            (Packing::Refused(why), Form::Native) => Err(failed(&file.syntax, why).into()),
            (Packing::Coded(format), Form::Native) => uncompressed(&stored, format, &file.syntax, &data, limits),
        }
    }

    /// Frame `number`, from 1, for a display: rescaled and seen through `window`, else through the first window of the
    /// file, else from the smallest to the largest value. Colour of 8 bits is taken as it is, from a code stream whatever
    /// Photometric Interpretation (0028,0004) says.
    ///
    /// With [`Missing::Keep`], the part of a frame that breaks off is shown, and [`Picture::whole`] is false.
    ///
    /// # Errors
    ///
    /// There is no such frame, or it has a form that is not shown.
    pub fn picture(&mut self, number: usize, window: Option<&Window>, missing: Missing) -> Result<Picture, FrameError> {
        let Self { file, place, limits } = self;
        let data = file.data_set(limits);
        let cut = data.get(tags::PIXEL_DATA).is_some_and(|element| element.broken().is_some());
        let shown = shown(file, &data, place, limits, number, window, missing)?;
        Ok(Picture { whole: shown.whole && !cut, ..shown })
    }
}

/// A code stream's words, as many bits as are allocated, where the data set describes them rightly: with its values in
/// the same place, none of them dropped or clamped. Where all bits that are allocated were coded, they are those of the
/// file before it was compressed.
fn uncompressed(
    stream: &[u8],
    format: Format,
    syntax: &Syntax,
    data: &DataSet<'_>,
    limits: &Limits,
) -> Result<Vec<u8>, FrameError> {
    let declared = Layout::new(data, limits)?;
    let shape = coded::declared(format, &declared, 1);
    let (header, _) = coded::inspect(stream, format, &shape).map_err(|error| undecoded(syntax, &error))?;
    let (layout, _) = coded::settle(&header, &declared).map_err(|why| failed(syntax, why))?;
    let precision = header.shape.precision;
    if layout != declared || precision < layout.allocated && precision != layout.high + 1 {
        let why = "the code stream has other bits than Bits Stored (0028,0101), High Bit (0028,0102) and Pixel \
                   Representation (0028,0103) say";
        return Err(FrameError::Unsupported(why));
    }
    let (samples, _) =
        coded::samples(stream, &header, 0, Missing::Refuse).map_err(|error| undecoded(syntax, &error))?;
    // The sign goes on above what was coded.
    let sign = if layout.signed { 1_u16 << (precision - 1) } else { 0 };
    let words = samples.into_iter().map(|word| (word ^ sign).wrapping_sub(sign));
    Ok(match layout.allocated {
        8 => words.map(|word| word as u8).collect(),
        _ => words.flat_map(u16::to_le_bytes).collect(),
    })
}

fn shown(
    file: &File,
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    limits: &Limits,
    number: usize,
    window: Option<&Window>,
    missing: Missing,
) -> Result<Picture, FrameError> {
    let photometric = data.upper(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    let stored = stored(file, data, place, limits, number, missing)?;
    if let Packing::Coded(format) = file.syntax.packing {
        let shape = colour::declared(data, format, limits)?;
        let (header, _) = coded::inspect(&stored, format, &shape).map_err(|e| undecoded(&file.syntax, &e))?;
        if header.shape.components != 1 {
            return colour::coded(&stored, &file.syntax, &header, &shape, data, missing);
        }
    } else if colour::COLOURS.contains(&photometric.as_str()) {
        return colour::native(little_endian(file, data, stored), data, limits, missing);
    }
    if !photometric.starts_with("MONOCHROME") {
        let grey = matches!(file.syntax.packing, Packing::Coded(_)) && photometric != "PALETTE COLOR";
        return Err(FrameError::Unsupported(if grey {
            "the code stream has one component, Photometric Interpretation (0028,0004) is of colour"
        } else {
            "pictures are made of MONOCHROME1, MONOCHROME2, RGB and YBR_FULL"
        }));
    }
    let frame = Frame::new(stored, data, &file.syntax, &Layout::new(data, limits)?)?;
    let layout = frame.layout;
    let Decoded { values, extent, .. } = frame.values(0, missing, None)?;
    let picture = grey(data, &layout, &values, window)?;
    Ok(Picture { whole: extent == Extent::Whole, ..picture })
}

/// Seen as a mammogram that is whole.
fn grey(data: &DataSet<'_>, layout: &Layout, values: &[u16], window: Option<&Window>) -> Result<Picture, ReadError> {
    let missing = ReadError::Missing(Attribute(tags::SOP_INSTANCE_UID));
    let uid = data.code(tags::SOP_INSTANCE_UID).and_then(|uid| uid.parse::<SopInstanceUid>().ok()).ok_or(missing)?;
    // What is odd is nobody's concern here.
    let mut record = Record::new(uid);
    let inverse = image::inverted_for_display(data, &mut record)?;
    let Look { rescale, inverted, windows, .. } = image::look(data, layout, inverse, &mut record);
    let (lo, hi) = layout.range().into_inner();
    let (least, most) = values.iter().fold((u16::MAX, 0), |(a, b), &v| (a.min(v), b.max(v)));
    let span = f64::from(most.saturating_sub(least)).max(1.0);
    let seen = |value: u16| match window.or(windows.first()) {
        Some(window) => {
            let y = window.apply((f64::from(value) + f64::from(lo)) * rescale.slope + rescale.intercept);
            if inverse { 1.0 - y } else { y }
        }
        None => {
            let y = f64::from(value.saturating_sub(least)) / span;
            if inverted { 1.0 - y } else { y }
        }
    };
    let byte = |value| (seen(value) * 255.0).round() as u8;
    let table: Vec<u8> = (0..=u16::try_from(hi - lo).unwrap_or(u16::MAX)).map(byte).collect();
    let bytes = values.iter().map(|value| table.get(usize::from(*value)).copied().unwrap_or(255)).collect();
    Ok(Picture { rows: layout.rows, columns: layout.columns, samples: 1, bytes, whole: true })
}

pub(super) fn word(data: &DataSet<'_>, tag: dicom_core::Tag) -> Result<u16, ReadError> {
    data.word(tag).ok_or(ReadError::Missing(Attribute(tag)))
}

/// Number of Frames (0028,0008); 1 where it is no number above 0.
fn count(data: &DataSet<'_>) -> usize {
    data.code(tags::NUMBER_OF_FRAMES).and_then(|text| text.parse().ok()).filter(|count| *count > 0).unwrap_or(1)
}

/// The bytes of a frame as the file has them; of one that is not compressed, no more than its pixels.
fn stored(
    file: &File,
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    limits: &Limits,
    number: usize,
    missing: Missing,
) -> Result<Vec<u8>, FrameError> {
    let element = data.get(tags::PIXEL_DATA).ok_or(FrameError::NoPixels)?;
    element.held_to(missing)?;
    let count = count(data);
    let index = number.checked_sub(1).filter(|index| *index < count).ok_or(FrameError::NoSuchFrame(count))?;
    let packing = file.syntax.packing;
    let fragments = |place: &mut Place<'_>| {
        Frames::new(data, element, count, packing, place, limits, missing)?.stream(index, element, place, limits)
    };
    if !matches!(packing, Packing::Native | Packing::Encapsulated) {
        return Ok(fragments(place)?);
    }
    let size = native_bytes(data, packing)?;
    if size > limits.frame_bytes_max {
        return Err(FrameError::Unsupported("the frame is larger than allowed"));
    }
    let mut stored = if packing == Packing::Native {
        let from = index.checked_mul(size).filter(|from| *from < element.len).ok_or_else(short)?;
        place.value(element, from, size.min(element.len - from))?
    } else {
        fragments(place)?
    };
    if packing == Packing::Encapsulated {
        surplus(stored.len(), size)?;
    }
    stored.truncate(size);
    if stored.len() < size && missing == Missing::Refuse {
        return Err(short().into());
    }
    Ok(stored)
}

/// Bytes of one uncompressed frame. In a fragment of its own it may end within a byte.
fn native_bytes(data: &DataSet<'_>, packing: Packing) -> Result<usize, FrameError> {
    let allocated = usize::from(word(data, tags::BITS_ALLOCATED)?);
    if allocated == 0 || allocated % 8 != 0 && packing == Packing::Native {
        return Err(FrameError::Unsupported("a frame's pixels do not end at a byte"));
    }
    let samples = usize::from(data.word(tags::SAMPLES_PER_PIXEL).unwrap_or(1));
    let pixels = usize::from(word(data, tags::ROWS)?) * usize::from(word(data, tags::COLUMNS)?);
    let bits = pixels.checked_mul(samples * allocated);
    bits.map(|bits| bits.div_ceil(8)).ok_or(FrameError::Unsupported("the frame is larger than memory"))
}

/// Uncompressed pixels in little endian, whatever the file is in (PS3.5 annex D).
fn little_endian(file: &File, data: &DataSet<'_>, mut stored: Vec<u8>) -> Vec<u8> {
    let wide = data.word(tags::BITS_ALLOCATED).is_some_and(|bits| bits > 8);
    let in_words = data.get(tags::PIXEL_DATA).is_some_and(|element| element.vr == Some(*b"OW"));
    if file.syntax.packing == Packing::Native && data.encoding.big() && (wide || in_words) {
        stored.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.swap(0, 1));
    }
    stored
}
