//! Any small frame: what an encoder of ours makes of it decodes to it, whole; and cut off anywhere, to a part or an
//! error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_codecs::{CodecError, Decoding, Encoding, Extent, Format, Frame, Missing, Shape, decode};

/// Rows and columns.
const SIDE_MAX: usize = 80;

fuzz_target!(|input: &[u8]| {
    let Some((shape, near, bytes)) = uvid_fuzz::parts(input) else { return };
    let shape = Shape { rows: shape.rows % SIDE_MAX + 1, columns: shape.columns % SIDE_MAX + 1, ..shape };
    let Some(count) = shape.samples() else { return };
    let (cut, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    let words = bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b.get(1).copied().unwrap_or(0)]));
    let mask = u16::MAX >> (16 - shape.precision);
    // Too few bytes are followed by their last word, as a background follows a breast.
    let last = words.clone().last().unwrap_or(0);
    let samples: Vec<u16> = words.chain(std::iter::repeat(last)).map(|w| w & mask).take(count).collect();

    for format in Format::ALL.iter().copied() {
        let stream = match format.codec().encode(&Frame { shape, samples: &samples }, &Encoding::Lossless) {
            Ok(stream) => stream,
            Err(CodecError::NoEncoder | CodecError::Unsupported(_)) => continue,
            Err(error) => panic!("{format:?} does not encode {shape:?}: {error}"),
        };
        let (header, decoded, extent) = decode(format, &stream, &shape, &Decoding::default(), count)
            .unwrap_or_else(|error| panic!("{format:?} does not decode what it encoded of {shape:?}: {error}"));
        // Formats that have no single bit, or no sign, code the samples as something wider, or as what they are declared.
        let coded = Shape { precision: header.shape.precision.max(shape.precision), ..shape };
        assert_eq!((header.shape, header.lossy, extent), (coded, false, Extent::Whole), "{format:?}");
        assert!(decoded.iter().map(|s| s & mask).eq(samples.iter().copied()), "{format:?} of {shape:?}: other samples");

        let end = stream.len() * usize::from(*cut) / 256;
        for missing in [Missing::Refuse, Missing::Keep] {
            let _ = decode(format, &stream[..end], &shape, &Decoding { missing, ..Decoding::default() }, count);
        }
    }
    if near > 0 && !shape.signed {
        let encoding = Encoding::Lossy(near.into());
        let Ok(stream) = Format::JpegLs.codec().encode(&Frame { shape, samples: &samples }, &encoding) else { return };
        let (_, decoded, _) = decode(Format::JpegLs, &stream, &shape, &Decoding::default(), count)
            .expect("JPEG-LS decodes what it encoded");
        let furthest = decoded.iter().zip(&samples).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(near.into()), "near-lossless by {near}: off by {furthest:?}");
    }
});
