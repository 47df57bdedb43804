//! Places in a heat map as polygons in the file's coordinates.
//!
//! Invariant: an outline runs along the edges of cells, clockwise as displayed, every corner within the image; regions
//! come with the strongest first, in raster order among equals.

use serde::{Deserialize, Serialize};
use uvid_exam::{Heatmap, RawScore, Region};

use crate::regions::Mask;

/// Which places of a map are regions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRecipe {
    /// Cells at or above it that touch make one region.
    pub threshold: f32,
    /// Of each map, the most that are reported.
    pub count_max: usize,
}

/// The regions of a map, within a file of these rows and columns.
pub fn regions(map: &Heatmap, file_size: (usize, usize), recipe: RegionRecipe) -> Vec<Region> {
    // NaN, where the map says nothing, is not at or above anything.
    let mask = Mask::of(&map.values, map.columns, |v| *v >= recipe.threshold);
    let mut found: Vec<(f32, Vec<(f64, f64)>)> = Vec::new();
    for component in mask.components() {
        let peak = component.iter().map(|cell| map.values[*cell]).fold(f32::NEG_INFINITY, f32::max);
        let corners = outline(&component, map.columns);
        let outline = corners.into_iter().map(|(row, column)| {
            let (row, column) = map.to_file.apply(row as f64, column as f64);
            (row.clamp(0.0, file_size.0 as f64), column.clamp(0.0, file_size.1 as f64))
        });
        let mut outline: Vec<_> = outline.collect();
        if area(&outline) < 0.0 {
            // Mirrored on the way to the file.
            outline.reverse();
        }
        if area(&outline) > 0.0 {
            found.push((peak, outline));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let region = |(peak, outline)| {
        let score = RawScore::new(f64::from(peak)).ok()?;
        Some(Region { name: map.name.clone(), score, outline })
    };
    found.into_iter().filter_map(region).take(recipe.count_max).collect()
}

/// Twice the area that the polygon encloses; negative where it runs anticlockwise as displayed.
fn area(outline: &[(f64, f64)]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    outline.iter().zip(next).map(|(a, b)| a.1 * b.0 - b.1 * a.0).sum()
}

/// The corners (row, column) of the outer edge of a component: cells of a map of so many columns, that touch by edges,
/// in raster order.
///
/// The walk keeps the component on its right: it turns right where the cell ahead on the right is not part of it, left
/// where the cell ahead on the left is, and goes straight otherwise.
fn outline(component: &[usize], columns: usize) -> Vec<(usize, usize)> {
    let Some(first) = component.first() else { return vec![] };
    let is_in = |(row, column): (i64, i64)| {
        let within = row >= 0 && (0..columns as i64).contains(&column);
        within && component.binary_search(&(row as usize * columns + column as usize)).is_ok()
    };
    // East, south, west, north: the step, and the cells ahead on the right and on the left of a corner.
    const STEP: [(i64, i64); 4] = [(0, 1), (1, 0), (0, -1), (-1, 0)];
    const RIGHT: [(i64, i64); 4] = [(0, 0), (0, -1), (-1, -1), (-1, 0)];
    const LEFT: [(i64, i64); 4] = [(-1, 0), (0, 0), (0, -1), (-1, -1)];
    let start = ((first / columns) as i64, (first % columns) as i64);
    let (mut at, mut heading) = (start, 0);
    let mut corners = vec![start];
    loop {
        at = (at.0 + STEP[heading].0, at.1 + STEP[heading].1);
        let ahead = |side: [(i64, i64); 4]| is_in((at.0 + side[heading].0, at.1 + side[heading].1));
        let turned = match (ahead(RIGHT), ahead(LEFT)) {
            (false, _) => (heading + 1) % 4,
            (true, true) => (heading + 3) % 4,
            (true, false) => heading,
        };
        if at == start && turned == 0 {
            break;
        }
        if turned != heading {
            corners.push(at);
            heading = turned;
        }
    }
    corners.into_iter().map(|(row, column)| (row as usize, column as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uvid_exam::Affine;

    fn map(rows: usize, columns: usize, values: Vec<f32>, to_file: Affine) -> Heatmap {
        Heatmap { name: "m".into(), rows, columns, values, to_file }
    }

    const ALL: RegionRecipe = RegionRecipe { threshold: 0.5, count_max: usize::MAX };

    #[test]
    fn an_outline_goes_round_its_cells() {
        let check = |picture: [&str; 4], expected: &[&[(f64, f64)]]| {
            let cell = |c: char| c.to_digit(10).map_or(f32::NAN, |d| d as f32 / 9.0);
            let values = picture.iter().flat_map(|line| line.chars()).map(cell).collect();
            let found = regions(&map(4, 4, values, Affine::IDENTITY), (4, 4), ALL);
            let outlines: Vec<_> = found.into_iter().map(|r| r.outline).collect();
            assert_eq!(outlines, expected, "{picture:?}");
        };
        check(["....", ".1..", "....", "...."], &[]);
        check(["....", ".9..", "....", "...."], &[&[(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 1.0)]]);
        check(
            ["98..", "9...", "....", "...."],
            &[&[(0.0, 0.0), (0.0, 2.0), (1.0, 2.0), (1.0, 1.0), (2.0, 1.0), (2.0, 0.0)]],
        );
        // Corners that touch are two regions, the stronger first; a hole stays inside.
        check(
            ["8...", ".9..", "....", "...."],
            &[&[(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 1.0)], &[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]],
        );
        check(["999.", "9.9.", "999.", "...."], &[&[(0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 0.0)]]);
    }

    #[test]
    fn what_lies_outside_the_image_is_cut_off() {
        // Cells of 10 pixels, mirrored, in an image that ends in the middle of the third.
        let to_file = Affine::scale_then_move(10.0, 10.0, 0.0, 0.0).then(&Affine::mirror(25));
        let found = regions(&map(1, 4, vec![0.9, 0.0, 0.0, 0.9], to_file), (10, 25), ALL);
        assert_eq!(found.len(), 1);
        let rows: Vec<f64> = found[0].outline.iter().map(|p| p.0).collect();
        let columns: Vec<f64> = found[0].outline.iter().map(|p| p.1).collect();
        assert_eq!(
            (rows.iter().copied().fold(0.0, f64::max), columns.iter().copied().fold(f64::MAX, f64::min)),
            (10.0, 15.0)
        );
    }

    proptest! {
        #[test]
        fn areas_are_those_of_the_cells_and_their_holes(
            rows in 1usize..9, columns in 1usize..9, bits in prop::collection::vec(any::<bool>(), 81),
        ) {
            let values: Vec<f32> = bits[..rows * columns].iter().map(|b| f32::from(u8::from(*b))).collect();
            let filled = values.iter().filter(|v| **v > 0.0).count();
            let found = regions(&map(rows, columns, values, Affine::IDENTITY), (rows, columns), ALL);
            let enclosed: f64 = found.iter().map(|r| area(&r.outline) / 2.0).sum();
            prop_assert!(enclosed + 1e-9 >= filled as f64 && found.iter().all(|r| area(&r.outline) > 0.0));
        }
    }
}
