//! Words of code streams: bits that are no value's, and what is given uncompressed.

use uvid_codecs::{Encoding, Format, Shape};

use super::super::Missing;
use super::super::frame::Form;
use super::container::read_all;
use super::streams::{encapsulated, encode, plain_samples, relabelled};
use super::*;

const DROPPED: &str = "bits outside Bits Stored (0028,0101) were not zero and are dropped";
const CLAMPED: &str = "values beyond what Bits Stored (0028,0101) allows were clamped";

#[test]
fn bits_that_are_no_value() {
    // All 16 bits were coded; the highest is set in the first row, and is an overlay's or nobody's.
    let samples: Vec<u16> =
        plain_samples().iter().enumerate().map(|(i, v)| if i < COLUMNS { v | 0x8000 } else { *v }).collect();
    let check = |format, syntax: &str, overlay: Option<u16>, expected: &str| {
        let mut o = plain();
        text(&mut o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        if let Some(bit) = overlay {
            words(&mut o, Tag(0x6002, 0x0102), &[bit]);
        }
        encapsulated(&mut o, vec![encode(format, Shape::grey(ROWS, COLUMNS, 16), &samples, &Encoding::Lossless)]);
        let image = read_all(&relabelled(&o, syntax)).expect("readable");
        assert_eq!(image.notes.join("; "), expected, "{syntax} {overlay:?}");
        let first = if expected == CLAMPED { vec![4095; COLUMNS] } else { plain_samples()[..COLUMNS].to_vec() };
        assert_eq!(image.pixels.values()[..COLUMNS], first, "{syntax} {overlay:?}");
        assert!(image.pixels.values()[COLUMNS..] == plain_samples()[COLUMNS..], "{syntax} {overlay:?}");
    };
    for (format, syntax, expected) in [
        (Format::Rle, "1.2.840.10008.1.2.5", DROPPED),
        (Format::JpegLossless, "1.2.840.10008.1.2.4.70", DROPPED),
        (Format::JpegLs, "1.2.840.10008.1.2.4.80", DROPPED),
        // NEAR is 0 in the stream: nothing was lost.
        (Format::JpegLs, "1.2.840.10008.1.2.4.81", DROPPED),
        (Format::Jpeg2000, "1.2.840.10008.1.2.4.90", DROPPED),
        // Something may have been cut off, and then values overshoot.
        (Format::Jpeg2000, "1.2.840.10008.1.2.4.91", CLAMPED),
    ] {
        check(format, syntax, None, expected);
        // Its own data, of a plane of one bit.
        check(format, syntax, Some(0), expected);
        check(format, syntax, Some(15), "");
    }
}

#[test]
fn an_overlay_does_not_survive_loss() {
    let check = |format: Format, syntax: &str, precision: u16, position: u16, expected: Result<(), &str>| {
        let mut o = plain();
        words(&mut o, Tag(0x6000, 0x0102), &[position]);
        let stream = encode(format, Shape::grey(ROWS, COLUMNS, precision), &plain_samples(), &Encoding::Lossy(2));
        encapsulated(&mut o, vec![stream]);
        match (read_all(&relabelled(&o, syntax)), expected) {
            (Ok(_), Ok(())) => {}
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (found, _) => panic!("{precision} {position}: {:?}", found.map(|image| image.notes)),
        }
    };
    let lost = Err("an overlay lies in the bits of pixels that were compressed with loss");
    check(Format::JpegLs, "1.2.840.10008.1.2.4.81", 16, 15, lost);
    check(Format::JpegLs, "1.2.840.10008.1.2.4.81", 16, 0, Ok(()));
    // A plane of old that was not coded.
    check(Format::JpegLs, "1.2.840.10008.1.2.4.81", 12, 15, Ok(()));
}

#[test]
fn uncompressed_pixels_with_bits_that_are_no_value() {
    let notes = |allocated: u16, stored: u16, high: u16, signed: u16, word: u16, overlay: Option<u16>| {
        let image = mammogram(|o| {
            for (tag, value) in [
                (tags::BITS_ALLOCATED, allocated),
                (tags::BITS_STORED, stored),
                (tags::HIGH_BIT, high),
                (tags::PIXEL_REPRESENTATION, signed),
            ] {
                words(o, tag, &[value]);
            }
            if let Some(bit) = overlay {
                words(o, Tag(0x601E, 0x0102), &[bit]);
            }
            let mut pixels = [0; ROWS * COLUMNS];
            pixels[7] = word;
            let bytes: Vec<u8> = if allocated == 8 {
                pixels.iter().map(|word| *word as u8).collect()
            } else {
                pixels.iter().flat_map(|word| word.to_le_bytes()).collect()
            };
            o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U8(bytes.into())));
        });
        image.notes.join("; ")
    };
    assert_eq!(notes(16, 12, 11, 0, 0x0FFF, None), "");
    assert_eq!(notes(16, 12, 11, 0, 0x1000, None), DROPPED);
    assert_eq!(notes(16, 12, 11, 0, 0x1000, Some(12)), "");
    assert_eq!(notes(16, 12, 11, 0, 0x1000, Some(11)), DROPPED);
    assert_eq!(notes(16, 12, 15, 0, 0xFFF0, None), "");
    assert_eq!(notes(16, 12, 15, 0, 0xFFF1, None), DROPPED);
    assert_eq!(notes(16, 12, 15, 0, 0xFFF1, Some(0)), "");
    // A sign that goes on above, or does not.
    assert_eq!(notes(16, 12, 11, 1, 0xF800, None), "");
    assert_eq!(notes(16, 12, 11, 1, 0x0800, None), "");
    assert_eq!(notes(16, 12, 11, 1, 0xF7FF, None), DROPPED);
    assert_eq!(notes(8, 7, 6, 0, 0x80, None), DROPPED);
    assert_eq!(notes(16, 16, 15, 0, 0xFFFF, None), "");
}

/// What a data set declares of its bits.
struct Declared {
    stored: u16,
    high: u16,
    signed: u16,
}

/// The words of a frame, uncompressed.
fn native(
    declared: &Declared,
    format: Format,
    shape: Shape,
    samples: &[u16],
    syntax: &str,
) -> Result<Vec<u16>, String> {
    let mut o = plain();
    words(&mut o, tags::BITS_STORED, &[declared.stored]);
    words(&mut o, tags::HIGH_BIT, &[declared.high]);
    words(&mut o, tags::PIXEL_REPRESENTATION, &[declared.signed]);
    encapsulated(&mut o, vec![encode(format, shape, samples, &Encoding::Lossless)]);
    let bytes = relabelled(&o, syntax);
    let mut object = Object::of(&bytes, &Limits::default()).expect("opened");
    let bytes = object.frame(1, Form::Native).map_err(|error| error.to_string())?;
    Ok(bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
}

#[test]
fn what_is_given_uncompressed_is_what_the_data_set_describes() {
    let shape = |precision, signed| Shape { signed, ..Shape::grey(ROWS, COLUMNS, precision) };
    let plainly = Declared { stored: 12, high: 11, signed: 0 };
    let ls = "1.2.840.10008.1.2.4.80";
    let by = |f: fn(u16) -> u16| plain_samples().into_iter().map(f).collect::<Vec<u16>>();
    let check =
        |declared: &Declared, format, precision, signed, samples: Vec<u16>, syntax, expected: Option<Vec<u16>>| {
            let found = native(declared, format, shape(precision, signed), &samples, syntax);
            match (found, expected) {
                (Ok(found), Some(expected)) => assert!(found == expected, "{precision} {syntax}"),
                (Err(said), None) => assert!(said.contains("the code stream has other bits than"), "{said}"),
                (found, _) => panic!("{precision} {syntax}: {found:?}"),
            }
        };
    check(&plainly, Format::JpegLs, 12, false, plain_samples(), ls, Some(plain_samples()));
    // All bits that are allocated: where they were, and those that are no value's too, in any syntax.
    let left = Declared { stored: 12, high: 15, signed: 0 };
    let shifted = by(|value| value << 4 | 5);
    check(&left, Format::JpegLs, 16, false, shifted.clone(), ls, Some(shifted));
    let marked = by(|value| value | 0x8000);
    check(&plainly, Format::JpegLs, 16, false, marked.clone(), "1.2.840.10008.1.2.4.81", Some(marked.clone()));
    check(&plainly, Format::Jpeg2000, 16, false, marked.clone(), "1.2.840.10008.1.2.4.91", Some(marked));
    // Not as the data set says: another precision, another place, another sign.
    check(&plainly, Format::JpegLs, 14, false, by(|value| value * 4), ls, None);
    check(&plainly, Format::JpegLs, 10, false, by(|value| value >> 2), ls, None);
    check(&left, Format::JpegLs, 12, false, plain_samples(), ls, None);
    let wavelet = "1.2.840.10008.1.2.4.90";
    check(&plainly, Format::Jpeg2000, 12, true, plain_samples(), wavelet, None);
    check(&plainly, Format::Jpeg2000, 16, true, plain_samples(), wavelet, None);
    // A two's complement of 12 bits goes on above.
    let signed = Declared { stored: 12, high: 11, signed: 1 };
    let extended = by(|value| if value & 0x800 == 0 { value } else { value | 0xF000 });
    check(&signed, Format::Jpeg2000, 12, true, plain_samples(), wavelet, Some(extended.clone()));
    check(&signed, Format::JpegLs, 12, false, plain_samples(), ls, Some(extended.clone()));
    check(&signed, Format::Jpeg2000, 16, true, extended.clone(), wavelet, Some(extended));
}

#[test]
fn frames_in_fragments_have_their_length() {
    let syntax = uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN;
    let object = |bytes: &[u8], colour: bool| {
        let mut o = plain();
        encapsulated(&mut o, vec![bytes.to_vec()]);
        words(&mut o, tags::ROWS, &[1]);
        words(&mut o, tags::COLUMNS, &[3]);
        for (tag, bits) in [(tags::BITS_ALLOCATED, 8), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7)] {
            words(&mut o, tag, &[bits]);
        }
        if colour {
            words(&mut o, tags::SAMPLES_PER_PIXEL, &[3]);
            text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
        }
        file(&o, syntax)
    };
    let short = "PixelData (7FE0,0010) is shorter than Rows, Columns and Bits Allocated say";
    for form in [Form::Stored, Form::Native] {
        let frame = |bytes: &[u8]| {
            let file = object(bytes, false);
            let mut opened = Object::of(&file, &Limits::default()).expect("opened");
            opened.frame(1, form).map_err(|error| error.to_string())
        };
        assert_eq!(frame(&[1, 2, 3, 0]), Ok(vec![1, 2, 3]));
        assert_eq!(frame(&[1, 2]), Err(short.to_owned()));
        assert!(frame(&[1, 2, 3, 4, 5, 6]).is_err_and(|said| said.contains("several frames")));
    }
    let colour = |bytes: &[u8], missing| {
        let file = object(bytes, true);
        let shown = Object::of(&file, &Limits::default()).expect("opened").picture(1, None, missing);
        shown.map(|shown| (shown.whole, shown.bytes)).map_err(|error| error.to_string())
    };
    let nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert_eq!(colour(&[&nine[..], &[0]].concat(), Missing::Refuse), Ok((true, nine.to_vec())));
    assert_eq!(colour(&nine[..4], Missing::Refuse), Err(short.to_owned()));
    assert_eq!(colour(&nine[..4], Missing::Keep), Ok((false, vec![1, 2, 3, 4, 0, 0, 0, 0, 0])));
}
