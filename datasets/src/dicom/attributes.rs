//! Data sets that come without a file: answers to queries, events, what a peer asks for.
//!
//! Invariant: as for files, nothing is allocated because a length field says so, and text comes out in Unicode by the
//! data set's own Specific Character Set (0008,0005).

use std::borrow::Cow;

use dicom_core::Tag;
use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

use super::bytes::Sparse;
use super::element::DataSet;
use super::{Attribute, Limits, Offset, ReadError, part10, syntax};

/// Reads attributes of a bare data set in a transfer syntax: those that are there, empty ones as an empty text, in the
/// order of `tags`. Several values are separated by backslashes; US and SS come as numbers, sequences and other binary
/// values as an empty text.
///
/// # Errors
///
/// The transfer syntax is unknown, the data set breaks off, or has an attribute twice with different values.
pub fn read_attributes(
    bytes: &[u8],
    transfer_syntax: &str,
    tags: &[Tag],
    limits: &Limits,
) -> Result<Vec<(Tag, String)>, ReadError> {
    with_data_set(bytes, transfer_syntax, limits, |data| values(data, tags))
}

/// Reads attributes of each item of a sequence, of which [`Limits::sequence_items_max`] are looked at.
///
/// # Errors
///
/// As [`read_attributes`].
pub fn read_items(
    bytes: &[u8],
    transfer_syntax: &str,
    sequence: Tag,
    tags: &[Tag],
    limits: &Limits,
) -> Result<Vec<Vec<(Tag, String)>>, ReadError> {
    with_data_set(bytes, transfer_syntax, limits, |data| {
        data.items(sequence).iter().map(|item| values(item, tags)).collect()
    })
}

/// The Transfer Syntax UID (0002,0010) of a file, and the bytes behind its file meta information: what C-STORE sends.
///
/// # Errors
///
/// [`ReadError::NotDicom`], [`ReadError::TooLarge`], [`ReadError::TransferSyntax`], or no data set.
pub fn split_file<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(&'static str, &'a [u8]), ReadError> {
    let (syntax, start) = part10::split(&mut Sparse::all(bytes), limits, &mut Vec::new())?;
    Ok((syntax.uid, bytes.get(start..).unwrap_or_default()))
}

fn with_data_set<T>(
    bytes: &[u8],
    transfer_syntax: &str,
    limits: &Limits,
    read: impl FnOnce(&DataSet<'_>) -> T,
) -> Result<T, ReadError> {
    let known = syntax::known(transfer_syntax)?;
    let (bytes, origin) = if known.uid == syntax::DEFLATED {
        (Cow::Owned(part10::inflate(bytes, limits)?.0), Offset::Inflated(0))
    } else {
        (Cow::Borrowed(bytes), Offset::File(0))
    };
    let data = DataSet::parse(&bytes, origin, part10::actual(bytes.first_chunk().copied(), known.encoding), limits);
    if let Some(at) = data.broken {
        return Err(at.into());
    }
    if let Some(tag) = data.repeated().different {
        return Err(ReadError::Invalid { attribute: Attribute(tag), problem: "occurs twice with different values" });
    }
    Ok(read(&data))
}

fn values(data: &DataSet<'_>, tags: &[Tag]) -> Vec<(Tag, String)> {
    let there = tags.iter().filter(|tag| data.get(**tag).is_some());
    there.map(|&tag| (tag, value(data, tag))).collect()
}

fn value(data: &DataSet<'_>, tag: Tag) -> String {
    match vr(tag) {
        Some(VR::US) => numbers(&data.words(tag)),
        Some(VR::SS) => numbers(&data.words(tag).into_iter().map(u16::cast_signed).collect::<Vec<_>>()),
        Some(VR::SQ | VR::OB | VR::OD | VR::OF | VR::OL | VR::OV | VR::OW) => String::new(),
        _ => data.text(tag).unwrap_or_default(),
    }
}

fn numbers<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join("\\")
}

fn vr(tag: Tag) -> Option<VR> {
    Some(StandardDataDictionary.by_tag(tag)?.vr().relaxed())
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::tags;
    use proptest::prelude::*;

    use super::*;

    const IMPLICIT: &str = "1.2.840.10008.1.2";

    fn element(tag: Tag, value: &[u8]) -> Vec<u8> {
        let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn an_answer_is_read_in_its_own_character_set() {
        let check = |charset: &[u8], name: &[u8], expected: &str| {
            let bytes = [
                element(tags::SPECIFIC_CHARACTER_SET, charset),
                element(tags::STUDY_DATE, b""),
                element(tags::PATIENT_NAME, name),
                element(tags::STUDY_INSTANCE_UID, b"1.2.3\0"),
                element(tags::ROWS, &[1, 2]),
            ]
            .concat();
            let wanted = [tags::PATIENT_NAME, tags::STUDY_DATE, tags::STUDY_INSTANCE_UID, tags::ROWS, tags::COLUMNS];
            let read = read_attributes(&bytes, IMPLICIT, &wanted, &Limits::default());
            let expected = vec![
                (tags::PATIENT_NAME, expected.to_owned()),
                (tags::STUDY_DATE, String::new()),
                (tags::STUDY_INSTANCE_UID, "1.2.3".to_owned()),
                (tags::ROWS, "513".to_owned()),
            ];
            assert_eq!(read, Ok(expected));
        };
        check(b"ISO_IR 144", b"\xb0\xdd\xd0 ", "Ана");
        check(b"ISO_IR 101", b"\xae\xe6", "Žć");
        check(b"ISO_IR 192", "Ђорђе".as_bytes(), "Ђорђе");
    }

    #[test]
    fn items_are_read_and_what_breaks_off_is_refused() {
        let item = |uid: &[u8]| element(Tag(0xFFFE, 0xE000), &element(tags::REFERENCED_SOP_INSTANCE_UID, uid));
        let bytes = element(tags::REFERENCED_SOP_SEQUENCE, &[item(b"1.2\0"), item(b"1.3\0")].concat());
        let limits = Limits::default();
        let sequence = tags::REFERENCED_SOP_SEQUENCE;
        let tag = tags::REFERENCED_SOP_INSTANCE_UID;
        let read = read_items(&bytes, IMPLICIT, sequence, &[tag], &limits);
        assert_eq!(read, Ok(vec![vec![(tag, "1.2".to_owned())], vec![(tag, "1.3".to_owned())]]));
        let cut = read_items(&bytes[..bytes.len() - 1], IMPLICIT, sequence, &[tag], &limits);
        assert_eq!(cut.map_err(|e| e.code()), Err("data-set-broken"));
        let unknown = read_attributes(&bytes, "1.2.3", &[tag], &limits);
        assert_eq!(unknown.map_err(|e| e.code()), Err("transfer-syntax-unknown"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for syntax in [IMPLICIT, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"] {
                let _ = read_attributes(&bytes, syntax, &[tags::PATIENT_NAME, tags::ROWS], &Limits::default());
                let _ = read_items(&bytes, syntax, tags::REFERENCED_SOP_SEQUENCE, &[tags::ROWS], &Limits::default());
            }
        }
    }
}
