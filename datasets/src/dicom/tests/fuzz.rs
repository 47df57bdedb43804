//! Seeded mutations of real and made files: each gives a value or an error, no panic, in bounded time.
//!
//! `TEST_FUZZ_CASES=3000 cargo test -p uvid-datasets dicom::tests::fuzz -- --nocapture` runs more than the default.

use std::io::Write;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::super::Missing;
use super::super::frame::Form;
use super::super::voi::display;
use super::real::{bytes, stored};
use super::*;

fn below(random: &mut ChaCha8Rng, n: usize) -> usize {
    (random.next_u64() % n.max(1) as u64) as usize
}

/// Bytes flipped, set, cut out, doubled or cut off; half of the time among the first bytes, where lengths are.
fn mutate(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=below(random, 3) {
        let reach = if below(random, 2) == 0 { bytes.len() } else { bytes.len().min(6000) };
        let at = below(random, reach);
        match below(random, 8) {
            0..=2 => bytes[at] ^= 1 << below(random, 8),
            3 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][below(random, 6)],
            4 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
            5 => {
                let end = (at + 1 + below(random, 16)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let end = (at + 1 + below(random, 64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ if below(random, 4) == 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// What a case came to, for the count at the end.
fn outcome(bytes: &[u8], limits: &Limits) -> String {
    // The pixels of any modality, which `read` would list without decoding.
    if stored(bytes, limits).is_err_and(|e| e.to_string().contains("panicked")) {
        return "decoder panicked".to_owned();
    }
    let mut lying = tempfile::tempfile().expect("a file");
    lying.write_all(bytes).expect("written");
    let through = Object::open(lying, limits).and_then(|mut object| object.read());
    assert_eq!(format!("{through:?}"), format!("{:?}", read(bytes, limits)));
    // What is shown and what is given, of all that opens.
    if let Ok(mut object) = Object::of(bytes, limits) {
        for number in 1..=object.frames().min(2) {
            for missing in [Missing::Refuse, Missing::Keep] {
                if let Ok(picture) = object.picture(number, None, missing) {
                    assert_eq!(picture.bytes.len(), picture.rows * picture.columns * picture.samples);
                    assert!(picture.whole || missing == Missing::Keep);
                }
            }
            let _ = (object.frame(number, Form::Stored), object.frame(number, Form::Native));
        }
    }
    assert!(read_header(bytes, limits).is_ok() || read(bytes, limits).is_err());
    match read(bytes, limits) {
        Err(error) => error.code().to_owned(),
        Ok(Received { content: Content::Listed(listed), .. }) => match listed.fate {
            Fate::Unreadable(_) => "unreadable".to_owned(),
            Fate::Incomplete(_) => "incomplete".to_owned(),
            _ => "listed".to_owned(),
        },
        Ok(Received { content: Content::Mammogram(image), .. }) => {
            for window in 0..image.windows.len().min(3) {
                assert_eq!(display(&image, Some(window)).len(), image.pixels.values().len());
            }
            "mammogram".to_owned()
        }
    }
}

#[test]
fn mutations() {
    let cases: usize = std::env::var("TEST_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let mut seeds = vec![
        explicit(&plain()),
        file(&plain(), uids::IMPLICIT_VR_LITTLE_ENDIAN),
        file(&plain(), BIG_ENDIAN),
        file(&plain(), uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
    ];
    for path in [
        "dicom/OutOfBoundsOverlay.dcm",
        "dicom/dbt_j2k_4frames.dcm",
        "codecs/JPLL/MR4_JPLL",
        "codecs/JLSL/MR4_JLSL",
        "codecs/JLSN/CT1_JLSN",
        "codecs/J2KR/MR4_J2KR",
        "codecs/J2KI/CT1_J2KI",
        "codecs/RLE/MR4_RLE",
    ] {
        seeds.extend(bytes(&format!("data/{path}")));
    }
    let large = bytes("data/dicom/GH133.dcm");
    let limits = Limits { frame_pixels_max: 16 << 20, inflated_bytes_max: 64 << 20, ..Limits::default() };
    let mut random = ChaCha8Rng::seed_from_u64(0x0075_6669);
    let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
    let mut slowest = Duration::ZERO;
    for case in 0..cases {
        // The large file takes long to decode, and is taken every twentieth time.
        let seed = match (&large, case % 20) {
            (Some(large), 0) => large,
            _ => &seeds[below(&mut random, seeds.len())],
        };
        let mut bytes = seed.clone();
        mutate(&mut random, &mut bytes);
        let started = Instant::now();
        *outcomes.entry(outcome(&bytes, &limits)).or_default() += 1;
        slowest = slowest.max(started.elapsed());
    }
    println!("{cases} cases, slowest {slowest:?}: {outcomes:?}");
    assert!(slowest < Duration::from_secs(60));
}
