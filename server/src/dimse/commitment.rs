//! Storage Commitment Push Model (PS3.4 annex J), both ways: others ask us to keep what they sent, and others answer what
//! we asked of them.
//!
//! Invariant: a request is on disk before it is answered with success; a report says of every object that was asked about
//! whether it is there, at the moment when the report is made.

use std::time::Duration;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::tags;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use tracing::{info, warn};
use uvid_datasets::dicom::{Bare, Limits, ReadError};
use uvid_exam::SopInstanceUid;

use super::association::{Answer, Peer};
use super::classes::{STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE};
use super::command::{Command, element, field};
use super::listen::Shared;
use super::scu::Commitment;
use crate::config::seconds;
use crate::store::{CommitmentRequest, Committed, Reference, StoreError};

/// Until a report that the same association should have brought is tried on a new one.
const OTHERWISE_AFTER: Duration = Duration::from_secs(10);

/// For the one who asked for commitments of ours to take what a peer reports.
const TAKE_MAX: Duration = Duration::from_secs(5);

/// Objects of one request.
const OBJECTS_MAX: usize = 10_000;

/// Request for Storage Commitment (PS3.4 table J.3-1).
const REQUEST: u16 = 1;
/// All is kept (PS3.4 table J.3-3).
const ALL_KEPT: u16 = 1;
/// Something is not.
const SOME_FAILED: u16 = 2;

/// Keeps an N-ACTION request.
pub(super) async fn keep(
    command: &Command,
    bytes: &[u8],
    transfer_syntax: &str,
    peer: &Peer,
    shared: &Shared,
) -> Result<CommitmentRequest, Answer> {
    if command.text(element::REQUESTED_SOP_INSTANCE) != Some(STORAGE_COMMITMENT_INSTANCE) {
        return Err(Answer::new(0x0112, "there is one instance of this SOP class, the well-known one"));
    }
    if command.u16(element::ACTION_TYPE) != Some(REQUEST) {
        return Err(Answer::new(0x0123, "the one action is 1, Request Storage Commitment"));
    }
    let (transaction, objects) = parse_request(bytes, transfer_syntax)?;
    let store = &shared.store;
    if !store.has_room().is_ok_and(|room| room) {
        return Err(Answer::new(0x0213, "the disk is nearly full"));
    }
    let kept = store.keep_commitment_request(&peer.ae_title, &transaction, &objects, OTHERWISE_AFTER).await;
    let kept = kept.map_err(|error| {
        tracing::error!(%error, "a request for storage commitment cannot be kept");
        Answer::new(0x0110, "the request cannot be kept; the log says why")
    })?;
    let request = kept.ok_or_else(|| Answer::new(0x0213, "too many requests wait for their reports"))?;
    info!(ae_title = peer.ae_title, transaction, objects = objects.len(), "asked to commit");
    Ok(request)
}

/// Transaction UID and objects of an N-ACTION's data set (PS3.4 table J.3-2).
fn parse_request(bytes: &[u8], transfer_syntax: &str) -> Result<(String, Vec<Reference>), Answer> {
    let wrong = |tag: Tag| Answer::new(0x0115, "the data set is not a request for storage commitment").about(tag);
    let read = || {
        let data = Bare::parse(bytes, transfer_syntax, &Limits::default())?;
        data.whole()?;
        Ok::<_, ReadError>((transaction(&data), references(&data, tags::REFERENCED_SOP_SEQUENCE)?))
    };
    let (transaction, objects) = read().map_err(|_| wrong(tags::REFERENCED_SOP_SEQUENCE))?;
    let transaction = transaction.ok_or_else(|| wrong(tags::TRANSACTION_UID))?;
    match objects {
        Some(objects) if objects.len() > OBJECTS_MAX => {
            Err(Answer::new(0x0213, format!("a request may name {OBJECTS_MAX} objects")))
        }
        Some(objects) if !objects.is_empty() => Ok((transaction, objects)),
        Some(_) | None => Err(wrong(tags::REFERENCED_SOP_SEQUENCE)),
    }
}

fn transaction(data: &Bare<'_>) -> Option<String> {
    // Any UID has the form that this one must have.
    data.code(tags::TRANSACTION_UID)?.parse::<SopInstanceUid>().ok().map(|uid| uid.to_string())
}

/// Class and instance of each item; `None` if one of them is not said.
fn references(data: &Bare<'_>, sequence: Tag) -> Result<Option<Vec<Reference>>, ReadError> {
    let one = |item: &Bare<'_>| {
        let class = item.code(tags::REFERENCED_SOP_CLASS_UID)?.parse().ok()?;
        Some((class, item.code(tags::REFERENCED_SOP_INSTANCE_UID)?.parse().ok()?))
    };
    Ok(data.items(sequence)?.iter().map(one).collect())
}

/// The N-EVENT-REPORT for a request: command set and data set. The next attempt is due when this one has failed.
/// `None`: the report was taken elsewhere meanwhile, or the request given up.
pub(super) async fn event(
    request: &CommitmentRequest,
    message_id: u16,
    transfer_syntax: &str,
    shared: &Shared,
) -> Result<Option<(Command, Vec<u8>)>, StoreError> {
    if !shared.store.commitment_due_again(request, back_off(request, shared)).await? {
        return Ok(None);
    }
    let outcome = shared.store.commit(request).await?;
    if outcome.committed.is_empty() && outcome.failed.is_empty() {
        return Ok(None);
    }
    let event = if outcome.failed.is_empty() { ALL_KEPT } else { SOME_FAILED };
    let command = Command::request(field::N_EVENT_REPORT, message_id, true)
        .with_uid(element::AFFECTED_SOP_CLASS, STORAGE_COMMITMENT)
        .with_uid(element::AFFECTED_SOP_INSTANCE, STORAGE_COMMITMENT_INSTANCE)
        .with_u16(element::EVENT_TYPE, event);
    let data = event_data(&request.transaction, &outcome, transfer_syntax)?;
    let (committed, failed) = (outcome.committed.len(), outcome.failed.len());
    info!(ae_title = request.ae_title, transaction = request.transaction, committed, failed, "reports on commitment");
    Ok(Some((command, data)))
}

/// Doubled with every attempt, from the time that an answer may take.
fn back_off(request: &CommitmentRequest, shared: &Shared) -> Duration {
    let outbox = &shared.config.outbox;
    let doubled = seconds(outbox.retry_seconds).saturating_mul(1 << request.attempts.min(16));
    let node = shared.config.nodes.iter().find(|node| node.ae_title == request.ae_title);
    let patience = node.map_or(60.0, |node| node.connect_seconds_max + node.answer_seconds_max);
    seconds(patience) + doubled.min(seconds(outbox.retry_seconds_max))
}

fn event_data(transaction: &str, outcome: &Committed, transfer_syntax: &str) -> Result<Vec<u8>, StoreError> {
    let item = |(class, instance): &Reference, reason: Option<u16>| {
        let mut item = InMemDicomObject::new_empty();
        item.put(uid(tags::REFERENCED_SOP_CLASS_UID, class.as_str()));
        item.put(uid(tags::REFERENCED_SOP_INSTANCE_UID, instance.as_str()));
        if let Some(reason) = reason {
            item.put(DataElement::new(tags::FAILURE_REASON, VR::US, dicom_value!(U16, [reason])));
        }
        item
    };
    let mut data = InMemDicomObject::new_empty();
    data.put(uid(tags::TRANSACTION_UID, transaction));
    let committed: Vec<_> = outcome.committed.iter().map(|object| item(object, None)).collect();
    let failed: Vec<_> = outcome.failed.iter().map(|(object, reason)| item(object, Some(*reason))).collect();
    for (tag, items) in [(tags::REFERENCED_SOP_SEQUENCE, committed), (tags::FAILED_SOP_SEQUENCE, failed)] {
        if !items.is_empty() {
            data.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        }
    }
    let syntax = TransferSyntaxRegistry.get(transfer_syntax).ok_or(StoreError::Invalid("transfer syntax"))?;
    let mut bytes = Vec::new();
    data.write_dataset_with_ts(&mut bytes, syntax).map_err(|_| StoreError::Invalid("report on storage commitment"))?;
    Ok(bytes)
}

fn uid(tag: Tag, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::UI, PrimitiveValue::from(value))
}

/// A report was answered.
pub(super) async fn answered(
    request: &CommitmentRequest,
    status: Option<u16>,
    shared: &Shared,
) -> Result<(), StoreError> {
    if status == Some(0) {
        return shared.store.commitment_reported(request).await;
    }
    let status = status.map(|status| format!("{status:04X}H"));
    warn!(
        ae_title = request.ae_title,
        transaction = request.transaction,
        status,
        "a report on commitment is not taken"
    );
    Ok(())
}

/// What a peer reports on a request of ours (PS3.4 table J.3-4).
///
/// # Errors
///
/// The data set breaks off, or names no transaction or no object.
pub fn parse_event(bytes: &[u8], transfer_syntax: &str) -> Result<Option<Commitment>, ReadError> {
    let data = Bare::parse(bytes, transfer_syntax, &Limits::default())?;
    data.whole()?;
    let Some(transaction) = transaction(&data) else { return Ok(None) };
    let instance = |item: &Bare<'_>| item.code(tags::REFERENCED_SOP_INSTANCE_UID)?.parse::<SopInstanceUid>().ok();
    let failed = |item: &Bare<'_>| Some((instance(item)?, item.u16(tags::FAILURE_REASON).unwrap_or(0x0110)));
    let committed: Option<Vec<_>> = data.items(tags::REFERENCED_SOP_SEQUENCE)?.iter().map(instance).collect();
    let failed: Option<Vec<_>> = data.items(tags::FAILED_SOP_SEQUENCE)?.iter().map(failed).collect();
    let whole = committed.zip(failed).filter(|(committed, failed)| committed.len() + failed.len() > 0);
    Ok(whole.map(|(committed, failed)| Commitment { transaction, committed, failed }))
}

/// An N-EVENT-REPORT: handed to whoever asked.
pub(super) async fn reported(command: &Command, bytes: &[u8], transfer_syntax: &str, shared: &Shared) -> Answer {
    if !matches!(command.u16(element::EVENT_TYPE), Some(ALL_KEPT | SOME_FAILED)) {
        return Answer::new(0x0113, "the events are 1 and 2");
    }
    let Ok(Some(commitment)) = parse_event(bytes, transfer_syntax) else {
        let answer = Answer::new(0x0115, "the data set is not a report on storage commitment");
        return answer.about(tags::REFERENCED_SOP_SEQUENCE);
    };
    let (committed, failed) = (commitment.committed.len(), commitment.failed.len());
    info!(transaction = commitment.transaction, committed, failed, "a node reports on commitment");
    match shared.outlets.committed.send_timeout(commitment, TAKE_MAX).await {
        Ok(()) => Answer::SUCCESS,
        Err(_) => Answer::new(0x0110, "the report cannot be taken now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CLASS_INSTANCE_CONFLICT, NO_SUCH_OBJECT};
    use proptest::prelude::*;

    const SYNTAXES: [&str; 2] = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"];

    fn reference(number: usize) -> Reference {
        ("1.2.840.10008.5.1.4.1.1.1.2".parse().unwrap(), format!("1.2.{number}").parse().unwrap())
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for syntax in SYNTAXES {
            let outcome = Committed {
                committed: (1..200).map(reference).collect(),
                failed: vec![(reference(1000), NO_SUCH_OBJECT), (reference(1001), CLASS_INSTANCE_CONFLICT)],
            };
            let bytes = event_data("2.25.7", &outcome, syntax).unwrap();
            let read = parse_event(&bytes, syntax).unwrap().unwrap();
            assert_eq!(read.transaction, "2.25.7");
            assert_eq!(read.committed, outcome.committed.iter().map(|r| r.1.clone()).collect::<Vec<_>>());
            let failed: Vec<_> = outcome.failed.iter().map(|(r, reason)| (r.1.clone(), *reason)).collect();
            assert_eq!(read.failed, failed);
            // A request has the same form.
            assert_eq!(parse_request(&bytes, syntax).unwrap(), ("2.25.7".to_owned(), outcome.committed));
        }
    }

    #[test]
    fn a_request_without_objects_or_transaction_is_refused() {
        let check = |transaction: &str, objects: Vec<Reference>, at: Tag| {
            let outcome = Committed { committed: objects, failed: Vec::new() };
            let answer = parse_request(&event_data(transaction, &outcome, SYNTAXES[0]).unwrap(), SYNTAXES[0]);
            assert_eq!(answer.map_err(|a| (a.status, a.offending)), Err((0x0115, vec![at])));
        };
        check("2.25.7", vec![], tags::REFERENCED_SOP_SEQUENCE);
        check("", vec![reference(1)], tags::TRANSACTION_UID);
        check("a name", vec![reference(1)], tags::TRANSACTION_UID);
        let outcome = Committed { committed: (0..=OBJECTS_MAX).map(reference).collect(), failed: Vec::new() };
        let answer = parse_request(&event_data("2.25.7", &outcome, SYNTAXES[0]).unwrap(), SYNTAXES[0]);
        assert_eq!(answer.map_err(|a| a.status), Err(0x0213));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for syntax in SYNTAXES {
                let _ = (parse_event(&bytes, syntax), parse_request(&bytes, syntax));
            }
        }
    }
}
