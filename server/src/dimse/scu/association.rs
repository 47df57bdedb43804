//! One association that we asked for (PS3.8 section 7.1): contexts agreed on, messages there and back.
//!
//! Invariant: Message IDs rise from 1; a response is believed only if it answers the request that is open; an error
//! names the node and what to look at, and nothing that a message held.

use std::time::Duration;

use dicom_ul::pdu::{AssociationRQ, Pdu, PresentationContextProposed, RequestorRoles, UserVariableItem};
use tokio::time::timeout;

use super::accepted::Accepted;
use super::connect::{self, TlsFacts, connect, place};
use super::wire::{Message, PDU_BYTES, Wire, WireError};
use super::{Remote, ScuError};
use crate::config::seconds;
pub(crate) use crate::dimse::classes::IMPLICIT_LITTLE as IMPLICIT;
use crate::dimse::command::{Command, element, field};
use crate::dimse::negotiate::{APPLICATION_CONTEXT, own_variables};

/// Presentation contexts of one association: their IDs are odd and fit a byte.
pub(crate) const CONTEXTS_MAX: usize = 128;

/// What a context is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposed {
    /// SOP Class UID.
    pub(crate) sop_class: String,
    /// Transfer Syntax UIDs, preferred first.
    pub(crate) syntaxes: Vec<String>,
    /// Whether the node shall be the one that sends requests of this class (PS3.7 annex D.3.3.4).
    pub(crate) reversed: bool,
}

impl Proposed {
    pub(crate) fn new(sop_class: &str, syntaxes: &[&str]) -> Self {
        let syntaxes = syntaxes.iter().map(|uid| (*uid).to_owned()).collect();
        Self { sop_class: sop_class.to_owned(), syntaxes, reversed: false }
    }
}

/// A context that the node accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    /// Presentation Context ID.
    pub(crate) id: u8,
    /// SOP Class UID.
    pub(crate) sop_class: String,
    /// Transfer Syntax UID.
    pub(crate) syntax: String,
}

/// An association.
pub(crate) struct Association {
    wire: Wire,
    /// Which node, for people.
    place: String,
    remote: Remote,
    answer: Duration,
    contexts: Vec<Context>,
    message_id: u16,
    /// What TLS agreed on.
    pub(crate) tls: Option<TlsFacts>,
    /// What the node says it is.
    pub(crate) implementation: Option<String>,
}

impl Association {
    /// Connects and proposes contexts. An association in which none is accepted is one, too.
    pub(crate) async fn open(remote: &Remote, proposed: &[Proposed]) -> Result<Self, ScuError> {
        let limit = remote.node.connect_seconds_max;
        // The whole has the limit; its parts need none of their own.
        let open = Self::open_slowly(remote, proposed, seconds(limit).saturating_mul(2));
        timeout(seconds(limit), open).await.map_err(|_| {
            let look = "check the address and the firewalls in between, and that the node is not stuck";
            ScuError::Unreachable(format!("{}: no association within {limit} s; {look}", place(remote)))
        })?
    }

    async fn open_slowly(remote: &Remote, proposed: &[Proposed], within: Duration) -> Result<Self, ScuError> {
        let (wire, tls) = connect(remote).await?;
        let mut association = Self {
            wire,
            place: place(remote),
            remote: remote.clone(),
            answer: seconds(remote.node.answer_seconds_max),
            contexts: Vec::new(),
            message_id: 0,
            tls,
            implementation: None,
        };
        let request = Pdu::AssociationRQ(request(remote, proposed));
        association.wire.write_pdu(&request, within).await.map_err(|error| association.failed(error))?;
        let (kind, body) = association.wire.read_pdu(within).await.map_err(|error| association.unanswered(error))?;
        match kind {
            0x02 => {}
            0x03 => return Err(association.rejected(&body)),
            0x07 => {
                let why = "it aborts instead of answering a request for an association; its log says why";
                return Err(ScuError::Rejected(format!("{}: {why}", association.place)));
            }
            other => return Err(association.protocol(&format!("it answers with a PDU of type {other:02X}H"))),
        }
        let Some(accepted) = Accepted::read(&body) else {
            return Err(association.protocol("its A-ASSOCIATE-AC cannot be read"));
        };
        association.wire.set_peer_pdu_bytes(accepted.pdu_bytes);
        association.implementation = accepted.implementation;
        for (id, result, syntax) in accepted.contexts {
            let asked = proposed.iter().zip(ids()).find(|(_, asked)| *asked == id);
            if let Some((asked, _)) = asked
                && result == 0
                && asked.syntaxes.contains(&syntax)
            {
                association.contexts.push(Context { id, sop_class: asked.sop_class.clone(), syntax });
            }
        }
        Ok(association)
    }

    /// The accepted contexts.
    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The accepted context for a SOP class, in a transfer syntax or any.
    pub(crate) fn context(&self, sop_class: &str, syntax: Option<&str>) -> Option<&Context> {
        let fits = |c: &&Context| c.sop_class == sop_class && syntax.is_none_or(|syntax| c.syntax == syntax);
        self.contexts.iter().find(fits)
    }

    /// The accepted context for a service, or the error that there is none; then the association is over.
    pub(crate) async fn service(remote: &Remote, proposed: &[Proposed], service: &str) -> Result<(Self, u8), ScuError> {
        let association = Self::open(remote, proposed).await?;
        let wanted = proposed.first().map(|p| p.sop_class.clone()).unwrap_or_default();
        match association.context(&wanted, None).map(|context| context.id) {
            Some(id) => Ok((association, id)),
            None => {
                let place = association.place.clone();
                association.release().await;
                Err(ScuError::NoContext(format!("{service} ({place}); is this service licensed and on there?")))
            }
        }
    }

    /// The next Message ID.
    fn next_id(&mut self) -> u16 {
        self.message_id = self.message_id.checked_add(1).unwrap_or(1);
        self.message_id
    }

    /// Sends a request; the Message ID it got.
    pub(crate) async fn request(
        &mut self,
        context: u8,
        field: u16,
        fill: impl FnOnce(Command) -> Command,
        data: Option<&[u8]>,
    ) -> Result<u16, ScuError> {
        let id = self.next_id();
        let command = fill(Command::request(field, id, data.is_some()));
        self.send(context, &command, data).await?;
        Ok(id)
    }

    /// Sends a message as it is.
    pub(crate) async fn send(&mut self, context: u8, command: &Command, data: Option<&[u8]>) -> Result<(), ScuError> {
        self.wire.send(context, command, data, self.answer).await.map_err(|error| self.failed(error))
    }

    /// Sends the beginning of a C-STORE and no more.
    pub(crate) async fn send_half(&mut self, context: u8, command: &Command, data: &[u8]) -> Result<(), ScuError> {
        self.wire.send_half(context, command, data, self.answer).await.map_err(|error| self.failed(error))
    }

    /// Receives a message, with a data set of so many bytes at most.
    pub(crate) async fn receive(&mut self, data_bytes_max: usize) -> Result<Message, ScuError> {
        self.wire.receive(data_bytes_max, self.answer).await.map_err(|error| self.failed(error))
    }

    /// Receives the response to a request: the message and its status.
    pub(crate) async fn response(&mut self, id: u16, field: u16, data_max: usize) -> Result<(Message, u16), ScuError> {
        let message = self.receive(data_max).await?;
        let status = self.status_of(&message, id, field)?;
        Ok((message, status))
    }

    /// The status of a message that must be the response to a request.
    pub(crate) fn status_of(&self, message: &Message, id: u16, field: u16) -> Result<u16, ScuError> {
        let command = &message.command;
        if command.u16(element::COMMAND_FIELD) != Some(field | field::RESPONSE) {
            return Err(self.protocol("it sends something other than the response"));
        }
        if command.u16(element::RESPONDED_TO) != Some(id) {
            return Err(self.protocol("it answers another request than the one that is open"));
        }
        command.u16(element::STATUS).ok_or_else(|| self.protocol("it answers without a status"))
    }

    /// Says that the node does not keep to the protocol.
    pub(crate) fn protocol(&self, what: &str) -> ScuError {
        ScuError::Protocol(format!("{what} ({})", self.place))
    }

    /// Ends it in order.
    pub(crate) async fn release(self) {
        let within = seconds(self.remote.node.connect_seconds_max);
        self.wire.release(within).await;
    }

    /// Ends it at once.
    pub(crate) async fn abort(self) {
        let within = seconds(self.remote.node.connect_seconds_max);
        self.wire.abort(within).await;
    }

    fn failed(&self, error: WireError) -> ScuError {
        let place = &self.place;
        match error {
            WireError::Timeout => {
                let limit = self.remote.node.answer_seconds_max;
                ScuError::Unreachable(format!("{place}: no answer within {limit} s; is the node overloaded or stuck?"))
            }
            WireError::Io(error) if connect::rustls_error(&error).is_some() => {
                ScuError::Unreachable(format!("{place}: {}", connect::handshake(&self.remote, &error)))
            }
            WireError::Io(error) => ScuError::Unreachable(format!("{place}: the connection broke ({error})")),
            WireError::Aborted { source_code: 0, .. } => {
                ScuError::Rejected(format!("{place}: the node aborted the association; its log says why"))
            }
            WireError::Aborted { reason, .. } => {
                ScuError::Rejected(format!("{place}: the node's DICOM layer aborted the association (reason {reason})"))
            }
            WireError::Released => ScuError::Unreachable(format!("{place}: the node ended the association")),
            WireError::Protocol(what) => ScuError::Protocol(format!("{what} ({place})")),
        }
    }

    /// As [`Self::failed`], where a request for an association was not answered.
    fn unanswered(&self, error: WireError) -> ScuError {
        match error {
            WireError::Io(error) if connect::rustls_error(&error).is_none() => {
                let what = "it ends the connection instead of answering a request for an association";
                let look = if self.remote.node.tls {
                    "is this its DICOM port, and may our address connect?"
                } else {
                    "is this its DICOM port, does it want TLS, and may our address connect?"
                };
                ScuError::Unreachable(format!("{}: {what}; {look} ({error})", self.place))
            }
            error @ (WireError::Timeout
            | WireError::Io(_)
            | WireError::Aborted { .. }
            | WireError::Released
            | WireError::Protocol(_)) => self.failed(error),
        }
    }

    /// A-ASSOCIATE-RJ (PS3.8 table 9-21).
    fn rejected(&self, body: &[u8]) -> ScuError {
        let code = |i: usize| body.get(i).copied().unwrap_or(0);
        let (result, source, reason) = (code(1), code(2), code(3));
        let (us, them) = (&self.remote.calling_ae_title, &self.remote.node.ae_title);
        let why = match (source, reason) {
            (1, 2) => "it does not know the application context of DICOM".to_owned(),
            (1, 3) => format!(
                "it does not know us (calling AE title not recognised); register the AE title {us:?} with the address \
                 of this machine there"
            ),
            (1, 7) => format!(
                "it is not called {them:?} (called AE title not recognised); set `ae_title` of the node to its own"
            ),
            (2, 2) => "it does not support this version of the protocol".to_owned(),
            (3, 1) => "it is congested; try again later".to_owned(),
            (3, 2) => "it has too many associations open; try again later, or raise its limit".to_owned(),
            _ => format!(
                "no reason that can be used (source {source}, reason {reason}); often the AE title {us:?} is not \
                 registered there, or not with the address of this machine"
            ),
        };
        let lasting = if result == 2 { "for now" } else { "for good" };
        ScuError::Rejected(format!("{}: the association was rejected {lasting}: {why}", self.place))
    }
}

/// The IDs of contexts, in the order in which they are proposed.
fn ids() -> impl Iterator<Item = u8> {
    (1..=u8::MAX).step_by(2)
}

fn request(remote: &Remote, proposed: &[Proposed]) -> AssociationRQ {
    let contexts = proposed.iter().zip(ids()).map(|(asked, id)| PresentationContextProposed {
        id,
        abstract_syntax: asked.sop_class.clone(),
        transfer_syntaxes: asked.syntaxes.clone(),
    });
    let mut user_variables = own_variables(PDU_BYTES);
    let mut reversed: Vec<&str> = proposed.iter().filter(|p| p.reversed).map(|p| p.sop_class.as_str()).collect();
    reversed.sort_unstable();
    reversed.dedup();
    let roles = RequestorRoles { scu: false, scp: true };
    user_variables
        .extend(reversed.into_iter().map(|uid| UserVariableItem::ScuScpRoleSelectionSubItem(uid.to_owned(), roles)));
    AssociationRQ {
        protocol_version: 1,
        calling_ae_title: remote.calling_ae_title.clone(),
        called_ae_title: remote.node.ae_title.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.collect(),
        user_variables,
    }
}
