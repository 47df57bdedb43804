use proptest::prelude::*;

use super::super::super::kernel::{Activation, Maps, Size};
use super::super::check;
use super::*;
use crate::op::Padding;

/// In units of an f32's rounding and the sum of absolute terms: inputs and weights rounded before, only sums are.
const OF_ROUNDED: f64 = 8.0;
/// The same: each of two factors may be off by half of bf16's last place, 2^-8 of its value, 2^15 roundings of an f32;
/// and the product of both.
const OF_GIVEN: f64 = 66_000.0;

fn size(rows: usize, columns: usize, channels: usize) -> Size {
    Size { rows, columns, channels }
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().map(|value| f32::from_bits(u32::from(amx::bf16(*value)) << 16)).collect()
}

/// Runs a convolution and compares it with the definition on rounded and on given values.
fn check(shape: ConvShape, images: usize, relu: bool, residual: bool, seed: u64) {
    let (input, out) = (shape.input, shape.output.channels);
    let x = check::noise(seed, images * input.pixels() * input.channels);
    let weight = check::noise(seed + 1, out * input.channels * shape.kernel * shape.kernel);
    let bias = check::noise(seed + 2, out);
    let added = check::noise(seed + 3, images * shape.output.pixels() * out);
    let mut epilogue = check::plain(shape.output, &bias);
    epilogue.activation = if relu { Activation::Relu } else { Activation::None };
    epilogue.residual = residual;
    let Some(kernel) = Amx::new(shape, &weight, epilogue.clone()) else {
        println!("skipped: no AMX");
        return;
    };

    let expected = |x: &[f32], weight: &[f32]| {
        let finish = |(i, (value, terms)): (usize, check::Exact)| {
            let added = if residual { f64::from(added[i]) } else { 0.0 };
            let bias = f64::from(bias[i % out]);
            let value = value + bias + added;
            (if relu { value.max(0.0) } else { value }, terms + bias.abs() + added.abs())
        };
        check::exact(&shape, images, x, weight).into_iter().enumerate().map(finish).collect::<Vec<_>>()
    };
    let pixel = input.padded() + BLOCK;
    let wide = check::spread(&x, input.channels, pixel);
    let spread = check::spread(&added, out, shape.output.padded());
    let sources = [
        Maps { start: wide.as_ptr(), size: input, pixel },
        Maps { start: spread.as_ptr(), size: shape.output, pixel: shape.output.padded() },
    ];
    let sources = &sources[..1 + usize::from(residual)];
    let what = format!("{shape:?} {images}");
    let found = check::run_on(&kernel, images, sources, &[shape.output]).remove(0);
    check::assert_close(&found, &expected(&rounded(&x), &rounded(&weight)), OF_ROUNDED, &what);
    check::assert_close(&found, &expected(&x, &weight), OF_GIVEN, &what);

    // The last image by itself, and cut otherwise, is the same to the bit.
    let layout = Layout::new(&shape, 2);
    let single = Amx { layout, rows: 2, pairs: 1, ..Amx::new(shape, &weight, epilogue).expect("AMX was there") };
    let last: Vec<_> = sources
        .iter()
        // SAFETY: there are so many images.
        .map(|s| Maps { start: unsafe { s.pixel((images - 1) * s.size.pixels()) }, ..*s })
        .collect();
    let one = check::run_on(&single, 1, &last, &[shape.output]).remove(0);
    assert_eq!(found[found.len() - one.len()..], one, "{what}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_the_definition_on_rounded_values(
        (rows, columns) in (1usize..20, 1usize..20),
        (channels, out) in (1usize..180, 1usize..70),
        (kernel, stride) in (1usize..=5, 1usize..=3),
        sides in any::<[u8; 4]>(),
        images in 1usize..=3,
        (relu, residual) in any::<(bool, bool)>(),
        seed in any::<u32>(),
    ) {
        let [top, bottom, left, right] = sides.map(|side| usize::from(side) % 3);
        prop_assume!(rows + top + bottom >= kernel && columns + left + right >= kernel);
        let padding = Padding { top, bottom, left, right };
        let shape = check::shape(size(rows, columns, channels), out, kernel, stride, padding);
        check(shape, images, relu, residual, u64::from(seed));
    }
}

#[test]
fn a_linear_layer_is_one_pixel() {
    check(check::shape(size(1, 1, 1000), 7, 1, 1, Padding::default()), 3, false, false, 1);
}

#[test]
fn weights_pass_in_turns() {
    check(check::shape(size(9, 9, 512), 512, 3, 1, Padding::from(1)), 1, false, false, 2);
}

/// Times layers of the networks: `taskset -c 1 cargo test --release -p uvid-kernels -- --ignored --nocapture timing`.
#[test]
#[ignore = "a measurement"]
fn timing() {
    let layers = [
        ("GMIC", 16, 16, 735, 479, 3, 1),
        ("GMIC", 32, 32, 368, 240, 3, 1),
        ("GMIC", 64, 64, 184, 120, 3, 1),
        ("GMIC", 128, 128, 92, 60, 3, 1),
        ("GMIC", 256, 256, 46, 30, 3, 1),
        ("GMIC", 16, 32, 735, 479, 3, 2),
        ("GMIC", 128, 256, 92, 60, 3, 2),
        ("GMIC", 128, 256, 92, 60, 1, 2),
        ("ResNet-18", 64, 64, 56, 56, 3, 1),
        ("ResNet-18", 128, 128, 28, 28, 3, 1),
        ("ResNet-18", 256, 256, 14, 14, 3, 1),
        ("ResNet-18", 512, 512, 7, 7, 3, 1),
        ("ResNet-18", 64, 128, 56, 56, 3, 2),
        ("ResNet-18", 256, 512, 14, 14, 3, 2),
        ("Mirai", 64, 64, 416, 512, 3, 1),
        ("Mirai", 128, 128, 208, 256, 3, 1),
        ("Mirai", 256, 256, 104, 128, 3, 1),
        ("Mirai", 512, 512, 52, 64, 3, 1),
        ("density", 32, 32, 64, 40, 3, 1),
        ("density", 96, 96, 32, 20, 3, 1),
        ("DenseNet", 128, 32, 64, 64, 3, 1),
        ("DenseNet", 256, 128, 64, 64, 1, 1),
    ];
    for (network, channels, out, rows, columns, kernel, stride) in layers {
        let shape = check::shape(size(rows, columns, channels), out, kernel, stride, Padding::from(kernel / 2));
        let weight = check::noise(1, out * channels * kernel * kernel);
        let Some(kernel) = Amx::new(shape, &weight, check::plain(shape.output, &check::noise(2, out))) else {
            println!("skipped: no AMX");
            return;
        };
        check::time_one(
            &kernel,
            &format!("{network} {channels}->{out} {rows}x{columns}"),
            &[shape.input],
            &[shape.output],
        );
    }
}
