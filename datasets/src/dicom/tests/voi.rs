//! What is offered for display, and what is shown.

use uvid_exam::{Window, WindowFunction};

use super::super::voi::display;
use super::*;

fn put_pixels(o: &mut InMemDicomObject, values: &[u16]) {
    words(o, tags::ROWS, &[1]);
    words(o, tags::COLUMNS, &[values.len() as u16]);
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values.into())));
}

fn window(o: &mut InMemDicomObject, center: &str, width: &str, function: &str) {
    text(o, tags::WINDOW_CENTER, VR::DS, center);
    text(o, tags::WINDOW_WIDTH, VR::DS, width);
    text(o, tags::VOILUT_FUNCTION, VR::CS, function);
}

fn lut(count: u16, first: u16, bits: u16, entries: &[u16]) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    words(&mut item, tags::LUT_DESCRIPTOR, &[count, first, bits]);
    item.put(DataElement::new(tags::LUT_DATA, VR::OW, PrimitiveValue::U16(entries.into())));
    text(&mut item, tags::LUT_EXPLANATION, VR::LO, "NORMAL");
    item
}

#[test]
fn windows_are_kept_in_order() {
    let image = mammogram(|o| {
        window(o, "100\\200", "50\\60", "SIGMOID");
        text(o, tags::WINDOW_CENTER_WIDTH_EXPLANATION, VR::LO, "HARD\\SOFT");
        sequence(o, tags::VOILUT_SEQUENCE, vec![lut(2, 5, 12, &[0, 4095])]);
    });
    let function = |center, width, name: &str| Window::Function {
        center,
        width,
        function: WindowFunction::Sigmoid,
        explanation: Some(name.to_owned()),
    };
    let table = Window::Table { first: 5, bits: 12, entries: vec![0, 4095], explanation: Some("NORMAL".to_owned()) };
    assert_eq!(image.windows, [table, function(100.0, 50.0, "HARD"), function(200.0, 60.0, "SOFT")]);
}

#[test]
fn windows_that_are_none() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), windows: usize, notes: usize| {
        let image = mammogram(change);
        assert_eq!((image.windows.len(), image.notes.len()), (windows, notes), "{:?}", image.notes);
    };
    check(&mut |o| sequence(o, tags::VOILUT_SEQUENCE, vec![]), 0, 0);
    check(&mut |o| window(o, "", "", ""), 0, 0);
    check(&mut |o| window(o, "100", "0", ""), 0, 1);
    check(&mut |o| window(o, "100", "0.5", "LINEAR"), 0, 1);
    check(&mut |o| window(o, "100", "0.5", "LINEAR_EXACT"), 1, 0);
    check(&mut |o| window(o, "100", "1", "LINEAR"), 1, 0);
    check(&mut |o| window(o, "100", "-5", "SIGMOID"), 0, 1);
    check(&mut |o| window(o, "abc", "5", "SIGMOID"), 0, 1);
    check(&mut |o| window(o, "1\\2\\3", "5\\6", "SIGMOID"), 2, 1);
    check(&mut |o| window(o, "1", "5", "CUBIC"), 1, 1);
    check(&mut |o| sequence(o, tags::VOILUT_SEQUENCE, vec![InMemDicomObject::new_empty()]), 0, 1);
    check(&mut |o| sequence(o, tags::VOILUT_SEQUENCE, vec![lut(4, 0, 12, &[1, 2])]), 1, 1);
    check(&mut |o| sequence(o, tags::VOILUT_SEQUENCE, vec![lut(2, 0, 99, &[1, 2])]), 0, 1);
    check(&mut |o| sequence(o, tags::VOILUT_SEQUENCE, vec![lut(2, 0, 12, &[])]), 0, 1);
}

/// What is shown of these stored values under this window, in both photometric interpretations.
fn check(values: &[u16], change: &dyn Fn(&mut InMemDicomObject), expected: &[u8]) {
    for mono1 in [false, true] {
        let image = mammogram(|o| {
            put_pixels(o, values);
            text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, if mono1 { "MONOCHROME1" } else { "MONOCHROME2" });
            change(o);
        });
        // The value of interest first, the inversion after it.
        let shown: Vec<i32> = display(&image, Some(0)).into_iter().map(i32::from).collect();
        for (at, (&shown, &expected)) in shown.iter().zip(expected).enumerate() {
            let expected = if mono1 { 255 - i32::from(expected) } else { i32::from(expected) };
            // A half rounds up in one and, inverted, in the other too.
            assert!((shown - expected).abs() <= i32::from(mono1), "{at}: {shown} {expected} {mono1}");
        }
    }
}

#[test]
fn linear() {
    // C.11.2.1.2.1 note 3: "c=2048, w=4096 becomes: if (x <= 0) then y = ymin, else if (x > 4095) then y = ymax".
    check(&[0, 1, 2047, 2048, 4095], &|o| window(o, "2048", "4096", ""), &[0, 0, 127, 128, 255]);
    // "c=2048, w=1 becomes: if (x <= 2047.5) then y = ymin; else if (x > 2047.5) then y = ymax".
    check(&[2046, 2047, 2048, 2049], &|o| window(o, "2048", "1", "LINEAR"), &[0, 0, 255, 255]);
    // c=10, w=5: from 7.5 to 11.5.
    check(&[7, 8, 9, 10, 11, 12], &|o| window(o, "10", "5", ""), &[0, 32, 96, 159, 223, 255]);
}

#[test]
fn linear_exact() {
    // c=10, w=4: from 8 to 12.
    check(&[7, 8, 9, 10, 11, 12, 13], &|o| window(o, "10", "4", "LINEAR_EXACT"), &[0, 0, 64, 128, 191, 255, 255]);
}

#[test]
fn sigmoid() {
    // 255 / (1 + exp(-4 (x - 100) / 40)) at 60, 80, 100, 120, 140.
    check(&[60, 80, 100, 120, 140], &|o| window(o, "100", "40", "SIGMOID"), &[5, 30, 128, 225, 250]);
}

#[test]
fn tables() {
    let table = |first, bits, entries: &'static [u16]| {
        move |o: &mut InMemDicomObject| {
            sequence(o, tags::VOILUT_SEQUENCE, vec![lut(entries.len() as u16, first, bits, entries)]);
        }
    };
    // Values before and behind the table take its ends; the first value mapped is where it starts.
    check(&[0, 99, 100, 101, 102, 103, 4095], &table(100, 12, &[819, 1638, 4095]), &[51, 51, 51, 102, 255, 255, 255]);
    // A table that steps at its ends and does not reach the full range is not stretched.
    check(&[0, 1, 2, 3], &table(0, 10, &[0, 1, 511, 511]), &[0, 0, 127, 127]);
    check(&[0, 1, 2], &table(0, 16, &[0, 32896, 65535]), &[0, 128, 255]);
    check(&[0, 1, 2], &table(0, 8, &[0, 100, 255]), &[0, 100, 255]);
    // Entries above what their bits allow are as bright as can be.
    check(&[0, 1], &table(0, 10, &[1023, 4095]), &[255, 255]);
}

#[test]
fn tables_in_bytes_and_of_65536_entries() {
    let mut item = InMemDicomObject::new_empty();
    words(&mut item, tags::LUT_DESCRIPTOR, &[4, 0, 8]);
    item.put(DataElement::new(tags::LUT_DATA, VR::OW, PrimitiveValue::U8([0, 50, 100, 255].as_slice().into())));
    check(&[0, 1, 2, 3], &|o| sequence(o, tags::VOILUT_SEQUENCE, vec![item.clone()]), &[0, 50, 100, 255]);
    let all: Vec<u16> = (0..=u16::MAX).rev().collect();
    let image = mammogram(|o| {
        words(o, tags::BITS_STORED, &[16]);
        words(o, tags::HIGH_BIT, &[15]);
        put_pixels(o, &[0, 65535]);
        // Entries beyond 64 KiB need undefined or 32-bit length, which an OW has.
        sequence(o, tags::VOILUT_SEQUENCE, vec![lut(0, 0, 16, &all)]);
    });
    assert_eq!(display(&image, Some(0)), [255, 0]);
}

#[test]
fn windows_are_in_rescaled_values() {
    // x = 2 * stored - 100: stored 50 to 54 are 0 to 8.
    let rescaled = |o: &mut InMemDicomObject| {
        text(o, tags::RESCALE_SLOPE, VR::DS, "2");
        text(o, tags::RESCALE_INTERCEPT, VR::DS, "-100");
        window(o, "4", "8", "LINEAR_EXACT");
    };
    check(&[0, 50, 51, 52, 53, 54, 90], &rescaled, &[0, 0, 64, 128, 191, 255, 255]);
    // With a slope below 0 the larger stored value is the darker one, in MONOCHROME2.
    let image = mammogram(|o| {
        put_pixels(o, &[0, 50, 100]);
        text(o, tags::RESCALE_SLOPE, VR::DS, "-1");
        text(o, tags::RESCALE_INTERCEPT, VR::DS, "100");
        window(o, "50", "100", "LINEAR_EXACT");
    });
    assert_eq!(image.pixels.values(), [4095, 4045, 3995]);
    assert_eq!(display(&image, Some(0)), [255, 128, 0]);
}

#[test]
fn signed_first_value_mapped() {
    // Implicit VR does not say whether the descriptor is signed; what comes in can be negative, so it is.
    let mut object = plain();
    words(&mut object, tags::PIXEL_REPRESENTATION, &[1]);
    put_pixels(&mut object, &[0xFFFE, 0xFFFF, 0]);
    sequence(&mut object, tags::VOILUT_SEQUENCE, vec![lut(3, 0xFFFE, 8, &[10, 20, 30])]);
    let read = read(&file(&object, uids::IMPLICIT_VR_LITTLE_ENDIAN), &Limits::default()).expect("readable");
    let Content::Mammogram(image) = read.content else { panic!("listed") };
    assert!(matches!(image.windows[..], [Window::Table { first: -2, .. }]));
    assert_eq!(display(&image, Some(0)), [10, 20, 30]);
}

#[test]
fn without_a_window() {
    let image = mammogram(|o| {
        put_pixels(o, &[0, 0, 100, 150, 300]);
        words(o, tags::PIXEL_PADDING_VALUE, &[0]);
    });
    assert_eq!(display(&image, None), [0, 0, 0, 64, 255]);
    assert_eq!(display(&image, Some(7)), display(&image, None));
    let constant = mammogram(|o| put_pixels(o, &[7, 7]));
    assert_eq!(display(&constant, None), [0, 0]);
    let nothing = mammogram(|o| {
        put_pixels(o, &[7, 7]);
        words(o, tags::PIXEL_PADDING_VALUE, &[7]);
    });
    assert_eq!(display(&nothing, None), [0, 0]);
}

#[test]
fn padding_is_dark() {
    let image = mammogram(|o| {
        put_pixels(o, &[4095, 0, 100]);
        words(o, tags::PIXEL_PADDING_VALUE, &[4095]);
        window(o, "50", "100", "LINEAR_EXACT");
    });
    assert_eq!(display(&image, Some(0)), [0, 0, 255]);
}
