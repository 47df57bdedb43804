//! The fast path against the reference, and both against what was encoded.

mod layout;

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::scan::Stream;
use super::*;
use crate::{Missing, decode};

const SAMPLES_MAX: usize = 1 << 24;

/// Values that look like parts of a mammogram: black, a ramp, tissue with a little noise, pure noise.
fn samples(kind: u8, shape: &Shape, seed: u64) -> Vec<u16> {
    let mask = u16::MAX >> (16 - shape.precision);
    let mut state = seed | 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u16
    };
    let count = shape.samples().expect("small");
    (0..count)
        .map(|i| match kind {
            0 => 0,
            1 => i as u16,
            2 => {
                let column = i % (shape.columns * shape.components);
                if column * 2 < shape.columns { 0 } else { (column as u16) * 3 + random() % 9 }
            }
            3 => if random() % 50 == 0 { random() } else { 7 },
            _ => random(),
        } & mask)
        .collect()
}

fn by_reference(stream: &[u8], shape: &Shape) -> Vec<u16> {
    let mut out = vec![0; shape.samples().expect("small")];
    let mut opened = Stream::open(stream).expect("opens");
    let scan = opened.scan(Missing::Refuse).expect("a scan").expect("a scan");
    assert_eq!(reference::decode(&scan, shape, &Decoding::default(), &mut out), Ok(Extent::Whole));
    out
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(
        rows in 1_usize..40, columns in 1_usize..300, precision in 1_u16..=16, selection in 1_u8..=7, transform in 0_u8..3,
        restart_rows in 0_usize..9, threads in 1_usize..4, kind in 0_u8..5, seed: u64,
    ) {
        let shape = Shape::grey(rows, columns, precision);
        let transform = transform.min(precision as u8 - 1);
        let original = samples(kind, &shape, seed);
        let options = Options { selection, transform, restart_rows };
        let stream = encode(&Frame { shape, samples: &original }, &options).expect("encodes");
        let how = Decoding { threads: NonZeroUsize::new(threads).expect("not 0"), ..Decoding::default() };
        let (header, decoded, extent) = decode(Format::JpegLossless, &stream, &shape, &how, SAMPLES_MAX).expect("decodes");
        prop_assert_eq!(extent, Extent::Whole);
        prop_assert_eq!(header.shape, Shape::grey(rows, columns, precision.max(2)));
        prop_assert_eq!(header.lossy, transform > 0);
        let expected: Vec<u16> = original.iter().map(|v| v >> transform << transform).collect();
        prop_assert_eq!(&decoded, &expected);
        prop_assert_eq!(by_reference(&stream, &header.shape), expected);
    }

    #[test]
    fn colour_comes_back(
        rows in 1_usize..20, columns in 1_usize..40, precision in 2_u16..=16, selection in 1_u8..=7, seed: u64,
    ) {
        let shape = Shape { components: 3, ..Shape::grey(rows, columns, precision) };
        let original = samples(4, &shape, seed);
        let options = Options { selection, ..Options::default() };
        let stream = encode(&Frame { shape, samples: &original }, &options).expect("encodes");
        let decoded = decode(Format::JpegLossless, &stream, &shape, &Decoding::default(), SAMPLES_MAX).expect("decodes");
        prop_assert_eq!(decoded.1, original);
    }

    /// Any damage gives the same from both decoders: the same samples, or an error.
    #[test]
    fn damage_is_seen_alike(
        columns in 1_usize..80, selection in 1_u8..=7, restart_rows in 0_usize..4, kind in 0_u8..5, seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), keep: bool,
    ) {
        let shape = Shape::grey(12, columns, 12);
        let options = Options { selection, restart_rows, ..Options::default() };
        let mut stream = encode(&Frame { shape, samples: &samples(kind, &shape, seed) }, &options).expect("encodes");
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let missing = if keep { Missing::Keep } else { Missing::Refuse };
        let how = Decoding { missing, ..Decoding::default() };
        let fast = decode(Format::JpegLossless, &stream, &shape, &how, 1 << 20);
        let Ok(header) = JpegLossless.inspect(&stream, &shape) else {
            prop_assert!(fast.is_err());
            return Ok(());
        };
        let Some(count) = header.shape.samples().filter(|count| *count <= 1 << 20 && header.shape.components == 1) else {
            return Ok(());
        };
        let mut out = vec![0; count];
        let slow = match Stream::open(&stream).expect("inspected").scan(missing) {
            Ok(Some(scan)) => reference::decode(&scan, &header.shape, &how, &mut out),
            Ok(None) => Ok(Extent::Part),
            Err(error) => Err(error),
        };
        prop_assert_eq!(fast.map(|(_, samples, extent)| (samples, extent)), slow.map(|extent| (out, extent)));
    }

    #[test]
    fn any_bytes_are_an_error_or_samples(mut bytes in prop::collection::vec(any::<u8>(), 0..200), start: bool) {
        if start {
            bytes.splice(0..0, [0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0]);
        }
        let _ = decode(Format::JpegLossless, &bytes, &Shape::grey(4, 4, 8), &Decoding::default(), 1 << 20);
    }
}

/// Legal or not, tables occur that have several codes for one category, or a code of zeros for another than 0.
#[test]
fn odd_tables() {
    let shape = Shape::grey(40, 90, 16);
    let check = |lengths: [u8; 16], values: &[u8]| {
        let mut stream = vec![0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 16, 0, 40, 0, 90, 1, 1, 0x11, 0];
        stream.extend([0xFF, 0xC4, 0, 19 + values.len() as u8, 0]);
        stream.extend(lengths);
        stream.extend(values);
        stream.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0]);
        let noise: Vec<u8> = samples(4, &Shape::grey(1, 9000, 16), 77).into_iter().map(|v| v as u8).collect();
        let stuffed = |byte: u8| [byte, 0].into_iter().take(if byte == 0xFF { 2 } else { 1 });
        let with = |count: usize| {
            [&stream[..], &noise[..count].iter().copied().flat_map(stuffed).collect::<Vec<_>>()].concat()
        };
        // As many bytes as the frame takes.
        let lengths: Vec<usize> = (0..noise.len()).collect();
        let count = lengths.partition_point(|&count| {
            let decoded = decode(Format::JpegLossless, &with(count), &shape, &Decoding::default(), SAMPLES_MAX);
            matches!(decoded, Err(CodecError::BreaksOff(_)))
        });
        let stream = with(count);
        let decoded = decode(Format::JpegLossless, &stream, &shape, &Decoding::default(), SAMPLES_MAX);
        assert_eq!(decoded.map(|d| d.1), Ok(by_reference(&stream, &shape)), "{lengths:?} {values:?}");
    };
    let of = |few: &[u8]| std::array::from_fn(|i| few.get(i).copied().unwrap_or(0));
    check(of(&[0, 4]), &[0, 0, 1, 2]);
    check(of(&[0, 4]), &[1, 0, 0, 3]);
    check(of(&[2]), &[0, 0]);
    check(of(&[2]), &[2, 0]);
    let long = std::array::from_fn(|i| if i == 15 { 2 } else { 1 });
    check(long, &[5, 0, 16, 4, 3, 7, 8, 15, 1, 2, 6, 9, 10, 11, 12, 13, 14]);
}

#[test]
fn truncated_streams() {
    let shape = Shape::grey(30, 50, 12);
    for restart_rows in [0, 7] {
        let original = samples(2, &shape, 5);
        let options = Options { restart_rows, ..Options::default() };
        let stream = encode(&Frame { shape, samples: &original }, &options).expect("encodes");
        let mut parts = 0;
        for length in 0..stream.len() - 2 {
            let cut = &stream[..length];
            let refused = decode(Format::JpegLossless, cut, &shape, &Decoding::default(), SAMPLES_MAX);
            // Of the last byte, all bits may be fill.
            assert!(refused.is_err() || length + 3 > stream.len(), "{length}");
            let keep = Decoding { missing: Missing::Keep, ..Decoding::default() };
            let Ok((_, kept, extent)) = decode(Format::JpegLossless, cut, &shape, &keep, SAMPLES_MAX) else { continue };
            if extent == Extent::Part {
                parts += 1;
                let agree = kept.iter().zip(&original).take_while(|(a, b)| a == b).count();
                assert!(kept[agree..].iter().all(|&v| v == 0), "{length}: {agree}");
            }
        }
        assert!(parts > stream.len() / 2, "{parts}");
    }
}
