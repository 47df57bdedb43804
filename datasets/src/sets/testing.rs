//! For tests: an image of which little is known, folders with invented tables, a workbook.

use std::path::Path;

use super::cohort::{Cohort, Image};
use super::error::SetError;

pub(super) fn image(patient: &str, exam: &str, name: &str) -> Image {
    Image::new(patient, exam, name)
}

/// A folder with these files.
pub(super) fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    root
}

/// Recognises a folder and reads it.
pub(super) fn read(root: &Path) -> Result<Cohort, SetError> {
    super::recognise(root).expect("a known set").read(root)
}

/// A workbook of the old kind (BIFF8 in a compound file) with one sheet of texts; numbers are written as numbers.
pub(super) fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let record = |kind: u16, body: &[u8]| {
        let length = u16::try_from(body.len()).expect("a short record");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), body].concat()
    };
    let bof = |kind: u16| {
        let mut body = vec![0x00, 0x06];
        body.extend(kind.to_le_bytes());
        body.extend([0; 12]);
        record(0x0809, &body)
    };
    let mut sheet = bof(0x0010);
    for (row, cells) in (0u16..).zip(rows) {
        for (column, cell) in (0u16..).zip(*cells) {
            let mut body = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
            if let Ok(number) = cell.parse::<f64>() {
                body.extend(number.to_le_bytes());
                sheet.extend(record(0x0203, &body));
            } else if !cell.is_empty() {
                body.extend(u16::try_from(cell.len()).expect("a short text").to_le_bytes());
                body.push(0);
                body.extend(cell.bytes());
                sheet.extend(record(0x0204, &body));
            }
        }
    }
    sheet.extend(record(0x000A, &[]));
    let name = b"Sheet1";
    let offset = |at: u32| {
        let mut body = at.to_le_bytes().to_vec();
        body.extend([0, 0, u8::try_from(name.len()).expect("a short name"), 0]);
        body.extend(name);
        record(0x0085, &body)
    };
    let start = bof(0x0005).len() + offset(0).len() + record(0x000A, &[]).len();
    let mut stream = [bof(0x0005), offset(u32::try_from(start).expect("small")), record(0x000A, &[]), sheet].concat();
    // Streams below 4096 bytes would have to lie in the mini stream.
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    compound(&stream)
}

/// A compound file (MS-CFB) whose only stream is `Workbook`.
fn compound(stream: &[u8]) -> Vec<u8> {
    let sectors = u32::try_from(stream.len() / 512).expect("small");
    assert!(sectors + 2 <= 128, "one sector of the allocation table");
    let mut file = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    file.extend([0; 16]);
    for value in [0x3Eu16, 3, 0xFFFE, 9, 6, 0, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    // Directory sectors 0, one FAT sector, the directory is sector 1; no mini stream, no DIFAT.
    for value in [0u32, 1, 1, 0, 4096, 0xFFFF_FFFE, 0, 0xFFFF_FFFE, 0, 0] {
        file.extend(value.to_le_bytes());
    }
    file.resize(512, 0xFF);
    let mut table = vec![0xFFFF_FFFDu32, 0xFFFF_FFFE];
    table.extend((1..sectors).map(|next| next + 2));
    table.push(0xFFFF_FFFE);
    table.resize(128, 0xFFFF_FFFF);
    file.extend(table.iter().flat_map(|value| value.to_le_bytes()));
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: u32| {
        let mut entry: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let length = u16::try_from(entry.len()).expect("a short name");
        entry.resize(64, 0);
        entry.extend(length.to_le_bytes());
        entry.extend([kind, 1]);
        for value in [u32::MAX, u32::MAX, child] {
            entry.extend(value.to_le_bytes());
        }
        entry.resize(116, 0);
        entry.extend(start.to_le_bytes());
        entry.extend(size.to_le_bytes());
        entry.extend([0; 4]);
        entry
    };
    let size = u32::try_from(stream.len()).expect("small");
    let mut directory = entry("Root Entry", 5, 1, 0xFFFF_FFFE, 0);
    directory.extend(entry("Workbook", 2, u32::MAX, 2, size));
    directory.resize(512, 0);
    file.extend(directory);
    file.extend(stream);
    file
}
