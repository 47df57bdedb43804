//! The layout of Mirai and its relatives: one table of images with times to cancer and to the last follow-up.
//!
//! Yala et al., "Toward robust mammography-based models for breast cancer risk", Science Translational Medicine
//! 13:eaba4373 (2021); <https://github.com/yala/Mirai>. A layout, not a set: the licence is that of whoever fills it.
//!
//! # Table
//!
//! `mirai_metadata.csv`, `mirai_sample_metadata.csv` or `metadata.csv`, a row an image: `patient_id, exam_id, laterality,
//! view, file_path, years_to_cancer, years_to_last_followup, split_group`.
//!
//! # Rules
//!
//! - `years_to_cancer` y below 100 means that cancer was found in the year from y to y + 1 after the exam; 100 means that
//!   it was not found. `years_to_last_followup` is for how many years that is known. Both become an
//!   [`super::Outcome`] in days, 365.25 to the year, with a grain of a year.
//! - An exam is positive if cancer was found within the first year, negative if it was found later, or not within at
//!   least one year of follow-up, and unknown otherwise. The side of the cancer is not in the table. A patient is positive
//!   if cancer was found after any of her exams.
//! - Rows of an exam with different years exclude the exam.
//! - The table names no images: an image is `patient/exam/side view`, and `/2`, `/3` if there are several. A row of the
//!   same name, path and years as an earlier one is excluded.
//! - `file_path` is often one of another machine. A file is looked for at the path below the root, then at shorter ends of
//!   it, the longest first. A folder is left out only if it says nothing of whose image it is, that is, if the table has
//!   several patients in it; in a table of one patient the last one stays. An end that two paths have is not tried.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use super::cohort::{Cohort, Image, Outcome, Reference};
use super::exclusion::{Stage, Unit};
use super::table::{Column, Row, need};
use super::values::{inside, projection, side_of};
use super::{Expected, Reader, SetError, covariate, table};

const COLUMNS: &[Column] = &[
    need("patient_id"),
    need("exam_id"),
    need("laterality"),
    need("view"),
    need("file_path"),
    need("years_to_cancer"),
    need("years_to_last_followup"),
    need("split_group"),
];

pub(super) const READER: Reader = Reader {
    name: "mirai",
    title: "a table in Mirai's layout",
    source: "Yala et al. 2021, https://github.com/yala/Mirai",
    licence: "that of the images",
    labels: "cancer within a year of the exam, as the table states it",
    tables: &[Expected {
        names: &["mirai_metadata.csv", "mirai_sample_metadata.csv", "metadata.csv"],
        required: true,
        columns: COLUMNS,
    }],
    read,
};

/// Days in a year.
const YEAR_DAYS: f64 = 365.25;
/// What the layout writes where no cancer was found.
const NEVER: u32 = 100;

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Stated);
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    let mut known: BTreeMap<(String, Option<PathBuf>), usize> = BTreeMap::new();
    let real = root.canonicalize().unwrap_or_default();
    for file in files.iter().flatten() {
        let read = table::read(root, file, COLUMNS, &BTreeMap::new(), |row| {
            let mut image = image(row, &[root, &real])?;
            let next = cohort.images.len();
            let index = *known.entry((image.image.clone(), image.file.clone())).or_insert(next);
            // Other years are kept: they exclude the exam.
            if let Some(first) = cohort.images.get_mut(index).filter(|first| first.outcome == image.outcome) {
                image.covariates.iter().for_each(|(name, value)| first.note(name, value.as_str()));
                cohort.exclude(Stage::Duplicate, Unit::Row, row.place(), "an earlier row lists its image");
                return Ok(());
            }
            let count = names.entry(image.image.clone()).or_default();
            *count += 1;
            if *count > 1 {
                image.image = format!("{}/{count}", image.image);
            }
            cohort.images.push(image);
            Ok(())
        })?;
        cohort.tables.push(read);
    }
    let shorter = shorter(&cohort.images);
    cohort.images.iter_mut().zip(shorter).for_each(|(image, places)| image.elsewhere = places);
    Ok(cohort.finished())
}

/// The value that each key has in all of its pairs; `None` if they differ.
fn sole<K: Eq + Hash, V: PartialEq + Copy>(pairs: impl Iterator<Item = (K, V)>) -> HashMap<K, Option<V>> {
    let mut values = HashMap::new();
    for (key, value) in pairs {
        let known = values.entry(key).or_insert(Some(value));
        *known = known.filter(|known| *known == value);
    }
    values
}

/// A path and its ends, the longest first.
fn ends(path: &Path) -> impl Iterator<Item = &Path> {
    std::iter::successors(Some(path), |path| {
        let mut parts = path.components();
        parts.next();
        Some(parts.as_path()).filter(|rest| !rest.as_os_str().is_empty())
    })
}

/// The other places of each image: shorter ends of its path that can be no other patient's.
fn shorter(images: &[Image]) -> Vec<Vec<PathBuf>> {
    let paths = || images.iter().filter_map(|image| Some((image.file.as_deref()?, image.patient.as_str())));
    let patients =
        sole(paths().flat_map(|(path, patient)| path.ancestors().skip(1).map(move |above| (above, patient))));
    let owners = sole(paths().flat_map(|(path, _)| ends(path).map(move |end| (end, path))));
    let several = |folder: &Path| patients.get(folder).is_some_and(Option::is_none);
    let one_patient = !several(Path::new(""));
    let of = |path: &Path| -> Vec<PathBuf> {
        let folders: Vec<&Path> = path.ancestors().skip(1).collect();
        // The n-th shorter end leaves out the folder of n parts; the last of the ancestors is the root.
        let left_out = folders.iter().rev().skip(1).zip(ends(path).skip(1));
        let idle = |folder: &Path, end: &Path| several(folder) || one_patient && end.iter().count() > 1;
        let fits = |(folder, end): &(&&Path, &Path)| idle(folder, end) && owners.get(end).is_some_and(Option::is_some);
        left_out.take_while(fits).map(|(_, end)| end.to_owned()).collect()
    };
    images.iter().map(|image| image.file.as_deref().map(of).unwrap_or_default()).collect()
}

fn image(row: &Row, roots: &[&Path]) -> Result<Image, SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let (patient, exam, view) = (id("patient_id")?, id("exam_id")?, row.need("view")?);
    let side = side_of(row, "laterality")?.ok_or_else(|| row.wrong("laterality", "is empty"))?;
    let mut image = Image::new(patient, exam, &format!("{patient}/{exam}/{side} {view}"));
    image.laterality = Some(side);
    image.view = Some(projection(view));
    let path = row.need("file_path")?;
    // An absolute path is one of another machine, unless it leads to the root; its end may still be found under the root.
    let below = roots
        .iter()
        .filter(|root| root.is_absolute())
        .find_map(|root| Path::new(path).strip_prefix(root).ok()?.to_str());
    let file = inside(below.unwrap_or(path.trim_start_matches('/')));
    let file = file.ok_or_else(|| row.wrong("file_path", "is no path"))?;
    image.file = Some(file);
    let years = |column| row.whole(column, 0, NEVER)?.ok_or_else(|| row.wrong(column, "is empty"));
    let (cancer, followed) = (years("years_to_cancer")?, years("years_to_last_followup")?);
    image.labels.exam = match cancer {
        0 => Some(true),
        NEVER => (followed >= 1).then_some(false),
        _ => Some(false),
    };
    image.labels.patient = (cancer < NEVER).then_some(true);
    image.outcome = Some(Outcome {
        days_to_cancer: (cancer < NEVER).then(|| f64::from(cancer) * YEAR_DAYS),
        days_followed: f64::from(followed) * YEAR_DAYS,
        grain_days: YEAR_DAYS,
    });
    if let Some(split) = row.text("split_group")? {
        image.note(covariate::SPLIT, split);
    }
    Ok(image)
}
