//! The sheet for every viewer there is: Secondary Capture Image (PS3.3 A.8.1), RGB, one frame.
//!
//! Invariants: it says of itself that it is derived, where from, and how; it has no pixel spacing, since nothing can be
//! measured in it. Burned In Annotation (0028,0301) tells, by PS3.3 C.7.6.1, whether the pixels hold text that identifies
//! the patient: what is drawn here does not, so that it is NO where every image that is drawn says NO, else YES. What
//! was lost of an image is lost in the sheet.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use uvid_datasets::dicom::Source;
use uvid_exam::{Fate, Laterality, Mammogram, Slot};

use super::modules::{Form, begin, code, decimal, finish, long_string, moment, reference, sequence, text, words};
use super::{Context, ObjectError, ResultObject};
use crate::config::ObjectKind;
use crate::report::sheet::{self, Picture};

/// Secondary Capture Image Storage.
pub(super) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";

/// The sheet of a result, with scores or with the reasons why there are none.
///
/// # Errors
///
/// The object cannot be written, or a UID is none.
pub fn sheet(context: &Context<'_>) -> Result<ResultObject, ObjectError> {
    let form = Form {
        kind: ObjectKind::Sc,
        sop_class: SOP_CLASS,
        modality: "OT",
        description: "Uvid sheet, research only",
        instance: 1,
    };
    let mut object = begin(context, &form)?;
    let o = &mut object;
    let (date, time) = moment(context);
    text(o, tags::CONVERSION_TYPE, VR::CS, "WSD");
    text(o, tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY\\OTHER");
    text(o, tags::CONTENT_DATE, VR::DA, &date);
    text(o, tags::CONTENT_TIME, VR::TM, &time);
    text(o, tags::DATE_OF_SECONDARY_CAPTURE, VR::DA, &date);
    text(o, tags::TIME_OF_SECONDARY_CAPTURE, VR::TM, &time);
    text(o, tags::PATIENT_ORIENTATION, VR::CS, "");
    text(o, tags::IMAGE_LATERALITY, VR::CS, laterality(context));
    text(o, tags::BURNED_IN_ANNOTATION, VR::CS, burned_in(context));
    lossy(o, context);
    let package = &context.report.package;
    let how = format!("Sheet of four views with the result of {} {}", package.name, package.version);
    text(o, tags::DERIVATION_DESCRIPTION, VR::ST, &format!("{}; not for diagnosis", long_string(&how)));
    let made_from = made_from(context);
    if !made_from.is_empty() {
        sequence(o, tags::SOURCE_IMAGE_SEQUENCE, made_from);
    }
    pixels(o, picture(context));
    finish(context, &form, object)
}

/// The sheet of a result as pixels.
pub(super) fn picture(context: &Context<'_>) -> Picture {
    let images: Vec<(Slot, &Mammogram)> =
        Slot::ALL.into_iter().filter_map(|slot| Some((slot, context.exam?.images().get(&slot)?))).collect();
    sheet::draw(context, &images)
}

/// The sources of the chosen images.
fn chosen<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Source> {
    let chosen = context.report.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Chosen(_)));
    chosen.filter_map(|(uid, _)| context.source(uid))
}

/// Burned In Annotation (0028,0301) of what is drawn of these images.
pub(super) fn burned_in(context: &Context<'_>) -> &'static str {
    if chosen(context).all(|source| source.burned_in.as_deref() == Some("NO")) { "NO" } else { "YES" }
}

/// Lossy Image Compression (0028,2110), with the ratio and the method of the first such image that says them.
fn lossy(o: &mut InMemDicomObject, context: &Context<'_>) {
    let lossy: Vec<&Source> = chosen(context).filter(|source| source.lossy).collect();
    text(o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, if lossy.is_empty() { "00" } else { "01" });
    let said = lossy.iter().find_map(|source| Some((source.lossy_ratio?, source.lossy_method.as_deref()?)));
    if let Some((ratio, method)) = said {
        text(o, tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, &decimal(ratio));
        text(o, tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, method);
    }
}

/// Image Laterality (0020,0062): of the breasts whose images were chosen; `B` for both, or where none was.
fn laterality(context: &Context<'_>) -> &'static str {
    let has = |side: Laterality| {
        let of = |fate: &Fate| matches!(fate, Fate::Chosen(slot) if slot.laterality() == side);
        context.report.fates.iter().any(|(_, fate)| of(fate))
    };
    match (has(Laterality::Left), has(Laterality::Right)) {
        (true, false) => "L",
        (false, true) => "R",
        (true, true) | (false, false) => "B",
    }
}

/// The chosen images, as items of Source Image Sequence (0008,2112).
fn made_from(context: &Context<'_>) -> Vec<InMemDicomObject> {
    let chosen = context.report.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Chosen(_)));
    let item = |uid| {
        let source = context.source(uid)?;
        let mut item = reference(source.sop_class.as_str(), source.sop_instance.as_str());
        // CID 7202.
        let purpose = code("121322", "DCM", "Source image for image processing operation");
        sequence(&mut item, tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]);
        text(&mut item, tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "NO");
        Some(item)
    };
    chosen.filter_map(|(uid, _)| item(uid)).collect()
}

/// Image Pixel Module (PS3.3 C.7.6.3).
fn pixels(o: &mut InMemDicomObject, picture: Picture) {
    let Picture { width, height, mut rgb } = picture;
    let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 3),
        (tags::PLANAR_CONFIGURATION, 0),
        (tags::ROWS, short(height)),
        (tags::COLUMNS, short(width)),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        words(o, tag, &[value]);
    }
    if rgb.len() % 2 == 1 {
        rgb.push(0);
    }
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(rgb.into())));
}
