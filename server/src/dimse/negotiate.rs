//! What we answer to a request for an association (PS3.8 section 7.1, PS3.7 annex D.3).
//!
//! Invariant: a decision of the request, the peer's address and the configuration alone. An association without a single
//! accepted context is one all the same (PS3.8 section 9.3.3): the peer sees which were refused, and why.

use std::collections::BTreeMap;
use std::net::IpAddr;

use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason as AcseReason,
    AssociationRJServiceProviderPresentationReason as PresentationReason, AssociationRJServiceUserReason as UserReason,
    AssociationRJSource, AssociationRQ, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason as Reason, RequestorRoles, UserVariableItem,
};

use super::classes::{IMPLICIT_LITTLE, STORAGE_COMMITMENT, Service};
use super::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use crate::config::{Config, Dimse};
use crate::store::senders::Rules;
use crate::store::{Door, Origin};

/// The DICOM Application Context Name (PS3.7 A.2.1).
pub(super) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// A presentation context that both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The SOP class.
    pub(super) sop_class: String,
    /// What it is for.
    pub(super) service: Service,
    /// The transfer syntax of data sets.
    pub(super) transfer_syntax: String,
}

/// An association as agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreement {
    /// Accepted contexts by their IDs.
    pub(super) contexts: BTreeMap<u8, Context>,
    /// Bytes of a P-DATA-TF that the peer takes; 0: any.
    pub(super) pdu_bytes: u32,
    /// Our answer.
    pub(super) answer: AssociationAC,
}

/// Why there is no association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    /// A-ASSOCIATE-RJ; what to call it in logs and metrics.
    Rejected(AssociationRJ, &'static str),
    /// The request makes no sense: A-ABORT.
    Invalid,
}

/// Decides. `full`: there are as many associations as may be.
pub(super) fn negotiate(
    request: &AssociationRQ,
    address: IpAddr,
    config: &Config,
    full: bool,
) -> Result<Agreement, No> {
    admit(request, address, config, full)?;
    let mut contexts = BTreeMap::new();
    let mut results = Vec::new();
    for proposed in &request.presentation_contexts {
        let outcome = context(proposed, &config.dimse);
        let (reason, transfer_syntax) = match &outcome {
            Ok(context) => (Reason::Acceptance, context.transfer_syntax.clone()),
            // Not significant, but one must be there (PS3.8 section 9.3.3.2).
            Err(reason) => (reason.clone(), IMPLICIT_LITTLE.to_owned()),
        };
        results.push(PresentationContextResult { id: proposed.id, reason, transfer_syntax });
        // PS3.8 section 7.1.1.13: odd numbers, each once. Of messages in others nobody knows what they are.
        let taken = results.iter().filter(|result| result.id == proposed.id).count() > 1;
        if taken || proposed.id.is_multiple_of(2) {
            return Err(No::Invalid);
        }
        if let Ok(context) = outcome {
            contexts.insert(proposed.id, context);
        }
    }
    let variables = &request.user_variables;
    let pdu_bytes = variables.iter().find_map(|item| match item {
        UserVariableItem::MaxLength(bytes) => Some(*bytes),
        UserVariableItem::Unknown(..)
        | UserVariableItem::ImplementationClassUID(_)
        | UserVariableItem::ImplementationVersionName(_)
        | UserVariableItem::SopClassExtendedNegotiationSubItem(..)
        | UserVariableItem::ScuScpRoleSelectionSubItem(..)
        | UserVariableItem::UserIdentityItem(_) => None,
    });
    let answer = AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title.clone(),
        called_ae_title: request.called_ae_title.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: results,
        user_variables: own_variables(config.dimse.pdu_bytes_max).into_iter().chain(roles(variables)).collect(),
    };
    Ok(Agreement { contexts, pdu_bytes: pdu_bytes.unwrap_or(0), answer })
}

/// What we say of ourselves.
pub(crate) fn own_variables(pdu_bytes_max: u32) -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(pdu_bytes_max),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
    ]
}

/// Who may come in (PS3.8 table 9-21).
fn admit(request: &AssociationRQ, address: IpAddr, config: &Config, full: bool) -> Result<(), No> {
    let reject = |result, source, code| Err(No::Rejected(AssociationRJ { result, source }, code));
    let refuse = |reason, code| reject(AssociationRJResult::Permanent, AssociationRJSource::ServiceUser(reason), code);
    if request.protocol_version & 1 == 0 {
        let source = AssociationRJSource::ServiceProviderASCE(AcseReason::ProtocolVersionNotSupported);
        return reject(AssociationRJResult::Permanent, source, "rejected-protocol-version");
    }
    if full {
        let source = AssociationRJSource::ServiceProviderPresentation(PresentationReason::LocalLimitExceeded);
        return reject(AssociationRJResult::Transient, source, "rejected-too-many");
    }
    if request.application_context_name.trim_end_matches(['\0', ' ']) != APPLICATION_CONTEXT {
        return refuse(UserReason::ApplicationContextNameNotSupported, "rejected-application-context");
    }
    if config.dimse.check_called_ae_title && request.called_ae_title != config.dimse.ae_title {
        return refuse(UserReason::CalledAETitleNotRecognized, "rejected-called-ae-title");
    }
    let title = &request.calling_ae_title;
    let origin = Origin { door: Door::Push, ae_title: Some(title.clone()), address: Some(address) };
    let allowed = Rules::of(config).rule(&origin).accept;
    // PS3.8 table 9-11: sixteen spaces are no title.
    if !allowed || title.is_empty() || !title.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return refuse(UserReason::CallingAETitleNotRecognized, "rejected-calling-ae-title");
    }
    Ok(())
}

/// Decides on one context.
fn context(proposed: &PresentationContextProposed, dimse: &Dimse) -> Result<Context, Reason> {
    let plain = |uid: &str| uid.trim_end_matches(['\0', ' ']).to_owned();
    let sop_class = plain(&proposed.abstract_syntax);
    let service = Service::of(&sop_class).ok_or(Reason::AbstractSyntaxNotSupported)?;
    let offered: Vec<_> =
        proposed.transfer_syntaxes.iter().map(|uid| plain(uid)).filter(|uid| service.takes(uid)).collect();
    let preferred = dimse.transfer_syntaxes.iter().find(|uid| offered.contains(uid));
    let transfer_syntax = preferred.or(offered.first()).ok_or(Reason::TransferSyntaxesNotSupported)?;
    Ok(Context { sop_class, service, transfer_syntax: transfer_syntax.clone() })
}

/// PS3.7 D.3.3.4: the requestor is user, and provider only where it reports on commitments that we asked it for.
fn roles(variables: &[UserVariableItem]) -> Vec<UserVariableItem> {
    let role = |item: &UserVariableItem| match item {
        UserVariableItem::ScuScpRoleSelectionSubItem(sop_class, asked) => {
            let scp = asked.scp && sop_class.trim_end_matches(['\0', ' ']) == STORAGE_COMMITMENT;
            let roles = RequestorRoles { scu: asked.scu, scp };
            Some(UserVariableItem::ScuScpRoleSelectionSubItem(sop_class.clone(), roles))
        }
        UserVariableItem::Unknown(..)
        | UserVariableItem::MaxLength(_)
        | UserVariableItem::ImplementationClassUID(_)
        | UserVariableItem::ImplementationVersionName(_)
        | UserVariableItem::SopClassExtendedNegotiationSubItem(..)
        | UserVariableItem::UserIdentityItem(_) => None,
    };
    variables.iter().filter_map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sender;

    const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";

    fn request(contexts: &[(u8, &str, &[&str])]) -> AssociationRQ {
        AssociationRQ {
            protocol_version: 1,
            calling_ae_title: "MODALITY".to_owned(),
            called_ae_title: "UVID".to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: contexts
                .iter()
                .map(|(id, class, syntaxes)| PresentationContextProposed {
                    id: *id,
                    abstract_syntax: (*class).to_owned(),
                    transfer_syntaxes: syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
                })
                .collect(),
            user_variables: vec![UserVariableItem::MaxLength(1234)],
        }
    }

    fn address() -> IpAddr {
        "10.1.2.3".parse().unwrap()
    }

    #[test]
    fn who_may_not_come_in_is_told_why() {
        let sender = |name: &str, title: &str, network: &str, accept| Sender {
            name: name.to_owned(),
            ae_titles: vec![title.to_owned()],
            addresses: vec![network.to_owned()],
            accept,
            ..Sender::default()
        };
        let check = |change: &dyn Fn(&mut AssociationRQ, &mut Config), full: bool, expected: Option<&str>| {
            let (mut request, mut config) = (request(&[]), Config::default());
            config.senders = vec![sender("a", "MODALITY", "10.1.2.0/24", true), sender("b", "OLD", "0.0.0.0/0", false)];
            change(&mut request, &mut config);
            let found = match negotiate(&request, address(), &config, full) {
                Ok(_) => None,
                Err(No::Rejected(_, code)) => Some(code),
                Err(No::Invalid) => Some("invalid"),
            };
            assert_eq!(found, expected, "{request:?}");
        };
        check(&|_, _| {}, false, None);
        check(&|_, _| {}, true, Some("rejected-too-many"));
        check(&|r, _| r.protocol_version = 2, false, Some("rejected-protocol-version"));
        check(&|r, _| r.application_context_name = "1.2".to_owned(), false, Some("rejected-application-context"));
        check(&|r, _| r.called_ae_title = "OTHER".to_owned(), false, Some("rejected-called-ae-title"));
        check(
            &|r, c| {
                r.called_ae_title = "OTHER".to_owned();
                c.dimse.check_called_ae_title = false;
            },
            false,
            None,
        );
        check(&|r, _| r.calling_ae_title = "OLD".to_owned(), false, Some("rejected-calling-ae-title"));
        check(&|r, _| r.calling_ae_title = "NEW".to_owned(), false, None);
        check(&|r, _| r.calling_ae_title = String::new(), false, Some("rejected-calling-ae-title"));
        let unknown = |title: &'static str| {
            move |r: &mut AssociationRQ, c: &mut Config| {
                r.calling_ae_title = title.to_owned();
                c.dimse.unknown_senders = false;
            }
        };
        check(&unknown("NEW"), false, Some("rejected-calling-ae-title"));
        check(&unknown("MODALITY"), false, None);
    }

    #[test]
    fn a_context_gets_the_preferred_syntax_or_the_first() {
        const JPEG: &str = "1.2.840.10008.1.2.4.70";
        const EXPLICIT: &str = "1.2.840.10008.1.2.1";
        const PART_2: &str = "1.2.840.10008.1.2.4.92";
        let check = |preferred: &[&str], class: &str, offered: &[&str], expected: Result<&str, Reason>| {
            let mut config = Config::default();
            config.dimse.transfer_syntaxes = preferred.iter().map(|uid| (*uid).to_owned()).collect();
            let agreed = negotiate(&request(&[(1, class, offered)]), address(), &config, false).unwrap();
            let result = &agreed.answer.presentation_contexts[0];
            let found = agreed.contexts.get(&1).map(|c| c.transfer_syntax.as_str()).ok_or(result.reason.clone());
            assert_eq!(found, expected, "{preferred:?} {offered:?}");
            assert_eq!(agreed.pdu_bytes, 1234);
        };
        check(&[], MAMMOGRAM, &[JPEG, EXPLICIT], Ok(JPEG));
        check(&[], MAMMOGRAM, &[PART_2, EXPLICIT, JPEG], Ok(EXPLICIT));
        check(&[JPEG], MAMMOGRAM, &[EXPLICIT, JPEG], Ok(JPEG));
        check(&["1.2.840.10008.1.2.4.90", JPEG], MAMMOGRAM, &[EXPLICIT, JPEG], Ok(JPEG));
        check(&[PART_2], MAMMOGRAM, &[PART_2, EXPLICIT], Ok(EXPLICIT));
        check(&[], MAMMOGRAM, &[PART_2], Err(Reason::TransferSyntaxesNotSupported));
        check(&[], MAMMOGRAM, &[], Err(Reason::TransferSyntaxesNotSupported));
        check(&[], "1.2.3", &[EXPLICIT], Err(Reason::AbstractSyntaxNotSupported));
        check(&[], "1.2.840.10008.1.1\0", &[EXPLICIT], Ok(EXPLICIT));
    }

    #[test]
    fn contexts_have_odd_numbers_of_their_own() {
        let syntaxes: &[&str] = &[IMPLICIT_LITTLE];
        for (ids, valid) in [(&[1, 3, 255][..], true), (&[2], false), (&[1, 1], false), (&[0], false), (&[], true)] {
            let contexts: Vec<_> = ids.iter().map(|id| (*id, MAMMOGRAM, syntaxes)).collect();
            let found = negotiate(&request(&contexts), address(), &Config::default(), false);
            assert_eq!(found.is_ok(), valid, "{ids:?}");
        }
    }

    #[test]
    fn only_reports_of_commitment_reverse_the_roles() {
        let both = RequestorRoles { scu: true, scp: true };
        for (class, scp) in [(STORAGE_COMMITMENT, true), (MAMMOGRAM, false)] {
            let item = UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), both);
            let expected = RequestorRoles { scu: true, scp };
            assert_eq!(roles(&[item]), [UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), expected)]);
        }
    }
}
