//! How many there are, for a table and a flow diagram.

use std::collections::{BTreeMap, BTreeSet};

use super::cohort::{Cohort, Image, Labels};
use super::covariate::SPLIT;
use super::exclusion::{Stage, Unit};

/// Labels of the units of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Labelled {
    /// With cancer.
    pub positive: u64,
    /// Without.
    pub negative: u64,
    /// Not known.
    pub unknown: u64,
}

impl Labelled {
    /// All of them.
    pub fn all(self) -> u64 {
        self.positive + self.negative + self.unknown
    }
}

/// What is in a cohort or a part of it. A breast is counted where its laterality is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Images.
    pub images: Labelled,
    /// Breasts of exams; one imaged at two exams counts twice.
    pub breasts: Labelled,
    /// Exams.
    pub exams: Labelled,
    /// Patients.
    pub patients: Labelled,
    /// Lesions that were marked.
    pub lesions: u64,
}

/// What was left out at one step for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The step.
    pub stage: Stage,
    /// What was left out.
    pub unit: Unit,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// A cohort in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows of all tables.
    pub rows: u64,
    /// Of all images.
    pub total: Counts,
    /// By the images' split; those without one are under an empty name. A patient in two splits counts in both.
    pub splits: BTreeMap<String, Counts>,
    /// What was left out, by step, in order.
    pub excluded: Vec<Step>,
}

fn count<K: Ord>(
    images: &[&Image],
    key: impl Fn(&Image) -> Option<K>,
    label: impl Fn(&Labels) -> Option<bool>,
) -> Labelled {
    let mut seen = BTreeSet::new();
    let mut counts = Labelled::default();
    for image in images {
        let Some(key) = key(image) else { continue };
        if !seen.insert(key) {
            continue;
        }
        match label(&image.labels) {
            Some(true) => counts.positive += 1,
            Some(false) => counts.negative += 1,
            None => counts.unknown += 1,
        }
    }
    counts
}

fn counts(images: &[&Image]) -> Counts {
    Counts {
        images: count(images, |image| Some(image.image.clone()), |labels| labels.image),
        breasts: count(
            images,
            |image| image.laterality.map(|side| (image.patient.clone(), image.exam.clone(), side)),
            |labels| labels.breast,
        ),
        exams: count(images, |image| Some((image.patient.clone(), image.exam.clone())), |labels| labels.exam),
        patients: count(images, |image| Some(image.patient.clone()), |labels| labels.patient),
        lesions: images.iter().map(|image| image.lesions.len() as u64).sum(),
    }
}

impl Cohort {
    /// Counts patients, exams, breasts, images and lesions, and what was left out.
    pub fn summary(&self) -> Summary {
        let all: Vec<&Image> = self.images.iter().collect();
        let mut parts: BTreeMap<String, Vec<&Image>> = BTreeMap::new();
        for image in &self.images {
            let split = image.covariates.get(SPLIT).cloned().unwrap_or_default();
            parts.entry(split).or_default().push(image);
        }
        let mut steps: BTreeMap<(Stage, Unit, &str), u64> = BTreeMap::new();
        for left in &self.exclusions {
            *steps.entry((left.stage, left.unit, &left.reason)).or_default() += 1;
        }
        let step = |((stage, unit, reason), count): ((Stage, Unit, &str), u64)| Step {
            stage,
            unit,
            reason: reason.to_owned(),
            count,
        };
        Summary {
            rows: self.tables.iter().map(|table| table.rows).sum(),
            total: counts(&all),
            splits: parts.into_iter().map(|(split, images)| (split, counts(&images))).collect(),
            excluded: steps.into_iter().map(step).collect(),
        }
    }
}
