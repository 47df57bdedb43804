//! What objects made from an image repeat of it: patient, study, geometry and character set.
//!
//! Invariants: text is Unicode, whatever set it came in; every value is one of a broken-off header too, and none is
//! larger than the limits allow; `Debug` prints UIDs and sizes, never whom the image is of.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_exam::{
    Laterality, Lossy, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid, View, ViewModifier,
};

use super::element::DataSet;
use super::part10::File;
use super::record::Record;
use super::{ReadError, header, image, view};

/// What text really is, whatever Specific Character Set (0008,0005) says: a rule about a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repair {
    /// Windows, Central European.
    Windows1250,
    /// Windows, Cyrillic.
    Windows1251,
    /// UTF-8.
    Utf8,
    /// ISO 8859-2.
    Latin2,
    /// ISO 8859-5.
    Cyrillic,
}

/// A coded concept (PS3.3 section 8.8).
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// Code Value (0008,0100).
    pub value: String,
    /// Coding Scheme Designator (0008,0102).
    pub scheme: String,
    /// Code Meaning (0008,0104).
    pub meaning: String,
}

/// Who, as the Patient and Patient Study Modules have it (PS3.3 C.7.1.1, C.7.2.2); `None`: absent or empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourcePatient {
    /// Patient's Name (0010,0010).
    pub name: Option<String>,
    /// Patient ID (0010,0020).
    pub id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: Option<String>,
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    pub birth_date: Option<String>,
    /// Patient's Sex (0010,0040).
    pub sex: Option<String>,
    /// Patient's Age (0010,1010), as `052Y`.
    pub age: Option<String>,
}

/// The General Study Module (PS3.3 C.7.2.1); `None`: absent or empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourceStudy {
    /// Study Date (0008,0020).
    pub date: Option<String>,
    /// Study Time (0008,0030).
    pub time: Option<String>,
    /// Accession Number (0008,0050).
    pub accession_number: Option<String>,
    /// Study ID (0020,0010).
    pub id: Option<String>,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician: Option<String>,
    /// Study Description (0008,1030).
    pub description: Option<String>,
    /// Procedure Code Sequence (0008,1032).
    pub procedures: Vec<Code>,
}

/// An item of the VOI LUT Sequence (0028,3010).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTable {
    /// LUT Descriptor (0028,3002): entries (0: 65536), first value mapped, bits of an entry.
    pub descriptor: [u16; 3],
    /// Whether the descriptor's VR was SS.
    pub signed: bool,
    /// LUT Data (0028,3006), as 16-bit words.
    pub entries: Vec<u16>,
    /// LUT Explanation (0028,3003).
    pub explanation: Option<String>,
}

/// Everything of an image that objects made from it repeat or refer to.
#[derive(Clone, PartialEq)]
pub struct Source {
    /// Study Instance UID (0020,000D).
    pub study_uid: StudyInstanceUid,
    /// Series Instance UID (0020,000E).
    pub series_uid: SeriesInstanceUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: SopClassUid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// Modality (0008,0060).
    pub modality: Option<String>,
    /// Who.
    pub patient: SourcePatient,
    /// Of what.
    pub study: SourceStudy,
    /// Specific Character Set (0008,0005) as declared; empty: none. It does not describe the text here: that is Unicode.
    pub charset: Vec<String>,
    /// By which rule about its sender the text was read, whatever `charset` says.
    pub repaired: Option<Repair>,
    /// Whether texts hold replacement or C1 control characters: then they are not in the set that is declared.
    pub misdeclared: bool,
    /// Timezone Offset From UTC (0008,0201), as `+0100`.
    pub timezone: Option<String>,
    /// Series Number (0020,0011).
    pub series_number: Option<String>,
    /// Series Date (0008,0021).
    pub series_date: Option<String>,
    /// Series Time (0008,0031).
    pub series_time: Option<String>,
    /// Content Date (0008,0023).
    pub content_date: Option<String>,
    /// Content Time (0008,0033).
    pub content_time: Option<String>,
    /// Acquisition Date (0008,0022).
    pub acquisition_date: Option<String>,
    /// Acquisition Time (0008,0032).
    pub acquisition_time: Option<String>,
    /// Which breast, by the sources that reading an image believes.
    pub laterality: Option<Laterality>,
    /// From where.
    pub view: Option<View>,
    /// What was special about the view.
    pub modifiers: Vec<ViewModifier>,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: Option<String>,
    /// Rows (0028,0010); 0: not an image.
    pub rows: u16,
    /// Columns (0028,0011); 0: not an image.
    pub columns: u16,
    /// Number of Frames (0028,0008); 1 where it says nothing.
    pub frames: u32,
    /// Patient Orientation (0020,0020): of the rows, of the columns, as `A` and `FL`.
    pub orientation: Option<(String, String)>,
    /// Imager Pixel Spacing (0018,1164): between rows, between columns, mm at the detector.
    pub imager_spacing: Option<(f64, f64)>,
    /// Pixel Spacing (0028,0030): between rows, between columns, mm.
    pub pixel_spacing: Option<(f64, f64)>,
    /// Positioner Primary Angle (0018,1510), degrees.
    pub primary_angle: Option<f64>,
    /// Positioner Secondary Angle (0018,1511), degrees.
    pub secondary_angle: Option<f64>,
    /// Photometric Interpretation (0028,0004).
    pub photometric: Option<String>,
    /// Presentation LUT Shape (2050,0020).
    pub presentation_lut_shape: Option<String>,
    /// Pixel Intensity Relationship (0028,1040).
    pub intensity_relationship: Option<String>,
    /// Bits Stored (0028,0101).
    pub bits_stored: u16,
    /// Pixel Representation (0028,0103) is 1.
    pub signed: bool,
    /// Rescale Slope (0028,1053), Intercept (0028,1052) and Type (0028,1054), where slope and intercept are there.
    pub rescale: Option<(f64, f64, Option<String>)>,
    /// Whether there is a Modality LUT Sequence (0028,3000).
    pub has_modality_lut: bool,
    /// Window Center (0028,1050) and Width (0028,1051), of each pair where both are numbers.
    pub windows: Vec<(f64, f64)>,
    /// Window Center & Width Explanation (0028,1055), by window.
    pub window_explanations: Vec<String>,
    /// VOI LUT Function (0028,1056).
    pub voi_function: Option<String>,
    /// VOI LUT Sequence (0028,3010).
    pub voi_tables: Vec<SourceTable>,
    /// Whether something of it was lost in compression, now or once: Lossy Image Compression (0028,2110) and the
    /// transfer syntax.
    pub lossy: bool,
    /// Lossy Image Compression Ratio (0028,2112), the first.
    pub lossy_ratio: Option<f64>,
    /// Lossy Image Compression Method (0028,2114), the first.
    pub lossy_method: Option<String>,
    /// Burned In Annotation (0028,0301).
    pub burned_in: Option<String>,
    /// Spatial Locations Preserved (0028,135A) of the source image that it stands beside.
    pub spatial_locations_preserved: Option<String>,
    /// Source Image Sequence (0008,2112): what the image was made from.
    pub made_from: Vec<(SopClassUid, SopInstanceUid)>,
}

impl Source {
    /// Whether it is an X-ray image of a breast: what a report's image library lists.
    pub fn is_mammogram(&self) -> bool {
        let named = ["1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2.1", "1.2.840.10008.5.1.4.1.1.13.1.3"];
        let image = self.rows > 0 && self.columns > 0;
        let capture = self.sop_class.as_str().starts_with("1.2.840.10008.5.1.4.1.1.7");
        image && (named.contains(&self.sop_class.as_str()) || self.modality.as_deref() == Some("MG") && !capture)
    }

    /// Distance between pixels as (rows, columns), mm: at the detector, else wherever Pixel Spacing says.
    pub fn spacing(&self) -> Option<(f64, f64)> {
        self.imager_spacing.or(self.pixel_spacing)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sop_instance, sop_class, rows, columns, .. } = self;
        write!(f, "Source({sop_instance}, class {sop_class}, {rows}x{columns}, [redacted])")
    }
}

impl fmt::Debug for SourcePatient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourcePatient([redacted])")
    }
}

impl fmt::Debug for SourceStudy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceStudy([redacted])")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A meaning is free text.
        write!(f, "Code({}, {})", self.value, self.scheme)
    }
}

/// What objects made from a file repeat of it, its text in the character set of `data`.
pub(super) fn source(file: &File, data: &DataSet<'_>, repair: Option<Repair>) -> Result<Source, ReadError> {
    let charset = data.codes(tags::SPECIFIC_CHARACTER_SET).into_iter().filter(|v| v.len() <= 16).collect();
    let header = header::header(file, data)?;
    let mut record = Record::new(header.sop_instance.clone());
    let laterality = view::laterality(data, &mut record);
    let seen = view::view(data, &mut record);
    let windows = data.numbers(tags::WINDOW_CENTER).into_iter().zip(data.numbers(tags::WINDOW_WIDTH));
    let explanations = data.text(tags::WINDOW_CENTER_WIDTH_EXPLANATION).unwrap_or_default();
    let slope = data.number(tags::RESCALE_SLOPE).zip(data.number(tags::RESCALE_INTERCEPT));
    let orientation = data.codes(tags::PATIENT_ORIENTATION);
    Ok(Source {
        study_uid: header.study,
        series_uid: header.series,
        sop_class: header.sop_class,
        sop_instance: header.sop_instance,
        modality: header.modality,
        patient: patient(data),
        study: study(data),
        charset,
        repaired: repair,
        misdeclared: COPIED.iter().any(|tag| data.text(*tag).is_some_and(|text| text.contains(is_strange))),
        timezone: data.code(tags::TIMEZONE_OFFSET_FROM_UTC).filter(|text| is_offset(text)),
        series_number: digits(data, tags::SERIES_NUMBER, 1..=12),
        series_date: date(data, tags::SERIES_DATE),
        series_time: time(data, tags::SERIES_TIME),
        content_date: date(data, tags::CONTENT_DATE),
        content_time: time(data, tags::CONTENT_TIME),
        acquisition_date: date(data, tags::ACQUISITION_DATE),
        acquisition_time: time(data, tags::ACQUISITION_TIME),
        laterality,
        view: seen.view,
        modifiers: seen.modifiers,
        frame_of_reference: data.code(tags::FRAME_OF_REFERENCE_UID).filter(|t| t.parse::<SopInstanceUid>().is_ok()),
        rows: data.word(tags::ROWS).unwrap_or(0),
        columns: data.word(tags::COLUMNS).unwrap_or(0),
        frames: data.code(tags::NUMBER_OF_FRAMES).and_then(|text| text.parse().ok()).filter(|n| *n > 0).unwrap_or(1),
        orientation: match orientation.as_slice() {
            [row, column] if is_direction(row) && is_direction(column) => Some((row.clone(), column.clone())),
            _ => None,
        },
        imager_spacing: pair(data, tags::IMAGER_PIXEL_SPACING),
        pixel_spacing: pair(data, tags::PIXEL_SPACING),
        primary_angle: data.number(tags::POSITIONER_PRIMARY_ANGLE),
        secondary_angle: data.number(tags::POSITIONER_SECONDARY_ANGLE),
        photometric: data.upper(tags::PHOTOMETRIC_INTERPRETATION),
        presentation_lut_shape: data.upper(tags::PRESENTATION_LUT_SHAPE),
        intensity_relationship: data.upper(tags::PIXEL_INTENSITY_RELATIONSHIP),
        bits_stored: data.word(tags::BITS_STORED).unwrap_or(0),
        signed: data.word(tags::PIXEL_REPRESENTATION) == Some(1),
        rescale: slope.map(|(slope, intercept)| (slope, intercept, data.text(tags::RESCALE_TYPE))),
        has_modality_lut: data.item(tags::MODALITY_LUT_SEQUENCE).is_some(),
        windows: windows.filter_map(|(center, width)| center.zip(width)).collect(),
        window_explanations: explanations.split('\\').map(|text| text.trim().to_owned()).collect(),
        voi_function: data.upper(tags::VOILUT_FUNCTION),
        voi_tables: data.items(tags::VOILUT_SEQUENCE).iter().filter_map(table).collect(),
        lossy: image::lossy(data, &file.syntax, &mut record) == Lossy::Yes,
        lossy_ratio: data.number(tags::LOSSY_IMAGE_COMPRESSION_RATIO).filter(|ratio| *ratio > 0.0),
        lossy_method: data.upper(tags::LOSSY_IMAGE_COMPRESSION_METHOD).filter(|method| is_code_string(method)),
        burned_in: data.upper(tags::BURNED_IN_ANNOTATION),
        spatial_locations_preserved: data
            .upper(tags::SPATIAL_LOCATIONS_PRESERVED)
            .or_else(|| data.item(tags::SOURCE_IMAGE_SEQUENCE)?.upper(tags::SPATIAL_LOCATIONS_PRESERVED)),
        made_from: data.items(tags::SOURCE_IMAGE_SEQUENCE).iter().filter_map(reference).collect(),
    })
}

fn patient(data: &DataSet<'_>) -> SourcePatient {
    SourcePatient {
        name: name(data, tags::PATIENT_NAME),
        id: value(data, tags::PATIENT_ID, LONG),
        issuer: value(data, tags::ISSUER_OF_PATIENT_ID, LONG),
        birth_date: date(data, tags::PATIENT_BIRTH_DATE),
        sex: data.upper(tags::PATIENT_SEX).filter(|sex| matches!(sex.as_str(), "F" | "M" | "O")),
        age: data.upper(tags::PATIENT_AGE).filter(|age| is_age(age)),
    }
}

fn study(data: &DataSet<'_>) -> SourceStudy {
    SourceStudy {
        date: date(data, tags::STUDY_DATE),
        time: time(data, tags::STUDY_TIME),
        accession_number: value(data, tags::ACCESSION_NUMBER, SHORT),
        id: value(data, tags::STUDY_ID, SHORT),
        referring_physician: name(data, tags::REFERRING_PHYSICIAN_NAME),
        description: value(data, tags::STUDY_DESCRIPTION, LONG),
        procedures: data.items(tags::PROCEDURE_CODE_SEQUENCE).iter().filter_map(code).collect(),
    }
}

fn code(item: &DataSet<'_>) -> Option<Code> {
    // A code is a whole: nothing of it is left out.
    let whole = |text: &String| text.chars().count() <= SHORT && !text.contains(|c: char| c == '\\' || c.is_control());
    Some(Code {
        value: item.text(tags::CODE_VALUE).filter(whole)?,
        scheme: item.text(tags::CODING_SCHEME_DESIGNATOR).filter(whole)?,
        meaning: value(item, tags::CODE_MEANING, LONG)?,
    })
}

/// Characters of a value of LO and of a component group of PN (PS3.5 section 6.2).
const LONG: usize = 64;
/// Characters of a value of SH.
const SHORT: usize = 16;

/// The texts that objects repeat.
const COPIED: [Tag; 7] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::ACCESSION_NUMBER,
    tags::STUDY_ID,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::STUDY_DESCRIPTION,
];

/// What no text in its declared set has: U+FFFD, and the control characters U+0080 to U+009F.
fn is_strange(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER || ('\u{80}'..='\u{9f}').contains(&c)
}

/// The first value of a text without control characters, as long as its VR allows.
fn value(data: &DataSet<'_>, tag: Tag, characters: usize) -> Option<String> {
    plain(data.text(tag)?.split('\\').next()?, characters)
}

/// The first value of a PN, each of its component groups as long as it may be.
fn name(data: &DataSet<'_>, tag: Tag) -> Option<String> {
    let text = data.text(tag)?;
    let groups = text.split('\\').next()?.split('=').take(3);
    let groups: Vec<String> = groups.map(|group| plain(group, LONG).unwrap_or_default()).collect();
    let name = groups.join("=");
    let name = name.trim_end_matches('=');
    (!name.is_empty()).then(|| name.to_owned())
}

fn plain(text: &str, characters: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text: String = text.trim().chars().take(characters).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A value of CS (PS3.5 section 6.2).
fn is_code_string(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_'))
}

fn table(item: &DataSet<'_>) -> Option<SourceTable> {
    let [entries, first, bits] = item.words(tags::LUT_DESCRIPTOR)[..] else { return None };
    let signed = item.get(tags::LUT_DESCRIPTOR).and_then(|e| e.vr) == Some(*b"SS");
    let data = item.words(tags::LUT_DATA);
    let explanation = item.text(tags::LUT_EXPLANATION);
    (!data.is_empty()).then_some(SourceTable { descriptor: [entries, first, bits], signed, entries: data, explanation })
}

fn reference(item: &DataSet<'_>) -> Option<(SopClassUid, SopInstanceUid)> {
    let class = item.code(tags::REFERENCED_SOP_CLASS_UID)?.parse().ok()?;
    Some((class, item.code(tags::REFERENCED_SOP_INSTANCE_UID)?.parse().ok()?))
}

/// A DA (PS3.5 section 6.2); one with dots, as ACR-NEMA had it, without them.
fn date(data: &DataSet<'_>, tag: Tag) -> Option<String> {
    let text = data.code(tag)?.replace('.', "");
    (text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

/// A TM; one with colons without them.
fn time(data: &DataSet<'_>, tag: Tag) -> Option<String> {
    let text = data.code(tag)?.replace(':', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (matches!(whole.len(), 2 | 4 | 6) && part.len() <= 6 && digits(whole) && digits(part)).then_some(text)
}

fn digits(data: &DataSet<'_>, tag: Tag, long: std::ops::RangeInclusive<usize>) -> Option<String> {
    data.code(tag).filter(|text| long.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
}

fn pair(data: &DataSet<'_>, tag: Tag) -> Option<(f64, f64)> {
    match data.numbers(tag)[..] {
        [Some(row), Some(column)] if row > 0.0 && column > 0.0 => Some((row, column)),
        _ => None,
    }
}

fn is_offset(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 5 && matches!(bytes[0], b'+' | b'-') && bytes[1..].iter().all(u8::is_ascii_digit)
}

fn is_age(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 4 && bytes[..3].iter().all(u8::is_ascii_digit) && matches!(bytes[3], b'D' | b'W' | b'M' | b'Y')
}

/// A value of Patient Orientation (PS3.3 C.7.6.1.1.1).
fn is_direction(text: &str) -> bool {
    (1..=3).contains(&text.len()) && text.bytes().all(|b| b"APRLHF".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_texts_are_one_plain_value() {
        let check = |text: &str, characters: usize, expected: Option<&str>| {
            assert_eq!(plain(text, characters).as_deref(), expected, "{text:?}");
        };
        check(" a\u{7}b\r\n\u{85}c ", 16, Some("abc"));
        check("\u{1b}\u{9f}", 16, None);
        check(&"ж".repeat(99), 16, Some("жжжжжжжжжжжжжжжж"));
        check("abc  d", 5, Some("abc"));
    }
}
