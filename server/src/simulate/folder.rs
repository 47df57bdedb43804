//! The objects of a simulated PACS.
//!
//! Invariant: a file is named by its SOP Instance UID, which was checked to be one; what is in the index can be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_datasets::dicom::{self, Limits};
use uvid_exam::{SopClassUid, SopInstanceUid};

use crate::dimse::scu::{Attribute, ToStore};

/// What queries may ask for and match by.
pub(super) const KEYS: &[Tag] = &[
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::MODALITY,
    tags::MODALITIES_IN_STUDY,
    tags::STUDY_DESCRIPTION,
    tags::SERIES_DESCRIPTION,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::STUDY_ID,
    tags::SERIES_NUMBER,
    tags::INSTANCE_NUMBER,
    tags::IMAGE_LATERALITY,
    tags::VIEW_POSITION,
    tags::NUMBER_OF_STUDY_RELATED_SERIES,
    tags::NUMBER_OF_STUDY_RELATED_INSTANCES,
    tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
];

/// An object.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) sop_class: SopClassUid,
    pub(super) sop_instance: SopInstanceUid,
    /// Its values of [`KEYS`].
    attributes: Vec<Attribute>,
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    File(PathBuf),
    Memory(Arc<Vec<u8>>),
}

impl Object {
    /// The value of a key, empty if it has none.
    pub(super) fn value(&self, tag: Tag) -> &str {
        self.attributes.iter().find(|(t, _)| *t == tag).map_or("", |(_, text)| text)
    }

    /// With its bytes.
    pub(super) fn load(&self) -> std::io::Result<ToStore> {
        let bytes = match &self.kept {
            Kept::File(path) => std::fs::read(path)?,
            Kept::Memory(bytes) => bytes.to_vec(),
        };
        Ok(ToStore { sop_class: self.sop_class.clone(), sop_instance: self.sop_instance.clone(), bytes })
    }
}

/// All objects.
#[derive(Default)]
pub(super) struct Folder {
    path: Option<PathBuf>,
    objects: BTreeMap<SopInstanceUid, Object>,
}

impl Folder {
    /// What lies in a folder already, which is made if it does not exist; files that are no DICOM are passed over.
    pub(super) fn open(path: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut folder = Self { path, objects: BTreeMap::new() };
        let Some(path) = folder.path.clone() else { return Ok(folder) };
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        for entry in walkdir::WalkDir::new(&path).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                let bytes = std::fs::read(entry.path()).with_context(|| entry.path().display().to_string())?;
                folder.index(&bytes, Kept::File(entry.path().to_owned()));
            }
        }
        Ok(folder)
    }

    /// The objects by UID.
    pub(super) fn objects(&self) -> &BTreeMap<SopInstanceUid, Object> {
        &self.objects
    }

    /// Keeps a file, instead of an earlier one of the same UID; whether it is DICOM.
    pub(super) fn keep(&mut self, instance: &SopInstanceUid, bytes: Vec<u8>) -> std::io::Result<bool> {
        let Some(folder) = &self.path else {
            let bytes = Arc::new(bytes);
            return Ok(self.index(&bytes, Kept::Memory(Arc::clone(&bytes))));
        };
        let file = folder.join(format!("{}.dcm", instance.as_str()));
        write(&file, &bytes)?;
        Ok(self.index(&bytes, Kept::File(file)))
    }

    fn index(&mut self, bytes: &[u8], kept: Kept) -> bool {
        let limits = Limits::default();
        let Ok(header) = dicom::read_header(bytes, &limits) else { return false };
        let Ok((syntax, data)) = dicom::split_file(bytes, &limits) else { return false };
        let attributes = dicom::read_attributes(data, syntax, KEYS, &limits).unwrap_or_default();
        let (sop_class, sop_instance) = (header.sop_class, header.sop_instance);
        self.objects.insert(sop_instance.clone(), Object { sop_class, sop_instance, attributes, kept });
        true
    }
}

/// Never half a file under its name.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = file.with_extension("part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(part, file)
}
