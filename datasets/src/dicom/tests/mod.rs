//! Objects built in memory with dicom-rs's writer, read with our reader.
//!
//! Every row of `mammography_traps.md` that concerns reading has a test here, by the name of the trap.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on fails"
)]

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use uvid_exam::{Content, Fate, Listed, Mammogram, Received};

use super::{Limits, Object, ReadError, read, read_header};

mod accelerated;
mod bits;
mod container;
mod cut;
mod frames;
mod fuzz;
mod large;
mod one_frame;
mod real;
mod reduced;
mod streams;
mod traps;
mod values;
mod voi;

/// Explicit VR Big Endian, retired, which the dictionary marks as deprecated.
pub(super) const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// 12 rows of 16 columns, 12 bits, brighter to the left: 0x100 * (15 - column) + row.
pub(super) const ROWS: usize = 12;
pub(super) const COLUMNS: usize = 16;

pub(super) fn stored_at(row: usize, column: usize) -> u16 {
    (0x100 * (COLUMNS - 1 - column) + row) as u16
}

pub(super) fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

pub(super) fn words(object: &mut InMemDicomObject, tag: Tag, values: &[u16]) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into())));
}

pub(super) fn sequence(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, dicom_core::value::DataSetSequence::from(items)));
}

pub(super) fn code(scheme: &str, value: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::CODE_VALUE, VR::SH, value);
    text(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
    text(&mut item, tags::CODE_MEANING, VR::LO, "meaning");
    item
}

/// A left CC for presentation without any oddity.
pub(super) fn plain() -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    text(&mut o, tags::SOP_CLASS_UID, VR::UI, uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION);
    text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4");
    text(&mut o, tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
    text(&mut o, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.1");
    text(&mut o, tags::MODALITY, VR::CS, "MG");
    text(&mut o, tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PRESENTATION");
    text(&mut o, tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY");
    text(&mut o, tags::PATIENT_NAME, VR::PN, "Secret^Name");
    text(&mut o, tags::PATIENT_ID, VR::LO, "SECRETID");
    text(&mut o, tags::PATIENT_BIRTH_DATE, VR::DA, "19600101");
    text(&mut o, tags::IMAGE_LATERALITY, VR::CS, "L");
    text(&mut o, tags::VIEW_POSITION, VR::CS, "CC");
    sequence(&mut o, tags::VIEW_CODE_SEQUENCE, vec![code("SCT", "399162004")]);
    text(&mut o, tags::PATIENT_ORIENTATION, VR::CS, "A\\L");
    words(&mut o, tags::SAMPLES_PER_PIXEL, &[1]);
    text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    words(&mut o, tags::ROWS, &[ROWS as u16]);
    words(&mut o, tags::COLUMNS, &[COLUMNS as u16]);
    words(&mut o, tags::BITS_ALLOCATED, &[16]);
    words(&mut o, tags::BITS_STORED, &[12]);
    words(&mut o, tags::HIGH_BIT, &[11]);
    words(&mut o, tags::PIXEL_REPRESENTATION, &[0]);
    let pixels: Vec<u16> = (0..ROWS).flat_map(|r| (0..COLUMNS).map(move |c| stored_at(r, c))).collect();
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
    o
}

/// The object as a file.
pub(super) fn file(object: &InMemDicomObject, syntax: &str) -> Vec<u8> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.1.2")
        .media_storage_sop_instance_uid("1.2.3.4")
        .build()
        .expect("a meta table");
    let mut bytes = Vec::new();
    object.clone().with_exact_meta(meta).write_all(&mut bytes).expect("written");
    bytes
}

pub(super) fn explicit(object: &InMemDicomObject) -> Vec<u8> {
    file(object, uids::EXPLICIT_VR_LITTLE_ENDIAN)
}

pub(super) fn received(object: &InMemDicomObject) -> Received {
    read(&explicit(object), &Limits::default()).expect("readable")
}

/// The mammogram that `change` makes of the plain one.
pub(super) fn mammogram(change: impl FnOnce(&mut InMemDicomObject)) -> Mammogram {
    let mut object = plain();
    change(&mut object);
    match received(&object).content {
        Content::Mammogram(image) => *image,
        Content::Listed(listed) => panic!("listed: {listed:?}"),
    }
}

/// What is listed of it instead.
pub(super) fn listed(change: impl FnOnce(&mut InMemDicomObject)) -> Listed {
    let mut object = plain();
    change(&mut object);
    match received(&object).content {
        Content::Mammogram(image) => panic!("a mammogram: {image:?}"),
        Content::Listed(listed) => listed,
    }
}

/// Why its pixels cannot be read.
pub(super) fn unreadable(change: impl FnOnce(&mut InMemDicomObject)) -> String {
    match listed(change).fate {
        Fate::Unreadable(why) | Fate::Incomplete(why) => why,
        other => panic!("{other}"),
    }
}

pub(super) fn noted(image: &Mammogram, part: &str) -> bool {
    image.notes.iter().any(|n| n.contains(part))
}

#[test]
fn the_plain_mammogram() {
    let image = mammogram(|_| {});
    assert_eq!(image.notes, Vec::<String>::new());
    assert_eq!(image.contradictions, []);
    assert_eq!(image.study.as_str(), "1.2.3");
    assert_eq!(image.laterality, Some(uvid_exam::Laterality::Left));
    assert_eq!(image.view, Some(uvid_exam::View::CranioCaudal));
    assert_eq!(image.intent, Some(uvid_exam::Intent::ForPresentation));
    assert_eq!(image.acquisition, uvid_exam::Acquisition::Ffdm);
    assert_eq!((image.chest_wall, image.seen_chest_wall), (Some(uvid_exam::Side::Left), Some(uvid_exam::Side::Left)));
    assert_eq!(image.file_size, (ROWS, COLUMNS));
    assert_eq!(image.to_file, uvid_exam::Affine::IDENTITY);
    assert_eq!((image.pixels.rows(), image.pixels.columns(), image.pixels.max()), (ROWS, COLUMNS, 4095));
    assert_eq!(image.pixels.values()[17], stored_at(1, 1));
    assert_eq!(image.lossy, uvid_exam::Lossy::No);
    assert!(image.windows.is_empty() && image.padding.is_none() && image.spacing.is_none());
}

#[test]
fn nothing_that_is_said_names_the_patient() {
    let mut object = plain();
    for (tag, vr) in [
        (tags::IMAGE_LATERALITY, VR::CS),
        (tags::VIEW_POSITION, VR::CS),
        (tags::PATIENT_ORIENTATION, VR::CS),
        (tags::PRESENTATION_INTENT_TYPE, VR::CS),
        (tags::VOILUT_FUNCTION, VR::CS),
        (tags::SPECIFIC_CHARACTER_SET, VR::CS),
        (tags::NUMBER_OF_FRAMES, VR::IS),
        (tags::WINDOW_CENTER, VR::DS),
        (tags::WINDOW_WIDTH, VR::DS),
        (tags::IMAGER_PIXEL_SPACING, VR::DS),
        (tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS),
    ] {
        text(&mut object, tag, vr, "SECRETID");
    }
    sequence(&mut object, tags::VIEW_CODE_SEQUENCE, vec![code("SECRETID", "SECRETID")]);
    let shown = format!("{:?}", received(&object));
    assert!(!shown.contains("SECRET") && !shown.contains("19600101"), "{shown}");
    // The header too, and errors for each thing that can be missing or wrong.
    let header = read_header(&explicit(&object), &Limits::default()).expect("readable");
    assert!(!format!("{header:?}").contains("SECRET"));
    text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "SECRETID");
    assert!(!format!("{:?}", received(&object)).contains("SECRET"));
    text(&mut object, tags::STUDY_INSTANCE_UID, VR::UI, "SECRETID");
    let error = read(&explicit(&object), &Limits::default()).expect_err("no UID");
    assert!(!format!("{error} {error:?}").contains("SECRET"));
    assert_eq!(error.code(), "uid-invalid");
}

#[test]
fn errors_name_the_attribute() {
    let check = |tag: Tag, expected: &str| {
        let mut object = plain();
        object.remove_element(tag);
        let error = read(&explicit(&object), &Limits::default()).map(|r| r.content);
        let said = match error {
            Err(error) => error.to_string(),
            Ok(Content::Listed(Listed { fate: Fate::Unreadable(why), .. })) => why,
            Ok(other) => panic!("{other:?}"),
        };
        assert_eq!(said, expected);
    };
    check(tags::SOP_INSTANCE_UID, "SOPInstanceUID (0008,0018) is missing");
    check(tags::STUDY_INSTANCE_UID, "StudyInstanceUID (0020,000D) is missing");
    check(tags::SERIES_INSTANCE_UID, "SeriesInstanceUID (0020,000E) is missing");
    check(tags::SOP_CLASS_UID, "SOPClassUID (0008,0016) is missing");
    check(tags::ROWS, "Rows (0028,0010) is missing");
    check(tags::BITS_STORED, "BitsStored (0028,0101) is missing");
    check(tags::PIXEL_REPRESENTATION, "PixelRepresentation (0028,0103) is missing");
    check(tags::PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation (0028,0004) is missing");
    check(tags::PIXEL_DATA, "PixelData (7FE0,0010) is missing");
    assert_eq!(ReadError::NotDicom.code(), "not-dicom");
}

#[test]
fn a_value_may_be_signed() {
    // `dicom_value!` and SS in one place: what the helpers above do not cover.
    let image = mammogram(|o| {
        words(o, tags::PIXEL_REPRESENTATION, &[1]);
        o.put(DataElement::new(tags::PIXEL_PADDING_VALUE, VR::SS, dicom_value!(I16, [-2048])));
    });
    assert_eq!(image.padding, Some(0..=0));
    assert_eq!(image.pixels.stored(0), -2048);
}
