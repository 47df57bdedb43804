//! RSNA Screening Mammography Breast Cancer Detection (2022): screening exams from Australia and the United States.
//!
//! RSNA and Kaggle, <https://www.kaggle.com/competitions/rsna-breast-cancer-detection>. Licence: the competition's rules,
//! non-commercial research and education.
//!
//! # Table
//!
//! `train.csv`, a row an image: `site_id, patient_id, image_id, laterality, view, age, cancer, biopsy, invasive, BIRADS,
//! implant, density, machine_id, difficult_negative_case`. Files are `train_images/<patient_id>/<image_id>.dcm`.
//!
//! # Rules
//!
//! - `cancer` is of the breast: proven malignancy, or none. It is written in the row of every image of it, including
//!   those that do not show it, so it is the breast's label and not the image's. Rows of one breast that differ exclude
//!   the exam.
//! - Each patient has one exam, `1`.
//! - `BIRADS` 0, 1 and 2 and `density` are given for one site only. A breast can have several images of a view.

use std::collections::BTreeMap;
use std::path::Path;

use super::cohort::{Cohort, Image, Reference};
use super::table::{Column, Row, may, need};
use super::values::{inside, projection, side_of, yes};
use super::{Expected, Reader, SetError, covariate, table, values};

const COLUMNS: &[Column] = &[
    need("site_id"),
    need("patient_id"),
    need("image_id"),
    need("laterality"),
    need("view"),
    need("age"),
    need("cancer"),
    need("biopsy"),
    need("invasive"),
    need("BIRADS"),
    need("implant"),
    need("density"),
    need("machine_id"),
    may("difficult_negative_case"),
];

pub(super) const READER: Reader = Reader {
    name: "rsna-2022",
    title: "RSNA Screening Mammography Breast Cancer Detection 2022",
    source: "https://www.kaggle.com/competitions/rsna-breast-cancer-detection",
    licence: "competition rules, non-commercial",
    labels: "cancer of each breast, proven by pathology",
    tables: &[Expected { names: &["train.csv"], required: true, columns: COLUMNS }],
    read,
};

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Pathology);
    for file in files.iter().flatten() {
        let read = table::read(root, file, COLUMNS, &BTreeMap::new(), |row| {
            cohort.images.push(image(row)?);
            Ok(())
        })?;
        cohort.tables.push(read);
    }
    Ok(cohort.finished())
}

fn image(row: &Row) -> Result<Image, SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let (patient, name) = (id("patient_id")?, id("image_id")?);
    let mut image = Image::new(patient, "1", name);
    let path = format!("train_images/{patient}/{name}.dcm");
    image.file = Some(inside(&path).ok_or_else(|| row.wrong("image_id", "is no file name"))?);
    image.laterality = side_of(row, "laterality")?;
    image.view = Some(projection(row.need("view")?));
    image.labels.breast = row.flag("cancer")?;
    known(&mut image, row)?;
    Ok(image)
}

/// The covariates that the layouts of this set share.
pub(super) fn known(image: &mut Image, row: &Row) -> Result<(), SetError> {
    if let Some(age) = row.number("age")? {
        image.note(covariate::AGE, age.to_string());
    }
    for (column, name) in [("site_id", covariate::SITE), ("machine_id", covariate::MACHINE)] {
        if let Some(value) = row.id(column)? {
            image.note(name, value);
        }
    }
    let flags = [
        ("biopsy", covariate::BIOPSY),
        ("invasive", covariate::INVASIVE),
        ("implant", covariate::IMPLANT),
        ("difficult_negative_case", covariate::DIFFICULT),
    ];
    for (column, name) in flags {
        if let Some(flag) = row.flag(column)? {
            image.note(name, yes(flag));
        }
    }
    if let Some(text) = row.text("BIRADS")? {
        let category = values::birads(text).ok_or_else(|| row.wrong("BIRADS", "is no BI-RADS category"))?;
        image.note(covariate::BIRADS, category);
    }
    if let Some(text) = row.text("density")? {
        let letter = values::density(text).ok_or_else(|| row.wrong("density", "is no density A to D"))?;
        image.note(covariate::DENSITY, letter);
    }
    Ok(())
}
