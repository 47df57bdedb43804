//! A file of a public set, with what the set's tables say of it.
//!
//! Public sets strip their files of what a hospital's have: the view, the side, whose they are. What the table says takes
//! the place of what is missing; where the two disagree, the exam stops with a contradiction. Which images are one
//! exam of one patient is for the table to say: files of one exam may carry several Study Instance UIDs.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dicom_dictionary_std::tags;
use sha2::{Digest, Sha256};
use uvid_datasets::dicom::{self, ReadError};
use uvid_datasets::phantom::{self, Edit, Uids, Wrap};
use uvid_datasets::sets::{Image, Projection};
use uvid_exam::{
    Content, Laterality, Lossy, Mammogram, Patient, PatientId, Reason, Received, Slot, SopInstanceUid,
    StudyInstanceUid, View,
};

use super::places::Places;
use crate::pipeline::{Lost, NoBytes, Source};

/// Extensions of files that are pictures, not DICOM.
const PICTURES: [&str; 3] = ["png", "jpg", "jpeg"];

/// One image of a set.
#[derive(Debug)]
pub(super) struct SetImage {
    name: String,
    path: Option<PathBuf>,
    study: StudyInstanceUid,
    patient: Patient,
    laterality: Option<Laterality>,
    view: Option<View>,
    /// Which object the file turned out to be.
    found: OnceLock<SopInstanceUid>,
}

impl SetImage {
    pub(super) fn new(set: &str, places: &Places, image: &Image) -> Result<Self, uvid_exam::InvalidUid> {
        let view = match &image.view {
            Some(Projection::View(view)) => Some(*view),
            // The set's own word for it is no standard view: the file may know better.
            Some(Projection::Other(_)) | None => None,
        };
        Ok(Self {
            name: image.image.clone(),
            path: places.image(image),
            study: study(set, &image.patient, &image.exam)?,
            patient: Patient { id: PatientId::new(&image.patient), ..Patient::default() },
            laterality: image.laterality,
            view,
            found: OnceLock::new(),
        })
    }

    /// The SOP Instance UID of the file, once it has been read.
    pub(super) fn found(&self) -> Option<&SopInstanceUid> {
        self.found.get()
    }

    fn declare_image(&self, image: &mut Mammogram) {
        let uid = image.sop_instance.clone();
        let mut contradiction = |what, detail| {
            image.contradictions.push(Reason::Contradiction { uid: uid.clone(), what, detail });
        };
        match (self.laterality, image.laterality) {
            (Some(table), Some(file)) if table != file => {
                contradiction("laterality", format!("the set's table says {table}, the file {file}"));
            }
            (table, file) => image.laterality = file.or(table),
        }
        match (self.view, image.view) {
            (Some(table), Some(file)) if table != file => {
                contradiction("view", format!("the set's table says {table}, the file {file}"));
            }
            (table, file) => image.view = file.or(table),
        }
        image.study = self.study.clone();
        image.patient = self.patient.clone();
    }
}

/// Whether a file is called like a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|e| PICTURES.iter().any(|picture| e.eq_ignore_ascii_case(picture)))
}

fn lost(path: &Path, error: &std::io::Error) -> Lost {
    Lost(format!("{}: {error}", path.display()))
}

/// A UID of its own for every exam of every set (PS3.5 B.2).
fn study(set: &str, patient: &str, exam: &str) -> Result<StudyInstanceUid, uvid_exam::InvalidUid> {
    let digest = Sha256::digest(format!("{set}\0{patient}\0{exam}").as_bytes());
    let number = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("2.25.{number}").parse()
}

impl Source for SetImage {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self, limits: &dicom::Limits) -> Result<dicom::Object<'_>, NoBytes> {
        let path = self.path.as_ref().ok_or_else(|| {
            NoBytes::Unreadable(
                "the file is not there, or several may be it, or it may be another image's: uvid dataset check says more".into(),
            )
        })?;
        let opened = match is_picture(path) {
            true => {
                let size = std::fs::metadata(path).map_err(|e| NoBytes::Lost(lost(path, &e)))?.len();
                if size > limits.file_bytes_max as u64 {
                    let most = limits.file_bytes_max;
                    return Err(NoBytes::Unreadable(format!("{size} bytes; limits.file_bytes_max is {most}")));
                }
                let bytes = std::fs::read(path).map_err(|e| NoBytes::Lost(lost(path, &e)))?;
                let bytes = self.wrapped(&bytes, limits).map_err(NoBytes::Unreadable)?;
                dicom::Object::open(Cursor::new(bytes), limits)
            }
            false => {
                let file = std::fs::File::open(path).map_err(|e| NoBytes::Lost(lost(path, &e)))?;
                dicom::Object::open(file, limits)
            }
        };
        opened.map_err(|error| self.unread(&error))
    }

    /// A file that was listed a moment ago and that the system does not give is the system's fault: a journal must not keep it as
    /// the exam's.
    fn unread(&self, error: &ReadError) -> NoBytes {
        let said = error.to_string();
        if matches!(error, ReadError::Io(_)) { NoBytes::Lost(Lost(said)) } else { NoBytes::Unreadable(said) }
    }

    fn declare(&self, mut received: Received) -> Received {
        // A second model reads the same file again: it is the same object.
        let _ = self.found.set(received.content.sop_instance().clone());
        match &mut received.content {
            Content::Mammogram(image) => self.declare_image(image),
            Content::Listed(listed) => {
                listed.study = self.study.clone();
                listed.patient = self.patient.clone();
            }
        }
        received
    }
}

impl SetImage {
    /// A picture as a DICOM object, so that it takes the same road. What a picture does not say, the object does not: spacing, and
    /// which way the breast points.
    fn wrapped(&self, bytes: &[u8], limits: &dicom::Limits) -> Result<Vec<u8>, String> {
        let slot = self.laterality.zip(self.view).and_then(|(laterality, view)| Slot::of(laterality, view));
        let slot = slot.ok_or("a picture does not say which side and view it shows, and neither does the table")?;
        let mut reader =
            image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
        let mut bounds = image::Limits::default();
        bounds.max_alloc = Some(limits.file_bytes_max as u64);
        reader.limits(bounds);
        let lossy = reader.format() != Some(image::ImageFormat::Png);
        let decoded = reader.decode().map_err(|e| e.to_string())?;
        // Eight bits become the upper ones of twelve: DICOM's mammograms have at least ten.
        let colour = decoded.color();
        let (bits, size, pixels) = if colour.bytes_per_pixel() == colour.channel_count() {
            let grey = decoded.into_luma8();
            (12, grey.dimensions(), grey.into_raw().into_iter().map(|v| u16::from(v) << 4).collect())
        } else {
            let grey = decoded.into_luma16();
            (16, grey.dimensions(), grey.into_raw())
        };
        let (columns, rows) = size;
        let digest = Sha256::digest(format!("{}\0{}", self.study, self.name).as_bytes());
        let seed = digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let new = Wrap::new(slot, rows as usize, columns as usize, seed);
        let wrap = Wrap {
            bits_stored: bits,
            voi: vec![phantom::full_window(bits)],
            padding: None,
            lossy: if lossy { Lossy::Yes } else { Lossy::No },
            uids: Uids::new(seed, slot.laterality(), slot.view(), new.intent, 0),
            edits: vec![Edit::Remove(tags::IMAGER_PIXEL_SPACING), Edit::Remove(tags::PATIENT_ORIENTATION)],
            ..new
        };
        phantom::encode(&pixels, &wrap).map_err(|e| e.to_string())
    }
}
