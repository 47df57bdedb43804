//! Bilinear interpolation, as OpenCV's `INTER_LINEAR` and torch's `interpolate` without aligned corners.
//!
//! Output i of n lies at (i + 1/2) size / n - 1/2 of the source, held within its first and last sample, between the two
//! next to it. It does not average when it reduces.

use uvid_kernels::prepare::{Axis, Unsound};

use super::Picture;

/// The two source samples beside each of `n` outputs, and how far the output is from the first to the second.
fn between(size: usize, n: usize) -> Vec<(usize, usize, f64)> {
    let place = |i: usize| {
        let at = ((i as f64 + 0.5) * size as f64 / n as f64 - 0.5).max(0.0);
        let first = (at.floor() as usize).min(size.saturating_sub(1));
        (first, (first + 1).min(size.saturating_sub(1)), at - first as f64)
    };
    (0..n).map(place).collect()
}

/// The same, for a device.
pub fn bilinear_axis(size: usize, n: usize) -> Result<Axis, Unsound> {
    Axis::new(size, between(size, n).into_iter().map(|(first, _, along)| (first as i64, vec![1.0 - along, along])))
}

/// Interpolates a source of `source_columns` columns, row-major and not empty, to `rows` x `columns`.
pub fn bilinear<T: Copy + Into<f64>>(source: &[T], source_columns: usize, to: (usize, usize)) -> Picture {
    bilinear_of(source, source_columns, to, T::into)
}

/// [`bilinear()`] of what `value` makes of the source's samples.
pub fn bilinear_of<T: Copy>(
    source: &[T],
    source_columns: usize,
    (rows, columns): (usize, usize),
    value: impl Fn(T) -> f64,
) -> Picture {
    let source_rows = source.len() / source_columns.max(1);
    let across = between(source_columns, columns);
    let mut values = Vec::with_capacity(rows * columns);
    for (above, below, down) in between(source_rows, rows) {
        let line = |row: usize| &source[row * source_columns..(row + 1) * source_columns];
        let (above, below) = (line(above), line(below));
        values.extend(across.iter().map(|&(left, right, along)| {
            let in_line = |line: &[T]| value(line[left]) * (1.0 - along) + value(line[right]) * along;
            in_line(above) * (1.0 - down) + in_line(below) * down
        }));
    }
    Picture { rows, columns, values }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
