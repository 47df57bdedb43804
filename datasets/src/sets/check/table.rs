//! Faults that the tables alone show.

use std::collections::{BTreeMap, BTreeSet};

use uvid_exam::Laterality;

use super::Severity::{Error, Warning};
use super::{Fault, Findings, fault};
use crate::sets::cohort::{Cohort, Image, Outcome};
use crate::sets::covariate::{AGE, SPLIT};
use crate::sets::exclusion::Stage;
use crate::sets::lesion::Shape;

const CONTRADICTION: Fault = fault(
    Error,
    "contradiction",
    "rows of the tables contradict each other; what they are about was left out",
    "ask the set's authors which row is right, and correct a copy of the table",
);
const REPEATED: Fault = fault(
    Error,
    "image-twice",
    "two images have one name",
    "give each image its own name; predictions are joined by it",
);
const SPLITS: Fault = fault(
    Error,
    "patient-in-two-splits",
    "images of one patient are in two splits",
    "leave the patient out of the test, or out of training",
);
const BREAST: Fault = fault(
    Error,
    "breast-of-two-labels",
    "images of one breast have different labels of the breast",
    "correct the table; every measure by breast would depend on the order of rows",
);
const OPEN: Fault = fault(
    Error,
    "labels-not-closed",
    "a positive part of a negative whole, or a positive exam of two negative breasts",
    "correct the table; a positive image, breast or exam makes its exam and patient positive",
);
const LESION: Fault =
    fault(Error, "lesion-on-negative", "a malignant lesion in an image or breast without cancer", "correct the table");
const INVERTED: Fault = fault(
    Error,
    "box-inverted",
    "a box whose right is not right of its left, or whose bottom is not below its top",
    "correct the table; the box has no area",
);
const OUTSIDE: Fault = fault(
    Error,
    "shape-outside",
    "a box or an outline that leaves the image",
    "see whether it belongs to an image of another size",
);
const SIDE: Fault = fault(
    Error,
    "laterality-in-name",
    "the file's name says the other breast",
    "look at the image; every label by breast depends on it",
);
const AGES: Fault = fault(
    Warning,
    "age-varies",
    "one exam has several ages, or ages of a patient lie more than 40 years apart",
    "leave age out of the analysis of these patients",
);
const AGE_ODD: Fault = fault(Warning, "age-odd", "an age below 18 or above 110", "see whether it is an age in years");
const FOLLOWED: Fault = fault(
    Error,
    "followed-too-short",
    "cancer was found later than the patient was followed",
    "correct the table; a risk set would lose the cancer",
);
const OUTCOME: Fault = fault(
    Error,
    "outcome-odd",
    "days that are negative or no number, that differ within an exam or a breast, or a breast's cancer before its exam's",
    "correct the table",
);
const WEIGHT: Fault =
    fault(Error, "weight-odd", "a weight that is not above 0, or several weights of one patient", "correct the table");

fn exam(image: &Image) -> String {
    format!("{}/{}", image.patient, image.exam)
}

fn breast(image: &Image) -> Option<String> {
    Some(format!("{}/{}", exam(image), image.laterality?))
}

/// The keys that have more than one value.
fn varied<V: Ord>(pairs: impl IntoIterator<Item = (String, V)>) -> Vec<String> {
    let mut values: BTreeMap<String, BTreeSet<V>> = BTreeMap::new();
    for (key, value) in pairs {
        values.entry(key).or_default().insert(value);
    }
    values.into_iter().filter(|(_, values)| values.len() > 1).map(|(key, _)| key).collect()
}

pub(super) fn look(cohort: &Cohort, findings: &mut Findings) {
    let images = &cohort.images;
    let which = |test: &dyn Fn(&Image) -> bool| -> Vec<String> {
        images.iter().filter(|image| test(image)).map(|image| image.image.clone()).collect()
    };
    let torn = cohort.exclusions.iter().filter(|left| left.stage == Stage::Contradiction);
    findings.add(CONTRADICTION, torn.map(|left| left.id.clone()));
    findings.add(REPEATED, varied(images.iter().enumerate().map(|(index, image)| (image.image.clone(), index))));
    let splits = images.iter().flat_map(|image| {
        let split = image.covariates.get(SPLIT).map(String::as_str).unwrap_or_default();
        split
            .split('+')
            .filter(|split| !split.is_empty())
            .map(|split| (image.patient.clone(), split))
            .collect::<Vec<_>>()
    });
    findings.add(SPLITS, varied(splits));
    let breasts = images.iter().filter_map(|image| Some((breast(image)?, image.labels.breast)));
    findings.add(BREAST, varied(breasts));
    let mut open = which(&|image| !is_closed(image));
    open.extend(without_a_breast(images));
    findings.add(OPEN, open);
    findings.add(
        LESION,
        which(&|image| {
            let negative = image.labels.image == Some(false) || image.labels.breast == Some(false);
            negative && image.lesions.iter().any(|lesion| lesion.malignant == Some(true))
        }),
    );
    findings.add(INVERTED, which(&|image| image.lesions.iter().any(|lesion| is_inverted(&lesion.shape))));
    findings.add(OUTSIDE, which(&leaves));
    findings.add(SIDE, which(&says_other_side));
    ages(images, findings);
    times(images, findings);
    let mut weights = which(&|image| image.weight.is_some_and(|weight| !(weight > 0.0 && weight.is_finite())));
    weights.extend(varied(images.iter().map(|image| (image.patient.clone(), image.weight.map(f64::to_bits)))));
    findings.add(WEIGHT, weights);
}

fn times(images: &[Image], findings: &mut Findings) {
    let outcomes = |image: &Image| [image.outcome, image.breast_outcome].into_iter().flatten().collect::<Vec<_>>();
    let late = |outcome: &Outcome| outcome.days_to_cancer.is_some_and(|days| days > outcome.days_followed);
    let which = |test: &dyn Fn(&Image) -> bool| -> Vec<String> {
        images.iter().filter(|image| test(image)).map(|image| image.image.clone()).collect()
    };
    findings.add(FOLLOWED, which(&|image| outcomes(image).iter().any(late)));
    let mut odd = which(&|image| outcomes(image).iter().any(is_odd) || breast_is_first(image));
    odd.extend(varied(images.iter().map(|image| (exam(image), bits(image.outcome)))));
    odd.extend(varied(images.iter().filter_map(|image| Some((breast(image)?, bits(image.breast_outcome))))));
    findings.add(OUTCOME, odd);
}

/// Whether cancer was found in the breast and, by then, not in the exam.
fn breast_is_first(image: &Image) -> bool {
    let (Some(whole), Some(part)) = (image.outcome, image.breast_outcome) else { return false };
    part.days_to_cancer.is_some_and(|days| whole.days_to_cancer.is_none_or(|first| first > days))
}

/// The positive exams of which both breasts are negative.
fn without_a_breast(images: &[Image]) -> Vec<String> {
    let negative = images.iter().filter(|image| image.labels.exam == Some(true) && image.labels.breast == Some(false));
    varied(negative.filter_map(|image| Some((exam(image), image.laterality?))))
}

fn is_closed(image: &Image) -> bool {
    let labels = image.labels;
    let levels = [labels.image, labels.breast, labels.exam, labels.patient];
    let lowest = levels.iter().position(|label| *label == Some(true));
    // A positive level needs positive levels above it; an image of unknown laterality has no breast.
    lowest.is_none_or(|lowest| {
        let above = levels.iter().enumerate().skip(lowest);
        above.filter(|(level, _)| *level != 1 || image.laterality.is_some()).all(|(_, label)| *label == Some(true))
    })
}

fn is_inverted(shape: &Shape) -> bool {
    match shape {
        Shape::Box { left, top, right, bottom } => !(left < right && top < bottom),
        Shape::Outline(_) | Shape::MaskFile { .. } | Shape::None => false,
    }
}

fn leaves(image: &Image) -> bool {
    let size = image.size.map(|size| size.map(f64::from));
    let out = |row: f64, column: f64| {
        let below = size.is_none_or(|[rows, columns]| row <= rows && column <= columns);
        !(row >= 0.0 && column >= 0.0 && below)
    };
    image.lesions.iter().any(|lesion| match &lesion.shape {
        Shape::Box { left, top, right, bottom } => out(*top, *left) || out(*bottom, *right),
        Shape::Outline(points) => points.iter().any(|&(row, column)| out(row, column)),
        Shape::MaskFile { .. } | Shape::None => false,
    })
}

/// Whether words of the path name the other breast and none this one.
fn says_other_side(image: &Image) -> bool {
    let (Some(side), Some(file)) = (image.laterality, &image.file) else { return false };
    let path = file.to_string_lossy().to_uppercase();
    let mut said = BTreeSet::new();
    for word in path.split(|c: char| !c.is_ascii_alphanumeric()) {
        match word {
            "L" | "LEFT" | "LCC" | "LMLO" => said.insert(Laterality::Left),
            "R" | "RIGHT" | "RCC" | "RMLO" => said.insert(Laterality::Right),
            _ => false,
        };
    }
    !said.is_empty() && !said.contains(&side)
}

fn ages(images: &[Image], findings: &mut Findings) {
    let age = |image: &Image| image.covariates.get(AGE).cloned();
    let of_exams = images
        .iter()
        .filter_map(|image| Some((exam(image), age(image)?)))
        .flat_map(|(exam, ages)| ages.split('+').map(|one| (exam.clone(), one.to_owned())).collect::<Vec<_>>());
    let mut varying = varied(of_exams);
    let mut spans: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut odd = Vec::new();
    for image in images {
        let Some(years) = age(image).and_then(|text| text.parse::<f64>().ok()) else { continue };
        let span = spans.entry(&image.patient).or_insert((years, years));
        *span = (span.0.min(years), span.1.max(years));
        if !(18.0..=110.0).contains(&years) {
            odd.push(image.image.clone());
        }
    }
    let far = spans.iter().filter(|(_, (low, high))| high - low > 40.0);
    varying.extend(far.map(|(patient, _)| (*patient).to_owned()));
    findings.add(AGES, varying);
    findings.add(AGE_ODD, odd);
}

fn is_odd(outcome: &Outcome) -> bool {
    let good = |days: f64| days.is_finite() && days >= 0.0;
    !(good(outcome.days_followed) && outcome.days_to_cancer.is_none_or(good) && outcome.grain_days > 0.0)
}

fn bits(outcome: Option<Outcome>) -> Option<(Option<u64>, u64, u64)> {
    let bits = f64::to_bits;
    outcome.map(|it| (it.days_to_cancer.map(bits), bits(it.days_followed), bits(it.grain_days)))
}
