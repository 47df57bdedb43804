//! The one model that every reader fills: a cohort of images with what is known about them.
//!
//! A cohort is plain data. What the readers promise of it, and [`Cohort::check`] looks at again:
//!
//! - An **image** is named by `image`, unique in the cohort. A **patient** is named by `patient`; an **exam** by
//!   `(patient, exam)`; a **breast** by `(patient, exam, laterality)`. Images of unknown laterality belong to no breast
//!   until [`Cohort::place`] says which.
//! - All images of a breast have the same `labels.breast` and `breast_outcome`, all of an exam the same `labels.exam` and
//!   `outcome`, all of a patient the same `labels.patient` and `weight`.
//! - Labels are closed (see [`Labels`]): a positive goes up, a negative goes down, an unknown stays unknown.
//! - Every row of a table is in the cohort or among the exclusions, with a reason.
//! - The order of images is that of the table that lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use uvid_exam::{Laterality, View};

use super::exclusion::{Exclusion, Stage, Unit};
use super::labels;
use super::lesion::{Lesion, Shape};

/// A set of mammograms as its tables describe it. No image has been opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// The reader's name, such as `cbis-ddsm`.
    pub set: String,
    /// What a label stands on. A report must say so.
    pub reference: Reference,
    /// The tables that were read, in the order of reading.
    pub tables: Vec<Table>,
    /// The images, each once.
    pub images: Vec<Image>,
    /// What the set says of breasts apart from their images; empty where it says all of it image by image.
    pub sides: Vec<Side>,
    /// What was left out, and why, in the order of reading.
    pub exclusions: Vec<Exclusion>,
    /// Images that contradict others or that the table excludes: their files are no other image's.
    pub left: Vec<Image>,
}

/// What the labels of a set stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Cancers are proven by pathology; what was not biopsied is negative by follow-up or not labelled.
    Pathology,
    /// A reader's BI-RADS category stands for the truth. Such a label measures agreement with readers, not cancer.
    Proxy,
    /// Whoever wrote the table knows.
    Stated,
}

impl Reference {
    /// One word for a report: `pathology`, `proxy` or `stated`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pathology => "pathology",
            Self::Proxy => "proxy",
            Self::Stated => "stated",
        }
    }
}

/// A table as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Where it lies, relative to the set's root.
    pub path: PathBuf,
    /// Rows below the header.
    pub rows: u64,
    /// SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// One mammogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The set's pseudonym of the patient.
    pub patient: String,
    /// The exam, unique among those of the patient.
    pub exam: String,
    /// The set's own name of the image, unique in the cohort.
    pub image: String,
    /// The breast; `None` where only the image's file says it.
    pub laterality: Option<Laterality>,
    /// The view; `None` where only the image's file says it.
    pub view: Option<Projection>,
    /// Where the file is expected, relative to the root; `None` where the set gives no path.
    pub file: Option<PathBuf>,
    /// Other places where the file may lie, the likeliest first.
    pub elsewhere: Vec<PathBuf>,
    /// The DICOM series that the file belongs to, where the set names it.
    pub series: Option<Series>,
    /// Rows and columns of the stored image, where the set states them.
    pub size: Option<[u32; 2]>,
    /// Cancer or not, at four levels.
    pub labels: Labels,
    /// What the set itself states of these, before anything was derived.
    pub(super) stated: Labels,
    /// When cancer was found after this exam, in either breast.
    pub outcome: Option<Outcome>,
    /// The same for this breast, where the set gives the side of the cancer.
    pub breast_outcome: Option<Outcome>,
    /// What was marked in the image.
    pub lesions: Vec<Lesion>,
    /// Everything else that is known, by the names in [`super::covariate`].
    pub covariates: BTreeMap<String, String>,
    /// How many of the population this image's patient stands for, above 0; `None` where the set does not say.
    pub weight: Option<f64>,
}

/// A view: one that has a code, or the set's own word for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Projection {
    /// A view of PS3.16 CID 4014.
    View(View),
    /// The set's text, such as `AT`, which is a modifier and no view.
    Other(String),
}

/// Where an image lies in a tree of DICOM files that a downloader has named by UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Study Instance UID, as the table writes it.
    pub study: String,
    /// Series Instance UID, as the table writes it.
    pub series: String,
    /// Which of the series' files, from 1.
    pub number: u32,
}

/// Cancer or not, at each level; `None` is "not known".
///
/// A reader states what its set labels. Everything else follows by two rules:
///
/// - up: a breast is positive if any of its images is, an exam if any of its breasts is, a patient if any of her exams
///   is; it is negative only if all of them are known to be negative; else it is unknown.
/// - down: the images of a negative breast are negative, and so on. The images of a positive breast stay unknown, since
///   a cancer need not show in every view.
///
/// "All" are those in the cohort: a breast that the set does not hold says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Labels {
    /// The image shows cancer.
    pub image: Option<bool>,
    /// The breast has cancer.
    pub breast: Option<bool>,
    /// Either breast has cancer at this exam.
    pub exam: Option<bool>,
    /// The patient has cancer at any of her exams.
    pub patient: Option<bool>,
}

/// What happened after an exam, for measures of risk.
///
/// Days count from the exam. A set that counts years gives the first day of the year that it names, and `grain_days`
/// says how long that is: the true value lies in `[value, value + grain_days)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Days until cancer was found, from 0; `None` if it was not found while the patient was followed.
    pub days_to_cancer: Option<f64>,
    /// Days for which it is known whether cancer was found, from 0.
    pub days_followed: f64,
    /// How exact both are, above 0: 1 for dates, 365.25 for years.
    pub grain_days: f64,
}

/// What the set says of one breast, apart from any image.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The set's pseudonym of the patient.
    pub patient: String,
    /// The exam.
    pub exam: String,
    /// Which breast.
    pub laterality: Laterality,
    /// Cancer or not; `None` is "not known".
    pub cancer: Option<bool>,
    /// What is known of this breast, by the names in [`super::covariate`].
    pub covariates: BTreeMap<String, String>,
}

/// Why [`Cohort::place`] refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// The index is beyond the last image.
    #[error("there is no such image in the cohort")]
    NoImage,
    /// The table and the file name different breasts.
    #[error("the table and the file say different breasts")]
    Laterality,
    /// The table and the file name different views.
    #[error("the table and the file say different views")]
    View,
}

impl Image {
    /// An image of which nothing else is known.
    pub fn new(patient: &str, exam: &str, image: &str) -> Self {
        Self {
            patient: patient.to_owned(),
            exam: exam.to_owned(),
            image: image.to_owned(),
            laterality: None,
            view: None,
            file: None,
            elsewhere: Vec::new(),
            series: None,
            size: None,
            labels: Labels::default(),
            stated: Labels::default(),
            outcome: None,
            breast_outcome: None,
            lesions: Vec::new(),
            covariates: BTreeMap::new(),
            weight: None,
        }
    }

    /// Adds a covariate; a second value that differs from the first is joined to it by `+`, in alphabetical order. What a
    /// set itself joins by `+` is taken apart then.
    pub(super) fn note(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        let Some(known) = self.covariates.get_mut(name) else {
            self.covariates.insert(name.to_owned(), value);
            return;
        };
        if *known == value {
            return;
        }
        let mut values: Vec<&str> = known.split('+').chain(value.split('+')).map(str::trim).collect();
        values.sort_unstable();
        values.dedup();
        *known = values.join("+");
    }

    /// Adds a lesion, unless the image has it: one of the same kind, shape and malignancy. Lesions without a shape are the
    /// same only if they also have one name.
    ///
    /// Returns whether it was added.
    pub(super) fn mark(&mut self, lesion: Lesion) -> bool {
        let same = |known: &Lesion| {
            let placed = lesion.shape != Shape::None || known.id == lesion.id;
            placed && (&known.kind, &known.shape, known.malignant) == (&lesion.kind, &lesion.shape, lesion.malignant)
        };
        let new = !self.lesions.iter().any(same);
        if new {
            self.lesions.push(lesion);
        }
        new
    }

    /// Names each lesion that has no name by the next number that is none's name.
    pub(super) fn number_lesions(&mut self) {
        let taken: BTreeSet<String> = self.lesions.iter().map(|lesion| lesion.id.clone()).collect();
        let mut free = (1u64..).map(|number| number.to_string()).filter(|number| !taken.contains(number));
        for lesion in self.lesions.iter_mut().filter(|lesion| lesion.id.is_empty()) {
            lesion.id.extend(free.next());
        }
    }
}

impl Cohort {
    /// One without images.
    pub(super) fn new(set: &str, reference: Reference) -> Self {
        let (tables, images, sides) = (Vec::new(), Vec::new(), Vec::new());
        Self { set: set.to_owned(), reference, tables, images, sides, exclusions: Vec::new(), left: Vec::new() }
    }

    /// Writes down what is left out.
    pub(super) fn exclude(&mut self, stage: Stage, unit: Unit, id: impl Into<String>, reason: &str) {
        self.exclusions.push(Exclusion { stage, unit, id: id.into(), reason: reason.to_owned() });
    }

    /// The cohort once all rows are in: each image once, labels closed.
    pub(super) fn finished(mut self) -> Self {
        labels::without_repeats(&mut self.images, &mut self.exclusions);
        self.images.iter_mut().for_each(|image| image.stated = image.labels);
        let left = labels::derive(&mut self.images, &mut self.exclusions);
        self.left.extend(left);
        self
    }

    /// Says which breast and view an image shows, once its file has been read, and gives it what the set says of that
    /// breast. A view that the table calls by no standard name is the file's to say. Labels follow when [`Cohort::close`] is called.
    ///
    /// # Errors
    ///
    /// [`Misplaced`] if the table says another breast or view; nothing is changed then.
    pub fn place(&mut self, index: usize, laterality: Laterality, view: View) -> Result<(), Misplaced> {
        let image = self.images.get_mut(index).ok_or(Misplaced::NoImage)?;
        if image.laterality.is_some_and(|side| side != laterality) {
            return Err(Misplaced::Laterality);
        }
        if matches!(&image.view, Some(Projection::View(known)) if *known != view) {
            return Err(Misplaced::View);
        }
        image.view = Some(Projection::View(view));
        image.laterality = Some(laterality);
        let of =
            |side: &&Side| side.patient == image.patient && side.exam == image.exam && side.laterality == laterality;
        if let Some(side) = self.sides.iter().find(of) {
            image.stated.breast = image.stated.breast.or(side.cancer);
            for (name, value) in &side.covariates {
                image.covariates.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }

    /// Derives all labels anew from what the set states, now that more images are known to be of a breast. Exams that turn out to
    /// contradict themselves go to the exclusions.
    pub fn close(&mut self) {
        self.images.iter_mut().for_each(|image| image.labels = image.stated);
        let left = labels::derive(&mut self.images, &mut self.exclusions);
        self.left.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_are_joined_in_order() {
        let check = |values: &[&str], expected: &str| {
            let mut image = Image::new("p", "e", "i");
            values.iter().for_each(|value| image.note("x", *value));
            assert_eq!(image.covariates["x"], expected);
        };
        check(&["b", "a", "b"], "a+b");
        check(&["CAD + tomo", "CAD + tomo"], "CAD + tomo");
        check(&["CAD + tomo", "2D", "CAD + tomo"], "2D+CAD+tomo");
        check(&["a+c", "b"], "a+b+c");
    }
}
