//! Resampling: area averages and bilinear interpolation.
//!
//! Area averages: output cell i of n over the source interval [a, b) is the mean of the source over
//! [a + L i, a + L (i+1)), L = (b - a) / n, cut at the image's edge; a sample's weight is the length of its overlap with
//! the cell, and weights are divided by their sum. Rows first, then columns. The same formula serves when n is larger
//! than the source.
//!
//! Bilinear, as OpenCV's `INTER_LINEAR` and torch's `interpolate` without aligned corners: output i of n lies at
//! (i + 1/2) size / n - 1/2 of the source, held within its first and last sample, between the two next to it. It does
//! not average when it reduces.

/// A grey picture of f64 values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// `rows * columns` values.
    pub values: Vec<f64>,
}

/// The source samples under one cell, with weights that sum to 1.
struct Cell {
    first: usize,
    weights: Vec<f64>,
}

/// The cells of `n` outputs over [from, to) of `size` samples. `from < to`, both within 0 and `size`.
fn cells(size: usize, from: f64, to: f64, n: usize) -> Vec<Cell> {
    let length = (to - from) / n as f64;
    let last = size.saturating_sub(1);
    let cell = |i: usize| {
        let a = (from + length * i as f64).clamp(0.0, size as f64);
        let b = (from + length * (i as f64 + 1.0)).clamp(0.0, size as f64);
        let first = (a.floor() as usize).min(last);
        let end = (b.ceil() as usize).clamp(first + 1, size.max(first + 1));
        let overlap = |j: usize| (b.min(j as f64 + 1.0) - a.max(j as f64)).max(0.0);
        let weights: Vec<f64> = (first..end).map(overlap).collect();
        let sum: f64 = weights.iter().sum();
        let weights = if sum > 0.0 { weights.iter().map(|w| w / sum).collect() } else { vec![1.0] };
        Cell { first, weights }
    };
    (0..n).map(cell).collect()
}

/// Averages rows [`row_from`, `row_to`) and columns [`column_from`, `column_to`) of a source to `rows` x `columns`.
///
/// `source` has `source_columns` columns, row-major, and at least one row; bounds are in source pixels, fractional,
/// each interval not empty.
pub fn area_average<T: Copy + Into<f64>>(
    source: &[T],
    source_columns: usize,
    row_bounds: (f64, f64),
    column_bounds: (f64, f64),
    (rows, columns): (usize, usize),
) -> Picture {
    let source_rows = source.len() / source_columns.max(1);
    let row_cells = cells(source_rows, row_bounds.0, row_bounds.1, rows);
    let column_cells = cells(source_columns, column_bounds.0, column_bounds.1, columns);
    // Only the columns that some cell needs are averaged over rows.
    let first = column_cells.iter().map(|c| c.first).min().unwrap_or(0);
    let end = column_cells.iter().map(|c| c.first + c.weights.len()).max().unwrap_or(0);
    let mut values = Vec::with_capacity(rows * columns);
    let mut line = vec![0.0f64; end - first];
    for row in &row_cells {
        line.fill(0.0);
        for (j, weight) in row.weights.iter().enumerate() {
            let start = (row.first + j) * source_columns;
            for (sum, value) in line.iter_mut().zip(&source[start + first..start + end]) {
                *sum += weight * (*value).into();
            }
        }
        values.extend(column_cells.iter().map(|c| {
            let samples = &line[c.first - first..c.first - first + c.weights.len()];
            samples.iter().zip(&c.weights).map(|(v, w)| v * w).sum::<f64>()
        }));
    }
    Picture { rows, columns, values }
}

/// The two source samples beside each of `n` outputs, and how far the output is from the first to the second.
fn between(size: usize, n: usize) -> Vec<(usize, usize, f64)> {
    let place = |i: usize| {
        let at = ((i as f64 + 0.5) * size as f64 / n as f64 - 0.5).max(0.0);
        let first = (at.floor() as usize).min(size.saturating_sub(1));
        (first, (first + 1).min(size.saturating_sub(1)), at - first as f64)
    };
    (0..n).map(place).collect()
}

/// Interpolates a source of `source_columns` columns, row-major and not empty, to `rows` x `columns`.
pub fn bilinear<T: Copy + Into<f64>>(source: &[T], source_columns: usize, (rows, columns): (usize, usize)) -> Picture {
    let source_rows = source.len() / source_columns.max(1);
    let across = between(source_columns, columns);
    let mut values = Vec::with_capacity(rows * columns);
    for (above, below, down) in between(source_rows, rows) {
        let line = |row: usize| &source[row * source_columns..(row + 1) * source_columns];
        let (above, below) = (line(above), line(below));
        values.extend(across.iter().map(|&(left, right, along)| {
            let in_line = |line: &[T]| line[left].into() * (1.0 - along) + line[right].into() * along;
            in_line(above) * (1.0 - down) + in_line(below) * down
        }));
    }
    Picture { rows, columns, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_average_what_they_cover() {
        let check = |source: &[f64], columns: usize, bounds: [(f64, f64); 2], size, expected: &[f64]| {
            let found = area_average(source, columns, bounds[0], bounds[1], size);
            assert_eq!(found.values.len(), expected.len());
            for (f, e) in found.values.iter().zip(expected) {
                assert!((f - e).abs() <= 1e-12, "{:?}, expected {expected:?}", found.values);
            }
        };
        check(&[1.0, 2.0, 3.0, 4.0], 2, [(0.0, 2.0), (0.0, 2.0)], (1, 1), &[2.5]);
        check(&[1.0, 2.0, 3.0, 4.0], 2, [(0.0, 2.0), (0.0, 2.0)], (2, 2), &[1.0, 2.0, 3.0, 4.0]);
        check(&[1.0, 2.0, 3.0], 3, [(0.0, 1.0), (0.0, 3.0)], (1, 2), &[4.0 / 3.0, 8.0 / 3.0]);
        check(&[1.0, 3.0], 2, [(0.0, 1.0), (0.0, 2.0)], (1, 4), &[1.0, 1.0, 3.0, 3.0]);
        check(&[1.0, 3.0], 2, [(0.0, 1.0), (0.5, 1.5)], (1, 1), &[2.0]);
    }

    /// Expected: cv2.resize(a, (columns, rows), interpolation=cv2.INTER_LINEAR) of float32, OpenCV 5.0.0.
    #[test]
    fn interpolation_is_that_of_opencv() {
        let source: Vec<f64> = (0..35).map(|i| f64::from(i * 37 % 23)).collect();
        let check = |size: (usize, usize), expected: &[f64]| {
            let found = bilinear(&source, 7, size);
            assert_eq!(found.values.len(), size.0 * size.1);
            for (f, e) in found.values.iter().zip(expected) {
                assert!((f - e).abs() <= 1e-5, "{:?}, expected {expected:?}", found.values);
            }
        };
        let reduced = [7.25, 7.79167, 12.16667, 11.75, 8.625, 15.875, 20.25, 7.375, 9.04167, 5.75, 10.125, 11.625];
        check((3, 4), &reduced);
        // The first two of eight rows of an enlargement.
        check(
            (8, 9),
            &[
                0.0, 9.33333, 10.0, 8.11111, 19.0, 12.0, 5.0, 5.66667, 15.0, 2.625, 11.95833, 12.625, 8.5, 11.5625,
                12.38889, 7.625, 8.29167, 17.625,
            ],
        );
        check((5, 7), &source);
    }

    proptest! {
        #[test]
        fn the_mean_is_kept(rows in 1usize..12, columns in 1usize..12, r in 1usize..15, c in 1usize..15, seed in any::<u64>()) {
            let source: Vec<f64> = (0..rows * columns)
                .map(|i| (seed.wrapping_mul(i as u64 * 2 + 1) >> 40) as f64).collect();
            let out = area_average(&source, columns, (0.0, rows as f64), (0.0, columns as f64), (r, c));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let (a, b) = (mean(&source), mean(&out.values));
            prop_assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()));
        }
    }
}
