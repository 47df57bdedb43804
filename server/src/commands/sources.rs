//! Where `uvid score` finds DICOM: files, folders, zip archives.
//!
//! Invariant: at most one study's images are in memory at a time; every file met is either in a study, unreadable with a
//! reason, or counted as no DICOM; none of them keeps the others from being scored.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use uvid_datasets::dicom::{self, ReadError};
use uvid_exam::StudyInstanceUid;
use walkdir::WalkDir;

use super::progress::spinner;
use crate::pipeline::{self, NoBytes, Unreadable};

/// Bytes in which a file must show that it is DICOM before the rest of it is read.
const SNIFF_BYTES: u64 = 64 << 10;

/// A place to read bytes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    path: PathBuf,
    /// The entry of a zip archive: its index and its name.
    entry: Option<(usize, String)>,
    bytes_max: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) studies: BTreeMap<StudyInstanceUid, Vec<Source>>,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) not_dicom: usize,
}

impl Source {
    pub(super) fn file(path: PathBuf, limits: &dicom::Limits) -> Self {
        Self { path, entry: None, bytes_max: limits.file_bytes_max }
    }

    /// Up to so many bytes from the beginning.
    fn read(&self, bytes_max: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path)?;
        match self.entry {
            None => file.take(bytes_max).read_to_end(&mut bytes)?,
            Some((index, _)) => {
                let mut zip = zip::ZipArchive::new(file).map_err(std::io::Error::other)?;
                let entry = zip.by_index(index).map_err(std::io::Error::other)?;
                entry.take(bytes_max).read_to_end(&mut bytes)?
            }
        };
        Ok(bytes)
    }

    /// Opens it. An entry of an archive, which cannot be entered in the middle, is held in memory, up to the limit.
    fn whole(&self, limits: &dicom::Limits) -> Result<dicom::Object<'static>, String> {
        if self.entry.is_none() {
            let file = File::open(&self.path).map_err(|e| e.to_string())?;
            return dicom::Object::open(file, limits).map_err(|e| e.to_string());
        }
        let max = self.bytes_max as u64;
        let bytes = self.read(max.saturating_add(1)).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > max {
            return Err(format!("the file has more than {max} bytes"));
        }
        dicom::Object::open(Cursor::new(bytes), limits).map_err(|e| e.to_string())
    }

    /// A name like that of a DICOM file, or none that speaks against it.
    fn is_called_dicom(&self) -> bool {
        let name = self.entry.as_ref().map_or_else(|| self.path.to_string_lossy(), |(_, name)| name.as_str().into());
        name.to_lowercase().ends_with(".dcm")
    }
}

impl pipeline::Source for Source {
    fn name(&self) -> String {
        let path = self.path.display();
        printable(&self.entry.as_ref().map_or_else(|| path.to_string(), |(_, entry)| format!("{path}:{entry}")))
    }

    fn open(&self, limits: &dicom::Limits) -> Result<dicom::Object<'_>, NoBytes> {
        self.whole(limits).map_err(NoBytes::Unreadable)
    }
}

/// Walks the paths and groups what is DICOM by study; counts the files met on standard error.
pub(super) fn find(paths: &[PathBuf], limits: &dicom::Limits) -> anyhow::Result<Found> {
    let search = spinner("looking for DICOM");
    let tick = || search.inc(1);
    let mut found = Found::default();
    for path in paths {
        anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        // A file that was named is expected to be DICOM; in a folder or archive other things may lie about.
        let named = path.is_file();
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if is_zip(entry.path()) => found.add_zip(entry.path(), limits, &tick),
                Ok(entry) => {
                    tick();
                    found.add(Source::file(entry.into_path(), limits), named, limits);
                }
                Err(error) => {
                    let name = printable(&error.path().unwrap_or(path).display().to_string());
                    found.unreadable.push(Unreadable { name, problem: printable(&error.to_string()) });
                }
            }
        }
    }
    search.finish_and_clear();
    Ok(found)
}

/// A name must not steer the terminal that it is printed on.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"))
}

impl Found {
    fn add_zip(&mut self, path: &Path, limits: &dicom::Limits, tick: &impl Fn()) {
        match entries(path) {
            Ok(entries) => {
                for entry in entries {
                    tick();
                    let source = Source { entry: Some(entry), ..Source::file(path.to_path_buf(), limits) };
                    self.add(source, false, limits);
                }
            }
            Err(error) => {
                let problem = format!("is no archive that can be read: {error}");
                self.unreadable.push(Unreadable { name: printable(&path.display().to_string()), problem });
            }
        }
    }

    fn add(&mut self, source: Source, named: bool, limits: &dicom::Limits) {
        let expected = named || source.is_called_dicom();
        match identify(&source, expected, limits) {
            Ok(Some(study)) => self.studies.entry(study).or_default().push(source),
            Ok(None) => self.not_dicom += 1,
            Err(problem) => self.unreadable.push(Unreadable { name: pipeline::Source::name(&source), problem }),
        }
    }
}

/// The entries of an archive that are files, by index and name.
fn entries(path: &Path) -> Result<Vec<(usize, String)>, zip::result::ZipError> {
    let mut zip = zip::ZipArchive::new(File::open(path)?)?;
    let mut entries = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index)?;
        if entry.is_file() {
            entries.push((index, entry.name().map_or_else(|_| format!("entry {index}"), |name| name.into_owned())));
        }
    }
    Ok(entries)
}

/// The study of a DICOM file; `None` if it is none and nobody said that it was.
fn identify(source: &Source, expected: bool, limits: &dicom::Limits) -> Result<Option<StudyInstanceUid>, String> {
    let head = source.read(SNIFF_BYTES).map_err(|e| e.to_string())?;
    let whole = (head.len() as u64) < SNIFF_BYTES;
    match dicom::read_header(&head, limits) {
        Ok(header) => return Ok(Some(header.study)),
        Err(ReadError::NotDicom) if !expected => return Ok(None),
        Err(error) if whole => return if expected || has_prefix(&head) { Err(error.to_string()) } else { Ok(None) },
        // The identifiers may lie further in.
        Err(_) => {}
    }
    match source.whole(limits).and_then(|object| object.header(None).map_err(|error| error.to_string())) {
        Ok(header) => Ok(Some(header.study)),
        Err(error) if expected || has_prefix(&head) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The prefix of PS3.10 section 7.1.
fn has_prefix(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}
