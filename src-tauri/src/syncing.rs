//! Sending on the desk: the engine runs while the desk does; what waits, since when and why is shown, and a person may
//! have an entry tried again or let it go.
//!
//! Nothing here looks again and again: the records say when they change. Not here: how things are sent
//! (`medsight-sync`).

use crate::desk::{Desk, held, now};
use crate::dto::{
    DeskEvent, Nothing, SyncBadge, SyncDestination, SyncEntryRequest, SyncFailing, SyncStuck, SyncView,
};
use crate::problem::Problem;
use crate::reports::about;
use crate::server_secret;
use medsight_cache::{Cache, DestinationStatus, Failing, Stuck};
use medsight_pacs::CancellationToken;
use medsight_record::destination::{Destination, To};
use medsight_record::node::Node;
use medsight_sync::{Auth, Engine, Secrets, rule_of};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// Changes within this time are told as one.
const REST: Duration = Duration::from_millis(400);

/// The engine, while it runs.
#[derive(Default)]
pub(crate) struct Syncing {
    running: Mutex<Option<Running>>,
}

struct Running {
    destinations: Vec<Destination>,
    nodes: Vec<Node>,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Syncing {
    /// Does what the settings say: begins, ends, or begins anew with what has changed.
    pub(crate) fn apply(&self, desk: &Arc<Desk>) {
        let (destinations, nodes) = {
            let file = desk.settings();
            (file.settings.destinations.clone(), file.settings.nodes.clone())
        };
        let mut running = held(&self.running);
        let is_same = running.as_ref().is_some_and(|r| r.destinations == destinations && r.nodes == nodes);
        if is_same {
            return;
        }
        *running = None;
        // Before the cache is open there is nothing to send; its opening comes here again.
        let Ok(cache) = desk.cache() else { return };
        let stop = CancellationToken::new();
        let secrets = secrets(nodes.clone());
        match Engine::new(Arc::clone(&cache), destinations.clone(), nodes.clone(), secrets, &desk.who()) {
            Ok(engine) => {
                let token = stop.clone();
                tauri::async_runtime::spawn(async move { engine.run(token).await });
                tell(desk, &cache, stop.clone());
                *running = Some(Running { destinations, nodes, stop });
            }
            Err(error) => desk.tell(DeskEvent::Failure(error.into())),
        }
    }

    /// Ends the sending; what is on its way is sent again by the next start.
    pub(crate) fn end(&self) {
        *held(&self.running) = None;
    }
}

/// Tokens and passwords are in the keyring, under the address that they are for.
pub(crate) fn secrets(nodes: Vec<Node>) -> Secrets {
    Arc::new(move |destination: &Destination| {
        let (url, by) = match &destination.to {
            To::Fhir(server) => (server.url.as_str(), &server.sign_in),
            To::Pacs(pacs) => match nodes.iter().find(|node| node.name == pacs.node) {
                Some(Node { web: Some(web), sign_in, .. }) => (web.url.as_str(), sign_in),
                _ => return Ok(Auth::None),
            },
            To::AuditRepository(_) | To::Hl7(_) => return Ok(Auth::None),
        };
        server_secret::of(url, by, None).map_err(|problem| problem.detail)
    })
}

/// Tells the window the numbers of the badge when the records have changed and rest.
fn tell(desk: &Arc<Desk>, cache: &Cache, stop: CancellationToken) {
    let changed = Arc::new(Notify::new());
    let wake = Arc::clone(&changed);
    let listener: Arc<dyn Fn() + Send + Sync> = Arc::new(move || wake.notify_one());
    cache.on_change(Arc::downgrade(&listener));
    let desk = Arc::downgrade(desk);
    tauri::async_runtime::spawn(async move {
        let mut before = None;
        loop {
            let Some(desk) = desk.upgrade() else { break };
            let now = tauri::async_runtime::spawn_blocking(move || {
                let badge = view(&desk, Nothing {}).map(|view| view.badge);
                if let Ok(badge) = badge {
                    if before != Some(badge) {
                        desk.tell(DeskEvent::Sync(badge));
                    }
                }
                badge.ok()
            });
            before = now.await.ok().flatten().or(before);
            tokio::select! {
                () = changed.notified() => {}
                () = stop.cancelled() => break,
            }
            tokio::time::sleep(REST).await;
        }
        drop(listener);
    });
}

/// What waits, for whom, since when and why.
pub(crate) fn view(desk: &Arc<Desk>, _: Nothing) -> Result<SyncView, Problem> {
    let destinations = desk.settings().settings.destinations.clone();
    let cache = desk.cache()?;
    let rules: Vec<_> = destinations.iter().map(rule_of).collect();
    let mut view = SyncView { unclaimed: cache.outbox_unclaimed(&rules)?, ..SyncView::default() };
    for (destination, status) in destinations.iter().zip(cache.outbox_status(&rules)?) {
        view.destinations.push(destination_view(&cache, destination, status)?);
    }
    view.badge = SyncBadge {
        is_set_up: !destinations.is_empty(),
        waiting: view.destinations.iter().map(|d| d.waiting + d.audit_waiting.unwrap_or(0)).sum(),
        stuck: view.destinations.iter().flat_map(|d| &d.stuck).filter(|s| s.next_ms.is_none()).count() as u64,
        failing: u32::try_from(view.destinations.iter().filter(|d| d.failing.is_some()).count())
            .unwrap_or(u32::MAX),
    };
    Ok(view)
}

/// Has an entry tried again that was refused.
pub(crate) fn retry(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<(), Problem> {
    Ok(desk.cache()?.outbox_retry(request.id, &request.destination)?)
}

/// Lets an entry go: it need not go to this destination. In the audit trail, with who said so.
pub(crate) fn drop_entry(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<(), Problem> {
    let rules: Vec<_> = desk.settings().settings.destinations.iter().map(rule_of).collect();
    let cache = desk.cache()?;
    Ok(cache.outbox_drop(request.id, &request.destination, &rules, &desk.who(), now())?)
}

fn destination_view(
    cache: &Cache,
    destination: &Destination,
    status: DestinationStatus,
) -> Result<SyncDestination, Problem> {
    Ok(SyncDestination {
        name: destination.name.clone(),
        system: match &destination.to {
            To::Fhir(_) => "fhir",
            To::Pacs(_) => "pacs",
            To::AuditRepository(_) => "audit_repository",
            To::Hl7(_) => "hl7",
        }
        .to_owned(),
        takes: destination.takes.iter().map(|kind| kind.word().to_owned()).collect(),
        waiting: status.waiting,
        since_ms: status.since.map(|since| since.0),
        last_sent_ms: status.last_sent.map(|at| at.0),
        audit_waiting: status.events_waiting,
        failing: status.failing.map(failing),
        stuck: status.stuck.into_iter().map(|one| stuck(cache, one)).collect::<Result<_, _>>()?,
    })
}

fn problem(code: String, words: String) -> Problem {
    Problem { code, values: BTreeMap::new(), detail: words }
}

fn failing(failing: Failing) -> SyncFailing {
    SyncFailing {
        since_ms: failing.since.0,
        attempts: failing.attempts,
        next_ms: failing.next_try.map(|at| at.0),
        problem: problem(failing.code, failing.words),
    }
}

fn stuck(cache: &Cache, stuck: Stuck) -> Result<SyncStuck, Problem> {
    let study = stuck.study.as_ref().map(|uid| cache.study(uid)).transpose()?.flatten();
    Ok(SyncStuck {
        id: stuck.id,
        study_uid: stuck.study.map(|uid| uid.to_string()).unwrap_or_default(),
        about: study.as_ref().map(about).unwrap_or_default(),
        kind: stuck.kind,
        state: stuck.state,
        attempts: stuck.attempts,
        tried_ms: stuck.tried_at.0,
        next_ms: stuck.next_try.map(|at| at.0),
        problem: problem(stuck.code, stuck.words),
    })
}
