//! The attributes of a mammography image, module by module (PS3.3 A.27; IHE RAD TF-3 4.8.4.1.2.2).
//!
//! Invariant: every Type 1 attribute has a value and every Type 2 attribute is there. Exposure values are invented but
//! plausible; no institution, device or person named here exists.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use uvid_exam::{Intent, Laterality, Lossy, View, Window, WindowFunction};

use super::PhantomError;
use super::spec::Photometric;
use super::wrap::{Wrap, stored};

/// SOP Class UID of an intent.
pub(super) fn sop_class(intent: Intent) -> &'static str {
    match intent {
        Intent::ForPresentation => uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
        Intent::ForProcessing => uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
    }
}

/// Everything but Pixel Data.
pub(super) fn object(wrap: &Wrap) -> Result<InMemDicomObject, PhantomError> {
    let mut a = Attributes(InMemDicomObject::new_empty());
    common(&mut a, wrap);
    patient(&mut a, wrap);
    study_and_series(&mut a, wrap);
    equipment(&mut a, wrap);
    image(&mut a, wrap);
    view(&mut a, wrap);
    positioning(&mut a);
    detector(&mut a, wrap);
    exposure(&mut a);
    pixels(&mut a, wrap);
    if wrap.intent == Intent::ForPresentation {
        source(&mut a, wrap);
        voi(&mut a, wrap)?;
    }
    Ok(a.0)
}

/// An object being filled.
struct Attributes(InMemDicomObject);

impl Attributes {
    fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        let value = if value.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(value) };
        self.0.put(DataElement::new(tag, vr, value));
    }

    /// A decimal string of at most 16 characters.
    fn number(&mut self, tag: Tag, values: &[f64]) {
        let texts: Vec<String> = values.iter().map(|v| decimal(*v)).collect();
        self.0.put(DataElement::new(tag, VR::DS, PrimitiveValue::Strs(texts.into())));
    }

    fn short(&mut self, tag: Tag, vr: VR, values: &[u16]) {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::U16(values.into())));
    }

    fn sequence(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }
}

fn decimal(value: f64) -> String {
    let plain = format!("{value}");
    if plain.len() <= 16 { plain } else { format!("{value:.8e}") }
}

/// An item that names a concept.
fn code(value: &str, scheme: &str, meaning: &str) -> InMemDicomObject {
    let mut a = Attributes(InMemDicomObject::new_empty());
    a.text(tags::CODE_VALUE, VR::SH, value);
    a.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
    a.text(tags::CODE_MEANING, VR::LO, meaning);
    a.0
}

/// SOP Common.
fn common(a: &mut Attributes, wrap: &Wrap) {
    if !wrap.patient.character_set.is_empty() {
        a.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, &wrap.patient.character_set);
    }
    a.text(tags::SOP_CLASS_UID, VR::UI, sop_class(wrap.intent));
    a.text(tags::SOP_INSTANCE_UID, VR::UI, &wrap.uids.sop_instance);
    a.text(tags::INSTANCE_CREATION_DATE, VR::DA, &wrap.acquired.0);
    a.text(tags::INSTANCE_CREATION_TIME, VR::TM, &wrap.acquired.1);
}

/// Patient and Patient Study.
fn patient(a: &mut Attributes, wrap: &Wrap) {
    let patient = &wrap.patient;
    a.text(tags::PATIENT_NAME, VR::PN, &patient.name);
    a.text(tags::PATIENT_ID, VR::LO, patient.id.as_deref().unwrap_or(""));
    if !patient.issuer.is_empty() {
        a.text(tags::ISSUER_OF_PATIENT_ID, VR::LO, &patient.issuer);
    }
    a.text(tags::PATIENT_BIRTH_DATE, VR::DA, &patient.birth_date);
    a.text(tags::PATIENT_SEX, VR::CS, "F");
    a.text(tags::PATIENT_AGE, VR::AS, &patient.age);
}

/// General Study, General Series, DX Series, Mammography Series.
fn study_and_series(a: &mut Attributes, wrap: &Wrap) {
    a.text(tags::STUDY_INSTANCE_UID, VR::UI, &wrap.uids.study);
    a.text(tags::STUDY_DATE, VR::DA, &wrap.studied.0);
    a.text(tags::STUDY_TIME, VR::TM, &wrap.studied.1);
    a.text(tags::STUDY_ID, VR::SH, "1");
    a.text(tags::ACCESSION_NUMBER, VR::SH, &wrap.accession_number);
    a.text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "");
    a.text(tags::STUDY_DESCRIPTION, VR::LO, "Screening mammography (phantom)");
    a.text(tags::SERIES_INSTANCE_UID, VR::UI, &wrap.uids.series);
    a.text(tags::SERIES_DATE, VR::DA, &wrap.studied.0);
    a.text(tags::SERIES_TIME, VR::TM, &wrap.studied.1);
    let (number, intent) = match wrap.intent {
        Intent::ForPresentation => ("1", "FOR PRESENTATION"),
        Intent::ForProcessing => ("2", "FOR PROCESSING"),
    };
    a.text(tags::SERIES_NUMBER, VR::IS, number);
    a.text(tags::MODALITY, VR::CS, "MG");
    a.text(tags::PRESENTATION_INTENT_TYPE, VR::CS, intent);
    a.text(tags::OPERATORS_NAME, VR::PN, "Phantom^Operator");
    a.sequence(tags::REQUEST_ATTRIBUTES_SEQUENCE, vec![request(wrap)]);
}

fn request(wrap: &Wrap) -> InMemDicomObject {
    let mut a = Attributes(InMemDicomObject::new_empty());
    a.text(tags::REQUESTED_PROCEDURE_ID, VR::SH, &wrap.accession_number);
    a.text(tags::SCHEDULED_PROCEDURE_STEP_ID, VR::SH, &wrap.accession_number);
    a.text(tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, VR::LO, "Screening mammography (phantom)");
    a.0
}

/// General Equipment.
fn equipment(a: &mut Attributes, wrap: &Wrap) {
    a.text(tags::MANUFACTURER, VR::LO, &wrap.manufacturer);
    a.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &wrap.model);
    a.text(tags::INSTITUTION_NAME, VR::LO, "Uvid phantom clinic");
    a.text(tags::INSTITUTION_ADDRESS, VR::ST, "Nowhere 1");
    a.text(tags::STATION_NAME, VR::SH, "PHANTOM1");
    a.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "1");
    a.text(tags::SOFTWARE_VERSIONS, VR::LO, "1.0");
    a.text(tags::DATE_OF_LAST_DETECTOR_CALIBRATION, VR::DA, "20240301");
    a.text(tags::TIME_OF_LAST_DETECTOR_CALIBRATION, VR::TM, "070000");
}

/// General Image, Acquisition Context.
fn image(a: &mut Attributes, wrap: &Wrap) {
    a.0.put(DataElement::new(
        tags::IMAGE_TYPE,
        VR::CS,
        PrimitiveValue::Strs(["ORIGINAL", "PRIMARY", ""].map(String::from).as_slice().into()),
    ));
    a.text(tags::INSTANCE_NUMBER, VR::IS, &wrap.instance_number.to_string());
    a.text(tags::ACQUISITION_NUMBER, VR::IS, &wrap.instance_number.to_string());
    for (tag, vr, value) in [
        (tags::CONTENT_DATE, VR::DA, &wrap.acquired.0),
        (tags::CONTENT_TIME, VR::TM, &wrap.acquired.1),
        (tags::ACQUISITION_DATE, VR::DA, &wrap.acquired.0),
        (tags::ACQUISITION_TIME, VR::TM, &wrap.acquired.1),
    ] {
        a.text(tag, vr, value);
    }
    let flag = |yes| if yes { "YES" } else { "NO" };
    a.text(tags::BURNED_IN_ANNOTATION, VR::CS, flag(wrap.burned_in_annotation));
    a.text(tags::BREAST_IMPLANT_PRESENT, VR::CS, flag(wrap.implant));
    if wrap.partial_view {
        a.text(tags::PARTIAL_VIEW, VR::CS, "YES");
        a.sequence(tags::PARTIAL_VIEW_CODE_SEQUENCE, vec![code("255561001", "SCT", "Medial")]);
    }
    match wrap.lossy {
        Lossy::No => a.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        Lossy::Yes => {
            a.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01");
            a.number(tags::LOSSY_IMAGE_COMPRESSION_RATIO, &[8.0]);
            a.text(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, "ISO_15444_1");
        }
    }
    a.sequence(tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
}

/// DX Anatomy Imaged, Mammography Image.
fn view(a: &mut Attributes, wrap: &Wrap) {
    a.text(tags::IMAGE_LATERALITY, VR::CS, wrap.laterality.letter());
    a.text(tags::PATIENT_ORIENTATION, VR::CS, orientation(wrap));
    a.text(tags::ORGAN_EXPOSED, VR::CS, "BREAST");
    a.text(tags::BODY_PART_EXAMINED, VR::CS, "BREAST");
    a.text(tags::VIEW_POSITION, VR::CS, wrap.view.short());
    a.sequence(tags::ANATOMIC_REGION_SEQUENCE, vec![code("76752008", "SCT", "Breast")]);
    let mut view = Attributes(code(wrap.view.sct(), "SCT", meaning(wrap.view)));
    let modifiers = wrap.modifiers.iter().map(|m| code(m.sct(), "SCT", m.short())).collect();
    view.sequence(tags::VIEW_MODIFIER_CODE_SEQUENCE, modifiers);
    a.sequence(tags::VIEW_CODE_SEQUENCE, vec![view.0]);
}

/// The directions of rows and columns of an image with the chest wall at the left for a left breast, at the right for
/// a right one, seen as it hangs: lateral or cranial is up.
fn orientation(wrap: &Wrap) -> &'static str {
    let lying_down = matches!(
        wrap.view,
        View::CranioCaudal
            | View::CaudoCranial
            | View::ExaggeratedCranioCaudalLateral
            | View::ExaggeratedCranioCaudalMedial
    );
    match (wrap.laterality, lying_down) {
        (Laterality::Left, true) => "A\\R",
        (Laterality::Right, true) => "P\\L",
        (Laterality::Left, false) => "A\\FR",
        (Laterality::Right, false) => "P\\FL",
    }
}

/// Code Meaning, PS3.16 CID 4014.
fn meaning(view: View) -> &'static str {
    match view {
        View::CranioCaudal => "cranio-caudal",
        View::MedioLateralOblique => "medio-lateral oblique",
        View::MedioLateral => "medio-lateral",
        View::LateroMedial => "latero-medial",
        View::LateroMedialOblique => "latero-medial oblique",
        View::CaudoCranial => "caudo-cranial (from below)",
        View::SuperolateralInferomedialOblique => "superolateral to inferomedial oblique",
        View::InferomedialSuperolateralOblique => "inferomedial to superolateral oblique",
        View::ExaggeratedCranioCaudalLateral => "cranio-caudal exaggerated laterally",
        View::ExaggeratedCranioCaudalMedial => "cranio-caudal exaggerated medially",
        View::Specimen => "specimen",
    }
}

/// DX Positioning, Mammography Image.
fn positioning(a: &mut Attributes) {
    let oblique = a.0.get(tags::VIEW_POSITION).and_then(|e| e.to_str().ok()).is_some_and(|v| v.starts_with("ML"));
    a.text(tags::POSITIONER_TYPE, VR::CS, "MAMMOGRAPHIC");
    a.number(tags::POSITIONER_PRIMARY_ANGLE, &[if oblique { 45.0 } else { 0.0 }]);
    a.text(tags::POSITIONER_PRIMARY_ANGLE_DIRECTION, VR::CS, "CW");
    a.number(tags::COMPRESSION_FORCE, &[104.0]);
    a.number(tags::BODY_PART_THICKNESS, &[56.0]);
    a.text(tags::PADDLE_DESCRIPTION, VR::LO, "STANDARD");
    a.number(tags::DISTANCE_SOURCE_TO_DETECTOR, &[660.0]);
    a.number(tags::DISTANCE_SOURCE_TO_PATIENT, &[660.0]);
}

/// DX Detector.
fn detector(a: &mut Attributes, wrap: &Wrap) {
    a.text(tags::DETECTOR_TYPE, VR::CS, "DIRECT");
    a.text(tags::DETECTOR_CONFIGURATION, VR::CS, "AREA");
    a.text(tags::DETECTOR_ID, VR::SH, "PHANTOM-1");
    a.text(tags::DETECTOR_CONDITIONS_NOMINAL_FLAG, VR::CS, "YES");
    a.number(tags::DETECTOR_TEMPERATURE, &[28.0]);
    a.text(tags::FIELD_OF_VIEW_SHAPE, VR::CS, "RECTANGLE");
    let extent = |n: usize| (n as f64 * wrap.spacing_mm).round();
    // Field of View Dimension(s) is an IS: rows first.
    a.text(
        tags::FIELD_OF_VIEW_DIMENSIONS,
        VR::IS,
        &format!("{}\\{}", extent(wrap.rows).max(1.0), extent(wrap.columns).max(1.0)),
    );
    a.number(tags::FIELD_OF_VIEW_ORIGIN, &[0.0, 0.0]);
    a.number(tags::FIELD_OF_VIEW_ROTATION, &[0.0]);
    a.text(tags::FIELD_OF_VIEW_HORIZONTAL_FLIP, VR::CS, "NO");
    a.number(tags::IMAGER_PIXEL_SPACING, &[wrap.spacing_mm; 2]);
    a.number(tags::DETECTOR_ELEMENT_PHYSICAL_SIZE, &[wrap.spacing_mm; 2]);
    a.number(tags::DETECTOR_ELEMENT_SPACING, &[wrap.spacing_mm; 2]);
    a.number(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, &[wrap.magnification]);
}

/// X-Ray Generation, Filtration, Grid and Acquisition Dose.
fn exposure(a: &mut Attributes) {
    a.number(tags::KVP, &[29.0]);
    a.text(tags::EXPOSURE, VR::IS, "92");
    a.text(tags::EXPOSURE_INU_AS, VR::IS, "92000");
    a.text(tags::EXPOSURE_TIME, VR::IS, "920");
    a.text(tags::X_RAY_TUBE_CURRENT, VR::IS, "100");
    a.text(tags::EXPOSURE_CONTROL_MODE, VR::CS, "AUTOMATIC");
    a.text(tags::EXPOSURE_STATUS, VR::CS, "NORMAL");
    a.text(tags::ANODE_TARGET_MATERIAL, VR::CS, "TUNGSTEN");
    a.text(tags::FILTER_MATERIAL, VR::CS, "RHODIUM");
    a.number(tags::FOCAL_SPOTS, &[0.3]);
    a.text(tags::GRID, VR::CS, "RECIPROCATING\\FOCUSED");
    a.text(tags::RELATIVE_X_RAY_EXPOSURE, VR::IS, "410");
    a.number(tags::ENTRANCE_DOSE_INM_GY, &[5.1]);
    // In dGy: 0.0135 is 1.35 mGy.
    a.number(tags::ORGAN_DOSE, &[0.0135]);
    a.number(tags::HALF_VALUE_LAYER, &[0.53]);
}

/// Image Pixel, DX Image.
fn pixels(a: &mut Attributes, wrap: &Wrap) {
    let bright = wrap.photometric == Photometric::Monochrome2;
    a.short(tags::SAMPLES_PER_PIXEL, VR::US, &[1]);
    a.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, if bright { "MONOCHROME2" } else { "MONOCHROME1" });
    a.text(tags::PRESENTATION_LUT_SHAPE, VR::CS, if bright { "IDENTITY" } else { "INVERSE" });
    a.short(tags::ROWS, VR::US, &[wrap.rows as u16]);
    a.short(tags::COLUMNS, VR::US, &[wrap.columns as u16]);
    a.short(tags::BITS_ALLOCATED, VR::US, &[16]);
    a.short(tags::BITS_STORED, VR::US, &[wrap.bits_stored]);
    a.short(tags::HIGH_BIT, VR::US, &[wrap.bits_stored - 1]);
    a.short(tags::PIXEL_REPRESENTATION, VR::US, &[u16::from(wrap.signed)]);
    a.text(tags::PIXEL_INTENSITY_RELATIONSHIP, VR::CS, "LOG");
    // -1: higher values are less X-ray beam intensity, which is what bright tissue is.
    let sign: i16 = if bright { -1 } else { 1 };
    a.0.put(DataElement::new(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, VR::SS, PrimitiveValue::from(sign)));
    a.number(tags::RESCALE_INTERCEPT, &[wrap.rescale.intercept]);
    a.number(tags::RESCALE_SLOPE, &[wrap.rescale.slope]);
    a.text(tags::RESCALE_TYPE, VR::LO, "US");
    let vr = if wrap.signed { VR::SS } else { VR::US };
    if let Some((value, limit)) = wrap.padding {
        a.short(tags::PIXEL_PADDING_VALUE, vr, &[stored(value, wrap)]);
        if let Some(limit) = limit {
            a.short(tags::PIXEL_PADDING_RANGE_LIMIT, vr, &[stored(limit, wrap)]);
        }
    }
}

/// General Reference: an image for presentation was made from one for processing.
fn source(a: &mut Attributes, wrap: &Wrap) {
    let mut item = Attributes(InMemDicomObject::new_empty());
    item.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, sop_class(Intent::ForProcessing));
    item.text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &wrap.uids.source);
    item.text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
    let purpose = code("121322", "DCM", "Source image for image processing operation");
    item.sequence(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![purpose]);
    a.sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![item.0]);
}

/// VOI LUT.
fn voi(a: &mut Attributes, wrap: &Wrap) -> Result<(), PhantomError> {
    let (mut centers, mut widths, mut words, mut kind) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut tables = Vec::new();
    for window in &wrap.voi {
        match window {
            Window::Function { center, width, function, explanation } => {
                centers.push(*center);
                widths.push(*width);
                words.push(explanation.clone().unwrap_or_default());
                // One function holds for all windows of a file.
                if *kind.get_or_insert(*function) != *function {
                    return Err(PhantomError::MixedWindows);
                }
            }
            Window::Table { first, bits, entries, explanation } => {
                tables.push(table(*first, *bits, entries, explanation.as_deref())?);
            }
        }
    }
    let name = match kind {
        // The profile asks for the attribute beside tables too, where it says nothing.
        Some(WindowFunction::Linear) | None => "LINEAR",
        Some(WindowFunction::LinearExact) => "LINEAR_EXACT",
        Some(WindowFunction::Sigmoid) => "SIGMOID",
    };
    a.text(tags::VOILUT_FUNCTION, VR::CS, name);
    if !centers.is_empty() {
        a.number(tags::WINDOW_CENTER, &centers);
        a.number(tags::WINDOW_WIDTH, &widths);
        a.0.put(DataElement::new(tags::WINDOW_CENTER_WIDTH_EXPLANATION, VR::LO, PrimitiveValue::Strs(words.into())));
    }
    if !tables.is_empty() {
        a.sequence(tags::VOILUT_SEQUENCE, tables);
    }
    Ok(())
}

/// An item of the VOI LUT Sequence; 65536 entries are written as 0 (PS3.3 C.11.2.1.1).
fn table(first: i32, bits: u16, entries: &[u16], explanation: Option<&str>) -> Result<InMemDicomObject, PhantomError> {
    let range = |lo, hi| PhantomError::Range { name: "first value of a table", value: f64::from(first), lo, hi };
    let (count, vr) = (entries.len() as u16, if first < 0 { VR::SS } else { VR::US });
    let first = if first < 0 {
        i16::try_from(first).map_err(|_| range(-32768.0, 65535.0))? as u16
    } else {
        u16::try_from(first).map_err(|_| range(-32768.0, 65535.0))?
    };
    if entries.is_empty() || entries.len() > 1 << 16 {
        return Err(PhantomError::Range { name: "entries", value: entries.len() as f64, lo: 1.0, hi: 65536.0 });
    }
    let mut a = Attributes(InMemDicomObject::new_empty());
    a.short(tags::LUT_DESCRIPTOR, vr, &[count, first, bits]);
    if let Some(explanation) = explanation {
        a.text(tags::LUT_EXPLANATION, VR::LO, explanation);
    }
    a.short(tags::LUT_DATA, VR::OW, entries);
    Ok(a.0)
}
