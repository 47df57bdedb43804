//! The zip archive that PyTorch writes since 1.6: entries side by side, not compressed.
//!
//! Invariant: an entry handed out lies wholly in the file, before the directory, overlaps no other, and has the CRC-32
//! that the directory states. Read here and not by a library: libraries make room for the entries that a file announces
//! before they see any. Numbers and names of fields: PKWARE APPNOTE 6.3.10, 4.3.

use std::collections::HashMap;
use std::ops::Range;

use super::limits::{CheckpointError, Limits, excerpt, within};

/// The entries of an archive, by name.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<&'a str, Entry>,
}

struct Entry {
    method: u16,
    crc: u32,
    data: Range<usize>,
}

/// A record's fields, little-endian.
#[derive(Clone, Copy)]
struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// `length` bytes at `at` that begin with `signature`.
    fn at(bytes: &'a [u8], at: usize, length: usize, signature: &[u8; 4]) -> Option<Self> {
        let record = bytes.get(at..at.checked_add(length)?)?;
        record.starts_with(signature).then_some(Self(record))
    }

    fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u64(self, at: usize) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(*self.0.get(at..)?.first_chunk()?)).ok()
    }

    fn length(self, at: usize) -> Option<usize> {
        self.u16(at).map(usize::from)
    }

    fn size(self, at: usize) -> Option<usize> {
        self.u32(at).map(|n| n as usize)
    }
}

const DIRECTORY_ENTRY: usize = 46;
const LOCAL_HEADER: usize = 30;
const END: usize = 22;
const END_64: usize = 56;
const LOCATOR_64: usize = 20;

fn damaged(what: &str) -> CheckpointError {
    CheckpointError::Container(format!("zip archive: {what}"))
}

impl<'a> Archive<'a> {
    /// Reads the directory.
    pub fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, CheckpointError> {
        let (count, start) = directory(bytes).ok_or_else(|| damaged("its end is not there: the file is cut off"))?;
        within(count, limits.zip_entries_max, "entries in a zip archive")?;
        let mut entries = HashMap::new();
        let mut at = start;
        for _ in 0..count {
            let (name, entry, next) = entry(bytes, at, start).ok_or_else(|| damaged("an entry is damaged"))?;
            if entries.insert(name, entry).is_some() {
                return Err(damaged(&format!("{:?} is there twice", excerpt(name))));
            }
            at = next;
        }
        let mut ranges: Vec<_> = entries.values().map(|e| e.data.clone()).filter(|r| !r.is_empty()).collect();
        ranges.sort_unstable_by_key(|r| r.start);
        if ranges.windows(2).any(|w| w[0].end > w[1].start) {
            return Err(damaged("entries overlap"));
        }
        Ok(Self { bytes, entries })
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().copied()
    }

    /// An entry's bytes; `None` if there is no such entry.
    pub fn get(&self, name: &str) -> Result<Option<&'a [u8]>, CheckpointError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let bytes = self.bytes.get(entry.data.clone()).unwrap_or_default();
        if entry.method != 0 {
            return Err(damaged(&format!("{:?} is compressed, which PyTorch never does", excerpt(name))));
        }
        if crc32fast::hash(bytes) != entry.crc {
            return Err(damaged(&format!("{:?} is damaged, its CRC-32 differs", excerpt(name))));
        }
        Ok(Some(bytes))
    }
}

/// How many entries the directory has, and where it starts. PyTorch writes no comment behind the end record.
fn directory(bytes: &[u8]) -> Option<(usize, usize)> {
    let end_at = bytes.len().checked_sub(END)?;
    let end = Record::at(bytes, end_at, END, b"PK\x05\x06")?;
    let (count, start) = (end.length(10)?, end.size(16)?);
    if count < 0xFFFF && start < 0xFFFF_FFFF {
        return Some((count, start));
    }
    let locator = Record::at(bytes, end_at.checked_sub(LOCATOR_64)?, LOCATOR_64, b"PK\x06\x07")?;
    let end = Record::at(bytes, locator.u64(8)?, END_64, b"PK\x06\x06")?;
    Some((end.u64(32)?, end.u64(48)?))
}

/// The entry whose directory record is at `at`, and where the next record is.
fn entry(bytes: &[u8], at: usize, directory: usize) -> Option<(&str, Entry, usize)> {
    let record = Record::at(bytes, at, DIRECTORY_ENTRY, b"PK\x01\x02")?;
    let encrypted = record.u16(8)? & 1 != 0;
    let (name_length, extra_length, comment_length) = (record.length(28)?, record.length(30)?, record.length(32)?);
    let name_at = at + DIRECTORY_ENTRY;
    let name = bytes.get(name_at..name_at + name_length)?;
    let extra = bytes.get(name_at + name_length..name_at + name_length + extra_length)?;

    // What is too large for 32 bits stands in the extra field 1, in this order.
    let mut large = Record(zip64(extra));
    let mut wide = |short: usize| {
        if short < 0xFFFF_FFFF {
            return Some(short);
        }
        let value = large.u64(0)?;
        large = Record(large.0.get(8..)?);
        Some(value)
    };
    let plain = wide(record.size(24)?)?;
    let stored = wide(record.size(20)?)?;
    let header_at = wide(record.size(42)?)?;

    let header = Record::at(bytes, header_at, LOCAL_HEADER, b"PK\x03\x04")?;
    let local_name_at = header_at + LOCAL_HEADER;
    let local_name = bytes.get(local_name_at..local_name_at + header.length(26)?)?;
    let start = local_name_at + local_name.len() + header.length(28)?;
    let end = start.checked_add(stored)?;
    let method = record.u16(10)?;
    let sound = local_name == name && !encrypted && end <= directory && (method != 0 || plain == stored);
    let entry = Entry { method, crc: record.u32(16)?, data: start..end };
    let next = name_at + name_length + extra_length + comment_length;
    sound.then_some((std::str::from_utf8(name).ok()?, entry, next))
}

/// The content of extra field 1, empty if it is not there.
fn zip64(mut extra: &[u8]) -> &[u8] {
    while let Some((head, rest)) = extra.split_first_chunk::<4>() {
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let Some(content) = rest.get(..length) else { break };
        if head[..2] == [1, 0] {
            return content;
        }
        extra = &rest[length..];
    }
    &[]
}
