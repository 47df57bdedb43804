//! Cubic interpolation as OpenCV's `INTER_CUBIC` does it.
//!
//! Output i of n over a source of m lies at x = (i + 0.5) m / n - 0.5. It is the sum of the four nearest pixels, each
//! times k(its distance), k the kernel of Keys (1981) with a = -0.75; a pixel outside the source is the nearest one
//! inside. There is no antialiasing: a source that is made much smaller loses pixels between the samples.

use uvid_kernels::prepare::{Axis, Unsound};

/// The kernel's only number.
const A: f64 = -0.75;

/// The four pixels under one output, with their weights.
struct Taps {
    /// The first as it lies, be it outside of the source.
    first: i64,
    pixels: [usize; 4],
    weights: [f32; 4],
}

/// The taps of `n` outputs over `size` pixels.
fn taps(size: usize, n: usize) -> Vec<Taps> {
    let last = size.saturating_sub(1) as i64;
    let tap = |i: usize| {
        let x = (i as f64 + 0.5) * size as f64 / n as f64 - 0.5;
        let first = x.floor() as i64 - 1;
        let t = x - x.floor();
        Taps {
            first,
            pixels: [0, 1, 2, 3].map(|k| (first + k).clamp(0, last) as usize),
            weights: [1.0 + t, t, 1.0 - t, 2.0 - t].map(|d| kernel(d) as f32),
        }
    };
    (0..n).map(tap).collect()
}

/// The same, for a device.
pub fn cubic_axis(size: usize, n: usize) -> Result<Axis, Unsound> {
    Axis::new(size, taps(size, n).iter().map(|t| (t.first, t.weights.map(f64::from).to_vec())))
}

/// The weight of a pixel at distance `d`, 0 to 2.
fn kernel(d: f64) -> f64 {
    if d <= 1.0 { ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0 } else { ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A }
}

/// Resamples a picture of `size` (rows, columns; at least one each), row-major, to `to` rows and columns. Values may
/// overshoot those of the source.
pub fn cubic(source: &[f32], size: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let columns = taps(size.1, to.1);
    let widened: Vec<f32> = source
        .chunks_exact(size.1.max(1))
        .flat_map(|row| columns.iter().map(|t| (0..4).map(|k| row[t.pixels[k]] * t.weights[k]).sum::<f32>()))
        .collect();
    let mut out = Vec::with_capacity(to.0 * to.1);
    for t in taps(size.0, to.0) {
        let row = |k: usize| &widened[t.pixels[k] * to.1..(t.pixels[k] + 1) * to.1];
        let (rows, weights) = ([row(0), row(1), row(2), row(3)], t.weights);
        out.extend((0..to.1).map(|c| (0..4).map(|k| rows[k][c] * weights[k]).sum::<f32>()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(source: &[f32], size: (usize, usize), to: (usize, usize), expected: &[f32]) {
        let found = cubic(source, size, to);
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= 1e-5, "{found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn between_pixels_lies_what_keys_kernel_says() {
        check(&[1.0, 5.0, 2.0], (1, 3), (1, 3), &[1.0, 5.0, 2.0]);
        // Halfway between two pixels the weights are -3/32, 19/32, 19/32, -3/32; the border repeats.
        let first = (-3.0 * 0.0 + 19.0 * 0.0 + 19.0 * 32.0 - 3.0 * 64.0) / 32.0;
        let second = (-3.0 * 32.0 + 19.0 * 64.0 + 19.0 * 32.0 - 3.0 * 32.0) / 32.0;
        check(&[0.0, 32.0, 64.0, 32.0], (1, 4), (1, 2), &[first, second]);
        check(&[0.0, 32.0, 64.0, 32.0], (4, 1), (2, 1), &[first, second]);
    }

    proptest! {
        #[test]
        fn a_constant_stays_and_so_does_a_picture_of_its_own_size(rows in 1usize..9, columns in 1usize..9, r in 1usize..20, c in 1usize..20) {
            let flat = cubic(&vec![7.0; rows * columns], (rows, columns), (r, c));
            prop_assert!(flat.iter().all(|v| (v - 7.0).abs() <= 1e-4));
            let same: Vec<f32> = (0..rows * columns).map(|i| (i * i % 17) as f32).collect();
            prop_assert_eq!(cubic(&same, (rows, columns), (rows, columns)), same);
        }
    }
}
