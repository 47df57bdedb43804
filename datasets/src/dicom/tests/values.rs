//! Numbers: pixels, inversion, padding, spacing, time, names.

use proptest::prelude::*;
use uvid_exam::{Rescale, Spacing};

use super::*;

fn put_pixels(o: &mut InMemDicomObject, values: &[u16]) {
    words(o, tags::ROWS, &[1]);
    words(o, tags::COLUMNS, &[values.len() as u16]);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values.into())));
}

#[test]
fn larger_is_brighter_whatever_the_file_says() {
    let check = |photometric: &str, shape: &str, slope: &str, inverted: bool| {
        let image = mammogram(|o| {
            text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
            text(o, tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
            text(o, tags::RESCALE_SLOPE, VR::DS, slope);
            put_pixels(o, &[0, 100, 4095]);
        });
        let expected = if inverted { [4095, 3995, 0] } else { [0, 100, 4095] };
        assert_eq!(image.pixels.values(), expected, "{photometric} {shape} {slope}");
        assert_eq!(image.pixels.inverted(), inverted);
        let back: Vec<i32> = image.pixels.values().iter().map(|&v| image.pixels.stored(v)).collect();
        assert_eq!(back, [0, 100, 4095]);
    };
    check("MONOCHROME2", "", "", false);
    check("MONOCHROME2", "IDENTITY", "1", false);
    check("MONOCHROME1", "", "1", true);
    check("MONOCHROME1", "INVERSE", "1", true);
    check("MONOCHROME1", "IDENTITY", "1", true);
    check("MONOCHROME2", "INVERSE", "1", true);
    check("MONOCHROME2", "", "-1", true);
    check("MONOCHROME1", "", "-1", false);
    check("MONOCHROME1", "INVERSE", "-0.5", false);
}

#[test]
fn rescale_is_kept_not_applied() {
    let rescale = |slope: &str, intercept: &str| {
        mammogram(|o| {
            text(o, tags::RESCALE_SLOPE, VR::DS, slope);
            text(o, tags::RESCALE_INTERCEPT, VR::DS, intercept);
        })
        .rescale
    };
    assert_eq!(rescale("2.5", "-10"), Rescale { slope: 2.5, intercept: -10.0 });
    assert_eq!(rescale("", ""), Rescale::IDENTITY);
    assert_eq!(rescale("0", "3"), Rescale::IDENTITY);
    assert_eq!(rescale("NaN", "inf"), Rescale::IDENTITY);
}

#[test]
fn bits_are_honoured() {
    let image = |allocated: u16, stored: u16, high: u16, signed: u16, pixels: &[u16]| {
        mammogram(|o| {
            words(o, tags::BITS_ALLOCATED, &[allocated]);
            words(o, tags::BITS_STORED, &[stored]);
            words(o, tags::HIGH_BIT, &[high]);
            words(o, tags::PIXEL_REPRESENTATION, &[signed]);
            put_pixels(o, pixels);
        })
    };
    for stored in [10, 12, 14, 16] {
        let max = u16::MAX >> (16 - stored);
        let image = image(16, stored, stored - 1, 0, &[0, max]);
        assert_eq!(image.pixels.max(), max);
        assert_eq!(image.pixels.values(), [0, max]);
    }
    // Above the high bit lies an overlay of old.
    assert_eq!(image(16, 12, 11, 0, &[0xF001, 0x1FFF]).pixels.values(), [1, 0xFFF]);
    assert_eq!(image(16, 12, 15, 0, &[0x001F, 0xFFF0]).pixels.values(), [1, 0xFFF]);
    let signed = image(16, 12, 11, 1, &[0x0800, 0xFFFF, 0x07FF]);
    assert_eq!(signed.pixels.values(), [0, 2047, 4095]);
    assert_eq!(signed.pixels.stored(0), -2048);
}

#[test]
fn eight_bits() {
    let image = |syntax| {
        let mut o = plain();
        words(&mut o, tags::BITS_ALLOCATED, &[8]);
        words(&mut o, tags::BITS_STORED, &[8]);
        words(&mut o, tags::HIGH_BIT, &[7]);
        words(&mut o, tags::ROWS, &[1]);
        words(&mut o, tags::COLUMNS, &[3]);
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8([1, 2, 255, 0].as_slice().into())));
        match read(&file(&o, syntax), &Limits::default()).expect("readable").content {
            Content::Mammogram(image) => image.pixels.values().to_vec(),
            Content::Listed(listed) => panic!("{listed:?}"),
        }
    };
    assert_eq!(image(uids::EXPLICIT_VR_LITTLE_ENDIAN), [1, 2, 255]);
    assert_eq!(image(BIG_ENDIAN), [1, 2, 255]);
}

#[test]
fn pixels_that_cannot_be() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: &str| {
        assert_eq!(unreadable(change), expected);
    };
    check(&mut |o| words(o, tags::ROWS, &[0]), "Rows (0028,0010) is 0");
    check(&mut |o| words(o, tags::SAMPLES_PER_PIXEL, &[3]), "SamplesPerPixel (0028,0002) is not 1");
    check(&mut |o| words(o, tags::BITS_ALLOCATED, &[32]), "BitsAllocated (0028,0100) is neither 8 nor 16");
    check(
        &mut |o| words(o, tags::BITS_STORED, &[17]),
        "BitsStored (0028,0101) does not fit Bits Allocated (0028,0100)",
    );
    check(
        &mut |o| words(o, tags::HIGH_BIT, &[10]),
        "HighBit (0028,0102) does not fit Bits Stored (0028,0101) and Bits Allocated (0028,0100)",
    );
    check(
        &mut |o| words(o, tags::ROWS, &[ROWS as u16 + 1]),
        "PixelData (7FE0,0010) is shorter than Rows, Columns and Bits Allocated say",
    );
    check(
        &mut |o| text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
        "PhotometricInterpretation (0028,0004) is neither MONOCHROME1 nor MONOCHROME2",
    );
    check(
        &mut |o| sequence(o, tags::MODALITY_LUT_SEQUENCE, vec![code("SCT", "1")]),
        "ModalityLUTSequence (0028,3000) holds a table, which is not supported",
    );
    check(
        &mut |o| {
            words(o, tags::ROWS, &[65535]);
            words(o, tags::COLUMNS, &[65535]);
        },
        "Rows (0028,0010) asks for 4294836225, 100000000 are allowed",
    );
    // An empty Modality LUT Sequence is none.
    assert_eq!(mammogram(|o| sequence(o, tags::MODALITY_LUT_SEQUENCE, vec![])).rescale, Rescale::IDENTITY);
}

#[test]
fn padding_in_pixels() {
    let check = |signed: u16, photometric: &str, value: u16, limit: Option<u16>, expected: Option<(u16, u16)>| {
        let image = mammogram(|o| {
            words(o, tags::PIXEL_REPRESENTATION, &[signed]);
            text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
            words(o, tags::PIXEL_PADDING_VALUE, &[value]);
            if let Some(limit) = limit {
                words(o, tags::PIXEL_PADDING_RANGE_LIMIT, &[limit]);
            }
        });
        let expected = expected.map(|(from, to)| from..=to);
        assert_eq!(image.padding, expected, "{signed} {photometric} {value} {limit:?}");
    };
    check(0, "MONOCHROME2", 0, None, Some((0, 0)));
    check(0, "MONOCHROME2", 0, Some(30), Some((0, 30)));
    check(0, "MONOCHROME2", 30, Some(0), Some((0, 30)));
    // In MONOCHROME1 the padding is the largest stored value, which is the darkest pixel.
    check(0, "MONOCHROME1", 4095, Some(4000), Some((0, 95)));
    check(0, "MONOCHROME1", 0, Some(30), Some((4065, 4095)));
    // -2000, whether written as US or SS, in 12 signed bits.
    check(1, "MONOCHROME2", 0xF830, None, Some((48, 48)));
    check(1, "MONOCHROME2", 0xF800, Some(0xF830), Some((0, 48)));
    check(0, "MONOCHROME2", 65535, None, None);
    check(0, "MONOCHROME2", 4000, Some(65535), Some((4000, 4095)));
}

#[test]
fn padding_almost_everywhere() {
    let check = |padded: usize, expected: bool| {
        let image = mammogram(|o| {
            put_pixels(o, &[vec![0; padded], vec![7; 100 - padded]].concat());
            words(o, tags::PIXEL_PADDING_VALUE, &[0]);
            o.remove_element(tags::PATIENT_ORIENTATION);
        });
        assert_eq!(noted(&image, "(0028,0120) covers more than 95 % of the pixels"), expected, "{padded}");
        assert_eq!(image.notes.len(), usize::from(expected), "{:?}", image.notes);
    };
    check(0, false);
    check(95, false);
    check(96, true);
    check(100, true);
}

#[test]
fn pixels_that_are_not_square() {
    let check = |imager: &str, pixel: &str, ratio: &str, expected: bool| {
        let image = mammogram(|o| {
            text(o, tags::IMAGER_PIXEL_SPACING, VR::DS, imager);
            text(o, tags::PIXEL_SPACING, VR::DS, pixel);
            text(o, tags::PIXEL_ASPECT_RATIO, VR::IS, ratio);
        });
        assert_eq!(noted(&image, "Pixel Aspect Ratio (0028,0034)"), expected, "{imager} {pixel} {ratio}");
    };
    check("", "", "1\\2", true);
    check("", "", "2\\2", false);
    check("", "", "1", false);
    check("", "", "", false);
    check("0.1\\0.1", "", "1\\2", false);
    check("", "0.1\\0.1", "1\\2", false);
    check("0\\0", "", "1\\2", true);
}

#[test]
fn spacing_and_magnification() {
    let check = |imager: &str, pixel: &str, factor: &str, expected: Option<(f64, f64)>, notes: usize| {
        let image = mammogram(|o| {
            text(o, tags::IMAGER_PIXEL_SPACING, VR::DS, imager);
            text(o, tags::PIXEL_SPACING, VR::DS, pixel);
            text(o, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS, factor);
        });
        let expected = expected.map(|(row_mm, column_mm)| Spacing { row_mm, column_mm });
        assert_eq!(image.spacing, expected, "{imager} {pixel} {factor}");
        assert_eq!(image.notes.len(), notes, "{:?}", image.notes);
    };
    check("0.07\\0.08", "", "", Some((0.07, 0.08)), 0);
    check("0.1\\0.1", "0.5\\0.5", "1.25", Some((0.08, 0.08)), 0);
    check("", "0.05\\0.05", "1.25", Some((0.05, 0.05)), 0);
    check("0\\0", "0.05\\0.05", "", Some((0.05, 0.05)), 1);
    check("-0.1\\0.1", "", "", None, 1);
    check("NaN\\0.1", "", "", None, 1);
    check("0.1", "", "", None, 1);
    check("0.1\\0.1", "", "0", Some((0.1, 0.1)), 1);
    check("0.1\\0.1", "", "-1", Some((0.1, 0.1)), 1);
    check("1e308\\1e308", "", "", None, 1);
    check("", "", "", None, 0);
    check("0.1\\0.1", "", "1e-9", None, 1);
    check("1.5\\1.5", "", "15", Some((0.1, 0.1)), 0);
    let check = |factor: &str, expected: Option<f64>, notes: usize| {
        let image = mammogram(|o| text(o, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS, factor));
        assert_eq!((image.magnification, image.notes.len()), (expected, notes), "{factor}");
    };
    check("1.8", Some(1.8), 0);
    check("15", Some(15.0), 0);
    check("0.01", Some(0.01), 0);
    check("1e300", Some(1e300), 0);
    for none in ["0", "-1", "NaN", "inf", "1e999", "much"] {
        check(none, None, 1);
    }
    check("", None, 0);
}

#[test]
fn when_it_was_acquired() {
    let check = |values: [(Tag, &str); 5], expected: Option<&str>| {
        let image = mammogram(|o| {
            for (tag, value) in values {
                text(o, tag, VR::LO, value);
            }
        });
        assert_eq!(image.acquired.map(|t| t.to_string()).as_deref(), expected, "{values:?}");
    };
    let from = |whole, ad, at, cd, ct| {
        [
            (tags::ACQUISITION_DATE_TIME, whole),
            (tags::ACQUISITION_DATE, ad),
            (tags::ACQUISITION_TIME, at),
            (tags::CONTENT_DATE, cd),
            (tags::CONTENT_TIME, ct),
        ]
    };
    check(from("20240203040506.25", "20000101", "000000", "", ""), Some("2024-02-03 4:05:06.25"));
    check(from("", "20240203", "040506", "20200101", "000000"), Some("2024-02-03 4:05:06.0"));
    check(from("", "", "", "20200101", "1010"), Some("2020-01-01 10:10:00.0"));
    check(from("2024", "20240203", "", "", ""), None);
    check(from("nonsense", "x", "y", "", "z"), None);
}

#[test]
fn names_in_both_scripts() {
    let name = |declared: &str, bytes: &[u8]| {
        let mut object = plain();
        object.remove_element(tags::PATIENT_NAME);
        text(&mut object, tags::SPECIFIC_CHARACTER_SET, VR::CS, declared);
        // UN bytes are written as they are; the reader knows the attribute, not the VR.
        object.put(DataElement::new(tags::PATIENT_NAME, VR::UN, PrimitiveValue::U8(bytes.into())));
        let header = read_header(&explicit(&object), &Limits::default()).expect("readable");
        let image = read(&explicit(&object), &Limits::default()).expect("readable");
        let Content::Mammogram(image) = image.content else { panic!("listed") };
        assert_eq!(image.patient, header.patient);
        (header.patient.name.expect("a name").reveal().to_owned(), image.notes)
    };
    assert_eq!(name("ISO_IR 144", b"\xa8\xde\xd2\xd0\xdd\xde\xd2\xd8\xfb^\xb0\xdd\xd0").0, "Јовановић^Ана");
    assert_eq!(name("ISO_IR 101", b"Jovanovi\xe6^Ana").0, "Jovanović^Ana");
    assert_eq!(name("ISO_IR 192", "Јовановић^Ана".as_bytes()).0, "Јовановић^Ана");
    assert_eq!(name("\\ISO 2022 IR 144", b"\x1b-L\xb0\xdd\xd0").0, "Ана");
    assert_eq!(name("\\ISO 2022 IR 101\\ISO 2022 IR 144", b"\x1b-B\xbe^\x1b-L\xd6").0, "ž^ж");
    let (misspelt, notes) = name("ISO IR 192", "Ђорђе".as_bytes());
    assert_eq!(misspelt, "Ђорђе");
    assert!(notes.iter().any(|n| n.contains("misspelt")), "{notes:?}");
    // Nothing that a name holds makes a file unreadable.
    assert_eq!(name("ISO_IR 192", b"\xff\xfe").0, "\u{fffd}\u{fffd}");
    assert!(!name("NONSENSE", b"\x1b\x1b\xff").0.is_empty());
}

proptest! {
    #[test]
    fn stored_values_come_back(
        stored in prop::sample::select(vec![8_u16, 10, 12, 14, 16]),
        signed: bool,
        mono1: bool,
        values in prop::collection::vec(any::<u16>(), 1..40),
    ) {
        let mask = u16::MAX >> (16 - stored);
        let image = mammogram(|o| {
            words(o, tags::BITS_STORED, &[stored]);
            words(o, tags::HIGH_BIT, &[stored - 1]);
            words(o, tags::PIXEL_REPRESENTATION, &[u16::from(signed)]);
            text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, if mono1 { "MONOCHROME1" } else { "MONOCHROME2" });
            put_pixels(o, &values);
        });
        prop_assert_eq!(image.pixels.inverted(), mono1);
        for (&pixel, &value) in image.pixels.values().iter().zip(&values) {
            let bits = i32::from(value & mask);
            let expected = if signed && bits >= 1 << (stored - 1) { bits - (1 << stored) } else { bits };
            prop_assert_eq!(image.pixels.stored(pixel), expected);
        }
    }
}
