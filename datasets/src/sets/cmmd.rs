//! CMMD, the Chinese Mammography Database: 1,775 patients with a tumour that was biopsied, from two hospitals.
//!
//! Cui et al. (2021), <https://doi.org/10.7937/tcia.eqde4b16>. Licence: CC BY 4.0.
//!
//! # Tables
//!
//! `cmmd_annotations.csv` (the sheet `CMMD_clinicaldata_revision` as CSV), a row a breast: `ID1, LeftRight, Age, number,
//! abnormality, classification, subtype`. `cmmd_meta.csv`, a row a series: `serie_id, Data Description URI, Subject ID,
//! Study UID, Study Date, Modality, SOP Class UID, Number of Images`.
//!
//! # Rules
//!
//! - A patient is `ID1` or `Subject ID`; an exam is the study, `Study UID`; a patient has one. `D1` and `D2` at the start
//!   of the id are the two parts of the set, kept as `site`.
//! - **No table says which breast or view an image shows.** [`super::Image::laterality`] and `view` are `None`; what the
//!   set says of a breast is in [`super::Cohort::sides`], and [`super::Cohort::place`] gives it to an image once its file
//!   was read.
//! - `Malignant` is positive, `Benign` negative, both by pathology. An exam is positive if a breast of it is. It is
//!   negative only if as many images as the rows of benign breasts account for, two each, were made: in 729 exams the
//!   other breast was imaged too, and no table says anything of it.
//! - `abnormality` is `lesion`, `both` meaning a mass and calcifications.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cohort::{Cohort, Image, Labels, Reference, Series, Side};
use super::exclusion::{Stage, Unit};
use super::table::{Column, Row, need};
use super::values::{inside, side_of};
use super::{Expected, Reader, SetError, covariate, table};

const BREASTS: &[Column] =
    &[need("ID1"), need("LeftRight"), need("Age"), need("abnormality"), need("classification"), need("subtype")];
const SERIES: &[Column] =
    &[need("serie_id"), need("Subject ID"), need("Study UID"), need("Study Date"), need("Number of Images")];

/// The most images that a series may claim to have; the set's have 2 or 4.
const IMAGES_MAX: u32 = 1000;

pub(super) const READER: Reader = Reader {
    name: "cmmd",
    title: "CMMD",
    source: "Cui et al. 2021, https://doi.org/10.7937/tcia.eqde4b16",
    licence: "CC BY 4.0",
    labels: "pathology of each breast with a tumour; no breast without one is labelled",
    tables: &[
        Expected { names: &["cmmd_annotations.csv"], required: true, columns: BREASTS },
        Expected { names: &["cmmd_meta.csv"], required: true, columns: SERIES },
    ],
    read,
};

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Pathology);
    let [Some(breasts), Some(series)] = files else { return Ok(cohort) };
    // The exam of a side is known from the second table only.
    let mut sides: BTreeMap<String, Vec<(String, Side)>> = BTreeMap::new();
    let read = table::read(root, breasts, BREASTS, &BTreeMap::new(), |row| {
        let side = side(row)?;
        let known = sides.entry(side.patient.clone()).or_default();
        if known.iter().any(|(_, other)| other.laterality == side.laterality) {
            cohort.exclude(Stage::Duplicate, Unit::Row, row.place(), "an earlier row is about this breast");
        } else {
            known.push((row.place(), side));
        }
        Ok(())
    })?;
    cohort.tables.push(read);
    let mut exams: BTreeMap<String, String> = BTreeMap::new();
    let read = table::read(root, series, SERIES, &BTreeMap::new(), |row| take(&mut cohort, &sides, &mut exams, row))?;
    cohort.tables.push(read);
    for (patient, known) in sides {
        for (place, mut side) in known {
            match exams.get(&patient) {
                Some(exam) => {
                    side.exam.clone_from(exam);
                    cohort.sides.push(side);
                }
                None => cohort.exclude(Stage::Record, Unit::Row, place, "no series of this patient is listed"),
            }
        }
    }
    Ok(cohort.finished())
}

fn side(row: &Row) -> Result<Side, SetError> {
    let laterality = side_of(row, "LeftRight")?.ok_or_else(|| row.wrong("LeftRight", "is empty"))?;
    let cancer = match row.need("classification")? {
        "Malignant" => Some(true),
        "Benign" => Some(false),
        _ => return Err(row.wrong("classification", "is neither Malignant nor Benign")),
    };
    let mut covariates = BTreeMap::new();
    let lesion = match row.need("abnormality")? {
        "mass" => "mass",
        "calcification" => "calcification",
        "both" => "calcification+mass",
        _ => return Err(row.wrong("abnormality", "is none of mass, calcification, both")),
    };
    covariates.insert(covariate::LESION.to_owned(), lesion.to_owned());
    if let Some(age) = row.number("Age")? {
        covariates.insert(covariate::AGE.to_owned(), age.to_string());
    }
    if let Some(subtype) = row.text("subtype")? {
        covariates.insert(covariate::SUBTYPE.to_owned(), subtype.to_owned());
    }
    Ok(Side { patient: row.need("ID1")?.to_owned(), exam: String::new(), laterality, cancer, covariates })
}

fn take(
    cohort: &mut Cohort,
    sides: &BTreeMap<String, Vec<(String, Side)>>,
    exams: &mut BTreeMap<String, String>,
    row: &Row,
) -> Result<(), SetError> {
    let name = |column| {
        let text = row.need(column)?;
        let single = inside(text).is_some_and(|path| path.iter().count() == 1);
        if single { Ok(text) } else { Err(row.wrong(column, "is no name of a folder")) }
    };
    let (patient, study, series) = (name("Subject ID")?, name("Study UID")?, name("serie_id")?);
    let date = name("Study Date")?;
    let count = row.whole("Number of Images", 1, IMAGES_MAX)?;
    let count = count.ok_or_else(|| row.wrong("Number of Images", "is empty"))?;
    let first = exams.entry(patient.to_owned()).or_insert_with(|| study.to_owned());
    if first != study {
        cohort.exclude(Stage::Identity, Unit::Row, row.place(), "a second study: the breasts' table names no study");
        return Ok(());
    }
    let known = sides.get(patient).map(Vec::as_slice).unwrap_or_default();
    let exam = if known.iter().any(|(_, side)| side.cancer == Some(true)) {
        Some(true)
    } else {
        (!known.is_empty() && known.len() * 2 == count as usize).then_some(false)
    };
    let ages: Vec<&String> = known.iter().filter_map(|(_, side)| side.covariates.get(covariate::AGE)).collect();
    for number in 1..=count {
        let mut image = Image::new(patient, study, &format!("{series}/{number}"));
        image.series = Some(Series { study: study.to_owned(), series: series.to_owned(), number });
        image.file = Some(place(patient, date, study, series, number));
        image.labels = Labels { exam, ..Labels::default() };
        if let Some((site, _)) = patient.split_once('-') {
            image.note(covariate::SITE, site);
        }
        // The patient's age is that of either breast; subtype and lesion are of one and wait for the laterality.
        for age in &ages {
            image.note(covariate::AGE, age.as_str());
        }
        cohort.images.push(image);
    }
    Ok(())
}

/// Where TCIA's downloader puts an image: it names folders by the last five digits of UIDs.
fn place(patient: &str, date: &str, study: &str, series: &str, number: u32) -> PathBuf {
    let tail = |uid: &str| uid.chars().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<String>();
    let folder = format!("{date}-NA-NA-{}", tail(study));
    let file = format!("1-{number}.dcm");
    ["CMMD", patient, &folder, &format!("1.000000-NA-{}", tail(series)), &file].iter().collect()
}
