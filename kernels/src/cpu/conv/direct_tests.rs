use proptest::prelude::*;

use super::*;
use crate::cpu::conv::check::{assert_close, exact, noise, plain, run, run_on, shape, spread};
use crate::cpu::isa::InstructionSet;
use crate::cpu::kernel::{Activation, Maps, Second, Size};
use crate::op::Padding;

fn sets() -> impl Iterator<Item = Available> {
    InstructionSet::ALL.into_iter().filter_map(Available::new)
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    let input = (1usize..14, 1usize..14, 1usize..40, 1usize..140);
    let padding = (0usize..3, 0usize..3, 0usize..3, 0usize..3);
    (input, 1usize..6, 1usize..4, padding).prop_filter_map(
        "the kernel is larger than the map",
        |(i, kernel, stride, p)| {
            let padding = Padding { top: p.0, bottom: p.1, left: p.2, right: p.3 };
            let input = Size { rows: i.0, columns: i.1, channels: i.2 };
            let fits = input.rows + p.0 + p.1 >= kernel && input.columns + p.2 + p.3 >= kernel;
            fits.then(|| shape(input, i.3, kernel, stride, padding))
        },
    )
}

/// Sums alone, against the definition, on every set, alone and in a batch.
fn check_sums(shape: ConvShape, images: usize, seed: u64) {
    let each = shape.input.pixels() * shape.input.channels;
    let weight = noise(seed, shape.output.channels * shape.input.channels * shape.kernel * shape.kernel);
    let bias = noise(seed + 1, shape.output.channels);
    let x = noise(seed + 2, images * each);
    let mut expected = exact(&shape, images, &x, &weight);
    for (i, sum) in expected.iter_mut().enumerate() {
        let bias = f64::from(bias[i % bias.len()]);
        *sum = (sum.0 + bias, sum.1 + bias.abs());
    }
    for set in sets() {
        let kernel = Direct::new(set, shape, &weight, plain(shape.output, &bias));
        let found = run(&kernel, images, &[(&x, shape.input)], &[shape.output]).remove(0);
        let terms = (shape.input.channels * shape.kernel * shape.kernel) as f64;
        assert_close(&found, &expected, 2.0 + terms.sqrt(), &format!("{set:?} {shape:?}"));
        let last = &x[(images - 1) * each..];
        let alone = run(&kernel, 1, &[(last, shape.input)], &[shape.output]).remove(0);
        assert_eq!(alone, found[found.len() - alone.len()..], "{set:?} {shape:?}: a batch changes its images");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sums_are_those_of_the_definition(shape in shapes(), images in 1usize..4, seed in any::<u32>()) {
        check_sums(shape, images, u64::from(seed));
    }

    #[test]
    fn residual_activation_and_second_value_follow(shape in shapes(), images in 1usize..3, wide in 0usize..2) {
        let weight = noise(7, shape.output.channels * shape.input.channels * shape.kernel * shape.kernel);
        let x = noise(8, images * shape.input.pixels() * shape.input.channels);
        let added = noise(9, images * shape.output.pixels() * shape.output.channels);
        let (scale, shift) = (noise(10, shape.output.padded()), noise(11, shape.output.padded()));
        let pixel = shape.input.padded() + wide * BLOCK;
        let residual_pixel = shape.output.padded() + wide * BLOCK;
        let (spread_x, spread_added) =
            (spread(&x, shape.input.channels, pixel), spread(&added, shape.output.channels, residual_pixel));
        let sources = [
            Maps { start: spread_x.as_ptr(), size: shape.input, pixel },
            Maps { start: spread_added.as_ptr(), size: shape.output, pixel: residual_pixel },
        ];
        for set in sets() {
            let none = vec![0.0; shape.output.padded()];
            let sums = Direct::new(set, shape, &weight, plain(shape.output, &none));
            let sums = run(&sums, images, &[(&x, shape.input)], &[shape.output]).remove(0);
            let second = Second { scale: scale.clone(), shift: shift.clone(), activation: Activation::Relu };
            let activation = Activation::Relu;
            let both = Epilogue { bias: none, residual: true, activation, first: true, second: Some(second) };
            let found = run_on(&Direct::new(set, shape, &weight, both.clone()), images, &sources, &[shape.output; 2]);
            for (i, sum) in sums.iter().enumerate() {
                let channel = i % shape.output.channels;
                let first = (sum + added[i]).max(0.0);
                let second = (first * scale[channel] + shift[channel]).max(0.0);
                prop_assert_eq!(found[0][i], first);
                prop_assert!((found[1][i] - second).abs() <= 1e-5 * (1.0 + first.abs()));
            }
            let only = Epilogue { first: false, ..both };
            let only = run_on(&Direct::new(set, shape, &weight, only), images, &sources, &[shape.output]);
            prop_assert_eq!(&only[0], &found[1]);
        }
    }
}

#[test]
fn large_work_falls_into_pieces() {
    let size = Size { rows: 40, columns: 37, channels: 48 };
    for out in [16, 80, 256, 512] {
        check_sums(shape(size, out, 3, 2, Padding::from(1)), 2, out as u64);
        check_sums(shape(size, out, 1, 1, Padding::default()), 1, out as u64);
    }
    check_sums(shape(Size { rows: 7, columns: 7, channels: 256 }, 512, 3, 1, Padding::from(1)), 2, 5);
    check_sums(shape(Size { rows: 1, columns: 1, channels: 2048 }, 1100, 1, 1, Padding::default()), 9, 6);
}

#[test]
fn no_number_stays_none() {
    let size = Size { rows: 5, columns: 5, channels: 16 };
    let shape = shape(size, 16, 3, 1, Padding::from(1));
    let mut x = noise(1, 25 * 16);
    x[12 * 16] = f32::NAN;
    for set in sets() {
        let kernel = Direct::new(set, shape, &noise(2, 16 * 16 * 9), plain(shape.output, &[0.0; 16]));
        let found = run(&kernel, 1, &[(&x, size)], &[size]).remove(0);
        for (pixel, values) in found.chunks_exact(16).enumerate() {
            let near = pixel / 5 % 4 != 0 && pixel % 5 % 4 != 0;
            assert!(values.iter().all(|v| v.is_nan() == near), "{set:?}: pixel {pixel}");
        }
    }
}

/// `cargo test --release -p uvid-kernels --lib direct -- --ignored --nocapture timing`
#[test]
#[ignore = "prints times"]
fn timing() {
    let layers = [
        ("3x3/2 16->32 735x479", (735, 479, 16), 32, 3, 2, 1),
        ("3x3/2 32->64 368x240", (368, 240, 32), 64, 3, 2, 1),
        ("3x3/2 64->128 184x120", (184, 120, 64), 128, 3, 2, 1),
        ("3x3/2 128->256 92x60", (92, 60, 128), 256, 3, 2, 1),
        ("3x3/2 64->128 416x512", (416, 512, 64), 128, 3, 2, 1),
        ("1x1/2 16->32 735x479", (735, 479, 16), 32, 1, 2, 0),
        ("1x1/2 32->64 368x240", (368, 240, 32), 64, 1, 2, 0),
        ("1x1/2 128->256 92x60", (92, 60, 128), 256, 1, 2, 0),
        ("3x3 16->16 736x480", (736, 480, 16), 16, 3, 1, 1),
        ("3x3 16->16 56x56", (56, 56, 16), 16, 3, 1, 1),
        ("3x3/2 64->128 28x28", (28, 28, 64), 128, 3, 2, 1),
        ("3x3 64->64 56x56", (56, 56, 64), 64, 3, 1, 1),
        ("3x3 128->128 92x60", (92, 60, 128), 128, 3, 1, 1),
        ("3x3 512->512 7x7", (7, 7, 512), 512, 3, 1, 1),
        ("1x1 96->384 56x56", (56, 56, 96), 384, 1, 1, 0),
        ("1x1 384->96 56x56", (56, 56, 384), 96, 1, 1, 0),
        ("1x1 768->192 28x28", (28, 28, 768), 192, 1, 1, 0),
        ("1x1 1536->384 14x14", (14, 14, 1536), 384, 1, 1, 0),
        ("1x1 256->128 32x32", (32, 32, 256), 128, 1, 1, 0),
        ("linear 512->128, 1", (1, 1, 512), 128, 1, 1, 0),
        ("linear 512->128, 4", (4, 1, 512), 128, 1, 1, 0),
        ("linear 2048->512, 1", (1, 1, 2048), 512, 1, 1, 0),
    ];
    for (name, (rows, columns, channels), out, kernel, stride, padding) in layers {
        let shape = shape(Size { rows, columns, channels }, out, kernel, stride, Padding::from(padding));
        let weight = noise(1, out * channels * kernel * kernel);
        crate::cpu::conv::check::time(name, &sets().collect::<Vec<_>>(), &[shape.input], &[shape.output], &|set| {
            Box::new(Direct::new(set, shape, &weight, plain(shape.output, &vec![0.0; out])))
        });
    }
}
