//! Uvid's own ways: a code stream in memory, and a file on disk.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use uvid_codecs::Decoding;
use uvid_datasets::dicom::{Limits, read};
use uvid_exam::{Content, Fate};

use crate::contestants::Decoded;
use crate::files::File;

/// From a code stream to samples.
pub(crate) fn frame(file: &File, threads: NonZeroUsize) -> Result<Decoded, String> {
    let format = file.syntax.format.ok_or("not compressed")?;
    let how = Decoding { threads, ..Decoding::default() };
    let start = Instant::now();
    let decoded = uvid_codecs::decode(format, &file.frame, &file.shape, &how, usize::MAX);
    let time = start.elapsed();
    let (_, samples, _) = decoded.map_err(|e| e.to_string())?;
    Ok((time, samples))
}

/// From a path to a mammogram: read, digested, checked, decoded, turned upright.
pub(crate) fn file(file: &File) -> Result<Decoded, String> {
    let start = Instant::now();
    let bytes = std::fs::read(&file.path).map_err(|e| e.to_string())?;
    let received = read(&bytes, &Limits::default());
    let time: Duration = start.elapsed();
    match received.map_err(|e| e.to_string())?.content {
        Content::Mammogram(image) => {
            let stored = |p: &u16| image.pixels.stored(*p) as u16;
            Ok((time, image.pixels.values().iter().map(stored).collect()))
        }
        Content::Listed(listed) => Err(if let Fate::Unreadable(why) = listed.fate { why } else { listed.what }),
    }
}
