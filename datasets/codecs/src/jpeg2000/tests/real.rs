//! The files of NEMA's working group 4 and a real tomosynthesis object, where they lie beside the repository.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::*;

/// A file or folder of the shared data, or a printed reason why there is none.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")).join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("TEST_SHARED").is_none(), "{} is absent", path.display());
    println!("skipped: {} is absent", path.display());
    None
}

/// The frames of encapsulated pixel data: an item that begins a code stream, with those after it that do not.
fn code_streams(file: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let item = |rest: &[u8]| rest.windows(4).position(|w| w == [0xFE, 0xFF, 0x00, 0xE0]);
    let start = file.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("pixel data");
    let mut rest = &file[start..];
    while let Some(at) = item(rest) {
        let length = u32::from_le_bytes(*rest[at + 4..].first_chunk().expect("4 bytes")) as usize;
        let body = &rest[at + 8..at + 8 + length];
        match found.last_mut() {
            _ if body.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) => found.push(body.to_vec()),
            Some(frame) => frame.extend_from_slice(body),
            // The offset table.
            None => {}
        }
        rest = &rest[at + 8 + length..];
    }
    found
}

/// The last `count` samples of an uncompressed file that ends with its pixel data.
fn reference(name: &str, shape: &Shape) -> Option<Vec<u16>> {
    let packed = std::fs::read(shared(&format!("codecs/REF/{name}_UNC.zst"))?).expect("readable");
    let mut file = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(&packed[..]).expect("zstd").read_to_end(&mut file).expect("zstd");
    let bytes = if shape.precision > 8 { 2 } else { 1 };
    let length = shape.samples().expect("small") * bytes;
    let tag = file.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("pixel data");
    // The tag, VR and length of 12 bytes, or the tag and length of 8.
    let start = if file[tag + 4].is_ascii_uppercase() { tag + 12 } else { tag + 8 };
    let data = &file[start..start + length];
    let mask = u16::MAX >> (16 - shape.precision);
    Some(match bytes {
        1 => data.iter().map(|b| u16::from(*b)).collect(),
        _ => data.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b) & mask).collect(),
    })
}

#[test]
fn conformance_files() {
    let mut seen = 0;
    for (folder, lossy) in [("J2KR", false), ("J2KI", true)] {
        let Some(path) = shared(&format!("codecs/{folder}")) else { return };
        for entry in std::fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            let file = std::fs::read(&path).expect("readable");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let streams = code_streams(&file);
            let [stream] = &streams[..] else { panic!("{name}: {} frames", streams.len()) };
            let (header, back, extent) = decoded(Format::Jpeg2000, stream, &threads(2)).expect(&name);
            assert_eq!((header.lossy, extent), (lossy, Extent::Whole), "{name}");
            let (_, again, _) = decoded(Format::Jpeg2000, stream, &threads(1)).expect(&name);
            assert!(back == again, "{name}");
            let expected = reference(&name[..3], &header.shape).expect("there is one for each");
            let apart = back.iter().zip(&expected).map(|(a, b)| {
                let of = |sample: u16| value(sample, &header.shape);
                of(*a).abs_diff(of(*b))
            });
            let mean = f64::from(apart.sum::<u32>()) / expected.len() as f64;
            println!("{name}: {:?}, {mean} off", header.shape);
            let mean_max = if lossy { f64::from(1 << header.shape.precision) / 100.0 } else { 0.0 };
            assert!(mean <= mean_max, "{name}: {mean}");
            // Of signed samples it gives others than the reference.
            if !header.shape.signed {
                let theirs = by_hayro(stream, &header.shape);
                let apart = back.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(apart <= Some(u16::from(lossy)), "{name}: {apart:?}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn tomosynthesis() {
    let Some(path) = shared("dicom/dbt_j2k_4frames.dcm") else { return };
    let file = std::fs::read(path).expect("readable");
    let streams = code_streams(&file);
    assert_eq!(streams.len(), 4);
    for stream in &streams {
        let (header, back, extent) = decoded(Format::Jpeg2000, stream, &threads(2)).expect("decoded");
        assert_eq!((header.shape.rows, header.shape.columns, extent), (128, 128, Extent::Whole));
        let apart = back.iter().zip(by_hayro(stream, &header.shape)).map(|(a, b)| a.abs_diff(b)).max();
        assert!(apart <= Some(u16::from(header.lossy)), "{apart:?}");
    }
}
