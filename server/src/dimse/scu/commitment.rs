//! Storage Commitment, push model (PS3.4 annex J).
//!
//! Invariant: a report counts only if it names the transaction; what it says nothing of is neither kept nor lost.

use std::time::Duration;

use dicom_dictionary_std::tags;
use tokio::time::timeout;
use uvid_datasets::dicom::{Limits, ReadError, read_attributes, read_items};
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::association::{Association, IMPLICIT, Proposed};
use super::identifier::Identifier;
use super::wire::Message;
use super::{Commitment, Remote, ScuError, status_error};
pub(crate) use crate::dimse::classes::{STORAGE_COMMITMENT as SOP_CLASS, STORAGE_COMMITMENT_INSTANCE as SOP_INSTANCE};
use crate::dimse::command::{Command, element, field};

/// Objects of one report that are looked at; a batch of the outbox is smaller.
const OBJECTS_MAX: usize = 100_000;

/// Reads the data set of an N-EVENT-REPORT (PS3.4 table J.3-2): the transaction, what is kept, what is not.
///
/// # Errors
///
/// It is no data set. A UID that is none is left out.
pub fn read_report(data: &[u8], transfer_syntax: &str) -> Result<Commitment, ReadError> {
    let limits = Limits { sequence_items_max: OBJECTS_MAX, ..Limits::default() };
    let transaction = read_attributes(data, transfer_syntax, &[tags::TRANSACTION_UID], &limits)?;
    let instance = tags::REFERENCED_SOP_INSTANCE_UID;
    let items = |sequence| read_items(data, transfer_syntax, sequence, &[instance, tags::FAILURE_REASON], &limits);
    let uid = |item: &[super::Attribute]| -> Option<SopInstanceUid> {
        item.iter().find(|(tag, _)| *tag == instance)?.1.parse().ok()
    };
    let reason = |item: &[super::Attribute]| {
        let found = item.iter().find(|(tag, _)| *tag == tags::FAILURE_REASON);
        // Processing failure, if it does not say.
        found.and_then(|(_, text)| text.parse().ok()).unwrap_or(0x0110)
    };
    Ok(Commitment {
        transaction: transaction.into_iter().next().map(|(_, uid)| uid).unwrap_or_default(),
        committed: items(tags::REFERENCED_SOP_SEQUENCE)?.iter().filter_map(|item| uid(item)).collect(),
        failed: items(tags::FAILED_SOP_SEQUENCE)?.iter().filter_map(|item| Some((uid(item)?, reason(item)))).collect(),
    })
}

/// What an N-ACTION asks for.
pub(crate) struct Request {
    /// Transaction UID (0008,1195).
    pub(crate) transaction: String,
    /// SOP class and instance.
    pub(crate) objects: Vec<(String, SopInstanceUid)>,
}

/// Reads the data set of an N-ACTION (PS3.4 table J.3-1).
pub(crate) fn read_request(data: &[u8], transfer_syntax: &str) -> Result<Request, ReadError> {
    let limits = Limits { sequence_items_max: OBJECTS_MAX, ..Limits::default() };
    let transaction = read_attributes(data, transfer_syntax, &[tags::TRANSACTION_UID], &limits)?;
    let wanted = [tags::REFERENCED_SOP_CLASS_UID, tags::REFERENCED_SOP_INSTANCE_UID];
    let items = read_items(data, transfer_syntax, tags::REFERENCED_SOP_SEQUENCE, &wanted, &limits)?;
    let object = |item: &Vec<super::Attribute>| match &item[..] {
        [(_, class), (_, instance)] => Some((class.clone(), instance.parse().ok()?)),
        _ => None,
    };
    let transaction = transaction.into_iter().next().map(|(_, uid)| uid).unwrap_or_default();
    Ok(Request { transaction, objects: items.iter().filter_map(object).collect() })
}

/// The data set that names objects: of an N-ACTION, and of an N-EVENT-REPORT without failures.
pub(crate) fn references<'a>(transaction: &str, objects: impl IntoIterator<Item = (&'a str, &'a str)>) -> Identifier {
    let item = |(class, instance): (&str, &str)| {
        Identifier::default()
            .with(tags::REFERENCED_SOP_CLASS_UID, class)
            .with(tags::REFERENCED_SOP_INSTANCE_UID, instance)
    };
    Identifier::default()
        .with(tags::TRANSACTION_UID, transaction)
        .with_items(tags::REFERENCED_SOP_SEQUENCE, objects.into_iter().map(item))
}

/// As [`super::request_commitment`].
pub(super) async fn request(
    remote: &Remote,
    transaction: &str,
    objects: &[(SopClassUid, SopInstanceUid)],
    patience: Duration,
) -> Result<Option<Commitment>, ScuError> {
    let proposed = [Proposed::new(SOP_CLASS, &[IMPLICIT])];
    let (mut association, context) = Association::service(remote, &proposed, "Storage Commitment").await?;
    let asked = ask(&mut association, context, transaction, objects).await;
    match asked {
        Ok(Some(commitment)) => {
            association.release().await;
            Ok(Some(commitment))
        }
        Ok(None) => Ok(wait(association, transaction, patience).await),
        Err(error) => {
            association.abort().await;
            Err(error)
        }
    }
}

/// Sends the request. The report may come before the response.
async fn ask(
    association: &mut Association,
    context: u8,
    transaction: &str,
    objects: &[(SopClassUid, SopInstanceUid)],
) -> Result<Option<Commitment>, ScuError> {
    let fill = |command: Command| {
        command
            .with_uid(element::REQUESTED_SOP_CLASS, SOP_CLASS)
            .with_uid(element::REQUESTED_SOP_INSTANCE, SOP_INSTANCE)
            .with_u16(element::ACTION_TYPE, 1)
    };
    let data = references(transaction, objects.iter().map(|(class, uid)| (class.as_str(), uid.as_str()))).encode();
    let id = association.request(context, field::N_ACTION, fill, Some(&data)).await?;
    let mut early = None;
    loop {
        let message = association.receive(report_bytes_max()).await?;
        if message.command.u16(element::COMMAND_FIELD) == Some(field::N_EVENT_REPORT) {
            early = answer(association, &message, transaction).await?.or(early);
            continue;
        }
        return match association.status_of(&message, id, field::N_ACTION)? {
            0 => Ok(early),
            status => Err(status_error(status, &message.command)),
        };
    }
}

/// Waits for the report on the association that the request went over. Whatever ends it means: not here.
async fn wait(mut association: Association, transaction: &str, patience: Duration) -> Option<Commitment> {
    let report = timeout(patience, listen(&mut association, transaction)).await;
    association.release().await;
    report.ok()?.ok()
}

async fn listen(association: &mut Association, transaction: &str) -> Result<Commitment, ScuError> {
    loop {
        let message = association.receive(report_bytes_max()).await?;
        if let Some(report) = answer(association, &message, transaction).await? {
            return Ok(report);
        }
    }
}

/// Answers an N-EVENT-REPORT: the report if it is of our transaction.
async fn answer(
    association: &mut Association,
    message: &Message,
    transaction: &str,
) -> Result<Option<Commitment>, ScuError> {
    if message.command.u16(element::COMMAND_FIELD) != Some(field::N_EVENT_REPORT) {
        return Err(association.protocol("it sends something other than a report of commitment"));
    }
    let report = read_report(&message.data, IMPLICIT).ok().filter(|report| report.transaction == transaction);
    // PS3.7 annex C.4.2: "no such object instance" for a transaction that we did not ask for.
    let status = if report.is_some() { 0 } else { 0x0112 };
    let event = message.command.u16(element::EVENT_TYPE).unwrap_or(1);
    let response = Command::response(&message.command, status).with_u16(element::EVENT_TYPE, event);
    association.send(message.context, &response, None).await?;
    Ok(report)
}

/// Bytes of a report: 256 for each object that it may name.
fn report_bytes_max() -> usize {
    OBJECTS_MAX * 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_is_kept_and_what_is_not() {
        let failed = Identifier::default()
            .with(tags::REFERENCED_SOP_CLASS_UID, "1.2")
            .with(tags::REFERENCED_SOP_INSTANCE_UID, "1.2.4")
            .with_u16(tags::FAILURE_REASON, 0x0213);
        let data = references("2.25.7", [("1.2", "1.2.3"), ("1.2", "no uid")])
            .with_items(tags::FAILED_SOP_SEQUENCE, [failed])
            .encode();
        let report = read_report(&data, IMPLICIT).expect("a report");
        assert_eq!(report.transaction, "2.25.7");
        assert_eq!(report.committed, ["1.2.3".parse().expect("a UID")]);
        assert_eq!(report.failed, [("1.2.4".parse().expect("a UID"), 0x0213)]);
        assert!(read_report(&data[..data.len() - 3], IMPLICIT).is_err());
    }
}
