//! What a simulated PACS does with each request.

use std::sync::Arc;
use std::time::Duration;

use dicom_dictionary_std::tags;
use serde_json::json;
use uvid_datasets::dicom::{self, Limits};
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::Pacs;
use super::event::{hex, tell};
use super::folder::{KEYS, Object};
use super::node::{IDLE, Next, Session};
use super::query::{answers, matching, unique};
use crate::config::seconds;
use crate::dimse::command::{Command, element, field};
use crate::dimse::part10::part10;
use crate::dimse::scu::association::{Association, IMPLICIT, Proposed};
use crate::dimse::scu::commitment;
use crate::dimse::scu::identifier::Identifier;
use crate::dimse::scu::query::WORKLIST;
use crate::dimse::scu::storage::{Storing, kind};
use crate::dimse::scu::wire::{Message, WireError};
use crate::dimse::scu::{Attribute, ToStore};

/// C-STORE.
pub(super) async fn store(session: &mut Session<'_>, message: Message) -> Result<Next, WireError> {
    let Message { context, command, data } = message;
    let pacs = session.pacs;
    let misbehaviour = &pacs.options.misbehaviour;
    let uid = |element| command.text(element);
    let class: Option<SopClassUid> = uid(element::AFFECTED_SOP_CLASS).and_then(|t| t.parse().ok());
    let instance: Option<SopInstanceUid> = uid(element::AFFECTED_SOP_INSTANCE).and_then(|t| t.parse().ok());
    let syntax = session.context(context).map(|context| context.syntax.clone());
    let (Some(class), Some(instance), Some(syntax)) = (class, instance, syntax) else {
        session.answer(context, &Command::response(&command, 0x0117), None).await?;
        return Ok(Next::Go);
    };
    let told = |status: &str| json!({ "sop_instance": instance.as_str(), "syntax": syntax, "status": status });
    if pacs.mischief.happens(misbehaviour.refuse_rate) {
        tell("store", &told("A700"));
        session.answer(context, &Command::response(&command, 0xA700), None).await?;
        return Ok(Next::Go);
    }
    let cut = pacs.mischief.happens(misbehaviour.drop_rate);
    if cut && pacs.mischief.happens(0.5) {
        tell("store", &told("cut before it was kept"));
        return Ok(Next::Cut);
    }
    let kept = pacs.folder().keep(&instance, part10(&class, &instance, &syntax, &data));
    let status = match kept {
        Ok(true) => 0,
        // Cannot understand.
        Ok(false) => 0xC000,
        Err(_) => 0xA700,
    };
    if cut {
        tell("store", &told("cut when it was kept"));
        return Ok(Next::Cut);
    }
    tell("store", &told(&hex(status)));
    session.answer(context, &Command::response(&command, status), None).await?;
    Ok(Next::Go)
}

/// C-FIND, of studies or of the worklist.
pub(super) async fn find(session: &mut Session<'_>, message: &Message) -> Result<Next, WireError> {
    let pacs = session.pacs;
    let class = session.context(message.context).map(|context| context.sop_class.clone()).unwrap_or_default();
    let found = if class == WORKLIST { worklist(pacs, message) } else { studies(pacs, message) };
    let status = match found {
        Ok(answers) => {
            for answer in &answers {
                let pending = Command::response(&message.command, 0xFF00).with_u16(element::DATA_SET_TYPE, 0x0102);
                session.answer(message.context, &pending, Some(answer)).await?;
            }
            tell("find", &json!({ "calling": session.calling, "answers": answers.len(), "sop_class": class }));
            0
        }
        Err(status) => {
            tell("find", &json!({ "calling": session.calling, "status": hex(status), "sop_class": class }));
            status
        }
    };
    session.answer(message.context, &Command::response(&message.command, status), None).await?;
    Ok(Next::Go)
}

fn worklist(pacs: &Pacs, message: &Message) -> Result<Vec<Vec<u8>>, u16> {
    let wanted = [tags::ACCESSION_NUMBER];
    let keys = dicom::read_attributes(&message.data, IMPLICIT, &wanted, &Limits::default()).map_err(|_| 0xC000_u16)?;
    let number = keys.into_iter().next().map(|(_, text)| text).unwrap_or_default();
    let fits = pacs.worklist.iter().filter(|entry| number.is_empty() || entry.accession_number == number);
    let answer = |entry: &super::worklist::Entry| {
        Identifier::default()
            .with(tags::ACCESSION_NUMBER, &entry.accession_number)
            .with(tags::REQUESTED_PROCEDURE_PRIORITY, &entry.priority)
            .encode()
    };
    Ok(fits.map(answer).collect())
}

/// The level and the keys of a request.
fn identifier(message: &Message) -> Result<(String, Vec<Attribute>), u16> {
    let read = |wanted: &[_]| {
        // Identifier does not match SOP class.
        dicom::read_attributes(&message.data, IMPLICIT, wanted, &Limits::default()).map_err(|_| 0xA900_u16)
    };
    let level = read(&[tags::QUERY_RETRIEVE_LEVEL])?.into_iter().next().map(|(_, level)| level).unwrap_or_default();
    Ok((level, read(KEYS)?))
}

fn studies(pacs: &Pacs, message: &Message) -> Result<Vec<Vec<u8>>, u16> {
    let (level, keys) = identifier(message)?;
    let unique = unique(&level).ok_or(0xA900_u16)?;
    let wrong = pacs.options.misbehaviour.wrong_charset;
    Ok(answers(&pacs.folder(), unique, &level, &keys, &pacs.options.ae_title, wrong))
}

/// The objects that a C-GET or C-MOVE asks for: by unique keys, at least one of which is there.
fn wanted(pacs: &Pacs, message: &Message) -> Result<Vec<Object>, u16> {
    let (_, keys) = identifier(message)?;
    let uids = [tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID, tags::SOP_INSTANCE_UID];
    let keys: Vec<Attribute> = keys.into_iter().filter(|(tag, text)| uids.contains(tag) && !text.is_empty()).collect();
    if keys.is_empty() {
        return Err(0xA900);
    }
    Ok(matching(&pacs.folder(), &keys).into_iter().cloned().collect())
}

/// How the sub-operations of a C-GET or C-MOVE stand.
#[derive(Default)]
struct Progress {
    remaining: u16,
    completed: u16,
    failed: u16,
}

impl Progress {
    fn of(objects: &[Object]) -> Self {
        Self { remaining: u16::try_from(objects.len()).unwrap_or(u16::MAX), ..Self::default() }
    }

    fn count(&mut self, sent: bool) {
        self.remaining = self.remaining.saturating_sub(1);
        let counter = if sent { &mut self.completed } else { &mut self.failed };
        *counter = counter.saturating_add(1);
    }

    fn response(&self, request: &Command, status: u16) -> Command {
        let response = Command::response(request, status)
            .with_u16(element::COMPLETED, self.completed)
            .with_u16(element::FAILED, self.failed)
            .with_u16(element::WARNING, 0);
        if status == 0xFF00 { response.with_u16(element::REMAINING, self.remaining) } else { response }
    }

    /// PS3.4 table C.4-3.
    fn status(&self) -> u16 {
        match (self.completed, self.failed) {
            (_, 0) => 0,
            (0, _) => 0xA702,
            _ => 0xB000,
        }
    }
}

/// C-GET.
pub(super) async fn get(session: &mut Session<'_>, message: &Message) -> Result<Next, WireError> {
    let objects = match wanted(session.pacs, message) {
        Ok(objects) => objects,
        Err(status) => return refuse(session, message, status).await,
    };
    let mut progress = Progress::of(&objects);
    for (i, object) in objects.iter().enumerate() {
        let id = u16::try_from(i + 1).unwrap_or(u16::MAX);
        let sent = match object.load() {
            Ok(object) => give(session, &object, id).await?,
            Err(_) => Given::Failed,
        };
        if sent == Given::Cancelled {
            tell("get", &json!({ "calling": session.calling, "cancelled": true, "completed": progress.completed }));
            session.answer(message.context, &progress.response(&message.command, 0xFE00), None).await?;
            return Ok(Next::Go);
        }
        progress.count(sent == Given::Sent);
        if progress.remaining > 0 {
            session.answer(message.context, &progress.response(&message.command, 0xFF00), None).await?;
        }
    }
    tell("get", &json!({ "calling": session.calling, "completed": progress.completed, "failed": progress.failed }));
    session.answer(message.context, &progress.response(&message.command, progress.status()), None).await?;
    Ok(Next::Go)
}

#[derive(PartialEq, Eq)]
enum Given {
    Sent,
    Failed,
    Cancelled,
}

/// Sends an object on the association that asked for it.
async fn give(session: &mut Session<'_>, object: &ToStore, id: u16) -> Result<Given, WireError> {
    let limits = Limits::default();
    let Ok((syntax, data)) = dicom::split_file(&object.bytes, &limits) else { return Ok(Given::Failed) };
    let class = object.sop_class.as_str();
    let context = |syntax: &str| session.contexts.iter().find(|c| c.sop_class == class && c.syntax == syntax);
    let implicit = match context(syntax) {
        Some(_) => None,
        None => dicom::to_implicit(&object.bytes, &limits).ok().flatten(),
    };
    let (context, data) = match (context(syntax), context(IMPLICIT), &implicit) {
        (Some(context), ..) => (context.id, data),
        (None, Some(context), Some(data)) => (context.id, &data[..]),
        _ => return Ok(Given::Failed),
    };
    let command = Command::request(field::C_STORE, id, true)
        .with_uid(element::AFFECTED_SOP_CLASS, class)
        .with_u16(element::PRIORITY, 0)
        .with_uid(element::AFFECTED_SOP_INSTANCE, object.sop_instance.as_str());
    session.wire.send(context, &command, Some(data), IDLE).await?;
    let mut cancelled = false;
    loop {
        let answer = session.receive().await?;
        match answer.command.u16(element::COMMAND_FIELD) {
            Some(field::C_CANCEL) => cancelled = true,
            _ if cancelled => return Ok(Given::Cancelled),
            _ if answer.command.u16(element::STATUS) == Some(0) => return Ok(Given::Sent),
            _ => return Ok(Given::Failed),
        }
    }
}

async fn refuse(session: &mut Session<'_>, message: &Message, status: u16) -> Result<Next, WireError> {
    tell("refused", &json!({ "calling": session.calling, "status": hex(status) }));
    session.answer(message.context, &Command::response(&message.command, status), None).await?;
    Ok(Next::Go)
}

/// C-MOVE, to an AE title that was made known.
pub(super) async fn move_to(session: &mut Session<'_>, message: &Message) -> Result<Next, WireError> {
    let to = message.command.text(element::MOVE_DESTINATION).unwrap_or_default().to_owned();
    let Some(remote) = session.pacs.peer(&to) else { return refuse(session, message, 0xA801).await };
    let objects = match wanted(session.pacs, message) {
        Ok(objects) => objects,
        Err(status) => return refuse(session, message, status).await,
    };
    let loaded: Vec<ToStore> = objects.iter().filter_map(|object| object.load().ok()).collect();
    let kinds = loaded.iter().filter_map(|object| kind(object).ok()).collect();
    let mut progress = Progress::of(&objects);
    let storing = if loaded.is_empty() { None } else { Storing::open(&remote, &kinds).await.ok() };
    match storing {
        Some(storing) => {
            let id = message.command.u16(element::MESSAGE_ID).unwrap_or(0);
            let mut storing = storing.moved_for(&session.calling, id);
            for object in &loaded {
                progress.count(storing.store(object).await.is_ok());
                if progress.remaining > 0 {
                    session.answer(message.context, &progress.response(&message.command, 0xFF00), None).await?;
                }
            }
            storing.close().await;
        }
        None => loaded.iter().for_each(|_| progress.count(false)),
    }
    let told =
        json!({ "calling": session.calling, "to": to, "completed": progress.completed, "failed": progress.failed });
    tell("move", &told);
    session.answer(message.context, &progress.response(&message.command, progress.status()), None).await?;
    Ok(Next::Go)
}

/// N-ACTION of Storage Commitment.
pub(super) async fn commit(session: &mut Session<'_>, message: &Message) -> Result<Next, WireError> {
    let pacs = session.pacs;
    let misbehaviour = &pacs.options.misbehaviour;
    let Ok(asked) = commitment::read_request(&message.data, IMPLICIT) else {
        return refuse(session, message, 0x0110).await;
    };
    session
        .answer(message.context, &Command::response(&message.command, 0).with_u16(element::ACTION_TYPE, 1), None)
        .await?;
    if misbehaviour.no_commit {
        tell("commit", &json!({ "calling": session.calling, "asked": asked.objects.len(), "reported": false }));
        return Ok(Next::Go);
    }
    let report = report(pacs, &asked);
    if misbehaviour.late_commit_seconds <= 0.0 {
        let command = report.command(1);
        session.wire.send(message.context, &command, Some(&report.data), IDLE).await?;
        let answer = session.receive().await?.command;
        if answer.u16(element::COMMAND_FIELD) != Some(field::N_EVENT_REPORT | field::RESPONSE) {
            return Err(WireError::Protocol("it sends something other than the response to a report".to_owned()));
        }
        report.tell(&session.calling, answer.u16(element::STATUS) == Some(0));
        return Ok(Next::Go);
    }
    let (pacs, calling, late) = (Arc::clone(pacs), session.calling.clone(), seconds(misbehaviour.late_commit_seconds));
    tokio::spawn(async move { report_late(&pacs, &calling, report, late).await });
    Ok(Next::Go)
}

/// What is reported.
struct Report {
    data: Vec<u8>,
    kept: usize,
    failed: usize,
}

impl Report {
    fn command(&self, id: u16) -> Command {
        Command::request(field::N_EVENT_REPORT, id, true)
            .with_uid(element::AFFECTED_SOP_CLASS, commitment::SOP_CLASS)
            .with_uid(element::AFFECTED_SOP_INSTANCE, commitment::SOP_INSTANCE)
            .with_u16(element::EVENT_TYPE, if self.failed == 0 { 1 } else { 2 })
    }

    fn tell(&self, calling: &str, reported: bool) {
        tell("commit", &json!({ "calling": calling, "kept": self.kept, "failed": self.failed, "reported": reported }));
    }
}

fn report(pacs: &Pacs, asked: &commitment::Request) -> Report {
    let folder = pacs.folder();
    let mut kept: Vec<(&str, &str)> = Vec::new();
    let mut failed = Vec::new();
    for (class, instance) in &asked.objects {
        let lost = pacs.mischief.happens(pacs.options.misbehaviour.commit_fail_rate);
        if folder.objects().contains_key(instance) && !lost {
            kept.push((class, instance.as_str()));
        } else {
            // No such object instance.
            let item = Identifier::default()
                .with(tags::REFERENCED_SOP_CLASS_UID, class)
                .with(tags::REFERENCED_SOP_INSTANCE_UID, instance.as_str())
                .with_u16(tags::FAILURE_REASON, 0x0112);
            failed.push(item);
        }
    }
    let (kept_count, failed_count) = (kept.len(), failed.len());
    let data = commitment::references(&asked.transaction, kept);
    let data = if failed.is_empty() { data } else { data.with_items(tags::FAILED_SOP_SEQUENCE, failed) };
    Report { data: data.encode(), kept: kept_count, failed: failed_count }
}

/// On an association of our own, with the roles reversed (PS3.4 section J.3.3).
async fn report_late(pacs: &Pacs, calling: &str, report: Report, late: Duration) {
    tokio::time::sleep(late).await;
    let Some(remote) = pacs.peer(calling) else {
        return tell("commit", &json!({ "calling": calling, "reported": false, "why": "its address is not known" }));
    };
    let proposed = [Proposed { reversed: true, ..Proposed::new(commitment::SOP_CLASS, &[IMPLICIT]) }];
    let sent = async {
        let (mut association, context) = Association::service(&remote, &proposed, "Storage Commitment").await?;
        association.send(context, &report.command(1), Some(&report.data)).await?;
        let (_, status) = association.response(1, field::N_EVENT_REPORT, 1 << 16).await?;
        association.release().await;
        Ok::<u16, crate::dimse::scu::ScuError>(status)
    };
    match sent.await {
        Ok(status) => report.tell(calling, status == 0),
        Err(error) => tell("commit", &json!({ "calling": calling, "reported": false, "why": error.to_string() })),
    }
}
