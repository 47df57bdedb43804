//! What both structured reports have: the SR Document General Module, and the outputs of a model as content items.
//!
//! Invariants: the evidence lists every object that the tree refers to; a number is written with the unit of its kind,
//! and is the number that the report of the API has.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use uvid_exam::{Output, Value as Given};

use super::content::{Concept, Item, Relation, Value};
use super::modules::{by_series, code_of, moment, sequence, text};
use super::{Context, codes};

/// SR Document Series and SR Document General Modules (PS3.3 C.17.1, C.17.2).
pub fn document(context: &Context<'_>, o: &mut InMemDicomObject) {
    let (date, clock) = moment(context);
    text(o, tags::CONTENT_DATE, VR::DA, &date);
    text(o, tags::CONTENT_TIME, VR::TM, &clock);
    text(o, tags::COMPLETION_FLAG, VR::CS, "COMPLETE");
    text(o, tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    sequence(o, tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new());
    let performed = context.head().map(|head| head.study.procedures.iter().map(code_of).collect());
    sequence(o, tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, performed.unwrap_or_default());
    let images = context.mammograms().map(|s| (s.sop_class.as_str(), s.series_uid.as_str(), s.sop_instance.as_str()));
    let series = by_series(images, tags::REFERENCED_SOP_SEQUENCE);
    if !series.is_empty() {
        sequence(o, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![of_study(context, series)]);
    }
}

/// An item of an evidence sequence: objects of the study, by series.
pub fn of_study(context: &Context<'_>, series: Vec<InMemDicomObject>) -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    sequence(&mut item, tags::REFERENCED_SERIES_SEQUENCE, series);
    if let Some(head) = context.head() {
        text(&mut item, tags::STUDY_INSTANCE_UID, VR::UI, head.study_uid.as_str());
    }
    item
}

/// What an output is called: its name as the code of our scheme, its meaning from the package's card.
pub fn concept(context: &Context<'_>, output: &Output) -> Concept {
    let meaning = context.manifest.outputs.get(&output.name).map_or(output.name.as_str(), |o| o.meaning.as_str());
    codes::own(&output.name, meaning)
}

/// An output that is a number, as NUM; none for a category.
pub fn quantity(context: &Context<'_>, relation: Relation, output: &Output) -> Option<Item> {
    let (value, unit) = match &output.value {
        Given::Score(score) => (score.get(), codes::NO_UNITS),
        Given::Probability(p) | Given::Risk { probability: p, .. } => (p.get(), codes::ZERO_TO_ONE),
        Given::Percentile(p) => (p.get(), codes::PERCENT),
        Given::RelativeRisk { ratio, .. } => (*ratio, codes::NO_UNITS),
        Given::Category(_) => return None,
    };
    Some(Item::new(relation, concept(context, output), Value::Number(value, unit)))
}
