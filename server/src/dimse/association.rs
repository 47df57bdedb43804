//! One association: messages in, each to its service, answers out (PS3.7).
//!
//! Invariant: every request gets one response, in its context and with its Message ID, or the association is aborted.
//! What is answered with success stays, however the association ends.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use dicom_core::Tag;
use dicom_ul::pdu::{AbortRQServiceProviderReason as AbortReason, Pdu};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::classes::Service;
use super::command::{Command, element, field};
use super::commitment;
use super::listen::Shared;
use super::message::{Assembler, InvalidMessage, Step};
use super::negotiate::{Agreement, Context};
use super::storage::Receiving;
use super::wire::{Fragment, Incoming, Wire, WireError};
use crate::config::seconds;
use crate::store::CommitmentRequest;

/// How long after a request for commitment, and after the last message behind it, its report is sent on the same
/// association, if that is still open: a peer that is busy sending would have to read it in between.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// Reports that may wait for their answers on one association.
const REPORTS_MAX: usize = 100;

/// An answer's status, and what explains it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// PS3.7 annex C.
    pub(super) status: u16,
    /// Offending Element (0000,0901).
    pub(super) offending: Vec<Tag>,
    /// Error Comment (0000,0902). Holds no value of the data set.
    pub(super) comment: Option<String>,
}

impl Answer {
    /// Success.
    pub(super) const SUCCESS: Self = Self { status: 0, offending: Vec::new(), comment: None };

    /// A status with its explanation.
    pub(super) fn new(status: u16, comment: impl Into<String>) -> Self {
        Self { status, offending: Vec::new(), comment: Some(comment.into()) }
    }

    /// With the attribute at fault.
    pub(super) fn about(self, tag: Tag) -> Self {
        Self { offending: vec![tag], ..self }
    }

    fn response(&self, request: &Command) -> Command {
        let mut response = Command::response(request, self.status);
        if !self.offending.is_empty() {
            response = response.with_offending(&self.offending);
        }
        match &self.comment {
            Some(comment) => response.with_text(element::ERROR_COMMENT, comment),
            None => response,
        }
    }
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Calling AE title.
    pub(super) ae_title: String,
    /// Address of the connection.
    pub(super) address: IpAddr,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Objects stored, warnings included.
    pub(super) stored: u64,
    /// Objects refused.
    pub(super) refused: u64,
}

/// Why an association ends other than by its release.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    #[error("a fragment in a presentation context that was not accepted")]
    Context,
    #[error("a PDU that does not belong here")]
    Unexpected,
    #[error("a command set without what every one has")]
    Command,
    #[error("this node stops")]
    Stopped,
}

impl Problem {
    /// What to call it in metrics, and what the peer is told if it still listens.
    fn end(&self) -> (&'static str, Option<AbortReason>) {
        match self {
            Self::Wire(WireError::Closed) => ("closed", None),
            Self::Wire(WireError::BreaksOff | WireError::Io(_)) => ("broken", None),
            Self::Wire(WireError::Stuck) => ("too-slow", None),
            Self::Wire(WireError::Slow) => ("too-slow", Some(AbortReason::ReasonNotSpecified)),
            Self::Wire(WireError::Unrecognized(_)) => ("protocol", Some(AbortReason::UnrecognizedPdu)),
            Self::Unexpected => ("protocol", Some(AbortReason::UnexpectedPdu)),
            Self::Wire(WireError::TooLong(_) | WireError::Invalid)
            | Self::Message(_)
            | Self::Context
            | Self::Command => ("protocol", Some(AbortReason::InvalidPduParameter)),
            Self::Stopped => ("stopped", Some(AbortReason::ReasonNotSpecified)),
        }
    }
}

/// A message whose data set is still coming.
enum Current {
    /// An object, to disk.
    Store(u8, Box<Receiving>),
    /// Anything else, in memory; thrown away once it is too long.
    Small { context: u8, command: Command, bytes: Vec<u8>, too_long: bool },
}

/// An association.
pub(super) struct Association<'a, S> {
    wire: Wire<S>,
    agreed: Agreement,
    peer: Peer,
    shared: &'a Shared,
    assembler: Assembler,
    current: Option<Current>,
    /// Reports on commitment to be sent here, each with its context and time.
    reports: VecDeque<(Instant, u8, CommitmentRequest)>,
    /// Those that were sent and not answered, by Message ID.
    unanswered: BTreeMap<u16, CommitmentRequest>,
    next_message_id: u16,
    tally: Tally,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> Association<'a, S> {
    /// One that was agreed upon.
    pub(super) fn new(wire: Wire<S>, agreed: Agreement, peer: Peer, shared: &'a Shared) -> Self {
        Self {
            wire,
            agreed,
            peer,
            shared,
            assembler: Assembler::new(shared.config.dimse.command_bytes_max),
            current: None,
            reports: VecDeque::new(),
            unanswered: BTreeMap::new(),
            next_message_id: 1,
            tally: Tally::default(),
        }
    }

    /// Serves it to its end, and says how that came and what was done.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> (&'static str, Tally) {
        let ended = self.talk(stop).await;
        // Half an object is removed before the peer is told.
        self.current = None;
        // Of these there is no row any more where the report was taken elsewhere.
        let left = self.reports.drain(..).map(|(_, _, request)| request);
        for request in left.chain(std::mem::take(&mut self.unanswered).into_values()) {
            if let Err(error) = self.shared.store.commitment_due_again(&request, Duration::ZERO).await {
                error!(%error, "a report on storage commitment waits longer than it should");
            }
            self.shared.reports.notify_one();
        }
        let outcome = match ended {
            Ok(outcome) => {
                self.wire.close().await;
                outcome
            }
            Err(problem) => {
                let (outcome, abort) = problem.end();
                warn!(ae_title = self.peer.ae_title, address = %self.peer.address, because = %problem, "association cut off");
                if let Some(reason) = abort {
                    self.wire.abort(reason).await;
                }
                outcome
            }
        };
        (outcome, self.tally)
    }

    async fn talk(&mut self, stop: &CancellationToken) -> Result<&'static str, Problem> {
        let (quiet, idle) =
            (seconds(self.shared.config.dimse.quiet_seconds_max), seconds(self.shared.config.dimse.idle_seconds_max));
        loop {
            if self.assembler.between() {
                let report_at = self.reports.front().map(|(at, ..)| *at);
                tokio::select! {
                    begun = self.wire.begun(quiet) => begun?,
                    () = stop.cancelled() => return Err(Problem::Stopped),
                    () = sleep_until(report_at.unwrap_or_else(Instant::now)), if report_at.is_some() => {
                        self.report().await?;
                        continue;
                    }
                }
            } else {
                self.wire.begun(idle).await?;
            }
            match self.wire.next(idle).await? {
                Incoming::Data(fragments) => {
                    for fragment in fragments {
                        self.fragment(fragment).await?;
                    }
                    let quiet_at = Instant::now() + REPORT_AFTER;
                    self.reports.iter_mut().for_each(|(at, ..)| *at = quiet_at.max(*at));
                }
                Incoming::ReleaseRequest if self.assembler.between() => {
                    self.wire.send(&Pdu::ReleaseRP).await?;
                    return Ok("released");
                }
                Incoming::Abort => return Ok("aborted"),
                Incoming::Request(_)
                | Incoming::Accept(_)
                | Incoming::Reject(_)
                | Incoming::ReleaseRequest
                | Incoming::ReleaseResponse => return Err(Problem::Unexpected),
            }
        }
    }

    async fn fragment(&mut self, fragment: Fragment) -> Result<(), Problem> {
        let Some(context) = self.agreed.contexts.get(&fragment.context) else { return Err(Problem::Context) };
        match self.assembler.push(fragment)? {
            None => Ok(()),
            Some(Step::Command(id, command)) => {
                let context = context.clone();
                self.begin(id, context, command).await
            }
            Some(Step::Data(bytes, last)) => self.data(&bytes, last).await,
        }
    }

    /// The command set is whole.
    async fn begin(&mut self, id: u8, context: Context, command: Command) -> Result<(), Problem> {
        let operation = command.u16(element::COMMAND_FIELD).ok_or(Problem::Command)?;
        let response = operation & field::RESPONSE != 0;
        let number = if response || operation == field::C_CANCEL { element::RESPONDED_TO } else { element::MESSAGE_ID };
        command.u16(number).ok_or(Problem::Command)?;
        if operation == field::C_STORE && command.has_data_set() {
            let receiving = Receiving::begin(command, context, &self.peer, self.shared).await;
            self.current = Some(Current::Store(id, Box::new(receiving)));
            return Ok(());
        }
        if command.has_data_set() {
            self.current = Some(Current::Small { context: id, command, bytes: Vec::new(), too_long: false });
            return Ok(());
        }
        self.small(id, &command, &[], false).await
    }

    /// The next bytes of the data set.
    async fn data(&mut self, piece: &[u8], last: bool) -> Result<(), Problem> {
        match &mut self.current {
            Some(Current::Store(_, receiving)) => receiving.put(piece, self.shared).await,
            Some(Current::Small { bytes, too_long, .. }) => {
                *too_long |= bytes.len() + piece.len() > self.shared.config.dimse.command_bytes_max;
                if *too_long {
                    *bytes = Vec::new();
                } else {
                    bytes.extend_from_slice(piece);
                }
            }
            None => return Err(Problem::Unexpected),
        }
        if !last {
            return Ok(());
        }
        match self.current.take() {
            Some(Current::Store(context, receiving)) => {
                let (command, answer) = receiving.finish(self.shared).await;
                let stored = answer.status == 0 || answer.status & 0xF000 == 0xB000;
                *(if stored { &mut self.tally.stored } else { &mut self.tally.refused }) += 1;
                self.answer(context, &command, &answer).await
            }
            Some(Current::Small { context, command, bytes, too_long }) => {
                self.small(context, &command, &bytes, too_long).await
            }
            None => Err(Problem::Unexpected),
        }
    }

    /// A message that is whole and no object.
    async fn small(&mut self, id: u8, command: &Command, bytes: &[u8], too_long: bool) -> Result<(), Problem> {
        let Some(context) = self.agreed.contexts.get(&id).cloned() else { return Err(Problem::Context) };
        let operation = command.u16(element::COMMAND_FIELD).ok_or(Problem::Command)?;
        if operation == field::C_CANCEL {
            // Nothing here takes so long that it could be cancelled.
            return Ok(());
        }
        if operation & field::RESPONSE != 0 {
            return self.response(operation, command).await;
        }
        let class = command.text(element::AFFECTED_SOP_CLASS).or(command.text(element::REQUESTED_SOP_CLASS));
        let answer = match (operation, context.service) {
            _ if too_long => Answer::new(0x0213, "the data set is larger than is allowed"),
            _ if class.is_some_and(|class| class != context.sop_class) => {
                Answer::new(0x0122, "the SOP class is not that of the presentation context")
            }
            (field::C_ECHO, Service::Verification) => Answer::SUCCESS,
            (field::C_STORE, Service::Image | Service::Document) => Answer::new(0xC000, "there is no data set"),
            (field::N_ACTION, Service::Commitment) => return self.commit(id, command, bytes, &context).await,
            (field::N_EVENT_REPORT, Service::Commitment) => {
                commitment::reported(command, bytes, &context.transfer_syntax, self.shared).await
            }
            (field::N_CREATE | field::N_SET, Service::PerformedProcedureStep) => {
                self.shared.procedure_step(operation, command, bytes, &context.transfer_syntax)
            }
            (field::N_CREATE, Service::InstanceAvailability) => {
                self.shared.instance_availability(bytes, &context.transfer_syntax)
            }
            _ => Answer::new(0x0211, "the operation is not one of the SOP class here"),
        };
        self.answer(id, command, &answer).await
    }

    async fn answer(&mut self, context: u8, request: &Command, answer: &Answer) -> Result<(), Problem> {
        let response = answer.response(request).encode();
        debug!(ae_title = self.peer.ae_title, status = format_args!("{:04X}H", answer.status), "answered");
        Ok(self.wire.send_message(context, &response, None, self.agreed.pdu_bytes).await?)
    }

    /// A request to commit: kept, answered, and reported on a little later.
    async fn commit(&mut self, id: u8, command: &Command, bytes: &[u8], context: &Context) -> Result<(), Problem> {
        let kept = commitment::keep(command, bytes, &context.transfer_syntax, &self.peer, self.shared).await;
        match kept {
            Ok(request) => {
                self.answer(id, command, &Answer::SUCCESS).await?;
                if self.reports.len() + self.unanswered.len() < REPORTS_MAX {
                    self.reports.push_back((Instant::now() + REPORT_AFTER, id, request));
                }
                Ok(())
            }
            Err(answer) => self.answer(id, command, &answer).await,
        }
    }

    /// Sends the report that has waited the longest.
    async fn report(&mut self) -> Result<(), Problem> {
        let Some((_, id, request)) = self.reports.pop_front() else { return Ok(()) };
        let Some(context) = self.agreed.contexts.get(&id) else { return Err(Problem::Context) };
        let message_id = self.next_message_id;
        self.next_message_id = self.next_message_id.wrapping_add(1).max(1);
        match commitment::event(&request, message_id, &context.transfer_syntax, self.shared).await {
            Ok(None) => Ok(()),
            Ok(Some((command, data))) => {
                self.unanswered.insert(message_id, request);
                Ok(self.wire.send_message(id, &command.encode(), Some(&data), self.agreed.pdu_bytes).await?)
            }
            Err(error) => {
                // It is due again by itself.
                error!(%error, "no report on storage commitment could be made");
                Ok(())
            }
        }
    }

    /// The peer answers a report.
    async fn response(&mut self, operation: u16, command: &Command) -> Result<(), Problem> {
        let number = command.u16(element::RESPONDED_TO).unwrap_or(0);
        match self.unanswered.remove(&number) {
            Some(request) if operation == field::N_EVENT_REPORT | field::RESPONSE => {
                let status = command.u16(element::STATUS);
                if let Err(error) = commitment::answered(&request, status, self.shared).await {
                    error!(%error, "that a report on storage commitment was taken is not kept");
                }
                Ok(())
            }
            Some(_) | None => Err(Problem::Unexpected),
        }
    }
}
