//! What is encoded here comes back; what is cut or damaged never comes back as if it were whole.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Content, SAMPLES_MAX, cases, codec, decode, picture};
use proptest::prelude::*;
use uvid_codecs::{CodecError, Encoding, Extent, Format, Frame, Missing, Shape};

/// A format's precisions, and whether it keeps the shape's precision.
const LOSSLESS: &[(Format, std::ops::RangeInclusive<u16>)] =
    &[(Format::Rle, 1..=16), (Format::JpegLs, 2..=16), (Format::DeflatedFrame, 1..=16)];

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        any::<u16>().prop_map(Content::Constant),
        Just(Content::Ramp),
        any::<u32>().prop_map(Content::Noise),
        any::<u32>().prop_map(Content::Half),
    ]
}

fn sides() -> impl Strategy<Value = (usize, usize)> {
    prop_oneof![Just((1, 1)), (1_usize..40, 1_usize..40), (1_usize..3, 1_usize..300), (1_usize..300, 1_usize..3)]
}

fn shape() -> impl Strategy<Value = Shape> {
    (sides(), prop_oneof![Just(1_usize), Just(3)], 1_u16..=16, any::<bool>()).prop_map(
        |((rows, columns), components, precision, signed)| Shape { rows, columns, components, precision, signed },
    )
}

fn encode(format: Format, shape: &Shape, samples: &[u16], how: Encoding) -> Vec<u8> {
    codec(format).encode(&Frame { shape: *shape, samples }, &how).expect("encodes")
}

fn furthest(a: &[u16], b: &[u16]) -> u16 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(256)) })]

    #[test]
    fn lossless(shape in shape(), content in content()) {
        for (format, precisions) in LOSSLESS {
            let shape = Shape { precision: shape.precision.max(*precisions.start()), ..shape };
            let samples = picture(&shape, content);
            let stream = encode(*format, &shape, &samples, Encoding::Lossless);
            let (header, decoded, extent) = decode(*format, &stream, &shape, Missing::Refuse)?;
            prop_assert_eq!(decoded, samples);
            prop_assert_eq!((header.lossy, header.reductions, extent), (false, 0, Extent::Whole));
            let precision = if *format == Format::Rle { shape.precision.next_multiple_of(8) } else { shape.precision };
            prop_assert_eq!(header.shape, Shape { precision, ..shape });
        }
    }

    #[test]
    fn near_lossless(shape in shape(), content in content(), near in 1_u16..=255) {
        let shape = Shape { precision: shape.precision.max(2), ..shape };
        let near = near.min((u16::MAX >> (16 - shape.precision)) / 2);
        let samples = picture(&shape, content);
        let stream = encode(Format::JpegLs, &shape, &samples, Encoding::Lossy(near));
        let (header, decoded, extent) = decode(Format::JpegLs, &stream, &shape, Missing::Refuse)?;
        prop_assert_eq!((header.shape, header.lossy, extent), (shape, true, Extent::Whole));
        prop_assert!(furthest(&decoded, &samples) <= near);
    }

    /// A cosine transform at quality 100 leaves a grey ramp within a few steps of rounding.
    #[test]
    fn jpeg(shape in shape(), twelve: bool, loss in 0_u16..100) {
        let shape = Shape { precision: if twelve { 12 } else { 8 }, ..shape };
        for content in [Content::Ramp, Content::Constant(100), Content::Half(7), Content::Noise(7)] {
            let samples = picture(&shape, content);
            let stream = encode(Format::JpegDct, &shape, &samples, Encoding::Lossy(loss));
            let (header, decoded, extent) = decode(Format::JpegDct, &stream, &shape, Missing::Refuse)?;
            prop_assert_eq!((header.shape, header.lossy, extent), (shape, true, Extent::Whole));
            if content == Content::Constant(100) && loss == 0 {
                prop_assert!(furthest(&decoded, &samples) <= 2);
            }
        }
    }

    /// No panic, no claim that is not there, and every sample within its bits, whatever the bytes.
    #[test]
    fn damaged(
        shape in shape(), content in content(),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let twelve = Shape { precision: if shape.precision > 8 { 12 } else { 8 }, ..shape };
        let shape = Shape { precision: shape.precision.max(2), ..shape };
        let lossless = LOSSLESS.iter().map(|(format, _)| (*format, shape, Encoding::Lossless));
        let others = [(Format::JpegLs, shape, Encoding::Lossy(1)), (Format::JpegDct, twelve, Encoding::Lossy(10))];
        for (format, shape, how) in lossless.chain(others) {
            let mut stream = encode(format, &shape, &picture(&shape, content), how);
            for (place, byte) in &hits {
                let at = place.index(stream.len());
                stream[at] = *byte;
            }
            if let Some(cut) = cut {
                stream.truncate(cut.index(stream.len()));
            }
            for missing in [Missing::Refuse, Missing::Keep] {
                if let Ok((header, decoded, _)) = decode(format, &stream, &shape, missing) {
                    let most = u16::MAX >> (16 - header.shape.precision);
                    prop_assert!(decoded.len() <= SAMPLES_MAX && decoded.iter().all(|sample| *sample <= most));
                }
            }
        }
    }

    #[test]
    fn anything(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0_usize..6) {
        let starts: [&[u8]; 6] =
            [&[], &[0xFF, 0xD8, 0xFF], &[0xFF, 0x0A], &[0xFF, 0xD8, 0xFF, 0xF7], &[1, 0, 0, 0, 64, 0, 0, 0], &[0xFF, 0xD8, 0xFF, 0xC1]];
        bytes.splice(0..0, starts[start].iter().copied());
        for format in Format::ALL {
            let _ = decode(*format, &bytes, &Shape::grey(7, 5, 12), Missing::Keep);
        }
    }
}

/// Cuts a stream at every place.
#[test]
fn cut() {
    let check = |format, shape: Shape, how| {
        let samples = picture(&shape, Content::Half(3));
        let stream = encode(format, &shape, &samples, how);
        let (_, whole, _) = decode(format, &stream, &shape, Missing::Refuse).expect("whole");
        let mut parts = 0;
        for length in 0..stream.len() {
            let cut = &stream[..length];
            match decode(format, cut, &shape, Missing::Refuse) {
                Err(CodecError::BreaksOff(_) | CodecError::Other(_)) => {}
                Ok((_, samples, Extent::Whole)) => assert_eq!(samples, whole, "{format:?} {length}"),
                other => panic!("{format:?} {length}: {other:?}"),
            }
            match decode(format, cut, &shape, Missing::Keep) {
                Ok((_, samples, Extent::Part)) => {
                    let wrong = samples.iter().zip(&whole).filter(|(part, whole)| part != whole && **part != 0).count();
                    assert!(wrong <= wrong_max(format, &shape), "{format:?} {length}: {wrong} samples are wrong");
                    parts += 1;
                }
                Ok((_, samples, Extent::Whole)) => assert_eq!(samples, whole, "{format:?} {length}"),
                Err(_) => {}
            }
        }
        let tells = format != Format::DeflatedFrame || shape.precision > 8;
        assert!(!tells || parts > stream.len() / 4, "{format:?}: only {parts} of {} cuts leave a part", stream.len());
    };
    for components in [1, 3] {
        for precision in [8, 12] {
            let shape = Shape { components, ..Shape::grey(19, 23, precision) };
            check(Format::Rle, shape, Encoding::Lossless);
            check(Format::DeflatedFrame, shape, Encoding::Lossless);
            check(Format::JpegLs, shape, Encoding::Lossless);
            check(Format::JpegLs, shape, Encoding::Lossy(2));
            check(Format::JpegDct, shape, Encoding::Lossy(5));
        }
    }
}

/// CharLS gives whole lines, and takes zeros for the bits that are missing from the last.
fn wrong_max(format: Format, shape: &Shape) -> usize {
    if format == Format::JpegLs { shape.columns * shape.components } else { 0 }
}

/// A frame header that claims 65500 x 65500 is stopped before anything is allocated.
#[test]
fn claims() {
    let shape = Shape::grey(8, 8, 12);
    for (format, how, sof) in [(Format::JpegLs, Encoding::Lossless, 0xF7), (Format::JpegDct, Encoding::Lossy(5), 0xC1)]
    {
        let mut stream = encode(format, &shape, &picture(&shape, Content::Ramp), how);
        let at = stream.windows(2).position(|w| w == [0xFF, sof]).expect("has a frame header") + 5;
        stream[at..at + 4].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
        let limit = decode(format, &stream, &shape, Missing::Keep).map(|_| ());
        assert_eq!(limit, Err(CodecError::Limit { samples_max: SAMPLES_MAX }), "{format:?}");
        // A claim that passes the limit is refused where the stream does not bear it out.
        stream[at..at + 4].copy_from_slice(&[0, 9, 0, 8]);
        assert!(decode(format, &stream, &shape, Missing::Refuse).is_err(), "{format:?}");
    }
}

#[test]
fn what_cannot_be_encoded() {
    let check = |format: Format, shape: Shape, samples: &[u16], how| {
        let got = codec(format).encode(&Frame { shape, samples }, &how);
        assert!(
            matches!(got, Err(CodecError::Invalid(_) | CodecError::Unsupported(_) | CodecError::Library(_))),
            "{got:?}"
        );
    };
    for format in [Format::Rle, Format::JpegLs, Format::DeflatedFrame, Format::JpegDct] {
        let how = if format == Format::JpegDct { Encoding::Lossy(5) } else { Encoding::Lossless };
        check(format, Shape::grey(1, 2, 12), &[1], how);
        check(format, Shape::grey(1, 1, 12), &[4096], how);
        check(format, Shape::grey(0, 1, 12), &[], how);
        check(format, Shape { components: 2, ..Shape::grey(1, 1, 12) }, &[1, 1], how);
    }
    check(Format::JpegDct, Shape::grey(1, 1, 12), &[1], Encoding::Lossless);
    check(Format::JpegDct, Shape::grey(1, 1, 12), &[1], Encoding::Lossy(100));
    check(Format::JpegDct, Shape::grey(1, 1, 10), &[1], Encoding::Lossy(5));
    check(Format::JpegLs, Shape::grey(1, 1, 1), &[1], Encoding::Lossless);
    check(Format::JpegLs, Shape::grey(1, 1, 8), &[1], Encoding::Lossy(128));
    check(Format::JpegLs, Shape::grey(1, 65536, 8), &[0; 65536], Encoding::Lossless);
    check(Format::Rle, Shape::grey(1, 1, 8), &[1], Encoding::Lossy(1));
}

/// A byte of the preset parameters, and the end cut off: CharLS gives samples of 16 bits under a header of 13.
#[test]
fn a_damaged_jpeg_ls_stream_stays_within_its_bits() {
    let shape = Shape { rows: 32, columns: 13, components: 3, precision: 13, signed: false };
    let whole = encode(Format::JpegLs, &shape, &picture(&shape, Content::Ramp), Encoding::Lossless);
    let mut refused = 0;
    for (at, byte) in (0..whole.len().min(80)).flat_map(|at| [0, 3, 255].map(|byte| (at, byte))) {
        let mut stream = whole.clone();
        stream[at] = byte;
        for end in [64, 100, stream.len()] {
            match decode(Format::JpegLs, &stream[..end], &shape, Missing::Keep) {
                Ok((header, decoded, _)) => {
                    let most = u16::MAX >> (16 - header.shape.precision);
                    assert!(decoded.iter().all(|sample| *sample <= most), "byte {at} is {byte}, cut at {end}");
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 0);
}
