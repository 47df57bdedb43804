//! The data set of an uncompressed file in Implicit VR Little Endian (PS3.5 A.1), which every peer must accept.
//!
//! Invariant: values stay byte for byte; nesting is followed to [`Limits::sequence_depth_max`] and no further.

use std::borrow::Cow;

use dicom_core::Tag;

use super::bytes::Sparse;
use super::element::{Encoding, Walk};
use super::{Attribute, Limits, Offset, ReadError, part10, syntax};

const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The data set of a file, in Implicit VR Little Endian; `None` if its pixels are compressed or its numbers big endian.
/// Group lengths are left out, sequences are of undefined length.
///
/// # Errors
///
/// [`ReadError::NotDicom`], [`ReadError::TooLarge`], [`ReadError::TransferSyntax`], a data set that breaks off or is
/// nested too deep.
pub fn to_implicit(bytes: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, ReadError> {
    let (known, start) = part10::split(&mut Sparse::all(bytes), limits, &mut Vec::new())?;
    let deflated = bytes.get(start..).unwrap_or_default();
    let (data, origin) = if known.uid == syntax::DEFLATED {
        (Cow::Owned(part10::inflate(deflated, limits)?.0), Offset::Inflated(0))
    } else {
        (Cow::Borrowed(deflated), Offset::File(start))
    };
    let encoding = part10::actual(data.first_chunk().copied(), known.encoding);
    if known.packing != syntax::Packing::Native || encoding.big() {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(data.len());
    let walk = Walk::new(Sparse::all(&data), origin, encoding, limits.sequence_depth_max);
    elements(walk, 0, encoding, limits, &mut out)?;
    Ok(Some(out))
}

fn elements(
    mut walk: Walk<Sparse<'_>>,
    depth: usize,
    encoding: Encoding,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    while let Some((tag, element)) = walk.element(depth)? {
        // What an UN of undefined length holds is in implicit VR already (PS3.5 section 6.2.2).
        let sequence = element.vr == Some(*b"SQ") && encoding == Encoding::ExplicitLittle;
        if tag.1 == 0 {
            continue;
        }
        if !sequence {
            let length = u32::try_from(element.bytes.len()).ok().filter(|_| !element.undefined);
            head(out, tag, length.unwrap_or(UNDEFINED));
            out.extend_from_slice(element.bytes);
            if element.undefined {
                head(out, SEQUENCE_END, 0);
            }
            continue;
        }
        if depth >= limits.sequence_depth_max {
            return Err(ReadError::Invalid { attribute: Attribute(tag), problem: "is nested too deep" });
        }
        head(out, tag, UNDEFINED);
        let mut inside = Walk::new(Sparse::all(element.bytes), Offset::File(0), encoding, limits.sequence_depth_max);
        while let Some(item) = inside.item(depth + 1)? {
            head(out, ITEM, UNDEFINED);
            elements(item, depth + 1, encoding, limits, out)?;
            head(out, ITEM_END, 0);
        }
        head(out, SEQUENCE_END, 0);
    }
    Ok(())
}

fn head(out: &mut Vec<u8>, tag: Tag, length: u32) {
    out.extend(tag.0.to_le_bytes());
    out.extend(tag.1.to_le_bytes());
    out.extend(length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    use dicom_object::InMemDicomObject;
    use dicom_transfer_syntax_registry::entries;

    use super::*;
    use crate::phantom;

    #[test]
    fn an_explicit_data_set_becomes_the_implicit_one_that_dicom_rs_reads_alike() {
        let spec = phantom::Spec::small(3);
        for file in phantom::exam(&spec).expect("phantom") {
            let read = dicom_object::from_reader(&file.bytes[..]).expect("a file");
            let mut explicit = read.into_inner();
            let deep = InMemDicomObject::from_element_iter([DataElement::new(
                tags::CODE_MEANING,
                VR::LO,
                PrimitiveValue::from("x"),
            )]);
            let item = InMemDicomObject::from_element_iter([DataElement::new(
                tags::CONCEPT_CODE_SEQUENCE,
                VR::SQ,
                dicom_core::value::DataSetSequence::from(vec![deep]),
            )]);
            explicit.put(DataElement::new(
                tags::CONTENT_SEQUENCE,
                VR::SQ,
                dicom_core::value::DataSetSequence::from(vec![item]),
            ));
            let mut data = Vec::new();
            explicit.write_dataset_with_ts(&mut data, &entries::EXPLICIT_VR_LITTLE_ENDIAN.erased()).expect("written");
            // A bare data set is taken for what it looks like.
            let implicit = to_implicit(&data, &Limits::default()).expect("read").expect("uncompressed");
            let again =
                InMemDicomObject::read_dataset_with_ts(&implicit[..], &entries::IMPLICIT_VR_LITTLE_ENDIAN.erased());
            let mut back = Vec::new();
            let again = again.expect("a data set");
            again.write_dataset_with_ts(&mut back, &entries::IMPLICIT_VR_LITTLE_ENDIAN.erased()).expect("written");
            let mut expected = Vec::new();
            explicit
                .write_dataset_with_ts(&mut expected, &entries::IMPLICIT_VR_LITTLE_ENDIAN.erased())
                .expect("written");
            assert!(back == expected, "{}", file.file_name);
        }
    }
}
