//! C-STORE (PS3.4 annex B): objects as they are, or in Implicit VR Little Endian where a node takes nothing else.
//!
//! Invariant: an object is sent once; once the connection broke, nothing more is sent on it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use uvid_datasets::dicom::{self, Limits};

use super::association::{Association, CONTEXTS_MAX, IMPLICIT, Proposed};
use super::{Remote, ScuError, ToStore, status_error};
use crate::dimse::command::{Command, element, field};

/// Bytes of the data set of a response, which has none.
const RESPONSE_BYTES_MAX: usize = 64 << 10;

/// What an association must be able to carry: SOP class and transfer syntax.
pub(crate) type Kind = (String, &'static str);

/// An association for storage.
pub(crate) struct Storing {
    /// `None` once it broke.
    association: Option<Association>,
    /// Why it broke.
    broken: String,
    /// Who asked for the objects to be moved, by which message.
    originator: Option<(String, u16)>,
}

/// Transfer syntaxes whose objects can be sent in Implicit VR Little Endian instead.
fn is_uncompressed(syntax: &str) -> bool {
    ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"].contains(&syntax)
}

impl Storing {
    /// An association for these kinds. Beyond 128 contexts, the last ones are left out.
    pub(crate) async fn open(remote: &Remote, kinds: &BTreeSet<Kind>) -> Result<Self, ScuError> {
        let mut proposed: Vec<Proposed> =
            kinds.iter().map(|(class, syntax)| Proposed::new(class, &[*syntax])).take(CONTEXTS_MAX).collect();
        let plain: BTreeSet<&str> =
            kinds.iter().filter(|(_, syntax)| is_uncompressed(syntax)).map(|(class, _)| class.as_str()).collect();
        let asked = |class: &str| kinds.iter().any(|(c, syntax)| c == class && *syntax == IMPLICIT);
        proposed.extend(plain.into_iter().filter(|c| !asked(c)).map(|class| Proposed::new(class, &[IMPLICIT])));
        proposed.truncate(CONTEXTS_MAX);
        let association = Association::open(remote, &proposed).await?;
        Ok(Self { association: Some(association), broken: String::new(), originator: None })
    }

    /// For sub-operations of a C-MOVE.
    #[must_use]
    pub(crate) fn moved_for(mut self, ae_title: &str, message_id: u16) -> Self {
        self.originator = Some((ae_title.to_owned(), message_id));
        self
    }

    /// Sends an object: a status of success or warning.
    pub(crate) async fn store(&mut self, object: &ToStore) -> Result<u16, ScuError> {
        let Some(association) = &mut self.association else {
            return Err(ScuError::Unreachable(format!(
                "not sent, as an earlier object's sending failed: {}",
                self.broken
            )));
        };
        let stored = store_on(association, object, self.originator.as_ref(), false).await;
        if let Err(error @ (ScuError::Unreachable(_) | ScuError::Rejected(_) | ScuError::Protocol(_))) = &stored {
            self.broken = error.to_string();
            if let Some(association) = self.association.take() {
                association.abort().await;
            }
        }
        stored
    }

    /// Sends half of an object and breaks the connection, as equipment does that fails.
    pub(crate) async fn store_half(mut self, object: &ToStore) -> Result<(), ScuError> {
        if let Some(association) = &mut self.association {
            store_on(association, object, None, true).await?;
        }
        Ok(())
    }

    /// Whether an object can be sent on it, in its own transfer syntax or otherwise.
    pub(crate) fn takes(&self, object: &ToStore) -> bool {
        let Ok((class, syntax)) = kind(object) else { return false };
        self.association.as_ref().is_some_and(|a| a.context(&class, Some(syntax)).is_some())
    }

    /// Whether nothing more can be sent.
    pub(crate) fn is_broken(&self) -> bool {
        self.association.is_none()
    }

    /// Releases the association.
    pub(crate) async fn close(self) {
        if let Some(association) = self.association {
            association.release().await;
        }
    }
}

/// What an association must be able to carry for an object.
pub(crate) fn kind(object: &ToStore) -> Result<Kind, ScuError> {
    let (syntax, _) = dicom::split_file(&object.bytes, &Limits::default()).map_err(|error| unreadable(&error))?;
    Ok((object.sop_class.as_str().to_owned(), syntax))
}

fn unreadable(error: &dicom::ReadError) -> ScuError {
    ScuError::NoContext(format!("an object that cannot be read here ({error})"))
}

async fn store_on(
    association: &mut Association,
    object: &ToStore,
    originator: Option<&(String, u16)>,
    half: bool,
) -> Result<u16, ScuError> {
    let limits = Limits::default();
    let class = object.sop_class.as_str();
    let (syntax, data) = dicom::split_file(&object.bytes, &limits).map_err(|error| unreadable(&error))?;
    let (context, data) = match association.context(class, Some(syntax)) {
        Some(context) => (context.id, Cow::Borrowed(data)),
        None => {
            let implicit = association.context(class, Some(IMPLICIT)).filter(|_| is_uncompressed(syntax));
            let none = || ScuError::NoContext(format!("SOP class {class} in transfer syntax {syntax}"));
            let context = implicit.ok_or_else(none)?.id;
            let data = dicom::to_implicit(&object.bytes, &limits).map_err(|error| unreadable(&error))?;
            (context, Cow::Owned(data.ok_or_else(none)?))
        }
    };
    let fill = |command: Command| {
        let command = command
            .with_uid(element::AFFECTED_SOP_CLASS, class)
            .with_u16(element::PRIORITY, 0)
            .with_uid(element::AFFECTED_SOP_INSTANCE, object.sop_instance.as_str());
        match originator {
            Some((ae_title, id)) => command
                .with_text(element::MOVE_ORIGINATOR_AE, ae_title)
                .with_u16(element::MOVE_ORIGINATOR_MESSAGE_ID, *id),
            None => command,
        }
    };
    if half {
        association.send_half(context, &fill(Command::request(field::C_STORE, 1, true)), &data).await?;
        return Ok(0);
    }
    let id = association.request(context, field::C_STORE, fill, Some(&data)).await?;
    let (message, status) = association.response(id, field::C_STORE, RESPONSE_BYTES_MAX).await?;
    // PS3.4 table B.2-1, PS3.7 annex C: Bxxx, and the warnings of PS3.7 itself.
    match status {
        0 | 0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => Ok(status),
        _ => Err(status_error(status, &message.command)),
    }
}

/// As [`super::store`].
pub(super) async fn store(remote: &Remote, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
    let kinds: BTreeSet<Kind> = objects.iter().filter_map(|object| kind(object).ok()).collect();
    if kinds.is_empty() {
        return Ok(objects.iter().map(|object| kind(object).map(|_| 0)).collect());
    }
    let mut storing = Storing::open(remote, &kinds).await?;
    let mut outcomes = Vec::with_capacity(objects.len());
    for object in objects {
        outcomes.push(storing.store(object).await);
    }
    storing.close().await;
    Ok(outcomes)
}
