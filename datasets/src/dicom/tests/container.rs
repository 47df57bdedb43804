//! The file around the data set, and bytes that mean harm.

use std::time::Instant;

use super::streams::{encapsulated, plain_samples};
use super::*;

pub(super) fn read_all(bytes: &[u8]) -> Result<Mammogram, String> {
    match read(bytes, &Limits::default()).map_err(|e| e.to_string())?.content {
        Content::Mammogram(image) => Ok(*image),
        Content::Listed(listed) => Err(listed.fate.to_string()),
    }
}

pub(super) fn is_plain(bytes: &[u8], note: &str) {
    let image = read_all(bytes).expect("readable");
    assert_eq!(image.pixels, mammogram(|_| {}).pixels);
    assert_eq!(image.view, Some(uvid_exam::View::CranioCaudal));
    let noted: Vec<&str> = image.notes.iter().map(String::as_str).collect();
    assert_eq!(noted, if note.is_empty() { vec![] } else { vec![note] });
    let header = read_header(bytes, &Limits::default()).expect("readable");
    assert_eq!(header.sop_instance, image.sop_instance);
    assert_eq!(header.patient, image.patient);
    assert_eq!(header.modality.as_deref(), Some("MG"));
}

#[test]
fn uncompressed_syntaxes() {
    for syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        BIG_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ] {
        let bytes = file(&plain(), syntax);
        is_plain(&bytes, "");
        assert_eq!(read_header(&bytes, &Limits::default()).expect("readable").transfer_syntax, syntax);
    }
}

/// The data set alone: what follows 132 bytes and a meta group whose length its first element states.
fn data_set(bytes: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(bytes[140..144].try_into().expect("four bytes"));
    &bytes[144 + length as usize..]
}

#[test]
fn files_that_are_not_quite_part_10() {
    let whole = explicit(&plain());
    let mut no_group_length = whole.clone();
    no_group_length.drain(132..144);
    is_plain(&no_group_length, "");
    is_plain(&whole[128..], "the file has no preamble");
    is_plain(&no_group_length[128..], "the file has no preamble");
    for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN, BIG_ENDIAN] {
        let bytes = file(&plain(), syntax);
        let image = read_all(data_set(&bytes)).expect("readable");
        assert_eq!(image.pixels, mammogram(|_| {}).pixels, "{syntax}");
        assert_eq!(image.notes.len(), 2, "{:?}", image.notes);
    }
    // The syntax that is declared and the one that is written.
    let swap = |meta: &str, data: &str| {
        let mut bytes = file(&plain(), meta);
        let at = bytes.len() - data_set(&bytes).len();
        bytes.truncate(at);
        bytes.extend(data_set(&file(&plain(), data)));
        bytes
    };
    let note = "the data set is not written as its transfer syntax says";
    is_plain(&swap(uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN), note);
    is_plain(&swap(uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::EXPLICIT_VR_LITTLE_ENDIAN), note);
    // Padding and rubbish behind the pixels.
    let mut padded = whole.clone();
    padded.extend([0; 100]);
    is_plain(&padded, "");
    let mut rubbish = whole;
    rubbish.extend(b"this is not DICOM");
    assert!(read_all(&rubbish).is_ok_and(|i| noted(&i, "the data set is broken at byte")));
}

#[test]
fn files_that_are_none() {
    let check = |bytes: &[u8], code: &str| {
        assert_eq!(read(bytes, &Limits::default()).expect_err("not readable").code(), code, "{bytes:?}");
        assert!(read_header(bytes, &Limits::default()).is_err());
    };
    check(b"", "not-dicom");
    check(b"%PDF-1.7", "not-dicom");
    check(&[0; 2000], "not-dicom");
    check(b"DICM", "data-set-broken");
    check(&[2, 0, 0, 0, b'U', b'L', 4, 0], "data-set-broken");
    check(&[8, 0, 5, 0, b'C', b'S', 0, 0], "attribute-missing");
    let mut unknown = explicit(&plain());
    let at = unknown.windows(19).position(|w| w == b"1.2.840.10008.1.2.1").expect("the syntax");
    unknown[at + 18] = b'9';
    check(&unknown, "transfer-syntax-unknown");
    unknown[at + 18] = b'x';
    check(&unknown, "attribute-invalid");
    let small = Limits { file_bytes_max: 100, ..Limits::default() };
    assert_eq!(read(&explicit(&plain()), &small).expect_err("too large").code(), "file-too-large");
}

#[test]
fn every_truncation_is_an_error_or_a_note() {
    for syntax in [
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        BIG_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
    ] {
        let whole = file(&plain(), syntax);
        for length in 0..whole.len() {
            // A deflated stream may give up all pixels before its last byte; that leaves a note.
            let outcome = read_all(&whole[..length]);
            let end = length + 16 > whole.len() && syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;
            match outcome {
                Err(_) => {}
                Ok(image) if end => assert_eq!(image.pixels, mammogram(|_| {}).pixels),
                Ok(_) => panic!("{syntax} {length} of {}", whole.len()),
            }
        }
    }
    let whole = explicit(&plain());
    let said = read_all(&whole[..whole.len() - 1]).expect_err("cut");
    assert!(said.contains("the data set is broken at byte"), "{said}");
}

#[test]
fn a_missing_sequence_delimiter_behind_the_pixels_is_tolerated() {
    let mut o = plain();
    encapsulated(&mut o, vec![plain_samples().iter().flat_map(|word| word.to_le_bytes()).collect()]);
    let mut bytes = file(&o, uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN);
    bytes.truncate(bytes.len() - 8);
    is_plain(&bytes, "");
}

/// An element of explicit VR with a 32-bit length.
fn long(group: u16, element: u16, vr: &[u8; 2], length: u32) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
    bytes.extend(vr);
    bytes.extend([0, 0]);
    bytes.extend(length.to_le_bytes());
    bytes
}

#[test]
fn lengths_cost_nothing() {
    for vr in [b"OB", b"OW", b"UN", b"UT", b"SQ"] {
        let mut bytes = explicit(&plain());
        bytes.extend(long(0x7FE1, 0x0010, vr, 0xFFFF_FFFE));
        bytes.extend([1; 16]);
        let started = Instant::now();
        let image = read_all(&bytes).expect("the pixels stand before it");
        assert!(noted(&image, "a length runs past the end"));
        assert!(started.elapsed().as_secs() < 5);
    }
}

#[test]
fn nesting_is_bounded() {
    const DEEP: usize = 200_000;
    // In the data set, where every level is open, and in an attribute that is read.
    let mut seen = plain();
    seen.remove_element(tags::VIEW_CODE_SEQUENCE);
    for (group, element) in [(0x0054, 0x0220), (0x7FE1, 0x0010)] {
        let mut bytes = explicit(&seen);
        for _ in 0..DEEP {
            bytes.extend(long(group, element, b"SQ", u32::MAX));
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        }
        let image = read_all(&bytes).expect("the pixels stand before it");
        assert!(noted(&image, "nested too deep"), "{:?}", image.notes);
    }
    // With lengths, each level holding the next; only what is looked at is walked.
    let mut nested = Vec::new();
    for _ in 0..2000 {
        let mut item = vec![0xFE, 0xFF, 0x00, 0xE0];
        item.extend((nested.len() as u32).to_le_bytes());
        item.extend(&nested);
        nested = long(0x0054, 0x0220, b"SQ", item.len() as u32);
        nested.extend(item);
    }
    let mut bytes = explicit(&seen);
    bytes.extend(nested);
    assert!(read_all(&bytes).is_ok_and(|image| image.view == Some(uvid_exam::View::CranioCaudal)));
}

#[test]
fn counts_are_bounded() {
    let small = Limits { elements_max: 10, ..Limits::default() };
    let error = read(&explicit(&plain()), &small).expect_err("too many elements");
    assert_eq!(error.code(), "data-set-broken");
    let small = Limits { inflated_bytes_max: 300, ..Limits::default() };
    let deflated = file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    assert_eq!(read(&deflated, &small).expect_err("too large").code(), "file-too-large");
    let small = Limits { frame_pixels_max: ROWS * COLUMNS - 1, ..Limits::default() };
    let read = read(&explicit(&plain()), &small).expect("listed");
    assert!(matches!(read.content, Content::Listed(Listed { fate: Fate::Unreadable(_), .. })));
}

#[test]
fn a_sequence_of_unknown_vr_is_implicit_within() {
    // PS3.5 section 6.2.2: (0054,0220) as UN of undefined length, its item in implicit VR.
    let mut o = plain();
    o.remove_element(tags::VIEW_CODE_SEQUENCE);
    o.remove_element(tags::VIEW_POSITION);
    let mut bytes = explicit(&o);
    bytes.extend(long(0x0054, 0x0220, b"UN", u32::MAX));
    bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    for (element, value) in [(0x0100_u16, "399162004 "), (0x0102, "SCT ")] {
        bytes.extend([8, 0]);
        bytes.extend(element.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    let image = read_all(&bytes).expect("readable");
    assert_eq!(image.view, Some(uvid_exam::View::CranioCaudal));
    assert_eq!(image.notes, Vec::<String>::new());
}

#[test]
fn a_break_says_where_it_is() {
    let whole = explicit(&plain());
    let at = |part: &[u8]| whole.windows(part.len()).position(|w| w == part).expect("the part");
    let check = |bytes: &[u8], expected: String| {
        let said = read_all(bytes).expect_err("broken");
        assert!(said.ends_with(&expected), "{said}, not {expected}");
    };
    // Offsets count from the start of the file; that of a value is where the value starts.
    let view = at(b"\x18\0\x01\x51CS\x02\0") + 8;
    let in_view =
        format!("the data set is broken at byte {view}, in ViewPosition (0018,5101): a length runs past the end");
    check(&whole[..=view], in_view.clone());
    let mut long_view = whole.clone();
    long_view[view - 2..view].fill(0xFF);
    check(&long_view, in_view);
    let mut no_vr = whole.clone();
    no_vr[view + 6..view + 8].fill(0);
    let problem = "after ViewPosition (0018,5101): an element has no value representation";
    check(&no_vr, format!("the data set is broken at byte {}, {problem}", view + 8));
    // Within an item, the attribute of the item is named.
    let code = at(b"\x08\0\0\x01SH") + 8;
    let mut in_item = plain();
    in_item.remove_element(tags::VIEW_CODE_SEQUENCE);
    in_item.remove_element(tags::PIXEL_DATA);
    let mut in_item = explicit(&in_item);
    let start = in_item.len();
    in_item.extend(&whole[code - 28..=code]);
    let problem = "in CodeValue (0008,0100): a length runs past the end";
    check(&in_item, format!("the data set is broken at byte {}, {problem}", start + 28));
    check(&whole[..132], "the data set is broken at byte 132, at its start: there is no data set".to_owned());
    // A name that is taken for a tag is not repeated.
    let mut name = data_set(&file(&plain(), uids::IMPLICIT_VR_LITTLE_ENDIAN)).to_vec();
    name.extend(b"Secret^Name");
    assert!(read_all(&name).is_ok_and(|i| noted(&i, "in an attribute that is not in PS3.6")));
    let deflated = file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
    let said = read_all(&deflated[..deflated.len() - 40]).expect_err("cut");
    assert!(said.contains("of the inflated data set, in "), "{said}");
}

#[test]
fn an_attribute_that_is_there_twice() {
    let side = |value: &[u8; 2]| [b"\x20\0\x62\0CS\x02\0".as_slice(), value].concat();
    let code = |value: &[u8; 2]| [b"\x08\0\0\x01SH\x02\0".as_slice(), value].concat();
    let view = |elements: Vec<u8>| {
        let mut bytes = long(0x0054, 0x0220, b"SQ", elements.len() as u32 + 8);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        bytes.extend((elements.len() as u32).to_le_bytes());
        [bytes, elements].concat()
    };
    let mut object = plain();
    object.remove_element(tags::IMAGE_LATERALITY);
    object.remove_element(tags::VIEW_CODE_SEQUENCE);
    let check = |added: &[Vec<u8>], expected: Result<&str, &str>| {
        let bytes = [vec![explicit(&object)], added.to_vec()].concat().concat();
        match (read(&bytes, &Limits::default()), expected) {
            (Ok(Received { content: Content::Mammogram(image), .. }), Ok(note)) => {
                let notes: Vec<&str> = image.notes.iter().map(String::as_str).filter(|n| n.contains("twice")).collect();
                assert_eq!(notes.join("; "), note);
            }
            (Err(error), Err(expected)) => {
                assert_eq!((error.to_string().as_str(), error.code()), (expected, "attribute-invalid"));
                assert_eq!(read_header(&bytes, &Limits::default()), Err(error));
            }
            (outcome, expected) => panic!("{outcome:?}, not {expected:?}"),
        }
    };
    check(&[side(b"L ")], Ok(""));
    check(&[side(b"L "), side(b"L ")], Ok("ImageLaterality (0020,0062) occurs twice with the same value"));
    let different = "ImageLaterality (0020,0062) occurs twice with different values";
    check(&[side(b"L "), side(b"R ")], Err(different));
    check(&[side(b"L "), side(b"L "), side(b"R ")], Err(different));
    check(&[side(b"L "), side(b"R "), side(b"L ")], Err(different));
    check(&[view([code(b"1 "), code(b"1 ")].concat())], Ok("CodeValue (0008,0100) occurs twice with the same value"));
    check(
        &[view([code(b"1 "), code(b"2 ")].concat())],
        Err("CodeValue (0008,0100) occurs twice with different values"),
    );
    // Two items are two levels.
    check(&[side(b"L "), view(code(b"1 "))], Ok(""));
}

#[test]
fn the_digest_is_of_the_bytes() {
    let one = read(&explicit(&plain()), &Limits::default()).expect("readable").digest;
    let mut bytes = explicit(&plain());
    assert_eq!(read(&bytes, &Limits::default()).expect("readable").digest, one);
    bytes[0] = 1;
    assert_ne!(read(&bytes, &Limits::default()).expect("readable").digest, one);
}
