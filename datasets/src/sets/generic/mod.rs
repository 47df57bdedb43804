//! One documented layout for any set: a table with our names of columns, or with other names and a table of them.
//!
//! # Table
//!
//! `cohort.csv`, a row an image, or a row a lesion where an image has several. Columns, of which only `patient` and
//! `image` must be there:
//!
//! | column | meaning |
//! |---|---|
//! | `patient`, `exam`, `image` | names; `exam` is `1` if there is no such column |
//! | `laterality`, `view`, `file` | `L` or `R`; `CC`, `MLO` or another; a path below the set's folder |
//! | `height`, `width` | rows and columns of the stored image |
//! | `cancer_image`, `cancer_breast`, `cancer_exam`, `cancer_patient` | 1 or 0, empty if not known |
//! | `days_to_cancer`, `breast_days_to_cancer`, `days_followed` | see [`super::Outcome`]; the first two are empty if none was found, and count only where `days_followed` is given |
//! | `weight` | how many of the population the patient stands for, above 0 |
//! | `reference` | `pathology`, `proxy` or `stated`, the same in all rows; `stated` if there is no such column |
//! | `exclude` | a reason; the image is left out |
//! | `lesion_id`, `lesion_kind`, `lesion_malignant`, `left`, `top`, `right`, `bottom`, `mask` | see [`super::Lesion`] |
//! | any name of [`super::covariate`] | the covariate |
//!
//! `columns.csv` in the same folder, if there, has the columns `ours, theirs` and a row for each column that the table calls
//! otherwise. A set with one is not recognised; it must be named `generic`.
//!
//! # Rules
//!
//! Labels are closed as everywhere ([`super::Labels`]). Rows of one image must agree in all columns but those of the
//! lesion; if they do not, the image is excluded. A lesion that its image has already (the same kind, shape and
//! malignancy; without a shape also the same name) is excluded as a duplicate, and so is a second row without a lesion.
//! What the rows state of an exam, a breast or a patient holds for all its images; rows that contradict each other exclude
//! the exam, or all exams of the patient. Nothing of this depends on the order of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use csv::ByteRecord;

use super::cohort::{Cohort, Image, Reference, Table};
use super::exclusion::{Stage, Unit};
use super::table::{Column, Columns, Row, may, need};
use super::{Expected, Reader, SetError, covariate, table};

mod cells;

/// The columns beside the covariates.
const OWN: [Column; 25] = [
    need("patient"),
    may("exam"),
    need("image"),
    may("laterality"),
    may("view"),
    may("file"),
    may("height"),
    may("width"),
    may("cancer_image"),
    may("cancer_breast"),
    may("cancer_exam"),
    may("cancer_patient"),
    may("days_to_cancer"),
    may("breast_days_to_cancer"),
    may("days_followed"),
    may("weight"),
    may("reference"),
    may("exclude"),
    may("lesion_id"),
    may("lesion_kind"),
    may("lesion_malignant"),
    may("left"),
    may("top"),
    may("right"),
    may("bottom"),
];

const COUNT: usize = OWN.len() + covariate::ALL.len() + 1;

const COLUMNS: [Column; COUNT] = {
    let mut all = [may("mask"); COUNT];
    let mut at = 0;
    while at < OWN.len() {
        all[at] = OWN[at];
        at += 1;
    }
    let mut next = 0;
    while next < covariate::ALL.len() {
        all[at + next] = may(covariate::ALL[next]);
        next += 1;
    }
    all
};

pub(super) const READER: Reader = Reader {
    name: "generic",
    title: "a table in Uvid's own layout",
    source: "docs/datasets.md",
    licence: "that of the images",
    labels: "as the table states them",
    tables: &[Expected { names: &["cohort.csv"], required: true, columns: &COLUMNS }],
    read,
};

const MAPPING: &[Column] = &[need("ours"), need("theirs")];

fn read(root: &Path, files: &[Option<String>]) -> Result<Cohort, SetError> {
    let mut mapping = BTreeMap::new();
    let file = files.iter().flatten().next().map_or("cohort.csv", String::as_str);
    let names = Path::new(file).with_file_name("columns.csv").display().to_string();
    if root.join(&names).is_file() {
        table::read(root, &names, MAPPING, &BTreeMap::new(), |row| {
            let ours = row.need("ours")?;
            if !COLUMNS.iter().any(|column| column.name == ours) {
                return Err(row.wrong("ours", "is no column of the generic layout"));
            }
            mapping.insert(ours.to_owned(), row.need("theirs")?.to_owned());
            Ok(())
        })?;
    }
    read_mapped(root, file, &mapping)
}

/// Reads the table `file` under `root`, whose names of columns `mapping` gives by ours.
///
/// # Errors
///
/// [`SetError`] names the row and the column.
pub fn read_mapped(root: &Path, file: &str, mapping: &BTreeMap<String, String>) -> Result<Cohort, SetError> {
    let mut gathering = Gathering::default();
    let read = table::read(root, file, &COLUMNS, mapping, |row| gathering.take(row))?;
    Ok(gathering.cohort(read))
}

/// Reads rows that come from elsewhere than a CSV file: `file` and `sha256` are written down as those of the table.
///
/// # Errors
///
/// [`SetError`] names the row and the column.
///
/// ```
/// use uvid_datasets::sets::generic::from_rows;
///
/// let header = ["patient", "image", "cancer_image"].map(String::from);
/// let rows = [["p1", "a", "0"], ["p1", "b", "1"]].map(|row| row.map(String::from).to_vec());
/// let cohort = from_rows("cohort.parquet", "", &header, rows)?;
/// assert_eq!(cohort.images[0].labels.patient, Some(true));
/// # Ok::<(), uvid_datasets::sets::SetError>(())
/// ```
pub fn from_rows(
    file: &str,
    sha256: &str,
    header: &[String],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<Cohort, SetError> {
    let columns = Columns::find(file, &ByteRecord::from(header.to_vec()), &COLUMNS, &BTreeMap::new())?;
    let mut gathering = Gathering::default();
    let mut count = 0;
    for cells in rows {
        count += 1;
        gathering.take(&Row::new(&columns, &ByteRecord::from(cells), count + 1))?;
    }
    Ok(gathering.cohort(Table { path: file.into(), rows: count, sha256: sha256.to_owned() }))
}

/// Rows on their way to a cohort.
#[derive(Default)]
struct Gathering {
    images: Vec<Image>,
    places: BTreeMap<String, usize>,
    reference: Option<Reference>,
    /// Images whose rows do not agree.
    torn: BTreeSet<String>,
    /// Images that a row excludes, with its reason.
    excluded: Vec<(String, String)>,
    /// The same images.
    left: Vec<Image>,
    /// Images that have a row without a lesion.
    plain: BTreeSet<String>,
    /// Rows that say nothing new: their image, what they are, their place, the reason.
    repeated: Vec<(String, Unit, String, &'static str)>,
}

impl Gathering {
    fn take(&mut self, row: &Row) -> Result<(), SetError> {
        let reference = match row.text("reference")? {
            None | Some("stated") => Reference::Stated,
            Some("pathology") => Reference::Pathology,
            Some("proxy") => Reference::Proxy,
            Some(_) => return Err(row.wrong("reference", "is none of pathology, proxy, stated")),
        };
        if *self.reference.get_or_insert(reference) != reference {
            return Err(row.wrong("reference", "is another than that of the first row"));
        }
        let (image, lesion) = (cells::image(row)?, cells::lesion(row)?);
        if let Some(reason) = row.text("exclude")? {
            self.excluded.push((image.image.clone(), reason.to_owned()));
            self.left.push(image);
            return Ok(());
        }
        let next = self.images.len();
        let index = *self.places.entry(image.image.clone()).or_insert(next);
        if lesion.is_none() && !self.plain.insert(image.image.clone()) {
            self.repeated.push((image.image.clone(), Unit::Row, row.place(), "an earlier row lists its image"));
        }
        if index == next {
            self.images.push(image);
        } else {
            let first = &mut self.images[index];
            let lesions = std::mem::take(&mut first.lesions);
            if *first != image {
                self.torn.insert(image.image);
            }
            first.lesions = lesions;
        }
        if let Some(lesion) = lesion {
            let image = &mut self.images[index];
            let named = image.lesions.iter().any(|known| !lesion.id.is_empty() && known.id == lesion.id);
            if !image.mark(lesion) {
                let reason = "the image has this lesion already";
                self.repeated.push((image.image.clone(), Unit::Finding, row.place(), reason));
            } else if named {
                return Err(row.wrong("lesion_id", "is that of another lesion of the image"));
            }
        }
        Ok(())
    }

    fn cohort(self, read: Table) -> Cohort {
        let mut cohort = Cohort::new(READER.name, self.reference.unwrap_or(Reference::Stated));
        cohort.tables.push(read);
        cohort.left = self.left;
        let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (image, reason) in &self.excluded {
            reasons.entry(image).or_default().insert(reason);
        }
        // The rows of an image that leaves, leave with it.
        let stays = |image: &str| !reasons.contains_key(image) && !self.torn.contains(image);
        for (_, unit, place, reason) in self.repeated.iter().filter(|(image, ..)| stays(image)) {
            cohort.exclude(Stage::Duplicate, *unit, place, reason);
        }
        let mut gone = BTreeSet::new();
        for (image, _) in &self.excluded {
            if gone.insert(image.clone()) {
                let reason = reasons[image.as_str()].iter().copied().collect::<Vec<_>>().join("; ");
                cohort.exclude(Stage::Unusable, Unit::Image, image, &reason);
            }
        }
        for mut image in self.images {
            if gone.contains(&image.image) {
                continue;
            }
            if self.torn.contains(&image.image) {
                let reason = "its rows differ in more than the lesion";
                cohort.exclude(Stage::Contradiction, Unit::Image, &image.image, reason);
                cohort.left.push(image);
            } else {
                image.number_lesions();
                cohort.images.push(image);
            }
        }
        first_of_breasts(&mut cohort.images);
        clear_breasts(&mut cohort.images);
        cohort.finished()
    }
}

/// Where the table says of no image when the exam's cancer was found, but of a breast, the earlier breast's is the exam's.
fn first_of_breasts(images: &mut [Image]) {
    let exam = |image: &Image| (image.patient.clone(), image.exam.clone());
    let mut earliest: BTreeMap<_, f64> = BTreeMap::new();
    let mut dated = BTreeSet::new();
    for image in images.iter() {
        if image.outcome.is_some_and(|outcome| outcome.days_to_cancer.is_some()) {
            dated.insert(exam(image));
        }
        if let Some(days) = image.breast_outcome.and_then(|outcome| outcome.days_to_cancer) {
            earliest.entry(exam(image)).and_modify(|known| *known = known.min(days)).or_insert(days);
        }
    }
    for image in images.iter_mut().filter(|image| !dated.contains(&exam(image))) {
        let days = earliest.get(&exam(image)).copied();
        if let Some(outcome) = image.outcome.as_mut() {
            outcome.days_to_cancer = days;
        }
    }
}

/// Where cancer was found in neither breast, it was not found in a breast of which no row says anything.
fn clear_breasts(images: &mut [Image]) {
    let exam = |image: &Image| (image.patient.clone(), image.exam.clone());
    let clear = |image: &&Image| image.outcome.is_some_and(|outcome| outcome.days_to_cancer.is_none());
    let clear: BTreeMap<_, _> = images.iter().filter(clear).map(|image| (exam(image), image.outcome)).collect();
    for image in images.iter_mut().filter(|image| image.outcome.is_none()) {
        image.breast_outcome = clear.get(&exam(image)).copied().flatten();
    }
}
