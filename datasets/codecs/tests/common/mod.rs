//! What the tests of several codecs share: pictures, and real files where they lie beside the repository.
#![allow(dead_code)]

use std::fs;
use std::path::Path;

use uvid_codecs::{Codec, CodecError, Decoding, Extent, Format, Header, Missing, Shape};

/// A file of the shared data, or a printed reason why there is none.
pub fn shared(path: &str) -> Option<Vec<u8>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    if !path.exists() {
        assert!(std::env::var_os("TEST_SHARED").is_none(), "{} is absent", path.display());
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(fs::read(path).expect("readable"))
}

/// How many hostile streams to try for each property.
pub fn cases(default: u32) -> u32 {
    std::env::var("TEST_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

pub const SAMPLES_MAX: usize = 1 << 26;

pub fn decode(
    format: Format,
    stream: &[u8],
    declared: &Shape,
    missing: Missing,
) -> Result<(Header, Vec<u16>, Extent), CodecError> {
    uvid_codecs::decode(format, stream, declared, &Decoding { missing, ..Decoding::default() }, SAMPLES_MAX)
}

pub fn codec(format: Format) -> &'static dyn Codec {
    format.codec()
}

/// What is in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Constant(u16),
    Ramp,
    Noise(u32),
    /// Black but for a bright noisy half, as a mammogram is.
    Half(u32),
}

pub fn picture(shape: &Shape, content: Content) -> Vec<u16> {
    let most = u32::from(u16::MAX >> (16 - shape.precision));
    let width = shape.columns * shape.components;
    let noise = |at: usize, seed: u32| {
        let mixed = (at as u32 ^ seed).wrapping_mul(0x9E37_79B1);
        (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77) >> 9
    };
    (0..shape.samples().expect("small"))
        .map(|at| match content {
            Content::Constant(value) => u32::from(value) & most,
            Content::Ramp => ((at % width + at / width) as u32 * 3) & most,
            Content::Noise(seed) => noise(at, seed) & most,
            Content::Half(_) if at % width < width / 2 => 0,
            Content::Half(seed) => most / 2 + noise(at, seed) % (most / 16 + 1),
        })
        .map(|value| value as u16)
        .collect()
}

/// The pixels of a DICOM file in explicit little endian, by looking for tags; enough for NEMA's files.
pub struct Pixels {
    pub shape: Shape,
    pub bits_allocated: u16,
    /// One frame's code stream, or plain samples.
    pub stream: Vec<u8>,
}

pub fn pixels(file: &[u8]) -> Pixels {
    // Unsigned shorts of group 0028.
    let word = |element: u16| {
        let [low, high] = element.to_le_bytes();
        let tag = [0x28, 0, low, high, b'U', b'S', 2, 0];
        let at = file.windows(8).position(|w| w == tag).expect("has it") + 8;
        u16::from_le_bytes([file[at], file[at + 1]])
    };
    let start = file.windows(5).position(|w| w == [0xE0, 0x7F, 0x10, 0, b'O']).expect("has pixels") + 12;
    let length = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("4 bytes")) as usize;
    let stream = match length(start - 4) {
        0xFFFF_FFFF => {
            let mut at = start + 8 + length(start + 4);
            let mut stream = Vec::new();
            while file[at..at + 4] == [0xFE, 0xFF, 0, 0xE0] {
                stream.extend(&file[at + 8..at + 8 + length(at + 4)]);
                at += 8 + length(at + 4);
            }
            stream
        }
        length => file[start..start + length].to_vec(),
    };
    Pixels {
        shape: Shape {
            rows: word(0x0010).into(),
            columns: word(0x0011).into(),
            components: word(0x0002).into(),
            precision: word(0x0101),
            signed: word(0x0103) == 1,
        },
        bits_allocated: word(0x0100),
        stream,
    }
}

/// The samples of NEMA's uncompressed file of the same picture, the low `precision` bits of each.
pub fn reference(name: &str, precision: u16) -> Option<(Pixels, Vec<u16>)> {
    let file = shared(&format!("data/codecs/REF/{name}_UNC.zst"))?;
    let mut plain = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file.as_slice()).expect("zstd");
    std::io::Read::read_to_end(&mut decoder, &mut plain).expect("zstd");
    let pixels = pixels(&plain);
    let mask = u16::MAX >> (16 - precision);
    let samples: Vec<u16> = if pixels.bits_allocated == 8 {
        pixels.stream.iter().map(|b| u16::from(*b)).collect()
    } else {
        pixels.stream.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b) & mask).collect()
    };
    Some((pixels, samples))
}
