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

/// Characters of a Code Meaning (LO).
const MEANING_MAX: usize = 64;

/// What an output is called: its name as the code of our scheme, its meaning from the package's card.
pub fn concept(context: &Context<'_>, output: &Output) -> Concept {
    let card = context.manifest.outputs.get(&output.name).map_or("", |o| o.meaning.as_str());
    let meaning = match &output.value {
        Given::Risk { years, .. } => {
            let kind = if *years == 1 { "Risk, 1 year".to_owned() } else { format!("Risk, {years} years") };
            format!("{kind}: {}", shortened(card, MEANING_MAX - kind.len() - 2).unwrap_or(&output.name))
        }
        Given::Score(_)
        | Given::Probability(_)
        | Given::Percentile(_)
        | Given::Category(_)
        | Given::RelativeRisk { .. } => shortened(card, MEANING_MAX).unwrap_or(&output.name).to_owned(),
    };
    codes::own(&output.name, &meaning)
}

/// A sentence as far as it fits, up to the end of one of its clauses; `None` where not even its first one does.
fn shortened(text: &str, characters: usize) -> Option<&str> {
    let text = text.trim().trim_end_matches('.');
    let ends = text.char_indices().filter(|(at, c)| {
        matches!(c, ',' | ';' | ':' | '.') && text.get(at + c.len_utf8()..).is_some_and(|rest| rest.starts_with(' '))
    });
    let ends = ends.map(|(at, _)| at).chain([text.len()]);
    let mut prefixes = ends.filter_map(|end| text.get(..end));
    prefixes.rfind(|prefix| !prefix.is_empty() && prefix.chars().count() <= characters)
}

/// Outputs that are numbers of the model, as NUM: no categories, and no ratios of the literature. No two have one
/// meaning: an output whose meaning another one has goes by its name.
pub fn quantities(context: &Context<'_>, outputs: &[Output]) -> Vec<Item> {
    let numbers: Vec<_> = outputs.iter().filter_map(|o| Some((o, concept(context, o), number(o)?))).collect();
    let alike = |meaning: &str| numbers.iter().filter(|(_, of, _)| of.meaning == meaning).count() > 1;
    let item = |(output, concept, (value, unit)): &(&Output, Concept, (f64, Concept))| {
        let concept = if alike(&concept.meaning) { codes::own(&output.name, &output.name) } else { concept.clone() };
        Item::new(Relation::Contains, concept, Value::Number(*value, unit.clone()))
    };
    numbers.iter().map(item).collect()
}

fn number(output: &Output) -> Option<(f64, Concept)> {
    match &output.value {
        Given::Score(score) => Some((score.get(), codes::NO_UNITS)),
        Given::Probability(p) | Given::Risk { probability: p, .. } => Some((p.get(), codes::ZERO_TO_ONE)),
        Given::Percentile(p) => Some((p.get(), codes::PERCENTILE)),
        Given::Category(_) | Given::RelativeRisk { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_ends_with_a_clause() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(shortened(text, 30), expected, "{text}");
        check("Malignant finding.", Some("Malignant finding"));
        check("Density score; the mean of its images. More.", Some("Density score"));
        check("A dense category, C or D, at the scale of a site.", Some("A dense category, C or D"));
        check("At 4.5 apart", Some("At 4.5 apart"));
        check("A clause that does not fit into thirty characters", None);
        check("", None);
    }
}
