//! Faults that need the folder: files that are missing, too many, or the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Severity::{Error, Note, Warning};
use super::{Fault, Findings, fault};
use crate::sets::cohort::Cohort;
use crate::sets::error::SetError;
use crate::sets::files::{Files, Found};
use crate::sets::lesion::Shape;
use crate::sets::table::hex;

const MISSING: Fault = fault(
    Error,
    "missing-file",
    "the file is nowhere below the root",
    "fetch it again, or leave the image out; results would be of another cohort",
);
const SEVERAL: Fault =
    fault(Warning, "several-files", "several files fit the path of the image", "leave one copy below the root");
const NO_PLACE: Fault =
    fault(Note, "no-place", "the tables do not say where the image lies", "give the file's path in a generic table");
const NO_MASK: Fault = fault(
    Warning,
    "missing-mask",
    "no file of the lesion's mask is below the root",
    "fetch it, or measure localisation without this lesion",
);
const SHARED: Fault = fault(
    Error,
    "same-file",
    "two images have one file",
    "find out which image it is; a patient would be counted twice",
);
const UNLISTED: Fault = fault(
    Warning,
    "unlisted-file",
    "the file is of no image in the tables",
    "see whether rows are missing, or whether it belongs to an image that was excluded",
);
const SAME_CONTENT: Fault = fault(
    Error,
    "same-content",
    "the files of two images are equal byte for byte",
    "find out which image it is; across splits this is a leak",
);

/// Endings of files that can be mammograms. DICOM files of some sets have none.
const IMAGES: [&str; 8] = ["dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff", ""];

fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    IMAGES.contains(&ending.as_str())
}

pub(super) fn look(
    cohort: &Cohort,
    root: &Path,
    files: &Files,
    digests: bool,
    findings: &mut Findings,
) -> Result<(), SetError> {
    let (mut missing, mut several, mut no_place, mut no_mask) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut owners: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
    let mut claimed: BTreeMap<&Path, ()> = BTreeMap::new();
    for image in &cohort.images {
        let name = || image.image.clone();
        if image.file.is_none() && image.elsewhere.is_empty() && image.series.is_none() {
            no_place.push(name());
        } else {
            match files.find(image) {
                Found::One(path) => owners.entry(path).or_default().push(&image.image),
                Found::Several(paths) => {
                    claimed.extend(paths.into_iter().map(|path| (path, ())));
                    several.push(name());
                }
                Found::Nothing => missing.push(name()),
            }
        }
        for lesion in &image.lesions {
            let masks = files.masks(lesion);
            if masks.is_empty() && matches!(lesion.shape, Shape::MaskFile { .. }) {
                no_mask.push(format!("{}: {}", image.image, lesion.id));
            }
            claimed.extend(masks.into_iter().map(|path| (path, ())));
        }
    }
    let shared = owners.values().filter(|images| images.len() > 1).map(|images| images.join(" = "));
    let shared: Vec<String> = shared.collect();
    let stray = files
        .paths()
        .iter()
        .filter(|path| is_image(path) && !owners.contains_key(path.as_path()) && !claimed.contains_key(path.as_path()));
    findings.add(MISSING, missing);
    findings.add(SHARED, shared);
    if digests {
        findings.add(SAME_CONTENT, equal(root, &owners)?);
    }
    findings.add(SEVERAL, several);
    findings.add(NO_MASK, no_mask);
    // Where no image has a place, every file would be a stray.
    if no_place.len() < cohort.images.len() {
        findings.add(UNLISTED, stray.map(|path| path.display().to_string()));
    }
    findings.add(NO_PLACE, no_place);
    Ok(())
}

/// Images whose files are different and equal byte for byte.
fn equal(root: &Path, owners: &BTreeMap<&Path, Vec<&str>>) -> Result<Vec<String>, SetError> {
    let mut by_digest: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, images) in owners {
        let digest = digest(&root.join(path));
        let digest = digest.map_err(|source| SetError::Read { file: path.display().to_string(), source })?;
        by_digest.entry(digest).or_default().extend(images.first());
    }
    Ok(by_digest.into_values().filter(|images| images.len() > 1).map(|images| images.join(" = ")).collect())
}

fn digest(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}
