//! Provider of C-ECHO and C-STORE (PS3.4 A, B), and receiver of storage commitment reports. Off unless asked for.
//!
//! Only peers of the list get an association, and only when they call us by our name. An object counts as stored
//! when it is durable. A peer that breaks the protocol loses its connection and nothing else happens.

mod event;

use crate::association::{APPLICATION_CONTEXT, Association, Context, Incoming, MOST_CONTEXTS, abort_wire};
use crate::command::{Command, field};
use crate::commit;
use crate::fetch::receive_object;
use crate::negotiate::user_variables;
use crate::sink::{Keeper, Kept, Sink, Taken};
use crate::tcp::PromptTcp;
use crate::wire::{Received, Stream, Wire};
use crate::{NetError, syntax, tls};
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason,
    AssociationRJServiceUserReason, AssociationRJSource, AssociationRQ, Pdu, PresentationContextResult,
    PresentationContextResultReason,
};
pub use event::Event;
use medsight_record::Refusal;
use medsight_record::listener::Allowed;
use medsight_record::node::Tls;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    /// Our title, by which peers have to call us.
    pub own_ae: String,
    /// Where to listen.
    pub address: SocketAddr,
    /// With TLS: our certificate, and the authorities whose certificates peers must show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Who may send. Nobody else may.
    pub peers: Vec<Allowed>,
    /// Associations at once.
    #[serde(default = "sixteen")]
    pub most_associations: usize,
    /// Seconds after which a silent peer is let go.
    #[serde(default = "thirty")]
    pub idle_s: u16,
}

const OTHER_TITLE: &str = "it called another application entity title";
const NOT_LISTED: &str = "it is not in the list of peers that may send";
const BUSY: &str = "as many associations as are allowed at once are open";

const fn sixteen() -> usize {
    16
}

const fn thirty() -> u16 {
    30
}

/// Listens until cancelled; then lets running associations end their message, and gives the tally.
///
/// # Errors
/// When it cannot listen.
pub async fn listen(
    settings: ListenSettings,
    sink: Arc<dyn Sink>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> Result<Kept, NetError> {
    Ok(Listener::bind(settings).await?.serve(sink, events, cancel).await)
}

/// A port that is open; nobody is answered before [`Listener::serve`].
pub struct Listener {
    settings: ListenSettings,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Opens the port.
    ///
    /// # Errors
    /// [`NetError::Certificate`] and its like, and [`NetError::Io`] with what the system says to the address.
    pub async fn bind(settings: ListenSettings) -> Result<Self, NetError> {
        let acceptor = match &settings.tls {
            Some(tls) => Some(tokio_rustls::TlsAcceptor::from(Arc::new(tls::server(tls)?))),
            None => None,
        };
        let io = |source| NetError::Io { what: "opening the DICOM listener", source };
        let listener = TcpListener::bind(settings.address).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        Ok(Self { settings, acceptor, listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until cancelled; then lets running associations end their message, and gives the tally.
    pub async fn serve(
        self,
        sink: Arc<dyn Sink>,
        events: mpsc::Sender<Event>,
        cancel: CancellationToken,
    ) -> Kept {
        let Self { settings, acceptor, listener, address } = self;
        tell(&events, Event::Listening { address }).await;
        serve(settings, acceptor, listener, sink, events, cancel).await
    }
}

async fn serve(
    settings: ListenSettings,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    listener: TcpListener,
    sink: Arc<dyn Sink>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
) -> Kept {
    let (keeper, tally) = Keeper::start(sink);
    let room = Arc::new(Semaphore::new(settings.most_associations.max(1)));
    let settings = Arc::new(settings);
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        // A connection that failed before it was there, or no more handles: others may come.
        let Ok((tcp, from)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while running.try_join_next().is_some() {}
        let visit = Visit {
            settings: settings.clone(),
            acceptor: acceptor.clone(),
            keeper: keeper.clone(),
            events: events.clone(),
            room: room.clone(),
            cancel: cancel.clone(),
            address: from.ip(),
            calling: OnceLock::new(),
        };
        // A connection that cannot be had is lost to its peer too.
        if let Ok(tcp) = tcp.into_std() {
            running.spawn_blocking(move || visit.run_alone(tcp));
        }
    }
    drop(keeper);
    // The port is free for the next listener while the last messages end.
    drop(listener);
    while running.join_next().await.is_some() {}
    tally.await.unwrap_or_default()
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    // Nobody has to listen to events.
    let _nobody = events.send(event).await;
}

/// One connection.
pub(crate) struct Visit {
    pub(crate) settings: Arc<ListenSettings>,
    pub(crate) acceptor: Option<tokio_rustls::TlsAcceptor>,
    pub(crate) keeper: Keeper,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) room: Arc<Semaphore>,
    pub(crate) cancel: CancellationToken,
    pub(crate) address: IpAddr,
    /// The peer's title, once it has given it.
    pub(crate) calling: OnceLock<String>,
}

impl Visit {
    /// The whole visit on a thread of its own: what blocks, the disk above all, holds up nobody else, and an object
    /// goes from the network to the disk without a change of threads.
    fn run_alone(mut self, tcp: std::net::TcpStream) {
        // Without a runtime (no more handles) the connection is closed, and the peer may try again.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        self.keeper.may_block = true;
        runtime.block_on(async {
            if let Ok(tcp) = TcpStream::from_std(tcp) {
                self.run(tcp).await;
            }
        });
    }

    async fn run(self, tcp: TcpStream) {
        if let Err(error) = self.serve(tcp).await {
            let code = match &error {
                NetError::Rejected { why, .. } if *why == NOT_LISTED => "sender_unknown",
                NetError::Rejected { why, .. } if *why == OTHER_TITLE => "other_title",
                NetError::Rejected { why, .. } if *why == BUSY => "busy",
                other => other.code(),
            };
            let event = Event::Refused {
                address: self.address,
                from: self.calling.get().cloned().unwrap_or_default(),
                code: code.to_owned(),
                reason: error.to_string(),
            };
            tell(&self.events, event).await;
        }
    }

    async fn serve(&self, tcp: TcpStream) -> Result<(), NetError> {
        let patience = Duration::from_secs(u64::from(self.settings.idle_s.max(1)));
        let tcp = PromptTcp::new(tcp).map_err(|_| NetError::Lost("accepting a connection"))?;
        let stream: Box<dyn Stream> = match &self.acceptor {
            None => Box::new(tcp),
            Some(acceptor) => {
                let not_secure = |why: String| NetError::Tls { peer: self.address.to_string(), why };
                match tokio::time::timeout(patience, acceptor.accept(tcp)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(why)) => return Err(not_secure(why.to_string())),
                    Err(_) => return Err(not_secure("no handshake".to_owned())),
                }
            }
        };
        self.converse(stream, patience).await
    }

    /// Everything on a connection that is there and, where that is asked for, secure.
    pub(crate) async fn converse(&self, stream: Box<dyn Stream>, patience: Duration) -> Result<(), NetError> {
        let mut wire = Wire::new(stream, patience, self.cancel.clone());
        let request = match wire.receive("waiting for a request").await {
            Ok(Received::Request(request)) => request,
            Ok(_) => {
                abort_wire(&mut wire).await;
                return Err(NetError::malformed("something else where an association must be asked for"));
            }
            Err(error) => {
                abort_wire(&mut wire).await;
                return Err(error);
            }
        };
        let _once = self.calling.set(request.calling_ae_title.trim().to_owned());
        let permit = self.room.clone().try_acquire_owned();
        let refused = self.refusal(&request).or_else(|| permit.is_err().then(busy));
        if let Some((reject, why)) = refused {
            wire.send(&Pdu::AssociationRJ(reject)).await?;
            wire.close().await;
            return Err(NetError::Rejected { permanent: true, why });
        }
        let (contexts, results) = agree(&request);
        let accept = AssociationAC {
            protocol_version: 1,
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            calling_ae_title: request.calling_ae_title.clone(),
            called_ae_title: request.called_ae_title.clone(),
            presentation_contexts: results,
            user_variables: user_variables(),
        };
        wire.send(&Pdu::AssociationAC(accept)).await?;
        let mut association = Association::provided(wire, contexts, &request)?;
        loop {
            match self.message(&mut association).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    association.abort().await;
                    return Err(error);
                }
            }
        }
    }

    /// Why this peer gets no association; `None` when it gets one.
    fn refusal(&self, request: &AssociationRQ) -> Option<(AssociationRJ, &'static str)> {
        use AssociationRJServiceUserReason as Why;
        let reject = |reason, why| {
            let source = AssociationRJSource::ServiceUser(reason);
            Some((AssociationRJ { result: AssociationRJResult::Permanent, source }, why))
        };
        if request.application_context_name.trim_matches(['\0', ' ']) != APPLICATION_CONTEXT {
            return reject(
                Why::ApplicationContextNameNotSupported,
                "an application context that is not DICOM's",
            );
        }
        if request.called_ae_title.trim() != self.settings.own_ae {
            return reject(Why::CalledAETitleNotRecognized, OTHER_TITLE);
        }
        let known = self.settings.peers.iter().any(|peer| {
            peer.calling_ae == request.calling_ae_title.trim()
                && peer.address.is_none_or(|address| address == self.address)
        });
        if !known {
            return reject(Why::CallingAETitleNotRecognized, NOT_LISTED);
        }
        None
    }

    /// One message; false when the peer released.
    async fn message(&self, association: &mut Association) -> Result<bool, NetError> {
        let doing = "waiting for a message";
        let (context, command) = match association.receive(doing).await? {
            Incoming::Released => return Ok(false),
            Incoming::Message { context, command } => (context, command),
        };
        let from = association.peer_title.clone();
        match command.field() {
            field::C_ECHO_RQ if !command.has_data() => {
                association.send(context, &command.response(0), None).await?;
                tell(&self.events, Event::Echoed { from }).await;
            }
            field::C_STORE_RQ => self.store(association, context, &command).await?,
            field::N_EVENT_REPORT_RQ => {
                let commitment = commit::answer_report(association, context, &command).await?;
                tell(&self.events, Event::Committed { from, commitment }).await;
            }
            field::C_CANCEL_RQ => {}
            _ => return Err(NetError::malformed("a request for a service that is not offered")),
        }
        Ok(true)
    }

    async fn store(
        &self,
        association: &mut Association,
        context: u8,
        command: &Command,
    ) -> Result<(), NetError> {
        let arrival = receive_object(association, context, command, "receiving an object").await?;
        let (from, instance) = (arrival.from.clone(), arrival.name.instance.clone());
        let kept = self.keeper.keep(arrival).await;
        let status = kept.as_ref().map_or_else(status_of, |_| 0);
        // Told before the answer is sent: whoever reads the events knows no less than the peer.
        let event = match kept {
            Ok(taken) => Event::Stored { from, instance, already_here: taken == Taken::AlreadyHere },
            Err(why) => Event::NotStored { from, instance, code: why.code, reason: why.reason },
        };
        tell(&self.events, event).await;
        association.send(context, &command.response(status), None).await
    }
}

/// The storage service's status for a refusal (PS3.4 table B.2-1).
fn status_of(why: &Refusal) -> u16 {
    match why.code.as_str() {
        "stopped" | "disk_full" | "io" => 0xA700,
        "missing_attribute" | "bad_attribute" => 0xA900,
        _ => 0xC000,
    }
}

fn busy() -> (AssociationRJ, &'static str) {
    let source = AssociationRJSource::ServiceProviderPresentation(
        AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
    );
    (AssociationRJ { result: AssociationRJResult::Transient, source }, BUSY)
}

/// Of each context the first proposed syntax that can be kept.
fn agree(request: &AssociationRQ) -> (Vec<Context>, Vec<PresentationContextResult>) {
    let (mut contexts, mut results) = (Vec::new(), Vec::new());
    for proposed in request.presentation_contexts.iter().take(MOST_CONTEXTS) {
        let class = proposed.abstract_syntax.trim_matches(['\0', ' ']);
        let offered = proposed.transfer_syntaxes.iter().map(|s| s.trim_matches(['\0', ' ']));
        let found = if syntax::is_storage(class) {
            offered.clone().find(|s| syntax::TAKEN.contains(s))
        } else if class == syntax::VERIFICATION || class == commit::CLASS {
            offered.clone().find(|s| syntax::TAKEN[..2].contains(s))
        } else {
            None
        };
        let known = syntax::is_storage(class) || class == syntax::VERIFICATION || class == commit::CLASS;
        let reason = match (known, found) {
            (_, Some(_)) => PresentationContextResultReason::Acceptance,
            (true, None) => PresentationContextResultReason::TransferSyntaxesNotSupported,
            (false, None) => PresentationContextResultReason::AbstractSyntaxNotSupported,
        };
        let transfer_syntax = found.unwrap_or(syntax::IMPLICIT).to_owned();
        if found.is_some() {
            let abstract_syntax = class.to_owned();
            contexts.push(Context {
                id: proposed.id,
                abstract_syntax,
                transfer_syntax: transfer_syntax.clone(),
            });
        }
        results.push(PresentationContextResult { id: proposed.id, reason, transfer_syntax });
    }
    (contexts, results)
}
