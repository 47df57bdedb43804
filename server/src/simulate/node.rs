//! One association of a simulated PACS, from its request to its end.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use super::event::tell;
use super::{Pacs, acceptor, requests};
use crate::dimse::command::{Command, element, field};
use crate::dimse::scu::association::Context;
use crate::dimse::scu::wire::{Message, Wire, WireError};

/// Between two PDUs.
pub(super) const IDLE: Duration = Duration::from_secs(120);
/// Bytes of an object.
const OBJECT_BYTES_MAX: usize = 4 << 30;

/// How an association goes on behind a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It does.
    Go,
    /// The connection is cut.
    Cut,
}

/// An association that was accepted.
pub(super) struct Session<'a> {
    pub(super) pacs: &'a std::sync::Arc<Pacs>,
    pub(super) wire: Wire,
    pub(super) contexts: Vec<Context>,
    /// Calling AE title.
    pub(super) calling: String,
}

impl Session<'_> {
    /// The context of a message.
    pub(super) fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// Answers, as late as it was told to.
    pub(super) async fn answer(
        &mut self,
        context: u8,
        command: &Command,
        data: Option<&[u8]>,
    ) -> Result<(), WireError> {
        tokio::time::sleep(Duration::from_millis(self.pacs.options.misbehaviour.delay_ms)).await;
        self.wire.send(context, command, data, IDLE).await
    }

    pub(super) async fn receive(&mut self) -> Result<Message, WireError> {
        self.wire.receive(OBJECT_BYTES_MAX, IDLE).await
    }
}

/// Serves a connection.
pub(super) async fn serve(pacs: &std::sync::Arc<Pacs>, stream: TcpStream, from: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let mut wire = Wire::new(stream);
    let from = from.ip().to_string();
    let request = match acceptor::requested(&mut wire).await {
        Ok(request) => request,
        Err(error) => return tell("no-association", &json!({ "from": from, "why": error.to_string() })),
    };
    let (calling, called) = (request.calling_ae_title.clone(), request.called_ae_title.clone());
    let who = json!({ "from": from, "calling": calling, "called": called });
    let misbehaviour = &pacs.options.misbehaviour;
    if pacs.mischief.happens(misbehaviour.reject_associations_rate) {
        acceptor::reject(wire).await;
        return tell("association-rejected", &who);
    }
    let contexts = match acceptor::accept(&mut wire, request, misbehaviour.only_implicit).await {
        Ok(contexts) => contexts,
        Err(error) => return tell("no-association", &json!({ "from": from, "why": error.to_string() })),
    };
    tell("association", &who);
    let mut session = Session { pacs, wire, contexts, calling };
    match talk(&mut session).await {
        Ok(()) => tell("cut", &who),
        Err(WireError::Released) => tell("released", &who),
        Err(error) => tell("ended", &json!({ "calling": session.calling, "why": error.to_string() })),
    }
}

/// Message after message, until the connection is to be cut.
async fn talk(session: &mut Session<'_>) -> Result<(), WireError> {
    loop {
        let message = session.receive().await?;
        let next = match message.command.u16(element::COMMAND_FIELD).unwrap_or(0) {
            field::C_ECHO => {
                tell("echo", &json!({ "calling": session.calling }));
                session.answer(message.context, &Command::response(&message.command, 0), None).await?;
                Next::Go
            }
            field::C_STORE => requests::store(session, message).await?,
            field::C_FIND => requests::find(session, &message).await?,
            field::C_GET => requests::get(session, &message).await?,
            field::C_MOVE => requests::move_to(session, &message).await?,
            field::N_ACTION => requests::commit(session, &message).await?,
            // Too late to cancel anything.
            field::C_CANCEL => Next::Go,
            // Unrecognized operation (PS3.7 annex C.5.22).
            _ => {
                session.answer(message.context, &Command::response(&message.command, 0x0211), None).await?;
                Next::Go
            }
        };
        if next == Next::Cut {
            return Ok(());
        }
    }
}
