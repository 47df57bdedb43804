//! Colour, to be looked at: no mammogram has any, and none is ever made of it.
//!
//! Invariant: 8 bits a sample, red, green and blue side by side. What a code stream has is taken from the stream; YBR_FULL
//! is converted where the samples themselves are luminance and chrominance.

use dicom_dictionary_std::tags;
use uvid_codecs::{Extent, Format, Header, Missing, Shape};

use super::element::DataSet;
use super::frame::{FrameError, Picture, word};
use super::pixels::{short, undecoded};
use super::syntax::Syntax;
use super::{Limits, coded};

/// Photometric Interpretations (PS3.3 C.7.6.3.1.2) of three samples that are shown where they are uncompressed.
pub(super) const COLOURS: [&str; 2] = ["RGB", "YBR_FULL"];

const EIGHT: FrameError = FrameError::Unsupported("colour is shown where it has three samples of 8 bits");

/// What a data set declares of a frame of any kind, its size within the limits.
pub(super) fn declared(data: &DataSet<'_>, format: Format, limits: &Limits) -> Result<Shape, FrameError> {
    let (rows, columns) = (usize::from(word(data, tags::ROWS)?), usize::from(word(data, tags::COLUMNS)?));
    if rows * columns == 0 || rows * columns > limits.frame_pixels_max {
        return Err(FrameError::Unsupported("the frame is empty, or larger than allowed"));
    }
    let components = usize::from(data.word(tags::SAMPLES_PER_PIXEL).unwrap_or(1));
    let plain = coded::is_plain(format);
    let precision = word(data, if plain { tags::BITS_ALLOCATED } else { tags::BITS_STORED })?;
    let signed = !plain && data.word(tags::PIXEL_REPRESENTATION) == Some(1);
    Ok(Shape { rows, columns, components, precision, signed })
}

/// A code stream of several components.
pub(super) fn coded(
    stream: &[u8],
    syntax: &Syntax,
    header: &Header,
    declared: &Shape,
    data: &DataSet<'_>,
    missing: Missing,
) -> Result<Picture, FrameError> {
    let Shape { rows, columns, components, precision, signed } = header.shape;
    if (rows, columns) != (declared.rows, declared.columns) {
        let why = "the code stream has other dimensions than Rows (0028,0010) and Columns (0028,0011)";
        return Err(FrameError::Unsupported(why));
    }
    if (components, precision, signed) != (3, 8, false) {
        return Err(EIGHT);
    }
    let (samples, extent) = coded::samples(stream, header, 0, missing).map_err(|error| undecoded(syntax, &error))?;
    let bytes: Vec<u8> = samples.into_iter().map(|sample| sample as u8).collect();
    // Deflated is what would be there uncompressed; the segments of RLE are planes whatever is declared.
    let bytes = if header.format == Format::DeflatedFrame { side_by_side(bytes, data) } else { bytes };
    // What these code as a transform of RGB comes as RGB.
    let is_rgb = matches!(header.format, Format::JpegDct | Format::JpegXl);
    let bytes = if is_rgb { bytes } else { rgb(bytes, data) };
    Ok(Picture { rows, columns, samples: 3, bytes, whole: extent == Extent::Whole })
}

/// Uncompressed colour. What is missing is an error, or 0.
pub(super) fn native(
    stored: Vec<u8>,
    data: &DataSet<'_>,
    limits: &Limits,
    missing: Missing,
) -> Result<Picture, FrameError> {
    let Shape { rows, columns, components, precision, .. } = declared(data, Format::DeflatedFrame, limits)?;
    if (components, precision) != (3, 8) {
        return Err(EIGHT);
    }
    let whole = stored.len() >= rows * columns * 3;
    if !whole && missing == Missing::Refuse {
        return Err(short().into());
    }
    let mut stored = stored;
    stored.resize(rows * columns * 3, 0);
    let bytes = rgb(side_by_side(stored, data), data);
    Ok(Picture { rows, columns, samples: 3, bytes, whole })
}

/// Planar Configuration (0028,0006) 1: all red, all green, all blue.
fn side_by_side(bytes: Vec<u8>, data: &DataSet<'_>) -> Vec<u8> {
    if data.word(tags::PLANAR_CONFIGURATION) != Some(1) {
        return bytes;
    }
    let pixels = bytes.len() / 3;
    (0..bytes.len()).map(|i| bytes.get(i % 3 * pixels + i / 3).copied().unwrap_or_default()).collect()
}

/// YBR_FULL to RGB: the equations of PS3.3 C.7.6.3.1.2, solved.
fn rgb(mut bytes: Vec<u8>, data: &DataSet<'_>) -> Vec<u8> {
    if data.upper(tags::PHOTOMETRIC_INTERPRETATION).as_deref() != Some("YBR_FULL") {
        return bytes;
    }
    for pixel in bytes.as_chunks_mut::<3>().0 {
        let [y, cb, cr] = pixel.map(f64::from);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        // A cast of a float saturates.
        *pixel = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round() as u8);
    }
    bytes
}
