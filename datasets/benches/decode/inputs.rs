//! The frames that are decoded: two real mammograms, a phantom, and the two extremes.

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use uvid_datasets::dicom::{Limits, read};
use uvid_datasets::phantom::{self, Spec, Wrap};
use uvid_exam::{Content, Slot};

/// The size of the larger detectors' frames.
const ROWS: usize = 3328;
const COLUMNS: usize = 2560;

/// A frame and the object that it is sent in.
pub(crate) struct Input {
    pub(crate) name: String,
    /// An uncompressed file, or the one received; its attributes go into every file made of it.
    pub(crate) object: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Bits Stored.
    pub(crate) bits: u16,
    pub(crate) samples: Vec<u16>,
    /// One of a kind: predictors that are seldom used are tried on this frame only.
    pub(crate) thorough: bool,
}

/// All that there are; what is absent is named.
pub(crate) fn all() -> Vec<Input> {
    let spec = Spec { rows: ROWS, columns: COLUMNS, spacing_mm: 0.07, ..Spec::default() };
    let phantom = phantom::image(&spec, Slot::RightMlo).expect("a phantom").pixels;
    let mut random = ChaCha8Rng::seed_from_u64(12);
    let noise = (0..ROWS * COLUMNS).map(|_| (random.next_u32() & 0xFFF) as u16).collect();
    // A detector's corner mark in an otherwise black frame.
    let mut empty = vec![0; 4096 * 3328];
    (0..16).for_each(|row| empty[row * 3328..][..16].fill(u16::MAX));

    let mut inputs: Vec<Input> = received().into_iter().collect();
    inputs.extend([Slot::RightMlo, Slot::LeftCc].into_iter().filter_map(exam0));
    inputs.push(wrapped("phantom".into(), ROWS, COLUMNS, 12, phantom));
    inputs.push(wrapped("noise".into(), ROWS, COLUMNS, 12, noise));
    inputs.push(wrapped("almost empty, 16 bits".into(), 4096, 3328, 16, empty));
    inputs
}

fn wrapped(name: String, rows: usize, columns: usize, bits: u16, samples: Vec<u16>) -> Input {
    let mut wrap = Wrap::new(Slot::RightMlo, rows, columns, 1);
    wrap.bits_stored = bits;
    wrap.voi = vec![phantom::full_window(bits)];
    let object = phantom::encode(&samples, &wrap).expect("a file");
    Input { name, object, rows, columns, bits, samples, thorough: false }
}

/// A GE image as it was sent, JPEG lossless.
fn received() -> Option<Input> {
    let object = std::fs::read(shared("data/dicom/GH133.dcm")?).expect("readable");
    let Content::Mammogram(image) = read(&object, &Limits::default()).expect("a file").content else {
        eprintln!("GH133.dcm is not decoded: skipped");
        return None;
    };
    let samples = image.pixels.values().iter().map(|p| image.pixels.stored(*p) as u16).collect();
    let (rows, columns) = image.file_size;
    Some(Input { name: "GH133 (GE)".into(), object, rows, columns, bits: 12, samples, thorough: true })
}

/// A view of a real exam, cropped by those who published it, back at the chest wall of a whole frame.
fn exam0(slot: Slot) -> Option<Input> {
    let picture = image::open(shared(&format!("data/exam0/0_{slot}.png"))?).expect("PNG").into_luma16();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut samples = vec![0; ROWS * COLUMNS];
    let left = if slot.laterality() == uvid_exam::Laterality::Left { 0 } else { COLUMNS - width };
    let top = (ROWS - height) / 2;
    for (row, line) in picture.as_raw().chunks_exact(width).enumerate() {
        samples[(top + row) * COLUMNS + left..][..width].copy_from_slice(line);
    }
    Some(wrapped(format!("exam0 {slot}"), ROWS, COLUMNS, 12, samples))
}

fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if !file.exists() {
        eprintln!("skipped: {path} is not beside the repository");
        return None;
    }
    Some(file)
}
