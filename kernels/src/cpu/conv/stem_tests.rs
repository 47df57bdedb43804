use proptest::prelude::*;

use super::*;
use crate::cpu::conv::check::{assert_close, exact, noise, plain, run_on, shape};
use crate::cpu::isa::InstructionSet;
use crate::cpu::kernel::{Activation, Maps};

fn sets() -> impl Iterator<Item = Available> {
    InstructionSet::ALL.into_iter().filter_map(Available::new)
}

fn padding() -> impl Strategy<Value = Padding> {
    (0usize..4, 0usize..4, 0usize..4, 0usize..4).prop_map(|(top, bottom, left, right)| Padding {
        top,
        bottom,
        left,
        right,
    })
}

/// Pixels with channels last, of planes.
fn channels_last(planes: &[f32], size: Size) -> Vec<f32> {
    let image = size.pixels() * size.channels;
    let pixel = |i: usize, p: usize| (0..size.channels).map(move |c| planes[i * image + c * size.pixels() + p]);
    (0..planes.len() / image).flat_map(|i| (0..size.pixels()).flat_map(move |p| pixel(i, p))).collect()
}

/// The definition of a pool, on dense pixels.
fn pooled(x: &[f32], size: Size, pool: Pool, output: Size) -> Vec<f32> {
    let mut y = Vec::new();
    for image in x.chunks_exact(size.pixels() * size.channels) {
        for (row, column) in (0..output.rows).flat_map(|r| (0..output.columns).map(move |c| (r, c))) {
            for channel in 0..size.channels {
                let mut largest = f32::NEG_INFINITY;
                for (r, c) in (0..pool.kernel).flat_map(|r| (0..pool.kernel).map(move |c| (r, c))) {
                    let r = (row * pool.stride + r).wrapping_sub(pool.padding.top);
                    let c = (column * pool.stride + c).wrapping_sub(pool.padding.left);
                    if r < size.rows && c < size.columns {
                        largest = largest.max(image[(r * size.columns + c) * size.channels + channel]);
                    }
                }
                y.push(largest);
            }
        }
    }
    y
}

/// Against the definition, on every set, alone and in a batch; then the pool and ReLU against the sums themselves.
fn check(shape: ConvShape, images: usize, pool: Option<Pool>, seed: u64) {
    let each = shape.input.pixels() * shape.input.channels;
    let taps = shape.input.channels * shape.kernel * shape.kernel;
    let weight = noise(seed, shape.output.channels * taps);
    let bias = noise(seed + 1, shape.output.channels);
    let x = noise(seed + 2, images * each);
    let source = |x: &[f32]| [Maps { start: x.as_ptr(), size: shape.input, pixel: 0 }];
    let mut expected = exact(&shape, images, &channels_last(&x, shape.input), &weight);
    for (i, sum) in expected.iter_mut().enumerate() {
        let bias = f64::from(bias[i % bias.len()]);
        *sum = (sum.0 + bias, sum.1 + bias.abs());
    }
    for set in sets() {
        let what = format!("{set:?} {shape:?} {pool:?}");
        let kernel = Stem::new(set, shape, &weight, plain(shape.output, &bias), None);
        let found = run_on(&kernel, images, &source(&x), &[shape.output]).remove(0);
        assert_close(&found, &expected, 2.0 + (taps as f64).sqrt(), &what);
        let epilogue = Epilogue { activation: Activation::Relu, ..plain(shape.output, &bias) };
        let kernel = Stem::new(set, shape, &weight, epilogue, pool);
        let together = run_on(&kernel, images, &source(&x), &[kernel.output]).remove(0);
        let alone = run_on(&kernel, 1, &source(&x[(images - 1) * each..]), &[kernel.output]).remove(0);
        assert_eq!(alone, together[together.len() - alone.len()..], "{what}: a batch changes its images");
        let relu: Vec<f32> = found.iter().map(|v| v.max(0.0)).collect();
        let once = Pool { kernel: 1, stride: 1, padding: Padding::default() };
        assert_eq!(together, pooled(&relu, shape.output, pool.unwrap_or(once), kernel.output), "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn sums_and_pools_are_those_of_the_definition(
        input in (1usize..24, 1usize..70, 1usize..5, 1usize..90),
        (kernel, stride, padding) in (1usize..8, 1usize..6, padding()),
        pool in proptest::option::of((1usize..5, 1usize..4, padding())),
        images in 1usize..4,
        seed in any::<u32>(),
    ) {
        let size = Size { rows: input.0, columns: input.1, channels: input.2 };
        prop_assume!(size.rows + padding.top + padding.bottom >= kernel);
        prop_assume!(size.columns + padding.left + padding.right >= kernel);
        let shape = shape(size, input.3, kernel, stride, padding);
        let pool = pool.map(|(kernel, stride, padding)| Pool { kernel, stride, padding });
        if let Some(Pool { kernel, padding: p, .. }) = pool {
            prop_assume!(p.top.max(p.bottom).max(p.left).max(p.right) < kernel);
            prop_assume!(shape.output.rows + p.top + p.bottom >= kernel);
            prop_assume!(shape.output.columns + p.left + p.right >= kernel);
        }
        check(shape, images, pool, u64::from(seed));
    }
}

#[test]
fn large_images_fall_into_bands_and_strips() {
    let pool = |padding: usize| Some(Pool { kernel: 3, stride: 2, padding: Padding::from(padding) });
    let size = |channels| Size { rows: 131, columns: 517, channels };
    check(shape(size(1), 16, 7, 2, Padding::from(3)), 2, pool(0), 1);
    check(shape(size(1), 64, 7, 2, Padding::from(3)), 1, pool(1), 2);
    check(shape(size(3), 96, 4, 4, Padding::default()), 1, None, 3);
    check(shape(size(3), 32, 3, 2, Padding { top: 0, bottom: 1, left: 0, right: 1 }), 1, None, 4);
}

/// `cargo test --release -p uvid-kernels --lib stem -- --ignored --nocapture timing`
#[test]
#[ignore = "prints times"]
fn timing() {
    let pool = |padding: usize| Some(Pool { kernel: 3, stride: 2, padding: Padding::from(padding) });
    let layers = [
        ("7x7/2 1->16 2944x1920", (2944, 1920, 1), 16, 7, 2, 3, None),
        ("the same + pool", (2944, 1920, 1), 16, 7, 2, 3, pool(0)),
        ("7x7/2 1->16 p0 + pool", (2944, 1920, 1), 16, 7, 2, 0, pool(0)),
        ("7x7/2 1->64 1664x2048", (1664, 2048, 1), 64, 7, 2, 3, pool(1)),
        ("7x7/2 1->16 192x192", (192, 192, 1), 16, 7, 2, 3, None),
        ("7x7/2 1->16+p 192x192", (192, 192, 1), 16, 7, 2, 3, pool(0)),
        ("7x7/2 3->64 224x224", (224, 224, 3), 64, 7, 2, 3, pool(1)),
        ("7x7/2 3->64 256x256", (256, 256, 3), 64, 7, 2, 3, pool(1)),
        ("3x3/2 1->16 256x160", (256, 160, 1), 16, 3, 2, 1, None),
        ("4x4/4 3->96 224x224", (224, 224, 3), 96, 4, 4, 0, None),
        ("3x3/2 3->32 224x224", (224, 224, 3), 32, 3, 2, 1, None),
        ("3x3/2 3->32 1024x832", (1024, 832, 3), 32, 3, 2, 1, None),
    ];
    for (name, (rows, columns, channels), out, kernel, stride, padding, pool) in layers {
        let shape = shape(Size { rows, columns, channels }, out, kernel, stride, Padding::from(padding));
        let weight = noise(1, out * channels * kernel * kernel);
        let stem = |set| Stem::new(set, shape, &weight, plain(shape.output, &vec![0.0; out]), pool);
        let sets: Vec<Available> = sets().collect();
        let output = stem(sets[0]).output;
        crate::cpu::conv::check::time(name, &sets, &[shape.input], &[output], &|set| Box::new(stem(set)));
    }
}
