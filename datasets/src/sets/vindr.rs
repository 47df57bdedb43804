//! VinDr-Mammo: 5,000 four-view exams from two hospitals in Hanoi, read by radiologists.
//!
//! Nguyen et al., "VinDr-Mammo: A large-scale benchmark dataset for computer-aided diagnosis in full-field digital
//! mammography", Scientific Data 10:277 (2023); <https://doi.org/10.13026/br2v-7517>. Licence: PhysioNet Credentialed
//! Health Data License 1.5.0 (no redistribution).
//!
//! # Tables
//!
//! `breast-level_annotations.csv`, a row an image: `study_id, series_id, image_id, laterality, view_position, height,
//! width, breast_birads, breast_density, split`. `finding_annotations.csv` (optional here), a row a finding: the same up
//! to `breast_density`, then `finding_categories, finding_birads, xmin, ymin, xmax, ymax, split`. Files are
//! `images/<study_id>/<image_id>.dicom`.
//!
//! # Rules
//!
//! - **The set has no pathology.** Its labels are a proxy, [`super::Reference::Proxy`]: a breast is positive if its
//!   BI-RADS category is 4 or 5, negative if it is 1 to 3. An image is positive if it has a finding of category 4 or 5.
//! - The set names no patients: each study is taken for a patient with one exam.
//! - `finding_categories` is a list in Python's notation; each category of a box becomes a lesion of its own, with the
//!   finding's `finding_birads` as the proxy for `malignant`. Rows of `No Finding` have no box and are no lesions.
//! - A finding of an image that the first table does not list is excluded. So is a lesion that the image has already: one
//!   of the same kind, box and malignancy.

use std::collections::BTreeMap;
use std::path::Path;

use super::cohort::{Cohort, Image, Labels, Reference};
use super::exclusion::{Stage, Unit};
use super::lesion::{Lesion, Shape};
use super::table::{Column, Row, need};
use super::values::{inside, lesion_kind, projection, python_list, side_of};
use super::{Expected, Reader, SetError, covariate, table, values};

const IMAGES: &[Column] = &[
    need("study_id"),
    need("series_id"),
    need("image_id"),
    need("laterality"),
    need("view_position"),
    need("height"),
    need("width"),
    need("breast_birads"),
    need("breast_density"),
    need("split"),
];

const FINDINGS: &[Column] = &[
    need("image_id"),
    need("finding_categories"),
    need("finding_birads"),
    need("xmin"),
    need("ymin"),
    need("xmax"),
    need("ymax"),
];

pub(super) const READER: Reader = Reader {
    name: "vindr-mammo",
    title: "VinDr-Mammo",
    source: "Nguyen et al. 2023, https://doi.org/10.13026/br2v-7517",
    licence: "PhysioNet Credentialed Health Data License 1.5.0",
    labels: "proxy: BI-RADS 4 or 5 given by radiologists; no pathology",
    tables: &[
        Expected { names: &["breast-level_annotations.csv"], required: true, columns: IMAGES },
        Expected { names: &["finding_annotations.csv"], required: false, columns: FINDINGS },
    ],
    read,
};

/// The proxy: category 4 or 5 is positive, 1 to 3 negative, anything else not known.
fn suspicious(category: &str) -> Option<bool> {
    match category {
        "4" | "4a" | "4b" | "4c" | "5" => Some(true),
        "1" | "2" | "3" => Some(false),
        _ => None,
    }
}

fn birads(row: &Row, column: &'static str) -> Result<Option<String>, SetError> {
    let Some(text) = row.text(column)? else { return Ok(None) };
    values::birads(text).map(Some).ok_or_else(|| row.wrong(column, "is no BI-RADS category"))
}

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Proxy);
    let mut places = BTreeMap::new();
    if let [Some(file), ..] = files {
        let read = table::read(root, file, IMAGES, &BTreeMap::new(), |row| {
            let image = image(row)?;
            places.entry(image.image.clone()).or_insert(cohort.images.len());
            cohort.images.push(image);
            Ok(())
        })?;
        cohort.tables.push(read);
    }
    if let [_, Some(file)] = files {
        let read = table::read(root, file, FINDINGS, &BTreeMap::new(), |row| finding(&mut cohort, &places, row))?;
        cohort.tables.push(read);
    }
    cohort.images.iter_mut().for_each(Image::number_lesions);
    Ok(cohort.finished())
}

fn image(row: &Row) -> Result<Image, SetError> {
    let (study, name) = (row.need("study_id")?, row.need("image_id")?);
    let mut image = Image::new(study, study, name);
    let path = format!("images/{study}/{name}.dicom");
    image.file = Some(inside(&path).ok_or_else(|| row.wrong("image_id", "is no file name"))?);
    image.laterality = side_of(row, "laterality")?;
    image.view = Some(projection(row.need("view_position")?));
    let size = (row.whole("height", 1, 1 << 20)?, row.whole("width", 1, 1 << 20)?);
    if let (Some(height), Some(width)) = size {
        image.size = Some([height, width]);
    }
    if let Some(category) = birads(row, "breast_birads")? {
        image.labels = Labels { breast: suspicious(&category), ..Labels::default() };
        image.note(covariate::BIRADS, category);
    }
    if let Some(text) = row.text("breast_density")? {
        let letter = values::density(text).ok_or_else(|| row.wrong("breast_density", "is no density A to D"))?;
        image.note(covariate::DENSITY, letter);
    }
    let split = row.need("split")?;
    image.note(covariate::SPLIT, if split == "training" { "train" } else { split });
    Ok(image)
}

fn finding(cohort: &mut Cohort, places: &BTreeMap<String, usize>, row: &Row) -> Result<(), SetError> {
    let text = row.need("finding_categories")?;
    let categories = python_list(text).ok_or_else(|| row.wrong("finding_categories", "is no list of names"))?;
    let category = birads(row, "finding_birads")?;
    let corners = [row.number("xmin")?, row.number("ymin")?, row.number("xmax")?, row.number("ymax")?];
    let Some(&index) = places.get(row.need("image_id")?) else {
        cohort.exclude(Stage::Record, Unit::Finding, row.place(), "the table of breasts does not list its image");
        return Ok(());
    };
    let shape = match corners {
        [Some(left), Some(top), Some(right), Some(bottom)] => Shape::Box { left, top, right, bottom },
        [None, None, None, None] => Shape::None,
        _ => return Err(row.wrong("xmin", "and the other three make no box")),
    };
    let image = &mut cohort.images[index];
    let mut repeats = 0;
    let malignant = category.as_deref().and_then(suspicious);
    for name in categories.iter().filter(|name| *name != "No Finding") {
        let kind = lesion_kind(name);
        image.note(covariate::LESION, kind.name());
        if malignant == Some(true) {
            image.labels.image = Some(true);
        }
        let lesion = Lesion { id: String::new(), kind, malignant, shape: shape.clone() };
        repeats += usize::from(!image.mark(lesion));
    }
    for _ in 0..repeats {
        cohort.exclude(Stage::Duplicate, Unit::Finding, row.place(), "the image has this lesion already");
    }
    Ok(())
}
