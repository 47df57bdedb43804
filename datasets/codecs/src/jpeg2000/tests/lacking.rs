//! Streams with an end, whose tile-parts say themselves that they are shorter than they were.

use super::*;

/// Where tile-parts begin.
fn tile_parts(stream: &[u8]) -> Vec<usize> {
    (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0xFF, 0x90, 0, 10])).collect()
}

/// Where the data of the tile-part at `sot` begin and end.
fn data(stream: &[u8], sot: usize) -> std::ops::Range<usize> {
    let length = u32::from_be_bytes(*stream[sot + 6..].first_chunk().expect("Psot")) as usize;
    let sod = stream[sot..].windows(2).position(|w| w == [0xFF, 0x93]).expect("SOD");
    sot + sod + 2..sot + length
}

/// The stream without `lost`, which is of the tile-part at `sot`.
fn without(stream: &[u8], sot: usize, lost: std::ops::Range<usize>, up_to_end: bool) -> Vec<u8> {
    let length = if up_to_end { 0 } else { lost.start - sot };
    let mut short = [&stream[..lost.start], &stream[lost.end..]].concat();
    short[sot + 6..sot + 10].copy_from_slice(&(length as u32).to_be_bytes());
    short
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    cuts: usize,
    /// For which the library alone has no fault to find.
    unseen: usize,
    /// Of which nothing is kept.
    lost: usize,
}

/// Refused, and kept as no more than a part, or not at all where the library does not make sense of it.
fn check(format: Format, short: &[u8], counts: &mut Counts, what: &str) {
    let refused = decoded(format, short, &Decoding::default());
    counts.cuts += 1;
    match &refused {
        Err(CodecError::BreaksOff(place)) => {
            assert_eq!(*place, "before its last packet", "{what}");
            counts.unseen += 1;
        }
        Err(CodecError::Library(_)) => {}
        other => panic!("{what}: {other:?}"),
    }
    match decoded(format, short, &Decoding { missing: Missing::Keep, ..Decoding::default() }) {
        Ok((.., extent)) => assert_eq!(extent, Extent::Part, "{what}"),
        Err(error) => {
            counts.lost += 1;
            assert!(
                matches!((refused, &error), (Err(CodecError::Library(_)), CodecError::Library(_))),
                "{what}: {error}"
            );
        }
    }
}

/// Every cut of the last tile-part of a tile.
fn check_cuts(format: Format, stream: &[u8], counts: &mut Counts, name: &str) {
    let parts = tile_parts(stream);
    let tile = |sot: usize| stream[sot + 4..sot + 6].to_vec();
    for (i, sot) in parts.iter().enumerate() {
        if parts[i + 1..].iter().any(|later| tile(*later) == tile(*sot)) {
            continue;
        }
        let data = data(stream, *sot);
        for at in data.clone() {
            check(format, &without(stream, *sot, at..data.end, false), counts, &format!("{name} at {at}"));
            if data.end + 2 == stream.len() && (at % 8 == 0 || data.len() < 100) {
                let short = without(stream, *sot, at..data.end, true);
                check(format, &short, counts, &format!("{name} at {at}, up to the end"));
            }
        }
    }
}

#[test]
fn packets() {
    let mut counts = Counts::default();
    for case in streams::JPEG2000 {
        check_cuts(Format::Jpeg2000, &streams::stream(case.name), &mut counts, case.name);
    }
    for (shape, how) in [
        (Shape::grey(40, 50, 12), Encoding::Lossless),
        (Shape::grey(1, 1, 8), Encoding::Lossless),
        (Shape { components: 3, ..Shape::grey(33, 35, 8) }, Encoding::Lossy(4)),
    ] {
        let samples = samples(&shape, Content::Ramp, 3);
        let stream = Jpeg2000.encode(&Frame { shape, samples: &samples }, &how).expect("encoded");
        check_cuts(Format::Jpeg2000, &stream, &mut counts, "ours");
    }
    println!("{counts:?}");
    assert!(counts.unseen > 100, "{counts:?}");
}

#[test]
fn packets_of_high_throughput() {
    let mut counts = Counts::default();
    for case in streams::HTJ2K.iter().filter(|case| !case.name.contains("16_bits")) {
        check_cuts(Format::Htj2k, &streams::stream(case.name), &mut counts, case.name);
    }
    println!("{counts:?}");
    assert!(counts.unseen > 100, "{counts:?}");
}

/// Where tile-parts do not say how many they are, one that is dropped leaves a stream that looks whole.
#[test]
fn tile_parts_of_unknown_number() {
    for (format, name) in [(Format::Jpeg2000, "tile_parts.j2k"), (Format::Htj2k, "ht_tile_parts.j2c")] {
        let mut stream = streams::stream(name);
        let (_, whole, _) = decoded(format, &stream, &Decoding::default()).expect("decoded");
        let parts = tile_parts(&stream);
        parts.iter().for_each(|sot| stream[sot + 11] = 0);
        let (_, same, extent) = decoded(format, &stream, &Decoding::default()).expect("decoded");
        assert!((same, extent) == (whole, Extent::Whole), "{name}");
        let mut counts = Counts::default();
        for end in &parts[parts.len() - 2..] {
            check(format, &[&stream[..*end], &[0xFF, 0xD9]].concat(), &mut counts, name);
        }
        assert_eq!(counts, Counts { cuts: 2, unseen: 2, lost: 0 }, "{name}");
    }
}

/// One sample, halved 32 times, in two layers: but for the first resolution, no packet has a code-block to tell of.
#[test]
fn packets_without_code_blocks() {
    let mut stream = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
    // Image, its offset, tile, its offset; a component of 8 bits.
    stream.extend([1_u32, 1, 0, 0, 1, 1, 0, 0].map(u32::to_be_bytes).concat());
    stream.extend([0, 1, 7, 1, 1]);
    // COD: LRCP, two layers, 32 levels, code-blocks of 64 by 64, 5-3. QCD: no quantization, 8 bits.
    stream.extend([0xFF, 0x52, 0, 12, 0, 0, 0, 2, 0, 32, 4, 4, 0, 1]);
    stream.extend([0xFF, 0x5C, 0, 100, 0x40]);
    stream.extend([8 << 3; 97]);
    const PACKETS: usize = 2 * 33;
    stream.extend([0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 14 + PACKETS as u8, 0, 1, 0xFF, 0x93]);
    stream.extend([0; PACKETS]);
    stream.extend([0xFF, 0xD9]);
    let (_, back, extent) = decoded(Format::Jpeg2000, &stream, &Decoding::default()).expect("decoded");
    assert_eq!((back, extent), (vec![128], Extent::Whole));
    let mut counts = Counts::default();
    check_cuts(Format::Jpeg2000, &stream, &mut counts, "one sample");
    assert_eq!(counts, Counts { cuts: 2 * PACKETS, unseen: 2 * PACKETS - 2, lost: 2 });
}

#[test]
fn packet_headers_apart() {
    for marker in [0x60, 0x61] {
        let mut stream = streams::stream("rlcp_layers.j2k");
        let at = if marker == 0x60 { tile_parts(&stream)[0] } else { tile_parts(&stream)[0] + 12 };
        stream.splice(at..at, [0xFF, marker, 0, 4, 0, 0]);
        let refused = Jpeg2000.inspect(&stream, &Shape::grey(0, 0, 0));
        let expected = CodecError::Unsupported("a code stream with packet headers apart from their packets");
        assert_eq!(refused, Err(expected));
    }
}
