//! Identifiers: the data sets of queries, in Implicit VR Little Endian (PS3.4 annex C).
//!
//! Invariant: elements are written in ascending order, values padded to an even length; text that is not ASCII goes out
//! in UTF-8 and says so.

use std::collections::BTreeMap;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

/// An identifier in the making.
#[derive(Debug, Default)]
pub(crate) struct Identifier(BTreeMap<Tag, Vec<u8>>);

impl Identifier {
    /// With a text; the empty one asks for the attribute.
    #[must_use]
    pub(crate) fn with(mut self, tag: Tag, text: &str) -> Self {
        if !text.is_ascii() {
            self.0.insert(tags::SPECIFIC_CHARACTER_SET, b"ISO_IR 192".to_vec());
        }
        self.with_bytes(tag, text.as_bytes().to_vec())
    }

    /// With a text as bytes in whatever character set.
    #[must_use]
    pub(crate) fn with_bytes(mut self, tag: Tag, mut value: Vec<u8>) -> Self {
        if value.len() % 2 == 1 {
            value.push(if is_uid(tag) { 0 } else { b' ' });
        }
        self.0.insert(tag, value);
        self
    }

    /// With a number of VR US.
    #[must_use]
    pub(crate) fn with_u16(mut self, tag: Tag, value: u16) -> Self {
        self.0.insert(tag, value.to_le_bytes().to_vec());
        self
    }

    /// With a sequence.
    #[must_use]
    pub(crate) fn with_items(mut self, tag: Tag, items: impl IntoIterator<Item = Self>) -> Self {
        let mut value = Vec::new();
        for item in items {
            head(&mut value, Tag(0xFFFE, 0xE000), &item.encode());
        }
        self.0.insert(tag, value);
        self
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, value) in &self.0 {
            head(&mut bytes, *tag, value);
        }
        bytes
    }
}

fn head(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    out.extend(tag.0.to_le_bytes());
    out.extend(tag.1.to_le_bytes());
    out.extend(u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(value);
}

fn is_uid(tag: Tag) -> bool {
    StandardDataDictionary.by_tag(tag).is_some_and(|entry| entry.vr().relaxed() == VR::UI)
}

#[cfg(test)]
mod tests {
    use uvid_datasets::dicom::{Limits, read_attributes};

    use super::*;

    #[test]
    fn keys_in_any_script_are_read_again() {
        let check = |name: &str, charset: Option<&str>| {
            let bytes = Identifier::default().with(tags::STUDY_INSTANCE_UID, "1.2.3").with(tags::PATIENT_NAME, name);
            let wanted = [tags::SPECIFIC_CHARACTER_SET, tags::PATIENT_NAME, tags::STUDY_INSTANCE_UID];
            let read = read_attributes(&bytes.encode(), "1.2.840.10008.1.2", &wanted, &Limits::default());
            let mut expected: Vec<(Tag, String)> = Vec::new();
            expected.extend(charset.map(|charset| (tags::SPECIFIC_CHARACTER_SET, charset.to_owned())));
            expected.push((tags::PATIENT_NAME, name.to_owned()));
            expected.push((tags::STUDY_INSTANCE_UID, "1.2.3".to_owned()));
            assert_eq!(read, Ok(expected));
        };
        check("Jovanovic^Ana", None);
        check("", None);
        check("Јовановић^Ана", Some("ISO_IR 192"));
        check("Jovanović^Žana", Some("ISO_IR 192"));
    }
}
