//! Inputs for the fuzz targets of code streams to begin with: `tests/fuzz/corpus/<target>/*`.
//!
//!     cargo run --release --no-default-features --manifest-path tests/fuzz/Cargo.toml --example seeds [FOLDER]
//!
//! They are frames of ours, encoded wherever there is an encoder, cut off, and headers by hand. Code streams that others
//! made can be added: the files in FOLDER/<target>.

use std::path::{Path, PathBuf};

use uvid_codecs::{Encoding, Format, Frame, Shape};
use uvid_fuzz::prefix;

/// Formats by the names of their targets.
const TARGETS: [(&str, Format); 8] = [
    ("jpeg_lossless", Format::JpegLossless),
    ("jpeg_dct", Format::JpegDct),
    ("jpeg_ls", Format::JpegLs),
    ("jpeg2000", Format::Jpeg2000),
    ("htj2k", Format::Htj2k),
    ("jpeg_xl", Format::JpegXl),
    ("rle", Format::Rle),
    ("deflated_frame", Format::DeflatedFrame),
];

fn main() -> std::io::Result<()> {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"));
    let others = std::env::args().nth(1).map(PathBuf::from);
    for (target, format) in TARGETS {
        let mut inputs: Vec<Vec<u8>> = HEADERS.iter().filter(|(t, _)| *t == target).map(|(_, h)| framed(h)).collect();
        inputs.extend(encoded(format));
        if let Some(folder) = others.as_ref().map(|f| f.join(target)).filter(|f| f.is_dir()) {
            for file in std::fs::read_dir(folder)? {
                inputs.push(framed(&std::fs::read(file?.path())?));
            }
        }
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), input)?;
        }
        println!("{target}: {} seeds", inputs.len());
    }
    let folder = corpus.join("round_trip");
    std::fs::create_dir_all(&folder)?;
    for (number, (shape, samples)) in pictures().into_iter().enumerate() {
        let mut input = prefix(&Shape { rows: shape.rows - 1, columns: shape.columns - 1, ..shape }, 2).to_vec();
        input.push(128);
        input.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        std::fs::write(folder.join(format!("seed-{number}")), input)?;
    }
    Ok(())
}

/// A stream that says itself what it is, behind a shape that fits it where we can tell.
fn framed(stream: &[u8]) -> Vec<u8> {
    let any = Shape::grey(8, 8, 12);
    let headers = Format::ALL.iter().filter_map(|f| f.codec().inspect(stream, &any).ok());
    let shape = headers.map(|h| h.shape).find(|s| *s != any).unwrap_or(any);
    [&prefix(&shape, 0), stream].concat()
}

/// What our encoder makes of every picture, lossless and lossy, whole and cut off.
fn encoded(format: Format) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (shape, samples) in pictures() {
        for (reduce, how) in [Encoding::Lossless, Encoding::Lossy(2), Encoding::Lossy(10)].iter().enumerate() {
            let Ok(stream) = format.codec().encode(&Frame { shape, samples: &samples }, how) else { continue };
            all.push([&prefix(&shape, reduce as u8), stream.as_slice()].concat());
            all.push([&prefix(&shape, 0), &stream[..stream.len() * 2 / 3]].concat());
        }
    }
    all
}

/// A ramp, a step, a flat field and noise, of several shapes.
fn pictures() -> Vec<(Shape, Vec<u16>)> {
    let grey = |rows, columns, precision| Shape::grey(rows, columns, precision);
    let shapes = [
        grey(1, 1, 8),
        grey(9, 7, 12),
        grey(16, 24, 16),
        grey(33, 40, 8),
        grey(40, 33, 10),
        Shape { components: 3, ..grey(8, 8, 8) },
        Shape { signed: true, ..grey(12, 12, 12) },
    ];
    let mut all = Vec::new();
    for shape in shapes {
        let mask = u32::from(u16::MAX >> (16 - shape.precision));
        let mut noise = 1u32;
        let mut random = move || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise >> 12
        };
        let count = shape.rows * shape.columns * shape.components;
        let picture = |value: &mut dyn FnMut(u32) -> u32| -> Vec<u16> {
            (0..count as u32).map(|i| (value(i) & mask) as u16).collect()
        };
        all.push((shape, picture(&mut |i| i * 3)));
        all.push((shape, picture(&mut |i| if i > count as u32 / 2 { mask } else { 0 })));
        all.push((shape, picture(&mut |_| mask / 2)));
        all.push((shape, picture(&mut |i| i + (random() & 7))));
        all.push((shape, picture(&mut |_| random())));
    }
    all
}

/// Headers with next to nothing behind them, of kinds that our encoders do not write.
const HEADERS: &[(&str, &[u8])] = &[
    // 8x8 of 12 bits, selection value 7, point transform 1, a restart interval of 8, one code of each length.
    (
        "jpeg_lossless",
        b"\xff\xd8\xff\xc3\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0\xff\xdd\0\x04\0\x08\xff\xc4\0\x16\0\x01\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\xff\xda\0\x08\x01\x01\0\x07\0\x01\x55\x55\xff\xd0\x12\xff\xd9",
    ),
    // Height 0 and DNL.
    (
        "jpeg_lossless",
        b"\xff\xd8\xff\xc3\0\x0b\x08\0\0\0\x08\x01\x01\x11\0\xff\xc4\0\x15\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xda\0\x08\x01\x01\0\x01\0\0\x55\x55\xff\xdc\0\x04\0\x08\xff\xd9",
    ),
    // Three components, interleaved.
    (
        "jpeg_lossless",
        b"\xff\xd8\xff\xc3\0\x11\x08\0\x04\0\x04\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xc4\0\x15\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\x01\0\0\x55\x55\x55\xff\xd9",
    ),
    // Progressive, 8x8 of 8 bits, no table.
    ("jpeg_dct", b"\xff\xd8\xff\xc2\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0\x12\xff\xd9"),
    // LSE with thresholds of its own, near 1.
    (
        "jpeg_ls",
        b"\xff\xd8\xff\xf7\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0\xff\xf8\0\x0d\x01\x0f\xff\0\x12\0\x43\x01\x14\0\x40\xff\xda\0\x08\x01\x01\0\x01\0\0\x12\x34\x56\xff\xd9",
    ),
    // SOC and SIZ of 8x8 in tiles of 4x4, 12 bits; COD with two levels, reversible; QCD; no tile.
    (
        "jpeg2000",
        b"\xff\x4f\xff\x51\0\x29\0\0\0\0\0\x08\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\0\0\0\0\0\0\x01\x0b\x01\x01\xff\x52\0\x0c\0\0\0\x01\0\x02\x04\x04\0\x01\xff\x5c\0\x0a\x40\x40\x48\x48\x50\x48\x48\x50\xff\xd9",
    ),
    (
        "htj2k",
        b"\xff\x4f\xff\x51\0\x29\x40\0\0\0\0\x08\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\x08\0\0\0\0\0\0\0\0\0\x01\x0b\x01\x01\xff\x50\0\x08\0\x02\0\0\0\0\xff\x52\0\x0c\0\0\0\x01\0\x02\x04\x04\x40\x01\xff\x5c\0\x0a\x40\x40\x48\x48\x50\x48\x48\x50\xff\xd9",
    ),
    // The signature of a bare code stream, and of a container.
    ("jpeg_xl", b"\xff\x0a\x07\0\x12\x34\x56\x78"),
    ("jpeg_xl", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a\0\0\0\x14ftypjxl \0\0\0\0jxl \0\0\0\0jxlc\xff\x0a\x07\0\x12\x34"),
    // Two segments, the second at the end.
    ("rle", b"\x02\0\0\0\x40\0\0\0\x48\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xc1\x01\x80\0\0\0\0\0\xc1\x02"),
    // A stored block that says it is longer than it is.
    ("deflated_frame", b"\x01\xff\xff\0\0\x12\x34"),
];
