//! What a node accepts, for the people who connect it.

use std::time::{Duration, Instant};

use super::association::{Association, Proposed};
use super::connect::TlsFacts;
use super::{Remote, ScuError, status_error};
use crate::dimse::classes::{EXPLICIT_LITTLE, IMPLICIT_LITTLE, VERIFICATION};
use crate::dimse::command::{Command, element, field};

/// What our own objects come in.
const PLAIN: &[&str] = &[EXPLICIT_LITTLE, IMPLICIT_LITTLE];

/// What a node said.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What TLS agreed on, if the node speaks it.
    pub tls: Option<TlsFacts>,
    /// Until the association was there.
    pub connected: Duration,
    /// C-ECHO and back; `None` if the node does not take it.
    pub echo: Option<Duration>,
    /// Implementation Version Name.
    pub implementation: Option<String>,
    /// Of the classes asked about, the transfer syntaxes accepted.
    pub accepted: Vec<(String, Vec<String>)>,
}

/// Opens an association for C-ECHO and these SOP classes, and echoes.
///
/// # Errors
///
/// There is no association, or the echo fails.
pub async fn probe(remote: &Remote, classes: &[&str]) -> Result<Probe, ScuError> {
    let mut proposed = vec![Proposed::new(VERIFICATION, &[super::association::IMPLICIT])];
    for class in classes {
        proposed.extend(PLAIN.iter().map(|syntax| Proposed::new(class, &[*syntax])));
    }
    let start = Instant::now();
    let mut association = Association::open(remote, &proposed).await?;
    let connected = start.elapsed();
    let start = Instant::now();
    let echo = match echo_on(&mut association).await {
        Ok(answered) => answered.then(|| start.elapsed()),
        Err(error) => {
            association.abort().await;
            return Err(error);
        }
    };
    let of = |class: &str| {
        let contexts = association.contexts().iter().filter(|context| context.sop_class == class);
        contexts.map(|context| context.syntax.clone()).collect()
    };
    let accepted = classes.iter().map(|class| ((*class).to_owned(), of(class))).collect();
    let (tls, implementation) = (association.tls.clone(), association.implementation.clone());
    association.release().await;
    Ok(Probe { tls, connected, echo, implementation, accepted })
}

/// C-ECHO; whether the node takes it at all.
async fn echo_on(association: &mut Association) -> Result<bool, ScuError> {
    let Some(context) = association.context(VERIFICATION, None).map(|context| context.id) else { return Ok(false) };
    let fill = |command: Command| command.with_uid(element::AFFECTED_SOP_CLASS, VERIFICATION);
    let id = association.request(context, field::C_ECHO, fill, None).await?;
    match association.response(id, field::C_ECHO, 0).await? {
        (_, 0) => Ok(true),
        (message, status) => Err(status_error(status, &message.command)),
    }
}

/// As [`super::echo`].
pub(super) async fn echo(remote: &Remote) -> Result<(), ScuError> {
    match probe(remote, &[]).await?.echo {
        Some(_) => Ok(()),
        None => Err(ScuError::NoContext("Verification (C-ECHO)".to_owned())),
    }
}
