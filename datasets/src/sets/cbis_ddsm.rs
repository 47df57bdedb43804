//! CBIS-DDSM, a curated part of the Digital Database for Screening Mammography (film, United States, before 2000).
//!
//! Lee et al., "A curated mammography data set for use in computer-aided detection and diagnosis research", Scientific
//! Data 4:170177 (2017); <https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY>. Licence: CC BY 3.0.
//!
//! # Tables
//!
//! `mass_case_description_train_set.csv`, `mass_case_description_test_set.csv`, `calc_case_description_train_set.csv`,
//! `calc_case_description_test_set.csv`, any of them. One row for each abnormality in each view:
//! `patient_id, breast_density, left or right breast, image view, abnormality id, abnormality type, mass shape, mass
//! margins, assessment, pathology, subtlety, image file path, cropped image file path, ROI mask file path`; in the calc
//! tables `breast density` has a space, and `calc type, calc distribution` stand for the mass columns. Quoted paths end
//! with a line break.
//!
//! # Rules
//!
//! - A patient is `patient_id`; each has one exam, `1`. An image is the first folder of `image file path`. Rows with the
//!   same one are merged into one image with several lesions.
//! - A film with a mass and calcifications was published twice, as two images with two names. Both get the label of the
//!   film: positive if any abnormality in this patient, breast and view is `MALIGNANT`; negative if all are `BENIGN` or
//!   `BENIGN_WITHOUT_CALLBACK` **and all four tables are there**. Without one of them such a film is not known: the table
//!   may list a cancer in it. Pathology is the reference. There are no normal breasts in the set.
//! - Split: the table's name. 31 patients of the published tables are in both; [`super::Cohort::check`] lists them.
//! - Density 1 to 4 is A to D; 0 is not given. Assessment is `birads`.
//! - The published paths are not those of today's downloads, which are named by UIDs; see [`super::Files`]. Mask and
//!   cropped image are swapped in some rows, so a mask has both as candidates, and both their series, which differ in 104
//!   rows: it is the one of the mammogram's size.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cohort::{Cohort, Image, Labels, Reference, Series};
use super::exclusion::{Stage, Unit};
use super::lesion::{Lesion, LesionKind, Shape};
use super::table::{Column, Row, need, need_or};
use super::values::{inside, projection, side_of};
use super::{Expected, Reader, SetError, covariate, table, values};

const COLUMNS: &[Column] = &[
    need("patient_id"),
    need_or("breast_density", &["breast density"]),
    need("left or right breast"),
    need("image view"),
    need("abnormality id"),
    need("abnormality type"),
    need("assessment"),
    need("pathology"),
    need("subtlety"),
    need("image file path"),
    need("cropped image file path"),
    need("ROI mask file path"),
];

const fn expected(names: &'static [&'static str]) -> Expected {
    Expected { names, required: false, columns: COLUMNS }
}

pub(super) const READER: Reader = Reader {
    name: "cbis-ddsm",
    title: "CBIS-DDSM",
    source: "Lee et al. 2017, https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY",
    licence: "CC BY 3.0",
    labels: "pathology of the abnormalities in each view, negative if all four tables are there; no normal breasts",
    tables: &[
        expected(&["mass_case_description_train_set.csv"]),
        expected(&["mass_case_description_test_set.csv"]),
        expected(&["calc_case_description_train_set.csv"]),
        expected(&["calc_case_description_test_set.csv"]),
    ],
    read,
};

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Pathology);
    let mut places = BTreeMap::new();
    for file in files.iter().flatten() {
        let split = if file.ends_with("_train_set.csv") { "train" } else { "test" };
        let read =
            table::read(root, file, COLUMNS, &BTreeMap::new(), |row| take(&mut cohort, &mut places, row, split))?;
        cohort.tables.push(read);
    }
    label(&mut cohort.images, files.iter().all(Option::is_some));
    Ok(cohort.finished())
}

fn take(cohort: &mut Cohort, places: &mut BTreeMap<String, usize>, row: &Row, split: &str) -> Result<(), SetError> {
    let path = path_of(row, "image file path")?;
    let name = path.iter().next().unwrap_or_default().to_string_lossy().into_owned();
    let side = side_of(row, "left or right breast")?;
    let side = side.ok_or_else(|| row.wrong("left or right breast", "is empty"))?;
    let mut image = Image::new(row.need("patient_id")?, "1", &name);
    image.laterality = Some(side);
    image.view = Some(projection(row.need("image view")?));
    image.series = series_of(&path, 1);
    image.elsewhere = vec![path.with_file_name("1-1.dcm")];
    image.file = Some(path);
    let next = cohort.images.len();
    let index = *places.entry(name).or_insert(next);
    if index == next {
        cohort.images.push(image);
    } else {
        let first = &cohort.images[index];
        if (&first.patient, first.laterality, &first.view) != (&image.patient, image.laterality, &image.view) {
            let reason = "its image belongs to another patient, breast or view in an earlier row";
            cohort.exclude(Stage::Contradiction, Unit::Finding, row.place(), reason);
            return Ok(());
        }
    }
    let lesion = lesion(row)?;
    let image = &mut cohort.images[index];
    if image.lesions.iter().any(|known| known.id == lesion.id) {
        cohort.exclude(Stage::Duplicate, Unit::Finding, row.place(), "an earlier row lists this abnormality");
        return Ok(());
    }
    if let Some(density) = row.text("breast_density")? {
        match values::density(density) {
            Some(letter) => image.note(covariate::DENSITY, letter),
            None if density.trim_end_matches(".0") == "0" => {}
            None => return Err(row.wrong("breast_density", "is no whole number from 0 to 4")),
        }
    }
    image.note(covariate::LESION, lesion.kind.name());
    image.note(covariate::SPLIT, split);
    if let Some(category) = row.whole("assessment", 0, 6)? {
        image.note(covariate::BIRADS, category.to_string());
    }
    if let Some(subtlety) = row.whole("subtlety", 0, 5)? {
        image.note(covariate::SUBTLETY, subtlety.to_string());
    }
    image.lesions.push(lesion);
    Ok(())
}

fn path_of(row: &Row, column: &'static str) -> Result<PathBuf, SetError> {
    inside(row.need(column)?).ok_or_else(|| row.wrong(column, "is no path below the set's folder"))
}

/// `folder/study/series/file`: the published layout.
fn series_of(path: &Path, number: u32) -> Option<Series> {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let [_, study, series, _] = parts.as_slice() else { return None };
    Some(Series { study: study.clone(), series: series.clone(), number })
}

fn lesion(row: &Row) -> Result<Lesion, SetError> {
    let kind = match row.need("abnormality type")? {
        "mass" => LesionKind::Mass,
        "calcification" => LesionKind::Calcification,
        _ => return Err(row.wrong("abnormality type", "is neither mass nor calcification")),
    };
    let malignant = match row.need("pathology")? {
        "MALIGNANT" => true,
        "BENIGN" | "BENIGN_WITHOUT_CALLBACK" => false,
        _ => return Err(row.wrong("pathology", "is none of MALIGNANT, BENIGN, BENIGN_WITHOUT_CALLBACK")),
    };
    let (mask, cropped) = (path_of(row, "ROI mask file path")?, path_of(row, "cropped image file path")?);
    let mut series: Vec<Series> = [&mask, &cropped].into_iter().filter_map(|path| series_of(path, 1)).collect();
    series.dedup();
    let mut candidates = vec![mask.clone(), cropped.clone()];
    for file in ["1-1.dcm", "1-2.dcm"] {
        candidates.extend([mask.with_file_name(file), cropped.with_file_name(file)]);
    }
    candidates.dedup();
    let id = format!("{} {}", kind.name(), row.need("abnormality id")?);
    Ok(Lesion { id, kind, malignant: Some(malignant), shape: Shape::MaskFile { candidates, series } })
}

/// The label of a film, from all abnormalities in it. Only `complete` tables list all of them.
fn label(images: &mut [Image], complete: bool) {
    let mut films: BTreeMap<_, bool> = BTreeMap::new();
    let film = |image: &Image| (image.patient.clone(), image.laterality, image.view.clone());
    for image in images.iter() {
        *films.entry(film(image)).or_default() |= image.lesions.iter().any(|lesion| lesion.malignant == Some(true));
    }
    for image in images {
        let malignant = films.get(&film(image)).copied();
        image.labels = Labels { image: malignant.filter(|malignant| *malignant || complete), ..Labels::default() };
    }
}
