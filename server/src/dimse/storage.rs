//! C-STORE (PS3.4 annex B): an object from its fragments to the store.
//!
//! ```text
//! command -> room? allowed? -> fragments to a file -> the file says what it is -> accepted -> answered
//!                  \ no: the fragments are thrown away, and the answer says why
//! ```
//!
//! Invariants: of an object no more is in memory than a PDU and a write buffer; the file is the data set as it came behind
//! file meta information that depends on the data set, its transfer syntax and its sender alone, so that what is sent
//! again is the same file; success is answered after the store has it for good.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use metrics::counter;
use tracing::{error, warn};
use uvid_datasets::dicom::{Attribute, PixelsSeen, ReadError, declared_charset};
use uvid_exam::{SopClassUid, SopInstanceUid};

use super::association::{Answer, Peer};
use super::classes::Service;
use super::command::{Command, element};
use super::listen::Shared;
use super::negotiate::Context;
use super::part10::meta;
use crate::config::Charset;
use crate::metrics as names;
use crate::store::{Accepted, Door, Kept, Origin, Refusal, Refused, StoreError, Upload, accept_all};

/// Bytes at the start of a data set in which its character set is looked for.
const FIRST_BYTES: usize = 8 << 10;

/// Bytes of an object after which it is looked again whether the disk has room.
const ROOM_BYTES: u64 = 64 << 20;

/// An object that is coming.
pub(super) struct Receiving {
    command: Command,
    context: Context,
    origin: Origin,
    /// Whether it was moved to us in our own name.
    moved: bool,
    /// What the sender's rule says of its text.
    charset: Option<Charset>,
    /// `Err`: the rest is thrown away, and this is the answer.
    state: Result<Writing, Answer>,
}

struct Writing {
    object: (SopClassUid, SopInstanceUid),
    upload: Upload,
    data_bytes: u64,
    first: Vec<u8>,
    pixels: Option<PixelsSeen>,
}

impl Receiving {
    /// Decides on the command, and opens a file.
    pub(super) async fn begin(command: Command, context: Context, peer: &Peer, shared: &Shared) -> Self {
        let originator = command.text(element::MOVE_ORIGINATOR_AE);
        let moved = originator.is_some_and(|title| is_ours(title, shared));
        let origin = Origin { door: Door::Push, ae_title: Some(peer.ae_title.clone()), address: Some(peer.address) };
        let charset = shared.store.policy().senders.rule(&origin).charset;
        let state = open(&command, &context, peer, shared).await;
        Self { command, context, origin, moved, charset, state }
    }

    /// The next bytes of the data set.
    pub(super) async fn put(&mut self, bytes: &[u8], shared: &Shared) {
        counter!(names::DIMSE_BYTES).increment(bytes.len() as u64);
        let Ok(writing) = &mut self.state else { return };
        let before = writing.data_bytes;
        writing.data_bytes += bytes.len() as u64;
        let most = shared.config.dimse.object_bytes_max;
        let look_again = before / ROOM_BYTES != writing.data_bytes / ROOM_BYTES;
        let outcome = if writing.data_bytes > most {
            Err(refused(&Refused::TooLarge(most)))
        } else if look_again && let Err(answer) = room(shared) {
            Err(answer)
        } else {
            let missing = FIRST_BYTES.saturating_sub(writing.first.len());
            writing.first.extend_from_slice(&bytes[..bytes.len().min(missing)]);
            if let Some(pixels) = &mut writing.pixels {
                pixels.feed(bytes);
            }
            writing.upload.write(bytes).await.map_err(|error| failed(&error))
        };
        if let Err(answer) = outcome {
            self.state = Err(answer);
        }
    }

    /// The data set is whole.
    pub(super) async fn finish(self, shared: &Shared) -> (Command, Answer) {
        let Self { command, context, origin, moved, charset, state } = self;
        let object = state.as_ref().ok().map(|writing| writing.object.1.clone());
        let answer = match state {
            Ok(writing) => {
                store(writing, &context, (origin, moved), charset, shared).await.unwrap_or_else(|answer| answer)
            }
            Err(answer) => answer,
        };
        if answer.status != 0 {
            let (uid, comment) = (object.map(|uid| uid.to_string()), answer.comment.as_deref());
            warn!(uid, status = format_args!("{:04X}H", answer.status), comment, "C-STORE without plain success");
        }
        counter!(names::DIMSE_STORES, "status" => format!("{:04X}", answer.status)).increment(1);
        (command, answer)
    }
}

/// Whether an AE title is what we call ourselves towards some node.
fn is_ours(title: &str, shared: &Shared) -> bool {
    let nodes = shared.config.nodes.iter().filter_map(|node| node.calling_ae_title.as_deref());
    nodes.chain([shared.config.dimse.ae_title.as_str()]).any(|ours| ours == title)
}

async fn open(command: &Command, context: &Context, peer: &Peer, shared: &Shared) -> Result<Writing, Answer> {
    let class = command.text(element::AFFECTED_SOP_CLASS);
    if !matches!(context.service, Service::Image | Service::Document) || class != Some(context.sop_class.as_str()) {
        return Err(Answer::new(0x0122, "the SOP class is not that of the presentation context"));
    }
    let uid = command.text(element::AFFECTED_SOP_INSTANCE).and_then(|text| text.parse::<SopInstanceUid>().ok());
    let instance = uid.ok_or_else(|| Answer::new(0x0117, "Affected SOP Instance UID is not a unique identifier"))?;
    let class =
        context.sop_class.parse().map_err(|_| Answer::new(0x0122, "the SOP class is not a unique identifier"))?;
    room(shared)?;
    let queue = shared.store.queue().await.map_err(|error| failed(&error))?;
    if queue.waiting >= shared.config.dimse.waiting_jobs_max {
        return Err(Answer::new(0xA700, "too many studies wait to be scored"));
    }
    let mut upload = shared.store.objects().begin().await.map_err(|error| failed(&error))?;
    let meta = meta(&context.sop_class, instance.as_str(), &context.transfer_syntax, Some(&peer.ae_title));
    upload.write(&meta).await.map_err(|error| failed(&error))?;
    let pixels = match context.service {
        Service::Image => PixelsSeen::new(&context.transfer_syntax),
        Service::Document
        | Service::Verification
        | Service::Commitment
        | Service::PerformedProcedureStep
        | Service::InstanceAvailability => None,
    };
    Ok(Writing { object: (class, instance), upload, data_bytes: 0, first: Vec::new(), pixels })
}

fn room(shared: &Shared) -> Result<(), Answer> {
    match shared.store.has_room() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Answer::new(0xA700, "the disk is nearly full")),
        Err(error) => Err(failed(&error)),
    }
}

async fn store(
    writing: Writing,
    context: &Context,
    (mut origin, moved): (Origin, bool),
    charset: Option<Charset>,
    shared: &Shared,
) -> Result<Answer, Answer> {
    let Writing { object, upload, first, pixels, .. } = writing;
    let staged = upload.finish(shared.store.objects(), shared.store.policy()).await.map_err(|error| failed(&error))?;
    let staged = staged.map_err(|error| counted(&Refused::Unreadable(error)))?;
    let header = &staged.header;
    for (tag, same) in
        [(tags::SOP_CLASS_UID, header.sop_class == object.0), (tags::SOP_INSTANCE_UID, header.sop_instance == object.1)]
    {
        if !same {
            counter!(names::INSTANCES, "result" => "uid-differs").increment(1);
            return Err(Answer::new(0xA900, format!("{} is not that of the command", Attribute(tag))).about(tag));
        }
    }
    // Only what we asked for is a prior; whoever names us as the originator of anything else pushes it.
    if moved && shared.store.expects(&header.study) {
        origin.door = Door::Prior;
    }
    // A connection that dies now must not cut this short.
    let store = shared.store.clone();
    let accepting = tokio::spawn(async move { accept_all(&store, vec![Ok(staged)], None, &origin).await });
    let mut answers = accepting.await.map_err(|_| StoreError::Interrupted).flatten().map_err(|error| failed(&error))?;
    match answers.pop() {
        Some(Ok(Accepted { kept, .. })) => {
            let result = match kept {
                Kept::New => "new",
                Kept::SameAgain => "same-again",
            };
            counter!(names::INSTANCES, "result" => result).increment(1);
        }
        Some(Err(Refusal { because, .. })) => return Err(counted(&because)),
        None => return Err(failed(&StoreError::Interrupted)),
    }
    if let Some(rule) = charset
        && declared_charset(&first, &context.transfer_syntax).as_deref() != term(rule)
    {
        let comment = "stored; its text is read by the rule for its sender";
        return Ok(Answer::new(0xB000, comment).about(tags::SPECIFIC_CHARACTER_SET));
    }
    if pixels.is_some_and(|pixels| !pixels.seen()) {
        return Ok(Answer::new(0xB007, "stored; an image without pixels").about(tags::PIXEL_DATA));
    }
    Ok(Answer::SUCCESS)
}

/// What a data set declares that is in this character set (PS3.3 C.12.1.1.2); `None`: it cannot.
fn term(charset: Charset) -> Option<&'static str> {
    match charset {
        Charset::Windows1250 | Charset::Windows1251 => None,
        Charset::Utf8 => Some("ISO_IR 192"),
        Charset::Latin2 => Some("ISO_IR 101"),
        Charset::Cyrillic => Some("ISO_IR 144"),
    }
}

/// A refusal as a status (PS3.4 B.2.3, PS3.7 9.1.1.1.9), counted.
fn counted(because: &Refused) -> Answer {
    counter!(names::INSTANCES, "result" => because.code()).increment(1);
    refused(because)
}

fn refused(because: &Refused) -> Answer {
    let (status, offending) = match because {
        Refused::Unreadable(error) => match error {
            ReadError::TooLarge { .. } | ReadError::LongHeader { .. } | ReadError::Limit { .. } | ReadError::Io(_) => {
                (0xA700, attribute(error))
            }
            ReadError::NotDicom
            | ReadError::TransferSyntax(_)
            | ReadError::Missing(_)
            | ReadError::Uid { .. }
            | ReadError::Invalid { .. }
            | ReadError::Broken { .. }
            | ReadError::Incomplete(_)
            | ReadError::Codec { .. } => (0xC000, attribute(error)),
        },
        Refused::TooLarge(_) | Refused::StudyFull(_) => (0xA700, None),
        // Not 0111H (duplicate SOP instance), which many senders take for "it has it".
        Refused::Different => {
            let comment = "another object has this SOP Instance UID; kept apart";
            return Answer::new(0xC001, comment).about(tags::SOP_INSTANCE_UID);
        }
        Refused::OtherStudy => (0xA900, Some(tags::STUDY_INSTANCE_UID)),
    };
    Answer { offending: offending.into_iter().collect(), ..Answer::new(status, because.to_string()) }
}

/// The attribute that an error is about.
fn attribute(error: &ReadError) -> Option<Tag> {
    match error {
        ReadError::Missing(attribute)
        | ReadError::Uid { attribute, .. }
        | ReadError::Invalid { attribute, .. }
        | ReadError::Limit { attribute, .. } => Some(attribute.0),
        ReadError::TransferSyntax(_) => Some(tags::TRANSFER_SYNTAX_UID),
        ReadError::TooLarge { .. }
        | ReadError::LongHeader { .. }
        | ReadError::Io(_)
        | ReadError::NotDicom
        | ReadError::Broken { .. }
        | ReadError::Incomplete(_)
        | ReadError::Codec { .. } => None,
    }
}

/// We fail: out of resources where the disk is full, else a processing failure. The peer is not told our paths.
fn failed(error: &StoreError) -> Answer {
    error!(%error, "C-STORE fails");
    if let StoreError::Io { error, .. } = error
        && error.kind() == std::io::ErrorKind::StorageFull
    {
        return Answer::new(0xA700, "the disk is full");
    }
    Answer::new(0x0110, "the object cannot be kept; the log says why")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_statuses_of_the_standard() {
        let check = |because: Refused, status: u16, offending: &[Tag]| {
            let answer = refused(&because);
            assert_eq!((answer.status, answer.offending.as_slice()), (status, offending), "{because:?}");
            assert!(answer.comment.is_some());
        };
        let study = tags::STUDY_INSTANCE_UID;
        check(Refused::Unreadable(ReadError::Missing(Attribute(study))), 0xC000, &[study]);
        check(Refused::Unreadable(ReadError::NotDicom), 0xC000, &[]);
        check(Refused::Unreadable(ReadError::TooLarge { bytes: 2, bytes_max: 1 }), 0xA700, &[]);
        check(Refused::TooLarge(1), 0xA700, &[]);
        check(Refused::StudyFull(1), 0xA700, &[]);
        check(Refused::Different, 0xC001, &[tags::SOP_INSTANCE_UID]);
        check(Refused::OtherStudy, 0xA900, &[study]);
    }

    #[test]
    fn file_meta_information_is_the_same_for_the_same() {
        let meta = || meta("1.2.840.10008.5.1.4.1.1.1.2", "1.2.3", "1.2.840.10008.1.2.1", Some("MODALITY"));
        assert_eq!(meta(), meta());
        assert_eq!(meta().len() % 2, 0);
        let length = u32::from_le_bytes(meta()[140..144].try_into().unwrap()) as usize;
        assert_eq!(meta().len(), 144 + length);
    }
}
