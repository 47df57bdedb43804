//! Where `uvid score` finds DICOM: files, folders, zip archives.
//!
//! Invariant: at most one study's bytes are in memory at a time; every file met is either in a study, unreadable with a
//! reason, or counted as no DICOM.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use uvid_datasets::dicom;
use uvid_exam::StudyInstanceUid;
use walkdir::WalkDir;

use crate::pipeline::{SourceFile, Unreadable};

/// A place to read bytes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Zipped(PathBuf, usize, String),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) studies: BTreeMap<StudyInstanceUid, Vec<Source>>,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) not_dicom: usize,
}

impl Source {
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Zipped(path, _, entry) => format!("{}:{entry}", path.display()),
        }
    }

    fn bytes(&self, limits: &dicom::Limits) -> anyhow::Result<Vec<u8>> {
        let context = || self.name();
        match self {
            Self::File(path) => bounded(File::open(path).with_context(context)?, limits).with_context(context),
            Self::Zipped(path, index, _) => {
                let mut zip = zip::ZipArchive::new(File::open(path).with_context(context)?).with_context(context)?;
                let entry = zip.by_index(*index).with_context(context)?;
                bounded(entry, limits).with_context(context)
            }
        }
    }

    /// The file with its bytes, for the pipeline.
    pub(super) fn read(&self, limits: &dicom::Limits) -> anyhow::Result<SourceFile> {
        Ok(SourceFile { name: self.name(), bytes: self.bytes(limits)? })
    }
}

/// Everything, up to the limit of a file; beyond it an error.
fn bounded(reader: impl Read, limits: &dicom::Limits) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let max = limits.file_bytes_max as u64;
    reader.take(max + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= max, "the file has more than {max} bytes");
    Ok(bytes)
}

/// Walks the paths and groups what is DICOM by study. `tick` is called for every file met.
pub(super) fn find(paths: &[PathBuf], limits: &dicom::Limits, tick: impl Fn()) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for path in paths {
        anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        // A file that was named is expected to be DICOM; in a folder or archive other things may lie about.
        let named = path.is_file() && !is_zip(path);
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.with_context(|| path.display().to_string())?;
            if !entry.file_type().is_file() {
                continue;
            }
            if is_zip(entry.path()) {
                find_in_zip(entry.path(), limits, &tick, &mut found)?;
            } else {
                tick();
                found.add(Source::File(entry.into_path()), named, limits);
            }
        }
    }
    Ok(found)
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zip"))
}

fn find_in_zip(path: &Path, limits: &dicom::Limits, tick: &impl Fn(), found: &mut Found) -> anyhow::Result<()> {
    let context = || path.display().to_string();
    let mut zip = zip::ZipArchive::new(File::open(path).with_context(context)?).with_context(context)?;
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).with_context(context)?;
        if entry.is_file() {
            tick();
            let name = entry.name().map_or_else(|_| format!("entry {index}"), |name| name.into_owned());
            let source = Source::Zipped(path.to_path_buf(), index, name);
            drop(entry);
            found.add(source, false, limits);
        }
    }
    Ok(())
}

impl Found {
    fn add(&mut self, source: Source, named: bool, limits: &dicom::Limits) {
        let unreadable = |problem: String| Unreadable { name: source.name(), problem };
        let bytes = match source.bytes(limits) {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable.push(unreadable(format!("{:#}", error.root_cause()))),
        };
        match dicom::read_header(&bytes, limits) {
            Ok(header) => self.studies.entry(header.study).or_default().push(source),
            Err(error) if named || looks_like_dicom(&bytes) => self.unreadable.push(unreadable(error.to_string())),
            Err(_) => self.not_dicom += 1,
        }
    }
}

/// The prefix of PS3.10 section 7.1.
fn looks_like_dicom(bytes: &[u8]) -> bool {
    bytes.get(128..132) == Some(b"DICM")
}
