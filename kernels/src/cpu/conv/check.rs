//! The definition, in f64, and how far f32 may be from it.

use crate::op::Padding;

use super::super::kernel::{Available, Epilogue, Kernel, Maps, Operands, Size, Source, Target};
use super::ConvShape;

/// A stream of numbers in [-1, 1): splitmix64.
pub(in crate::cpu) fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// A shape whose output follows from the rest.
pub(in crate::cpu) fn shape(input: Size, out: usize, kernel: usize, stride: usize, padding: Padding) -> ConvShape {
    let places = |size: usize, pad: usize| (size + pad - kernel) / stride + 1;
    let rows = places(input.rows, padding.top + padding.bottom);
    let columns = places(input.columns, padding.left + padding.right);
    ConvShape { input, output: Size { rows, columns, channels: out }, kernel, stride, padding }
}

/// A value and the sum of the absolute values of its terms.
pub(in crate::cpu) type Exact = (f64, f64);

/// The convolution without epilogue: `x` is images, rows, columns, channels (dense); `weight` is
/// `[out, in, rows, columns]`; the result is dense in the same way as `x`.
pub(in crate::cpu) fn exact(shape: &ConvShape, images: usize, x: &[f32], weight: &[f32]) -> Vec<Exact> {
    let (i, o, k) = (shape.input, shape.output, shape.kernel);
    let mut y = Vec::new();
    for image in 0..images {
        for (row, column) in (0..o.rows).flat_map(|r| (0..o.columns).map(move |c| (r, c))) {
            for out in 0..o.channels {
                let mut sum = (0.0, 0.0);
                for (kr, kc) in (0..k).flat_map(|r| (0..k).map(move |c| (r, c))) {
                    let r = (row * shape.stride + kr).wrapping_sub(shape.padding.top);
                    let c = (column * shape.stride + kc).wrapping_sub(shape.padding.left);
                    if r >= i.rows || c >= i.columns {
                        continue;
                    }
                    for channel in 0..i.channels {
                        let v = x[((image * i.rows + r) * i.columns + c) * i.channels + channel];
                        let w = weight[((out * i.channels + channel) * k + kr) * k + kc];
                        let term = f64::from(v) * f64::from(w);
                        sum = (sum.0 + term, sum.1 + term.abs());
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

/// Dense pixels (images, rows, columns, channels) as the kernels want them: `pixel` values apart, the rest NaN.
pub(in crate::cpu) fn spread(dense: &[f32], channels: usize, pixel: usize) -> Vec<f32> {
    let mut spread = vec![f32::NAN; dense.len() / channels * pixel];
    for (to, from) in spread.chunks_exact_mut(pixel).zip(dense.chunks_exact(channels)) {
        to[..channels].copy_from_slice(from);
    }
    spread
}

/// Runs all pieces of a kernel, last piece first, on inputs as [`spread`] makes them; returns the dense outputs.
pub(in crate::cpu) fn run(kernel: &dyn Kernel, images: usize, x: &[(&[f32], Size)], y: &[Size]) -> Vec<Vec<f32>> {
    let spread_x: Vec<Vec<f32>> = x.iter().map(|(dense, size)| spread(dense, size.channels, size.padded())).collect();
    let sources: Vec<_> = spread_x
        .iter()
        .zip(x)
        .map(|(values, (_, size))| Maps { start: values.as_ptr(), size: *size, pixel: size.padded() })
        .collect();
    run_on(kernel, images, &sources, y)
}

/// The same on sources.
pub(in crate::cpu) fn run_on(
    kernel: &dyn Kernel,
    images: usize,
    sources: &[Maps<*const f32>],
    y: &[Size],
) -> Vec<Vec<f32>> {
    let mut spread_y: Vec<Vec<f32>> = y.iter().map(|s| vec![f32::NAN; images * s.pixels() * s.padded()]).collect();
    let targets: Vec<_> = spread_y
        .iter_mut()
        .zip(y)
        .map(|(values, size)| Maps { start: values.as_mut_ptr(), size: *size, pixel: size.padded() })
        .collect();
    let mut scratch = vec![f32::NAN; kernel.scratch() + 16];
    let aligned = scratch.as_ptr().align_offset(64);
    for piece in (0..kernel.pieces(images)).rev() {
        let operands = Operands { images, x: sources, y: &targets };
        // SAFETY: sizes are the kernel's, the memory is this function's, the scratch is as long as it should be.
        unsafe { kernel.run(piece, operands, scratch.as_mut_ptr().add(aligned)) };
    }
    let dense = |(values, size): (&Vec<f32>, &Size)| {
        values.chunks_exact(size.padded()).flat_map(|pixel| pixel[..size.channels].to_vec()).collect()
    };
    spread_y.iter().zip(y).map(dense).collect()
}

/// An epilogue that does nothing but add a bias.
pub(in crate::cpu) fn plain(size: Size, bias: &[f32]) -> Epilogue {
    let mut padded = bias.to_vec();
    padded.resize(size.padded(), 0.0);
    let activation = super::super::kernel::Activation::None;
    Epilogue { bias: padded, residual: false, activation, first: true, second: None }
}

/// Demands that every value is within `factor` roundings of all its terms of the exact one. NaN fails.
pub(in crate::cpu) fn assert_close(found: &[f32], expected: &[Exact], factor: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (f, (e, terms))) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*f) - e).abs();
        let allowed = factor * f64::from(f32::EPSILON) * (terms + e.abs()) + f64::from(f32::MIN_POSITIVE);
        assert!(off <= allowed, "{what}: value {i} is {f}, expected {e} within {allowed:e}");
    }
}

/// Prints the time of a kernel on one image, for each set: the best of each piece, summed, so that what else runs on the
/// machine counts little. `TIMING=text` prints those alone that have the text in their name.
pub(in crate::cpu) fn time(
    name: &str,
    sets: &[Available],
    x: &[Size],
    y: &[Size],
    make: &dyn Fn(Available) -> Box<dyn Kernel>,
) {
    let lines = |size: &Size| vec![[0.5f32; 16]; size.pixels() * size.padded() / 16 + 4];
    let aligned = |values: &[[f32; 16]]| values.as_ptr().cast::<f32>().align_offset(64);
    let (maps_x, mut maps_y): (Vec<_>, Vec<_>) = (x.iter().map(lines).collect(), y.iter().map(lines).collect());
    if std::env::var("TIMING").is_ok_and(|text| !name.contains(&text)) {
        return;
    }
    print!("{name:24}");
    for set in sets {
        let kernel = make(*set);
        // SAFETY: the maps are longer than their sizes by as much as they are moved.
        let sources: Vec<Source> = std::iter::zip(x, &maps_x)
            .map(|(s, m)| Maps {
                start: unsafe { m.as_ptr().cast::<f32>().add(aligned(m)) },
                size: *s,
                pixel: s.padded(),
            })
            .collect();
        let targets: Vec<Target> = std::iter::zip(y, &mut maps_y)
            .map(|(s, m)| Maps {
                // SAFETY: the same.
                start: unsafe { m.as_mut_ptr().cast::<f32>().add(aligned(m)) },
                size: *s,
                pixel: s.padded(),
            })
            .collect();
        let mut scratch = vec![[0f32; 16]; kernel.scratch().div_ceil(16) + 1];
        let first = aligned(&scratch);
        let pieces = kernel.pieces(1);
        let (mut best, began) = (vec![f64::INFINITY; pieces], std::time::Instant::now());
        let mut rounds = 0;
        while rounds < 12 || began.elapsed().as_secs_f64() < 0.3 {
            rounds += 1;
            for (piece, best) in best.iter_mut().enumerate() {
                let operands = Operands { images: 1, x: &sources, y: &targets };
                let once = std::time::Instant::now();
                // SAFETY: sizes are the kernel's, the memory is this function's, the scratch is as long as it should be.
                unsafe { kernel.run(piece, operands, scratch.as_mut_ptr().cast::<f32>().add(first)) };
                *best = best.min(once.elapsed().as_secs_f64());
            }
        }
        let best: f64 = best.iter().sum();
        let (ms, gflops) = (best * 1e3, kernel.flops() as f64 / best * 1e-9);
        print!(" | {:8} {ms:8.4} ms {gflops:6.1} GFLOP/s {pieces:4} pieces", set.set().to_string());
    }
    println!();
}
