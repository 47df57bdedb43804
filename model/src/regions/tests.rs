//! Masks against what a textbook says of them, pixel by pixel.

use super::*;
use proptest::prelude::*;

/// One step with the cross, as written in a textbook.
pub(crate) fn step(mask: &Mask, erode: bool) -> Mask {
    let at = |r: i64, c: i64| {
        let inside = (0..mask.rows as i64).contains(&r) && (0..mask.columns as i64).contains(&c);
        inside && mask.is(r as usize, c as usize)
    };
    let cell = |i: usize| {
        let (r, c) = ((i / mask.columns) as i64, (i % mask.columns) as i64);
        let cross = [at(r, c), at(r - 1, c), at(r + 1, c), at(r, c - 1), at(r, c + 1)];
        if erode { cross.iter().all(|v| *v) } else { cross.iter().any(|v| *v) }
    };
    let values: Vec<bool> = (0..mask.rows * mask.columns).map(cell).collect();
    Mask::of(&values, mask.columns, |v| *v)
}

/// Components by filling, one pixel after the other.
fn filled(values: &[bool], columns: usize) -> Vec<Vec<usize>> {
    let mut left: Vec<bool> = values.to_vec();
    let mut components = Vec::new();
    for seed in 0..values.len() {
        let (mut component, mut stack) = (Vec::new(), vec![seed]);
        while let Some(at) = stack.pop() {
            if !std::mem::take(&mut left[at]) {
                continue;
            }
            component.push(at);
            stack.extend(at.checked_sub(columns));
            stack.extend((at + columns < left.len()).then_some(at + columns));
            stack.extend((at % columns > 0).then(|| at - 1));
            stack.extend((at % columns + 1 < columns).then_some(at + 1));
        }
        component.sort_unstable();
        if !component.is_empty() {
            components.push(component);
        }
    }
    components
}

/// Rows, columns and values: odd sizes, single rows and columns, sides beyond a word.
pub(crate) fn pictures() -> impl Strategy<Value = (usize, Vec<bool>)> {
    let side = || prop_oneof![4 => 1usize..14, 1 => 60usize..70, 1 => 120usize..140];
    (side(), side(), 0.0f64..=1.0).prop_flat_map(|(rows, columns, p)| {
        (Just(columns), prop::collection::vec(prop::bool::weighted(p), rows * columns))
    })
}

/// Blobs: what survives an erosion.
pub(crate) fn blobs() -> impl Strategy<Value = (usize, Vec<bool>)> {
    let spot = (0usize..90, 0usize..140, 0usize..24, 0usize..24);
    (1usize..90, 1usize..140, prop::collection::vec(spot, 0..9)).prop_map(|(rows, columns, spots)| {
        let is = |i: usize| {
            let (r, c) = (i / columns, i % columns);
            spots.iter().any(|(y, x, h, w)| r.abs_diff(*y) <= *h && c.abs_diff(*x) <= *w)
        };
        (columns, (0..rows * columns).map(is).collect())
    })
}

fn mask((columns, values): &(usize, Vec<bool>)) -> Mask {
    Mask::of(values, *columns, |v| *v)
}

proptest! {
    #[test]
    fn a_mask_holds_what_was_put_in(picture in pictures()) {
        let (columns, values) = &picture;
        let mask = mask(&picture);
        prop_assert_eq!(&mask.values().collect::<Vec<_>>(), values);
        prop_assert_eq!(mask.count(), values.iter().filter(|v| **v).count());
        let half = columns / 2;
        let count = |from: usize, to: usize| {
            values.chunks_exact(*columns).map(|row| row[from..to].iter().filter(|v| **v).count()).sum::<usize>()
        };
        prop_assert_eq!(mask.right_half_is_fuller(), count(columns - half, *columns) > count(0, half));
        for (r, row) in values.chunks_exact(*columns).enumerate() {
            let extent = row.iter().position(|v| *v).zip(row.iter().rposition(|v| *v));
            prop_assert_eq!(mask.extent(r), extent.map(|(first, last)| (first, last + 1)));
        }
        let mirrored = values.chunks_exact(*columns).flat_map(|row| row.iter().rev().copied()).collect::<Vec<_>>();
        prop_assert_eq!(mask.mirrored().values().collect::<Vec<_>>(), mirrored);
        let places = || (0..values.len()).filter(|i| values[*i]).map(|i| (i / columns, i % columns));
        let bounds = places().map(|p| p.0).min().map(|top| Bounds {
            top,
            bottom: places().map(|p| p.0 + 1).max().unwrap_or(0),
            left: places().map(|p| p.1).min().unwrap_or(0),
            right: places().map(|p| p.1 + 1).max().unwrap_or(0),
        });
        prop_assert_eq!(mask.bounds(), bounds);
    }

    #[test]
    fn erosion_does_in_few_steps_what_n_do(picture in prop_oneof![pictures(), blobs()], n in 0usize..40) {
        let eroded = (0..n).fold(mask(&picture), |mask, _| step(&mask, true));
        prop_assert_eq!(mask(&picture).eroded(n), eroded);
    }

    #[test]
    fn components_are_those_that_filling_finds(picture in pictures()) {
        let expected = filled(&picture.1, picture.0);
        let mask = mask(&picture);
        prop_assert_eq!(&mask.components(), &expected);
        let most = expected.iter().map(Vec::len).max();
        let first = expected.iter().find(|c| Some(c.len()) == most);
        let largest = mask.largest_component().map(|component| {
            component.values().enumerate().filter(|(_, is)| *is).map(|(i, _)| i).collect::<Vec<_>>()
        });
        prop_assert_eq!(largest.as_ref(), first);
    }
}

#[test]
fn equals_go_to_the_first_in_raster_order() {
    let mask = Mask::of(&[1, 0, 1, 0, 0, 0, 1, 0, 1], 3, |v| *v == 1);
    let first = mask.largest_component().expect("one").bounds().expect("box");
    assert_eq!(first, Bounds { top: 0, bottom: 1, left: 0, right: 1 });
}

#[test]
fn a_border_is_counted_by_its_pixels() {
    let check = |rows_left_out: usize, expected: f64| {
        let mask = Mask::of(&[1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0], 3, |v| *v == 1);
        assert!((mask.border_share(rows_left_out) - expected).abs() <= 1e-12);
    };
    check(0, (2.0 + 0.0 + 4.0) / 14.0);
    check(1, (1.0 + 1.0 + 2.0) / 10.0);
}
