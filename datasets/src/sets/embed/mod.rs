//! EMBED, the Emory Breast Imaging Dataset: screening and diagnostic exams from four hospitals in Georgia; the open part
//! has 22,382 patients and 480,323 images.
//!
//! Jeong et al., "The Emory BrEast imaging Dataset (EMBED): a racially diverse, granular dataset of 3.4 million screening
//! and diagnostic mammographic images", Radiology: Artificial Intelligence 5(1):e220047 (2023);
//! <https://github.com/Emory-HITI/EMBED_Open_Data>. Licence: EMBED research licence, no redistribution.
//!
//! # Tables
//!
//! `EMBED_OpenData_clinical_reduced.csv` or `EMBED_OpenData_clinical.csv`, a row a finding; used are `empi_anon,
//! acc_anon, study_date_anon, desc, side, asses, tissueden, path_severity, bside`, and if there `RACE_DESC,
//! ETHNIC_GROUP_DESC, age_at_study`. `EMBED_OpenData_metadata_reduced.csv` or `EMBED_OpenData_metadata.csv`, a row an
//! image; used are `empi_anon, acc_anon, anon_dicom_path, ImageLateralityFinal, ViewPosition, FinalImageType, spot_mag,
//! ROI_coords`, and if there `Manufacturer, ManufacturerModelName`. Both may lie in `tables/`. The columns are those of
//! the set's own description; a column that is missing is an error.
//!
//! # Rules
//!
//! - A patient is `empi_anon`, an exam `acc_anon`, an image the file name of `anon_dicom_path`. Images other than `2D` and
//!   spot or magnification views are excluded.
//! - A finding belongs to the breast `side`; `B` and an empty cell are both breasts, as the authors advise.
//! - **Cancer** is a `path_severity` of 0 (invasive) or 1 (in situ), found at the date of the exam in whose row it stands,
//!   in the breast `bside`, or else `side` if that is `L` or `R`, or else in a breast that is not known. 2 to 5 are no
//!   cancer. 6, cancer of another organ, is not taken for either.
//! - Pathology is often written at the diagnostic exam alone, so labels look forward: a breast is **positive** at an exam
//!   if cancer was found in it at this exam or within [`WITHIN_DAYS`] days; **negative** if it was not, and the patient
//!   came again that late or later; **unknown** otherwise, and after a cancer of hers. A patient is positive if any cancer
//!   of hers is in the table, even at an exam without an image. BI-RADS categories label nothing, but for the next rule.
//! - `asses` K says that a malignancy was proven before the exam, and not when. Unless a cancer was recorded by then, the
//!   patient is positive, her exams from that day on are unknown, and follow-up ends with her last exam before it.
//! - [`super::Outcome`] counts from the exam to the first cancer, and to the end of follow-up, which is the patient's last
//!   exam in the table but for K. Exams after a cancer have none, and neither has a breast if the side of a cancer is
//!   not known.
//! - `ROI_coords` holds `[ymin, xmin, ymax, xmax]` for each region; each is a lesion of unknown kind.
//! - `tissueden` 1 to 4 is density A to D; 5 is a man and gives none. `asses` A, N, B, P, S, M, K is BI-RADS 0 to 6.

use std::collections::BTreeMap;
use std::path::Path;

use self::clinical::Clinical;
use super::cohort::{Cohort, Image, Reference};
use super::exclusion::{Stage, Unit};
use super::lesion::{Lesion, LesionKind, Shape};
use super::table::{Column, Row, may, need};
use super::values::{inside, projection, side_of};
use super::{Expected, Reader, SetError, covariate, table};

mod clinical;

/// How long after an exam a cancer still counts as there, in days: the American interval between two screenings.
pub const WITHIN_DAYS: i32 = 365;

const IMAGES: &[Column] = &[
    need("empi_anon"),
    need("acc_anon"),
    need("anon_dicom_path"),
    need("ImageLateralityFinal"),
    need("ViewPosition"),
    need("FinalImageType"),
    need("spot_mag"),
    need("ROI_coords"),
    may("Manufacturer"),
    may("ManufacturerModelName"),
];

pub(super) const READER: Reader = Reader {
    name: "embed",
    title: "EMBED open data",
    source: "Jeong et al. 2023, https://github.com/Emory-HITI/EMBED_Open_Data",
    licence: "EMBED research licence, no redistribution",
    labels: "cancer by pathology at the exam or within 365 days; negative with 365 days of follow-up",
    tables: &[
        Expected {
            names: &["EMBED_OpenData_clinical_reduced.csv", "EMBED_OpenData_clinical.csv"],
            required: true,
            columns: clinical::COLUMNS,
        },
        Expected {
            names: &["EMBED_OpenData_metadata_reduced.csv", "EMBED_OpenData_metadata.csv"],
            required: true,
            columns: IMAGES,
        },
    ],
    read,
};

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut cohort = Cohort::new(READER.name, Reference::Pathology);
    let [Some(findings), Some(images)] = files else { return Ok(cohort) };
    let mut known = Clinical::default();
    let read = table::read(root, findings, clinical::COLUMNS, &BTreeMap::new(), |row| known.take(&mut cohort, row))?;
    cohort.tables.push(read);
    let read = table::read(root, images, IMAGES, &BTreeMap::new(), |row| take(&mut cohort, row))?;
    cohort.tables.push(read);
    for image in &mut cohort.images {
        known.tell(image);
    }
    Ok(cohort.finished())
}

fn take(cohort: &mut Cohort, row: &Row) -> Result<(), SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let path = row.need("anon_dicom_path")?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if row.need("FinalImageType")? != "2D" {
        cohort.exclude(Stage::Kind, Unit::Image, name, "it is no two-dimensional mammogram");
        return Ok(());
    }
    if row.flag("spot_mag")? == Some(true) {
        cohort.exclude(Stage::Kind, Unit::Image, name, "it is a spot or magnification view");
        return Ok(());
    }
    let mut image = Image::new(id("empi_anon")?, id("acc_anon")?, name);
    image.file = below_cohort(path);
    image.laterality = side_of(row, "ImageLateralityFinal")?;
    image.view = row.text("ViewPosition")?.map(projection);
    for (column, name) in [("Manufacturer", covariate::VENDOR), ("ManufacturerModelName", covariate::MACHINE)] {
        if let Some(value) = row.text(column)? {
            image.note(name, value);
        }
    }
    for (number, shape) in regions(row)?.into_iter().enumerate() {
        let (id, kind) = ((number + 1).to_string(), LesionKind::Other("region of interest".into()));
        image.lesions.push(Lesion { id, kind, malignant: None, shape });
    }
    cohort.images.push(image);
    Ok(())
}

/// The published path is absolute on the authors' machine; below `cohort_1` or `cohort_2` it is that of the download.
fn below_cohort(path: &str) -> Option<std::path::PathBuf> {
    let from = path.find("cohort_")?;
    inside(&path[from..])
}

/// The boxes of `ROI_coords`, a Python-style list or tuple of quadruples.
fn regions(row: &Row) -> Result<Vec<Shape>, SetError> {
    let Some(text) = row.text("ROI_coords")? else { return Ok(Vec::new()) };
    let wrong = || row.wrong("ROI_coords", "is no list of boxes [ymin, xmin, ymax, xmax]");
    let mut numbers = Vec::new();
    for word in text.split(|c: char| "[](), ".contains(c) || c.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
        numbers.push(word.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(wrong)?);
    }
    let boxes = numbers.chunks_exact(4);
    if !boxes.remainder().is_empty() {
        return Err(wrong());
    }
    Ok(boxes.map(|at| Shape::Box { top: at[0], left: at[1], bottom: at[2], right: at[3] }).collect())
}
