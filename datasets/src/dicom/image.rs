//! A mammogram from its data set.
//!
//! Invariants: larger pixel = brighter (one inversion where the photometric interpretation and the slope's sign ask
//! for it), the file's own size and the map back to it are kept, and a number that cannot be true (a spacing of 0) is
//! left out with a note, never replaced by another. What needs no pixel is read before the pixels are, so that it is on
//! record where they cannot be decoded.

use std::ops::RangeInclusive;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use time::{Date, Month, PrimitiveDateTime, Time};
use uvid_codecs::Missing;
use uvid_exam::{Affine, Lossy, Mammogram, Pixels, Reduced, Rescale, SeriesDescription, Spacing, Window};

use super::element::DataSet;
use super::kind::About;
use super::object::Place;
use super::orientation::{Grid, Turn, Upright, seen_chest_wall, turn, upright, verify};
use super::pixels::{Decoded, Frame, Layout, failed, is_grey_stream};
use super::record::Record;
use super::syntax::{Loss, Syntax};
use super::{Attribute, Header, Limits, ReadError, view, voi};

/// Describes and decodes. What is written down goes to `record`, not into the mammogram.
#[expect(clippy::too_many_arguments, reason = "an open object is many things, and only this one wants them all")]
pub(super) fn mammogram(
    header: &Header,
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    about: About,
    syntax: &Syntax,
    limits: &Limits,
    reduced: Option<Reduced>,
    record: &mut Record,
) -> Result<Mammogram, ReadError> {
    let About { acquisition, intent, laterality, seen } = about;
    let implant = view::implant(data, &seen.modifiers, record);
    let Upright { turn: how, chest_wall } = upright(&data.codes(tags::PATIENT_ORIENTATION), seen.view, record);
    if how != Turn::Stay {
        record.note("Patient Orientation (0020,0020) says that the image does not stand upright; it was turned");
    }
    let magnification = magnification(data, record);
    let spacing = spacing(data, magnification, record).map(|s| match how {
        Turn::Stay | Turn::FlipRows => s,
        Turn::Clockwise | Turn::CounterClockwise => Spacing { row_mm: s.column_mm, column_mm: s.row_mm },
    });
    let declared = declared(data, place, syntax, limits, record)?;
    let frame = Frame::only(data, place, syntax, &declared.layout, limits, record);
    // What needs no pixel is on record where there are none.
    let layout = frame.as_ref().map_or(declared.layout, |frame| frame.layout);
    let lossy = lossy(data, syntax, record);
    let Look { rescale, inverted, windows, padding } = look(data, &layout, declared.inverted, record);
    let frame = frame?;
    frame.notes.iter().for_each(|note| record.note(*note));
    let lossy = if frame.lossy && lossy == Lossy::No {
        record.note("Lossy Image Compression (0028,2110) or the transfer syntax says that nothing was lost, the code stream is lossy");
        Lossy::Yes
    } else {
        lossy
    };

    // A mean of padding and breast is neither.
    let halvings = if data.word(tags::PIXEL_PADDING_VALUE).is_some() { 0 } else { frame.halvings(reduced) };
    let times = f64::from(1_u32 << halvings);
    if halvings > 0 {
        record.note(format!("decoded at 1/{times} of its resolution, as the model's package allows"));
    }
    // A mammogram is whole, or none.
    let Decoded { values, note, .. } = frame.values(halvings, Missing::Refuse, place.accelerator())?;
    note.into_iter().for_each(|note| record.note(note));
    let values = bright(values, &layout, inverted);
    if padding.as_ref().is_some_and(|range| nearly_all(&values, range)) {
        record.note("Pixel Padding Value (0028,0120) covers more than 95 % of the pixels");
    }
    let (rows, columns) = (layout.rows >> halvings, layout.columns >> halvings);
    let (grid, to_file) = turn(Grid { rows, columns, values }, how);
    // A wavelet's samples lie where the first of so many pixels does, not in the middle of them (ISO 15444-1 F.3).
    let middle = 0.5 - times / 2.0;
    let to_file = to_file.then(&Affine::scale_then_move(times, times, middle, middle));
    let rows = Attribute(tags::ROWS);
    let pixels = Pixels::new(grid.rows, grid.columns, layout.range(), inverted, grid.values)
        .map_err(|_| ReadError::Invalid { attribute: rows, problem: "does not fit the pixels" })?;
    let mut image = Mammogram {
        study: header.study.clone(),
        series: header.series.clone(),
        sop_instance: header.sop_instance.clone(),
        sop_class: header.sop_class.clone(),
        patient: header.patient.clone(),
        manufacturer: data.text(tags::MANUFACTURER),
        series_description: data.text(tags::SERIES_DESCRIPTION).as_deref().and_then(SeriesDescription::new),
        laterality,
        view: seen.view,
        modifiers: seen.modifiers,
        unknown_modifier: seen.unknown_modifier,
        intent,
        acquisition,
        implant,
        partial_view: data.is_yes(tags::PARTIAL_VIEW),
        magnification,
        burned_in_annotation: data.is_yes(tags::BURNED_IN_ANNOTATION),
        lossy,
        acquired: acquired(data),
        chest_wall,
        seen_chest_wall: None,
        spacing: spacing.map(|s| Spacing { row_mm: s.row_mm * times, column_mm: s.column_mm * times }),
        rescale,
        windows,
        padding,
        pixels,
        to_file,
        file_size: (layout.rows, layout.columns),
        contradictions: Vec::new(),
        notes: Vec::new(),
    };
    image.seen_chest_wall = seen_chest_wall(image.pixels.values(), image.padding.as_ref(), image.pixels.columns());
    verify(image.chest_wall, image.seen_chest_wall, record);
    Ok(image)
}

/// What the data set says of its pixels, where that is a mammogram's.
struct Declared {
    layout: Layout,
    /// MONOCHROME1, or an INVERSE shape.
    inverted: bool,
}

fn declared(
    data: &DataSet<'_>,
    place: &mut Place<'_>,
    syntax: &Syntax,
    limits: &Limits,
    record: &mut Record,
) -> Result<Declared, ReadError> {
    let mut grey = || -> Result<Declared, ReadError> {
        let inverted = inverted_for_display(data, record)?;
        if data.item(tags::MODALITY_LUT_SEQUENCE).is_some() {
            let attribute = Attribute(tags::MODALITY_LUT_SEQUENCE);
            return Err(ReadError::Invalid { attribute, problem: "holds a table, which is not supported" });
        }
        Ok(Declared { layout: Layout::new(data, limits)?, inverted })
    };
    grey().or_else(|error| {
        let colour = [tags::PHOTOMETRIC_INTERPRETATION, tags::SAMPLES_PER_PIXEL];
        if !matches!(&error, ReadError::Invalid { attribute, .. } if colour.contains(&attribute.0))
            || !is_grey_stream(data, place, syntax, limits)?
        {
            return Err(error);
        }
        Err(failed(syntax, &format!("{error}, the code stream has one component")))
    })
}

/// What stored values mean.
pub(super) struct Look {
    pub(super) rescale: Rescale,
    /// Whether larger stored values are darker.
    pub(super) inverted: bool,
    pub(super) windows: Vec<Window>,
    padding: Option<RangeInclusive<u16>>,
}

pub(super) fn look(data: &DataSet<'_>, layout: &Layout, inverted: bool, record: &mut Record) -> Look {
    let rescale = rescale(data, record);
    let inverted = inverted != (rescale.slope < 0.0);
    let negative = |v: &i32| rescale.slope * f64::from(*v) + rescale.intercept < 0.0;
    let windows = voi::windows(data, negative(layout.range().start()) || negative(layout.range().end()), record);
    let padding = padding(data, layout, inverted, record);
    Look { rescale, inverted, windows, padding }
}

/// From `stored - lo` to larger = brighter: `hi - stored` where inverted.
fn bright(mut values: Vec<u16>, layout: &Layout, inverted: bool) -> Vec<u16> {
    if inverted {
        let span = (layout.range().end() - layout.range().start()) as u16;
        values.iter_mut().for_each(|v| *v = span - *v);
    }
    values
}

/// More than 95 %.
fn nearly_all(values: &[u16], range: &RangeInclusive<u16>) -> bool {
    let (from, to) = (*range.start(), *range.end());
    // Less than 65536 at a time, and without a branch.
    let within = |piece: &[u16]| piece.iter().map(|v| u16::from((from <= *v) & (*v <= to))).sum::<u16>();
    values.chunks(1 << 15).map(|piece| usize::from(within(piece))).sum::<usize>() * 20 > values.len() * 19
}

/// Photometric Interpretation (0028,0004) MONOCHROME1 (PS3.3 C.7.6.3.1.2) or Presentation LUT Shape (2050,0020)
/// INVERSE (PS3.3 C.11.6.1.2): both together mean it once.
pub(super) fn inverted_for_display(data: &DataSet<'_>, record: &mut Record) -> Result<bool, ReadError> {
    let attribute = Attribute(tags::PHOTOMETRIC_INTERPRETATION);
    let shape = data.upper(tags::PRESENTATION_LUT_SHAPE);
    let inverse = shape.as_deref() == Some("INVERSE");
    match data.upper(tags::PHOTOMETRIC_INTERPRETATION).as_deref() {
        Some("MONOCHROME1") => {
            if shape.as_deref() == Some("IDENTITY") {
                record.note("Presentation LUT Shape (2050,0020) is IDENTITY in MONOCHROME1; the latter counts");
            }
            Ok(true)
        }
        Some("MONOCHROME2") => Ok(inverse),
        Some(_) => Err(ReadError::Invalid { attribute, problem: "is neither MONOCHROME1 nor MONOCHROME2" }),
        None => Err(ReadError::Missing(attribute)),
    }
}

/// Rescale Slope (0028,1053) and Intercept (0028,1052), PS3.3 C.11.1.1.2.
fn rescale(data: &DataSet<'_>, record: &mut Record) -> Rescale {
    let value = |tag, otherwise| data.number(tag).unwrap_or(otherwise);
    let slope = value(tags::RESCALE_SLOPE, 1.0);
    if slope == 0.0 {
        record.note("Rescale Slope (0028,1053) is 0; no rescale is assumed");
        return Rescale::IDENTITY;
    }
    Rescale { slope, intercept: value(tags::RESCALE_INTERCEPT, 0.0) }
}

/// Pixel Padding Value (0028,0120) to Pixel Padding Range Limit (0028,0121), PS3.3 C.7.5.1.1.2. Both are read by
/// Pixel Representation, whether they are written as US or as SS; the part outside the declared range is left out.
fn padding(data: &DataSet<'_>, layout: &Layout, inverted: bool, record: &mut Record) -> Option<RangeInclusive<u16>> {
    let stored = |tag| {
        let word = data.word(tag)?;
        Some(if layout.signed { i32::from(word.cast_signed()) } else { i32::from(word) })
    };
    let value = stored(tags::PIXEL_PADDING_VALUE)?;
    let limit = stored(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(value);
    let (lo, hi) = layout.range().into_inner();
    let (from, to) = (value.min(limit).max(lo), value.max(limit).min(hi));
    if from > to {
        record.note("Pixel Padding Value (0028,0120) is outside of what Bits Stored (0028,0101) allows");
        return None;
    }
    // Within lo..=hi, so both fit 16 bits.
    Some(if inverted { (hi - to) as u16..=(hi - from) as u16 } else { (from - lo) as u16..=(to - lo) as u16 })
}

/// Estimated Radiographic Magnification Factor (0018,1114), however large: what is unlikely must not be overlooked.
fn magnification(data: &DataSet<'_>, record: &mut Record) -> Option<f64> {
    let factor = data.numbers(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR).first()?.filter(|f| *f > 0.0);
    factor.or_else(|| {
        record.note("Estimated Radiographic Magnification Factor (0018,1114) is no magnification and is ignored");
        None
    })
}

/// Imager Pixel Spacing (0018,1164) is in the detector's plane and is divided by the magnification; Pixel Spacing
/// (0028,0030), where alone, is taken as it is (PS3.3 10.7.1.3). Pixel Aspect Ratio (0028,0034) gives none.
fn spacing(data: &DataSet<'_>, magnification: Option<f64>, record: &mut Record) -> Option<Spacing> {
    const MM: RangeInclusive<f64> = 0.001..=10.0;
    let mut pair = |tag: Tag, factor: f64| match data.numbers(tag).as_slice() {
        [] => None,
        [Some(row), Some(column)] if [row, column].iter().all(|v| MM.contains(&(*v / factor))) => {
            Some(Spacing { row_mm: row / factor, column_mm: column / factor })
        }
        _ => {
            record.note(format!("{} is no spacing and is ignored", Attribute(tag)));
            None
        }
    };
    let spacing = pair(tags::IMAGER_PIXEL_SPACING, magnification.unwrap_or(1.0));
    let spacing = spacing.or_else(|| pair(tags::PIXEL_SPACING, 1.0));
    if let ([Some(vertical), Some(horizontal)], None) = (data.numbers(tags::PIXEL_ASPECT_RATIO).as_slice(), spacing)
        && vertical != horizontal
    {
        record.note("Pixel Aspect Ratio (0028,0034) says that the pixels are not square");
    }
    spacing
}

/// What is written down and needs nothing done. Field of View Horizontal Flip (0018,7034) and Rotation (0018,7032)
/// say what was done to the pixels before they were stored (PS3.3 C.8.11.3): nothing is left to undo.
pub(super) fn oddities(data: &DataSet<'_>, record: &mut Record) {
    record.notes.extend(data.charset.note());
    if let Some(tag) = data.repeated().alike {
        record.note(format!("{} occurs twice with the same value", Attribute(tag)));
    }
    if let Some(at) = data.broken {
        record.note(ReadError::from(at).to_string());
    }
    if data.is_yes(tags::FIELD_OF_VIEW_HORIZONTAL_FLIP) {
        record.note("Field of View Horizontal Flip (0018,7034) is YES: the sender has flipped the pixels already");
    }
    if data.number(tags::FIELD_OF_VIEW_ROTATION).is_some_and(|degrees| degrees != 0.0) {
        record.note("Field of View Rotation (0018,7032) is not 0: the sender has rotated the pixels already");
    }
}

/// Lossy Image Compression (0028,2110) and the transfer syntax. `01` stays once it was set (PS3.3 C.7.6.1.1.5), so
/// it counts in a lossless syntax too; a syntax that may be either counts as lossy unless the attribute is `00`.
pub(super) fn lossy(data: &DataSet<'_>, syntax: &Syntax, record: &mut Record) -> Lossy {
    match (data.code(tags::LOSSY_IMAGE_COMPRESSION).as_deref(), syntax.loss) {
        (Some("01"), _) => Lossy::Yes,
        (Some("00"), Loss::Always) => {
            record.note("Lossy Image Compression (0028,2110) is 00 in a lossy transfer syntax");
            Lossy::Yes
        }
        (_, Loss::Always) => Lossy::Yes,
        (Some("00"), Loss::Possible) => Lossy::No,
        (_, Loss::Possible) => Lossy::Yes,
        (_, Loss::Never) => Lossy::No,
    }
}

/// Acquisition DateTime (0008,002A), else Acquisition Date and Time (0008,0022/0032), else those of the content.
fn acquired(data: &DataSet<'_>) -> Option<PrimitiveDateTime> {
    let whole = data.code(tags::ACQUISITION_DATE_TIME).and_then(|text| {
        let split = text.char_indices().nth(8)?.0;
        Some(PrimitiveDateTime::new(date(&text[..split])?, clock(&text[split..])?))
    });
    let both = |d, t| Some(PrimitiveDateTime::new(date(&data.code(d)?)?, clock(&data.code(t)?)?));
    whole
        .or_else(|| both(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME))
        .or_else(|| both(tags::CONTENT_DATE, tags::CONTENT_TIME))
}

/// `YYYYMMDD`, or `YYYY.MM.DD` as before DICOM.
fn date(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let month: u8 = digits[4..6].parse().ok()?;
    Date::from_calendar_date(digits[..4].parse().ok()?, Month::try_from(month).ok()?, digits[6..].parse().ok()?).ok()
}

/// `HH`, `HHMM`, `HHMMSS`, `HHMMSS.FFFFFF` (PS3.5 TM); a time zone behind it is not used.
fn clock(text: &str) -> Option<Time> {
    let text = text.split(['+', '-']).next()?;
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole.len(), 2 | 4 | 6) || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let part = |range: std::ops::Range<usize>| whole.get(range).map_or(Some(0), |s| s.parse::<u8>().ok());
    let microsecond: u32 = format!("{fraction:0<6}").parse().ok()?;
    // A leap second, 60, becomes 59: only the order of two times matters.
    Time::from_hms_micro(part(0..2)?, part(2..4)?, part(4..6)?.min(59), microsecond).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        let check_date = |text: &str, valid: bool| assert_eq!(date(text).is_some(), valid, "{text}");
        check_date("20240229", true);
        check_date("2024.02.29", true);
        check_date("20230229", false);
        check_date("2024", false);
        check_date("2024022x", false);
        check_date("", false);
        let check = |text: &str, expected: Option<(u8, u8, u8, u32)>| {
            assert_eq!(clock(text).map(|t| t.as_hms_micro()), expected, "{text}");
        };
        check("12", Some((12, 0, 0, 0)));
        check("1234", Some((12, 34, 0, 0)));
        check("123456.5", Some((12, 34, 56, 500_000)));
        check("12:34:56", Some((12, 34, 56, 0)));
        check("123460", Some((12, 34, 59, 0)));
        check("123456.000001+0100", Some((12, 34, 56, 1)));
        check("250000", None);
        check("123", None);
        check("", None);
        check("ab", None);
    }
}
