//! Notices that a study is complete: a performed procedure step that ends (MPPS, PS3.4 F.7), and the availability of
//! instances (IAN, PS3.4 annex R).
//!
//! Invariant: a notice only says what there should be; what there is, the store knows. One that is lost delays a study
//! until its quiet time, and does no other harm. Steps in progress are held in memory, the oldest of too many given up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::PoisonError;

use dicom_dictionary_std::tags;
use tracing::{debug, info, warn};
use uvid_datasets::dicom::{Bare, Limits, ReadError};
use uvid_exam::{SopInstanceUid, StudyInstanceUid};

use super::association::Answer;
use super::command::{Command, element, field};
use super::listen::Shared;

/// Steps in progress that are held.
const STEPS_MAX: usize = 1000;

/// Studies of one step.
const STEP_STUDIES_MAX: usize = 16;

/// Instances of one step.
const STEP_INSTANCES_MAX: usize = 5000;

/// Instances of one notice.
const INSTANCES_MAX: usize = 10_000;

/// A study is complete, its sender says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which.
    pub study: StudyInstanceUid,
    /// The instances that it has.
    pub instances: Vec<SopInstanceUid>,
}

/// What is known of a step in progress. Which image is of which study, a step does not say: of several studies each may
/// have any.
#[derive(Debug, Default)]
struct Held {
    studies: Vec<StudyInstanceUid>,
    instances: BTreeSet<SopInstanceUid>,
}

/// Performed procedure steps in progress, by SOP Instance UID.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: HashMap<SopInstanceUid, Held>,
    /// Oldest first.
    order: VecDeque<SopInstanceUid>,
}

impl Steps {
    fn begin(&mut self, uid: SopInstanceUid, held: Held) {
        if self.order.len() >= STEPS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.steps.remove(&oldest);
        }
        self.order.push_back(uid.clone());
        self.steps.insert(uid, held);
    }

    fn end(&mut self, uid: &SopInstanceUid) -> Option<Held> {
        self.order.retain(|held| held != uid);
        self.steps.remove(uid)
    }
}

impl Shared {
    /// N-CREATE or N-SET of a performed procedure step.
    pub(super) fn procedure_step(&self, operation: u16, command: &Command, bytes: &[u8], syntax: &str) -> Answer {
        let uid = command.text(element::AFFECTED_SOP_INSTANCE).or(command.text(element::REQUESTED_SOP_INSTANCE));
        let Some(uid) = uid.and_then(|text| text.parse::<SopInstanceUid>().ok()) else {
            return Answer::new(0x0117, "the SOP Instance UID is not a unique identifier");
        };
        let Ok(step) = Step::read(bytes, syntax) else { return broken() };
        let too_many = || Answer::new(0x0213, "the step has more studies or instances than are held");
        let Some(step) = step else { return too_many() };
        // A thread that panicked with the lock held left the map whole.
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = match (operation, steps.steps.contains_key(&uid)) {
            (field::N_CREATE, false) => Held { studies: step.studies, instances: BTreeSet::new() },
            (field::N_CREATE, true) => return Answer::new(0x0111, "this step has begun already"),
            (_, true) => steps.end(&uid).unwrap_or_default(),
            (_, false) => return Answer::new(0x0112, "no step of this UID is in progress here"),
        };
        if held.instances.len() + step.instances.difference(&held.instances).count() > STEP_INSTANCES_MAX {
            steps.begin(uid, held);
            return too_many();
        }
        held.instances.extend(step.instances);
        match step.status.as_deref() {
            Some("COMPLETED") => {
                drop(steps);
                let instances: Vec<_> = held.instances.into_iter().collect();
                for study in held.studies {
                    self.notify(Notice { study, instances: instances.clone() });
                }
            }
            Some("DISCONTINUED") => {}
            Some(_) | None => steps.begin(uid, held),
        }
        Answer::SUCCESS
    }

    /// N-CREATE of an instance availability notification.
    pub(super) fn instance_availability(&self, bytes: &[u8], syntax: &str) -> Answer {
        match availability(bytes, syntax) {
            Ok(Some(notice)) => self.notify(notice),
            Ok(None) => return Answer::new(0x0120, "the study is missing").about(tags::STUDY_INSTANCE_UID),
            Err(_) => return broken(),
        }
        Answer::SUCCESS
    }

    fn notify(&self, notice: Notice) {
        if notice.instances.is_empty() {
            debug!(study = %notice.study, "a notice of a study without instances says nothing");
            return;
        }
        info!(study = %notice.study, instances = notice.instances.len(), "told that a study is complete");
        if self.outlets.notices.try_send(notice).is_err() {
            warn!("a notice is lost; the study waits for its quiet time");
        }
    }
}

fn broken() -> Answer {
    Answer::new(0x0110, "the data set breaks off")
}

/// What a message about a step says.
struct Step {
    status: Option<String>,
    studies: Vec<StudyInstanceUid>,
    instances: BTreeSet<SopInstanceUid>,
}

impl Step {
    /// `None`: it says more than is held.
    fn read(bytes: &[u8], syntax: &str) -> Result<Option<Self>, ReadError> {
        let data = Bare::parse(bytes, syntax, &Limits::default())?;
        data.whole()?;
        let mut studies = Vec::new();
        for item in data.items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE)? {
            let study = item.code(tags::STUDY_INSTANCE_UID).and_then(|text| text.parse().ok());
            studies.extend(study.filter(|study| !studies.contains(study)));
            if studies.len() > STEP_STUDIES_MAX {
                return Ok(None);
            }
        }
        let mut instances = BTreeSet::new();
        for series in data.items(tags::PERFORMED_SERIES_SEQUENCE)? {
            for sequence in
                [tags::REFERENCED_IMAGE_SEQUENCE, tags::REFERENCED_NON_IMAGE_COMPOSITE_SOP_INSTANCE_SEQUENCE]
            {
                let items = series.items(sequence)?;
                instances.extend(items.iter().filter_map(instance));
                if instances.len() > STEP_INSTANCES_MAX {
                    return Ok(None);
                }
            }
        }
        Ok(Some(Self { status: data.code(tags::PERFORMED_PROCEDURE_STEP_STATUS), studies, instances }))
    }
}

/// PS3.4 table R.3-1: what is available now.
fn availability(bytes: &[u8], syntax: &str) -> Result<Option<Notice>, ReadError> {
    let data = Bare::parse(bytes, syntax, &Limits::default())?;
    data.whole()?;
    let Some(study) = data.code(tags::STUDY_INSTANCE_UID).and_then(|text| text.parse().ok()) else { return Ok(None) };
    let mut instances = Vec::new();
    for series in data.items(tags::REFERENCED_SERIES_SEQUENCE)? {
        let items = series.items(tags::REFERENCED_SOP_SEQUENCE)?;
        let gone = |item: &Bare<'_>| item.code(tags::INSTANCE_AVAILABILITY).as_deref() == Some("UNAVAILABLE");
        instances.extend(items.iter().filter(|item| !gone(item)).filter_map(instance).take(INSTANCES_MAX));
    }
    instances.truncate(INSTANCES_MAX);
    Ok(Some(Notice { study, instances }))
}

fn instance(item: &Bare<'_>) -> Option<SopInstanceUid> {
    item.code(tags::REFERENCED_SOP_INSTANCE_UID)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_steps_push_out_the_oldest() {
        let mut steps = Steps::default();
        let uid = |number: usize| format!("1.2.{number}").parse::<SopInstanceUid>().unwrap();
        for number in 0..STEPS_MAX + 2 {
            steps.begin(uid(number), Held::default());
        }
        assert_eq!((steps.steps.len(), steps.order.len()), (STEPS_MAX, STEPS_MAX));
        assert!(steps.end(&uid(1)).is_none());
        assert!(steps.end(&uid(2)).is_some());
        assert_eq!((steps.steps.len(), steps.order.len()), (STEPS_MAX - 1, STEPS_MAX - 1));
    }
}
