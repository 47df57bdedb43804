//! What images state of their exam, breast and patient beside labels: outcomes and weights.
//!
//! An image that states nothing contradicts nothing. It is told what the others state.

use std::collections::BTreeMap;

use uvid_exam::Laterality;

use super::{Breast, Exam, breast, exam};
use crate::sets::cohort::{Image, Outcome};

/// What several images state of one thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stated<V> {
    /// The first statement.
    value: Option<V>,
    /// Another one is not equal to it.
    pub(super) differs: bool,
}

/// The statements about each exam, breast and patient.
#[derive(Debug)]
pub(super) struct Known {
    exams: BTreeMap<Exam, Stated<Outcome>>,
    breasts: BTreeMap<Breast, Stated<Outcome>>,
    weights: BTreeMap<String, Stated<f64>>,
}

fn stated<K: Ord, V: PartialEq>(
    images: &[Image],
    key: impl Fn(usize, &Image) -> K,
    value: impl Fn(&Image) -> Option<V>,
) -> BTreeMap<K, Stated<V>> {
    let mut all = BTreeMap::new();
    for (index, image) in images.iter().enumerate() {
        let one = all.entry(key(index, image)).or_insert(Stated { value: None, differs: false });
        match (value(image), &one.value) {
            (Some(value), Some(first)) => one.differs |= value != *first,
            (Some(value), None) => one.value = Some(value),
            (None, _) => {}
        }
    }
    all
}

impl Known {
    pub(super) fn of(images: &[Image]) -> Self {
        Self {
            exams: stated(images, |_, image| exam(image), |image| image.outcome),
            breasts: stated(images, breast, |image| image.breast_outcome),
            weights: stated(images, |_, image| image.patient.clone(), |image| image.weight),
        }
    }

    /// Whether the outcomes of the image's exam differ.
    pub(super) fn exam_differs(&self, image: &Image) -> bool {
        self.exams[&exam(image)].differs
    }

    /// Whether the outcomes of its breast differ.
    pub(super) fn breast_differs(&self, index: usize, image: &Image) -> bool {
        self.breasts[&breast(index, image)].differs
    }

    /// Whether the weights of its patient differ.
    pub(super) fn weight_differs(&self, image: &Image) -> bool {
        self.weights[&image.patient].differs
    }

    /// Whether cancer was found in its breast and, by then, not in the exam.
    pub(super) fn breast_is_first(&self, image: &Image) -> bool {
        let (Some(whole), Some(part)) = (self.exams[&exam(image)].value, image.breast_outcome) else { return false };
        part.days_to_cancer.is_some_and(|days| whole.days_to_cancer.is_none_or(|first| first > days))
    }

    /// Whether both breasts have an outcome and neither has the exam's cancer.
    pub(super) fn in_neither(&self, image: &Image) -> bool {
        let exam = exam(image);
        let Some(days) = self.exams[&exam].value.and_then(|outcome| outcome.days_to_cancer) else { return false };
        Laterality::ALL.into_iter().all(|side| {
            let said = self.breasts.get(&(exam.clone(), Ok(side))).and_then(|breast| breast.value);
            said.is_some_and(|outcome| outcome.days_to_cancer != Some(days))
        })
    }

    /// Writes to each of the images that are left what was stated by others. An image of unknown laterality keeps what it
    /// states of its breast.
    pub(super) fn tell(&self, images: &mut [Image]) {
        for image in images {
            image.outcome = image.outcome.or(self.exams[&exam(image)].value);
            image.weight = image.weight.or(self.weights[&image.patient].value);
            if let Some(side) = image.laterality {
                image.breast_outcome = image.breast_outcome.or(self.breasts[&(exam(image), Ok(side))].value);
            }
        }
    }
}
