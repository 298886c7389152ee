//! How an association comes about: the connection, what is asked for, and why it was refused (PS3.8 9.3, annex D).

use crate::association::{APPLICATION_CONTEXT, MOST_CONTEXTS, Proposal};
use crate::tcp::PromptTcp;
use crate::wire::{MAX_PDATA, Stream};
use crate::{NetError, tls};
use dicom_ul::pdu::{
    AssociationRJ, AssociationRJResult, AssociationRJServiceProviderASCEReason,
    AssociationRJServiceUserReason, AssociationRJSource, AssociationRQ, PresentationContextProposed,
    RequestorRoles, UserVariableItem,
};
use medsight_dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION};
use medsight_record::node::Dimse;
use rustls::pki_types::ServerName;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

pub(crate) async fn connect(to: &Dimse) -> Result<Box<dyn Stream>, NetError> {
    let peer = format!("{}:{}", to.host, to.port);
    let unreachable = |why: String| NetError::Unreachable { peer: peer.clone(), why };
    let patience = Duration::from_secs(u64::from(to.connect_s.max(1)));
    let tcp = TcpStream::connect((to.host.as_str(), to.port));
    let tcp = match tokio::time::timeout(patience, tcp).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(why)) => return Err(unreachable(why.to_string())),
        Err(_) => return Err(unreachable(format!("no answer within {} s", patience.as_secs()))),
    };
    let tcp = PromptTcp::new(tcp).map_err(|why| unreachable(why.to_string()))?;
    let Some(tls) = &to.tls else { return Ok(Box::new(tcp)) };
    let not_secure = |why: String| NetError::Tls { peer: peer.clone(), why };
    let name = tls.server_name.as_deref().unwrap_or(&to.host).to_owned();
    let name = ServerName::try_from(name).map_err(|why| not_secure(why.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls::client(Some(tls))?));
    match tokio::time::timeout(patience, connector.connect(name, tcp)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(why)) => Err(not_secure(why.to_string())),
        Err(_) => Err(not_secure(format!("no handshake within {} s", patience.as_secs()))),
    }
}

pub(crate) fn request_pdu(to: &Dimse, proposals: &[Proposal]) -> AssociationRQ {
    let presentation_contexts = (1_u8..).step_by(2).zip(proposals).map(|(id, proposal)| {
        let Proposal { abstract_syntax, transfer_syntaxes, .. } = proposal.clone();
        PresentationContextProposed { id, abstract_syntax, transfer_syntaxes }
    });
    let mut user_variables = user_variables();
    let sends: BTreeSet<&str> =
        proposals.iter().filter(|p| p.peer_sends).map(|p| p.abstract_syntax.as_str()).collect();
    user_variables.extend(sends.into_iter().map(|class| {
        let roles = RequestorRoles { scu: false, scp: true };
        UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), roles)
    }));
    AssociationRQ {
        protocol_version: 1,
        calling_ae_title: to.calling_ae.clone(),
        called_ae_title: to.called_ae.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: presentation_contexts.take(MOST_CONTEXTS).collect(),
        user_variables,
    }
}

/// What both sides tell about themselves (PS3.7 D.3.3).
pub(crate) fn user_variables() -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(MAX_PDATA),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION.to_owned()),
    ]
}

/// The longest value for the peer: its Maximum Length (0: any) less the value's header.
pub(crate) fn chunk_of(variables: &[UserVariableItem]) -> Result<usize, NetError> {
    let told =
        variables.iter().find_map(|v| if let UserVariableItem::MaxLength(n) = v { Some(*n) } else { None });
    let most = match told.unwrap_or(0) {
        0 => MAX_PDATA,
        n => n.min(MAX_PDATA),
    };
    // Even, so that no value ends inside a 16-bit word.
    match (most as usize).checked_sub(6).map(|n| n & !1) {
        Some(chunk) if chunk >= 128 => Ok(chunk),
        _ => Err(NetError::malformed("a maximum PDU length too small for any message")),
    }
}

pub(crate) fn rejection(reject: &AssociationRJ) -> NetError {
    use AssociationRJServiceUserReason as User;
    let why = match &reject.source {
        AssociationRJSource::ServiceUser(User::CalledAETitleNotRecognized) => {
            "it does not know the called application entity title"
        }
        AssociationRJSource::ServiceUser(User::CallingAETitleNotRecognized) => {
            "it does not know this workstation's application entity title; ask its administrator to add it"
        }
        AssociationRJSource::ServiceUser(User::ApplicationContextNameNotSupported) => {
            "it does not support the DICOM application context"
        }
        AssociationRJSource::ServiceProviderASCE(
            AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported,
        ) => "it does not support this protocol version",
        AssociationRJSource::ServiceProviderPresentation(_) => "it is busy or at its limit",
        _ => "it gives no reason",
    };
    NetError::Rejected { permanent: reject.result == AssociationRJResult::Permanent, why }
}

/// A request as a modality sends it, for the tests of the wire.
#[cfg(test)]
pub(crate) fn tests_request() -> AssociationRQ {
    let to = Dimse {
        called_ae: "MEDSIGHT".into(),
        calling_ae: "MODALITY".into(),
        host: "localhost".into(),
        port: 1,
        tls: None,
        connect_s: 1,
        answer_s: 1,
    };
    let mut get = Proposal::service("1.2.840.10008.5.1.4.1.1.2");
    get.peer_sends = true;
    request_pdu(&to, &[Proposal::service("1.2.840.10008.1.1"), get])
}
