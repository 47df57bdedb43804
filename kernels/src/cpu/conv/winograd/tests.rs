use proptest::prelude::*;

use super::super::super::isa::InstructionSet;
use super::super::super::kernel::{Activation, Maps, Second, Size};
use super::super::check;
use super::*;
use crate::op::Padding;

/// The error of F(4 x 4) in units of an f32's rounding and the sum of absolute terms, the largest such sum in the tile:
/// outputs of a tile share their roundings. A direct sum is held to 4 or so, see also `transform`.
const FACTOR: f64 = 16.0;

fn sets() -> impl Iterator<Item = Available> {
    InstructionSet::ALL.into_iter().filter_map(Available::new)
}

fn size(rows: usize, columns: usize, channels: usize) -> Size {
    Size { rows, columns, channels }
}

/// The largest sum of absolute terms in its tile for every value.
fn of_tiles(shape: &ConvShape, exact: Vec<check::Exact>) -> Vec<check::Exact> {
    let Size { rows, columns, channels } = shape.output;
    let place = |at: usize| {
        let (pixel, channel) = (at / channels, at % channels);
        let (line, column) = (pixel / columns, pixel % columns);
        (line / rows, line % rows / TILE, column / TILE, channel)
    };
    let mut largest = std::collections::HashMap::new();
    for (at, (_, terms)) in exact.iter().enumerate() {
        let tile = largest.entry(place(at)).or_insert(0.0_f64);
        *tile = tile.max(*terms);
    }
    exact.iter().enumerate().map(|(at, (value, _))| (*value, largest[&place(at)])).collect()
}

/// Runs a convolution on all sets and compares it with the definition.
fn check(input: Size, out: usize, padding: Padding, images: usize, ends: u64, seed: u64) {
    let shape = check::shape(input, out, 3, 1, padding);
    let x = check::noise(seed, images * input.pixels() * input.channels);
    let weight = check::noise(seed + 1, out * input.channels * 9);
    let bias = check::noise(seed + 2, out);
    let residual = check::noise(seed + 3, images * shape.output.pixels() * out);
    let relu = ends & 1 != 0;
    let mut epilogue = check::plain(shape.output, &bias);
    epilogue.activation = if relu { Activation::Relu } else { Activation::None };
    epilogue.residual = ends & 2 != 0;
    if ends & 4 != 0 {
        let mut scale = check::noise(seed + 4, out);
        scale.resize(shape.output.padded(), f32::NAN);
        let second = Second { shift: scale.clone(), scale, activation: Activation::Relu };
        epilogue.second = Some(second);
        epilogue.first = ends & 8 != 0;
    }

    let mut expected = of_tiles(&shape, check::exact(&shape, images, &x, &weight));
    for (i, (value, terms)) in expected.iter_mut().enumerate() {
        let added = [Some(bias[i % out]), epilogue.residual.then(|| residual[i])];
        for added in added.into_iter().flatten().map(f64::from) {
            (*value, *terms) = (*value + added, *terms + added.abs());
        }
        *value = if relu { value.max(0.0) } else { *value };
    }
    let second = epilogue.second.as_ref().map(|second| {
        let of = |(i, (value, terms)): (usize, &check::Exact)| {
            let (scale, shift) = (f64::from(second.scale[i % out]), f64::from(second.shift[i % out]));
            ((value * scale + shift).max(0.0), terms * scale.abs() + shift.abs())
        };
        expected.iter().enumerate().map(of).collect::<Vec<_>>()
    });
    let expected: Vec<_> = epilogue.first.then_some(expected).into_iter().chain(second).collect();

    // The input is a slice of a wider map.
    let pixel = input.padded() + BLOCK;
    let wide = check::spread(&x, input.channels, pixel);
    let residual = check::spread(&residual, out, shape.output.padded());
    let sources = [
        Maps { start: wide.as_ptr(), size: input, pixel },
        Maps { start: residual.as_ptr(), size: shape.output, pixel: shape.output.padded() },
    ];
    let sources = &sources[..1 + usize::from(epilogue.residual)];
    let targets = vec![shape.output; expected.len()];
    for set in sets() {
        let what = format!("{set:?} {shape:?} {images}");
        let kernel = Winograd::new(set, shape, &weight, epilogue.clone());
        let found = check::run_on(&kernel, images, sources, &targets);
        for (found, expected) in found.iter().zip(&expected) {
            check::assert_close(found, expected, FACTOR, &what);
        }
        // The last image by itself, and cut otherwise, is the same to the bit.
        let mut single = Winograd::new(set, shape, &weight, epilogue.clone());
        single.plan = Plan { block: 5, blocks: 2, panels: 1, ..single.plan };
        let last: Vec<_> = sources
            .iter()
            // SAFETY: there are so many images.
            .map(|s| Maps { start: unsafe { s.pixel((images - 1) * s.size.pixels()) }, ..*s })
            .collect();
        for (all, one) in found.iter().zip(check::run_on(&single, 1, &last, &targets)) {
            assert_eq!(all[all.len() - one.len()..], one, "{what}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn is_the_definition(
        (rows, columns) in (1usize..20, 1usize..20),
        (channels, out) in (1usize..70, 1usize..70),
        sides in any::<[bool; 4]>(),
        images in 1usize..=3,
        ends in 0u64..16,
        seed in any::<u32>(),
    ) {
        let [top, bottom, left, right] = sides.map(usize::from);
        prop_assume!(rows + top + bottom >= 3 && columns + left + right >= 3);
        check(size(rows, columns, channels), out, Padding { top, bottom, left, right }, images, ends, u64::from(seed));
    }
}

#[test]
fn wide_padding_is_zeros() {
    check(size(3, 2, 5), 7, Padding { top: 6, bottom: 3, left: 9, right: 5 }, 2, 0, 1);
}

#[test]
fn many_channels_add_no_error() {
    check(size(6, 5, 300), 130, Padding::from(1), 1, 0, 2);
}

#[test]
fn serves_where_it_is_faster() {
    let serves = |channels, out, rows, columns, kernel, stride| {
        let padding = Padding::from(kernel / 2);
        Winograd::serves(&check::shape(size(rows, columns, channels), out, kernel, stride, padding))
    };
    assert!(serves(16, 16, 735, 479, 3, 1));
    assert!(serves(256, 256, 14, 14, 3, 1));
    assert!(serves(128, 32, 64, 64, 3, 1));
    // Its weights would take longer to read than the definition to compute.
    assert!(!serves(512, 512, 7, 7, 3, 1));
    // Transforms of padding.
    assert!(!serves(1, 16, 735, 479, 3, 1));
    assert!(!serves(64, 64, 56, 56, 3, 2));
    assert!(!serves(64, 64, 56, 56, 1, 1));
}

#[test]
fn one_tile() {
    check(size(6, 6, 1), 1, Padding::default(), 1, 0, 3);
}

/// Times layers of the networks: `taskset -c 1 cargo test --release -p uvid-kernels -- --ignored --nocapture timing`.
#[test]
#[ignore = "a measurement"]
fn timing() {
    let layers = [
        ("GMIC", 16, 16, 735, 479),
        ("GMIC", 32, 32, 368, 240),
        ("GMIC", 64, 64, 184, 120),
        ("GMIC", 128, 128, 92, 60),
        ("GMIC", 256, 256, 46, 30),
        ("ResNet-18", 64, 64, 56, 56),
        ("ResNet-18", 128, 128, 28, 28),
        ("ResNet-18", 256, 256, 14, 14),
        ("ResNet-18", 512, 512, 7, 7),
        ("Mirai", 64, 64, 416, 512),
        ("Mirai", 128, 128, 208, 256),
        ("Mirai", 256, 256, 104, 128),
        ("Mirai", 512, 512, 52, 64),
        ("density", 32, 32, 64, 40),
        ("density", 64, 64, 32, 20),
        ("density", 96, 96, 32, 20),
        ("DenseNet", 128, 32, 64, 64),
        ("in cache", 16, 16, 64, 56),
    ];
    for set in sets() {
        for (network, channels, out, rows, columns) in layers {
            let shape = check::shape(size(rows, columns, channels), out, 3, 1, Padding::from(1));
            let weight = check::noise(1, out * channels * 9);
            let kernel = Winograd::new(set, shape, &weight, check::plain(shape.output, &check::noise(2, out)));
            check::time_one(
                &kernel,
                &format!("{network} {channels}->{out} {rows}x{columns}"),
                &[shape.input],
                &[shape.output],
            );
        }
    }
}
