//! What all objects made here share: modules, codes, references, the file around them.
//!
//! Invariants: an object repeats the patient and study of [`Context::head`] and nothing of another; its text is in the
//! head's character set if that has all of it, else in ISO_IR 192; the same draft gives the same bytes.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use time::{OffsetDateTime, UtcOffset};
use uvid_datasets::dicom::{Code, Source, charset_for};

use super::uids::uid;
use super::{Context, ObjectError, ResultObject};
use crate::config::ObjectKind;
use crate::dimse::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

/// Explicit VR Little Endian.
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// What an object is, apart from what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Which kind: all objects of a kind are one series.
    pub kind: ObjectKind,
    /// SOP Class UID.
    pub sop_class: &'static str,
    /// Modality (0008,0060) of the series.
    pub modality: &'static str,
    /// Series Description (0008,103E), in the default repertoire.
    pub description: &'static str,
    /// Instance Number (0020,0013), from 1; with the kind it makes the SOP Instance UID.
    pub instance: u32,
}

impl Form {
    /// Series Number (0020,0011): high, so that results come behind the images.
    fn series_number(self) -> u32 {
        match self.kind {
            ObjectKind::CadSr => 9101,
            ObjectKind::Sr => 9102,
            ObjectKind::Gsps => 9103,
            ObjectKind::Sc => 9104,
            ObjectKind::Pdf => 9105,
            ObjectKind::Rejection => 9106,
        }
    }
}

/// An object with everything but what it says: Patient, General Study, Series, General Equipment, SOP Common.
///
/// # Errors
///
/// [`ObjectError::NoSource`], and those of its UIDs.
pub fn begin(context: &Context<'_>, form: &Form) -> Result<InMemDicomObject, ObjectError> {
    let head = context.head().ok_or(ObjectError::NoSource)?;
    let mut object = InMemDicomObject::new_empty();
    patient(&mut object, head);
    study(&mut object, head);
    let (date, clock) = moment(context);
    let o = &mut object;
    text(o, tags::MODALITY, VR::CS, form.modality);
    text(o, tags::SERIES_INSTANCE_UID, VR::UI, &uid(context, form.kind, "series")?);
    text(o, tags::SERIES_NUMBER, VR::IS, &form.series_number().to_string());
    text(o, tags::SERIES_DATE, VR::DA, &date);
    text(o, tags::SERIES_TIME, VR::TM, &clock);
    text(o, tags::SERIES_DESCRIPTION, VR::LO, form.description);
    equipment(o, context);
    text(o, tags::SOP_CLASS_UID, VR::UI, form.sop_class);
    text(o, tags::SOP_INSTANCE_UID, VR::UI, &uid(context, form.kind, &form.instance.to_string())?);
    text(o, tags::INSTANCE_CREATION_DATE, VR::DA, &date);
    text(o, tags::INSTANCE_CREATION_TIME, VR::TM, &clock);
    text(o, tags::INSTANCE_NUMBER, VR::IS, &form.instance.to_string());
    if let Some(zone) = &head.timezone {
        text(o, tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, zone);
    }
    Ok(object)
}

/// The file of an object, in the character set that its text needs.
///
/// # Errors
///
/// It cannot be written, or a UID in it is none.
pub fn finish(context: &Context<'_>, form: &Form, mut object: InMemDicomObject) -> Result<ResultObject, ObjectError> {
    let head = context.head().ok_or(ObjectError::NoSource)?;
    let failed = |error: &dyn std::fmt::Display| ObjectError::Write(form.kind, error.to_string());
    let mut texts = Vec::new();
    collect(&object, &mut texts);
    let charset = if head.repaired.is_some() {
        let ascii = texts.iter().all(|text| text.is_ascii()) && head.charset.iter().all(String::is_empty);
        (!ascii).then_some("ISO_IR 192")
    } else {
        charset_for(&head.charset, texts.iter().map(String::as_str))
    };
    object.remove_element(tags::SPECIFIC_CHARACTER_SET);
    if let Some(charset) = charset {
        text(&mut object, tags::SPECIFIC_CHARACTER_SET, VR::CS, charset);
    }
    let sop_instance = string(&object, tags::SOP_INSTANCE_UID);
    let series = string(&object, tags::SERIES_INSTANCE_UID).parse()?;
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(form.sop_class)
        .media_storage_sop_instance_uid(&sop_instance)
        .transfer_syntax(EXPLICIT_LITTLE)
        .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
        .implementation_version_name(IMPLEMENTATION_VERSION_NAME)
        .build()
        .map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    object.with_exact_meta(meta).write_all(&mut bytes).map_err(|error| failed(&error))?;
    Ok(ResultObject {
        kind: form.kind,
        study: head.study_uid.clone(),
        series,
        sop_class: form.sop_class.parse()?,
        sop_instance: sop_instance.parse()?,
        bytes,
    })
}

/// Date (DA) and time (TM) of the making: at the offset of the head's Timezone Offset From UTC, where it says one, else
/// at that of [`Making::at`](super::Making), which is `results.utc_offset`.
pub fn moment(context: &Context<'_>) -> (String, String) {
    let at = context.making.at;
    let zone = context.head().and_then(|head| offset(head.timezone.as_deref()?));
    let at = zone.map_or(at, |zone| at.checked_to_offset(zone).unwrap_or(at));
    (date_of(at), format!("{:02}{:02}{:02}.{:06}", at.hour(), at.minute(), at.second(), at.microsecond()))
}

fn date_of(at: OffsetDateTime) -> String {
    format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day())
}

fn offset(text: &str) -> Option<UtcOffset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let hours: i8 = text.get(1..3)?.parse().ok()?;
    let minutes: i8 = text.get(3..5)?.parse().ok()?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

/// Patient and Patient Study Modules (PS3.3 C.7.1.1, C.7.2.2).
fn patient(o: &mut InMemDicomObject, source: &Source) {
    let patient = &source.patient;
    for (tag, vr, value) in [
        (tags::PATIENT_NAME, VR::PN, &patient.name),
        (tags::PATIENT_ID, VR::LO, &patient.id),
        (tags::PATIENT_BIRTH_DATE, VR::DA, &patient.birth_date),
        (tags::PATIENT_SEX, VR::CS, &patient.sex),
    ] {
        text(o, tag, vr, value.as_deref().unwrap_or_default());
    }
    optional(o, tags::ISSUER_OF_PATIENT_ID, VR::LO, patient.issuer.as_deref());
    optional(o, tags::PATIENT_AGE, VR::AS, patient.age.as_deref());
}

/// General Study Module (PS3.3 C.7.2.1).
fn study(o: &mut InMemDicomObject, source: &Source) {
    let study = &source.study;
    text(o, tags::STUDY_INSTANCE_UID, VR::UI, source.study_uid.as_str());
    for (tag, vr, value) in [
        (tags::STUDY_DATE, VR::DA, &study.date),
        (tags::STUDY_TIME, VR::TM, &study.time),
        (tags::ACCESSION_NUMBER, VR::SH, &study.accession_number),
        (tags::STUDY_ID, VR::SH, &study.id),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, &study.referring_physician),
    ] {
        text(o, tag, vr, value.as_deref().unwrap_or_default());
    }
    optional(o, tags::STUDY_DESCRIPTION, VR::LO, study.description.as_deref());
    if !study.procedures.is_empty() {
        sequence(o, tags::PROCEDURE_CODE_SEQUENCE, study.procedures.iter().map(code_of).collect());
    }
}

/// General Equipment Module (PS3.3 C.7.5.1): this program, and the package by its digest.
fn equipment(o: &mut InMemDicomObject, context: &Context<'_>) {
    let package = &context.report.package;
    text(o, tags::MANUFACTURER, VR::LO, "Uvid");
    text(o, tags::MANUFACTURER_MODEL_NAME, VR::LO, "Uvid");
    // SHA-256 in hexadecimal has the 64 characters that LO allows.
    text(o, tags::DEVICE_SERIAL_NUMBER, VR::LO, &long_string(&package.digest));
    let versions = [env!("CARGO_PKG_VERSION"), &format!("{} {}", package.name, package.version)].map(long_string);
    text(o, tags::SOFTWARE_VERSIONS, VR::LO, &versions.join("\\"));
}

/// A text as one value of LO (PS3.5 section 6.2): 64 characters, none of them a backslash or a control character.
pub fn long_string(text: &str) -> String {
    let plain = text.chars().map(|c| if c == '\\' { '/' } else { c }).map(|c| if c.is_control() { ' ' } else { c });
    plain.take(64).collect::<String>().trim().to_owned()
}

/// Puts a text; a backslash separates values where the VR has several.
pub fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    let value = if value.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(value) };
    object.put(DataElement::new(tag, vr, value));
}

/// Puts a text if there is one.
pub fn optional(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: Option<&str>) {
    if let Some(value) = value {
        text(object, tag, vr, value);
    }
}

/// Puts 16-bit words (US).
pub fn words(object: &mut InMemDicomObject, tag: Tag, values: &[u16]) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into())));
}

/// Puts single-precision numbers (FL).
pub fn floats(object: &mut InMemDicomObject, tag: Tag, values: &[f32]) {
    object.put(DataElement::new(tag, VR::FL, PrimitiveValue::F32(values.into())));
}

/// Puts a sequence.
pub fn sequence(object: &mut InMemDicomObject, tag: Tag, items: Vec<InMemDicomObject>) {
    object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
}

/// An item of a code sequence (PS3.3 section 8.8).
pub fn code(value: &str, scheme: &str, meaning: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::CODE_VALUE, VR::SH, value);
    text(&mut item, tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
    text(&mut item, tags::CODE_MEANING, VR::LO, &long_string(meaning));
    item
}

/// A code of a source.
pub fn code_of(source: &Code) -> InMemDicomObject {
    code(&source.value, &source.scheme, &source.meaning)
}

/// An item that refers to an object (PS3.3 table 10-11).
pub fn reference(sop_class: &str, sop_instance: &str) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    text(&mut item, tags::REFERENCED_SOP_CLASS_UID, VR::UI, sop_class);
    text(&mut item, tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, sop_instance);
    item
}

/// The items of Referenced Series Sequence (0008,1115) for objects given as class, series and instance; objects of a
/// series stand together. In an SR's evidence the objects are in Referenced SOP Sequence (0008,1199), in a presentation
/// state in Referenced Image Sequence (0008,1140).
pub fn by_series<'a>(
    objects: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    objects_in: Tag,
) -> Vec<InMemDicomObject> {
    let mut series: Vec<(&str, Vec<InMemDicomObject>)> = Vec::new();
    for (class, of, instance) in objects {
        let item = reference(class, instance);
        match series.iter_mut().find(|(uid, _)| *uid == of) {
            Some((_, items)) => items.push(item),
            None => series.push((of, vec![item])),
        }
    }
    let item = |(uid, items): (&str, Vec<InMemDicomObject>)| {
        let mut item = InMemDicomObject::new_empty();
        sequence(&mut item, objects_in, items);
        text(&mut item, tags::SERIES_INSTANCE_UID, VR::UI, uid);
        item
    };
    series.into_iter().map(item).collect()
}

/// A number as DS: at most 16 characters, as many digits as fit.
pub fn decimal(value: f64) -> String {
    let plain = value.to_string();
    if plain.len() <= 16 {
        return plain;
    }
    (0..=15)
        .rev()
        .map(|digits| format!("{value:.digits$}"))
        .find(|text| text.len() <= 16 && !is_zero(text))
        .unwrap_or_else(|| {
            (0..=10).rev().map(|digits| format!("{value:.digits$e}")).find(|text| text.len() <= 16).unwrap_or_default()
        })
}

fn is_zero(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0' | '.' | '-'))
}

fn string(object: &InMemDicomObject, tag: Tag) -> String {
    object
        .get(tag)
        .and_then(|e| e.to_str().ok())
        .map(|text| text.trim_end_matches(['\0', ' ']).to_owned())
        .unwrap_or_default()
}

/// Every text that Specific Character Set applies to (PS3.5 section 6.1.2.3), those of items too.
fn collect(object: &InMemDicomObject, texts: &mut Vec<String>) {
    for element in object {
        if let Some(items) = element.items() {
            items.iter().for_each(|item| collect(item, texts));
        } else if matches!(element.vr(), VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
            && let Ok(text) = element.to_str()
        {
            texts.push(text.into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, making, mammogram};
    use super::*;
    use uvid_datasets::dicom::{Limits, Repair, read_source};

    const FORM: Form = Form {
        kind: ObjectKind::Sr,
        sop_class: "1.2.840.10008.5.1.4.1.1.88.34",
        modality: "SR",
        description: "test",
        instance: 1,
    };

    /// A file with this name in this set goes through; what comes out is read by dicom-rs' own reader and by ours.
    fn check(declared: &str, name: &[u8], repair: Option<Repair>, expected: &str, written: Option<&str>) {
        let bytes = mammogram(
            "1.2.3.4",
            |o| {
                o.remove_element(tags::SPECIFIC_CHARACTER_SET);
                if !declared.is_empty() {
                    text(o, tags::SPECIFIC_CHARACTER_SET, VR::CS, declared);
                }
            },
            Some(name),
        );
        let source = read_source(&bytes, &Limits::default(), repair).expect("a source");
        assert_eq!(source.patient.name.as_deref(), Some(expected), "{declared}");
        let (making, sources) = (making(), [source]);
        let context = context(&making, &sources);
        let object = finish(&context, &FORM, begin(&context, &FORM).expect("begun")).expect("written");
        let back = dicom_object::from_reader(object.bytes.as_slice()).expect("readable");
        let charset = back.get(tags::SPECIFIC_CHARACTER_SET).map(|e| e.to_str().expect("text").into_owned());
        assert_eq!(charset.as_deref().map(str::trim_end), written, "{declared}");
        assert_eq!(back.element(tags::PATIENT_NAME).expect("a name").to_str().expect("text"), expected, "{declared}");
        let again = read_source(&object.bytes, &Limits::default(), None).expect("a source");
        assert_eq!(again.patient.name.as_deref(), Some(expected), "{declared}");
        let twice = finish(&context, &FORM, begin(&context, &FORM).expect("begun")).expect("written");
        assert!(object == twice, "the same draft gives the same bytes");
    }

    #[test]
    fn names_survive() {
        let cyrillic = b"\xb9\xde\xd2\xd0\xdd\xde\xd2\xd8\xfb^\xa9\xd8\xf9\xd0\xdd\xd0=Jovanovic^Ljiljana";
        let cyrillic = [b"\xa8", &cyrillic[1..]].concat();
        check("ISO_IR 144", &cyrillic, None, "Јовановић^Љиљана=Jovanovic^Ljiljana", Some("ISO_IR 144"));
        check("ISO_IR 101", b"\xd0OR\xd0EVI\xc6^\xaeaklina", None, "ĐORĐEVIĆ^Žaklina", Some("ISO_IR 101"));
        let both = "Јовановић^Љиљана=ĐORĐEVIĆ^Žaklina";
        check("ISO_IR 192", both.as_bytes(), None, both, Some("ISO_IR 192"));
        check("ISO 2022 IR 101\\ISO 2022 IR 144", b"\xd0or\xf0e=\x1b-L\xa2\xde", None, "Đorđe=Ђо", Some("ISO_IR 192"));
        check("ISO 2022 IR 101\\ISO 2022 IR 144", b"\xd0or\xf0e", None, "Đorđe", Some("ISO_IR 101"));
        check("", b"Jovanovic^Ana", None, "Jovanovic^Ana", None);
        check(
            "ISO_IR 100",
            b"\xd0OR\xd0EVI\xc6^\x8eaklina",
            Some(Repair::Windows1250),
            "ĐORĐEVIĆ^Žaklina",
            Some("ISO_IR 192"),
        );
        let windows = b"\xa3\xee\xe2\xe0\xed\xee\xe2\xe8\x9e^\x8a\xe8\x9a\xe0\xed\xe0";
        check("", windows, Some(Repair::Windows1251), "Јовановић^Љиљана", Some("ISO_IR 192"));
        check("", b"Ana", Some(Repair::Windows1251), "Ana", None);
    }

    #[test]
    fn numbers_fit_sixteen_characters() {
        let check = |value: f64, expected: &str| assert_eq!(decimal(value), expected, "{value}");
        check(0.07, "0.07");
        check(100.0, "100");
        check(1.0 / 3.0, "0.33333333333333");
        check(-1.0 / 3.0, "-0.3333333333333");
        check(1e-20 / 3.0, "3.3333333333e-21");
        check(1e300, "1.0000000000e300");
        check(123_456_789.123_456_79, "123456789.123457");
    }

    #[test]
    fn a_long_string_is_one_value() {
        assert_eq!(long_string("a\\b\nc"), "a/b c");
        assert_eq!(long_string(&"ж".repeat(99)).chars().count(), 64);
    }
}
