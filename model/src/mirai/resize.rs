//! Pillow's bilinear filter on 32-bit integer images, bit for bit.
//!
//! A triangle, widened by the factor of the shrinking, slides over the columns and then over the rows; each of the two
//! passes rounds to integers. A pass that changes no size is left out. Weights and sums are f64, in ascending order.

use uvid_kernels::prepare::{Axis, Unsound};

/// The source samples under one output, with weights that sum to 1.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// The taps of `n` outputs over `size` samples.
fn taps(size: usize, n: usize) -> Vec<Taps> {
    let scale = size as f64 / n as f64;
    let reach = scale.max(1.0);
    // Pillow multiplies by the reciprocal, which may differ from a division in the last bit.
    let steepness = 1.0 / reach;
    let output = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        // A cast of a float cuts off what is behind the point, and takes negative numbers to 0.
        let first = (centre - reach + 0.5) as usize;
        let end = ((centre + reach + 0.5) as usize).min(size);
        let triangle = |x: usize| (1.0 - ((x as f64 - centre + 0.5) * steepness).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(triangle).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.into_iter().map(|w| if sum > 0.0 { w / sum } else { w }).collect() }
    };
    (0..n).map(output).collect()
}

/// The same, for a device. A pass that changes no size is one of weights of 1 and 0.
pub fn axis(size: usize, n: usize) -> Result<Axis, Unsound> {
    Axis::new(size, taps(size, n).into_iter().map(|t| (t.first as i64, t.weights)))
}

/// Half upwards; no value is negative, so that a cast, which cuts off, is the floor.
fn rounded(x: f64) -> u16 {
    (x + 0.5) as u16
}

/// Rows that are narrowed together: the same column of all of them fills a cache line.
const TOGETHER: usize = 8;

/// Resizes a picture of `columns` columns, row-major, to so many rows and columns. The aspect ratio is not kept.
pub fn resize(source: &[u16], columns: usize, (to_rows, to_columns): (usize, usize)) -> Vec<u16> {
    let narrowed = across(source, columns, to_columns);
    down(narrowed, to_columns, to_rows)
}

/// The pass over the columns.
fn across(source: &[u16], columns: usize, to: usize) -> Vec<u16> {
    if columns == to {
        return source.to_vec();
    }
    let taps = taps(columns, to);
    let mut out = vec![0; source.len() / columns.max(1) * to];
    let mut standing = vec![[0.0; TOGETHER]; columns];
    for (lying, out) in source.chunks(TOGETHER * columns).zip(out.chunks_mut(TOGETHER * to)) {
        stand(lying, &mut standing);
        for (i, t) in taps.iter().enumerate() {
            let mut sums = [0.0; TOGETHER];
            for (w, values) in t.weights.iter().zip(&standing[t.first..]) {
                sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v * w);
            }
            out[i..].iter_mut().step_by(to).zip(sums).for_each(|(out, sum)| *out = rounded(sum));
        }
    }
    out
}

/// Turns rows into columns. Where there are fewer rows, what was there stays.
fn stand(lying: &[u16], standing: &mut [[f64; TOGETHER]]) {
    let columns = standing.len();
    let row = |k: usize| lying.get(k * columns..(k + 1) * columns).unwrap_or_default();
    // Four at a time, as many as there are registers to point at them.
    for four in (0..TOGETHER).step_by(4) {
        let (a, b, c, d) = (row(four), row(four + 1), row(four + 2), row(four + 3));
        if d.is_empty() {
            for (k, row) in [(four, a), (four + 1, b), (four + 2, c)] {
                standing.iter_mut().zip(row).for_each(|(column, v)| column[k] = f64::from(*v));
            }
        } else {
            for ((((column, a), b), c), d) in standing.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                column[four..four + 4].copy_from_slice(&[*a, *b, *c, *d].map(f64::from));
            }
        }
    }
}

/// The pass over the rows.
fn down(source: Vec<u16>, columns: usize, to: usize) -> Vec<u16> {
    let rows = source.len() / columns.max(1);
    if rows == to {
        return source;
    }
    let mut out = Vec::with_capacity(to * columns);
    let mut sums = vec![0.0; columns];
    for t in taps(rows, to) {
        sums.fill(0.0);
        for (w, row) in t.weights.iter().zip(source[t.first * columns..].chunks_exact(columns)) {
            sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v) * w);
        }
        out.extend(sums.iter().map(|sum| rounded(*sum)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_resized_as_pillow_does() {
        // PIL.Image.fromarray(numpy.array([line], "int32"), "I").resize((n, 1), PIL.Image.BILINEAR)
        let check = |line: &[u16], expected: &[u16]| {
            assert_eq!(resize(line, line.len(), (1, expected.len())), expected);
            // Down a column it is the same.
            assert_eq!(resize(line, 1, (expected.len(), 1)), expected);
        };
        check(&[0, 100], &[0, 25, 75, 100]);
        check(&[0, 100, 200, 300], &[71, 229]);
        check(&[3, 65535, 17, 40000, 9, 12345, 777], &[28091, 21058, 5570]);
        check(&[7, 9, 11], &[7, 9, 11]);
        check(&[0, 1], &[1]);
        check(&[65535; 5], &[65535, 65535, 65535]);
    }

    proptest! {
        #[test]
        fn one_value_stays_and_nothing_leaves_the_range(
            value in 0u16.., rows in 1usize..12, columns in 1usize..12, to_rows in 1usize..12, to_columns in 1usize..12,
        ) {
            let flat = resize(&vec![value; rows * columns], columns, (to_rows, to_columns));
            prop_assert_eq!(flat, vec![value; to_rows * to_columns]);
            let slope: Vec<u16> = (0..rows * columns).map(|i| 100 + i as u16).collect();
            let resized = resize(&slope, columns, (to_rows, to_columns));
            prop_assert!(resized.iter().all(|v| (100..100 + (rows * columns) as u16).contains(v)));
        }

        #[test]
        fn rows_that_are_narrowed_together_are_narrowed_alike(
            columns in 1usize..40, to in 1usize..40, pixels in prop::collection::vec(any::<u16>(), 1..1000),
        ) {
            let pixels = &pixels[..pixels.len() / columns * columns];
            // One row, one output, one tap after the other.
            let by_one = |row: &[u16]| -> Vec<u16> {
                if columns == to {
                    return row.to_vec();
                }
                let sum = |t: &Taps| {
                    t.weights.iter().enumerate().fold(0.0, |sum, (i, w)| sum + f64::from(row[t.first + i]) * w)
                };
                taps(columns, to).iter().map(|t| (sum(t) + 0.5).floor() as u16).collect()
            };
            let expected: Vec<u16> = pixels.chunks_exact(columns).flat_map(by_one).collect();
            prop_assert_eq!(across(pixels, columns, to), expected);
        }
    }
}
