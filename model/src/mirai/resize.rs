//! Pillow's bilinear filter on 32-bit integer images, bit for bit.
//!
//! A triangle, widened by the factor of the shrinking, slides over the columns and then over the rows; each of the two
//! passes rounds to integers. A pass that changes no size is left out. Weights and sums are f64, in ascending order.

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

/// Half upwards; all values are positive.
fn rounded(x: f64) -> u16 {
    (x + 0.5).floor() as u16
}

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
    let mut out = Vec::with_capacity(source.len() / columns.max(1) * to);
    for row in source.chunks_exact(columns) {
        let weighed = |t: &Taps| t.weights.iter().zip(&row[t.first..]).fold(0.0, |sum, (w, v)| sum + f64::from(*v) * w);
        out.extend(taps.iter().map(|t| rounded(weighed(t))));
    }
    out
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
    }
}
