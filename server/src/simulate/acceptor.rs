//! Associations that others ask for: read by dicom-ul, agreed to by a few rules.

use std::time::Duration;

use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason,
    AssociationRJSource, AssociationRQ, Pdu, PresentationContextResult, PresentationContextResultReason,
    UserVariableItem, read_pdu,
};

use uvid_datasets::dicom;

use crate::dimse::scu::association::{Context, IMPLICIT};
use crate::dimse::scu::wire::{PDU_BYTES, Wire, WireError};
use crate::dimse::scu::{commitment, query, retrieve};
use crate::dimse::{classes, own_variables};

/// For a peer to ask for an association.
const REQUEST: Duration = Duration::from_secs(15);
/// The root of the UIDs of storage SOP classes.
const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";
/// Services that are not storage.
const SERVICES: &[&str] =
    &[classes::VERIFICATION, commitment::SOP_CLASS, query::STUDY_ROOT, query::WORKLIST, retrieve::GET, retrieve::MOVE];

/// Reads the request for an association.
pub(super) async fn requested(wire: &mut Wire) -> Result<AssociationRQ, WireError> {
    let (kind, body) = wire.read_pdu(REQUEST).await?;
    let mut bytes = vec![kind, 0];
    bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(body);
    match read_pdu(&bytes[..], PDU_BYTES * 2, false) {
        Ok(Some(Pdu::AssociationRQ(request))) => Ok(request),
        _ => Err(WireError::Protocol("it does not ask for an association".to_owned())),
    }
}

/// Rejects it: transient, local limit exceeded.
pub(super) async fn reject(mut wire: Wire) {
    let reason = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    let source = AssociationRJSource::ServiceProviderPresentation(reason);
    let rejection = AssociationRJ { result: AssociationRJResult::Transient, source };
    let _ = wire.write_pdu(&Pdu::AssociationRJ(rejection), REQUEST).await;
}

/// Agrees to it: the contexts that were accepted.
pub(super) async fn accept(
    wire: &mut Wire,
    request: AssociationRQ,
    only_implicit: bool,
) -> Result<Vec<Context>, WireError> {
    let mut accepted = Vec::new();
    let mut results = Vec::new();
    for asked in request.presentation_contexts {
        let service = SERVICES.contains(&asked.abstract_syntax.as_str());
        let known = service || asked.abstract_syntax.starts_with(STORAGE);
        let takes = |syntax: &&String| match service || only_implicit {
            true => **syntax == IMPLICIT,
            false => dicom::decoded_syntaxes().any(|uid| uid == syntax.as_str()),
        };
        let syntax = asked.transfer_syntaxes.iter().find(takes).cloned();
        let reason = match (&syntax, known) {
            (Some(syntax), true) => {
                let (sop_class, syntax) = (asked.abstract_syntax, syntax.clone());
                accepted.push(Context { id: asked.id, sop_class, syntax });
                PresentationContextResultReason::Acceptance
            }
            (_, false) => PresentationContextResultReason::AbstractSyntaxNotSupported,
            (None, true) => PresentationContextResultReason::TransferSyntaxesNotSupported,
        };
        let transfer_syntax = syntax.unwrap_or_else(|| IMPLICIT.to_owned());
        results.push(PresentationContextResult { id: asked.id, reason, transfer_syntax });
    }
    let mut user_variables = own_variables(PDU_BYTES);
    for item in request.user_variables {
        match item {
            UserVariableItem::MaxLength(bytes) => wire.set_peer_pdu_bytes(bytes),
            role @ UserVariableItem::ScuScpRoleSelectionSubItem(..) => user_variables.push(role),
            UserVariableItem::Unknown(..)
            | UserVariableItem::ImplementationClassUID(_)
            | UserVariableItem::ImplementationVersionName(_)
            | UserVariableItem::SopClassExtendedNegotiationSubItem(..)
            | UserVariableItem::UserIdentityItem(_) => {}
        }
    }
    let answer = AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title,
        called_ae_title: request.called_ae_title,
        application_context_name: request.application_context_name,
        presentation_contexts: results,
        user_variables,
    };
    wire.write_pdu(&Pdu::AssociationAC(answer), REQUEST).await?;
    Ok(accepted)
}
