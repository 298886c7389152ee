//! Sending on the desk: the engine runs while the desk does; what waits, since when and why is shown, and a person may
//! have an entry tried again or let it go.
//!
//! Nothing here looks again and again: the records say when they change. Not here: how things are sent
//! (`medsight-sync`).

use crate::desk::{Desk, held, now};
use crate::dto::{
    DeskEvent, DestinationTestRequest, EchoAnswer, Nothing, SyncBadge, SyncDestination,
    SyncDestinationRequest, SyncEntryRequest, SyncFailing, SyncStuck, SyncView,
};
use crate::problem::{DestinationFault, Problem};
use crate::reports::about;
use crate::{network, report_pages, server_secret, session};
use medsight_cache::{Cache, DestinationStatus, Failing, Stuck};
use medsight_pacs::CancellationToken;
use medsight_record::destination::{Destination, To};
use medsight_record::node::Node;
use medsight_sync::{Auth, Engine, Secrets, rule_of};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use zeroize::Zeroizing;

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
    engine: Arc<Engine>,
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
        let secrets = secrets(nodes.clone(), None);
        // It sends by itself, whoever is here: not in the name of a person.
        let account = session::system_account();
        match Engine::new(Arc::clone(&cache), destinations.clone(), nodes.clone(), secrets, &account) {
            Ok(engine) => {
                let engine = engine.with_papers(report_pages::papers(Arc::downgrade(desk)));
                let (engine, token) = (Arc::new(engine), stop.clone());
                let runs = Arc::clone(&engine);
                tauri::async_runtime::spawn(async move { runs.run(token).await });
                tell(desk, &cache, stop.clone());
                *running = Some(Running { destinations, nodes, engine, stop });
            }
            Err(error) => desk.tell(DeskEvent::Failure(error.into())),
        }
    }

    /// A person says that a destination is back: it is not waited for any longer.
    pub(crate) fn try_now(&self, destination: &str) {
        if let Some(running) = held(&self.running).as_ref() {
            running.engine.try_now(destination);
        }
    }

    /// As [`Syncing::try_now`], every destination.
    pub(crate) fn try_all_now(&self) {
        if let Some(running) = held(&self.running).as_ref() {
            running.destinations.iter().for_each(|destination| running.engine.try_now(&destination.name));
        }
    }

    /// Ends the sending; what is on its way is sent again by the next start.
    pub(crate) fn end(&self) {
        *held(&self.running) = None;
    }
}

/// Tokens and passwords are in the keyring, under the address that they are for.
/// `typed`: the secret in a form that is not kept yet.
pub(crate) fn secrets(nodes: Vec<Node>, typed: Option<Zeroizing<String>>) -> Secrets {
    Arc::new(move |destination: &Destination| {
        let (url, by) = match &destination.to {
            To::Fhir(server) => {
                let secret = |address: &str, name: &str| match &typed {
                    Some(typed) => Ok(typed.clone()),
                    None => server_secret::kept(address, name).map_err(|problem| problem.detail),
                };
                return Ok(match server.sign_in.secret_of(&server.url) {
                    None => Auth::None,
                    Some((address, "")) => Auth::Bearer(secret(address, "")?),
                    Some((address, name)) => Auth::Basic(name.to_owned(), secret(address, name)?),
                });
            }
            To::Pacs(pacs) => match nodes.iter().find(|node| node.name == pacs.node) {
                Some(Node { web: Some(web), sign_in, .. }) => (web.url.as_str(), sign_in),
                _ => return Ok(Auth::None),
            },
            To::AuditRepository(_) | To::Hl7(_) => return Ok(Auth::None),
        };
        server_secret::of(url, by, None).map_err(|problem| problem.detail)
    })
}

/// Tells the window when what waits, since when or why has changed, and the records rest: with the numbers of the badge.
/// What a locked window was not told it reads when it opens.
fn tell(desk: &Arc<Desk>, cache: &Cache, stop: CancellationToken) {
    let changed = Arc::new(Notify::new());
    let wake = Arc::clone(&changed);
    let listener: Arc<dyn Fn() + Send + Sync> = Arc::new(move || wake.notify_one());
    cache.on_change(Arc::downgrade(&listener));
    let desk = Arc::downgrade(desk);
    tauri::async_runtime::spawn(async move {
        let mut before: Option<SyncView> = None;
        loop {
            let Some(desk) = desk.upgrade() else { break };
            let now = tauri::async_runtime::spawn_blocking(move || {
                let now = present(&desk).ok();
                if let Some(view) = now.as_ref().filter(|view| before.as_ref() != Some(view)) {
                    desk.tell(DeskEvent::Sync(view.badge));
                }
                now.or(before)
            });
            before = now.await.ok().flatten();
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
    present(desk)
}

fn present(desk: &Desk) -> Result<SyncView, Problem> {
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
        // What waits for its next try is on its way; what was refused or changed there waits for a person.
        stuck: view.destinations.iter().flat_map(|d| &d.stuck).filter(|s| s.state != "waiting").count()
            as u64,
        failing: u32::try_from(view.destinations.iter().filter(|d| d.failing.is_some()).count())
            .unwrap_or(u32::MAX),
    };
    Ok(view)
}

/// The numbers of the badge, for a window that has heard none yet.
pub(crate) fn badge(desk: &Desk) -> SyncBadge {
    present(desk).map(|view| view.badge).unwrap_or_default()
}

/// Has an entry tried again that was refused.
pub(crate) fn retry(desk: &Arc<Desk>, request: SyncEntryRequest) -> Result<(), Problem> {
    desk.cache()?.outbox_retry(request.id, &request.destination)?;
    desk.syncing().try_now(&request.destination);
    Ok(())
}

/// Tries a destination now that nothing goes to.
pub(crate) fn try_now(desk: &Arc<Desk>, request: SyncDestinationRequest) -> Result<(), Problem> {
    desk.syncing().try_now(&request.destination);
    Ok(())
}

/// Asks a destination by what its form says.
pub(crate) fn test(desk: &Arc<Desk>, request: DestinationTestRequest) -> Result<EchoAnswer, Problem> {
    let destination: Destination = request.destination.into();
    destination.check().map_err(DestinationFault)?;
    let nodes = desk.settings().settings.nodes.clone();
    let typed = request.secret.filter(|secret| !secret.is_empty()).map(Zeroizing::new);
    let secrets = secrets(nodes.clone(), typed);
    let cancel = desk.asking().token();
    let begun = Instant::now();
    let asked = tauri::async_runtime::block_on(medsight_sync::probe(&destination, &nodes, secrets, &cancel));
    let told = asked.map(|()| begun.elapsed().as_secs_f64() * 1e3);
    Ok(network::answer(told.map_err(Problem::from)))
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

fn failing(failing: Failing) -> SyncFailing {
    SyncFailing {
        since_ms: failing.since.0,
        attempts: failing.attempts,
        next_ms: failing.next_try.map(|at| at.0),
        problem: Problem::named(failing.code, failing.words),
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
        problem: Problem::named(stuck.code, stuck.words),
    })
}
