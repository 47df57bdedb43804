//! Headers that claim too much or contradict themselves, and streams with bytes changed.

use std::time::{Duration, Instant};

use super::*;

/// The longest that any small stream may take. A busy machine decodes 2^20 samples in a tenth of it.
const TIME_MAX: Duration = Duration::from_secs(2);
/// The most samples of a stream that is decoded here.
const SAMPLES_MAX: usize = 1 << 20;

fn cases() -> u32 {
    std::env::var("TEST_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

fn stream(components: usize) -> Vec<u8> {
    let shape = Shape { components, ..Shape::grey(64, 60, 12) };
    let samples = samples(&shape, Content::Ramp, 3);
    Jpeg2000.encode(&Frame { shape, samples: &samples }, &Encoding::Lossless).expect("encoded")
}

/// Decodes whatever it is, in time. Gives how long it took.
fn survives(format: Format, stream: &[u8]) -> Duration {
    let mut slowest = Duration::ZERO;
    for missing in [Missing::Refuse, Missing::Keep] {
        let started = Instant::now();
        let how = Decoding { missing, ..threads(2) };
        let result = crate::decode(format, stream, &Shape::grey(0, 0, 0), &how, SAMPLES_MAX);
        let took = started.elapsed();
        assert!(took < TIME_MAX, "{took:?} for {} bytes: {:?}", stream.len(), result.map(|_| ()));
        slowest = slowest.max(took);
    }
    slowest
}

/// Changes a few bytes, cuts, doubles.
pub(crate) fn check_mutations(format: Format, streams: &[Vec<u8>]) {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let mut slowest = Duration::ZERO;
    for case in 0..cases() as usize {
        let mut stream = streams[case % streams.len()].clone();
        for _ in 0..=random(3) {
            // Half of all changes fall on the headers.
            let below = if random(2) == 0 { 120 } else { stream.len() };
            let at = random(below.min(stream.len()));
            match random(5) {
                0 => stream[at] = random(256) as u8,
                1 => stream[at] ^= 1 << random(8),
                2 => stream[at] = [0, 0xFF][random(2)],
                3 => stream.truncate(at.max(60)),
                _ => {
                    let copy = stream[at..].to_vec();
                    stream.extend(copy);
                }
            }
        }
        slowest = slowest.max(survives(format, &stream));
    }
    println!("{} streams, the slowest {slowest:?}", cases());
}

#[test]
fn changed_bytes() {
    let shape = Shape::grey(70, 90, 16);
    let noise = samples(&shape, Content::Noise, 4);
    let lossy = Jpeg2000.encode(&Frame { shape, samples: &noise }, &Encoding::Lossy(3)).expect("encoded");
    check_mutations(Format::Jpeg2000, &[stream(1), stream(3), lossy]);
}

/// What `inspect` says of a stream after `change`.
fn check(change: impl Fn(&mut Vec<u8>), expected: &str) {
    let mut stream = stream(3);
    change(&mut stream);
    let said = match Jpeg2000.inspect(&stream, &Shape::grey(0, 0, 0)) {
        Ok(header) => format!("{header:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expected);
    survives(Format::Jpeg2000, &stream);
}

/// Where COD's length begins.
fn cod(stream: &[u8]) -> usize {
    stream.windows(2).position(|w| w == [0xFF, 0x52]).expect("COD") + 2
}

/// Where SIZ's length begins.
const SIZ: usize = 4;

fn put32(stream: &mut [u8], at: usize, value: u32) {
    stream[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn sizes() {
    let set = |at: usize, value: u32| move |s: &mut Vec<u8>| put32(s, SIZ + at, value);
    check(|s| s[1] = 0x4E, "the frame is no JPEG 2000 stream");
    check(|s| s.truncate(30), "the code stream breaks off in its header");
    check(|s| s[SIZ + 1] = 40, "a marker segment is shorter than what it holds");
    check(set(4, 0), "the code stream has no area");
    check(set(12, 60), "the code stream has no area");
    check(set(20, 0), "the first tile lies outside the image");
    check(set(28, 1), "the first tile lies outside the image");
    check(
        |s| (put32(s, SIZ + 20, 1), put32(s, SIZ + 24, 1), put32(s, SIZ + 4, 200), put32(s, SIZ + 8, 200)).0,
        "a code stream of more than 8192 tiles is not supported",
    );
    check(|s| s[SIZ + 38] = 16, "a code stream with components of different precision is not supported");
    check(|s| [38, 41, 44].iter().for_each(|at| s[SIZ + at] = 16), "a precision above 16 bits is not supported");
    check(|s| s[SIZ + 42] = 2, "a subsampled component is not supported");
    check(|s| s[SIZ + 37] = 0, "the code stream has no component");
    check(|s| s[SIZ + 37] = 2, "a number of components other than 1 and 3 is not supported");
}

#[test]
fn coding_styles() {
    let set = |changes: &'static [(usize, u8)]| {
        move |s: &mut Vec<u8>| {
            let at = cod(s);
            changes.iter().for_each(|(offset, value)| s[at + offset] = *value);
        }
    };
    check(|s| cod(s).checked_sub(1).map_or((), |at| s[at] = 0x64), "the code stream has no coding style");
    check(set(&[(4, 0), (5, 0)]), "the code stream has no layer");
    check(set(&[(4, 0xFF), (5, 0xFF)]), "a code stream of so many packets is not supported");
    check(set(&[(4, 0x7F), (7, 0)]), "the code stream is shorter than its packets");
    check(set(&[(7, 33)]), "the code stream has more than 32 decomposition levels");
    check(set(&[(8, 9)]), "the code-blocks are larger than allowed");
    check(set(&[(10, 0x40)]), "the frame is no JPEG 2000 stream");
    check(set(&[(10, 0xC0)]), "a mix of code-blocks with and without high throughput is not supported");
    check(set(&[(11, 2)]), "a wavelet of JPEG 2000 part 2 is not supported");
    let part_2 = |s: &mut Vec<u8>| drop(s.splice(51..51, [0xFF, 0x75, 0, 2]));
    check(part_2, "a transform over components of JPEG 2000 part 2 is not supported");
}

/// A header that claims `side` by `side` samples with precincts of 2^`exponents`, and nothing behind it.
fn claim(side: u32, exponents: u8, progression: u8) -> Vec<u8> {
    let mut stream = stream(1);
    for at in [4, 8, 20, 24] {
        put32(&mut stream, SIZ + at, side);
    }
    let at = cod(&stream);
    stream[at + 2] |= 1;
    stream[at + 3] = progression;
    let levels = stream[at + 7];
    stream[at + 1] += levels + 1;
    let sizes: Vec<u8> = (0..=levels).map(|r| if r % 2 == 0 { exponents } else { exponents.rotate_left(4) }).collect();
    stream.splice(at + 12..at + 12, sizes);
    stream
}

#[test]
fn precincts() {
    let cases = [
        (1024, 0x00, true),
        (1024, 0x11, true),
        (1024, 0x22, true),
        (1024, 0x33, false),
        (1024, 0xF0, false),
        (1024, 0x0F, false),
    ];
    let cases =
        cases.into_iter().chain([(8192, 0xF0, true), (8192, 0x0F, true), (8192, 0x66, false), (1024, 0xFF, false)]);
    for (side, exponents, many) in cases {
        for progression in 0..5 {
            let stream = claim(side, exponents, progression);
            let said = Jpeg2000.inspect(&stream, &Shape::grey(0, 0, 0)).map(|_| ()).map_err(|e| e.to_string());
            let expected = "a code stream of so many packets is not supported".to_owned();
            assert_eq!(said.err().filter(|said| *said == expected).is_some(), many, "{side} {exponents:x}");
            survives(Format::Jpeg2000, &stream);
        }
    }
}

#[test]
fn a_claim_allocates_nothing() {
    let mut stream = stream(1);
    for at in [4, 8, 20, 24] {
        put32(&mut stream, SIZ + at, 65_535);
    }
    let header = Jpeg2000.inspect(&stream, &Shape::grey(0, 0, 0)).expect("a legal header");
    assert_eq!((header.shape.rows, header.shape.columns), (65_535, 65_535));
    let refused = decoded(Format::Jpeg2000, &stream, &Decoding::default());
    assert_eq!(refused.map(|_| ()), Err(CodecError::Limit { samples_max: 1 << 26 }));
}

#[test]
fn boxes() {
    let bare = stream(3);
    let (header, samples, _) = decoded(Format::Jpeg2000, &bare, &Decoding::default()).expect("decoded");
    let file = |inner: &[u8], long: bool| {
        let mut file = vec![0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0D, 0x0A, 0x87, 0x0A];
        file.extend((8 + inner.len() as u32).to_be_bytes());
        file.extend(b"jp2h");
        file.extend(inner);
        if long {
            file.extend(1_u32.to_be_bytes());
            file.extend(b"jp2c");
            file.extend((16 + bare.len() as u64).to_be_bytes());
        } else {
            file.extend(0_u32.to_be_bytes());
            file.extend(b"jp2c");
        }
        file.extend(&bare);
        file
    };
    for long in [false, true] {
        let file = file(&[], long);
        let (wrapped, same, extent) = decoded(Format::Jpeg2000, &file, &Decoding::default()).expect("decoded");
        assert_eq!((wrapped, extent), (header, Extent::Whole));
        assert!(same == samples);
        for length in 0..file.len() {
            let refused = decoded(Format::Jpeg2000, &file[..length], &Decoding::default());
            assert!(matches!(refused, Err(CodecError::BreaksOff(_) | CodecError::Other(_))), "{length}: {refused:?}");
        }
    }
    let palette = file(&[0, 0, 0, 8, b'p', b'c', b'l', b'r'], false);
    let refused = Jpeg2000.inspect(&palette, &header.shape);
    assert_eq!(refused, Err(CodecError::Unsupported("a palette")));
}
