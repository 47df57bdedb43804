use proptest::prelude::*;

use super::super::conv::check::{assert_close, exact, noise, plain, run, run_on, shape, spread, time};
use super::super::isa::InstructionSet;
use super::super::kernel::{Activation, Maps, Second, Size};
use super::*;
use crate::op::Padding;

fn sets() -> impl Iterator<Item = Available> {
    InstructionSet::ALL.into_iter().filter_map(Available::new)
}

/// The weights of a convolution of all channels that does the same.
fn dense(weight: &[f32], channels: usize) -> Vec<f32> {
    let taps = weight.len() / channels;
    let mut dense = vec![0.0; channels * weight.len()];
    for channel in 0..channels {
        let to = (channel * channels + channel) * taps;
        dense[to..to + taps].copy_from_slice(&weight[channel * taps..(channel + 1) * taps]);
    }
    dense
}

fn check(shape: ConvShape, images: usize, wide: usize, seed: u64) {
    let (size, channels) = (shape.input, shape.input.channels);
    let each = size.pixels() * channels;
    let weight = noise(seed, channels * shape.kernel * shape.kernel);
    let bias = noise(seed + 1, channels);
    let x = noise(seed + 2, images * each);
    let added = noise(seed + 3, images * shape.output.pixels() * channels);
    let mut expected = exact(&shape, images, &x, &dense(&weight, channels));
    for (i, sum) in expected.iter_mut().enumerate() {
        let bias = f64::from(bias[i % channels]);
        *sum = (sum.0 + bias, sum.1 + bias.abs());
    }
    let pixel = size.padded() + wide * BLOCK;
    let (spread_x, spread_added) = (spread(&x, channels, pixel), spread(&added, channels, pixel));
    let sources = [
        Maps { start: spread_x.as_ptr(), size, pixel },
        Maps { start: spread_added.as_ptr(), size: shape.output, pixel },
    ];
    for set in sets() {
        let what = format!("{set:?} {shape:?}");
        let kernel = Depthwise::new(set, shape, &weight, plain(shape.output, &bias));
        let found = run_on(&kernel, images, &sources[..1], &[shape.output]).remove(0);
        assert_close(&found, &expected, 2.0 + shape.kernel as f64, &what);
        let alone = run(&kernel, 1, &[(&x[(images - 1) * each..], size)], &[shape.output]).remove(0);
        assert_eq!(alone, found[found.len() - alone.len()..], "{what}: a batch changes its images");

        let ones = vec![1.0; size.padded()];
        let second = Second { scale: ones.clone(), shift: ones, activation: Activation::None };
        let epilogue = plain(shape.output, &bias);
        let epilogue = Epilogue { residual: true, activation: Activation::Relu, second: Some(second), ..epilogue };
        let both = run_on(&Depthwise::new(set, shape, &weight, epilogue), images, &sources, &[shape.output; 2]);
        let first: Vec<f32> = found.iter().zip(&added).map(|(sum, added)| (sum + added).max(0.0)).collect();
        assert_eq!(both[0], first, "{what}");
        assert_eq!(both[1], first.iter().map(|v| v + 1.0).collect::<Vec<f32>>(), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sums_are_those_of_the_definition(
        input in (1usize..14, 1usize..40, 1usize..50),
        (kernel, stride) in (1usize..8, 1usize..4),
        padding in (0usize..5, 0usize..5, 0usize..5, 0usize..5),
        (images, wide) in (1usize..4, 0usize..2),
        seed in any::<u32>(),
    ) {
        let padding = Padding { top: padding.0, bottom: padding.1, left: padding.2, right: padding.3 };
        prop_assume!(input.0 + padding.top + padding.bottom >= kernel);
        prop_assume!(input.1 + padding.left + padding.right >= kernel);
        let size = Size { rows: input.0, columns: input.1, channels: input.2 };
        check(shape(size, size.channels, kernel, stride, padding), images, wide, u64::from(seed));
    }
}

#[test]
fn large_maps_fall_into_pieces() {
    let size = Size { rows: 61, columns: 83, channels: 40 };
    for (kernel, stride) in [(7, 1), (5, 2), (3, 1)] {
        check(shape(size, 40, kernel, stride, Padding::from(kernel / 2)), 2, 0, kernel as u64);
    }
}

/// `cargo test --release -p uvid-kernels --lib depthwise -- --ignored --nocapture timing`
#[test]
#[ignore = "prints times"]
fn timing() {
    let layers = [
        ("7x7 96 56x56", (56, 56, 96), 7, 1),
        ("7x7 192 28x28", (28, 28, 192), 7, 1),
        ("7x7 384 14x14", (14, 14, 384), 7, 1),
        ("7x7 768 7x7", (7, 7, 768), 7, 1),
        ("3x3 192 112x112", (112, 112, 192), 3, 1),
        ("3x3/2 96 112x112", (112, 112, 96), 3, 2),
        ("3x3 32 512x416", (512, 416, 32), 3, 1),
        ("5x5 240 28x28", (28, 28, 240), 5, 1),
        ("5x5/2 144 56x56", (56, 56, 144), 5, 2),
        ("5x5 672 14x14", (14, 14, 672), 5, 1),
    ];
    for (name, (rows, columns, channels), kernel, stride) in layers {
        let shape = shape(Size { rows, columns, channels }, channels, kernel, stride, Padding::from(kernel / 2));
        let weight = noise(1, channels * kernel * kernel);
        time(name, &sets().collect::<Vec<_>>(), &[shape.input], &[shape.output], &|set| {
            Box::new(Depthwise::new(set, shape, &weight, plain(shape.output, &vec![0.0; channels])))
        });
    }
}
