//! Where a model points, as marks that can be held against lesions.
//!
//! A map that regions were drawn of marks their centres; any other its peaks: cells that no neighbour
//! (of eight) exceeds, the first of a plateau, at most [`PEAKS_MAX`] of the highest of a map.

use std::collections::BTreeSet;

use uvid_exam::{Heatmap, ImageScores};

use super::journal::Mark;

/// Peaks taken of one heat map.
const PEAKS_MAX: usize = 10;

/// The marks of one image, the strongest first.
pub(super) fn marks(image: &str, scores: &ImageScores) -> Vec<Mark> {
    let mark = |name: &str, score, (row, column): (f64, f64), outline| Mark {
        image: image.to_owned(),
        name: name.to_owned(),
        score,
        row,
        column,
        outline,
    };
    let regions = scores.regions.iter().filter_map(|region| {
        let outline = region.outline.iter().map(|(row, column)| [*row, *column]).collect();
        Some(mark(&region.name, region.score.get(), centre(&region.outline)?, outline))
    });
    let mut marks: Vec<Mark> = regions.collect();
    let drawn = scores.regions.iter().map(|region| region.name.as_str()).collect::<BTreeSet<_>>();
    for map in scores.heatmaps.iter().filter(|map| !drawn.contains(map.name.as_str())) {
        marks.extend(peaks(map).into_iter().map(|(score, at)| mark(&map.name, score, at, Vec::new())));
    }
    marks.sort_by(|a, b| b.score.total_cmp(&a.score));
    marks
}

/// The centroid of a polygon's area; of its corners where it has none.
fn centre(outline: &[(f64, f64)]) -> Option<(f64, f64)> {
    let next = outline.iter().cycle().skip(1);
    let (mut area, mut row, mut column) = (0.0, 0.0, 0.0);
    for ((r0, c0), (r1, c1)) in outline.iter().zip(next) {
        let cross = r0 * c1 - r1 * c0;
        area += cross;
        row += (r0 + r1) * cross;
        column += (c0 + c1) * cross;
    }
    if area.abs() > 1e-9 {
        return Some((row / (3.0 * area), column / (3.0 * area)));
    }
    let count = outline.len() as f64;
    let sum = outline.iter().fold((0.0, 0.0), |(r, c), at| (r + at.0, c + at.1));
    (!outline.is_empty()).then(|| (sum.0 / count, sum.1 / count))
}

/// The highest peaks of a map, each with its place in the file.
fn peaks(map: &Heatmap) -> Vec<(f64, (f64, f64))> {
    let at = |row: usize, column: usize| map.values.get(row * map.columns + column).copied().unwrap_or(f32::NAN);
    let mut peaks = Vec::new();
    for row in 0..map.rows {
        for column in 0..map.columns {
            let value = at(row, column);
            let around = (row.saturating_sub(1)..=(row + 1).min(map.rows - 1))
                .flat_map(|r| (column.saturating_sub(1)..=(column + 1).min(map.columns - 1)).map(move |c| (r, c)));
            let is_peak = |(r, c): (usize, usize)| {
                let before = (r, c) < (row, column);
                (r, c) == (row, column)
                    || at(r, c).is_nan()
                    || if before { at(r, c) < value } else { at(r, c) <= value }
            };
            if value > 0.0 && around.into_iter().all(is_peak) {
                let place = map.to_file.apply(row as f64 + 0.5, column as f64 + 0.5);
                peaks.push((f64::from(value), place));
            }
        }
    }
    peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
    peaks.truncate(PEAKS_MAX);
    peaks
}
