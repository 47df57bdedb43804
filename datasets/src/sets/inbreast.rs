//! INbreast: 410 digital mammograms of 115 patients from Porto, with drawn outlines.
//!
//! Moreira et al., "INbreast: toward a full-field digital mammographic database", Academic Radiology 19(2):236-248
//! (2012). Licence: by agreement with the authors, no redistribution.
//!
//! # Tables
//!
//! `INbreast.xls` (or a copy as `INbreast.csv`, with commas or semicolons), a row an image and a footer: `Patient ID,
//! Patient age, Laterality, View, Acquisition date, File Name, ACR, Bi-Rads, Mass, Micros, Distortion, Asymmetry,
//! Findings Notes (in Portuguese), Other Notes, Lesion Annotation Status, Pectoral Muscle Annotation, Other Annotations`.
//! `Mass ` has a space. Images are `AllDICOMs/<File Name>_<patient>_MG_<side>_<view>_ANON.dcm`, outlines
//! `AllXML/<File Name>.xml`, property lists as OsiriX writes them: `Images[0].ROIs[i]` with `Name` and `Point_px`, a
//! list of texts `(x, y)`.
//!
//! # Rules
//!
//! - **The table has no pathology.** Its labels are a proxy, [`super::Reference::Proxy`]: an image is positive if its
//!   BI-RADS category is 4, 5 or 6, negative if it is 1, 2 or 3.
//! - `Patient ID` says `removed` in the published table. The patient's pseudonym is then the second part of the name of
//!   the image's file; an image without either is excluded, since nothing would keep a patient's images together.
//! - An exam is the patient's `Acquisition date`. A row without a file name is the footer and is excluded as such.
//! - `ACR` 1 to 4 is density A to D.
//! - A region of interest is a lesion; its points (x, y) become (row, column). It has no `malignant` of its own. The
//!   pectoral muscle's outline is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cohort::{Cohort, Image, Reference};
use super::exclusion::{Stage, Unit};
use super::table::{Column, Row, may, need, need_or};
use super::values::{inside, projection, side_of};
use super::{Expected, Reader, SetError, covariate, outline, table, values};

const COLUMNS: &[Column] = &[
    need("Patient ID"),
    may("Patient age"),
    need("Laterality"),
    need("View"),
    need("Acquisition date"),
    need("File Name"),
    need("ACR"),
    need_or("Bi-Rads", &["BiRads", "Birads"]),
    need("Mass"),
    need("Micros"),
    need("Distortion"),
    need("Asymmetry"),
];

pub(super) const READER: Reader = Reader {
    name: "inbreast",
    title: "INbreast",
    source: "Moreira et al. 2012, https://doi.org/10.1016/j.acra.2011.09.014",
    licence: "by agreement, no redistribution",
    labels: "proxy: BI-RADS 4, 5 or 6 given by radiologists; no pathology",
    tables: &[Expected { names: &["INbreast.xls", "INbreast.csv"], required: true, columns: COLUMNS }],
    read,
};

/// The most files that are looked at in `AllDICOMs`; the set has 410.
const FILES_MAX: usize = 100_000;

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Proxy);
    let images = images_of(root);
    for file in files.iter().flatten() {
        let read = table::read(root, file, COLUMNS, &BTreeMap::new(), |row| take(&mut cohort, root, &images, row))?;
        cohort.tables.push(read);
    }
    Ok(cohort.finished())
}

/// The files of `AllDICOMs` by the first part of their names; none if there is no such folder.
fn images_of(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(root.join("AllDICOMs")) else { return found };
    for name in entries.take(FILES_MAX).flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        if let Some((first, _)) = name.split_once('_').filter(|_| name.ends_with(".dcm")) {
            found.entry(first.to_owned()).or_default().push(name.clone());
        }
    }
    found
}

fn take(cohort: &mut Cohort, root: &Path, images: &BTreeMap<String, Vec<String>>, row: &Row) -> Result<(), SetError> {
    if row.is_blank() {
        return Ok(());
    }
    let Some(name) = row.id("File Name")? else {
        cohort.exclude(Stage::Record, Unit::Row, row.place(), "it has no file name: the table's footer");
        return Ok(());
    };
    inside(name).filter(|path| path.iter().count() == 1).ok_or_else(|| row.wrong("File Name", "is no file name"))?;
    let file = match images.get(name).map(Vec::as_slice) {
        Some([file]) => Some(file.as_str()),
        Some(_) | None => None,
    };
    let stated = row.id("Patient ID")?.filter(|id| !id.eq_ignore_ascii_case("removed"));
    let Some(patient) = stated.or_else(|| file.and_then(|file| file.split('_').nth(1))) else {
        let reason = "the table does not name its patient, and no single file of AllDICOMs does";
        cohort.exclude(Stage::Identity, Unit::Image, name, reason);
        return Ok(());
    };
    let mut image = Image::new(patient, row.id("Acquisition date")?.unwrap_or("1"), name);
    image.laterality = side_of(row, "Laterality")?;
    image.view = Some(projection(row.need("View")?));
    image.file = file.map(|file| PathBuf::from("AllDICOMs").join(file));
    if let Some(age) = row.text("Patient age")?.filter(|age| !age.eq_ignore_ascii_case("removed")) {
        image.note(covariate::AGE, age);
    }
    if let Some(text) = row.text("ACR")? {
        let letter = values::density(text).ok_or_else(|| row.wrong("ACR", "is no density 1 to 4"))?;
        image.note(covariate::DENSITY, letter);
    }
    if let Some(text) = row.text("Bi-Rads")? {
        let category = values::birads(text).ok_or_else(|| row.wrong("Bi-Rads", "is no BI-RADS category"))?;
        image.labels.image = match category.as_str() {
            "4" | "4a" | "4b" | "4c" | "5" | "6" => Some(true),
            "1" | "2" | "3" => Some(false),
            _ => None,
        };
        image.note(covariate::BIRADS, category);
    }
    for (column, kind) in
        [("Mass", "mass"), ("Micros", "calcification"), ("Distortion", "distortion"), ("Asymmetry", "asymmetry")]
    {
        if row.text(column)?.is_some() {
            image.note(covariate::LESION, kind);
        }
    }
    let drawn = format!("AllXML/{name}.xml");
    if root.join(&drawn).is_file() {
        image.lesions = outline::read(root, &drawn)?;
    }
    cohort.images.push(image);
    Ok(())
}
