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
//!   least one year of follow-up, and unknown otherwise. The side of the cancer is not in the table.
//! - Rows of an exam with different years exclude the exam.
//! - The table names no images: an image is `patient/exam/side view`, and `/2`, `/3` if there are several.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cohort::{Cohort, Image, Outcome, Reference};
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
    for file in files.iter().flatten() {
        let read = table::read(root, file, COLUMNS, &BTreeMap::new(), |row| {
            let mut image = image(row)?;
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
    Ok(cohort.finished())
}

fn image(row: &Row) -> Result<Image, SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let (patient, exam, view) = (id("patient_id")?, id("exam_id")?, row.need("view")?);
    let side = side_of(row, "laterality")?.ok_or_else(|| row.wrong("laterality", "is empty"))?;
    let mut image = Image::new(patient, exam, &format!("{patient}/{exam}/{side} {view}"));
    image.laterality = Some(side);
    image.view = Some(projection(view));
    let path = row.need("file_path")?;
    // An absolute path is one of another machine; its end may still be found under the root.
    let file = inside(path.trim_start_matches('/')).ok_or_else(|| row.wrong("file_path", "is no path"))?;
    image.elsewhere = file.file_name().map(PathBuf::from).into_iter().collect();
    image.file = Some(file);
    let years = |column| row.whole(column, 0, NEVER)?.ok_or_else(|| row.wrong(column, "is empty"));
    let (cancer, followed) = (years("years_to_cancer")?, years("years_to_last_followup")?);
    image.labels.exam = match cancer {
        0 => Some(true),
        NEVER => (followed >= 1).then_some(false),
        _ => Some(false),
    };
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
