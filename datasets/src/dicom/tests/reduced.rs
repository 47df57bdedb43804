//! Wavelet images that a model takes at less than their resolution.

use uvid_exam::{Laterality, Reduced, Slot, View};

use super::*;
use crate::phantom::{TransferSyntax, Wrap, encode};

const ROWS: usize = 96;
const COLUMNS: usize = 64;

/// A square, brighter than what is around it.
fn file(transfer_syntax: TransferSyntax) -> Vec<u8> {
    let slot = Slot::of(Laterality::Left, View::CranioCaudal).expect("a slot");
    let wrapped = Wrap { transfer_syntax, ..Wrap::new(slot, ROWS, COLUMNS, 1) };
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
        let scale = times as f64;
        assert_eq!(
            small.to_file.apply(row as f64, column as f64),
            (row as f64 * scale, column as f64 * scale),
            "{what}"
        );
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
