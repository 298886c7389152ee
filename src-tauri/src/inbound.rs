//! Orders, earlier reports and wounds of other systems on the desk: asked for while the desk runs, and when a person wants it.
//!
//! Not here: how they are asked for (`medsight-sync`), and what an order changes (`medsight-cache`).

use crate::desk::{Desk, held, now};
use crate::dto::{
    DeskEvent, EchoAnswer, ExpectedOrders, ExpectedRequest, InboundView, Nothing, OfPatientRequest,
    OrderView, ServerReportView, SourceForm, SourceView, StudyRow, WoundView,
};
use crate::problem::{Fault, Problem, SourceFault};
use crate::{network, syncing};
use medsight_base::StudyUid;
use medsight_cache::Cache;
use medsight_pacs::CancellationToken;
use medsight_record::destination::Destination;
use medsight_record::node::Node;
use medsight_record::source::{Brings, From as SourceFrom, Source};
use medsight_record::{KnownCopy, Patient, StudyRecord, WoundObservation, sites_by_panel};
use medsight_sync::{Answered, Inbound, OfPatient};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

/// Orders in one list, at most: more are narrowed down by words.
const MOST_EXPECTED: usize = 500;
/// What there is of a patient is asked for again after this long, milliseconds.
const AGAIN_MS: i64 = 60_000;
/// In whose name the desk asks by itself.
const BY_ITSELF: &str = "medsight";

/// The asking, while it runs.
#[derive(Default)]
pub(crate) struct Inbounding {
    running: Mutex<Option<Running>>,
    asking: AtomicUsize,
}

struct Running {
    settings: Sources,
    inbound: Arc<Inbound>,
    stop: CancellationToken,
}

#[derive(Clone, PartialEq)]
struct Sources {
    sources: Vec<Source>,
    destinations: Vec<Destination>,
    nodes: Vec<Node>,
    closed_order_days: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One asking that a person sees as running.
struct Asked(Weak<Desk>);

impl Asked {
    fn begin(desk: &Arc<Desk>) -> Self {
        desk.inbounding().asking.fetch_add(1, Ordering::SeqCst);
        desk.tell(DeskEvent::Inbound);
        Self(Arc::downgrade(desk))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(desk) = self.0.upgrade() {
            desk.inbounding().asking.fetch_sub(1, Ordering::SeqCst);
            desk.tell(DeskEvent::Inbound);
        }
    }
}

impl Inbounding {
    /// Does what the settings say: begins, ends, or begins anew with what has changed.
    pub(crate) fn apply(&self, desk: &Arc<Desk>) {
        let settings = {
            let file = desk.settings();
            Sources {
                sources: file.settings.sources.clone(),
                destinations: file.settings.destinations.clone(),
                nodes: file.settings.nodes.clone(),
                closed_order_days: file.settings.closed_order_days,
            }
        };
        let mut running = held(&self.running);
        if running.as_ref().is_some_and(|running| running.settings == settings) {
            return;
        }
        let were_some = running.is_some();
        *running = None;
        // Before the cache is open nothing can be kept; its opening comes here again.
        let Ok(cache) = desk.cache() else { return };
        let names: Vec<String> = settings.sources.iter().map(|source| source.name.clone()).collect();
        // Settings that could not be read have none either: then nothing is forgotten.
        if were_some || !names.is_empty() {
            if let Err(error) = cache.keep_sources(&names) {
                desk.tell(DeskEvent::Failure(error.into()));
            }
        }
        if settings.sources.is_empty() {
            return;
        }
        // Where orders come only when a person asks, nobody else would.
        if let Err(error) = cache.forget_closed_orders(settings.closed_order_days, now()) {
            desk.tell(DeskEvent::Failure(error.into()));
        }
        let (stop, secrets) = (CancellationToken::new(), syncing::secrets(settings.nodes.clone(), None));
        let Sources { sources, destinations, nodes, closed_order_days } = settings.clone();
        let inbound = Inbound::new(cache, sources, destinations, nodes, secrets);
        let inbound = Arc::new(inbound.forgetting_after(closed_order_days));
        let (by_itself, token, telling) = (Arc::clone(&inbound), stop.clone(), Arc::downgrade(desk));
        tauri::async_runtime::spawn(async move {
            by_itself.run(BY_ITSELF, |answered| tell(&telling, answered), &token).await;
        });
        *running = Some(Running { settings, inbound, stop });
    }

    /// Ends the asking; the next start goes on where it was.
    pub(crate) fn end(&self) {
        *held(&self.running) = None;
    }

    fn inbound(&self) -> Option<(Arc<Inbound>, CancellationToken)> {
        held(&self.running).as_ref().map(|running| (Arc::clone(&running.inbound), running.stop.child_token()))
    }
}

/// Tells the window what an answer changed.
fn tell(desk: &Weak<Desk>, answered: &Answered) {
    let Some(desk) = desk.upgrade() else { return };
    if let Ok(came) = &answered.came
        && came.any()
    {
        let study_uids = came.studies.iter().map(ToString::to_string).collect();
        desk.tell(DeskEvent::StudiesChanged { study_uids });
    }
    desk.tell(DeskEvent::Inbound);
}

/// Asks every source of orders now; how it goes on is told by events.
pub(crate) fn ask(desk: &Arc<Desk>, _: Nothing) -> Result<(), Problem> {
    let (inbound, stop) = desk
        .inbounding()
        .inbound()
        .ok_or_else(|| Fault::BadRequest("No source of orders is in the settings.".to_owned()))?;
    let (who, telling, asked) = (desk.who(), Arc::downgrade(desk), Asked::begin(desk));
    tauri::async_runtime::spawn(async move {
        for answered in inbound.ask(&who, &stop).await {
            tell(&telling, &answered);
        }
        drop(asked);
    });
    Ok(())
}

/// Asks a source by what its form says.
pub(crate) fn test(desk: &Arc<Desk>, form: SourceForm) -> Result<EchoAnswer, Problem> {
    let source = Source::from(form);
    source.check().map_err(SourceFault)?;
    let (destinations, nodes) = {
        let file = desk.settings();
        (file.settings.destinations.clone(), file.settings.nodes.clone())
    };
    let secrets = syncing::secrets(nodes.clone(), None);
    let inbound = Inbound::new(desk.cache()?, Vec::new(), destinations, nodes, secrets);
    let (cancel, begun) = (desk.asking().token(), Instant::now());
    let asked = tauri::async_runtime::block_on(inbound.probe(&source, &cancel));
    let told = asked.map(|()| begun.elapsed().as_secs_f64() * 1e3);
    Ok(network::answer(told.map_err(Problem::from)))
}

/// A report page was opened: asks what other systems have of the patient, unless they were asked a moment ago.
pub(crate) fn ask_what_is_due(desk: &Arc<Desk>, study: &StudyRecord, all_kinds: bool) -> Result<(), Problem> {
    for what in [reports_asked(all_kinds), OfPatient::Wounds] {
        if is_due(desk, &study.patient, what)? {
            begin_asking(desk, study, what, false);
        }
    }
    Ok(())
}

/// A person wants to see more of what other systems have of the patient of a study; how it goes on is told by events.
pub(crate) fn ask_of_patient(desk: &Arc<Desk>, request: OfPatientRequest) -> Result<(), Problem> {
    let study = desk.cache()?.study(&StudyUid::parse(&request.study_uid)?)?.ok_or(Fault::StudyGone)?;
    begin_asking(desk, &study, request.what.into(), request.further);
    Ok(())
}

fn reports_asked(all_kinds: bool) -> OfPatient {
    if all_kinds { OfPatient::AllReports } else { OfPatient::Reports }
}

fn begin_asking(desk: &Arc<Desk>, study: &StudyRecord, what: OfPatient, further: bool) {
    let Some((inbound, stop)) = desk.inbounding().inbound() else { return };
    let (who, uid, asked) = (desk.who(), study.uid.to_string(), Asked::begin(desk));
    let patient = study.patient.clone();
    let desk = Arc::downgrade(desk);
    tauri::async_runtime::spawn(async move {
        let answers = inbound.ask_of_patient(what, &patient, further, &who, &stop).await;
        // Also when none came: the page says when they were asked, and why not.
        if let Some(desk) = desk.upgrade().filter(|_| !answers.is_empty()) {
            desk.tell(DeskEvent::StudyChanged { study_uid: uid });
        }
        drop(asked);
    });
}

fn is_due(desk: &Arc<Desk>, patient: &Patient, what: OfPatient) -> Result<bool, Problem> {
    let (cache, id) = (desk.cache()?, patient.id.trim());
    for source in &sources_of(desk, patient, what) {
        let asking = cache.asking(&what.asked_of(source, id))?;
        let since_ms = now().0 - asking.asked_at.0;
        // A clock that was set back holds nothing up.
        if asking.failing_since.is_some() || !(0..AGAIN_MS).contains(&since_ms) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The sources that can have this of a patient; none where nobody could tell who it is.
fn sources_of(desk: &Desk, patient: &Patient, what: OfPatient) -> Vec<Source> {
    let mut sources = desk.settings().settings.sources.clone();
    sources.retain(|source| source.brings.contains(&what.brings()) && source.may_know(patient));
    if patient.id.trim().is_empty() { Vec::new() } else { sources }
}

/// How the sources answered that were asked for this of a patient.
fn answers_of(
    cache: &Cache,
    sources: &[Source],
    patient: &Patient,
    what: OfPatient,
) -> Result<Vec<SourceView>, Problem> {
    let states = sources.iter().map(|source| {
        let asking = cache.asking(&what.asked_of(source, patient.id.trim()))?;
        let has_more = asking.query.is_some();
        let feed = (!asking.eq(&Default::default())).then(|| (String::new(), asking));
        Ok(SourceView { has_more, ..state(source, feed.into_iter().collect()) })
    });
    states.collect()
}

/// The reports that other systems have of a patient, and how each answered.
pub(crate) fn reports(
    desk: &Arc<Desk>,
    patient: &Patient,
    all_kinds: bool,
) -> Result<(Vec<ServerReportView>, Vec<SourceView>), Problem> {
    let (cache, what) = (desk.cache()?, reports_asked(all_kinds));
    let sources = sources_of(desk, patient, what);
    let mut known = cache.server_reports(&patient.id)?;
    // What was asked for before the settings said whose numbers these are is nobody's here.
    known.retain(|known| sources.iter().any(|source| source.name == known.said.source));
    known.retain(|known| all_kinds || known.said.is_radiology);
    let views = known.into_iter().map(|known| ServerReportView::of(known, patient)).collect();
    Ok((views, answers_of(&cache, &sources, patient, what)?))
}

/// What other systems observed of a patient's wounds, and how each answered. What only holds others together is not listed:
/// it says of its members where they are.
pub(crate) fn wounds(
    desk: &Arc<Desk>,
    patient: &Patient,
) -> Result<(Vec<WoundView>, Vec<SourceView>), Problem> {
    let (cache, what) = (desk.cache()?, OfPatient::Wounds);
    let sources = sources_of(desk, patient, what);
    let mut known = cache.wound_history(&patient.id)?;
    known.retain(|known| sources.iter().any(|source| source.name == known.said.source));
    let sites = sites_by_panel(known.iter().filter(|known| !known.gone).map(|known| &known.said));
    let listed = known.iter().filter(|known| !known.said.values.is_empty() || known.said.members.is_empty());
    let view = |known: &KnownCopy<WoundObservation>| {
        let site = sites.get(&(known.said.source.as_str(), known.said.place.as_str()));
        WoundView::of(known.clone(), site.copied(), patient)
    };
    Ok((listed.map(view).collect(), answers_of(&cache, &sources, patient, what)?))
}

/// Where orders and earlier reports come from, and how each answered.
pub(crate) fn view(desk: &Arc<Desk>, _: Nothing) -> Result<InboundView, Problem> {
    let (cache, sources) = (desk.cache()?, desk.settings().settings.sources.clone());
    let of = |source: &Source| -> Result<SourceView, Problem> {
        let mut askings = cache.askings_of(&source.name)?;
        // Those about one patient are told where the patient is.
        askings.retain(|(feed, _)| !OfPatient::is_of_patient(feed));
        Ok(state(source, askings))
    };
    let is_asking = desk.inbounding().asking.load(Ordering::SeqCst) > 0;
    Ok(InboundView { sources: sources.iter().map(of).collect::<Result<_, _>>()?, is_asking })
}

/// Of several questions to one source, that which has no answer is told.
fn state(source: &Source, askings: Vec<(String, medsight_cache::Asking)>) -> SourceView {
    let failing = askings.iter().map(|(_, asking)| asking).find(|asking| asking.failing_since.is_some());
    SourceView {
        name: source.name.clone(),
        system: match source.from {
            SourceFrom::Destination(_) => "fhir",
            SourceFrom::Node(_) => "worklist",
        }
        .to_owned(),
        brings: source.brings.iter().map(|one| one.word().to_owned()).collect(),
        every_min: source.every_min,
        asked_ms: askings.iter().map(|(_, asking)| asking.asked_at.0).max(),
        answered_ms: askings.iter().filter_map(|(_, asking)| asking.ended_at).map(|at| at.0).min(),
        failing_since_ms: failing.and_then(|asking| asking.failing_since).map(|at| at.0),
        attempts: failing.map_or(0, |asking| asking.attempts),
        problem: failing.and_then(|asking| {
            Some(Problem::named(asking.code.clone()?, asking.words.clone().unwrap_or_default()))
        }),
        has_more: false,
    }
}

/// Orders that no study here answers yet.
pub(crate) fn expected(desk: &Arc<Desk>, request: ExpectedRequest) -> Result<ExpectedOrders, Problem> {
    let expected = desk.cache()?.expected_orders(&request.text, MOST_EXPECTED)?;
    let sources = &desk.settings().settings.sources;
    Ok(ExpectedOrders {
        is_set_up: sources.iter().any(|source| source.brings.contains(&Brings::Orders)),
        asks_by_itself: sources
            .iter()
            .any(|source| source.brings.contains(&Brings::Orders) && source.every_min > 0),
        total: u32::try_from(expected.total).unwrap_or(u32::MAX),
        orders: expected.orders.into_iter().map(OrderView::from).collect(),
    })
}

/// Rows of the worklist with what their orders say.
pub(crate) fn rows(cache: &Cache, studies: Vec<StudyRecord>) -> Result<Vec<StudyRow>, Problem> {
    let orders = cache.order_of_each(&studies)?;
    let row = |(study, order): (StudyRecord, Option<medsight_record::KnownOrder>)| {
        let is_set = study.work.is_priority_set;
        let mut row = StudyRow::from(study);
        if let Some(order) = order.filter(|order| order.counts()) {
            // Who said how urgent it is has said until when: of several orders that are as urgent the first to be due counts.
            row.due_ms = order.due_at().filter(|_| !is_set).map(|at| at.0);
            row.ordered = order.order.procedure.clone();
            row.order_owner =
                order.task.filter(|task| !task.is_over()).map(|task| task.owner).unwrap_or_default();
        }
        row
    };
    Ok(studies.into_iter().zip(orders).map(row).collect())
}

/// The orders that a study answers.
pub(crate) fn orders_of(cache: &Cache, study: &StudyUid) -> Result<Vec<OrderView>, Problem> {
    let Some(record) = cache.study(study)? else { return Ok(Vec::new()) };
    Ok(cache.orders_of(&record)?.into_iter().map(OrderView::from).collect())
}
