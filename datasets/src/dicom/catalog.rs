//! What catalogues (QIDO-RS, a worklist) list of an object, from its header.
//!
//! Invariant: text is Unicode, whatever the file's character set; a value that is not of its attribute's form is
//! absent; nothing of it is printed.

use std::collections::BTreeMap;
use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::element::DataSet;

/// Bytes of a value, in UTF-8; a longer one is absent. Person Name, the longest, has 3 times 64 characters.
const VALUE_BYTES_MAX: usize = 1024;

/// How a value is written in the file.
enum Form {
    /// LO, PN, SH, in the file's character set.
    Text,
    /// CS.
    Code,
    /// DA.
    Date,
    /// TM.
    Time,
    /// IS.
    Integer,
    /// US.
    Word,
}

/// The attributes: those of PS3.18 tables 10.6.3-3 to 10.6.3-5 that a file itself has.
const ATTRIBUTES: &[(Tag, Form)] = &[
    (tags::STUDY_DATE, Form::Date),
    (tags::STUDY_TIME, Form::Time),
    (tags::ACCESSION_NUMBER, Form::Text),
    (tags::REFERRING_PHYSICIAN_NAME, Form::Text),
    (tags::PATIENT_NAME, Form::Text),
    (tags::PATIENT_ID, Form::Text),
    (tags::ISSUER_OF_PATIENT_ID, Form::Text),
    (tags::PATIENT_BIRTH_DATE, Form::Date),
    (tags::PATIENT_SEX, Form::Code),
    (tags::STUDY_ID, Form::Text),
    (tags::STUDY_DESCRIPTION, Form::Text),
    (tags::MODALITY, Form::Code),
    (tags::SERIES_NUMBER, Form::Integer),
    (tags::SERIES_DESCRIPTION, Form::Text),
    (tags::PERFORMED_PROCEDURE_STEP_START_DATE, Form::Date),
    (tags::PERFORMED_PROCEDURE_STEP_START_TIME, Form::Time),
    (tags::INSTANCE_NUMBER, Form::Integer),
    (tags::ROWS, Form::Word),
    (tags::COLUMNS, Form::Word),
    (tags::BITS_ALLOCATED, Form::Word),
    (tags::NUMBER_OF_FRAMES, Form::Integer),
    (tags::CONTENT_DATE, Form::Date),
    (tags::CONTENT_TIME, Form::Time),
];

/// What catalogues list of an object.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Catalog(BTreeMap<Tag, String>);

impl Catalog {
    pub(super) fn of(data: &DataSet<'_>) -> Self {
        let value = |tag: Tag, form: &Form| match form {
            Form::Text => data.text(tag),
            Form::Code => data.code(tag),
            Form::Date => data.code(tag).and_then(|text| date(&text)),
            Form::Time => data.code(tag).and_then(|text| time(&text)),
            Form::Integer => data.code(tag).and_then(|text| text.parse::<i32>().ok()).map(|n| n.to_string()),
            Form::Word => data.word(tag).map(|n| n.to_string()),
        };
        let values = ATTRIBUTES.iter().filter_map(|(tag, form)| Some((*tag, value(*tag, form)?)));
        Self(values.filter(|(_, value)| value.len() <= VALUE_BYTES_MAX).collect())
    }

    /// An attribute's value, decoded: a date as `YYYYMMDD`, a time as `HHMMSS.FFFFFF` as far as it is known, a number
    /// in decimal, several values separated by backslashes. Never give it to a log, a metric, a trace or an error.
    pub fn reveal(&self, tag: Tag) -> Option<&str> {
        self.0.get(&tag).map(String::as_str)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog([redacted])")
    }
}

/// `YYYYMMDD`; the dots of ACR-NEMA are dropped.
fn date(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// `HH`, `HHMM`, `HHMMSS` or `HHMMSS.F` to `HHMMSS.FFFFFF`; the colons of ACR-NEMA are dropped.
fn time(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let valid = matches!(whole.len(), 2 | 4 | 6) && digits(whole) && fraction.len() <= 6 && digits(fraction);
    (valid && (whole.len() == 6 || fraction.is_empty())).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_have_one_form() {
        for (text, expected) in
            [("20240131", Some("20240131")), ("2024.01.31", Some("20240131")), ("202401", None), ("2024013x", None)]
        {
            assert_eq!(date(text).as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("093015", Some("093015")),
            ("09:30:15", Some("093015")),
            ("0930", Some("0930")),
            ("093015.123456", Some("093015.123456")),
            ("0930.5", None),
            ("093015.1234567", None),
            ("JOVANOVIC", None),
            ("", None),
        ] {
            assert_eq!(time(text).as_deref(), expected, "{text}");
        }
    }
}
