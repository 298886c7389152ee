//! The DICOM listener of the desk: off unless the settings have it on, and then for the peers that they name.
//!
//! What comes because a retrieval asked for it (C-MOVE) is that retrieval's; what peers send of their own accord is kept
//! in the same way and shown on the worklist. An object is durable before the peer hears that it was taken. This is the
//! only place of the desk where something listens. Not here: the protocol, which is `medsight-pacs`'.

use crate::desk::{Desk, held, now};
use crate::dto::{DeskEvent, ListenerSeen, ListenerState};
use crate::problem::{ListenFault, Problem};
use crate::receiving::{Fresh, Unasked};
use medsight_link::Arrival;
use medsight_pacs::{CancellationToken, Commitment, Event, Inbox, ListenSettings, NetError};
use medsight_record::Listener;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Associations at once.
const MOST_ASSOCIATIONS: usize = 16;
/// A peer that is silent for so many seconds is let go.
const IDLE_S: u16 = 60;
/// What happened last that the settings page shows.
const SEEN: usize = 6;
/// The worklist is read again this often while objects come.
const BEAT: Duration = Duration::from_secs(1);
/// How long the end of the program waits for what is being written.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The listener and what it does.
#[derive(Default)]
pub(crate) struct Listening {
    /// Held while it is switched on, off or over.
    switching: Mutex<()>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    running: Option<Running>,
    failed: Option<Problem>,
    seen: VecDeque<ListenerSeen>,
}

struct Running {
    settings: Listener,
    address: SocketAddr,
    inbox: Arc<Inbox>,
    stop: CancellationToken,
    ended: tauri::async_runtime::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Listening {
    /// Does what the settings say: begins, ends, or begins anew with what has changed.
    pub(crate) fn apply(&self, desk: &Arc<Desk>) {
        let _one_at_a_time = held(&self.switching);
        let wanted = desk.settings().settings.listener.clone();
        let is_same = held(&self.inner).running.as_ref().is_some_and(|running| running.settings == wanted);
        if is_same && wanted.on {
            return;
        }
        self.stop();
        let begun = if wanted.on && desk.cache().is_ok() { Some(begin(desk, wanted)) } else { None };
        let mut inner = held(&self.inner);
        (inner.running, inner.failed) = match begun {
            Some(Ok(running)) => (Some(running), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        drop(inner);
        self.tell(desk);
    }

    fn stop(&self) {
        let running = held(&self.inner).running.take();
        if let Some(mut running) = running {
            running.stop.cancel();
            let ended = &mut running.ended;
            // What it still writes it writes; the port is free by then or the next one says so.
            let _late =
                tauri::async_runtime::block_on(async { tokio::time::timeout(LAST_WORDS, ended).await });
        }
    }

    /// The program ends.
    pub(crate) fn end(&self) {
        let _one_at_a_time = held(&self.switching);
        self.stop();
    }

    pub(crate) fn state(&self) -> ListenerState {
        let inner = held(&self.inner);
        match (&inner.running, &inner.failed) {
            (Some(running), _) => ListenerState::Listening {
                title: running.settings.own_ae.clone(),
                address: running.address.to_string(),
                tls: running.settings.tls.is_some(),
                seen: inner.seen.iter().cloned().collect(),
            },
            (None, Some(why)) => ListenerState::Failed(why.clone()),
            (None, None) => ListenerState::Off,
        }
    }

    /// Where a peer is to send by C-MOVE, and by which title.
    pub(crate) fn destination(&self) -> Result<(Arc<Inbox>, String), Problem> {
        let inner = held(&self.inner);
        match (&inner.running, &inner.failed) {
            (Some(running), _) => Ok((running.inbox.clone(), running.settings.own_ae.clone())),
            (None, Some(why)) => Err(ListenFault::Failed(why.detail.clone()).into()),
            (None, None) => Err(ListenFault::Off.into()),
        }
    }

    /// Why a peer could not send since then, as far as it can be told here.
    pub(crate) fn not_delivered(&self, since_ms: i64) -> Problem {
        let inner = held(&self.inner);
        let refused = |what: &str| inner.seen.iter().find(|seen| seen.what == what && seen.at_ms >= since_ms);
        if let Some(seen) = refused("sender_unknown") {
            return ListenFault::SenderUnknown { title: seen.from.clone() }.into();
        }
        let running = inner.running.as_ref();
        let title = running.map(|running| running.settings.own_ae.clone()).unwrap_or_default();
        let port = running.map_or(0, |running| running.address.port());
        ListenFault::NotDelivered { title, port }.into()
    }

    fn note(&self, what: &str, from: String) {
        let mut inner = held(&self.inner);
        let at_ms = now().0;
        match inner.seen.front_mut() {
            Some(last) if last.what == what && last.from == from => {
                last.count += 1;
                last.at_ms = at_ms;
            }
            _ => inner.seen.push_front(ListenerSeen { what: what.to_owned(), from, count: 1, at_ms }),
        }
        inner.seen.truncate(SEEN);
    }

    fn tell(&self, desk: &Desk) {
        desk.tell(DeskEvent::Listener(self.state()));
    }
}

/// Opens the port and answers there until it is stopped.
fn begin(desk: &Arc<Desk>, settings: Listener) -> Result<Running, Problem> {
    let told = ListenSettings {
        own_ae: settings.own_ae.clone(),
        address: SocketAddr::new(settings.address, settings.port),
        tls: settings.tls.clone(),
        peers: settings.senders.clone(),
        most_associations: MOST_ASSOCIATIONS,
        idle_s: IDLE_S,
    };
    let bound = tauri::async_runtime::block_on(medsight_pacs::Listener::bind(told));
    let listener = bound.map_err(|why| cannot_listen(&why, &settings))?;
    let address = listener.address();
    let fresh = Arc::new(Fresh::default());
    let inbox = Inbox::new(Arc::new(Unasked::new(desk, fresh.clone())));
    let stop = CancellationToken::new();
    let (tell, events) = mpsc::channel(64);
    let (sink, until) = (inbox.clone(), stop.clone());
    let heard = hear(Arc::downgrade(desk), fresh, events);
    let ended = tauri::async_runtime::spawn(async move {
        tokio::join!(listener.serve(sink, tell, until), heard);
    });
    Ok(Running { settings, address, inbox, stop, ended })
}

fn cannot_listen(why: &NetError, settings: &Listener) -> Problem {
    let NetError::Io { source, .. } = why else { return why.into() };
    let (address, port) = (settings.address, settings.port);
    match source.kind() {
        ErrorKind::AddrInUse => ListenFault::PortTaken { port }.into(),
        ErrorKind::PermissionDenied => ListenFault::PortDenied { port }.into(),
        ErrorKind::AddrNotAvailable => ListenFault::AddressNotHere { address }.into(),
        _ => why.into(),
    }
}

/// Notes what happens, and shows what came: at most once a beat, and once more when it is quiet.
async fn hear(desk: Weak<Desk>, fresh: Arc<Fresh>, mut events: mpsc::Receiver<Event>) {
    let mut shown = Instant::now();
    let mut pending = false;
    loop {
        let heard =
            if pending { tokio::time::timeout(BEAT, events.recv()).await } else { Ok(events.recv().await) };
        let Some(desk) = desk.upgrade() else { return };
        match heard {
            Ok(Some(event)) => {
                if let Event::Committed { commitment, .. } = &event {
                    promised(&desk, commitment.clone()).await;
                }
                if let Some((what, from)) = told(event) {
                    desk.listening().note(what, from);
                    pending = true;
                }
            }
            Ok(None) => return show(desk, &fresh, Arrival::Whole).await,
            Err(_quiet) => {
                pending = false;
                show(desk, &fresh, Arrival::Whole).await;
                continue;
            }
        }
        if shown.elapsed() >= BEAT {
            shown = Instant::now();
            show(desk, &fresh, Arrival::More).await;
        }
    }
}

/// Hands a peer's answer to the request to keep what it was sent to the sending, which waits for it in the records.
async fn promised(desk: &Arc<Desk>, answer: Commitment) {
    let desk = Arc::clone(desk);
    let work = move || {
        let answered = desk.cache().and_then(|cache| {
            Ok(cache.promise_answered(&answer.transaction, &answer.committed, &answer.failed)?)
        });
        if let Err(why) = answered {
            desk.tell(DeskEvent::Failure(why));
        }
    };
    let _heard = tauri::async_runtime::spawn_blocking(work).await;
}

fn told(event: Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::Listening { .. } => return None,
        Event::Echoed { from } => ("echoed", from),
        Event::Stored { from, already_here: false, .. } => ("stored", from),
        Event::Stored { from, .. } => ("already_here", from),
        Event::NotStored { from, .. } => ("not_stored", from),
        Event::Committed { from, .. } => ("committed", from),
        Event::Refused { address, from, code, .. } => {
            let from = if from.is_empty() { address.to_string() } else { from };
            let what = match code.as_str() {
                // The end of the listener, not of a peer.
                "cancelled" => return None,
                "sender_unknown" => "sender_unknown",
                "other_title" => "other_title",
                "busy" => "busy",
                "tls" => "tls",
                _ => "lost",
            };
            (what, from)
        }
    })
}

/// The window, and the light box where one of the studies is open.
async fn show(desk: Arc<Desk>, fresh: &Arc<Fresh>, arrival: Arrival) {
    let studies = if arrival == Arrival::More { fresh.look() } else { fresh.take() };
    // It reads manifests and counts files: not for a thread of the network.
    let work = move || {
        desk.listening().tell(&desk);
        for study in &studies {
            desk.light_box().arrived(&desk, study, arrival);
            if arrival == Arrival::Whole {
                desk.model_runs().arrived(&desk, study);
            }
        }
        match (studies.is_empty(), arrival) {
            (true, _) => {}
            (false, Arrival::More) => desk.tell(DeskEvent::WorklistChanged),
            (false, _) => desk.studies_changed(),
        }
    };
    let _shown = tauri::async_runtime::spawn_blocking(work).await;
}
