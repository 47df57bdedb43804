//! Files that were cut on the way: never scored, and what is there can be looked at.

use dicom_core::value::PixelFragmentSequence;
use uvid_codecs::{Encoding, Format};
use uvid_exam::{Window, WindowFunction};

use super::super::frame::{Form, Picture};
use super::super::{Missing, listing};
use super::streams::{encapsulated, encode, plain_in, plain_samples, plain_shape, relabelled};
use super::*;

const LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
const FRAGMENTS: &str = uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN;

/// Code, and words, of what is listed.
fn fate(bytes: &[u8]) -> (&'static str, String) {
    match read(bytes, &Limits::default()).map(|received| received.content) {
        Ok(Content::Mammogram(_)) => ("scored", String::new()),
        Ok(Content::Listed(listed)) => (listed.fate.code(), listed.fate.to_string()),
        Err(error) => (error.code(), error.to_string()),
    }
}

/// A frame through a window of all values, so that what is missing changes nothing.
fn seen(bytes: &[u8], number: usize, missing: Missing) -> Result<Picture, String> {
    let function = WindowFunction::LinearExact;
    let window = Window::Function { center: 2048.0, width: 4096.0, function, explanation: None };
    let mut object = Object::of(bytes, &Limits::default()).map_err(|error| error.to_string())?;
    object.picture(number, Some(&window), missing).map_err(|error| error.to_string())
}

fn in_fragments(syntax: &str, fragment: Vec<u8>) -> Vec<u8> {
    let mut o = plain();
    encapsulated(&mut o, vec![fragment]);
    relabelled(&o, syntax)
}

fn plain_bytes() -> Vec<u8> {
    plain_samples().iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn what_was_cut_is_refused_and_can_be_looked_at() {
    let check = |what: &str, whole: Vec<u8>, cut: usize, rows: usize| {
        let bytes = &whole[..whole.len() - cut];
        let (code, said) = fate(bytes);
        assert_eq!(code, "pixels-incomplete", "{what}: {said}");
        assert!(said.contains("the data set is broken at"), "{what}: {said}");
        let mut object = Object::of(bytes, &Limits::default()).expect("opened");
        assert_eq!(object.frames(), 1, "{what}");
        assert!(object.frame(1, Form::Stored).is_err() && object.frame(1, Form::Native).is_err(), "{what}");
        let listed = object.listing(None).expect("listed");
        assert!(!listed.broken, "{what}");
        let pixels = |node: &&listing::Node| node.tag == tags::PIXEL_DATA;
        let whole_list = Object::of(&whole, &Limits::default()).and_then(|o| o.listing(None)).expect("listed");
        let found: Vec<_> = listed.nodes.iter().filter(pixels).map(|node| node.vr).collect();
        assert_eq!(found, [whole_list.nodes.iter().find(pixels).expect("pixels").vr], "{what}");
        assert!(seen(bytes, 1, Missing::Refuse).is_err(), "{what}");
        let (part, all) =
            (seen(bytes, 1, Missing::Keep).expect("a part"), seen(&whole, 1, Missing::Refuse).expect("all"));
        assert!(all.whole && !part.whole, "{what}");
        assert_eq!(part.bytes.len(), all.bytes.len(), "{what}");
        assert_eq!(part.bytes[..rows * COLUMNS], all.bytes[..rows * COLUMNS], "{what}");
    };
    for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN, BIG_ENDIAN] {
        for (cut, rows) in [(1, ROWS - 1), (100, ROWS - 4), (2 * ROWS * COLUMNS - 1, 0)] {
            check(syntax, file(&plain(), syntax), cut, rows);
        }
    }
    check("deflated", file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN), 30, 1);
    // Behind the fragment lie the 8 bytes of a delimiter.
    check("in the delimiter", in_fragments(LOSSLESS, plain_in(Format::JpegLossless)), 3, ROWS);
    check("in the stream", in_fragments(LOSSLESS, plain_in(Format::JpegLossless)), 8 + 6, ROWS / 2);
    check("in fragments", in_fragments(FRAGMENTS, plain_bytes()), 8 + 100, ROWS - 4);
}

#[test]
fn wherever_it_is_cut_it_is_not_scored() {
    let files = [
        explicit(&plain()),
        file(&plain(), BIG_ENDIAN),
        in_fragments(LOSSLESS, plain_in(Format::JpegLossless)),
        in_fragments(FRAGMENTS, plain_bytes()),
    ];
    for whole in files {
        let head = whole.windows(4).rposition(|w| matches!(w, [0xE0, 0x7F, 0x10, 0] | [0x7F, 0xE0, 0, 0x10]));
        // Behind the head, of fragments also the item that is the table and the head of theirs.
        let pixels = head.expect("pixels") + 12;
        let fragments = whole[pixels..].starts_with(&[0xFE, 0xFF, 0x00, 0xE0]);
        for length in pixels..whole.len() {
            let (code, said) = fate(&whole[..length]);
            match code {
                "pixels-incomplete" => {}
                // All of them, but for the delimiter behind.
                "scored" if fragments && length + 8 == whole.len() => continue,
                // Not one byte of them.
                "unreadable" if fragments && length <= pixels + 12 => {}
                _ => panic!("{length} of {}: {code} {said}", whole.len()),
            }
            assert!(seen(&whole[..length], 1, Missing::Refuse).is_err());
            assert!(seen(&whole[..length], 1, Missing::Keep).is_ok_and(|part| !part.whole) || length < pixels + 80);
        }
    }
}

#[test]
fn frames_before_the_cut_are_their_own() {
    let turned = |k: u16| -> Vec<u16> { plain_samples().iter().map(|value| value ^ k).collect() };
    let stream = |k| encode(Format::JpegLossless, plain_shape(), &turned(k), &Encoding::Lossless);
    let fragments: Vec<Vec<u8>> = (0..3)
        .flat_map(|k| {
            let stream = stream(k);
            let (a, b) = stream.split_at(stream.len() / 4 * 2);
            [a.to_vec(), b.to_vec()]
        })
        .collect();
    let at = |n: usize| fragments[..n].iter().map(|fragment| 8 + fragment.len()).sum::<usize>();
    let table: Vec<u32> = [0, 2, 4].map(|n| at(n) as u32).to_vec();
    for table in [table, vec![]] {
        let mut o = plain();
        text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
        let pixels = PixelFragmentSequence::new(table.clone(), fragments.clone());
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
        let whole = relabelled(&o, LOSSLESS);
        let all: Vec<Picture> = (1..=3).map(|n| seen(&whole, n, Missing::Refuse).expect("whole")).collect();
        let first = whole.len() - 8 - at(6);
        // In the last half of the second frame, and of the third; within the head of the third, and behind it.
        for (length, there, some) in [
            (first + at(4) - 6, 2, ROWS / 2),
            (first + at(6) - 6, 3, ROWS / 2),
            (first + at(4) + 1, 2, ROWS),
            (first + at(4) + 7, 2, ROWS),
            (first + at(4) + 9, 2, ROWS),
        ] {
            let cut = &whole[..length];
            for number in 1..=3 {
                let what = format!("{table:?} {length} {number}");
                assert!(seen(cut, number, Missing::Refuse).is_err(), "{what}");
                let rows = match number {
                    _ if number < there => ROWS,
                    _ if number == there => some,
                    _ => {
                        assert!(
                            seen(cut, number, Missing::Keep).is_err_and(|e| e.contains("before this frame")),
                            "{what}"
                        );
                        continue;
                    }
                };
                let part = seen(cut, number, Missing::Keep).expect("a part");
                assert!(!part.whole, "{what}");
                assert_eq!(part.bytes[..rows * COLUMNS], all[number - 1].bytes[..rows * COLUMNS], "{what}");
            }
        }
    }
    // Nothing says which fragment is whose.
    let mut o = plain();
    text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, "3");
    let pixels = PixelFragmentSequence::new(Vec::<u32>::new(), vec![plain_bytes(); 3]);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    let whole = relabelled(&o, FRAGMENTS);
    assert!(seen(&whole, 1, Missing::Refuse).is_ok());
    assert!(seen(&whole[..whole.len() - 20], 1, Missing::Keep).is_err_and(|e| e.contains("nothing assigns")));
    // Uncompressed ones have their places.
    let mut o = plain();
    text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, "2");
    let both: Vec<u16> = [turned(0), turned(1)].concat();
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(both.into())));
    let whole = explicit(&o);
    let cut = &whole[..whole.len() - 20];
    let (first, second) = (seen(cut, 1, Missing::Keep).expect("there"), seen(cut, 2, Missing::Keep).expect("a part"));
    assert!(first.bytes == seen(&whole, 1, Missing::Refuse).expect("whole").bytes && !second.whole);
    assert!(seen(cut, 1, Missing::Refuse).is_err());
    // More is announced than is there, although that is a frame.
    let mut long = explicit(&plain());
    let at = long.len() - 2 * ROWS * COLUMNS - 4;
    long[at] += 2;
    assert_eq!(fate(&long).0, "pixels-incomplete");
    assert!(seen(&long, 1, Missing::Refuse).is_err() && seen(&long, 1, Missing::Keep).is_ok_and(|part| !part.whole));
}

#[test]
fn pixels_that_break_off_behind_others_do_not_take_their_place() {
    let mut bytes = explicit(&plain());
    bytes.extend([0xE0, 0x7F, 0x10, 0, b'O', b'W', 0, 0, 100, 0, 0, 0, 1, 2, 3]);
    let Content::Mammogram(image) = read(&bytes, &Limits::default()).expect("readable").content else {
        panic!("listed")
    };
    assert!(image.pixels.values() == plain_samples());
    assert!(noted(&image, "in PixelData (7FE0,0010): a length runs past the end"));
}
