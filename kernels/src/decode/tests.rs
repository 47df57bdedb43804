//! The way through the library, on a simulated one; and on a card, where somebody asks for it.
#![allow(unsafe_code)]

use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use uvid_codecs::{Decoding, Encoding, Format, Frame, Shape};

use super::*;

/// What the simulated library answers instead of decoding.
static STATUS: AtomicI32 = AtomicI32::new(0);
/// What it changes in the first sample.
static CHANGE: AtomicU16 = AtomicU16::new(0);
/// One test at a time: there is one library, and it counts.
static ONE: Mutex<()> = Mutex::new(());

/// Decodes as our own codec does.
unsafe extern "C" fn by_codec(stream: *const u8, length: usize, samples: *mut u16, count: usize) -> i32 {
    // SAFETY: the simulated library's: so many bytes and samples.
    let (stream, samples) =
        unsafe { (std::slice::from_raw_parts(stream, length), std::slice::from_raw_parts_mut(samples, count)) };
    match uvid_codecs::decode(Format::Jpeg2000, stream, &Shape::grey(0, 0, 0), &Decoding::default(), count) {
        Ok((_, decoded, _)) if decoded.len() == count => {
            samples.copy_from_slice(&decoded);
            samples[0] ^= CHANGE.load(Ordering::Relaxed);
            STATUS.load(Ordering::Relaxed)
        }
        _ => 3,
    }
}

fn encoded(plane: Plane) -> (Vec<u8>, Vec<u16>) {
    let shape = Shape::grey(plane.rows, plane.columns, plane.precision);
    let samples: Vec<u16> = (0..plane.rows * plane.columns).map(|i| (i * 7 % 251) as u16).collect();
    let frame = Frame { shape, samples: &samples };
    (Format::Jpeg2000.codec().encode(&frame, &Encoding::Lossless).expect("encoded"), samples)
}

fn plane(rows: usize, columns: usize, precision: u16) -> Plane {
    Plane { rows, columns, precision }
}

/// On the simulated library, with nobody else at it.
fn simulated(test: impl FnOnce(&mut Jpeg2000)) {
    if std::env::var_os("TEST_GPU").is_some_and(|gpu| gpu == "real") {
        return println!("skipped: the simulated driver would take the card's place");
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    uvid_cuda_simulator::nvjpeg2k::load(Some(by_codec));
    let before = uvid_cuda_simulator::nvjpeg2k::alive();
    let mut decoder = Jpeg2000::open(0).expect("opens");
    assert_eq!(decoder.version(), "0.11.0");
    test(&mut decoder);
    drop(decoder);
    assert_eq!(uvid_cuda_simulator::nvjpeg2k::alive(), before, "handles are left");
}

#[test]
fn frames_of_any_size_one_after_the_other() {
    simulated(|decoder| {
        for plane in [plane(40, 50, 12), plane(3, 200, 8), plane(1, 1, 16), plane(90, 70, 10), plane(40, 50, 12)] {
            let (stream, samples) = encoded(plane);
            assert!(decoder.decode(&stream, plane) == Ok(samples), "{plane:?}");
        }
    });
}

#[test]
fn what_is_not_the_expected_frame_is_refused() {
    let (stream, _) = encoded(plane(40, 50, 12));
    let coloured = {
        let shape = Shape { components: 3, ..Shape::grey(40, 50, 12) };
        let frame = Frame { shape, samples: &[1; 6000] };
        Format::Jpeg2000.codec().encode(&frame, &Encoding::Lossless).expect("encoded")
    };
    let signed = {
        let shape = Shape { signed: true, ..Shape::grey(40, 50, 12) };
        let frame = Frame { shape, samples: &[1; 2000] };
        Format::Jpeg2000.codec().encode(&frame, &Encoding::Lossless).expect("encoded")
    };
    simulated(|decoder| {
        let mut check = |stream: &[u8], plane: Plane, expected: DecodeFault| {
            let refused = decoder.decode(stream, plane);
            assert_eq!(refused, Err(expected));
            assert!(refused.is_err_and(|fault| fault.is_passing()));
        };
        for other in
            [plane(50, 40, 12), plane(40, 51, 12), plane(40, 50, 11), plane(40, 50, 16), plane(10_000, 10_000, 12)]
        {
            check(&stream, other, DecodeFault::Other);
        }
        check(&coloured, plane(40, 50, 12), DecodeFault::Other);
        check(&signed, plane(40, 50, 12), DecodeFault::Other);
        // Nobody is asked about these.
        for size in [
            plane(0, 50, 12),
            plane(40, 0, 12),
            plane(40, 50, 0),
            plane(40, 50, 17),
            plane(10_000, 10_001, 12),
            plane(usize::MAX, 2, 12),
        ] {
            check(&stream, size, DecodeFault::Size(size));
        }
        let bad = |status| DecodeFault::Library { call: "nvjpeg2kStreamParse", status };
        check(&stream[..30], plane(40, 50, 12), bad(3));
        check(b"", plane(40, 50, 12), bad(3));
    });
}

#[test]
fn a_header_that_claims_more_allocates_nothing() {
    let (mut stream, _) = encoded(plane(40, 50, 12));
    // Xsiz and Ysiz of 2^31 - 1.
    stream[8..16].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    simulated(|decoder| assert_eq!(decoder.decode(&stream, plane(40, 50, 12)), Err(DecodeFault::Other)));
}

#[test]
fn a_fault_is_told_and_the_next_frame_is_decoded() {
    let frame = plane(40, 50, 12);
    let (stream, samples) = encoded(frame);
    simulated(|decoder| {
        for (status, passing) in [(3, true), (4, true), (5, true), (6, false), (8, false), (1, false)] {
            STATUS.store(status, Ordering::Relaxed);
            let fault = decoder.decode(&stream, frame).expect_err("refused");
            assert_eq!(fault, DecodeFault::Library { call: "nvjpeg2kDecode", status });
            assert_eq!(fault.is_passing(), passing, "{status}");
        }
        STATUS.store(0, Ordering::Relaxed);
        CHANGE.store(1 << 12, Ordering::Relaxed);
        assert_eq!(decoder.decode(&stream, frame), Err(DecodeFault::Beyond));
        CHANGE.store(0, Ordering::Relaxed);
        assert!(decoder.decode(&stream, frame).as_ref() == Ok(&samples));
        STATUS.store(uvid_cuda_simulator::nvjpeg2k::HALF, Ordering::Relaxed);
        assert_eq!(decoder.decode(&stream, frame), Err(DecodeFault::Beyond), "rows of the frame before");
        STATUS.store(0, Ordering::Relaxed);
        assert!(decoder.decode(&stream, frame) == Ok(samples));
    });
}

/// The code stream of an encapsulated frame in fragments that fill the file to its end (PS3.5 section A.4).
fn code_stream(file: &[u8]) -> Vec<u8> {
    let start = file.windows(4).rposition(|w| w == [0xE0, 0x7F, 0x10, 0x00]).expect("pixel data");
    let first = file[start..].windows(4).position(|w| w == [0xFE, 0xFF, 0x00, 0xE0]).expect("an offset table");
    let (mut at, mut stream) = (start + first, Vec::new());
    while file.get(at..at + 4) == Some(&[0xFE, 0xFF, 0x00, 0xE0]) {
        let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().expect("4 bytes")) as usize;
        let body = &file[at + 8..at + 8 + length];
        if !stream.is_empty() || body.starts_with(&[0xFF, 0x4F]) {
            stream.extend_from_slice(body);
        }
        at += 8 + length;
    }
    stream
}

/// What such streams are called: the library has to decode them.
const OWN: &str = "of our own encoder";

/// On a real card with the real library, with NEMA's reversible files: every sample is the codec's, or the library refuses.
#[test]
#[ignore = "needs a GPU and nvJPEG2000: TEST_GPU=real cargo test -p uvid-kernels nvjpeg2000 -- --ignored --nocapture"]
fn nvjpeg2000_on_this_card() {
    let mut decoder = match Jpeg2000::open(0) {
        Ok(decoder) => decoder,
        Err(why) => return println!("skipped: {why}"),
    };
    println!("nvJPEG2000 {}", decoder.version());
    let mut check = |name: &str, stream: &[u8]| {
        let declared = Shape::grey(0, 0, 0);
        let header = Format::Jpeg2000.codec().inspect(stream, &declared).expect(name);
        let Shape { rows, columns, components, precision, signed } = header.shape;
        let asked = std::time::Instant::now();
        let decoded = decoder.decode(stream, Plane { rows, columns, precision });
        let took = asked.elapsed();
        if components != 1 || signed {
            assert_eq!(decoded, Err(DecodeFault::Other), "{name}");
            return;
        }
        let (_, expected, _) =
            uvid_codecs::decode(Format::Jpeg2000, stream, &declared, &Decoding::default(), 100_000_000).expect(name);
        match decoded {
            Ok(samples) => assert!(samples == expected, "{name}: other samples than the codec's"),
            Err(fault) if fault.is_passing() && name != OWN => {
                return println!("{name}: left to the processor: {fault}");
            }
            Err(fault) => panic!("{name}: {fault}"),
        }
        println!("{name}: {rows} x {columns} of {precision} bits, the same in {} ms", took.as_millis());
    };
    for frame in [plane(1, 1, 12), plane(37, 53, 8), plane(300, 217, 14), plane(257, 129, 16), plane(4096, 3328, 12)] {
        check(OWN, &encoded(frame).0);
    }
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/codecs/J2KR"));
    let Ok(files) = std::fs::read_dir(folder) else { return println!("skipped: {} is absent", folder.display()) };
    for file in files {
        let path = file.expect("an entry").path();
        check(&path.display().to_string(), &code_stream(&std::fs::read(&path).expect("readable")));
    }
}
