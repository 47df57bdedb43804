//! Where earlier exams are: a DICOM node (Study Root C-FIND with C-GET or C-MOVE) or a DICOMweb server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use time::Date;
use uvid_exam::{BirthDate, Patient, PatientId, StudyInstanceUid};

use super::{Candidate, Current, Wanted, take};
use crate::config::{Config, Retrieve};
use crate::dicomweb::client::{self, Web, WebError};
use crate::dimse::scu::{self, Attribute, Remote, ScuError};
use crate::store::Store;

/// What is fetched of an exam.
const SOP_CLASSES: [&str; 5] = [
    uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
    uids::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE,
    uids::BREAST_PROJECTION_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    uids::BREAST_PROJECTION_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
];

/// Why an archive does not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// By DIMSE.
    #[error("{0}")]
    Node(#[from] ScuError),
    /// By DICOMweb.
    #[error("{0}")]
    Web(#[from] WebError),
    /// More than `priors.bytes_max`.
    #[error("the earlier exams have more bytes than priors.bytes_max")]
    TooLarge,
}

/// An archive.
#[derive(Debug, Clone)]
pub enum Archive {
    /// A DICOM node, and how it gives objects.
    Node(Box<Remote>, Retrieve),
    /// A DICOMweb server.
    Web(Box<Web>),
}

impl Archive {
    /// The archive of the configuration, if one is set.
    ///
    /// # Errors
    ///
    /// Its file of authorities or its authorization cannot be read.
    pub fn of(config: &Config) -> Result<Option<Self>, WebError> {
        let priors = &config.priors;
        if let Some(remote) = priors.node.as_ref().and_then(|name| Remote::of(config, name)) {
            return Ok(Some(Self::Node(Box::new(remote), priors.retrieve)));
        }
        Ok(Web::of_priors(priors).transpose()?.map(Box::new).map(Self::Web))
    }

    /// The mammography exams that the archive knows of a patient ID.
    ///
    /// # Errors
    ///
    /// It cannot be asked.
    pub(super) async fn exams_of(&self, patient: &Patient, most: usize) -> Result<Vec<Candidate>, ArchiveError> {
        let id = patient.id.as_ref().map(|id| exactly(id.reveal())).unwrap_or_default();
        let keys = [
            (tags::PATIENT_ID, id),
            (tags::MODALITIES_IN_STUDY, "MG".to_owned()),
            (tags::STUDY_INSTANCE_UID, String::new()),
            (tags::STUDY_DATE, String::new()),
            (tags::ISSUER_OF_PATIENT_ID, String::new()),
            (tags::PATIENT_BIRTH_DATE, String::new()),
        ];
        let answers = match self {
            Self::Node(remote, _) => scu::find(remote, "STUDY", &keys, most).await?,
            Self::Web(web) => client::qido_studies(web, &keys, most).await?,
        };
        Ok(answers.iter().filter_map(|answer| candidate(answer)).collect())
    }

    /// Fetches an exam into the store. What comes is looked at by [`take`], but for C-MOVE: there it comes by our own
    /// door, and is looked at afterwards.
    ///
    /// # Errors
    ///
    /// The archive fails, or gives more than `bytes_left`.
    pub(super) async fn fetch(
        &self,
        store: &Store,
        current: &Current,
        prior: &Candidate,
        wanted: Wanted,
        bytes_left: &mut u64,
    ) -> Result<(), ArchiveError> {
        let study = prior.study.as_str();
        // What is asked of `take` may run while the next object is being read: it owns what it needs.
        let left = Arc::new(AtomicU64::new(*bytes_left));
        let each = {
            let (store, current, prior) = (store.clone(), Arc::new(current.clone()), prior.study.clone());
            let left = Arc::clone(&left);
            move |bytes: Vec<u8>| {
                let (store, current, prior, left) =
                    (store.clone(), Arc::clone(&current), prior.clone(), Arc::clone(&left));
                async move {
                    let size = bytes.len() as u64;
                    let room = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(size));
                    if room.is_err() {
                        left.store(0, Ordering::Relaxed);
                        return None;
                    }
                    Some(take(&store, &current, &prior, wanted, &bytes).await)
                }
            }
        };
        match self {
            Self::Node(remote, Retrieve::Get) => drop(scu::get(remote, study, &SOP_CLASSES, each).await?),
            Self::Node(remote, Retrieve::Move) => {
                let _expecting = store.expect(&prior.study);
                scu::move_to_us(remote, study).await?;
            }
            Self::Web(web) => {
                let each = each;
                let go_on = move |bytes| {
                    let taken = each(bytes);
                    async move { taken.await.is_some() }
                };
                client::wado_study(web, &prior.study, *bytes_left, go_on).await?;
            }
        }
        *bytes_left = left.load(Ordering::Relaxed);
        if *bytes_left == 0 { Err(ArchiveError::TooLarge) } else { Ok(()) }
    }
}

/// A value as a key that matches it alone: an asterisk or question mark would be a wildcard (PS3.4 C.2.2.2.4), and
/// no ID that holds one can be asked for.
fn exactly(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '*' | '?' | '\\') { '?' } else { c }).collect()
}

/// An answer as a candidate; `None` if it names no study.
fn candidate(answer: &[Attribute]) -> Option<Candidate> {
    let text = |tag: Tag| answer.iter().find(|(of, _)| *of == tag).map(|(_, value)| value.as_str());
    let study: StudyInstanceUid = text(tags::STUDY_INSTANCE_UID)?.parse().ok()?;
    let patient = Patient {
        id: text(tags::PATIENT_ID).and_then(PatientId::new),
        issuer: text(tags::ISSUER_OF_PATIENT_ID).and_then(PatientId::new),
        birth_date: text(tags::PATIENT_BIRTH_DATE).and_then(BirthDate::new),
        name: None,
    };
    Some(Candidate { study, patient, date: text(tags::STUDY_DATE).and_then(date) })
}

/// A value of VR DA: `YYYYMMDD`.
pub(super) fn date(text: &str) -> Option<Date> {
    Date::parse(text.trim(), time::macros::format_description!("[year][month][day]")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_study_or_with_half_a_date_is_no_guess() {
        let check = |answer: &[(Tag, &str)], expected: Option<Option<Date>>| {
            let answer: Vec<Attribute> = answer.iter().map(|(tag, text)| (*tag, (*text).to_owned())).collect();
            assert_eq!(candidate(&answer).map(|candidate| candidate.date), expected, "{answer:?}");
        };
        let day = time::macros::date!(2024 - 02 - 29);
        check(&[(tags::STUDY_INSTANCE_UID, "1.2"), (tags::STUDY_DATE, "20240229")], Some(Some(day)));
        check(&[(tags::STUDY_INSTANCE_UID, "1.2"), (tags::STUDY_DATE, "2024")], Some(None));
        check(&[(tags::STUDY_INSTANCE_UID, "1.2"), (tags::STUDY_DATE, "20230229")], Some(None));
        check(&[(tags::STUDY_INSTANCE_UID, "1.2")], Some(None));
        check(&[(tags::STUDY_DATE, "20240229")], None);
        check(&[(tags::STUDY_INSTANCE_UID, "x")], None);
    }

    #[test]
    fn an_id_is_asked_for_as_it_is() {
        assert_eq!(exactly("Ж 12-3/4"), "Ж 12-3/4");
        assert_eq!(exactly("1*2\\3"), "1?2?3");
    }
}
