//! A reduced copy of [`super::rsna`]: JPEG files of 640 x 640 pixels beside one table.
//!
//! # Table
//!
//! `labels.csv`, a row an image: the columns of the RSNA set without `difficult_negative_case`, and `file, fold, blank`.
//! Licence: that of the RSNA set, non-commercial research and education.
//!
//! # Rules
//!
//! Those of the RSNA set. `fold` is the split. An image with `blank` 1 shows nothing and is excluded. The frames were
//! stretched to squares, so pixels are not of one size in both directions.

use std::collections::BTreeMap;
use std::path::Path;

use super::cohort::{Cohort, Image, Reference};
use super::exclusion::{Stage, Unit};
use super::table::{Column, Row, need};
use super::values::{inside, projection, side_of};
use super::{Expected, Reader, SetError, covariate, rsna, table};

const COLUMNS: &[Column] = &[
    need("file"),
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
    need("site_id"),
    need("fold"),
    need("blank"),
];

pub(super) const READER: Reader = Reader {
    name: "screening640",
    title: "RSNA 2022 subset at 640 x 640 pixels",
    source: "a subset of https://www.kaggle.com/competitions/rsna-breast-cancer-detection",
    licence: "competition rules, non-commercial",
    labels: "cancer of each breast, proven by pathology; cancers are far more frequent than in screening",
    tables: &[Expected { names: &["labels.csv"], required: true, columns: COLUMNS }],
    read,
};

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Pathology);
    for file in files.iter().flatten() {
        let read = table::read(root, file, COLUMNS, &BTreeMap::new(), |row| {
            let image = image(row)?;
            if row.flag("blank")? == Some(true) {
                cohort.exclude(Stage::Unusable, Unit::Image, image.image, "the table says that it is blank");
            } else {
                cohort.images.push(image);
            }
            Ok(())
        })?;
        cohort.tables.push(read);
    }
    Ok(cohort.finished())
}

fn image(row: &Row) -> Result<Image, SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let mut image = Image::new(id("patient_id")?, "1", id("image_id")?);
    image.file = Some(inside(row.need("file")?).ok_or_else(|| row.wrong("file", "is no path below the set's folder"))?);
    image.laterality = side_of(row, "laterality")?;
    image.view = Some(projection(row.need("view")?));
    image.labels.breast = row.flag("cancer")?;
    if let Some(fold) = row.id("fold")? {
        image.note(covariate::SPLIT, fold);
    }
    rsna::known(&mut image, row)?;
    Ok(image)
}
