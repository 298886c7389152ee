//! An association (PS3.8 7, PS3.7 D): negotiated contexts, then messages of a command and perhaps a data set.
//!
//! One outstanding message at a time (no asynchronous operations window): both directions of it are one thing, as
//! each waits for the other. Dropping an association closes its connection; [`Association::release`] ends it in order.

use crate::NetError;
use crate::command::Command;
use crate::error::Breach;
use crate::negotiate::{chunk_of, connect, rejection, request_pdu};
use crate::wire::{Received, Stream, Wire, next_fragment};
use bytes::Bytes;
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRQ, Pdu,
    PresentationContextResultReason,
};
use medsight_record::node::Dimse;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// PS3.7 A.2.1.
pub(crate) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Longest command set; real ones stay below 1 KiB.
const MAX_COMMAND: usize = 64 << 10;
/// Most contexts of one association: odd numbers up to 255 (PS3.8 9.3.2.2).
pub(crate) const MOST_CONTEXTS: usize = 128;

/// What is offered to a peer: one service or kind of object in some syntaxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) abstract_syntax: String,
    pub(crate) transfer_syntaxes: Vec<String>,
    /// The peer sends such objects to us (SCP role, for C-GET; PS3.7 D.3.3.4).
    pub(crate) peer_sends: bool,
}

impl Proposal {
    /// A service whose data sets are small: implicit little endian, which every peer has (PS3.5 10.1).
    pub(crate) fn service(abstract_syntax: &str) -> Self {
        let transfer_syntaxes = vec![crate::syntax::IMPLICIT.to_owned()];
        Self { abstract_syntax: abstract_syntax.to_owned(), transfer_syntaxes, peer_sends: false }
    }
}

/// A context that both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) id: u8,
    pub(crate) abstract_syntax: String,
    pub(crate) transfer_syntax: String,
}

/// What came from the peer.
pub(crate) enum Incoming {
    /// A command; its data set, if it has one, is still on the wire.
    Message { context: u8, command: Command },
    /// The peer is done, and has been answered.
    Released,
}

/// An established association.
pub(crate) struct Association {
    wire: Wire,
    contexts: Vec<Context>,
    /// Longest value that the peer takes in one PDU, in bytes.
    chunk: usize,
    /// Of a P-DATA that held more than one value.
    rest: Bytes,
    next_id: u16,
    /// What the peer calls itself.
    pub(crate) peer_title: String,
}

impl Association {
    /// Connects and negotiates.
    ///
    /// # Errors
    /// [`NetError::Unreachable`], [`NetError::Tls`], [`NetError::Rejected`] and what the wire can meet.
    pub(crate) async fn request(
        to: &Dimse,
        proposals: &[Proposal],
        cancel: &CancellationToken,
    ) -> Result<Self, NetError> {
        let stream = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(NetError::Cancelled),
            stream = connect(to) => stream?,
        };
        Self::request_over(stream, to, proposals, cancel).await
    }

    /// Negotiates on a connection that is there.
    pub(crate) async fn request_over(
        stream: Box<dyn Stream>,
        to: &Dimse,
        proposals: &[Proposal],
        cancel: &CancellationToken,
    ) -> Result<Self, NetError> {
        let patience = Duration::from_secs(u64::from(to.answer_s.max(1)));
        let mut wire = Wire::new(stream, patience, cancel.clone());
        wire.send(&Pdu::AssociationRQ(request_pdu(to, proposals))).await?;
        match wire.receive("asking for an association").await? {
            Received::Accept(accept) => Self::accepted(wire, proposals, accept, &to.called_ae),
            Received::Reject(reject) => Err(rejection(&reject)),
            Received::Abort(by) => Err(NetError::Aborted(by)),
            _ => Err(NetError::malformed("an answer to A-ASSOCIATE-RQ that is none")),
        }
    }

    fn accepted(
        wire: Wire,
        proposals: &[Proposal],
        accept: AssociationAC,
        title: &str,
    ) -> Result<Self, NetError> {
        let mut contexts = Vec::new();
        for result in &accept.presentation_contexts {
            if result.reason != PresentationContextResultReason::Acceptance {
                continue;
            }
            let place = usize::from(result.id / 2);
            let proposal = proposals.get(place).filter(|_| result.id % 2 == 1);
            let Some(proposal) = proposal else {
                return Err(NetError::malformed("a presentation context that was not proposed"));
            };
            let transfer_syntax = result.transfer_syntax.trim_matches(['\0', ' ']).to_owned();
            if !proposal.transfer_syntaxes.contains(&transfer_syntax) {
                return Err(NetError::malformed("a transfer syntax that was not proposed"));
            }
            let abstract_syntax = proposal.abstract_syntax.clone();
            contexts.push(Context { id: result.id, abstract_syntax, transfer_syntax });
        }
        let chunk = chunk_of(&accept.user_variables)?;
        Ok(Self { wire, contexts, chunk, rest: Bytes::new(), next_id: 0, peer_title: title.to_owned() })
    }

    /// The acceptor's side, when it has decided.
    pub(crate) fn provided(
        wire: Wire,
        contexts: Vec<Context>,
        request: &AssociationRQ,
    ) -> Result<Self, NetError> {
        let chunk = chunk_of(&request.user_variables)?;
        let peer_title = request.calling_ae_title.clone();
        Ok(Self { wire, contexts, chunk, rest: Bytes::new(), next_id: 0, peer_title })
    }

    /// The context for a service or kind of object.
    pub(crate) fn context_for(&self, abstract_syntax: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.abstract_syntax == abstract_syntax)
    }

    /// The context for a kind of object in one syntax.
    pub(crate) fn context_in(&self, abstract_syntax: &str, transfer_syntax: &str) -> Option<u8> {
        let fits =
            |c: &&Context| c.abstract_syntax == abstract_syntax && c.transfer_syntax == transfer_syntax;
        self.contexts.iter().find(fits).map(|context| context.id)
    }

    /// A context by its number.
    pub(crate) fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// A number for the next request.
    pub(crate) fn message_id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }

    /// While this counts up, the peer is not silent, although it says nothing here.
    pub(crate) fn watch(&mut self, elsewhere: &Arc<AtomicU64>) {
        self.wire.watch(elsewhere);
    }

    /// Sends a command and, when there is one, its data set.
    pub(crate) async fn send(
        &mut self,
        context: u8,
        command: &Command,
        data: Option<&[u8]>,
    ) -> Result<(), NetError> {
        self.begin(context, command);
        match data {
            Some(data) => self.send_part(context, data, true).await,
            None => self.wire.flush().await,
        }
    }

    /// Puts a command on its way; its data set follows by [`Self::send_part`].
    pub(crate) fn begin(&mut self, context: u8, command: &Command) {
        let bytes = command.encode();
        let count = bytes.len().div_ceil(self.chunk);
        for (index, chunk) in bytes.chunks(self.chunk).enumerate() {
            self.wire.gather(context, true, index + 1 == count, chunk);
        }
    }

    /// Sends a part of a data set. Every part but the last is best a multiple of [`Self::chunk`].
    pub(crate) async fn send_part(
        &mut self,
        context: u8,
        data: &[u8],
        is_last: bool,
    ) -> Result<(), NetError> {
        let mut rest = data;
        loop {
            let (chunk, behind) = rest.split_at(rest.len().min(self.chunk));
            let ends = behind.is_empty();
            self.wire.gather(context, false, is_last && ends, chunk);
            if ends {
                break;
            }
            rest = behind;
            self.wire.flush_if_full().await?;
        }
        if is_last { self.wire.flush().await } else { self.wire.flush_if_full().await }
    }

    /// The longest value of one PDU to the peer, in bytes.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// The next command of the peer.
    pub(crate) async fn receive(&mut self, doing: &'static str) -> Result<Incoming, NetError> {
        let (mut bytes, mut within) = (Vec::new(), None);
        loop {
            let Some(fragment) = self.fragment(doing).await? else {
                return if bytes.is_empty() {
                    Ok(Incoming::Released)
                } else {
                    Err(NetError::malformed("a release inside a command"))
                };
            };
            if !fragment.is_command || within.is_some_and(|id| id != fragment.context) {
                return Err(NetError::malformed("data where a command must stand"));
            }
            if bytes.len() + fragment.data.len() > MAX_COMMAND {
                return Err(NetError::Protocol(Breach::TooLarge(MAX_COMMAND as u64)));
            }
            within = Some(fragment.context);
            bytes.extend_from_slice(&fragment.data);
            if fragment.is_last {
                let command = Command::decode(&bytes)?;
                return Ok(Incoming::Message { context: fragment.context, command });
            }
        }
    }

    /// The data set that follows a command, put behind what is in `into`.
    pub(crate) async fn receive_data(
        &mut self,
        context: u8,
        into: &mut Vec<u8>,
        most: u64,
        doing: &'static str,
    ) -> Result<(), NetError> {
        loop {
            let Some(fragment) = self.fragment(doing).await? else {
                return Err(NetError::malformed("a release inside a data set"));
            };
            if fragment.is_command || fragment.context != context {
                return Err(NetError::malformed("a command inside a data set"));
            }
            if (into.len() + fragment.data.len()) as u64 > most {
                return Err(NetError::Protocol(Breach::TooLarge(most)));
            }
            into.extend_from_slice(&fragment.data);
            if fragment.is_last {
                return Ok(());
            }
        }
    }

    /// The next value; `None` when the peer released.
    async fn fragment(&mut self, doing: &'static str) -> Result<Option<crate::wire::Fragment>, NetError> {
        loop {
            if let Some(fragment) = next_fragment(&mut self.rest)? {
                return Ok(Some(fragment));
            }
            match self.wire.receive(doing).await? {
                Received::Data(data) => self.rest = data,
                Received::ReleaseRequest => {
                    self.wire.send(&Pdu::ReleaseRP).await?;
                    self.wire.close().await;
                    return Ok(None);
                }
                Received::Abort(by) => return Err(NetError::Aborted(by)),
                _ => return Err(NetError::malformed("negotiation in the middle of an association")),
            }
        }
    }

    /// The answer to a request, which has to be of the kind `field`.
    pub(crate) async fn answer(
        &mut self,
        field: u16,
        doing: &'static str,
    ) -> Result<(u8, Command), NetError> {
        match self.receive(doing).await? {
            Incoming::Message { context, command } if command.field() == field => Ok((context, command)),
            Incoming::Message { .. } => Err(NetError::malformed("an answer to something else")),
            Incoming::Released => Err(NetError::Lost(doing)),
        }
    }

    /// Ends the association in order. What was asked and answered stays valid whether the peer answers or not.
    pub(crate) async fn release(mut self) {
        let polite = async {
            self.wire.send(&Pdu::ReleaseRQ).await?;
            while !matches!(
                self.wire.receive("releasing").await?,
                Received::ReleaseResponse | Received::Abort(_)
            ) {}
            Ok::<_, NetError>(())
        };
        let _gone = tokio::time::timeout(Duration::from_secs(5), polite).await;
        self.wire.close().await;
    }

    /// Ends the association at once.
    pub(crate) async fn abort(mut self) {
        // The cancellation that leads here must not keep the abort from being sent.
        self.wire.cancel = CancellationToken::new();
        let source = AbortRQSource::ServiceUser;
        let _gone =
            tokio::time::timeout(Duration::from_secs(1), self.wire.send(&Pdu::AbortRQ { source })).await;
        self.wire.close().await;
    }

    /// Asks the peer to stop a C-FIND, C-MOVE or C-GET, gives it a moment, and ends the association.
    pub(crate) async fn cancel_operation(mut self, context: u8, message_id: u16) {
        use crate::command::{field, tag};
        self.wire.cancel = CancellationToken::new();
        let cancel = Command::new(field::C_CANCEL_RQ, false).number(tag::RESPONDED_ID, message_id);
        let _gone = tokio::time::timeout(Duration::from_secs(1), self.send(context, &cancel, None)).await;
        self.abort().await;
    }

    /// Asks the peer to stop a C-MOVE and lets it end what it sends, for a moment: its answer says that nothing more
    /// comes. Then ends the association.
    pub(crate) async fn cancel_move(mut self, context: u8, message_id: u16) {
        use crate::command::{field, tag};
        use crate::status::{PENDING, PENDING_WARNING};
        self.wire.cancel = CancellationToken::new();
        let cancel = Command::new(field::C_CANCEL_RQ, false).number(tag::RESPONDED_ID, message_id);
        let polite = async {
            self.send(context, &cancel, None).await?;
            loop {
                let (context, answer) = self.answer(field::C_MOVE_RSP, "cancelling C-MOVE").await?;
                if answer.has_data() {
                    self.receive_data(context, &mut Vec::new(), 1 << 20, "cancelling C-MOVE").await?;
                }
                if !matches!(answer.status(), PENDING | PENDING_WARNING) {
                    return Ok::<_, NetError>(());
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(2), polite).await {
            Ok(Ok(())) => self.release().await,
            _ => self.abort().await,
        }
    }
}

/// Tells a peer that broke the protocol, as far as it still listens (PS3.8 9.2.2, AA-1).
pub(crate) async fn abort_wire(wire: &mut Wire) {
    let source = AbortRQSource::ServiceProvider(AbortRQServiceProviderReason::ReasonNotSpecified);
    let _gone = tokio::time::timeout(Duration::from_secs(1), wire.send(&Pdu::AbortRQ { source })).await;
    wire.close().await;
}
