//! Wavelet images that a model takes at less than their resolution.

use uvid_codecs::{Encoding, Format, Shape};
use uvid_exam::{Laterality, Reduced, Slot, View};

use super::streams::{encapsulated, encode as stream, relabelled};
use super::*;
use crate::phantom::{TransferSyntax, Wrap, encode};

const ROWS: usize = 96;
const COLUMNS: usize = 64;

/// A square, brighter than what is around it.
fn file(transfer_syntax: TransferSyntax) -> Vec<u8> {
    let slot = Slot::of(Laterality::Left, View::CranioCaudal).expect("a slot");
    let wrapped = Wrap { transfer_syntax, padding: None, ..Wrap::new(slot, ROWS, COLUMNS, 1) };
    let bright = |row: usize, column: usize| (16..48).contains(&row) && column < 32;
    let values: Vec<u16> =
        (0..ROWS * COLUMNS).map(|i| if bright(i / COLUMNS, i % COLUMNS) { 3000 } else { 40 }).collect();
    encode(&values, &wrapped).expect("writes")
}

fn image(bytes: &[u8], reduced: Option<Reduced>) -> Mammogram {
    let received = Object::of(bytes, &Limits::default()).and_then(|mut o| o.read_reduced(reduced)).expect("reads");
    match received.content {
        Content::Mammogram(image) => *image,
        Content::Listed(listed) => panic!("{:?}", listed.fate),
    }
}

#[test]
fn as_far_as_is_allowed_and_offered() {
    let check = |syntax, side_min: Option<usize>, times: usize| {
        let whole = image(&file(syntax), None);
        let small = image(&file(syntax), side_min.map(|side_min| Reduced { side_min }));
        let what = format!("{syntax:?} {side_min:?}");
        assert_eq!((small.pixels.rows(), small.pixels.columns()), (ROWS / times, COLUMNS / times), "{what}");
        assert_eq!(small.file_size, (ROWS, COLUMNS), "{what}");
        let (here, there) = (small.spacing.expect("stated"), whole.spacing.expect("stated"));
        assert_eq!(here.row_mm, there.row_mm * times as f64, "{what}");
        // The middle of the square is where the file has it.
        let (row, column) = (32 / times, 16 / times);
        let value = small.pixels.values()[row * small.pixels.columns() + column];
        assert!(value.abs_diff(3000) < 30, "{what}: {value}");
        // A pixel's middle is that of the first pixel of those that it stands for.
        let middle = |at: usize| (at * times) as f64 + 0.5;
        let found = small.to_file.apply(row as f64 + 0.5, column as f64 + 0.5);
        assert_eq!(found, (middle(row), middle(column)), "{what}");
        let said = small.notes.iter().any(|note| note.contains("of its resolution"));
        assert_eq!(said, times > 1, "{what}: {:?}", small.notes);
    };
    check(TransferSyntax::Jpeg2000Lossless, None, 1);
    check(TransferSyntax::Jpeg2000Lossless, Some(65), 1);
    check(TransferSyntax::Jpeg2000Lossless, Some(32), 2);
    check(TransferSyntax::Jpeg2000Lossless, Some(16), 4);
    check(TransferSyntax::JpegLossless, Some(16), 1);
    check(TransferSyntax::ExplicitLittle, Some(16), 1);
}

#[test]
fn a_pixel_is_where_its_value_is() {
    // Each pixel says where it is, in either direction, so that a shift by half a pixel shows.
    let slot = Slot::of(Laterality::Left, View::CranioCaudal).expect("a slot");
    let side = 128;
    let file = |by_row: bool| {
        let wrapped =
            Wrap { transfer_syntax: TransferSyntax::Jpeg2000Lossless, padding: None, ..Wrap::new(slot, side, side, 1) };
        let at = |i: usize| if by_row { i / side } else { i % side };
        let values: Vec<u16> = (0..side * side).map(|i| 100 + 16 * at(i) as u16).collect();
        encode(&values, &wrapped).expect("writes")
    };
    for by_row in [true, false] {
        for (side_min, times) in [(side, 1), (64, 2), (32, 4), (16, 8)] {
            let small = image(&file(by_row), Some(Reduced { side_min }));
            assert_eq!(small.pixels.columns(), side / times);
            let middle = side / times / 2;
            for at in [middle - 1, middle, middle + 1] {
                let (row, column) = if by_row { (at, middle) } else { (middle, at) };
                let value = small.pixels.stored(small.pixels.values()[row * small.pixels.columns() + column]);
                let said = f64::from(value - 100) / 16.0 + 0.5;
                let (r, c) = small.to_file.apply(row as f64 + 0.5, column as f64 + 0.5);
                let found = if by_row { r } else { c };
                assert!((found - said).abs() < 0.13, "1/{times}: {found}, the value says {said}");
            }
        }
    }
}

#[test]
fn padding_is_not_mixed_with_the_breast() {
    let bright = |i: usize| if i % COLUMNS >= COLUMNS / 2 - 3 { 4095 } else { 500 };
    let samples: Vec<u16> = (0..ROWS * COLUMNS).map(bright).collect();
    let file = |padding: Option<u16>, overlay: Option<u16>| {
        let mut o = plain();
        words(&mut o, tags::ROWS, &[ROWS as u16]);
        words(&mut o, tags::COLUMNS, &[COLUMNS as u16]);
        for (tag, value) in [(tags::PIXEL_PADDING_VALUE, padding), (Tag(0x6000, 0x0102), overlay)] {
            if let Some(value) = value {
                words(&mut o, tag, &[value]);
            }
        }
        let shape = Shape::grey(ROWS, COLUMNS, if overlay.is_some() { 16 } else { 12 });
        encapsulated(&mut o, vec![stream(Format::Jpeg2000, shape, &samples, &Encoding::Lossless)]);
        relabelled(&o, "1.2.840.10008.1.2.4.90")
    };
    let whole = Reduced { side_min: 16 };
    for (padding, overlay, columns) in
        [(None, None, COLUMNS / 4), (Some(4095), None, COLUMNS), (Some(0), None, COLUMNS), (None, Some(15), COLUMNS)]
    {
        let found = image(&file(padding, overlay), Some(whole));
        assert_eq!(found.pixels.columns(), columns, "{padding:?} {overlay:?}");
        assert!(columns < COLUMNS || found.pixels.values() == samples, "{padding:?} {overlay:?}");
        assert!(padding != Some(4095) || found.without_padding().iter().all(|value| *value <= 500));
    }
}
