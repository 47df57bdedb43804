//! From what a set states to labels at every level, by the rules of [`Labels`]; contradictions leave the cohort.

use std::collections::{BTreeMap, BTreeSet};

use uvid_exam::Laterality;

use super::cohort::{Image, Labels};
use super::exclusion::{Exclusion, Stage, Unit};

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

/// Exams in which statements exclude each other, with the reason.
fn contradictions(images: &[Image]) -> BTreeMap<Exam, &'static str> {
    let breasts = heard(images, breast, |labels| labels.breast);
    let exams = heard(images, |_, image| exam(image), |labels| labels.exam);
    let patients = heard(images, |_, image| image.patient.clone(), |labels| labels.patient);
    let mut outcomes = BTreeMap::new();
    for image in images {
        outcomes.entry(exam(image)).or_insert(image.outcome);
    }
    let mut bad = BTreeMap::new();
    let both = |said: &Said| said.yes && said.no;
    for (index, image) in images.iter().enumerate() {
        let labels = image.labels;
        let (of_breast, of_exam) = (&breasts[&breast(index, image)], &exams[&exam(image)]);
        let of_patient = &patients[&image.patient];
        let positive = labels.image == Some(true) || of_breast.yes;
        let reason = if both(of_breast) {
            "its rows call one breast both positive and negative"
        } else if of_breast.no && labels.image == Some(true) {
            "a positive image of a negative breast"
        } else if both(of_exam) {
            "its rows call the exam both positive and negative"
        } else if of_exam.no && positive {
            "a positive breast in a negative exam"
        } else if both(of_patient) {
            "its rows call the patient both positive and negative"
        } else if of_patient.no && (positive || of_exam.yes) {
            "a positive exam of a negative patient"
        } else if outcomes[&exam(image)] != image.outcome {
            "its rows give the exam different times to cancer or follow-up"
        } else {
            continue;
        };
        bad.entry(exam(image)).or_insert(reason);
    }
    bad
}

/// Closes the labels that the images state; the exams that contradict themselves are moved to the exclusions.
pub(super) fn derive(images: &mut Vec<Image>, exclusions: &mut Vec<Exclusion>) {
    let bad = contradictions(images);
    images.retain(|image| {
        let Some(reason) = bad.get(&exam(image)) else { return true };
        let (stage, unit, id) = (Stage::Contradiction, Unit::Image, image.image.clone());
        exclusions.push(Exclusion { stage, unit, id, reason: (*reason).to_owned() });
        false
    });
    down(images);
    up(images);
    down(images);
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
    let loose: BTreeSet<Exam> = images.iter().filter(loose).map(exam).collect();
    for ((exam, laterality), said) in &mut breasts {
        said.open |= laterality.is_ok() && loose.contains(exam);
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
