//! C-GET and C-MOVE of a study (PS3.4 sections C.4.2, C.4.3).
//!
//! Invariant: one object at a time is in memory; the response to it goes out when its taker has spoken.

use dicom_dictionary_std::tags;
use uvid_datasets::dicom::decoded_syntaxes;
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::association::{Association, CONTEXTS_MAX, IMPLICIT, Proposed};
use super::identifier::Identifier;
use super::query::cancel;
use super::wire::Message;
use super::{Remote, ScuError, place, status_error};
use crate::dimse::classes::{EXPLICIT_BIG, EXPLICIT_LITTLE};
use crate::dimse::command::{Command, element, field};
use crate::dimse::part10::part10;

/// Study Root Query/Retrieve Information Model – MOVE.
pub(crate) const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Study Root Query/Retrieve Information Model – GET.
pub(crate) const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
/// Bytes of one response of C-MOVE: a list of UIDs that failed.
const RESPONSE_BYTES_MAX: usize = 1 << 20;

/// Transfer syntaxes of images that Uvid decodes, as the node should have them stored first.
fn syntaxes() -> Vec<&'static str> {
    let mut syntaxes: Vec<_> = decoded_syntaxes().collect();
    syntaxes.sort_by_key(|uid| (*uid != EXPLICIT_LITTLE, *uid == EXPLICIT_BIG));
    syntaxes
}

/// As [`super::get`].
pub(super) async fn get<F, Fut>(remote: &Remote, study: &str, classes: &[&str], take: F) -> Result<usize, ScuError>
where
    F: FnMut(Vec<u8>) -> Fut + Send,
    Fut: Future<Output = Option<u16>> + Send,
{
    let (mut association, context) =
        Association::service(remote, &proposed(classes), "Study Root Retrieve – GET").await?;
    match get_on(&mut association, remote, context, study, take).await {
        Ok(count) => {
            association.release().await;
            Ok(count)
        }
        Err(error) => {
            association.abort().await;
            Err(error)
        }
    }
}

/// A context for each class in each syntax, so that nothing needs to be transcoded; if those are too many, one for each
/// class.
fn proposed(classes: &[&str]) -> Vec<Proposed> {
    let mut proposed = vec![Proposed::new(GET, &[IMPLICIT])];
    let syntaxes = syntaxes();
    if classes.len() * syntaxes.len() < CONTEXTS_MAX {
        for class in classes {
            proposed
                .extend(syntaxes.iter().map(|syntax| Proposed { reversed: true, ..Proposed::new(class, &[*syntax]) }));
        }
    } else {
        proposed.extend(classes.iter().map(|class| Proposed { reversed: true, ..Proposed::new(class, &syntaxes) }));
    }
    proposed.truncate(CONTEXTS_MAX);
    proposed
}

fn identifier(study: &str) -> Vec<u8> {
    Identifier::default().with(tags::QUERY_RETRIEVE_LEVEL, "STUDY").with(tags::STUDY_INSTANCE_UID, study).encode()
}

async fn get_on<F, Fut>(
    association: &mut Association,
    remote: &Remote,
    context: u8,
    study: &str,
    mut take: F,
) -> Result<usize, ScuError>
where
    F: FnMut(Vec<u8>) -> Fut + Send,
    Fut: Future<Output = Option<u16>> + Send,
{
    let object_bytes_max = usize::try_from(remote.node.object_bytes_max).unwrap_or(usize::MAX);
    let fill = |command: Command| command.with_uid(element::AFFECTED_SOP_CLASS, GET).with_u16(element::PRIORITY, 0);
    let id = association.request(context, field::C_GET, fill, Some(&identifier(study))).await?;
    let (mut taken, mut cancelled) = (0, false);
    loop {
        let message = association.receive(object_bytes_max).await?;
        if message.command.u16(element::COMMAND_FIELD) == Some(field::C_STORE) {
            let (object, answer) = (object(association, &message), Command::response);
            let status = match object {
                // Of a study that is no longer wanted: out of resources.
                _ if cancelled => 0xA700,
                Ok(file) => match take(file).await {
                    Some(status) => status,
                    None => {
                        association.send(context, &cancel(id), None).await?;
                        cancelled = true;
                        0xA700
                    }
                },
                Err(status) => status,
            };
            taken += usize::from(matches!(status, 0 | 0xB000..=0xBFFF));
            association.send(message.context, &answer(&message.command, status), None).await?;
            continue;
        }
        match association.status_of(&message, id, field::C_GET)? {
            0xFF00 => {}
            // Some failed (PS3.4 table C.4-3): their names are in the log of the node.
            0 | 0xB000 | 0xFE00 => return Ok(taken),
            // The node calls the refusal of objects that we did not want any more a failure.
            _ if cancelled => return Ok(taken),
            status => return Err(status_error(status, &message.command)),
        }
    }
}

/// The object of a C-STORE as a file, or the status that refuses it.
fn object(association: &Association, message: &Message) -> Result<Vec<u8>, u16> {
    let context = association.contexts().iter().find(|c| c.id == message.context).ok_or(0x0122_u16)?;
    let uid = |element| message.command.text(element);
    let class: SopClassUid = uid(element::AFFECTED_SOP_CLASS).and_then(|t| t.parse().ok()).ok_or(0x0117_u16)?;
    let instance: SopInstanceUid =
        uid(element::AFFECTED_SOP_INSTANCE).and_then(|t| t.parse().ok()).ok_or(0x0117_u16)?;
    if class.as_str() != context.sop_class {
        return Err(0xA900);
    }
    Ok(part10(&class, &instance, &context.syntax, &message.data))
}

/// As [`super::move_to_us`].
pub(super) async fn move_to_us(remote: &Remote, study: &str) -> Result<usize, ScuError> {
    let proposed = [Proposed::new(MOVE, &[IMPLICIT])];
    let (mut association, context) = Association::service(remote, &proposed, "Study Root Retrieve – MOVE").await?;
    match move_on(&mut association, remote, context, study).await {
        Ok(count) => {
            association.release().await;
            Ok(count)
        }
        Err(error) => {
            association.abort().await;
            Err(error)
        }
    }
}

async fn move_on(association: &mut Association, remote: &Remote, context: u8, study: &str) -> Result<usize, ScuError> {
    let us = &remote.calling_ae_title;
    let fill = |command: Command| {
        command
            .with_uid(element::AFFECTED_SOP_CLASS, MOVE)
            .with_u16(element::PRIORITY, 0)
            .with_text(element::MOVE_DESTINATION, us)
    };
    let id = association.request(context, field::C_MOVE, fill, Some(&identifier(study))).await?;
    loop {
        let (message, status) = association.response(id, field::C_MOVE, RESPONSE_BYTES_MAX).await?;
        let sent = |element| usize::from(message.command.u16(element).unwrap_or(0));
        match status {
            0xFF00 => {}
            0 | 0xB000 => return Ok(sent(element::COMPLETED) + sent(element::WARNING)),
            0xA801 => {
                let why = format!(
                    "{}: status A801H: it does not know {us:?} as a destination to move to; register it there with the address and the \
                     port of this machine",
                    place(remote)
                );
                return Err(ScuError::Rejected(why));
            }
            _ => return Err(status_error(status, &message.command)),
        }
    }
}
