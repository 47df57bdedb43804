//! Exams of which two statements exclude each other.

use std::collections::BTreeMap;

use uvid_exam::Laterality;

use super::outcomes::Known;
use super::{Exam, Said, breast, exam, heard, positive};
use crate::sets::cohort::Image;

/// The exams, each with a reason. Of several reasons it is the first in the order of the rules below, whatever the order
/// of images. What contradicts itself of a patient is a reason for each of her exams.
pub(super) fn find(images: &[Image], known: &Known) -> BTreeMap<Exam, &'static str> {
    let of_patient = |_, image: &Image| image.patient.clone();
    let of_exam = |_, image: &Image| exam(image);
    let breasts = heard(images, breast, |labels| labels.breast);
    let exams = heard(images, of_exam, |labels| labels.exam);
    let patients = heard(images, of_patient, |labels| labels.patient);
    // Whether any part of an exam, or of a patient, is positive.
    let in_exams = heard(images, of_exam, |labels| positive(&[labels.image, labels.breast]));
    let in_patients = heard(images, of_patient, |labels| positive(&[labels.image, labels.breast, labels.exam]));
    let both = |said: &Said| said.yes && said.no;
    let mut bad = BTreeMap::new();
    for (index, image) in images.iter().enumerate() {
        let key = exam(image);
        let (of_breast, of_exam) = (&breasts[&breast(index, image)], &exams[&key]);
        let (of_patient, in_exam, in_patient) =
            (&patients[&image.patient], &in_exams[&key], &in_patients[&image.patient]);
        let side_is_negative = |side| breasts.get(&(key.clone(), Ok(side))).is_some_and(|said| said.no);
        let neither = || Laterality::ALL.into_iter().all(side_is_negative);
        let rules = [
            (both(of_breast), "its rows call one breast both positive and negative"),
            (of_breast.no && image.labels.image == Some(true), "a positive image of a negative breast"),
            (both(of_exam), "its rows call the exam both positive and negative"),
            (of_exam.no && in_exam.yes, "a positive breast in a negative exam"),
            ((of_exam.yes || in_exam.yes) && neither(), "a positive exam of two negative breasts"),
            (both(of_patient), "its rows call the patient both positive and negative"),
            (of_patient.no && in_patient.yes, "a positive exam of a negative patient"),
            (known.exam_differs(image), "its rows give the exam different times to cancer or follow-up"),
            (known.breast_differs(index, image), "its rows give one breast different times to cancer or follow-up"),
            (known.breast_is_first(image), "a breast has cancer when the exam has none yet"),
            (known.in_neither(image), "neither breast has the exam's cancer"),
            (known.weight_differs(image), "its rows give the patient different weights"),
        ];
        if let Some(rank) = rules.iter().position(|(broken, _)| *broken) {
            let first = bad.entry(key).or_insert((rank, rules[rank].1));
            *first = (*first).min((rank, rules[rank].1));
        }
    }
    bad.into_iter().map(|(exam, (_, reason))| (exam, reason)).collect()
}
