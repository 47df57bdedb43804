//! Made-up images, axes and frames.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Air, Axis, Frame, Source};

/// A part of an image of made-up pixels of up to `bits`.
pub(super) fn source() -> impl Strategy<Value = Source> {
    let sides = (1usize..70, 1usize..70);
    (sides, any::<[prop::sample::Index; 4]>(), any::<bool>(), 1u32..=16, any::<u64>()).prop_map(
        |((rows, columns), edges, mirrored, bits, seed)| {
            let pixels = noise(rows * columns, seed).map(|v| v >> (16 - bits)).collect();
            let range = |a: prop::sample::Index, b: prop::sample::Index, n: usize| {
                let (a, b) = (a.index(n), b.index(n));
                a.min(b)..a.max(b) + 1
            };
            let (down, across) = (range(edges[0], edges[1], rows), range(edges[2], edges[3], columns));
            Source::new(Arc::new(pixels), columns, down, across, mirrored).expect("in the image")
        },
    )
}

pub(super) fn noise(n: usize, seed: u64) -> impl Iterator<Item = u16> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 48) as u16
    })
    .take(n)
}

pub(super) fn air() -> impl Strategy<Value = Air> {
    // Often among the values of an image of few.
    let padding = prop_oneof![(0u16..9, 0u16..9), any::<(u16, u16)>()];
    (0u16..300, padding).prop_map(|(value, padding)| Air { value: value / (1 + padding.0), padding })
}

/// Outputs of one to five samples, some outside.
pub(super) fn axis(samples: usize, outputs: usize, seed: u64, kept: bool) -> Axis {
    let mut random = noise(usize::MAX, seed).map(usize::from);
    let mut next = move || random.next().unwrap_or(0);
    let output = |_| {
        let first = (next() % (samples + 2)) as i64 - 1;
        let n = 1 + next() % 5;
        let weights: Vec<f64> = (0..n).map(|_| (next() + 1) as f64 / 65536.0).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.iter().map(|w| if kept { w / sum } else { w / sum - 0.1 }).collect())
    };
    Axis::new(samples, (0..outputs).map(output)).expect("near")
}

/// The same of four samples each, of weights that are f32.
pub(super) fn four(samples: usize, outputs: usize, seed: u64) -> Axis {
    let mut random = noise(usize::MAX, seed);
    let mut next = move || random.next().unwrap_or(0);
    let output = |_| {
        let first = i64::from(next()) % (samples as i64 + 2) - 2;
        (first, (0..4).map(|_| f64::from(f32::from(next()) / 65536.0 - 0.25)).collect())
    };
    Axis::new(samples, (0..outputs).map(output)).expect("near")
}

/// A frame around a picture.
pub(super) fn around([rows, columns]: [usize; 2], [top, left, bottom, right]: [usize; 4]) -> Frame {
    Frame { size: [rows + top + bottom, columns + left + right], at: [top, left] }
}

pub(super) fn margins() -> impl Strategy<Value = [usize; 4]> {
    [0usize..9, 0usize..9, 0usize..9, 0usize..9]
}
