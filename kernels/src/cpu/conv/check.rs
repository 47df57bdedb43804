//! The definition, in f64, and how far f32 may be from it.

use std::time::Instant;

use crate::op::Padding;

use super::super::kernel::{Available, Epilogue, Kernel, Maps, Operands, Size};
use super::super::packed::Packed;
use super::ConvShape;

pub(in crate::cpu) use crate::trial::noise;

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

/// Prints the time of a kernel on one image in one thread: the sum of its pieces' shortest times, each over a second in
/// all or ten runs. Pieces are short enough to run undisturbed now and then on a machine that is busy.
pub(in crate::cpu) fn time_one(kernel: &dyn Kernel, what: &str, x: &[Size], y: &[Size]) {
    let lines = |size: &Size| Packed::new(&noise(3, size.pixels() * size.padded()));
    let (from, to): (Vec<_>, Vec<_>) = (x.iter().map(lines).collect(), y.iter().map(lines).collect());
    let maps = |lines: &Packed, size: &Size| Maps { start: lines.as_ptr(), size: *size, pixel: size.padded() };
    let sources: Vec<_> = from.iter().zip(x).map(|(lines, size)| maps(lines, size)).collect();
    let targets: Vec<_> = to.iter().zip(y).map(|(lines, size)| maps(lines, size)).collect();
    let targets: Vec<_> =
        targets.iter().map(|m| Maps { start: m.start.cast_mut(), size: m.size, pixel: m.pixel }).collect();
    let scratch = Packed::new(&vec![0.0; kernel.scratch()]);
    let mut best = vec![f64::INFINITY; kernel.pieces(1)];
    let (start, mut runs) = (Instant::now(), 0);
    while runs < 10 || start.elapsed().as_secs_f64() < 1.0 {
        for (piece, best) in best.iter_mut().enumerate() {
            let operands = Operands { images: 1, x: &sources, y: &targets };
            let run = Instant::now();
            // SAFETY: sizes are the kernel's; nobody else knows the memory.
            unsafe { kernel.run(piece, operands, scratch.as_ptr().cast_mut()) };
            *best = best.min(run.elapsed().as_secs_f64());
        }
        runs += 1;
    }
    let (pieces, seconds) = (best.len(), best.iter().sum::<f64>());
    let rate = kernel.flops() as f64 / seconds / 1e9;
    println!("{what:32} {:16} {:8.3} ms {rate:6.1} GFLOP/s {pieces:4} pieces", kernel.name(), seconds * 1e3);
}

/// Prints the time of a kernel for each set. `TIMING=text` prints those alone that have the text in their name.
pub(in crate::cpu) fn time(
    name: &str,
    sets: &[Available],
    x: &[Size],
    y: &[Size],
    make: &dyn Fn(Available) -> Box<dyn Kernel>,
) {
    if std::env::var("TIMING").is_ok_and(|text| !name.contains(&text)) {
        return;
    }
    for set in sets {
        time_one(&*make(*set), &format!("{name} {}", set.set()), x, y);
    }
}
