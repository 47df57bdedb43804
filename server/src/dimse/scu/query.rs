//! C-FIND: Study Root (PS3.4 section C.4.1) and Modality Worklist (PS3.4 annex K).
//!
//! Invariant: an answer is read by its own character set; at most so many answers are held as were asked for, and the
//! rest is cancelled.

use dicom_dictionary_std::tags;
use uvid_datasets::dicom::{Limits, read_attributes};

use super::association::{Association, IMPLICIT, Proposed};
use super::identifier::Identifier;
use super::{Attribute, Remote, ScuError, status_error};
use crate::dimse::command::{Command, element, field};

/// Study Root Query/Retrieve Information Model – FIND.
pub(crate) const STUDY_ROOT: &str = "1.2.840.10008.5.1.4.1.2.2.1";
/// Modality Worklist Information Model – FIND.
pub(crate) const WORKLIST: &str = "1.2.840.10008.5.1.4.31";
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Worklist answers to one accession number.
const WORKLIST_ANSWERS_MAX: usize = 100;

/// As [`super::find`].
pub(super) async fn find(
    remote: &Remote,
    level: &str,
    keys: &[Attribute],
    answers_max: usize,
) -> Result<Vec<Vec<Attribute>>, ScuError> {
    let identifier = Identifier::default().with(tags::QUERY_RETRIEVE_LEVEL, level);
    let identifier = keys.iter().fold(identifier, |identifier, (tag, text)| identifier.with(*tag, text));
    let wanted: Vec<_> = keys.iter().map(|(tag, _)| *tag).collect();
    ask(remote, STUDY_ROOT, "Study Root Query", &identifier, &wanted, answers_max).await
}

/// As [`super::worklist_priorities`].
pub(super) async fn worklist_priorities(remote: &Remote, accession_number: &str) -> Result<Vec<String>, ScuError> {
    // Scheduled Procedure Step Sequence has required keys; empty ones match everything (PS3.4 table K.6-1).
    let step = [
        tags::MODALITY,
        tags::SCHEDULED_STATION_AE_TITLE,
        tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
        tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
    ];
    let step = step.into_iter().fold(Identifier::default(), |step, tag| step.with(tag, ""));
    let identifier = Identifier::default()
        .with(tags::ACCESSION_NUMBER, accession_number)
        .with(tags::REQUESTED_PROCEDURE_PRIORITY, "")
        .with_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, [step]);
    let wanted = [tags::ACCESSION_NUMBER, tags::REQUESTED_PROCEDURE_PRIORITY];
    let answers = ask(remote, WORKLIST, "Modality Worklist", &identifier, &wanted, WORKLIST_ANSWERS_MAX).await?;
    // Some worklists do not match by accession number.
    let of = |answer: &[Attribute], tag| answer.iter().find(|(t, _)| *t == tag).map(|(_, text)| text.clone());
    let ours = answers.iter().filter(|a| of(a, tags::ACCESSION_NUMBER).is_none_or(|n| n == accession_number));
    Ok(ours.filter_map(|a| of(a, tags::REQUESTED_PROCEDURE_PRIORITY).filter(|text| !text.is_empty())).collect())
}

async fn ask(
    remote: &Remote,
    sop_class: &str,
    service: &str,
    identifier: &Identifier,
    wanted: &[dicom_core::Tag],
    answers_max: usize,
) -> Result<Vec<Vec<Attribute>>, ScuError> {
    let proposed = [Proposed::new(sop_class, &[IMPLICIT])];
    let (mut association, context) = Association::service(remote, &proposed, service).await?;
    match answers(&mut association, context, sop_class, identifier, wanted, answers_max).await {
        Ok(answers) => {
            association.release().await;
            Ok(answers)
        }
        Err(error) => {
            association.abort().await;
            Err(error)
        }
    }
}

async fn answers(
    association: &mut Association,
    context: u8,
    sop_class: &str,
    identifier: &Identifier,
    wanted: &[dicom_core::Tag],
    answers_max: usize,
) -> Result<Vec<Vec<Attribute>>, ScuError> {
    let fill =
        |command: Command| command.with_uid(element::AFFECTED_SOP_CLASS, sop_class).with_u16(element::PRIORITY, 0);
    let id = association.request(context, field::C_FIND, fill, Some(&identifier.encode())).await?;
    let mut answers = Vec::new();
    let mut cancelled = false;
    loop {
        let (message, status) = association.response(id, field::C_FIND, ANSWER_BYTES_MAX).await?;
        match status {
            0xFF00 | 0xFF01 if cancelled => {
                // Those that were under way; a node that does not hear the request to stop is left.
                answers.push(Vec::new());
                if answers.len() > answers_max.saturating_mul(2).saturating_add(100) {
                    return Err(association.protocol("it goes on answering a query that was cancelled"));
                }
            }
            0xFF00 | 0xFF01 => {
                let read = read_attributes(&message.data, IMPLICIT, wanted, &Limits::default());
                answers.push(read.map_err(|error| association.protocol(&format!("of an answer, {error}")))?);
            }
            // Cancelled, as we asked it to.
            0 | 0xFE00 => {
                answers.truncate(answers_max);
                return Ok(answers);
            }
            _ => return Err(status_error(status, &message.command)),
        }
        if answers.len() >= answers_max && !cancelled {
            association.send(context, &cancel(id), None).await?;
            cancelled = true;
        }
    }
}

/// C-CANCEL-RQ (PS3.7 section 9.3.2.3).
pub(super) fn cancel(id: u16) -> Command {
    Command::default()
        .with_u16(element::COMMAND_FIELD, field::C_CANCEL)
        .with_u16(element::RESPONDED_TO, id)
        .with_u16(element::DATA_SET_TYPE, crate::dimse::command::NO_DATA_SET)
}
