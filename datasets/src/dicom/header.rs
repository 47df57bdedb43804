//! What is known at the door: which image of whom, in which syntax.
//!
//! Invariant: the four UIDs are valid ones; no attribute is there twice with two values; the patient is decoded from
//! its character set and printed nowhere.

use std::str::FromStr;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_exam::{
    BirthDate, InvalidUid, Patient, PatientId, PatientName, SeriesInstanceUid, SopClassUid, SopInstanceUid,
    StudyInstanceUid,
};

use super::catalog::Catalog;
use super::element::DataSet;
use super::intake::Intake;
use super::part10::File;
use super::{Attribute, ReadError};

/// What a file says of itself before any pixel is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Study Instance UID (0020,000D).
    pub study: StudyInstanceUid,
    /// Series Instance UID (0020,000E).
    pub series: SeriesInstanceUid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: SopInstanceUid,
    /// SOP Class UID (0008,0016).
    pub sop_class: SopClassUid,
    /// Transfer Syntax UID (0002,0010), one of PS3.6 table A-1.
    pub transfer_syntax: &'static str,
    /// Modality (0008,0060), such as `MG`; `None` where it is absent or anything but a code of 2 to 4 characters.
    pub modality: Option<String>,
    /// Who.
    pub patient: Patient,
    /// What catalogues list.
    pub catalog: Catalog,
    /// What decides when and how soon the study is scored.
    pub intake: Intake,
}

pub(super) fn header(file: &File, data: &DataSet<'_>) -> Result<Header, ReadError> {
    if let Some(tag) = data.repeated().different {
        return Err(ReadError::Invalid { attribute: Attribute(tag), problem: "occurs twice with different values" });
    }
    let mut header = Header {
        study: uid::<StudyInstanceUid>(data, tags::STUDY_INSTANCE_UID)?,
        series: uid::<SeriesInstanceUid>(data, tags::SERIES_INSTANCE_UID)?,
        sop_instance: uid::<SopInstanceUid>(data, tags::SOP_INSTANCE_UID)?,
        sop_class: uid::<SopClassUid>(data, tags::SOP_CLASS_UID)?,
        transfer_syntax: file.syntax.uid,
        modality: data.code(tags::MODALITY).filter(|text| is_modality(text)),
        patient: patient(data),
        catalog: Catalog::of(data),
        intake: Intake::default(),
    };
    header.intake = Intake::of(&header, data);
    Ok(header)
}

/// Whether a text has the form of the Defined Terms of PS3.3 C.7.3.1.1.1 that images have. It is kept and shown, so
/// that a name in its place must not pass.
fn is_modality(text: &str) -> bool {
    (2..=4).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn uid<T: FromStr<Err = InvalidUid>>(data: &DataSet<'_>, tag: Tag) -> Result<T, ReadError> {
    let attribute = Attribute(tag);
    match data.code(tag) {
        Some(text) => text.parse().map_err(|why| ReadError::Uid { attribute, why }),
        // What comes behind the break may hold it: say that rather than that it is missing.
        None => Err(data.broken.map_or(ReadError::Missing(attribute), ReadError::from)),
    }
}

fn patient(data: &DataSet<'_>) -> Patient {
    let text = |tag| data.text(tag);
    Patient {
        id: text(tags::PATIENT_ID).and_then(|t| PatientId::new(&t)),
        issuer: text(tags::ISSUER_OF_PATIENT_ID).and_then(|t| PatientId::new(&t)),
        birth_date: data.code(tags::PATIENT_BIRTH_DATE).and_then(|t| BirthDate::new(&t)),
        name: text(tags::PATIENT_NAME).and_then(|t| PatientName::new(&t)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_modality;

    #[test]
    fn a_modality_is_a_code_and_no_name() {
        for code in ["MG", "SR", "OT", "PR", "SEG", "CR", "DX", "KO", "XA", "OCT", "M3D"] {
            assert!(is_modality(code), "{code}");
        }
        for text in ["", "M", "JOVANOVIC", "mg", "Ana", "1234", "9MG", "A B", "A^B", "ANA\u{0106}", "19640601"] {
            assert!(!is_modality(text), "{text}");
        }
    }
}
