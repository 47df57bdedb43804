//! CSAW-CC, the case-control part of the Cohort of Screen-Aged Women (Karolinska, Sweden): 8,723 women, 98,788 images.
//!
//! Dembrower, Lindholm, Strand, "A multi-million mammography image dataset and population-based screening cohort for the
//! training and evaluation of deep neural networks - the Cohort of Screen-Aged Women (CSAW)", Journal of Digital Imaging
//! 33:408-413 (2020); Strand, <https://doi.org/10.5878/45vm-t798>. Licence: by agreement with Karolinska Institutet.
//!
//! # Table
//!
//! `CSAW-CC_breast_cancer_screening_data.csv`, a row an image; the columns used are `anon_patientid, exam_year,
//! imagelaterality, viewposition, x_case, x_cancer_laterality, x_type, x_age, rad_timing, rad_recall,
//! libra_percentdensity, dicom_manufacturer, anon_filename`. The layout was put together from published programs that
//! read the table, not from the table itself; a column that is missing is an error.
//!
//! # Rules
//!
//! - A patient is `anon_patientid`, an exam `exam_year`, an image `anon_filename`.
//! - `rad_timing` says when the cancer was diagnosed: 1, within 59 days of the exam (`screen-detected`); 2, after 60 to
//!   729 days (`interval`); 3, after 730 days or more (`prior`). An exam is positive at 1 and 2, that is within two
//!   years, negative at 3, and negative for women with `x_case` 0. A case without `rad_timing` is unknown.
//! - A patient is positive if `x_case` is 1, whichever of her exams are in the table, negative if it is 0. Rows that
//!   differ in it exclude her exams.
//! - The positive breast of a positive exam is `x_cancer_laterality`; the other one is negative. Without it the exam is
//!   positive and its breasts unknown.
//! - `x_age` 1 is `40-55`, 2 is `over 55`. `x_type` 1 is cancer in situ; 2 and 3 are invasive, up to and above 15 mm.
//! - The table gives no days, so there is no [`super::Outcome`]. Cases were all taken and controls were sampled; the
//!   fraction is not in the table, so there is no weight.

use std::collections::BTreeMap;
use std::path::Path;

use super::cohort::{Cohort, Image, Reference};
use super::table::{Column, Row, may, need, need_or};
use super::values::{inside, projection, side_of, sides_of, yes};
use super::{Expected, Reader, SetError, covariate, table};

const COLUMNS: &[Column] = &[
    need("anon_patientid"),
    need("exam_year"),
    need_or("imagelaterality", &["dicom_imagelaterality"]),
    need_or("viewposition", &["dicom_viewposition"]),
    need("x_case"),
    need("x_cancer_laterality"),
    need("rad_timing"),
    need("anon_filename"),
    may("x_type"),
    may("x_age"),
    may("rad_recall"),
    may("libra_percentdensity"),
    may("dicom_manufacturer"),
];

pub(super) const READER: Reader = Reader {
    name: "csaw-cc",
    title: "CSAW-CC",
    source: "Dembrower et al. 2020; Strand, https://doi.org/10.5878/45vm-t798",
    licence: "by agreement with Karolinska Institutet",
    labels: "cancer diagnosed within two years of the exam, from the cancer register",
    tables: &[Expected { names: &["CSAW-CC_breast_cancer_screening_data.csv"], required: true, columns: COLUMNS }],
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
    let file = inside(row.need("anon_filename")?).ok_or_else(|| row.wrong("anon_filename", "is no file name"))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut image = Image::new(id("anon_patientid")?, id("exam_year")?, &name);
    image.file = Some(file);
    image.laterality = side_of(row, "imagelaterality")?;
    image.view = Some(projection(row.need("viewposition")?));
    image.note(covariate::YEAR, id("exam_year")?);
    label(&mut image, row)?;
    if let Some(kind) = row.whole("x_type", 0, 3)?.filter(|&kind| kind > 0) {
        image.note(covariate::INVASIVE, yes(kind > 1));
    }
    match row.whole("x_age", 1, 2)? {
        Some(1) => image.note(covariate::AGE, "40-55"),
        Some(_) => image.note(covariate::AGE, "over 55"),
        None => {}
    }
    if let Some(recall) = row.flag("rad_recall")? {
        image.note(covariate::RECALL, yes(recall));
    }
    if let Some(percent) = row.number("libra_percentdensity")? {
        image.note(covariate::PERCENT_DENSITY, percent.to_string());
    }
    if let Some(vendor) = row.text("dicom_manufacturer")? {
        image.note(covariate::VENDOR, vendor);
    }
    Ok(image)
}

fn label(image: &mut Image, row: &Row) -> Result<(), SetError> {
    let case = row.flag("x_case")?.ok_or_else(|| row.wrong("x_case", "is empty"))?;
    let timing = row.whole("rad_timing", 1, 4)?;
    let of = sides_of(row, "x_cancer_laterality")?;
    let labels = &mut image.labels;
    labels.patient = Some(case);
    labels.exam = match (case, timing) {
        (false, None | Some(4)) => Some(false),
        (false, Some(_)) => return Err(row.wrong("rad_timing", "is given for a woman without cancer")),
        (true, Some(1 | 2)) => Some(true),
        (true, Some(3)) => Some(false),
        (true, _) => None,
    };
    if labels.exam == Some(true) && !of.is_empty() {
        labels.breast = image.laterality.map(|side| of.contains(&side));
    }
    let words = match timing.filter(|_| case) {
        Some(1) => "screen-detected",
        Some(2) => "interval",
        Some(3) => "prior",
        Some(_) | None => return Ok(()),
    };
    image.note(covariate::TIMING, words);
    Ok(())
}
