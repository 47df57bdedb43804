use proptest::prelude::*;

use super::*;

fn frame(segments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = (segments.len() as u32).to_le_bytes().to_vec();
    let mut at = 64_u32;
    for segment in segments {
        bytes.extend(at.to_le_bytes());
        at += segment.len() as u32;
    }
    bytes.resize(64, 0);
    bytes.extend(segments.iter().flat_map(|s| s.iter()));
    bytes
}

fn decoded(stream: &[u8], declared: Shape, missing: Missing) -> Result<(Vec<u16>, Extent), CodecError> {
    let how = Decoding { missing, ..Decoding::default() };
    let (_, samples, extent) = crate::decode(Format::Rle, stream, &declared, &how, 1 << 20)?;
    Ok((samples, extent))
}

#[test]
fn segments_to_samples() {
    let check = |segments: &[&[u8]], columns, components, expected: Result<&[u16], CodecError>| {
        let shape = Shape { components, ..Shape::grey(1, columns, 12) };
        let got = decoded(&frame(segments), shape, Missing::Refuse);
        assert_eq!(got, expected.map(|samples| (samples.to_vec(), Extent::Whole)));
    };
    check(&[&[1, 7, 8, 0xFE, 9]], 5, 1, Ok(&[7, 8, 9, 9, 9]));
    check(&[&[0xFD, 1], &[0x80, 3, 1, 2, 3, 4]], 4, 1, Ok(&[0x101, 0x102, 0x103, 0x104]));
    check(&[&[1, 1, 2], &[1, 3, 4], &[0xFF, 5]], 2, 3, Ok(&[1, 3, 5, 2, 4, 5]));
    let six: [&[u8]; 6] = [&[0, 1], &[0, 2], &[0, 3], &[0, 4], &[0, 5], &[0, 6]];
    check(&six, 1, 3, Ok(&[0x102, 0x304, 0x506]));
    // A segment may not stay behind the frame, nor reach beyond it.
    check(&[&[0xFE, 5]], 4, 1, Err(CodecError::BreaksOff("in an RLE segment")));
    check(&[&[3, 5]], 4, 1, Err(CodecError::BreaksOff("in an RLE segment")));
    check(&[&[0xFE, 5], &[0xFD, 5]], 4, 1, Err(CodecError::Invalid("an RLE segment is too short")));
    let number = "the number of RLE segments is not that of the bytes of a pixel";
    check(&[&[0xFD, 1]], 4, 3, Err(CodecError::Invalid(number)));
    check(&[&[0xFD, 1], &[0xFD, 1], &[0xFD, 1]], 4, 1, Err(CodecError::Invalid(number)));
}

/// What a segment may hold behind the last byte of the frame.
#[test]
fn what_is_left_of_a_segment() {
    let long = Err(CodecError::Invalid("an RLE segment is longer than the frame"));
    let check = |left: &[u8], expected: Result<Extent, CodecError>| {
        for code in [&[0xFD, 5][..], &[3, 5, 5, 5, 5], &[0xFF, 5, 1, 5, 5]] {
            let segment = &[code, left].concat()[..];
            for (segments, components) in [(&[segment][..], 1), (&[segment, code], 1), (&[code, code, segment], 3)] {
                for missing in [Missing::Refuse, Missing::Keep] {
                    let shape = Shape { components, ..Shape::grey(2, 2, 8) };
                    let extent = decoded(&frame(segments), shape, missing).map(|(_, extent)| extent);
                    assert_eq!(extent, expected, "{left:?} {components} {missing:?}");
                }
            }
        }
    };
    check(&[], Ok(Extent::Whole));
    check(&[0], Ok(Extent::Whole));
    check(&[128], Ok(Extent::Whole));
    check(&[128, 128, 128, 0], Ok(Extent::Whole));
    check(&[0, 0], long.clone());
    check(&[5], long.clone());
    check(&[0xFD], long.clone());
    check(&[128, 0, 128], long.clone());
    check(&[0xFD, 5], long.clone());
    check(&[3, 5, 5, 5, 5], long.clone());
    // A code that reaches beyond the frame, by a byte or by most of itself; across rows it may.
    let beyond = |segment: &[u8]| decoded(&frame(&[segment]), Shape::grey(2, 2, 8), Missing::Refuse).map(|_| ());
    assert_eq!(beyond(&[0xFC, 5]), long.clone().map(|_| ()));
    assert_eq!(beyond(&[0x81, 5]), long.clone().map(|_| ()));
    assert_eq!(beyond(&[4, 5, 5, 5, 5, 5]), long.map(|_| ()));
}

#[test]
fn a_frame_of_more_rows_than_declared() {
    for precision in [8, 16] {
        for components in [1, 3] {
            let shape = Shape { components, ..Shape::grey(64, 80, precision) };
            let samples: Vec<u16> = (0..64 * 80 * components).map(|at| (at / 7 % 200) as u16).collect();
            let stream = Rle.encode(&Frame { shape, samples: &samples }, &Encoding::Lossless).expect("encodes");
            for rows in [1, 32, 63] {
                let fewer = decoded(&stream, Shape { rows, ..shape }, Missing::Keep).map(|_| ());
                assert_eq!(fewer, Err(CodecError::Invalid("an RLE segment is longer than the frame")), "{rows}");
            }
        }
    }
}

#[test]
fn the_segments_tell_the_precision() {
    let precision = |segments: &[&[u8]], declared| {
        Rle.inspect(&frame(segments), &Shape::grey(1, 1, declared)).map(|header| header.shape.precision)
    };
    assert_eq!(precision(&[&[0, 1]], 8), Ok(8));
    assert_eq!(precision(&[&[0, 1], &[0, 1]], 8), Ok(16));
    assert_eq!(precision(&[&[0, 1], &[0, 1]], 12), Ok(16));
}

#[test]
fn hostile_headers() {
    let check = |stream: &[u8]| {
        for missing in [Missing::Refuse, Missing::Keep] {
            assert!(decoded(stream, Shape::grey(2, 2, 8), missing).is_err());
        }
    };
    let mut claims = vec![0xFF; 64];
    check(&claims);
    check(&[1, 0, 0]);
    check(&[0; 64]);
    claims.resize(200, 0);
    claims[..4].copy_from_slice(&2_u32.to_le_bytes());
    claims[4..8].copy_from_slice(&100_u32.to_le_bytes());
    claims[8..12].copy_from_slice(&64_u32.to_le_bytes());
    check(&claims);
    claims[4..8].copy_from_slice(&0_u32.to_le_bytes());
    check(&claims);
}

#[test]
fn half_a_sample_is_none() {
    let mut stream = frame(&[&[3, 1, 1, 1, 1], &[3, 5, 6, 7, 8]]);
    stream.truncate(stream.len() - 2);
    let got = decoded(&stream, Shape::grey(2, 2, 16), Missing::Keep);
    assert_eq!(got, Ok((vec![0x105, 0x106, 0, 0], Extent::Part)));
    stream.truncate(67);
    assert_eq!(decoded(&stream, Shape::grey(2, 2, 16), Missing::Keep), Ok((vec![0; 4], Extent::Part)));
}

#[test]
fn packing() {
    let check = |row: &[u8], expected: &[u8]| {
        let mut out = Vec::new();
        pack(row, &mut out);
        assert_eq!(out, expected);
    };
    check(&[], &[]);
    check(&[9], &[0, 9]);
    check(&[9, 9], &[0xFF, 9]);
    check(&[1, 2, 2, 3], &[3, 1, 2, 2, 3]);
    check(&[1, 2, 2, 2, 3], &[0, 1, 0xFE, 2, 0, 3]);
    check(&[7; 129], &[0x81, 7, 0, 7]);
}

proptest! {
    #[test]
    fn packing_costs_a_byte_in_128(row in proptest::collection::vec(0_u8..3, 1..1000)) {
        let mut out = Vec::new();
        pack(&row, &mut out);
        prop_assert!(out.len() <= row.len() + row.len().div_ceil(128));
    }
}
