//! JPEG XL as libjxl makes it, from pictures of our own (`data/jpeg_xl/make.py`).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{cases, decode};
use proptest::prelude::*;
use uvid_codecs::{CodecError, Extent, Format, Missing, Shape};

const ROWS: usize = 45;
const COLUMNS: usize = 37;

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/jpeg_xl")).join(name)).expect("readable")
}

/// The picture of `make.py`.
fn picture(shape: &Shape) -> Vec<u16> {
    let most = (1_usize << shape.precision) - 1;
    let mut samples = Vec::new();
    for y in 0..shape.rows {
        for x in 0..shape.columns {
            for component in 0..shape.components {
                let ramp = x * most / (2 * COLUMNS) + y * most / (3 * ROWS);
                let grain = (x * 7919 + y * 104_729 + component * 31) % 61 * (most >> 5) / 61;
                samples.push((ramp + grain).min(most) as u16);
            }
        }
    }
    samples
}

fn shape(precision: u16, components: usize) -> Shape {
    Shape { components, ..Shape::grey(ROWS, COLUMNS, precision) }
}

#[test]
fn lossless() {
    let check = |name: &str, shape: Shape| {
        // What is declared of the bits plays no part.
        let declared = Shape { precision: 16, ..shape };
        let (header, samples, extent) =
            decode(Format::JpegXl, &file(&format!("{name}.jxl")), &declared, Missing::Refuse).expect(name);
        assert_eq!((header.shape, header.lossy, header.reductions), (shape, false, 0), "{name}");
        assert_eq!((samples, extent), (picture(&shape), Extent::Whole), "{name}");
    };
    for bits in [8, 10, 12, 16] {
        check(&format!("lossless_{bits}"), shape(bits, 1));
    }
    for name in ["fast_12", "slow_12", "container_12"] {
        check(name, shape(12, 1));
    }
    check("colour_8", shape(8, 3));
    check("colour_12", shape(12, 3));
}

#[test]
fn lossy_is_what_libjxl_decodes() {
    let check = |name: &str, shape: Shape, tolerance: u16| {
        let (header, samples, extent) =
            decode(Format::JpegXl, &file(&format!("{name}.jxl")), &shape, Missing::Refuse).expect(name);
        assert_eq!((header.shape, header.lossy, extent), (shape, true, Extent::Whole), "{name}");
        let reference = file(&format!("{name}.raw"));
        let reference = reference.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
        assert_eq!(reference.len(), samples.len(), "{name}");
        let furthest = reference.zip(samples).map(|(a, b)| a.abs_diff(b)).max();
        println!("{name}: {furthest:?}");
        assert!(furthest.is_some_and(|furthest| furthest <= tolerance), "{name}: {furthest:?}");
    };
    check("lossy_8", shape(8, 1), 1);
    check("lossy_10", shape(10, 1), 1);
    check("lossy_12", shape(12, 1), 1);
    check("lossy_16", shape(16, 1), 1);
    check("colourlossy_8", shape(8, 3), 1);
    check("recompressed", shape(8, 1), 1);
}

#[test]
fn refused() {
    for name in ["alpha", "float", "turned", "film"] {
        let stream = file(&format!("{name}.jxl"));
        for missing in [Missing::Refuse, Missing::Keep] {
            let refused = decode(Format::JpegXl, &stream, &shape(8, 1), missing);
            println!("{name}: {:?}", refused.as_ref().err());
            assert!(matches!(refused, Err(CodecError::Unsupported(_))), "{name}: {refused:?}");
        }
    }
}

#[test]
fn cut() {
    for name in ["lossless_12", "lossy_12", "container_12", "colour_8"] {
        let stream = file(&format!("{name}.jxl"));
        let shape = shape(12, 1);
        for length in 0..stream.len() {
            for missing in [Missing::Refuse, Missing::Keep] {
                let cut = decode(Format::JpegXl, &stream[..length], &shape, missing);
                let told = matches!(cut, Err(CodecError::BreaksOff(_) | CodecError::Other(_)));
                assert!(told, "{name} {length}: {:?}", cut.map(|(header, ..)| header));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(128)) })]

    #[test]
    fn damaged(
        name in prop::sample::select(&["lossless_8", "lossy_12", "container_12", "colour_12", "film", "recompressed"][..]),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        header in proptest::collection::vec((0_usize..24, any::<u8>()), 0..4),
    ) {
        let mut stream = file(&format!("{name}.jxl"));
        for (place, byte) in hits {
            let at = place.index(stream.len());
            stream[at] = byte;
        }
        // Where sizes and kinds are told.
        for (at, byte) in header {
            stream[at] = byte;
        }
        let declared = shape(12, 1);
        if let Ok((header, samples, _)) =
            uvid_codecs::decode(Format::JpegXl, &stream, &declared, &Default::default(), 1 << 22)
        {
            let most = u16::MAX >> (16 - header.shape.precision);
            prop_assert!(samples.iter().all(|sample| *sample <= most));
        }
    }
}
