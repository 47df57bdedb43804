//! Times of a whole frame: `TEST_FRAME=frame.raw cargo test --release --test timing -- --ignored --nocapture`.
//!
//! The frame is 3328 x 2560 words, little endian, of 12 bits; streams beside it are decoded too.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::time::Instant;

use common::{Content, codec, decode, picture};
use uvid_codecs::{Encoding, Format, Frame, Missing, Shape};

fn best<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let started = Instant::now();
        let got = work();
        least = least.min(started.elapsed().as_secs_f64() * 1e3);
        drop(got);
    }
    (least, work())
}

#[test]
#[ignore = "prints times"]
fn times() {
    let shape = Shape::grey(3328, 2560, 12);
    let frame = std::env::var_os("TEST_FRAME").map(|path| std::fs::read(path).expect("readable"));
    let words = |bytes: Vec<u8>| bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
    let noise = picture(&shape, Content::Noise(1));
    let real: Vec<u16> = frame.map_or_else(|| picture(&shape, Content::Half(1)), words);
    let eight = Shape { precision: 8, ..shape };
    let real8: Vec<u16> = real.iter().map(|sample| sample >> 4).collect();
    let runs = [
        (Format::Rle, Encoding::Lossless),
        (Format::JpegLs, Encoding::Lossless),
        (Format::JpegLs, Encoding::Lossy(2)),
        (Format::JpegDct, Encoding::Lossy(5)),
        (Format::DeflatedFrame, Encoding::Lossless),
    ];
    for (name, shape, samples) in [("real 12", shape, &real), ("noise 12", shape, &noise), ("real 8", eight, &real8)] {
        for (format, how) in runs {
            let frame = Frame { shape, samples };
            let (encoding, stream) = best(|| codec(format).encode(&frame, &how).expect("encodes"));
            let (decoding, _) = best(|| decode(format, &stream, &shape, Missing::Refuse).expect("decodes"));
            println!(
                "{name} {format:?} {how:?}: {} bytes, encode {encoding:.1} ms, decode {decoding:.1} ms",
                stream.len()
            );
        }
    }
    for (name, format) in [("frame_lossless.jxl", Format::JpegXl), ("frame_lossy.jxl", Format::JpegXl)] {
        let Some(path) = std::env::var_os("TEST_FRAME") else { continue };
        let Ok(stream) = std::fs::read(std::path::Path::new(&path).with_file_name(name)) else { continue };
        let (decoding, (_, samples, _)) = best(|| decode(format, &stream, &shape, Missing::Refuse).expect("decodes"));
        let furthest = samples.iter().zip(&real).map(|(a, b)| a.abs_diff(*b)).max();
        println!("{name}: {} bytes, decode {decoding:.1} ms, furthest from the original {furthest:?}", stream.len());
    }
}
