//! What a large object costs, measured in a process of its own: the most memory that it ever had (VmHWM).

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use super::super::frame::Form;
use super::*;

/// Where the process that is measured finds its file.
const FILE: &str = "TEST_DICOM_LARGE";

/// The most memory that this process ever had, in bytes; `None` where the system does not say.
pub(super) fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}

/// Runs one test of this binary by itself, with a file for it, and shows what it printed.
pub(super) fn alone(test: &str, variable: &str, file: &Path) {
    let this = std::env::current_exe().expect("this binary");
    let output = Command::new(this)
        .args(["--exact", &format!("dicom::tests::{test}"), "--nocapture"])
        .env(variable, file)
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{}", String::from_utf8_lossy(&output.stderr));
}

const SIDE: u16 = 1024;
const FRAME_BYTES: u64 = 2 * SIDE as u64 * SIDE as u64;
const FRAMES: u64 = 320;

/// A tomosynthesis of 640 MiB; of its pixels only the last frame's are on disk, the others are a hole.
fn tomosynthesis(path: &Path, fragments: bool) {
    let mut o = plain();
    o.remove_element(tags::PIXEL_DATA);
    text(&mut o, tags::SOP_CLASS_UID, VR::UI, uids::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE);
    text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, &FRAMES.to_string());
    words(&mut o, tags::ROWS, &[SIDE]);
    words(&mut o, tags::COLUMNS, &[SIDE]);
    let syntax = if fragments {
        uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN
    } else {
        uids::EXPLICIT_VR_LITTLE_ENDIAN
    };
    let mut disk = File::create(path).expect("a file");
    disk.write_all(&super::file(&o, syntax)).expect("written");
    let length = if fragments { u32::MAX } else { u32::try_from(FRAMES * FRAME_BYTES).expect("32 bits") };
    disk.write_all(&[0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0]).expect("written");
    disk.write_all(&length.to_le_bytes()).expect("written");
    let item = |length: u32| [&[0xFE, 0xFF, 0x00, 0xE0][..], &length.to_le_bytes()].concat();
    if fragments {
        disk.write_all(&item(0)).expect("written");
    }
    for number in 0..FRAMES {
        if fragments {
            disk.write_all(&item(FRAME_BYTES as u32)).expect("written");
        }
        if number + 1 == FRAMES {
            disk.write_all(&0x0123_u16.to_le_bytes().repeat(FRAME_BYTES as usize / 2)).expect("written");
        } else {
            disk.seek(SeekFrom::Current(FRAME_BYTES as i64)).expect("a hole");
        }
    }
    if fragments {
        disk.write_all(&[0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]).expect("written");
    }
    // Behind the pixels, and counted.
    disk.write_all(&[0xE1, 0x7F, 0x10, 0x10, b'L', b'O', 2, 0, b'x', b' ']).expect("written");
}

#[test]
fn a_large_tomosynthesis_costs_its_header_and_a_frame() {
    if peak_bytes().is_none() {
        println!("skipped: this system does not say how much memory a process had");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for fragments in [false, true] {
        let path = folder.path().join("large.dcm");
        tomosynthesis(&path, fragments);
        assert!(std::fs::metadata(&path).expect("there").len() > 640 << 20);
        alone("large::measured", FILE, &path);
    }
}

/// The process that is measured.
#[test]
fn measured() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let before = peak_bytes().expect("measured");
    let mut object = Object::open(File::open(&path).expect("there"), &Limits::default()).expect("readable");
    assert_eq!(object.header(None).expect("readable").study.as_str(), "1.2.3");
    let listing = object.listing(None).expect("listed");
    assert!(!listing.broken && listing.nodes.iter().any(|node| node.tag == Tag(0x7FE1, 0x1010)));
    let opened = peak_bytes().expect("measured") - before;
    let Content::Listed(listed) = object.read().expect("readable").content else { panic!("scored") };
    assert_eq!(listed.what, format!("tomosynthesis of {FRAMES} frames"));
    assert_eq!(object.frames(), FRAMES as usize);
    let last = object.frame(FRAMES as usize, Form::Stored).expect("there");
    assert!(last.as_chunks().0.iter().all(|pixel| *pixel == 0x0123_u16.to_le_bytes()));
    assert!(object.frame(1, Form::Native).expect("there").iter().all(|byte| *byte == 0));
    let with_frames = peak_bytes().expect("measured") - before;
    println!(
        "640 MiB, {FRAMES} frames of 2 MiB: {} KiB opened and listed, {} KiB with frames",
        opened >> 10,
        with_frames >> 10
    );
    // Most of it is the dictionary of PS3.6 and the code that is touched for the first time.
    assert!(opened < 4 << 20, "{opened} bytes");
    // Two frames at once here, the digest's piece, and what the allocator keeps.
    assert!(with_frames < 3 * FRAME_BYTES as usize + (2 << 20), "{with_frames} bytes");
}

/// A file of a real mammogram's size and compression.
const IMAGE: &str = "TEST_DICOM_IMAGE";

#[test]
fn an_image_costs_its_stream_and_its_samples() {
    if peak_bytes().is_none() {
        println!("skipped: this system does not say how much memory a process had");
        return;
    }
    use crate::phantom::{TransferSyntax, Wrap, encode};
    let (rows, columns) = (4096, 3328);
    // Noise over a slope: it compresses about as a breast does.
    let noise = |i: usize| ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 59) as u16;
    let pixels: Vec<u16> = (0..rows * columns).map(|i| (columns - i % columns) as u16 + noise(i)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    for transfer_syntax in TransferSyntax::ALL {
        let slot = uvid_exam::Slot::LeftCc;
        let bytes = encode(&pixels, &Wrap { transfer_syntax, ..Wrap::new(slot, rows, columns, 9) }).expect("a phantom");
        let path = folder.path().join("image.dcm");
        std::fs::write(&path, bytes).expect("written");
        alone("large::image_measured", IMAGE, &path);
    }
}

/// The process that is measured.
#[test]
fn image_measured() {
    let Some(path) = std::env::var_os(IMAGE) else { return };
    let stream = std::fs::metadata(&path).expect("there").len() as usize;
    let before = peak_bytes().expect("measured");
    let mut object = Object::open(File::open(&path).expect("there"), &Limits::default()).expect("readable");
    let header = object.header(None).expect("readable");
    let Content::Mammogram(image) = object.read().expect("readable").content else { panic!("listed") };
    let cost = peak_bytes().expect("measured") - before;
    let samples = 2 * image.pixels.values().len();
    let syntax = header.transfer_syntax;
    println!("{syntax}: stream {} KiB, samples {} KiB, cost {} KiB", stream >> 10, samples >> 10, cost >> 10);
    // What the codec takes besides, as its module says: wavelets four bytes a sample and what is between, the others
    // a table. A deflated data set is inflated whole.
    let codec = match syntax {
        "1.2.840.10008.1.2.4.90" => 4 * samples,
        "1.2.840.10008.1.2.1.99" => samples,
        _ => 0,
    };
    // Padding is replaced in a copy, when the stream is gone: the larger of the two counts.
    assert!(cost <= samples + codec + stream.max(samples) + (12 << 20), "{syntax}: {cost} bytes");
}

/// A file with many zeros behind its data set.
const ZEROS: &str = "TEST_DICOM_ZEROS";

#[test]
fn a_header_costs_itself_once_and_zeros_behind_it_nothing() {
    if peak_bytes().is_none() {
        println!("skipped: this system does not say how much memory a process had");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zeros.dcm");
    // More of them than a header may have.
    let mut disk = File::create(&path).expect("a file");
    disk.write_all(&explicit(&plain())).expect("written");
    disk.set_len(disk.metadata().expect("there").len() + (1100 << 20)).expect("a hole");
    alone("large::zeros_measured", ZEROS, &path);
    // As many bytes in a private attribute are held, once.
    let mut disk = File::create(&path).expect("a file");
    disk.write_all(&explicit(&plain())).expect("written");
    disk.write_all(&[0xE1, 0x7F, 0x10, 0x10, b'O', b'B', 0, 0]).expect("written");
    disk.write_all(&HELD_BYTES.to_le_bytes()).expect("written");
    disk.set_len(disk.metadata().expect("there").len() + u64::from(HELD_BYTES)).expect("a hole");
    alone("large::zeros_measured", ZEROS, &path);
}

const HELD_BYTES: u32 = 100 << 20;

/// The process that is measured.
#[test]
fn zeros_measured() {
    let Some(path) = std::env::var_os(ZEROS) else { return };
    let held = if std::fs::metadata(&path).expect("there").len() > 1 << 30 { 0 } else { HELD_BYTES as usize };
    let before = peak_bytes().expect("measured");
    let object = Object::open(File::open(&path).expect("there"), &Limits::default()).expect("readable");
    let cost = peak_bytes().expect("measured") - before;
    assert_eq!(object.header(None).expect("readable").study.as_str(), "1.2.3");
    assert!(!object.listing(None).expect("listed").broken);
    println!("{} MiB of a header held: {} KiB", held >> 20, cost >> 10);
    assert!(cost < held + (4 << 20), "{cost} bytes");
}
