//! Area averaging: what the density recipe resamples by.
//!
//! Output cell i of n over the source interval [a, b) is the mean of the source over [a + L i, a + L (i+1)),
//! L = (b - a) / n, cut at the image's edge; a sample's weight is the length of its overlap with the cell, and weights
//! are divided by their sum. Rows first, then columns. The same formula serves when n is larger than the source.

use uvid_kernels::prepare::{Axis, Unsound};

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

/// The cells of all of `size` samples, for a device.
pub fn area_axis(size: usize, n: usize) -> Result<Axis, Unsound> {
    Axis::new(size, cells(size, 0.0, size as f64, n).into_iter().map(|cell| (cell.first as i64, cell.weights)))
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
    to: (usize, usize),
) -> Picture {
    area_average_of(source, source_columns, row_bounds, column_bounds, to, T::into)
}

/// [`area_average`] of what `value` makes of the source's samples.
pub fn area_average_of<T: Copy>(
    source: &[T],
    source_columns: usize,
    row_bounds: (f64, f64),
    column_bounds: (f64, f64),
    (rows, columns): (usize, usize),
    value: impl Fn(T) -> f64,
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
            for (sum, sample) in line.iter_mut().zip(&source[start + first..start + end]) {
                *sum += weight * value(*sample);
            }
        }
        values.extend(column_cells.iter().map(|c| {
            let samples = &line[c.first - first..c.first - first + c.weights.len()];
            samples.iter().zip(&c.weights).map(|(v, w)| v * w).sum::<f64>()
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
