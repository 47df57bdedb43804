//! NEMA's conformance files of 2004, against their uncompressed originals.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{decode, pixels, reference, shared};
use uvid_codecs::{Extent, Format, Missing};

/// Decodes `data/codecs/{folder}/{name}_{folder}`; every sample within `tolerance` of the original.
fn check(format: Format, folder: &str, names: &[&str], tolerance: u16) {
    for name in names {
        let Some(file) = shared(&format!("data/codecs/{folder}/{name}_{folder}")) else { return };
        let coded = pixels(&file);
        let (header, samples, extent) =
            decode(format, &coded.stream, &coded.shape, Missing::Refuse).unwrap_or_else(|why| panic!("{name}: {why}"));
        let Some((original, expected)) = reference(name, header.shape.precision) else { return };
        assert_eq!((header.shape.rows, header.shape.columns), (original.shape.rows, original.shape.columns), "{name}");
        assert_eq!(extent, Extent::Whole, "{name}");
        let expected = &expected[..samples.len()];
        let furthest = samples.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
        println!("{name}: {} bits, lossy {}, furthest {furthest:?}", header.shape.precision, header.lossy);
        assert!(furthest.is_some_and(|furthest| furthest <= tolerance), "{name}: {furthest:?}");
    }
}

#[test]
fn rle() {
    let names = ["CT1", "CT2", "MR1", "MR3", "MR4", "NM1", "US1", "VL1", "VL2", "VL3"];
    check(Format::Rle, "RLE", &names, 0);
}

#[test]
fn jpeg_ls_lossless() {
    check(Format::JpegLs, "JLSL", &["CT1", "CT2", "MR1", "MR3", "MR4", "NM1"], 0);
}

#[test]
fn jpeg_ls_near_lossless() {
    check(Format::JpegLs, "JLSN", &["CT1", "CT2", "MR1", "MR3", "MR4", "NM1"], 4);
}

/// What 12-bit JPEG loses of a picture of 4096 grey levels; the decoder itself is held to another one below.
#[test]
fn jpeg_of_12_bits() {
    check(Format::JpegDct, "JPLY", &["MR1", "MR3", "MR4", "NM1"], 160);
}

/// DCMTK decodes 12 bits with the IJG's own code: the same transform, so the same samples.
#[test]
fn jpeg_of_12_bits_is_what_dcmtk_decodes() {
    for name in ["MR1", "MR3", "MR4", "NM1"] {
        let Some(file) = shared(&format!("data/codecs/JPLY/{name}_JPLY")) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        std::fs::write(&from, &file).expect("written");
        let Ok(status) = std::process::Command::new("dcmdjpeg").args([&from, &to]).status() else {
            println!("skipped: dcmdjpeg is absent");
            return;
        };
        assert!(status.success());
        let plain = pixels(&std::fs::read(&to).expect("readable"));
        let coded = pixels(&file);
        let (_, samples, _) = decode(Format::JpegDct, &coded.stream, &coded.shape, Missing::Refuse).expect("decoded");
        let expected = plain.stream.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b) & 0xFFF);
        assert_eq!(samples.len(), plain.shape.rows * plain.shape.columns);
        let furthest = samples.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
        assert_eq!(furthest, Some(0), "{name}");
    }
}
