//! Upright, and where the chest wall is (PS3.3 C.7.6.1.1.1).
//!
//! Patient Orientation (0020,0020) names the patient's direction along the first row, left to right, and along the
//! first column, top to bottom. A row that runs anterior has the chest wall at its start, on the left.
//!
//! Invariants: an image is turned only where its attributes say that it lies on its side or upside down, and the map
//! back to the file is exact: pixel (r, c) covers [r, r+1) x [c, c+1). Left and right of the image are never swapped
//! to please a model.

use std::ops::RangeInclusive;

use uvid_exam::{Affine, Side, View, extremes};

use super::record::Record;

/// What is done to the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    Stay,
    /// The bottom goes to the left.
    Clockwise,
    /// The bottom goes to the right.
    CounterClockwise,
    /// The first row becomes the last.
    FlipRows,
}

/// What the attributes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Upright {
    pub(super) turn: Turn,
    /// The chest wall after the turn.
    pub(super) chest_wall: Option<Side>,
}

/// Row-major pixels.
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<u16>,
}

/// What Patient Orientation asks for.
pub(super) fn upright(values: &[String], view: Option<View>, record: &mut Record) -> Upright {
    let nothing = Upright { turn: Turn::Stay, chest_wall: None };
    let (row, column) = match values {
        _ if values.iter().all(String::is_empty) => return nothing,
        [row, column] if valid(row) && valid(column) => (principal(row), principal(column)),
        _ => {
            record.note("Patient Orientation (0020,0020) is not valid and is ignored");
            return nothing;
        }
    };
    let (turn, side) = match (row, column) {
        ('A', 'H') if lateral(view) => (Turn::FlipRows, Side::Left),
        ('P', 'H') if lateral(view) => (Turn::FlipRows, Side::Right),
        ('A', _) => (Turn::Stay, Side::Left),
        ('P', _) => (Turn::Stay, Side::Right),
        // On its side: the head goes up where the row says where it is.
        ('H', 'P') => (Turn::CounterClockwise, Side::Right),
        ('H', 'A') => (Turn::CounterClockwise, Side::Left),
        (_, 'P') => (Turn::Clockwise, Side::Left),
        (_, 'A') => (Turn::Clockwise, Side::Right),
        _ => return nothing,
    };
    Upright { turn, chest_wall: Some(side) }
}

/// One to three letters, one of a pair (PS3.3 C.7.6.1.1.1).
fn valid(text: &str) -> bool {
    let pair = |c| match c {
        'A' | 'P' => Some(0),
        'L' | 'R' => Some(1),
        'H' | 'F' => Some(2),
        _ => None,
    };
    let mut pairs: Vec<Option<i32>> = text.chars().map(pair).collect();
    let n = pairs.len();
    pairs.sort_unstable();
    pairs.dedup();
    n > 0 && pairs.len() == n && !pairs.contains(&None)
}

/// The first letter is the principal direction.
fn principal(text: &str) -> char {
    text.chars().next().unwrap_or(' ')
}

/// Views in which the head is up; in a cranio-caudal one there is no up.
fn lateral(view: Option<View>) -> bool {
    match view {
        Some(
            View::MedioLateralOblique
            | View::MedioLateral
            | View::LateroMedial
            | View::LateroMedialOblique
            | View::SuperolateralInferomedialOblique
            | View::InferomedialSuperolateralOblique,
        ) => true,
        Some(
            View::CranioCaudal
            | View::CaudoCranial
            | View::ExaggeratedCranioCaudalLateral
            | View::ExaggeratedCranioCaudalMedial
            | View::Specimen,
        )
        | None => false,
    }
}

/// The turned pixels, and the map from their coordinates to those of the file.
pub(super) fn turn(grid: Grid, turn: Turn) -> (Grid, Affine) {
    let Grid { rows, columns, values } = grid;
    let (height, width) = (rows as f64, columns as f64);
    match turn {
        Turn::Stay => (Grid { rows, columns, values }, Affine::IDENTITY),
        Turn::FlipRows => {
            let flipped = values.chunks_exact(columns).rev().flatten().copied().collect();
            let back = Affine { row: [-1.0, 0.0, height], column: [0.0, 1.0, 0.0] };
            (Grid { rows, columns, values: flipped }, back)
        }
        Turn::Clockwise => {
            let turned = (0..columns).flat_map(|r| values[r..].iter().step_by(columns).rev()).copied().collect();
            let back = Affine { row: [0.0, -1.0, height], column: [1.0, 0.0, 0.0] };
            (Grid { rows: columns, columns: rows, values: turned }, back)
        }
        Turn::CounterClockwise => {
            let turned = (0..columns).rev().flat_map(|r| values[r..].iter().step_by(columns)).copied().collect();
            let back = Affine { row: [0.0, 1.0, 0.0], column: [-1.0, 0.0, width] };
            (Grid { rows: columns, columns: rows, values: turned }, back)
        }
    }
}

/// Where the pixels show the chest wall: in the half that is much brighter above air, the darkest value that is no
/// padding. `None` unless the halves differ by more than a fifth of their sum: a marker must not decide it.
pub(super) fn seen_chest_wall(values: &[u16], padding: Option<&RangeInclusive<u16>>, columns: usize) -> Option<Side> {
    let (air, _) = extremes(values, padding)?;
    let padding = padding.map_or((1, 0), |range| (*range.start(), *range.end()));
    // Without a branch: every pixel is asked.
    let padded = |v: u16| (padding.0 <= v) & (v <= padding.1);
    let above = |v: &u16| u32::from(if padded(*v) { 0 } else { v.saturating_sub(air) });
    // A row has less than 65536 pixels of 16 bits, whose sum has 32.
    let sum = |part: &[u16]| u64::from(part.iter().map(above).sum::<u32>());
    let half = columns / 2;
    let (left, right) = values
        .chunks_exact(columns)
        .fold((0, 0), |(left, right), row| (left + sum(&row[..half]), right + sum(&row[columns - half..])));
    let much = 5 * left.abs_diff(right) > left + right;
    much.then_some(if left > right { Side::Left } else { Side::Right })
}

/// Patient Orientation that puts the chest wall where the pixels do not show it: an image that was mirrored, or an
/// attribute that was not, and then nobody knows which breast it is.
pub(super) fn verify(declared: Option<Side>, seen: Option<Side>, record: &mut Record) {
    let name = |side| match side {
        Side::Left => "left",
        Side::Right => "right",
    };
    if let (Some(declared), Some(seen)) = (declared, seen)
        && declared != seen
    {
        let (declared, seen) = (name(declared), name(seen));
        let said = format!("Patient Orientation (0020,0020) puts the chest wall on the {declared}");
        record.contradiction("orientation", format!("{said}, the pixels are much brighter on the {seen}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MLO: Option<View> = Some(View::MedioLateralOblique);
    const CC: Option<View> = Some(View::CranioCaudal);

    fn record() -> Record {
        Record::new("1.2".parse().expect("a UID"))
    }

    #[test]
    fn orientations() {
        let check = |row: &str, column: &str, view, expected: (Turn, Option<Side>), noted: bool| {
            let mut record = record();
            let seen = upright(&[row.to_owned(), column.to_owned()], view, &mut record);
            assert_eq!((seen.turn, seen.chest_wall), expected, "{row}\\{column}");
            assert_eq!(record.notes.len(), usize::from(noted), "{row}\\{column}");
        };
        let (left, right) = (Some(Side::Left), Some(Side::Right));
        check("A", "L", CC, (Turn::Stay, left), false);
        check("P", "R", CC, (Turn::Stay, right), false);
        check("A", "FR", MLO, (Turn::Stay, left), false);
        check("P", "FL", MLO, (Turn::Stay, right), false);
        check("A", "HL", MLO, (Turn::FlipRows, left), false);
        check("P", "H", MLO, (Turn::FlipRows, right), false);
        check("A", "H", CC, (Turn::Stay, left), false);
        check("R", "P", CC, (Turn::Clockwise, left), false);
        check("L", "A", CC, (Turn::Clockwise, right), false);
        check("F", "P", MLO, (Turn::Clockwise, left), false);
        check("H", "P", MLO, (Turn::CounterClockwise, right), false);
        check("HR", "A", MLO, (Turn::CounterClockwise, left), false);
        check("L", "F", MLO, (Turn::Stay, None), false);
        check("AP", "F", MLO, (Turn::Stay, None), true);
        check("X", "F", MLO, (Turn::Stay, None), true);
        check("", "", MLO, (Turn::Stay, None), false);
    }

    #[test]
    fn a_turn_is_undone_by_its_map() {
        for how in [Turn::Stay, Turn::Clockwise, Turn::CounterClockwise, Turn::FlipRows] {
            let (rows, columns) = (3, 5);
            let file: Vec<u16> = (0..15).collect();
            let (turned, to_file) = turn(Grid { rows, columns, values: file.clone() }, how);
            assert_eq!(turned.values.len(), 15);
            for r in 0..turned.rows {
                for c in 0..turned.columns {
                    // The centre of a pixel lands on the centre of the pixel of the file that it came from.
                    let (row, column) = to_file.apply(r as f64 + 0.5, c as f64 + 0.5);
                    let at = (row - 0.5) as usize * columns + (column - 0.5) as usize;
                    assert_eq!(turned.values[r * turned.columns + c], file[at], "{how:?} {r} {c}");
                }
            }
        }
    }

    #[test]
    fn the_chest_wall_is_where_it_is_much_brighter() {
        let check = |values: &[u16], columns: usize, expected: Option<Side>| {
            assert_eq!(seen_chest_wall(values, None, columns), expected, "{values:?}");
        };
        let (left, right) = (Some(Side::Left), Some(Side::Right));
        check(&[9, 0], 2, left);
        check(&[0, 9, 0, 8], 2, right);
        // Three to two is just a fifth; air counts for nothing, nor does the column in the middle.
        check(&[3, 2, 0, 0], 2, None);
        check(&[31, 20, 0, 0], 2, left);
        check(&[103, 102, 100, 100], 2, None);
        check(&[131, 120, 100, 100], 2, left);
        check(&[0, 0, 99, 0, 0], 5, None);
        check(&[7, 7], 2, None);
        check(&[7], 1, None);
        check(&[], 3, None);
        // Padding counts as air, wherever it is and if there is nothing else.
        let padded = |values: &[u16], padding, columns| seen_chest_wall(values, Some(&padding), columns);
        assert_eq!(padded(&[9, 3, 4000, 4095], 4000..=4095, 2), left);
        assert_eq!(padded(&[9, 9, 0, 5], 0..=0, 2), None);
        assert_eq!(padded(&[7, 9], 0..=4095, 2), None);
    }

    proptest! {
        #[test]
        fn padding_is_air(
            values in prop::collection::vec(0u16..40, 1..400), columns in 1usize..40, from in 0u16..40, more in 0u16..20,
        ) {
            let (padding, rows) = (from..=from + more, values.len() / columns);
            let values = &values[..rows * columns];
            let air = values.iter().copied().filter(|v| !padding.contains(v)).min().unwrap_or(0);
            let plain: Vec<u16> = values.iter().map(|v| if padding.contains(v) { air } else { *v }).collect();
            prop_assert_eq!(seen_chest_wall(values, Some(&padding), columns), seen_chest_wall(&plain, None, columns));
        }
    }

    #[test]
    fn the_bottom_goes_where_the_turn_says() {
        let grid = || Grid { rows: 3, columns: 2, values: vec![0, 0, 0, 0, 9, 9] };
        assert_eq!(turn(grid(), Turn::Clockwise).0.values, [9, 0, 0, 9, 0, 0]);
        assert_eq!(turn(grid(), Turn::CounterClockwise).0.values, [0, 0, 9, 0, 0, 9]);
        assert_eq!(turn(grid(), Turn::FlipRows).0.values, [9, 9, 0, 0, 0, 0]);
    }
}
