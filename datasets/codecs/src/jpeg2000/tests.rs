//! Frames there and back, against a second decoder, and reduced. [`cut`], [`lacking`], [`hostile`] and [`real`] have the rest.

pub(crate) mod cut;
pub(crate) mod hostile;
mod lacking;
mod real;
pub(crate) mod streams;

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;

/// What a frame shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Constant,
    Ramp,
    Noise,
}

pub(crate) fn samples(shape: &Shape, content: Content, seed: u64) -> Vec<u16> {
    let mask = u16::MAX >> (16 - shape.precision);
    let count = shape.samples().expect("small");
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 48) as u16
    };
    let constant = noise();
    let of = |i: usize, noise: u16| match content {
        Content::Constant => constant,
        Content::Ramp => (i / shape.columns * 7 + i % shape.columns * 3) as u16,
        Content::Noise => noise,
    };
    (0..count).map(|i| of(i, noise()) & mask).collect()
}

pub(crate) fn frames() -> impl Strategy<Value = (Shape, Content, u64)> {
    let contents = prop_oneof![Just(Content::Constant), Just(Content::Ramp), Just(Content::Noise)];
    let shapes = (1_usize..150, 1_usize..150, prop_oneof![Just(1_usize), Just(3)], 1_u16..=16, any::<bool>());
    (shapes, contents, any::<u64>()).prop_map(|((rows, columns, components, precision, signed), content, seed)| {
        (Shape { rows, columns, components, precision, signed }, content, seed)
    })
}

pub(crate) fn threads(count: usize) -> Decoding {
    Decoding { threads: NonZeroUsize::new(count).expect("not 0"), ..Decoding::default() }
}

pub(crate) fn decoded(format: Format, stream: &[u8], how: &Decoding) -> Result<(Header, Vec<u16>, Extent), CodecError> {
    crate::decode(format, stream, &Shape::grey(0, 0, 0), how, 1 << 26)
}

/// `None` for one-bit noise, which is more than OpenJPEG's buffers or guard bits hold: it says so.
fn lossless(shape: Shape, samples: &[u16]) -> Option<Vec<u8>> {
    match Jpeg2000.encode(&Frame { shape, samples }, &Encoding::Lossless) {
        Err(CodecError::Library(_)) if shape.precision < 3 => None,
        stream => Some(stream.expect("encoded")),
    }
}

/// Encodes without loss, decodes with several numbers of threads.
fn check_round_trip(shape: Shape, samples: &[u16]) {
    let Some(stream) = lossless(shape, samples) else { return };
    let expected = Header { format: Format::Jpeg2000, shape, lossy: false, reductions: levels(&shape) };
    for count in [1, 2, 5] {
        let (header, back, extent) = decoded(Format::Jpeg2000, &stream, &threads(count)).expect("decoded");
        assert_eq!((header, extent), (expected, Extent::Whole));
        assert!(back == samples, "{shape:?}");
    }
}

/// The 5-3 transform of one line, its low half (ISO 15444-1 F.4.8.1).
fn low(line: &[i32]) -> Vec<i32> {
    let n = line.len() as isize;
    // Symmetric extension, of whole samples.
    let at = |i: isize| {
        line[if i < 0 {
            -i
        } else if i >= n {
            2 * (n - 1) - i
        } else {
            i
        } as usize]
    };
    if n == 1 {
        return line.to_vec();
    }
    let high = |i: isize| at(2 * i + 1) - (at(2 * i) + at(2 * i + 2)).div_euclid(2);
    let high = |i: isize| {
        high(if i < 0 {
            0
        } else if 2 * i + 1 >= n {
            n - 2 - i
        } else {
            i
        })
    };
    (0..(n + 1) / 2).map(|i| at(2 * i) + (high(i - 1) + high(i) + 2).div_euclid(4)).collect()
}

/// Reduced once, a frame is the low band of the transform in both directions.
fn check_reduced(shape: Shape, samples: &[u16]) {
    assert_eq!(shape.components, 1);
    let Some(stream) = lossless(shape, samples) else { return };
    let shift = if shape.signed { 0 } else { 1 << (shape.precision - 1) };
    let half = 1 << (shape.precision - 1);
    let mut lines: Vec<Vec<i32>> =
        samples.chunks(shape.columns).map(|row| row.iter().map(|s| value(*s, &shape) - shift).collect()).collect();
    for times in 1..=levels(&shape) {
        // Vertically first, as in F.4.2.
        let columns: Vec<Vec<i32>> =
            (0..lines[0].len()).map(|x| low(&lines.iter().map(|line| line[x]).collect::<Vec<i32>>())).collect();
        lines = (0..columns[0].len()).map(|y| low(&columns.iter().map(|c| c[y]).collect::<Vec<i32>>())).collect();
        let mask = u16::MAX >> (16 - shape.precision);
        let expected: Vec<u16> =
            lines.iter().flatten().map(|v| ((*v).clamp(-half, half - 1) + shift) as u16 & mask).collect();
        let how = Decoding { reduce: times, ..Decoding::default() };
        let (_, back, extent) = decoded(Format::Jpeg2000, &stream, &how).expect("decoded");
        assert_eq!(extent, Extent::Whole);
        assert!(back == expected, "{shape:?} halved {times} times");
    }
    let how = Decoding { reduce: levels(&shape) + 1, ..Decoding::default() };
    let reduced = Shape { ..shape.reduced(how.reduce) };
    let mut none = vec![0; reduced.samples().expect("small")];
    let refused = Jpeg2000.decode(&stream, &reduced, &how, &mut none);
    assert_eq!(refused, Err(CodecError::Unsupported("a resolution that the code stream does not have")));
}

/// The same stream by a decoder that shares no code with OpenJPEG.
fn by_hayro(stream: &[u8], shape: &Shape) -> Vec<u16> {
    let image = hayro_jpeg2000::Image::new(stream, &hayro_jpeg2000::DecodeSettings::default()).expect("readable");
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = image.decode(&mut context).expect("decoded");
    let planes: Vec<&[f32]> = decoded.components().iter().map(|plane| plane.samples()).collect();
    assert_eq!(planes.len(), shape.components);
    let half = 1_i32 << (shape.precision - 1);
    let range = if shape.signed { -half..=half - 1 } else { 0..=2 * half - 1 };
    let mask = u16::MAX >> (16 - shape.precision);
    let sample = |value: f32| (value.round() as i32).clamp(*range.start(), *range.end()) as u16 & mask;
    (0..shape.rows * shape.columns).flat_map(|i| planes.iter().map(move |plane| plane[i])).map(sample).collect()
}

/// Sizes that are easily got wrong.
#[test]
fn odd_sizes() {
    for (rows, columns) in [(1, 1), (1, 2), (1, 300), (300, 1), (2, 2), (3, 5), (63, 65), (257, 129)] {
        for components in [1, 3] {
            for (precision, signed) in [(1, false), (1, true), (8, false), (12, true), (16, false), (16, true)] {
                for content in [Content::Constant, Content::Ramp, Content::Noise] {
                    let shape = Shape { rows, columns, components, precision, signed };
                    check_round_trip(shape, &samples(&shape, content, 5));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn there_and_back((shape, content, seed) in frames()) {
        check_round_trip(shape, &samples(&shape, content, seed));
    }

    #[test]
    fn reduced_is_the_low_band((shape, content, seed) in frames().prop_filter("grey", |(shape, ..)| shape.components == 1)) {
        check_reduced(shape, &samples(&shape, content, seed));
    }

    #[test]
    fn a_second_decoder_agrees((shape, content, seed) in frames().prop_filter("unsigned", |(shape, ..)| !shape.signed)) {
        let samples = samples(&shape, content, seed);
        if let Some(stream) = lossless(shape, &samples) {
            prop_assert!(by_hayro(&stream, &shape) == samples);
        }
    }
}

#[test]
fn a_ratio_is_kept() {
    for components in [1, 3] {
        let shape = Shape { components, ..Shape::grey(300, 200, 12) };
        let samples = samples(&shape, Content::Noise, 1);
        let bits = samples.len() * 12;
        for ratio in [2_u16, 5, 20] {
            let frame = Frame { shape, samples: &samples };
            let stream = Jpeg2000.encode(&frame, &Encoding::Lossy(ratio)).expect("encoded");
            assert!(stream.len() * 8 * usize::from(ratio) <= bits * 105 / 100, "{ratio}: {} bytes", stream.len());
            let (header, back, _) = decoded(Format::Jpeg2000, &stream, &threads(2)).expect("decoded");
            assert!(header.lossy);
            let (_, again, _) = decoded(Format::Jpeg2000, &stream, &threads(1)).expect("decoded");
            assert!(back == again);
            let theirs = by_hayro(&stream, &shape);
            let apart = back.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart <= Some(1), "{apart:?}");
        }
    }
}

#[test]
fn what_is_not_encoded() {
    let check = |shape: Shape, samples: &[u16], how: Encoding, expected: &str| {
        let error = Jpeg2000.encode(&Frame { shape, samples }, &how).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    };
    let size = "the frame has another number of samples than its shape";
    check(Shape::grey(0, 0, 8), &[], Encoding::Lossless, size);
    check(Shape::grey(2, 2, 8), &[0; 3], Encoding::Lossless, size);
    let depth = "a precision other than 1 to 16 bits is not supported";
    check(Shape::grey(1, 1, 0), &[0], Encoding::Lossless, depth);
    check(Shape::grey(1, 1, 17), &[0], Encoding::Lossless, depth);
    check(Shape::grey(1, 1, 8), &[256], Encoding::Lossless, "a sample has more bits than the precision");
    check(Shape::grey(1, 1, 8), &[25], Encoding::Lossy(0), "a ratio of sizes is at least 1");
    let two = Shape { components: 2, ..Shape::grey(1, 1, 8) };
    check(two, &[0; 2], Encoding::Lossless, "a number of components other than 1 and 3 is not supported");
}
