//! Whether two files hold the same data set.
//!
//! Invariant: neither file is held in memory; their beginnings are, up to [`META_BYTES_MAX`].

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use uvid_datasets::dicom;

/// Within which the file meta information ends; nobody's is a hundredth of it.
const META_BYTES_MAX: u64 = 256 << 10;

/// What is compared at a time.
const PIECE_BYTES: usize = 64 << 10;

/// A file, at its data set.
pub(super) struct DataSetFile {
    transfer_syntax: &'static str,
    data: BufReader<File>,
    bytes: u64,
}

impl DataSetFile {
    /// `None` if the file cannot be read, or is none.
    pub(super) fn open(path: &Path, limits: &dicom::Limits) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut first = Vec::new();
        Read::by_ref(&mut file).take(META_BYTES_MAX).read_to_end(&mut first).ok()?;
        let (transfer_syntax, data) = dicom::split_file(&first, limits).ok()?;
        let at = (first.len() - data.len()) as u64;
        file.seek(SeekFrom::Start(at)).ok()?;
        let data = BufReader::with_capacity(PIECE_BYTES, file);
        Some(Self { transfer_syntax, data, bytes: length - at })
    }

    /// Whether both data sets are the same bytes in the same transfer syntax; `None` if one cannot be read.
    pub(super) fn equals(mut self, mut other: Self) -> Option<bool> {
        if (self.transfer_syntax, self.bytes) != (other.transfer_syntax, other.bytes) {
            return Some(false);
        }
        let (mut a, mut b) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
        let mut left = self.bytes;
        while left > 0 {
            let piece = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            self.data.read_exact(&mut a[..piece]).ok()?;
            other.data.read_exact(&mut b[..piece]).ok()?;
            if a[..piece] != b[..piece] {
                return Some(false);
            }
            left -= piece as u64;
        }
        Some(true)
    }
}
