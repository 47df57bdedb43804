//! From what a set states to labels at every level, by the rules of [`Labels`]; contradictions leave the cohort.
//!
//! What comes out does not depend on the order of images. What some images of an exam, a breast or a patient state of it
//! is written to all of them: labels, outcomes and weights.

use std::collections::{BTreeMap, BTreeSet};

use uvid_exam::Laterality;

use super::cohort::{Image, Labels};
use super::exclusion::{Exclusion, Stage, Unit};

mod contradictions;
mod outcomes;
#[cfg(test)]
mod tests;

/// What several statements say together.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    yes: bool,
    no: bool,
    /// Some member is not known.
    open: bool,
}

impl Said {
    fn hear(&mut self, label: Option<bool>) {
        self.yes |= label == Some(true);
        self.no |= label == Some(false);
        self.open |= label.is_none();
    }

    /// What all of them state, if any does.
    fn stated(self) -> Option<bool> {
        if self.yes { Some(true) } else { self.no.then_some(false) }
    }

    /// What a whole is whose parts were heard.
    fn whole(self) -> Option<bool> {
        if self.yes { Some(true) } else { (self.no && !self.open).then_some(false) }
    }
}

type Exam = (String, String);
/// A breast; an image of unknown laterality is a breast of its own, by its index.
type Breast = (Exam, Result<Laterality, usize>);

fn exam(image: &Image) -> Exam {
    (image.patient.clone(), image.exam.clone())
}

fn breast(index: usize, image: &Image) -> Breast {
    (exam(image), image.laterality.ok_or(index))
}

/// The statements of one level of a cohort, by its unit.
fn heard<K: Ord>(
    images: &[Image],
    key: impl Fn(usize, &Image) -> K,
    label: fn(&Labels) -> Option<bool>,
) -> BTreeMap<K, Said> {
    let mut said: BTreeMap<K, Said> = BTreeMap::new();
    for (index, image) in images.iter().enumerate() {
        said.entry(key(index, image)).or_default().hear(label(&image.labels));
    }
    said
}

/// Closes the labels that the images state; the exams that contradict themselves are moved to the exclusions.
pub(super) fn derive(images: &mut Vec<Image>, exclusions: &mut Vec<Exclusion>) -> Vec<Image> {
    let known = outcomes::Known::of(images);
    let bad = contradictions::find(images, &known);
    let left: Vec<Image> = images.extract_if(.., |image| bad.contains_key(&exam(image))).collect();
    exclusions.extend(left.iter().map(|image| {
        let (stage, unit, id) = (Stage::Contradiction, Unit::Image, image.image.clone());
        Exclusion { stage, unit, id, reason: bad[&exam(image)].to_owned() }
    }));
    known.tell(images);
    down(images);
    up(images);
    down(images);
    left
}

/// Positive if any of them is, else nothing.
fn positive(labels: &[Option<bool>]) -> Option<bool> {
    labels.contains(&Some(true)).then_some(true)
}

/// A whole that is negative makes its parts negative; what is stated of a whole is written to all of its images.
fn down(images: &mut [Image]) {
    let patients = heard(images, |_, image| image.patient.clone(), |labels| labels.patient);
    let exams = heard(images, |_, image| exam(image), |labels| labels.exam);
    let breasts = heard(images, breast, |labels| labels.breast);
    for (index, image) in images.iter_mut().enumerate() {
        let of_breast = breasts[&breast(index, image)].stated();
        let of_exam = exams[&exam(image)].stated();
        let labels = &mut image.labels;
        labels.patient = patients[&image.patient].stated();
        let negative = |whole: Option<bool>| whole.filter(|positive| !positive);
        labels.exam = of_exam.or(negative(labels.patient));
        labels.breast = of_breast.or(negative(labels.exam));
        labels.image = labels.image.or(negative(labels.breast));
    }
}

/// A whole is what its parts make it, unless it is stated.
fn up(images: &mut [Image]) {
    let mut breasts = heard(images, breast, |labels| labels.image);
    // An image of unknown laterality may be of either breast: unless it is negative, neither can be closed without it.
    let loose = |image: &&Image| image.laterality.is_none() && image.labels.image != Some(false);
    let mut unclear: BTreeSet<Exam> = images.iter().filter(loose).map(exam).collect();
    // A positive exam has a positive breast, even if no image shows it: until one is known, images close neither.
    let parts = heard(images, |_, image| exam(image), |labels| positive(&[labels.image, labels.breast]));
    let exams = heard(images, |_, image| exam(image), |labels| labels.exam);
    unclear.extend(exams.into_iter().filter(|(exam, said)| said.yes && !parts[exam].yes).map(|(exam, _)| exam));
    for ((exam, laterality), said) in &mut breasts {
        said.open |= laterality.is_ok() && unclear.contains(exam);
    }
    for (index, image) in images.iter_mut().enumerate() {
        image.labels.breast = image.labels.breast.or(breasts[&breast(index, image)].whole());
    }
    let exams = heard(images, |_, image| exam(image), |labels| labels.breast);
    for image in images.iter_mut() {
        image.labels.exam = image.labels.exam.or(exams[&exam(image)].whole());
    }
    let patients = heard(images, |_, image| image.patient.clone(), |labels| labels.exam);
    for image in images.iter_mut() {
        image.labels.patient = image.labels.patient.or(patients[&image.patient].whole());
        // An image of unknown laterality was a breast of its own for the sums above, and belongs to none.
        if image.laterality.is_none() {
            image.labels.breast = None;
        }
    }
}

/// Leaves the first image of each name; the others go to the exclusions.
pub(super) fn without_repeats(images: &mut Vec<Image>, exclusions: &mut Vec<Exclusion>) {
    let mut seen = BTreeSet::new();
    images.retain(|image| {
        let first = seen.insert(image.image.clone());
        if !first {
            let (stage, unit, id) = (Stage::Duplicate, Unit::Image, image.image.clone());
            exclusions.push(Exclusion { stage, unit, id, reason: "an earlier row lists this image".into() });
        }
        first
    });
}
